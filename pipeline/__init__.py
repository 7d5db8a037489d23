"""Identify people by how they walk.

The door for Python; the command line is `gait`.

    import pipeline as gait
    run = gait.run("gallery.mp4", ["street.mp4"], profile="light")
    for track in run.probes["street"]:
        print(track.id, track.identity, track.confidence, track.reason)
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pipeline.version import __version__ as __version__

if TYPE_CHECKING:
    from pipeline.api import (
        Gallery,
        LoadedEncoder,
        decide_again,
        demo_videos,
        fetch,
        load_encoder,
        read_run,
        review,
        run,
        undo_review,
        verify,
    )
    from pipeline.errors import GaitError
    from pipeline.feedback.again import Outcome
    from pipeline.feedback.strangers import Group as Stranger
    from pipeline.feedback.suggest import Suggestion
    from pipeline.gallery.register import Who as Person
    from pipeline.jobs.verification.answer import Verification
    from pipeline.runs.reader import Run
    from pipeline.runs.results import ClipResult, TrackResult

__all__ = [
    "ClipResult",
    "GaitError",
    "Gallery",
    "LoadedEncoder",
    "Outcome",
    "Person",
    "Run",
    "Stranger",
    "Suggestion",
    "TrackResult",
    "Verification",
    "decide_again",
    "demo_videos",
    "fetch",
    "load_encoder",
    "read_run",
    "review",
    "run",
    "undo_review",
    "verify",
]


_ELSEWHERE = {  # than in pipeline.api
    "ClipResult": "pipeline.runs.results:ClipResult",
    "GaitError": "pipeline.errors:GaitError",
    "Outcome": "pipeline.feedback.again:Outcome",
    "Person": "pipeline.gallery.register:Who",
    "Run": "pipeline.runs.reader:Run",
    "Stranger": "pipeline.feedback.strangers:Group",
    "Suggestion": "pipeline.feedback.suggest:Suggestion",
    "TrackResult": "pipeline.runs.results:TrackResult",
    "Verification": "pipeline.jobs.verification.answer:Verification",
}


def __getattr__(name: str) -> Any:
    """Load what the door offers when it is used for the first time: importing the package costs nothing."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    import importlib

    module, _, attribute = _ELSEWHERE.get(name, f"pipeline.api:{name}").partition(":")
    return getattr(importlib.import_module(module), attribute)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
