"""Real processes that enrol at once and are killed at random moments."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
import time

from enrolling import go, people, start
from processes import finish

from pipeline.gallery.people import delete
from pipeline.gallery.proof import verify
from pipeline.gallery.store import Gallery


def test_of_processes_that_enrol_and_read_and_delete_at_once_nothing_is_lost(tmp_path):
    path = tmp_path / "db"
    processes = {who: start(path, who, 6) for who in ("a", "b", "c")}  # all of them make the gallery
    for process in processes.values():
        go(process)
    deleted, seen = set(), set()
    while any(process.poll() is None for process in processes.values()):
        now_there = people(path)
        assert seen - deleted <= now_there, "somebody vanished"
        seen |= now_there
        if len(deleted) < 3 and now_there:
            somebody = sorted(now_there)[0]
            deleted.add(somebody)
            assert delete(Gallery.open(path), somebody)[1].after == 0
    for process in processes.values():
        _, errors = finish(process)
        assert process.returncode == 0, errors
    assert people(path) | deleted == {f"{who} {number}" for who in processes for number in range(6)}
    assert not people(path) & deleted
    assert verify(Gallery.open(path)).problems == []


def test_kill_9_in_the_middle_of_enrolling_leaves_whole_commits_only(tmp_path):
    path, rng = tmp_path / "db", random.Random(1)
    for kill in range(6):
        process = start(path, f"life-{kill}", size=20_000 if kill % 2 else 3_000_000)  # large: killed while writing
        go(process)
        time.sleep(rng.uniform(0.0, 0.25))
        process.send_signal(signal.SIGKILL)
        told, _ = finish(process)
        there = people(path)  # every person has all three walks
        told_names = {f"life-{kill} {number}" for number in told.split()}
        assert told_names <= there, "an enrolment that was reported is missing"
        assert len([name for name in there if name.startswith(f"life-{kill} ")]) <= len(told_names) + 1
    with Gallery.open(path).writing() as writer:  # no lock is left behind
        writer.tidy()
    assert verify(Gallery.open(path)).problems == []


def test_kill_9_while_somebody_is_removed_leaves_them_whole_or_gone(tmp_path):
    path = tmp_path / "db"
    process = start(path, "crowd", 20)
    go(process)
    finish(process)
    rng = random.Random(5)
    remove = (
        "import sys; from pathlib import Path; from pipeline.gallery.people import delete\n"
        "from pipeline.gallery.store import Gallery\n"
        "gallery = Gallery.open(Path(sys.argv[1])); print('ready', flush=True)\n"
        "for person in people_of(gallery.templates()):\n"
        "    delete(gallery, person.identity); print(person.name, flush=True)\n"
    )
    everybody = people(path)
    gone = set()
    for _ in range(3):
        process = subprocess.Popen([sys.executable, "-c", remove, str(path)], stdout=subprocess.PIPE, text=True)
        process.stdout.readline()
        time.sleep(rng.uniform(0.02, 0.2))
        process.send_signal(signal.SIGKILL)
        gone |= set(finish(process)[0].splitlines())
        left = people(path)
        assert not left & gone
        assert len(everybody - left) <= len(gone) + 3  # at most one more a kill than was told
    with Gallery.open(path).writing() as writer:
        writer.tidy()
    assert verify(Gallery.open(path)).problems == []
