"""Adding templates to a gallery: who they become, and that others' embeddings are not read for it."""

from __future__ import annotations

import random
from pathlib import Path

import numpy as np
import pytest
from processes import run_program

from pipeline.errors import GalleryError
from pipeline.gallery.names import confusable_key
from pipeline.gallery.people import people_of
from pipeline.gallery.store import Gallery
from pipeline.gallery.template import Stored, Template, now
from pipeline.jobs.enrol import add_templates, there_already
from pipeline.types import Embedding

NAMES = ("Ada", "ADA", "Аda", "Bo", "Bó", "Cy", "street-001", "Dee")  # some are taken for one another


@pytest.fixture
def gallery(tmp_path) -> Gallery:
    return Gallery.create(tmp_path / "db")


def outcomes_of(templates, made, merge):
    """What `add_templates` says, found by looking at every template; None where it refuses."""
    brought, told = {}, []
    for template in made:
        same = [
            other
            for other in templates
            if (other.video_sha256, other.track) == (template.video_sha256, template.track)
            and np.array_equal(other.parts, template.parts)
        ]
        taken = [
            person for person in people_of(templates) if confusable_key(person.name) == confusable_key(template.name)
        ]
        if same:
            if (
                confusable_key(same[0].name) != confusable_key(template.name)
                and template.name != f"{template.video}-{template.track:03d}"
            ):
                return None
            told.append((template.track, "there already", same[0].name))
        elif taken and not merge:
            return None
        elif taken:
            told.append((template.track, "added", taken[0].name))
        else:
            told.append((template.track, "new", brought.setdefault(confusable_key(template.name), template.name)))
    return told


@pytest.mark.parametrize("seed", range(12))
def test_who_templates_become_is_what_a_look_at_every_template_tells(gallery, made, seed):
    rng = random.Random(seed)
    refused = 0
    for _ in range(4):
        video = rng.choice("12") * 64
        facts = {"video_sha256": video, "identity": ""}
        templates = [made(rng.choice(NAMES), track=track, seed=track, **facts) for track in (1, 2, 3)]
        merge, before = rng.random() < 0.7, gallery.templates()
        expected = outcomes_of(before, templates, merge)
        if expected is None:
            with pytest.raises(GalleryError, match=r"enrolled already"):
                add_templates(gallery, templates, merge)
            assert len(gallery.templates()) == len(before)
            refused += 1
            continue
        became = add_templates(gallery, templates, merge)
        assert [(track, outcome, name) for (_, track), (_, name, outcome) in became.items()] == expected
        after = gallery.templates()
        assert len(after) - len(before) == sum(outcome != "there already" for _, _, outcome in became.values())
        identities = {confusable_key(person.name): person.identity for person in people_of(after)}
        assert len(identities) == len(people_of(after))
        assert all(identity == identities[confusable_key(name)] for identity, name, _ in became.values())
    assert refused < 4


def test_a_walk_that_is_there_under_two_names_is_that_of_the_first(gallery, made):
    first = made("Ada", track=1, seed=1)
    with gallery.writing() as writer:
        writer.add([first, made("Bo", track=1, seed=1)])
    walk = made("Ada", track=1, seed=1)
    assert there_already(gallery, [walk, made("Ada", track=1, seed=2)])[walk.template].template == first.template


def test_a_name_is_not_taken_over_from_a_row_that_a_disk_has_changed(gallery, made):
    with gallery.writing() as writer:
        writer.add([made("Ada Byron"), made("Bo")])
    (data,) = gallery.data_files()
    data.write_bytes(data.read_bytes().replace(b"Ada Byron", b"Ada Byrom"))
    with pytest.raises(GalleryError, match="damaged"):
        add_templates(gallery, [made("Ada Byrom")], merge=True)
    ((_, _, outcome),) = add_templates(gallery, [made("Cy", video_sha256="6" * 64)], merge=False).values()
    assert outcome == "new"  # `verify` tells of what others' rows have come to


@pytest.fixture
def large(gallery):
    """4000 walks of 1000 people, of 256×16 values each: 33 MB of embeddings."""
    rng = np.random.default_rng(0)
    facts = {"video": "crowd", "video_sha256": "c" * 64, "run": "", "enrolled": now()}
    walks = [
        Template.of(
            Embedding("crowd", track, rng.standard_normal((256, 16), np.float32), "made-up", "", 60),
            Stored(b""), identity=f"{track // 4:016x}", name=f"person {track // 4}", track=track, **facts,
        )
        for track in range(4000)
    ]  # fmt: skip
    with gallery.writing() as writer:
        writer.add(walks)
    return gallery


@pytest.mark.skipif(not Path("/proc/self/io").exists(), reason="needs /proc/self/io to count what is read")
def test_to_enrol_and_to_list_reads_no_embedding_of_others(large):
    walks = large.templates()
    embeddings = sum(walk.parts.nbytes for walk in walks)

    def cost(what):
        return int(run_program("read_gallery", large.path, walks[0].template, what).stdout.splitlines()[-1])

    assert cost("everything") > embeddings  # else it would not be seen
    assert cost("enrol") < embeddings / 20
