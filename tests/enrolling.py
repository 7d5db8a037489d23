"""Processes that enrol made-up people in a gallery, three walks each in one commit."""

from __future__ import annotations

import subprocess
import sys

from pipeline.gallery.people import people_of
from pipeline.gallery.store import Gallery

ENROL = """
import sys
from pathlib import Path
import numpy as np
from pipeline.gallery.store import Gallery
from pipeline.gallery.template import Stored, Template, new_id, now
from pipeline.types import Embedding

path, who, times = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
rng = np.random.default_rng(abs(hash(who)))
gallery = Gallery.create(path)
walk = rng.bytes(int(sys.argv[4]))
print("ready", flush=True)
sys.stdin.readline()
for number in range(times):
    walks = []
    identity = new_id()
    for track in (1, 2, 3):  # three walks in one commit: all of them or none
        parts = rng.normal(size=(256, 16)).astype(np.float32)
        embedding = Embedding(f"video-{who}-{number}", track, parts, "gei-16", "", 30)
        facts = dict(name=f"{who} {number}", video=embedding.video, video_sha256="", track=track, run="")
        facts["enrolled"] = now()
        walks.append(Template.of(embedding, Stored(walk), identity=identity, **facts))
    with gallery.writing() as writer:
        writer.add(walks)
    print(number, flush=True)
"""


def start(path, who, times=1000, size=20_000, **options):
    """A process that enrols so many people, with so many bytes of silhouettes a walk; it waits for `go`."""
    command = [sys.executable, "-c", ENROL, str(path), who, str(times), str(size)]
    pipe = subprocess.PIPE
    return subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe, text=True, **options)


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
