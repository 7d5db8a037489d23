"""`gait verify`: one walker of each of two clips, compared without a gallery."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from pipeline.config import SEGMENTER, Config
from pipeline.engine.progress import Progress
from pipeline.errors import ConfigError, InputError
from pipeline.extraction.networks import enough_silhouettes, wants_poses
from pipeline.files import write_json
from pipeline.gallery.cohort import comparison
from pipeline.jobs.analyse import Analysis, analyse
from pipeline.jobs.enrol_folder import view_of
from pipeline.jobs.session import Session
from pipeline.jobs.verification.agreement import joints_of, parts_of
from pipeline.jobs.verification.answer import Answer, JointAgreement, Verification, Walker
from pipeline.matching.assign import covisible
from pipeline.matching.evidence import Floats
from pipeline.matching.scores import Comparison
from pipeline.matching.verification import PairEvidence, Verdict, apart
from pipeline.pose.storage import read_poses
from pipeline.recognition.stretches import stretches
from pipeline.runs.job import Job, plan
from pipeline.runs.results import TrackSummary, View
from pipeline.runs.tracks import read_input
from pipeline.types import Embedding, GaitSequence, Modality, ModalityFrames

FILE = "verification.json"
ALONG: View = "front or back"
SAID: Mapping[bool | None, tuple[Answer, str]] = {
    True: ("same", "the whole interval lies above one half"),
    False: ("different", "the whole interval lies below one half"),
    None: ("cannot tell", "the interval reaches to both sides of one half"),
}


def verify(
    first: str,
    second: str,
    config: Config,
    checkpoints: Path | None = None,
    output: Path | None = None,
    progress: Progress | None = None,
) -> tuple[Verification, Path | None]:
    """Compare a walker of the first clip with one of the second.

    Args:
        first: A video, or `video.mp4/2` for track 2 of it. Without a number: the track that is usable for longest.
        second: As the first.
        config: The settings.
        checkpoints: A folder that is searched for weights first.
        output: The folder that gets a run folder with all that was found; nothing is kept without.
        progress: Where progress is shown; nowhere by default.

    Returns:
        The answer, and the run folder where it is kept.

    Raises:
        GaitError: Whatever a user can mend: a video, a track that is not there, nobody in a clip, a setting.
    """
    how = comparison(config.matching)
    apart((), (), how)  # settings that do not suit are refused now
    sides = [_asked(first), _asked(second)]
    job = _job(*(source for source, _ in sides)).turned(config.video.rotate)
    infos = {video: video.inspect() for video in job.videos}
    with _folder(output) as folder:
        settings = config.output.model_copy(update={"folder": str(folder), "silhouettes": output is not None})
        session = Session.open(infos, config.model_copy(update={"output": settings}), checkpoints, progress)
        session.kept = output is not None
        if session.cohort is None:
            raise ConfigError(
                f"{session.encoder.model} looks at people in colour, and there are no made-up ones in colour, by whom "
                "a distance could be judged. Choose another profile, such as light."
            )
        _want_joints(session)
        sources = [session.source(video) for video in job.videos]
        with session.working(sources, {"gallery": job.gallery, "probes": job.probes}):
            found = analyse(session, sources)
            videos = job.gallery.name, job.probes[0].name
            chosen = [_chosen(found, video, track) for video, (_, track) in zip(videos, sides, strict=True)]
            answer = _Comparison(session, found, chosen[0], chosen[1]).answer()
            write_json(session.folder.path / FILE, answer.as_json())
    return answer, session.folder.path if output is not None else None


def _asked(clip: str) -> tuple[str, int | None]:
    """The source, and the track of it that is meant."""
    named = re.fullmatch(r"(.+)/([0-9]{1,9})", clip)
    if named and "://" not in clip and not Path(clip).exists() and Path(named[1]).expanduser().exists():
        return named[1], int(named[2])
    return clip, None


def _job(first: str, second: str) -> Job:
    job = plan(first, [second])
    if len(job.probes) > 1:
        raise ConfigError(f"{second}: means {len(job.probes)} videos. Give one.")
    return job


@contextlib.contextmanager
def _folder(output: Path | None) -> Iterator[Path]:
    """Where the run folder is made."""
    if output is not None:
        yield output
        return
    with TemporaryDirectory(prefix="gait-verify-") as folder:
        yield Path(folder)


def _want_joints(session: Session) -> None:
    """Keep the joints that the segmenter finds anyway."""
    pose = session.config.pose
    if session.networks.segmenter.finds_joints and pose.estimator == SEGMENTER:
        always = pose.model_copy(update={"always": True})
        cut = session.config.segmentation.model_copy(update={"enough": enough_silhouettes(session.config) or "all"})
        session.config = session.config.model_copy(update={"pose": always, "segmentation": cut})


def _chosen(found: Analysis, video: str, track: int | None) -> TrackSummary:
    """The track that is meant, or the one that is usable for longest. Raises InputError, naming the file."""
    tracks, file = found.tracks[video], found.sources[video].video.file
    if not tracks:
        raise InputError(
            f"{file}: nobody was found in it. Give a clip in which somebody walks, seen from head to feet."
        )
    if track is None:
        return max(tracks, key=lambda one: one.usable_for)
    named = [one for one in tracks if one.key[1] == track]
    if not named:
        there = ", ".join(str(one.key[1]) for one in tracks)
        raise InputError(f"{file}: no track {track} in it. There are: {there}.")
    return named[0]


@dataclass(frozen=True, slots=True)
class _Comparison:
    """Two walkers of an analysis."""

    session: Session
    found: Analysis
    first: TrackSummary
    second: TrackSummary

    def answer(self) -> Verification:
        """The answer, at once where the frames themselves give it."""
        first, second = self._walker(self.first), self._walker(self.second)
        files = [self.found.sources[one.key[0]] for one in (self.first, self.second)]
        same_file = files[0] is files[1] or "" != files[0].sha256 == files[1].sha256
        if same_file and self.first.key[1] == self.second.key[1]:
            reason = f"{first.file} and {second.file} are the same footage, track {first.track}: nothing was compared"
            return Verification("same", reason, first, second, probability=1.0, interval=(1.0, 1.0))
        if self.first.key[0] == self.second.key[0] and covisible([self.first.tracklet, self.second.tracklet]).any():
            reason = f"tracks {first.track} and {second.track} of {first.file} are seen in the same frame"
            return Verification("different", reason, first, second, probability=0.0, interval=(0.0, 0.0))
        for track, walker in ((self.first, first), (self.second, second)):
            if too_few := self.found.unusable.get(track.key):
                return Verification("cannot tell", f"{walker.file}, track {walker.track}: {too_few}", first, second)
        return self._compared()

    def _compared(self) -> Verification:
        session = self.session
        how, cohort = comparison(session.config.matching), session.made_up()
        one, other = self._embedded(self.first), self._embedded(self.second)
        evidence, between = PairEvidence.of(cohort, how), apart(one, other, how)
        strangers = self._strangers(one, other, how)
        usual = evidence.usual(strangers)
        made_up = float(evidence.means.mean())
        scale = usual / made_up if made_up > 0 and how.config.score_norm == "none" else 1.0
        verdict = Verdict.of(evidence.draws(between, strangers))
        walkers = self._walker(self.first, len(one)), self._walker(self.second, len(other))
        joints: tuple[JointAgreement, ...] = ()
        if wants_poses(session.config):
            joints = joints_of(self._poses(self.first), self._poses(self.second), session.config.pose.min_score)
        return Verification(
            *SAID[verdict.same],
            *walkers,
            verdict.probability,
            verdict.interval,
            float(between.mean()),
            usual,
            parts_of(one, other, cohort, session.config.matching.metric, scale),
            joints,
            tuple(cautions(*walkers, alone=not len(strangers), mirrored=session.config.recognition.mirroring != "off")),
        )

    def _walker(self, track: TrackSummary, compared: int = 0) -> Walker:
        video, number = track.key
        file = self.found.sources[video].video.file
        return Walker(file, number, len(self.found.tracks[video]), track.usable, view_of(track), compared)

    def _embedded(self, track: TrackSummary) -> list[Embedding]:
        session, needs = self.session, self.session.encoder.needs
        walk = read_input(track.key, session.folder, needs, session.config)
        return session.encoder.encode(stretches(walk, needs, track.tracklet.fps))

    def _strangers(self, one: Sequence[Embedding], other: Sequence[Embedding], how: Comparison) -> Floats:
        """Distances of either walk to whoever was seen beside one of them.

        Whoever that is, is neither of the two if the two are one person.
        """
        found = []
        for walker in (self.first, self.second):
            for beside in self.found.tracks[walker.key[0]]:
                usable = beside.key in self.found.embeddings and beside is not self.first and beside is not self.second
                if usable and covisible([walker.tracklet, beside.tracklet]).any():
                    walk = self._embedded(beside)
                    found += [float(apart(side, walk, how).mean()) for side in (one, other)]
        return np.array(found)

    def _poses(self, track: TrackSummary) -> list[GaitSequence]:
        """Stretches of the walk."""
        poses = read_poses(self.session.folder.poses(*track.key), *track.key)
        poses = poses.usable(self.session.config.pose.min_score)
        seen = {Modality.KEYPOINTS: ModalityFrames(poses.keypoints, poses.frame_indices)}
        walk = GaitSequence(*track.key, seen)
        return stretches(walk, (Modality.KEYPOINTS,), track.tracklet.fps) if len(poses) else []


def cautions(first: Walker, second: Walker, alone: bool, mirrored: bool) -> Iterator[str]:
    """What makes an answer worth less. alone: nobody else was seen; mirrored: walks to the left are turned."""
    views = {first.view, second.view} - {""}
    if len(views) == 2 and (ALONG in views or not mirrored):
        where = {ALONG: "along the camera's axis", "left": "to the left", "right": "to the right"}
        yield (
            f"{first.file}: walks {where[first.view]}; {second.file}: walks {where[second.view]}. From different sides "
            "one person looks like two: much less can be told. Compare clips from the same side."
        )
    if alone:
        yield (
            "Nobody else is seen beside them, so how far two people are apart on this camera is only guessed. "
            "Clips with others in them tell more."
        )
    for walker in (first, second):
        if walker.stretches == 1:
            yield (
                f"{walker.file}: so short a walk ({walker.usable} usable frames) that how much it varies is not known: "
                "the interval leaves that out."
            )
