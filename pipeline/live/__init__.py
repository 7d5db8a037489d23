"""Naming people while they walk: a camera or a stream is watched through the stages of the main job."""
