"""Checkpoints (what a file is, where it comes from, how it is read safely) and the runtimes that execute networks."""
