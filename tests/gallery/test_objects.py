"""A gallery on object storage, against a real S3 server: what others see, who is kept away, what is left."""

from __future__ import annotations

import dataclasses
import json
import os
import signal
import subprocess
import sys
import time

import pytest
from enrolling import ENROL, go, people, start
from processes import finish, run_python
from s3server import BUCKET, serving

from pipeline.cli import app
from pipeline.errors import GalleryError
from pipeline.gallery import index_files, lease
from pipeline.gallery.calibration import FILE
from pipeline.gallery.discriminant import fit_backend
from pipeline.gallery.discriminant_file import FILE as BACKEND
from pipeline.gallery.discriminant_file import read_backend
from pipeline.gallery.index import build, load
from pipeline.gallery.people import delete
from pipeline.gallery.place import Address, place_of, where
from pipeline.gallery.store import MARK, Gallery
from pipeline.gallery.verify import verify

WHOLE = (256, 16)  # of the embeddings of those whom `enrolling` enrols
BRIEF = "import pipeline.gallery.lease as lease; lease.SECONDS = 2\n"  # so that tests need not wait for half a minute


@pytest.fixture(scope="module")
def server():
    with serving() as found:
        yield found


@pytest.fixture
def be(monkeypatch, server, tmp_path):
    """be("reader"): what follows is done by that user."""

    def become(user):
        for name, value in server.users[user].items():
            monkeypatch.setenv(name, value)

    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    become("all")
    return become


@pytest.fixture
def address(be, request):
    return where(f"s3://{BUCKET}/{request.node.name.split('[')[0]}")


def key_of(address):
    return f"{address.key}/"


def add(address, *templates):
    with Gallery.create(address).writing() as writer:
        writer.add(templates)


@pytest.mark.parametrize("given", ["s3://gaits/people", "s3:/gaits/people", "s3://gaits//people/"])
def test_an_address_is_told_as_it_is_given(given):
    address = where(given)
    assert isinstance(address, Address) and str(address) == "s3://gaits/people" == f"{address}"
    assert (address.bucket, address.key) == ("gaits", "people")
    assert str(address / "index/a.npz") == "s3://gaits/people/index/a.npz"


def test_secrets_in_an_address_are_refused_and_not_repeated():
    with pytest.raises(GalleryError, match="holds no credentials") as refused:
        where("s3://key:secret@gaits/people")
    assert "secret" not in str(refused.value)


def test_what_one_process_enrols_another_finds(address, made):
    process = start(address, "ada", 2)
    go(process)
    finish(process)
    assert people(address) == {"ada 0", "ada 1"}
    ada = made("Ada", shape=WHOLE, consent="form 17")
    add(address, ada)
    (found,) = [one for one in Gallery.open(address).templates(stored=True) if one.name == "Ada"]
    assert found.parts.tobytes() == ada.parts.tobytes() and found.stored == ada.stored
    assert verify(Gallery.open(address)).problems == []


def test_every_command_works_as_in_a_folder(address, made, capsys, tmp_path):
    def said(*arguments):
        app(["gallery", *map(str, arguments), "--db", str(address)], prog_name="gait", standalone_mode=False)
        return capsys.readouterr().out

    add(address, made("Ada Byron"), made("Bo Ek"), made("Cy Young"))
    assert f"3 people in {address}" in said("list")
    assert "is now called Dee" in said("rename", "Cy Young", "Dee")
    assert "2 templates" in said("merge", "Bo Ek", "Dee")
    assert "3 templates" in said("export", tmp_path / "all.zip")
    assert "3 templates" in said("index") and load(address) is not None
    told = said("delete", "Ada Byron", "--yes")
    assert ", 0 are now" in told and "old versions" not in told
    assert "1 of 3 templates added" in said("import", tmp_path / "all.zip")
    assert "files before" in said("tidy") and "nothing in" in said("expire")
    assert "'Cy Young' is in none of" in said("verify", "--absent", "Cy Young")


def test_of_writers_at_once_nothing_is_lost(address):
    processes = [start(address, who, 3) for who in ("a", "b")]  # both make the gallery
    for process in processes:
        go(process)
    for process in processes:
        finish(process)
    assert people(address) == {f"{who} {number}" for who in "ab" for number in range(3)}
    assert verify(Gallery.open(address)).problems == []


def test_kill_9_of_a_writer_leaves_whole_commits_and_a_lock_that_expires(address, server):
    told, killed = set(), 0
    while killed < 20 and not place_of(address).unfinished():  # one may have ended its upload when it is killed
        told |= killed_while_uploading(address, f"life{killed}")
        killed += 1
    assert place_of(address).unfinished(), f"none of {killed} writers was killed while it uploaded"
    there = people(address)
    untold = [name.split()[0] for name in there - told]
    assert told <= there and len(set(untold)) == len(untold)  # of every writer one commit at most
    assert json.loads(server.objects(key_of(address))[f"{address.key}/gallery.lock"])["free"] is False
    waiting = [start(address, who, 1) for who in ("x", "y")]  # both find the same dead lock
    for other in waiting:
        go(other)
    for other in waiting:
        finish(other)
    assert people(address) == there | {"x 0", "y 0"}
    assert not place_of(address).unfinished()
    assert verify(Gallery.open(address)).problems == []


