"""`gait enrol FOLDER`: clips that are named after people become templates of a gallery, all in one commit."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from pathlib import Path

from pipeline.config import Config
from pipeline.engine.progress import Progress
from pipeline.errors import ConfigError, GalleryError
from pipeline.files import from_home, write_json
from pipeline.gallery.names import checked_name, confusable_key
from pipeline.gallery.people import namesakes
from pipeline.gallery.register import Register
from pipeline.gallery.store import Gallery
from pipeline.jobs.analyse import Analysis, analyse
from pipeline.jobs.enrol import (
    Became,
    Enrolment,
    commit,
    draw_and_report,
    opened_for,
    refuse_unwritable,
    results_of,
)
from pipeline.jobs.session import Session, inspected
from pipeline.matching.assign import covisible
from pipeline.recognition.mirroring import HEADING
from pipeline.runs.clips import Clip, clips_in
from pipeline.runs.job import Source, Video, called
from pipeline.runs.results import ClipResult, TrackSummary, View, results_tree
from pipeline.tracking.heading import along_the_axis
from pipeline.types import TrackKey

RIVAL = 0.5  # a track that is usable for so large a share of the longest one may be the person, too
MOST_NAMED = 20  # files that are no clips
NOTHING = "nothing was enrolled; film them again, alone, whole from head to feet, for some seconds"
VIEWS: tuple[View, ...] = ("left", "right", "front or back")


def enrol_folder(
    source: str,
    path: Path,
    config: Config,
    wanted: Enrolment,
    checkpoints: Path | None = None,
    progress: Progress | None = None,
) -> Path:
    """Analyse all clips of a folder and enrol their people in the gallery at `path`, all in one commit.

    Of each clip the track that is usable for longest is enrolled, unless another one is about as long.

    Returns:
        The run folder. Its results.json has `clips`, what became of each, and `advice`, by name.

    Raises:
        GaitError: Whatever a user can mend.
    """
    return enrol_clips(clips_in(from_home(source)), path, config, wanted, checkpoints, progress)


def enrol_clips(
    given: tuple[Sequence[Clip], Sequence[str]],
    path: Path,
    config: Config,
    wanted: Enrolment,
    checkpoints: Path | None = None,
    progress: Progress | None = None,
) -> Path:
    """The same for clips that lie anywhere. given: the clips, and files that are none and are left out."""
    if wanted.names:
        raise ConfigError("--name is for one video: clips are of one person each. Leave it out.")
    clips = _of_people(given[0])
    refuse_unwritable(path)
    clip_of = _videos(clips, config)
    infos, problems = inspected(clip_of)
    if not infos:
        raise next(iter(problems.values()))
    session = Session.open(infos, config, checkpoints, progress)
    sources, left_out = _each_once([session.source(video) for video in infos], clip_of)
    gallery = opened_for(session, path, () if wanted.merge else {clip.person for clip in clips})
    first, *more = (source.video for source in sources)
    unreadable = [{"name": one.name, "path": one.file, "problem": str(what)} for one, what in problems.items()]
    with session.working(sources, {"gallery": first, "probes": more}, unreadable=unreadable):
        session.folder.hide_paths_of(clip_of)
        for line in (*map(str, problems.values()), *_in_one_line(given[1])):
            session.record.warn(line)
        for video, problem in problems.items():
            left_out[video] = session.folder.without_paths(str(problem).removeprefix(f"{video.source}: "))
        found = analyse(session, sources)
        seen = [_looked_at(clip, video, found, left_out.get(video, "")) for video, clip in clip_of.items()]
        names = {(one.video, one.track): one.person for one in seen if one.track is not None and not one.reason}
        became = commit(session, gallery, found, names, wanted)
        results = results_of(found, became, {one.video: one.reason or "another track is longer" for one in seen})
        told = [_settled(one, became) for one in seen]
        more_told = {"clips": [dataclasses.asdict(one) for one in told], "advice": _advice(told, gallery, found)}
        write_json(session.folder.results, {**results_tree(results, {}, names=True), **more_told})
        draw_and_report(session, gallery, found, results)
    return session.folder.path


def _of_people(clips: Sequence[Clip]) -> list[Clip]:
    """The clips, with names as galleries keep them. Raises GalleryError for one that none keeps, and for two alike."""
    looks, kept = dict[str, Clip](), list[Clip]()
    for clip in clips:
        try:
            named = dataclasses.replace(clip, person=checked_name(clip.person))
        except GalleryError as error:
            raise GalleryError(f"{clip.path}: {error}") from None
        first = looks.setdefault(confusable_key(named.person), named)
        if first.person != named.person:
            raise GalleryError(
                f"{first.path} and {clip.path}: {first.person!r} and {named.person!r} look alike. "
                "Give both the same name if they are one person, else another one."
            )
        kept.append(named)
    return kept


def _videos(clips: Sequence[Clip], config: Config) -> dict[Video, Clip]:
    """The clips by their videos, which are called Ada, or Ada-walk1 for Ada/walk1.mp4."""
    videos = called({str(clip.path): "-".join(Path(clip.file).with_suffix("").parts) for clip in clips})
    turn = 0 if config.video.rotate == "auto" else config.video.rotate
    return {dataclasses.replace(video, turn=turn): clip for video, clip in zip(videos, clips, strict=True)}


def _each_once(sources: Sequence[Source], clip_of: Mapping[Video, Clip]) -> tuple[list[Source], dict[Video, str]]:
    """The sources that differ, and why the others are left out. Raises GalleryError for one clip of two people."""
    first, copies = dict[str, Source](), dict[Video, str]()
    for source in sources:
        original = first.setdefault(source.sha256, source)
        one, other = clip_of[original.video], clip_of[source.video]
        if one.person != other.person:
            raise GalleryError(
                f"{one.path} and {other.path}: the same video under the names of two people. Remove one of them."
            )
        if original is not source:
            copies[source.video] = f"the same video as {one.file}"
    return list(first.values()), copies


def _in_one_line(others: Sequence[str]) -> list[str]:
    more = f" and {len(others) - MOST_NAMED} more" if len(others) > MOST_NAMED else ""
    return [f"no clips, left out: {', '.join(others[:MOST_NAMED])}{more}"] if others else []


def _looked_at(clip: Clip, video: Video, found: Analysis, left_out: str) -> ClipResult:
    """The clip with the one track that is its person, or the reason why it is left out. left_out: one that is known."""
    if left_out:
        return ClipResult(clip.person, clip.file, reason=left_out)
    tracks = sorted(found.tracks[video.name], key=lambda track: -track.usable_for)
    if not tracks:
        return ClipResult(clip.person, clip.file, video.name, reason="nobody was found")
    longest = tracks[0]
    facts = clip.person, clip.file, video.name, longest.key[1], longest.usable, view_of(longest)
    if reason := found.unusable.get(longest.key):
        return ClipResult(*facts, reason=reason)
    alike = [track for track in tracks if track.usable_for >= RIVAL * longest.usable_for]
    if len(alike) == 1:
        return ClipResult(*facts)
    rivals = tuple(sorted(track.key[1] for track in alike))
    sure = "" if covisible([track.tracklet for track in alike]).any() else "maybe "
    reason = f"{sure}more than one person: tracks {', '.join(map(str, rivals[:-1]))} and {rivals[-1]}"
    return ClipResult(clip.person, clip.file, video.name, usable=longest.usable, reason=reason, rivals=rivals)


def view_of(track: TrackSummary) -> View:
    """The side of the person that the camera sees; "" where it is not clear. By the boxes alone."""
    if side := side_of(track.quality):
        return side
    return "front or back" if along_the_axis(track.tracklet) else ""


def side_of(quality: Mapping[str, float]) -> View:
    """The side that the camera sees, by a walk's measures: who walks to the left is seen from the left."""
    heading = quality.get(HEADING, 0.0)
    return "left" if heading < 0 else "right" if heading > 0 else ""


