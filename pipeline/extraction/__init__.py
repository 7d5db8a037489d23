"""Frames → tracklets, silhouettes and poses."""
