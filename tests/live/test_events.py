"""What happened is a line of JSON each, whatever people are called."""

from __future__ import annotations

import json

import made_people
import numpy as np
import pytest
import runs

from pipeline.errors import InputError
from pipeline.live.events import Events
from pipeline.live.loop import Person, Sight
from pipeline.live.people import people_of_run
from pipeline.live.session import _line
from pipeline.live.tracks import Shown
from pipeline.profiles import load_config
from pipeline.recognition.models.gei import GaitEnergyImageEncoder
from pipeline.types import Frame

NAMES = ["Ада 王芳", "<script>alert(1)</script>", 'a "quoted" \\ name', "Ada\u202edoB\u2066", "two\nlines\u2028\u0085",
         "half \ud800", "\x1b[31mred", "نور"]  # fmt: skip

DOOR = {1: "rtsp://***@cam/door"}


def sight(name):
    person = Person(1, np.zeros(4, np.float32), Shown("known", name, 0.05, 0.9), 20, 1.0)
    frame = Frame(0, 0.0, np.zeros((2, 2, 3), np.uint8))
    return Sight(frame, (person,), (), np.zeros((0, 4), np.float32), 0.0)


@pytest.mark.parametrize("name", NAMES)
def test_any_name_is_one_line_and_comes_back_as_it_is(tmp_path, name):
    known = made_people.named({"0f669ce3": name})
    with Events(tmp_path / "door.jsonl", known, DOOR) as events:
        (event,) = events.note(sight(name))
    (line,) = (tmp_path / "door.jsonl").read_text(encoding="utf-8").splitlines()
    assert line.isprintable() and json.loads(line)["name"] == name
    line = _line(event)
    assert line.isprintable() and "track 1 is" in line


@pytest.mark.parametrize("name", NAMES)
def test_the_pages_list_shows_a_name_as_the_picture_does(name):
    known = made_people.named({"0f669ce3": name})
    (row,) = Events(None, known, DOOR).people(sight(name))
    assert row["name"].isprintable() and row["identity"] == "0f669ce3" and row["status"] == "known"


def test_names_that_can_be_read_are_not_escaped(tmp_path):
    with Events(tmp_path / "door.jsonl", made_people.named({}), DOOR) as events:
        events.note(sight("Ада 王芳"))
    assert '"Ада 王芳"' in (tmp_path / "door.jsonl").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    "inputs", [{"gallery": {"name": "../features/gallery"}}, {"gallery": {"name": "x" * 5000}}, [], 7]
)
def test_a_run_whose_record_leads_elsewhere_is_refused(tmp_path, inputs):
    path = runs.made_up(tmp_path / "run", videos=False)
    config = load_config()
    encoder = GaitEnergyImageEncoder(config.recognition)
    assert len(people_of_run(path, encoder, config).names)
    record = json.loads((path / "run.json").read_text())
    (path / "run.json").write_text(json.dumps({**record, "inputs": inputs}))
    with pytest.raises(InputError, match="no features of a gallery"):
        people_of_run(path, encoder, config)
