"""What report.html tells, gathered from a run folder; how it looks is in pipeline/views/report."""

from __future__ import annotations

from pathlib import Path

from pipeline.engine.runfolder import RunFolder
from pipeline.files import write_bytes
from pipeline.finished import FinishedRun
from pipeline.report.gather import page_of
from pipeline.views.report import render

__all__ = ["write_report"]


def write_report(folder: RunFolder) -> Path:
    """Write report.html from what lies in the run folder, and return its path. Raises GaitError."""
    html = render(page_of(FinishedRun.open(folder.path)))
    write_bytes(folder.report, html.encode("utf-8", "replace"))  # file names may be no Unicode
    return folder.report
