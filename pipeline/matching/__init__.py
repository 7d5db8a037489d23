"""Stage 4: whose gait is it."""

from __future__ import annotations

from pipeline.matching.match import match_distances

__all__ = ["match_distances"]
