"""`gait live` as a command: a file played as live, a network camera, its page, Ctrl-C, and what it refuses."""

from __future__ import annotations

import http.client
import json
import re
import signal
import sys
import threading

import av
import pytest
from cameras import Camera, plain
from receivers import Broker, Hook

from pipeline.gallery.people import delete
from pipeline.gallery.store import Gallery
from pipeline.video import open_video

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="sends POSIX signals")


@pytest.fixture(scope="module")
def people(tmp_path_factory, gait_in, walkers):
    """A gallery of the demo's four people, enrolled from a second of their gallery video."""
    gait = gait_in(tmp_path_factory.mktemp("enrolled"))
    done = gait("enrol", walkers("gallery", 60, 16), "--db", "people", "--set", "output.videos=false")
    assert done.returncode == 0, done.stderr
    return gait.cwd / "people"


def counts(stderr):
    """Frames that came, were looked at and were dropped, as the last line says."""
    return tuple(map(int, re.findall(r"(\d+) frames came, (\d+) looked at .*?, (\d+) dropped", stderr)[-1]))


def frames_of(path):
    with av.open(str(path)) as container:
        return [frame.to_ndarray(format="bgr24") for frame in container.decode(video=0)]


def test_a_file_is_played_as_live_recorded_and_written_down(gait, people, walkers, tmp_path):
    street = walkers("probe2", 0, 60)
    options = ["--record", "seen.mp4", "--events", "seen.jsonl", "--set", "live.refresh=2"]
    done = gait("live", street, "--db", people, *options)
    assert done.returncode == 0, done.stderr
    came, looked, dropped = counts(done.stderr)
    assert came == 60 == looked + dropped
    assert len(frames_of(tmp_path / "seen.mp4")) == looked
    events = [json.loads(line) for line in (tmp_path / "seen.jsonl").read_text().splitlines()]
    assert {event["event"] for event in events[:4]} == {"looking"}
    assert {event["track"] for event in events[:4]} == {1, 2, 3, 4}
    enrolled = {f"{walkers('gallery', 60, 16).stem}-{number:03d}" for number in range(1, 5)}
    for event in events:
        assert event["event"] in ("looking", "known", "unknown", "left")
        if event["event"] == "known":
            assert event["name"] in enrolled and event["identity"] and event["distance"] > 0
    assert not list(tmp_path.rglob(".partial*"))


def test_two_files_are_watched_at_once_and_other_programs_are_told(gait, people, walkers, tmp_path):
    streets = [walkers("probe2", 0, 60), walkers("probe1", 0, 90)]
    watched = Gallery.open(people).templates()[0].name
    options = ["--record", "seen.mp4", "--events", "seen.jsonl", "--watch", watched]
    quick = ["recognition.min_frames=2", "live.agree=1"]  # a slow machine has few looks in two seconds
    settings = [f"--set={one}" for one in (*quick, "matching.threshold=off")]  # else nobody is sure enough for a name
    with Hook([503]) as hook, Broker() as broker:
        addresses = ["--webhook", f"http://ada:s3cret@127.0.0.1:{hook.port}/t0ken",
                     "--mqtt", f"mqtt://127.0.0.1:{broker.port}/gait"]  # fmt: skip
        done = gait("live", *streets, "--db", people, *options, *addresses, *settings)
    assert done.returncode == 0, done.stderr
    assert "s3cret" not in done.stderr and "t0ken" not in done.stderr
    assert f"camera 1 ({streets[0]}) has ended\n" in done.stderr
    assert not (tmp_path / "seen.mp4").exists()
    for number in (1, 2):
        looked = re.findall(rf"camera {number}: \d+ frames came, (\d+) looked at", done.stderr)[-1]
        assert len(frames_of(tmp_path / f"seen-{number}.mp4")) == int(looked) > 0
    events = [json.loads(line) for line in (tmp_path / "seen.jsonl").read_text().splitlines()]
    assert hook.got == events == [event for _, event in broker.got], "the same JSON, in order, once"
    assert [event["id"].split("-")[1] for event in events] == [str(number) for number in range(1, len(events) + 1)]
    assert {(event["camera"], event["source"]) for event in events} == {(1, str(streets[0])), (2, str(streets[1]))}
    assert {event["track"] for event in events if event["camera"] == 1} >= {1, 2, 3, 4}
    known = [event for event in events if event["event"] == "known"]
    assert known and all(event["person"] == event["identity"] for event in known)
    assert all(event["watched"] == (event["name"] == watched) for event in events)
    gone = {event["track"] for event in events if event["camera"] == 1 and event["event"] == "left"}
    assert gone >= {1, 2, 3, 4}, "nobody stays before a camera that has ended"


def test_a_network_camera_that_is_cut_is_shown_on_a_page_until_ctrl_c(gait, people, walkers, tmp_path):
    with open_video(walkers("probe2", 0, 60)) as video:
        pictures = [frame.image for frame in video]
    with Camera([pictures[:30], pictures]) as camera:
        process = gait.start("live", camera.url, "--db", people, "--port", "0", "--record", "seen.mp4")
        lines: list[str] = []
        back, address = threading.Event(), threading.Event()

        def read():
            for line in process.stderr:
                lines.append(line)
                if line.startswith("open http"):
                    address.set()
                if "back after" in line:
                    back.set()

        reader = threading.Thread(target=read)
        reader.start()
        try:
            assert address.wait(120), lines
            opened = next(line for line in lines if line.startswith("open http"))
            port = int(re.search(r":(\d+)/", opened)[1])
            page = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
            page.request("GET", "/stream.mjpg")
            stream = page.getresponse()
            assert stream.status == 200 and stream.readline().startswith(b"--")
            assert back.wait(60), lines
            while True:  # until somebody is there, after the cut
                one = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
                one.request("GET", "/people.json")
                if there := json.loads(one.getresponse().read())["people"]:
                    break
            assert all(person["status"] in ("looking", "known", "unknown") for person in there)
        finally:
            process.send_signal(signal.SIGINT)
            process.wait(60)
            reader.join(60)
    told = "".join(lines)
    assert process.returncode == 130, told
    assert told.splitlines()[-1] == "gait: stopped; what was recorded is whole."
    assert "lost; trying again in 1 s" in told and "lost 1 times" in told
    assert "s3cret" not in told and "abc123" not in told
    missing = counts(told)[1] - len(frames_of(tmp_path / "seen.mp4"))
    assert missing in (0, 1), "Ctrl-C may come between the look at a frame and its writing"


