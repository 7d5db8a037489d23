"""Stage 4: whose walk is it."""

from __future__ import annotations

from pipeline.matching.match import match_distances, match_probes

__all__ = ["match_distances", "match_probes"]
