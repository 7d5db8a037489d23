"""`gait demo`."""
