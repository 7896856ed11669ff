"""What a team may ask of a container, and what a node allows at most. The judge is pure."""