def test_who_is_removed_while_it_runs_is_not_named_any_more(gait, people, walkers, tmp_path):
    gallery = Gallery.create(tmp_path / "mine")
    with gallery.writing() as writer:
        writer.add(Gallery.open(people).templates(stored=True))
    street = walkers("probe2", 0, 257)  # nine seconds, of which two are seen where nothing else runs
    settings = ["--set", "live.refresh=2", "--set", "matching.threshold=off"]  # else nobody is sure enough for a name
    process = gait.start("live", street, "--db", "mine", "--events", "seen.jsonl", *settings)
    before, after = [], list[str]()
    for line in process.stderr:
        before.append(line)
        if found := re.search(r"track (\d+) is (\S+) \d+%", line):
            delete(gallery, found[2])
            break
    track, name = int(found[1]), found[2]
    for line in process.stderr:
        changed = bool(after) or "mine has changed: 3 people are known, 4 were" in line
        (after if changed else before).append(line)
        if changed and re.search(rf"track {track} (is|has left)", line):
            process.send_signal(signal.SIGINT)
    assert process.wait(60) in (0, 130), before + after
    assert after and not any(f" is {name} " in line for line in after)
    events = [json.loads(line) for line in (tmp_path / "seen.jsonl").read_text().splitlines()]
    of_track = [(event["event"], event["name"]) for event in events if event["track"] == track]
    assert of_track[-1][1] != name and len(of_track) > of_track.index(("known", name)) + 1


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["gone.mp4", "--db", "PEOPLE"], "gone.mp4: no such file"),
        (["http://u:s3cret@127.0.0.1:9/x?key=abc123", "--db", "PEOPLE"], "http://***@127.0.0.1:9/x?***: cannot be op"),
        (["street.mp4"], "give either --db DIR"),
        (["street.mp4", "--db", "nobody"], "nobody: no gallery there"),
        (["street.mp4", "--gallery", "nobody"], "nobody: not a run folder"),
        (["street.mp4", "--db", "PEOPLE", "--record", "seen.avi"], "recordings are mp4"),
        (["STREET", "--db", "PEOPLE", "--record", "STREET"], "is a video that is watched"),
        (["street.mp4", "--db", "PEOPLE", "--events", "no/such/seen.jsonl"], "Make it first"),
        (["STREET", "gone.mp4", "--db", "PEOPLE"], "gone.mp4: no such file"),
        (["STREET", "--db", "PEOPLE", "--watch", "Nobody"], "--watch Nobody: nobody of that name is known"),
        (["street.mp4", "--db", "PEOPLE", "--webhook", "ftp://u:s3cret@host/x"], "--webhook: events cannot go to"),
        (["street.mp4", "--db", "PEOPLE", "--mqtt", "mqtt://u:s3cret@host"], "--mqtt mqtt://host:1883/TOPIC: name a"),
        (["STREET"] * 6 + ["--db", "PEOPLE", "--serve"], "a browser shows 5 cameras"),
    ],
    ids=[
        "file",
        "address",
        "nobody",
        "gallery",
        "run",
        "record",
        "over its own video",
        "events",
        "second",
        "watch",
        "webhook",
        "mqtt",
        "six",
    ],
)
def test_what_cannot_work_is_one_line_and_status_2(people, walkers, gait, arguments, said, monkeypatch, capsys):
    from pipeline import cli

    monkeypatch.chdir(gait.cwd)
    monkeypatch.setenv("GAIT_CHECKPOINTS", str(gait.checkpoints))
    there = {"PEOPLE": str(people), "STREET": str(walkers("probe2", 0, 60))}
    given = [there.get(part, part) for part in arguments]
    monkeypatch.setattr(sys, "argv", ["gait", "live", *given])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    said_on_stderr = capsys.readouterr().err
    assert ended.value.code == 2
    assert said in said_on_stderr and said_on_stderr.count("\n") == 1
    assert "s3cret" not in said_on_stderr and "abc123" not in said_on_stderr


def test_a_window_without_a_screen_says_what_to_use_instead(gait_in, people, tmp_path, monkeypatch):
    monkeypatch.delenv("DISPLAY", raising=False)
    done = gait_in(tmp_path)("live", "street.mp4", "--db", people, "--window")
    assert done.returncode == 2
    assert re.search(r"gait: --window: .*\. Use --serve and open the page it prints\.$", done.stderr.strip())


def test_what_has_to_be_seen_twice_is_refused_for_a_camera(people):
    from pipeline.errors import InputError
    from pipeline.live.session import Outputs, live
    from pipeline.profiles import load_config

    with Camera([plain(90, 40)]) as camera, pytest.raises(InputError, match="Record it to a file first"):
        live([camera.url], people, False, load_config("offline"), Outputs())
    assert camera.served == ["streamed"]
