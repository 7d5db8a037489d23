"""Annotated frames: boxes, silhouettes, skeletons, names."""
