"""Embedding stored walks anew, and refusing to compare what another encoder made."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from pipeline.errors import GalleryError
from pipeline.gallery.store import Gallery
from pipeline.gallery.template import Stored, refuse_other_encoder
from pipeline.jobs.reenrol import reenrol
from pipeline.profiles import load_config
from pipeline.recognition import open_encoder
from pipeline.segmentation.storage import read_sequence

GEI = ["recognition.encoder=gei", "recognition.checkpoint=null", "recognition.parts=8", "recognition.mirroring=off"]
CONFIG = load_config("light", GEI)


@pytest.fixture
def gallery(tmp_path) -> Gallery:
    return Gallery.create(tmp_path / "db")


def test_every_embedding_is_that_of_the_stored_silhouettes_and_all_else_stays(gallery, made, tmp_path):
    before = [made("Ada", consent="form 1"), made("Bo", named=False)]
    with gallery.writing() as writer:
        writer.add(before)
    assert reenrol(gallery.path, CONFIG) == 2
    encoder = open_encoder(CONFIG.recognition, CONFIG.runtime, None)
    for was, now in zip(before, gallery.templates(stored=True), strict=True):
        (tmp_path / "walk.npz").write_bytes(was.stored.sequence)
        (expected,) = encoder.encode([read_sequence(tmp_path / "walk.npz", "x", 1)])
        np.testing.assert_array_equal(now.parts, expected.parts.astype(np.float16))
        assert now.origin == ("gei-8", "") and now.stored == was.stored
        for name in ("template", "identity", "name", "named", "consent", "enrolled", "track", "video"):
            assert getattr(now, name) == getattr(was, name)
    assert gallery.facts().versions == 1


def test_a_walk_that_has_changed_is_refused_and_nothing_is_replaced(gallery, made):
    ada = made("Ada")
    with gallery.writing() as writer:
        writer.add([dataclasses.replace(ada, stored=Stored(made("Bo").stored.sequence))])
    with pytest.raises(GalleryError, match="silhouettes have changed"):
        reenrol(gallery.path, CONFIG)
    assert gallery.templates()[0].origin == ada.origin


def test_another_encoder_is_refused_with_the_command_that_helps(made):
    encoder = open_encoder(CONFIG.recognition, CONFIG.runtime, None)
    refuse_other_encoder(encoder, [], Path("people"), "light")
    with pytest.raises(GalleryError, match=r"gei-16 .*gei-8 .*gait gallery reenrol --db people --config light"):
        refuse_other_encoder(encoder, [made("Ada").origin], Path("people"), "light")
