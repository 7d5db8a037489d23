"""What the commands of `gait gallery`, `gait enrol` and `gait identify` do and say."""
