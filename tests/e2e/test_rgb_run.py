"""The profile `biggergait` from end to end, with a small network of random weights, and what is kept of pictures."""

from __future__ import annotations

from types import SimpleNamespace

import cv2
import numpy as np
import pytest
from small_networks import BACKENDS, save_small_with_card

from pipeline.errors import ConfigError, GalleryError
from pipeline.files import read_json
from pipeline.gallery.store import Gallery
from pipeline.jobs.reenrol import reenrol
from pipeline.jobs.run import run
from pipeline.jobs.verification.verify import verify
from pipeline.profiles import load_config
from pipeline.runs.job import plan

pytestmark = pytest.mark.slow

FRAMES = 14


@pytest.fixture(scope="module")
def settings(tmp_path_factory):
    path = save_small_with_card(BACKENDS["biggergait"], tmp_path_factory.mktemp("weights"))
    short = ["recognition.min_frames=8", "output.videos=false", "output.silhouettes=false", "runtime.threads=1"]
    return [f"recognition.checkpoint={path}", *short]


@pytest.fixture(scope="module")
def run_here(tmp_path_factory, checkpoints, walkers, settings):
    """run_here(settings, output) does the job in this process."""
    folder, videos = tmp_path_factory.mktemp("rgb"), (walkers("gallery", 60, FRAMES), walkers("gallery", 100, FRAMES))

    def once(more, output):
        config = load_config("biggergait", [*settings, f"output.folder={folder / output}", *more])
        path = run(plan(str(videos[0]), [str(videos[1])]), config, checkpoints)
        return SimpleNamespace(path=path, record=read_json(path / "run.json"), results=read_json(path / "results.json"))

    return once


@pytest.fixture(scope="module")
def kept(run_here):
    return run_here([], "kept")


@pytest.fixture(scope="module")
def dropped(run_here):
    return run_here(["output.crops=false"], "dropped")


def entries(done, status):
    videos = {**done.results["gallery"], **done.results["probes"]}
    return [(v, int(t)) for v, found in videos.items() for t, entry in found.items() if entry["status"] in status]


def test_everybody_with_enough_silhouettes_is_embedded_from_crops_of_the_same_frames(kept):
    usable = entries(kept, ("enrolled", "known", "unknown"))
    assert len(usable) >= 6
    for video, track in usable:
        with np.load(kept.path / f"features/{video}/{track:03d}.npz") as file:
            assert file["parts"].shape == (8, 192) and str(file["model"]) == "biggergait"
        with np.load(kept.path / f"sequences/{video}/{track:03d}.npz") as file:
            frames = file["frame_indices"].tolist()
        crops = sorted((kept.path / f"crops/{video}/{track:03d}").glob("*.jpg"))
        assert [int(crop.stem.partition("-")[2]) for crop in crops] == frames
        assert cv2.imread(str(crops[0])).shape == (256, 128, 3)


def test_the_run_says_that_it_keeps_pictures_of_people(kept, dropped):
    said = "crops/ and the cache keep pictures of people"
    assert any(line.startswith(said) for line in kept.record["warnings"])
    assert not any(line.startswith(said) for line in dropped.record["warnings"])


def test_crops_are_gone_after_embedding_from_the_folder_and_never_reach_the_cache(kept, dropped):
    assert dropped.record["status"] == "done" and not (dropped.path / "crops").exists()
    assert list((kept.path.parent / ".cache").rglob("crops/**/*.jpg"))
    assert not list((dropped.path.parent / ".cache").rglob("crops"))
    for video, track in entries(kept, ("enrolled", "known", "unknown")):
        one, other = (done.path / f"features/{video}/{track:03d}.npz" for done in (kept, dropped))
        with np.load(one) as first, np.load(other) as second:
            np.testing.assert_allclose(first["parts"], second["parts"], atol=1e-5)


def test_a_later_run_takes_crops_from_the_cache(kept, run_here):
    again = run_here(["recognition.features=neck"], "kept")  # other embeddings of the same crops
    assert "segment" not in again.record["stages"] and "recognise" in again.record["stages"]


def test_gaitedge_looks_at_crops_and_the_silhouettes_in_them(run_here, tmp_path):
    path = save_small_with_card(BACKENDS["gaitedge"], tmp_path)
    done = run_here(
        ["recognition.encoder=gaitedge", f"recognition.checkpoint={path}", "recognition.max_frames=8"], "kept"
    )
    usable = entries(done, ("enrolled", "known", "unknown"))
    assert len(usable) >= 6
    for video, track in usable:
        with np.load(done.path / f"features/{video}/{track:03d}.npz") as file:
            assert str(file["model"]) == "gaitedge" and np.isfinite(file["parts"]).all()


def test_a_gallery_keeps_no_pictures_and_says_so(settings, made, tmp_path):
    gallery = Gallery.create(tmp_path / "db")
    with gallery.writing() as writer:
        writer.add([made("Ada")])
    with pytest.raises(GalleryError, match="looks at pictures of people, which a gallery does not keep"):
        reenrol(gallery.path, load_config("biggergait", settings))


def test_two_walkers_are_not_compared_where_no_made_up_people_tell_what_a_distance_is_worth(
    settings, walkers, checkpoints
):
    clip = str(walkers("gallery", 60, FRAMES))
    with pytest.raises(ConfigError, match="there are no made-up ones in colour"):
        verify(clip, clip, load_config("biggergait", settings), checkpoints)
