"""What the main job stands on: overlapping workers and the run folder."""
