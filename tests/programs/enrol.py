"""Enrols made-up people, three tracks each in one commit: ARGV: gallery, who, how many, bytes of silhouettes a track,
seconds between one person and the next.

It says "ready", waits for a line, and then says every person's number once it is enrolled.
"""

import sys
import time
from pathlib import Path

import numpy as np

from pipeline.gallery.store import Gallery
from pipeline.gallery.template import Stored, Template, new_id, now
from pipeline.types import Embedding

path, who, times = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
rng = np.random.default_rng(abs(hash(who)))
gallery = Gallery.create(path)
silhouettes = rng.bytes(int(sys.argv[4]))
print("ready", flush=True)
sys.stdin.readline()
for number in range(times):
    templates = []
    identity = new_id()
    for track in (1, 2, 3):  # three tracks in one commit: all of them or none
        parts = rng.normal(size=(256, 16)).astype(np.float32)
        embedding = Embedding(f"video-{who}-{number}", track, parts, "gei-16", "", 30)
        stored = Template.of(
            embedding, Stored(silhouettes), identity=identity, name=f"{who} {number}", video=embedding.video,
            video_sha256="", track=track, run="", enrolled=now(),
        )  # fmt: skip
        templates.append(stored)
    with gallery.writing() as writer:
        writer.add(templates)
    print(number, flush=True)
    time.sleep(float(sys.argv[5]))
