"""Processes that enrol made-up people in a gallery, three walks each in one commit."""

from __future__ import annotations

from processes import start_program

from pipeline.gallery.people import people_of
from pipeline.gallery.store import Gallery


def start(path, who, times=1000, size=20_000, pause=0.0, **options):
    """A process that enrols so many people, with so many bytes of silhouettes a walk; it waits for `go`.

    pause: seconds between two people. Without one, others may wait for the lock until it has ended.
    """
    return start_program("enrol", path, who, times, size, pause, **options)


def go(process):
    """Let it begin."""
    assert process.stdout.readline() == "ready\n", process.stderr.read()
    process.stdin.write("\n")
    process.stdin.flush()


def people(path):
    """Who is there, every one of them whole."""
    found = people_of(Gallery.open(path).templates())
    assert all(len(person.templates) == 3 for person in found), "a commit was torn"
    return {person.name for person in found}
