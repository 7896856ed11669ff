"""What happened, in one numbered order. Events are appended, read since a number, and pruned."""
