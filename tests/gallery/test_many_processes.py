"""Real processes that enrol at once, and that are killed in the middle of it."""

from __future__ import annotations

import signal
import time

from enrolling import go, people, start
from processes import files_of, finish, start_program, wait_until

from pipeline.gallery.people import delete
from pipeline.gallery.store import Gallery
from pipeline.gallery.verify import verify


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
        finish(process)
    assert people(path) | deleted == {f"{who} {number}" for who in processes for number in range(6)}
    assert not people(path) & deleted
    assert verify(Gallery.open(path)).problems == []


def test_a_writer_waits_until_the_other_has_ended(tmp_path):
    busy = start(tmp_path / "db", "busy", pause=0.3)
    go(busy)
    assert busy.stdout.readline() == "0\n"
    with Gallery.open(tmp_path / "db").writing():
        there = people(tmp_path / "db")
        time.sleep(1)
        assert people(tmp_path / "db") == there, "it has written meanwhile"
    busy.kill()
    finish(busy, status=-signal.SIGKILL)


def test_kill_9_in_the_middle_of_enrolling_leaves_whole_commits_only(tmp_path):
    path = tmp_path / "db"
    for kill in range(2):
        process = start(path, f"life-{kill}", size=3_000_000 if kill % 2 else 20_000)
        before = files_of(path)
        go(process)
        if kill % 2:  # large: killed while it writes
            wait_until(lambda: files_of(path) != before, process)  # noqa: B023 - waited for at once
            said = ""
        else:  # killed on its way from one commit to the next
            said = process.stdout.readline()
        process.send_signal(signal.SIGKILL)
        told, _ = finish(process, status=-signal.SIGKILL)
        there = people(path)  # every person has all three walks
        told_names = {f"life-{kill} {number}" for number in (said + told).split()}
        assert told_names or kill % 2, "it was killed before it had begun"
        assert told_names <= there, "an enrolment that was reported is missing"
        assert len([name for name in there if name.startswith(f"life-{kill} ")]) <= len(told_names) + 1
    with Gallery.open(path).writing() as writer:  # no lock is left behind
        writer.tidy()
    assert verify(Gallery.open(path)).problems == []


def test_kill_9_while_somebody_is_removed_leaves_them_whole_or_gone(tmp_path):
    path, size = tmp_path / "db", 20
    process = start(path, "crowd", size)
    go(process)
    finish(process)
    everybody = people(path)
    assert len(everybody) == size
    gone: set[str] = set()
    for kill in range(1, 3):
        process = start_program("remove", path)
        gone.add(process.stdout.readline().strip())  # it is in the middle of the next now
        before = files_of(path)
        if kill > 1:  # further in the middle
            wait_until(lambda: files_of(path) != before, process)  # noqa: B023 - waited for at once
        process.kill()
        gone |= set(finish(process, status=-signal.SIGKILL)[0].splitlines())
        left = people(path)
        assert kill <= len(gone) < size and gone <= everybody, "the process removed nobody, or ended before the kill"
        assert not left & gone
        assert len(everybody - left) <= len(gone) + kill  # at most one more a kill than was told
    with Gallery.open(path).writing() as writer:
        writer.tidy()
    assert verify(Gallery.open(path)).problems == []
