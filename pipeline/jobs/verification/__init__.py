"""`gait verify`: whether the walkers of two clips are one person."""
