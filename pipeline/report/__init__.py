"""report.html: gathered from a run folder, and written as one file that needs no network and no scripts."""

from __future__ import annotations

from pathlib import Path

from pipeline.files import write_bytes
from pipeline.report.gather import page_of
from pipeline.report.page import render
from pipeline.report.roster import Roster, roster_of
from pipeline.runs.folder import RunFolder
from pipeline.runs.reader import Run

__all__ = ["Roster", "write_report"]


def write_report(folder: RunFolder, roster: Roster | None = None) -> Path:
    """Write report.html from what lies in the run folder, and return its path. Raises GaitError.

    roster: the people that probes were compared with, where they are not those of the run's own gallery.
    """
    run = Run.open(folder.path)
    html = render(page_of(run, roster or roster_of(run)))
    write_bytes(folder.report, html.encode("utf-8", "replace"))  # file names may be no Unicode
    return folder.report