def killed_while_uploading(address, who):
    """Kill a writer after its first commit, as soon as parts of an object are seen there. Whom it said it enrolled."""
    process = subprocess.Popen(
        [sys.executable, "-c", BRIEF + ENROL, str(address), who, "1000", "9000000"],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    go(process)
    assert process.stdout.readline() == "0\n", process.stderr.read()
    until = time.monotonic() + 60
    while not place_of(address).unfinished():
        assert process.poll() is None and time.monotonic() < until, "it uploads nothing in parts"
    process.kill()  # never stopped and looked at: the server would wait for the rest of what it was sending
    return {f"{who} 0"} | {f"{who} {number}" for number in finish(process, status=-signal.SIGKILL)[0].split()}


def test_a_writer_that_stood_still_for_too_long_is_told_and_changes_nothing(address, made):
    add(address, made("Ada"))
    program = BRIEF + (
        "import sys; from pipeline.gallery.store import Gallery; from pipeline.errors import GalleryError\n"
        "g = Gallery.open(sys.argv[1]); (ada,) = g.templates()\n"
        "with g.writing() as w:\n"
        "  print('held', flush=True); sys.stdin.readline()\n"
        "  try: w.rewrite({ada.template: None})\n"
        "  except GalleryError as e: print(e)\n"
    )
    pipe = subprocess.PIPE
    process = subprocess.Popen(
        [sys.executable, "-c", program, str(address)], stdin=pipe, stdout=pipe, stderr=pipe, text=True
    )
    assert process.stdout.readline() == "held\n", process.stderr.read()
    process.send_signal(signal.SIGSTOP)
    add(address, made("Bo"))  # waits until the lock has expired
    process.send_signal(signal.SIGCONT)
    process.stdin.write("\n")
    out, _ = finish(process)
    assert "lock was lost" in out and len(out.splitlines()) == 1
    assert {one.name for one in Gallery.open(address).templates()} == {"Ada", "Bo"}


def test_a_lock_that_is_held_for_longer_than_it_lasts_is_renewed(address, made, monkeypatch):
    monkeypatch.setattr(lease, "SECONDS", 4.0)
    gallery = Gallery.create(address)
    with gallery.writing() as writer:
        other = start(address, "late", 1)
        go(other)
        time.sleep(7)
        assert other.poll() is None
        writer.add([made("Ada", shape=WHOLE)])
    finish(other)
    assert {one.name for one in gallery.templates()} == {"Ada", "late 0"}


def test_a_server_that_ignores_conditions_is_read_and_not_written(be, monkeypatch):
    with serving("forgetful") as forgetful:
        for name, value in forgetful.users["all"].items():
            monkeypatch.setenv(name, value)
        with pytest.raises(GalleryError, match="does not keep conditional writes"):
            Gallery.create(f"s3://{BUCKET}/people")


def test_nobody_who_is_removed_is_in_any_object(address, made, server, tmp_path):
    ada, bo = made("Ada Byron", consent="form seventeen"), made("Bo Ek")
    add(address, ada, bo)
    gallery = Gallery.open(address)
    build(gallery, "euclidean")
    assert load(address) is not None
    copies = [path for path in (tmp_path / "cache").rglob("*") if path.is_file()]
    assert len(copies) == 1  # of the index
    marks = (b"Ada Byron", ada.identity.encode(), b"form seventeen", ada.parts.tobytes()[:64])
    before = b"".join(server.objects(key_of(address)).values())
    assert all(mark in before for mark in marks)
    assert delete(gallery, "Ada Byron")[1].after == 0
    after = server.objects(key_of(address))
    assert not any(mark in content for mark in marks for content in after.values())
    assert not any(f"/{index_files.FOLDER}/" in name for name in after) and not copies[0].exists()
    assert bo.identity.encode() in b"".join(after.values())
    assert verify(gallery, "Ada Byron").absent


def test_a_copy_of_an_index_is_checked_and_old_ones_are_removed(address, made, tmp_path):
    add(address, made("Ada"), made("Bo"))
    gallery = Gallery.open(address)
    build(gallery, "euclidean")
    first = load(address)
    (copy,) = (path for path in (tmp_path / "cache").rglob("*.npz"))
    copy.write_bytes(b"damaged")
    assert load(address).codes.tobytes() == first.codes.tobytes()
    build(gallery, "cosine")
    load(address)
    assert list((tmp_path / "cache").rglob("*.npz")) != [copy] and not copy.exists()
    name = f"{index_files.FOLDER}/{next(iter(index_files.read_facts(address).files))}"
    gallery.place.write(name, lambda stream: stream.write(b"damaged"))
    next((tmp_path / "cache").rglob("*.npz")).unlink()
    with pytest.raises(GalleryError, match="its index is damaged"):
        load(address)


def test_a_bucket_that_keeps_old_versions_is_told_of(be, made, server, capsys):
    server.client.create_bucket(Bucket="forever")
    server.client.put_bucket_versioning(Bucket="forever", VersioningConfiguration={"Status": "Enabled"})
    add(where("s3://forever/people"), made("Ada Byron"), made("Bo"))
    app(["gallery", "delete", "Ada Byron", "--yes", "--db", "s3://forever/people"], standalone_mode=False)
    assert "s3://forever/people: the bucket keeps old versions" in capsys.readouterr().out
    assert any("keeps old versions" in line for line in verify(Gallery.open(where("s3://forever/people"))).remarks)


def test_a_reader_reads_and_is_refused_to_change(address, be, made):
    add(address, made("Ada"))
    be("reader")
    gallery = Gallery.open(address)
    assert [one.name for one in gallery.templates()] == ["Ada"] and verify(gallery).problems == []
    with pytest.raises(GalleryError, match=r"people|access denied \(AccessDenied\)"), gallery.writing():
        pass
    with pytest.raises(GalleryError, match=r"access denied \(AccessDenied\)"):
        Gallery.create(address.parent / "another")


WRONG = {
    "no bucket": ({}, "s3://nowhere/people", "there is no bucket 'nowhere'"),
    "no gallery": ({}, f"s3://{BUCKET}/nothing", "no gallery there"),
    "no credentials": ({"AWS_ACCESS_KEY_ID": None, "HOME": "/nowhere"}, f"s3://{BUCKET}/people", "no credentials"),
    "wrong key": ({"AWS_ACCESS_KEY_ID": "nobody"}, f"s3://{BUCKET}/people", "the credentials are refused"),
    "wrong secret": ({"AWS_SECRET_ACCESS_KEY": "guess"}, f"s3://{BUCKET}/people", "the credentials are refused"),
    "no network": ({"AWS_ENDPOINT_URL": "http://127.0.0.1:9"}, f"s3://{BUCKET}/people", "the server is not reached"),
    "no profile": ({"AWS_PROFILE": "missing"}, f"s3://{BUCKET}/people", "AWS's settings cannot be used"),
}


@pytest.mark.parametrize(("changes", "at", "expected"), WRONG.values(), ids=WRONG.keys())
def test_whatever_keeps_from_the_server_is_one_line(be, monkeypatch, changes, at, expected):
    for name, value in changes.items():
        monkeypatch.setenv(name, value) if value is not None else monkeypatch.delenv(name)
    for attempt in (Gallery.open, Gallery.create) if expected != "no gallery there" else (Gallery.open,):
        with pytest.raises(GalleryError, match=expected) as refused:
            attempt(where(at))
        said = str(refused.value)
        assert at in said and len(said.splitlines()) == 1 and said.endswith((".", at))
        assert os.environ.get("AWS_SECRET_ACCESS_KEY", "secret") not in said


def test_without_boto3_the_extra_is_named(be):
    program = (
        "import sys; sys.modules |= dict.fromkeys(('boto3', 'botocore', 'botocore.exceptions'))\n"
        "from pipeline.cli import main; sys.argv = ['gait', 'gallery', 'list', '--db', 's3://gaits/people']; main()"
    )
    done = run_python(program, status=2)
    assert "pip install 'gaitid[s3]'" in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_what_changes_is_seen_by_who_watches(address, made):
    place = place_of(address)
    assert place.stamp(FILE) == ""
    add(address, made("Ada"))
    version = Gallery.open(address).version()
    place.write_json(FILE, {"a": 1})
    first = place.stamp(FILE)
    place.write_json(FILE, {"a": 2})
    assert first and place.stamp(FILE) != first
    add(address, made("Bo"))
    assert Gallery.open(address).version() != version and place.has(MARK)


def test_a_back_end_is_kept_there_and_goes_with_whom_it_was_fitted_on(address, made, server):
    crowd = [made(f"Person {number // 4}", seed=number) for number in range(16)]
    for number, template in enumerate(crowd):
        crowd[number] = dataclasses.replace(template, identity=f"{number // 4:016x}")
    add(address, *crowd)
    gallery = Gallery.open(address)
    facts = fit_backend(gallery, "whitening", "euclidean")
    assert read_backend(address).facts == facts and f"{address.key}/{BACKEND}" in server.objects(key_of(address))
    assert verify(gallery).problems == []
    delete(gallery, "Person 0")
    assert read_backend(address) is None and f"{address.key}/{BACKEND}" not in server.objects(key_of(address))
