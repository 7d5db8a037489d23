"""The end of a job: report.html of everything that it found."""

from __future__ import annotations

from pipeline.jobs.analyse import Analysis
from pipeline.jobs.portraits import take_missing_portraits
from pipeline.jobs.session import Session
from pipeline.report import Roster, write_report


def report(session: Session, found: Analysis, roster: Roster | None = None) -> None:
    """Write report.html, if the settings want one; it is cheap, so it is written anew each time.

    roster: the people that probes were compared with, where they are not those of the run's own gallery video.
    """
    if not session.config.output.report:
        return
    with session.record.meter.time("report"):
        for video, source in found.sources.items():
            take_missing_portraits(session, source, found.tracks[video])
        session.record.write()  # the report shows what it says
        write_report(session.folder, roster)
