"""Identify people by how they walk. `pipeline.run.run` is the main job; `gait` is its command line."""

__version__ = "0.2.0"
