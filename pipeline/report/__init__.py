"""report.html: gathered from a run folder, and written as one file that needs no network and no scripts."""

from __future__ import annotations

from pathlib import Path

from pipeline.files import write_bytes
from pipeline.report.gather import page_of
from pipeline.report.page import render
from pipeline.report.roster import Roster, roster_of
from pipeline.runs.folder import RunFolder
from pipeline.runs.reader import Run

__all__ = ["Roster", "report_of", "write_report"]


def write_report(folder: RunFolder, roster: Roster | None = None) -> Path:
    """Write report.html from what lies in the run folder, and return its path. Raises GaitError.

    roster: the people that probes were compared with, where they are not those of the run's own gallery.
    """
    write_bytes(folder.report, report_of(Run.open(folder.path), roster))
    return folder.report


def report_of(run: Run, roster: Roster | None = None) -> bytes:
    """The content of report.html. Raises GaitError."""
    html = render(page_of(run, roster or roster_of(run)))
    return html.encode("utf-8", "replace")  # file names may be no Unicode
