"""What the commands of `gait gallery`, `gait enrol` and `gait identify` print."""
