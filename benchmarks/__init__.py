"""How fast it is, next to others, in the same run. Nothing here is part of the platform."""
