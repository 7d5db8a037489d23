"""Discriminants and normalisation fitted on other people than those enrolled."""

from __future__ import annotations

import numpy as np
import pytest
from pydantic import ValidationError

from pipeline.config import MatchingConfig
from pipeline.errors import ConfigError
from pipeline.gallery.cohort import comparison
from pipeline.gallery.store import Gallery
from pipeline.gallery.template import Stored, Template, now
from pipeline.matching.discriminants import fit
from pipeline.matching.distance import distance_matrix
from pipeline.matching.scores import scores
from pipeline.recognition.features import write_features
from pipeline.types import Embedding


def walks(people, each, seed, video="v", model="m"):
    """So many walks of so many people, C×P = 6×3."""
    rng = np.random.default_rng(seed)
    whose = np.repeat(rng.normal(size=(people, 6, 3)), each, axis=0)
    parts = (whose + 0.4 * rng.normal(size=whose.shape)).astype(np.float16).astype(np.float32)
    return [Embedding(video, track, one, model, "", 30) for track, one in enumerate(parts, 1)]


PROBES, KNOWN, OTHERS = walks(3, 1, 1, "probe"), walks(4, 1, 2, "known"), walks(5, 3, 3, "others")
PEOPLE = ["a", "b", "c", "d"]


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """The folder of a run with the others' features."""
    folder = tmp_path_factory.mktemp("run")
    for walk in OTHERS:
        path = folder / f"features/{walk.video}/{walk.track_id:03d}.npz"
        path.parent.mkdir(parents=True, exist_ok=True)
        write_features(path, walk)
    return folder


@pytest.fixture(scope="module")
def enrolled(tmp_path_factory):
    """A gallery of the others."""
    gallery, when = Gallery.create(tmp_path_factory.mktemp("people") / "db"), now()
    with gallery.writing() as writer:
        writer.add(
            [
                Template.of(
                    walk, Stored(b""), identity=f"{number // 3:016x}", name=f"other {number // 3}", video=walk.video,
                    video_sha256="", track=walk.track_id, run="", enrolled=when,
                )
                for number, walk in enumerate(OTHERS)
            ]
        )  # fmt: skip
    return gallery.path


def compared(cohort, **more):
    return comparison(MatchingConfig(cohort=str(cohort), **more))


@pytest.mark.parametrize("name", ["z", "t", "s"])
def test_distances_are_told_in_deviations_from_those_to_the_cohort(run, name):
    plain = distance_matrix(PROBES, KNOWN, "euclidean").astype(float)
    t, z = (distance_matrix(side, OTHERS, "euclidean").astype(float) for side in (PROBES, KNOWN))
    by_probe = (plain - t.mean(axis=1)[:, None]) / t.std(axis=1, ddof=1)[:, None]
    by_known = (plain - z.mean(axis=1)) / z.std(axis=1, ddof=1)
    wanted = {"z": by_known, "t": by_probe, "s": (by_probe + by_known) / 2}[name]
    found = scores(PROBES, KNOWN, PEOPLE, compared(run, score_norm=name))
    np.testing.assert_allclose(found, wanted, rtol=1e-6)


def test_a_back_end_is_fitted_on_the_cohort_alone(enrolled):
    discriminant = fit(OTHERS, [number // 3 for number in range(15)], "euclidean")
    wanted = distance_matrix(discriminant.project(PROBES), discriminant.project(KNOWN), "euclidean")
    found = scores(PROBES, KNOWN, PEOPLE, compared(enrolled, transform="lda"))
    np.testing.assert_allclose(found, wanted, rtol=1e-6)


def test_normalisation_by_either_kind_of_folder(run, enrolled):
    one, other = (scores(PROBES, KNOWN, PEOPLE, compared(folder, score_norm="s")) for folder in (run, enrolled))
    np.testing.assert_allclose(one, other, rtol=1e-6)  # neither asks whose walks they are


def test_a_runs_tracks_are_a_person_each(run):
    with pytest.raises(ConfigError, match="two people with two walks each"):
        scores(PROBES, KNOWN, PEOPLE, compared(run, transform="lda"))


def test_a_cohort_of_another_encoder_is_refused(run):
    with pytest.raises(ConfigError, match="cannot be compared"):
        scores(walks(1, 1, 1, model="x"), walks(1, 1, 2, model="x"), ["a"], compared(run, score_norm="t"))


@pytest.mark.parametrize("what", ["nothing there", "no folder", "damaged"])
def test_a_folder_without_walks_is_one_line(tmp_path, what):
    folder = tmp_path / "cohort"
    if what != "no folder":
        folder.mkdir()
    if what == "damaged":
        (folder / "features/v").mkdir(parents=True)
        (folder / "features/v/001.npz").write_bytes(b"PK nothing")
    with pytest.raises(ConfigError, match=r"^matching\.cohort: [^\n]+$"):
        scores(PROBES, KNOWN, PEOPLE, compared(folder, score_norm="s"))


def test_a_cohort_that_nothing_is_fitted_on_is_refused():
    with pytest.raises(ValidationError, match="nothing is fitted on it"):
        MatchingConfig(cohort="somewhere")
