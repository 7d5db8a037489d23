"""Run folders: what a run has made, what it says of itself, and how to read it."""
