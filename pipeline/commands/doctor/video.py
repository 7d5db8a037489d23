"""`gait doctor VIDEO`: the format of a video, and which way up people are in it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from pipeline.commands.doctor.check import Check
from pipeline.config import DEFAULT_PROFILE
from pipeline.errors import GaitError
from pipeline.extraction.networks import find_checkpoints
from pipeline.extraction.upright import APART_S, LOOKS, Sightings, look_around
from pipeline.profiles import load_config
from pipeline.runs.job import Video
from pipeline.tracking import open_detector
from pipeline.video import VideoInfo, open_video


def examine_video(source: str, checkpoints: Path | None) -> Iterator[Check]:
    """The checks of one video; what cannot be read or looked at is broken, with the reason."""
    try:
        with open_video(source) as video:
            info = video.info
    except GaitError as error:
        yield Check("readable", "broken", str(error))
        return
    frames = "unknown length" if info.frame_count is None else f"{info.frame_count} frames"
    yield Check("readable", "ok", f"{info.codec}, {frames}, {info.fps:.4g} a second")
    yield Check("shown as", "ok", _shape(info))
    config = load_config(DEFAULT_PROFILE)
    try:
        found = find_checkpoints(config, checkpoints, ("detector",))
        detector = open_detector(config.tracking, config.runtime, found["detector"])
        yield _people(look_around(Video("video", source), detector, config.tracking))
    except GaitError as error:
        yield Check("people", "broken", str(error))
    yield Check("mirrored", "absent", "cannot be told from how people walk", "See whether writing in it can be read")


def _shape(info: VideoInfo) -> str:
    turned = f"turned by {info.rotation}° as its tag says" if info.rotation else "no tag that turns it"
    pixels = "square pixels" if info.pixel == 1 else f"pixels of {info.pixel.numerator}:{info.pixel.denominator}"
    return f"{info.width}×{info.height}, {turned}, {pixels}"


def _people(seen: Sightings) -> Check:
    each = ", ".join(f"{count} {f'turned by {turn}°' if turn else 'as it is'}" for turn, count in seen.found.items())
    detail = f"{each} (in {seen.looks} frames)"
    if seen.turn:
        return Check("people", "absent", detail, f"Turn it: --rotate {seen.turn}")
    if not any(seen.found.values()):
        seconds = LOOKS * APART_S
        return Check("people", "absent", detail, f"Nobody in its first {seconds:g} seconds: small, dark, late?")
    return Check("people", "ok", f"{detail}, {seen.tall:.0f} pixels tall in the median")
