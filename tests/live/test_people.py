"""A gallery that changes while a camera is watched."""

from __future__ import annotations

from datetime import timedelta

import numpy as np
import pytest
import runs

from pipeline.gallery import people
from pipeline.gallery.discriminant import fit_discriminant
from pipeline.gallery.store import Gallery
from pipeline.gallery.template import Stored, Template, new_id, now
from pipeline.live.people import LOOK_S, WatchedGallery
from pipeline.live.tracks import LiveTracks
from pipeline.profiles import load_config
from pipeline.recognition.models.gei import GaitEnergyImageEncoder
from pipeline.segmentation.sequences import Silhouette
from pipeline.types import SilhouetteSequence, TrackedBoxes

CONFIG = load_config(overrides=["matching.threshold=0.1", "matching.metric=euclidean"])
ENCODER = GaitEnergyImageEncoder(CONFIG.recognition)
WIDTHS = {"Ada": 5, "Bo": 9, "Cy": 16}


class Clock:
    seconds = 0.0

    def __call__(self) -> float:
        return self.seconds


def template(name, width=0, **facts):
    sequence = SilhouetteSequence("g", 1, runs.walker(width or WIDTHS[name]), np.arange(runs.FRAMES))
    (embedding,) = ENCODER.encode([sequence])
    kept = {"video": "g", "video_sha256": "0" * 64, "track": 1, "run": "", "enrolled": now(), "identity": new_id()}
    return Template.of(embedding, Stored(name.encode()), name=name, **{**kept, **facts})


def add(gallery, *templates):
    with gallery.writing() as writer:
        writer.add(list(templates))


@pytest.fixture
def gallery(tmp_path):
    gallery = Gallery.create(tmp_path / "people")
    add(gallery, template("Ada"), template("Bo"))
    return gallery


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def watched(gallery, clock):
    return WatchedGallery(gallery.path, ENCODER, CONFIG, clock)


def names(watched):
    return sorted(watched.people.names.values())


def later(watched, clock):
    clock.seconds += 1.01 * LOOK_S
    return watched.changed()


def test_who_is_enrolled_or_removed_meanwhile_is_noticed(watched, gallery, clock):
    assert names(watched) == ["Ada", "Bo"]
    add(gallery, template("Cy"))
    assert not watched.changed()  # not before a second has passed
    assert later(watched, clock) and names(watched) == ["Ada", "Bo", "Cy"]
    assert not later(watched, clock)
    people.delete(gallery, "Bo")
    assert later(watched, clock) and names(watched) == ["Ada", "Cy"]
    people.rename(gallery, "Cy", "Cyd")
    assert later(watched, clock) and names(watched) == ["Ada", "Cyd"]


def test_a_back_end_that_is_stored_meanwhile_is_taken_and_goes_with_people(gallery, clock, lines):
    again = [template(one.name, WIDTHS[one.name] + 1, identity=one.identity) for one in gallery.templates()]
    add(gallery, template("Cy"), *again)
    config = load_config(overrides=["matching.threshold=0.1", "matching.metric=euclidean", "matching.transform=lda"])
    watched = WatchedGallery(gallery.path, ENCODER, config, clock)
    probe = template("Ada").embedding()
    anew = watched.people.distances([probe])[0]
    assert watched.people.how.transform is None
    fit_discriminant(gallery, "euclidean")
    assert later(watched, clock)
    assert watched.people.how.transform is not None
    assert np.allclose(watched.people.distances([probe])[0], anew, atol=1e-4 * anew.max())
    add(gallery, template("Bo", named=False))
    assert later(watched, clock)
    assert any("people have come or gone" in line for line in lines)
    assert np.allclose(watched.people.distances([probe])[0, :3], anew, atol=1e-4 * anew.max())
    people.delete(gallery, "Cy")
    assert later(watched, clock)
    assert watched.people.how.transform is None


def test_a_gallery_that_stays_as_it_is_is_not_read_again(watched, clock, monkeypatch):
    def read(self, **how):
        raise AssertionError("read again")

    monkeypatch.setattr(Gallery, "templates", read)
    assert not any(later(watched, clock) for _ in range(5))


def test_who_expires_meanwhile_is_forgotten(gallery, clock, monkeypatch):
    add(gallery, template("Cy", expires=now() + timedelta(days=1)))
    watched = WatchedGallery(gallery.path, ENCODER, CONFIG, clock)
    assert "Cy" in names(watched) and not later(watched, clock)
    tomorrow = now() + timedelta(days=2)
    monkeypatch.setattr("pipeline.live.people.now", lambda: tomorrow)
    assert later(watched, clock) and names(watched) == ["Ada", "Bo"]


def test_a_gallery_that_cannot_be_read_any_more_is_told_of_once(watched, gallery, clock, lines):
    (gallery.path / "gallery.json").rename(gallery.path / "elsewhere")
    assert not later(watched, clock) and not later(watched, clock)
    assert sum("no gallery there" in line for line in lines) == 1
    assert names(watched) == ["Ada", "Bo"]
    (gallery.path / "elsewhere").rename(gallery.path / "gallery.json")
    people.delete(gallery, "Bo")
    assert later(watched, clock) and names(watched) == ["Ada"]


def test_walkers_take_new_names_at_once_and_lose_those_who_were_removed(watched, gallery, clock):
    walkers = LiveTracks(ENCODER, watched.people, CONFIG, fps=25.0)
    masks = {1: runs.walker(WIDTHS["Ada"], 200), 2: runs.walker(WIDTHS["Cy"], 200)}
    index = iter(range(200))

    def walk(frames=60):
        for frame in (next(index) for _ in range(frames)):
            boxes = np.array([[100, 0, 140, 120], [300, 0, 340, 120]], np.float32)
            walkers.tracked(TrackedBoxes(frame, np.array([1, 2], np.int64), boxes, np.ones(2, np.float32)))
            for track, found in masks.items():
                walkers.add(Silhouette(track, frame, found[frame], found[frame], None, {}))
            walkers.answer([1, 2])

    def shown():
        return [walkers[track].shown.name or walkers[track].shown.status for track in (1, 2)]

    def meet():
        assert later(watched, clock)
        walkers.meet(watched.people)

    walk()
    assert shown() == ["Ada", "unknown"]
    add(gallery, template("Cy"))
    meet()
    walk()
    assert shown() == ["Ada", "Cy"]
    people.rename(gallery, "Cy", "Cyd")
    people.delete(gallery, "Ada")
    meet()
    assert shown() == ["looking", "Cyd"]
    walk()
    assert shown() == ["unknown", "Cyd"]
    people.delete(gallery, "Cyd")
    people.delete(gallery, "Bo")
    meet()
    assert shown() == ["unknown", "looking"]
    walk(20)
    assert shown() == ["unknown", "unknown"]