def _settled(clip: ClipResult, became: Mapping[TrackKey, Became]) -> ClipResult:
    known = became.get((clip.video, clip.track)) if clip.track is not None else None
    return dataclasses.replace(clip, outcome=known[2]) if known else clip


def _advice(clips: Sequence[ClipResult], gallery: Gallery, found: Analysis) -> dict[str, str]:
    """By name, which views a person has in the gallery and which should be filmed.

    Of walks that were enrolled before, a gallery tells left and right, and not which of the others are from the front.
    """
    people = namesakes(Register.of(gallery), {clip.person for clip in clips})
    templates = gallery.templates(only={who.identity for who in people.values()}, by="identity")
    here = {(found.sources[clip.video].sha256, clip.track) for clip in clips if clip.outcome}
    advice = {}
    for person in dict.fromkeys(clip.person for clip in clips):
        who = people.get(confusable_key(person))
        earlier = [
            side_of(template.quality)
            for template in templates
            if who and template.identity == who.identity and (template.video_sha256, template.track) not in here
        ]
        views = {*earlier, *(clip.view for clip in clips if clip.person == person and clip.outcome)}
        advice[person] = lacking(views, front_unsure="" in earlier) if who else NOTHING
    return advice


def lacking(views: AbstractSet[View], front_unsure: bool) -> str:
    """Which views of somebody are there and which should be filmed, in words. front_unsure: walks of unclear view."""
    seen = [f"the {view}" for view in VIEWS if view in views]
    missing = ["the front" if view == "front or back" else f"the {view}" for view in VIEWS if view not in views]
    if front_unsure and "the front" in missing:
        missing.remove("the front")
    if not missing:
        return "no view is known to be missing"
    if not seen:
        return f"the view is not clear; film them from {_and(missing)}"
    return f"only from {_and(seen)}; film them from {_and(missing)} too"


def _and(words: Sequence[str]) -> str:
    return " and ".join(filter(None, (", ".join(words[:-1]), words[-1])))
