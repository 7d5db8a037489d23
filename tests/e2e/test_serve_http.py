"""`gait serve` asked without a browser: what it gives to whom, and what it refuses."""

from __future__ import annotations

import base64
import http.client
import importlib.util
import json
import os
import re
import resource
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote, urlsplit

import clips
import odd_requests
import pytest
from markupsafe import escape
from processes import finish, killed, run_python

pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("fastapi") is None, reason="fastapi is not installed (the extra ui)"
)

PASSWORD, TOKEN = "correct horse", "0123456789abcdef"
SECRET = b"nobody's to read"


@dataclass
class Asked:
    """One visitor: keeps the cookie that the start page gives."""

    port: int
    headers: dict[str, str] = field(default_factory=dict)

    def __call__(self, path: str, method: str = "GET", body: object = None, **headers: str) -> tuple[int, bytes, dict]:
        content = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        connection.putrequest(method, path, skip_host="host" in headers, skip_accept_encoding=True)
        ours = {"x_gait": "1"} | ({"content_type": "application/json"} if body is not None else {})
        for name, value in {**ours, **self.headers, **headers}.items():
            connection.putheader(name.replace("_", "-"), value)
        if content:
            connection.putheader("content-length", str(len(content)))
        connection.endheaders(content)
        answer = connection.getresponse()
        said = answer.read()
        connection.close()
        return answer.status, said, {name.lower(): value for name, value in answer.getheaders()}

    def tree(self, path: str, method: str = "GET", body: object = None, status: int = 200) -> dict:
        given, content, _ = self(path, method, body)
        assert given == status, content
        return json.loads(content)

    def upload(self, name: str, content: bytes) -> tuple[int, dict]:
        status, said, _ = self(f"/api/uploads?name={quote(name)}", "POST", content)
        return status, json.loads(said)

    def ended(self, job: str, seconds: float = 60) -> dict:
        deadline = time.monotonic() + seconds
        while (found := self.tree(f"/api/jobs/{job}"))["state"] in ("waiting", "working"):
            assert time.monotonic() < deadline, found
            time.sleep(0.1)
        return found


def visit(port: int) -> Asked:
    """A new visitor, who has opened the start page."""
    asked = Asked(port)
    status, _, headers = asked("/")
    assert status == 200
    asked.headers["cookie"] = headers["set-cookie"].partition(";")[0]
    return asked


def limit_files() -> None:
    """No file of this process and its children may be larger, as on a full disk."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (600_000, 600_000))


@pytest.fixture(scope="module")
def processes() -> dict[str, subprocess.Popen[str]]:
    """Those of `serving`, by name."""
    return {}


@pytest.fixture(scope="module")
def place(tmp_path_factory) -> Path:
    """Where the servers run. Its secret is nobody's, and its folder tmp holds what they keep of visitors."""
    folder = tmp_path_factory.mktemp("serve")
    (folder / "tmp").mkdir()
    (folder / "secret.json").write_bytes(SECRET)
    clips.plain(folder / "secret.mp4")
    return folder


@pytest.fixture(scope="module")
def serving(gait_in, place, processes) -> Iterator[dict[str, int]]:
    """Three servers: open, with a password, and with a token on a full disk; their ports."""
    ways = {
        "open": ((), None),
        "closed": (("--password", PASSWORD, "--api", TOKEN, "--runs", "kept"), None),
        "full": (("--api", TOKEN), limit_files),
    }
    gait = gait_in(place)
    gait.more["TMPDIR"] = str(place / "tmp")
    for name, (more, before) in ways.items():
        command = ("serve", "--port", "0", "--config", "offline", "--max-upload-mb", "1", *more)
        processes[name] = gait.start(*command, preexec_fn=before)
    try:
        ports = {}
        for name, process in processes.items():
            line = process.stdout.readline()
            assert line.startswith("http://127.0.0.1:"), killed(process)
            ports[name] = urlsplit(line.strip()).port
        yield ports
    finally:
        for process in processes.values():
            process.terminate()
        for process in processes.values():
            _, err = finish(process, 30)
            assert err == ""


@pytest.fixture(scope="module")
def port(serving) -> int:
    return serving["open"]


@pytest.fixture(scope="module")
def video(tmp_path_factory) -> bytes:
    return clips.plain(tmp_path_factory.mktemp("clip") / "walk.mp4").read_bytes()


def test_a_visitor_gets_a_cookie_that_no_script_reads(port):
    status, page, headers = Asked(port)("/")
    cookie = headers["set-cookie"]
    assert status == 200 and b"Identify" in page
    assert cookie.startswith(f"gait_visitor_{port}=") and "HttpOnly" in cookie and "SameSite=Lax" in cookie
    assert len(cookie.partition("=")[2].partition(";")[0]) >= 43  # 256 bits
    policy = headers["content-security-policy"]
    assert "default-src 'none'" in policy and "script-src 'self';" in policy
    assert headers["x-content-type-options"] == "nosniff" and headers["cache-control"] == "no-store"


def test_two_visitors_are_two(port):
    assert visit(port).headers != visit(port).headers


@pytest.mark.parametrize(
    "cookie", ["", "gait_visitor_{port}=", "gait_visitor_{port}=../../etc", "gait_visitor_{port}=a"]
)
def test_a_cookie_that_was_not_given_opens_nothing(port, cookie, video):
    asked = Asked(port, {"cookie": cookie.format(port=port)})
    assert asked("/api/runs/2026_01_01_00_00_00/files/report.html")[0] == 403
    assert asked("/api/jobs")[0] == 403
    assert asked("/api/uploads?name=a.mp4", "POST", video)[0] == 403


def test_no_way_leads_out_of_the_app(port):
    ways, asked = odd_requests.ways_out(), visit(port)
    assert len(ways) >= 250
    for path in ways:
        status, content, _ = asked(path)
        assert status in (400, 403, 404, 405), (path, status)
        assert b"root:" not in content and SECRET not in content and b"Traceback" not in content, path


def beginning(asked: Asked, request: str) -> str:
    """The first lines of a visitor's request."""
    return f"{request} HTTP/1.1\r\nHost: 127.0.0.1\r\nx-gait: 1\r\nCookie: {asked.headers['cookie']}\r\n"


def raw(port: int, request: bytes, seconds: float = 10) -> bytes:
    """What comes back for these bytes; nothing where the connection is closed."""
    with closing(socket.create_connection(("127.0.0.1", port), timeout=seconds)) as connection:
        try:
            connection.sendall(request)
            connection.shutdown(socket.SHUT_WR)
            return b"".join(iter(lambda: connection.recv(65536), b""))
        except OSError:
            return b""


def test_odd_requests_are_refused_or_answered_and_the_server_goes_on(port):
    requests = odd_requests.oddities()
    assert len(requests) >= 80
    for request in requests:
        answer = raw(port, request)
        assert b"Traceback" not in answer and b"root:" not in answer, request[:80]
        assert not answer or answer.split(b" ")[1] != b"500", (request[:80], answer[:300])
    assert visit(port)("/")[0] == 200


def test_no_body_makes_the_server_open_or_look_up_what_is_not_the_visitors(port):
    with closing(socket.create_server(("127.0.0.1", 0))) as listener:
        names = [name.format(port=listener.getsockname()[1]) for name in odd_requests.FOREIGN]
        asked, bodies = visit(port), []
        for name in names:
            bodies += [("/api/search", {"probes": [name]}), ("/api/enrol", {"clips": {name: ""}})]
        bodies += [("/api/search", {"probes": ["inputs/x.mp4"], "gallery": name}) for name in names[:4]]
        assert len(bodies) >= 40
        for path, body in bodies:
            status, said, _ = asked(path, "POST", body)
            assert status == 400 and b"not there any more" in said, (path, body, said)
        more = [
            {"path": "/dev/zero"},
            {"probes": [{"path": "/etc/passwd"}]},
            [],
            7,
            {"probes": ["x"], "profile": "/etc/passwd"},
        ]
        assert [asked("/api/search", "POST", body)[0] for body in more] == [422, 422, 422, 422, 400]
        listener.settimeout(0.3)
        with pytest.raises(TimeoutError):
            listener.accept()
    assert asked.tree("/api/jobs") == []


@pytest.mark.parametrize("name", odd_requests.NAMES)
def test_an_upload_stays_in_its_folder_whatever_its_name(port, place, video, name):
    asked, before = visit(port), uploads_in(place)
    status, answer = asked.upload(name, video)
    assert status in (200, 415)
    new = uploads_in(place) - before
    assert len(new) == (status == 200)
    for path in new:
        assert path.read_bytes() == video and path.stat().st_mode & 0o077 == 0
        assert path.parent.parent.name == "uploads" and path.name == answer["name"]
        assert all(
            parent.stat().st_mode & 0o077 == 0
            for parent in path.parents
            if parent.is_relative_to(place / "tmp") and parent != place / "tmp"
        )
    assert asked("/api/mine", "DELETE")[0] == 200 and uploads_in(place) == before


def uploads_in(place: Path) -> set[Path]:
    return {path for path in (place / "tmp").rglob("*") if path.is_file() and path.suffix == ".mp4"}


def test_an_upload_is_its_visitors_own(port, place, video):
    one, other, before = visit(port), visit(port), uploads_in(place)
    kept, key = (one.upload(name, video)[1]["id"] for name in ("kept.mp4", "walk.mp4"))
    assert other(f"/api/uploads/{key}", "DELETE")[0] == 404
    assert one(f"/api/uploads/{kept}", "DELETE")[0] == 200
    assert [path.name for path in uploads_in(place) - before] == ["walk.mp4"]
    assert one(f"/api/uploads/{kept}", "DELETE")[0] == 404
    assert [it["id"] for it in one.tree("/api/uploads")["uploads"]] == [key]
    assert other.tree("/api/uploads")["uploads"] == []
    assert b"not there any more" in other("/api/search", "POST", {"probes": [key]})[1]


@pytest.mark.parametrize(
    "start",
    [b"#EXTM3U\n#EXTINF:1,\nfile:///etc/passwd\n", b"ffconcat version 1.0\nfile /etc/passwd\n", b"x" * 500, b""],
)
def test_what_is_no_video_is_not_taken(port, place, start):
    before = uploads_in(place)
    status, answer = visit(port).upload("walk.mp4", start)
    assert status == 415 and "Upload a video file" in answer["error"]
    assert uploads_in(place) == before


@pytest.mark.parametrize("chunked", [False, True])
def test_an_upload_may_not_be_larger_than_said(port, place, video, chunked):
    asked, before = visit(port), uploads_in(place)
    large = video + bytes(2**20 + 200_000)
    if chunked:
        head = beginning(asked, "POST /api/uploads?name=a.mp4")
        body = b"".join(
            b"%x\r\n%s\r\n" % (len(part), part)
            for part in (large[at : at + 65536] for at in range(0, len(large), 65536))
        )
        said = raw(port, head.encode() + b"Transfer-Encoding: chunked\r\n\r\n" + body + b"0\r\n\r\n")
        assert not said or b" 413 " in said.split(b"\r\n")[0]
    else:
        assert asked.upload("large.mp4", large)[0] == 413
    assert uploads_in(place) == before


def test_uploads_are_not_kept_without_end(port, video):
    asked = visit(port)
    statuses = [asked.upload(f"{n}.mp4", video + bytes(1_000_000 - len(video)))[0] for n in range(8)]
    assert statuses[:6] == [200] * 6 and statuses[6:] == [413, 413]
    assert asked("/api/mine", "DELETE")[0] == 200
    assert asked.upload("again.mp4", video)[0] == 200


def opened_upload(asked: Asked, content: bytes, length: int) -> socket.socket:
    """An upload of which some has come and the rest does not."""
    connection = socket.create_connection(("127.0.0.1", asked.port), timeout=30)
    head = beginning(asked, "POST /api/uploads?name=a.mp4") + f"Content-Length: {length}\r\n\r\n"
    connection.sendall(head.encode() + content)
    return connection


def eventually(true, seconds: float = 20) -> None:
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.1)


def test_many_uploads_at_once_slow_ones_and_aborted_ones_leave_others_in_peace(port, place, video):
    before = uploads_in(place)
    crowd = [visit(port) for _ in range(20)]
    slow = [opened_upload(crowd[n % 20], video[:300], 900_000) for n in range(200)]
    try:
        begun = time.monotonic()
        assert visit(port)("/")[0] == 200
        waited = [time.monotonic() - begun]
        with ThreadPoolExecutor(20) as pool:
            others = [visit(port) for _ in range(20)]
            futures = [pool.submit(others[n % 20].upload, f"{n}.mp4", video) for n in range(100)]
            while not all(future.done() for future in futures):
                begun = time.monotonic()
                assert visit(port)("/")[0] == 200
                waited.append(time.monotonic() - begun)
            assert [future.result()[0] for future in futures] == [200] * 100
        for n in range(400):  # a connection is cut in the middle
            opened_upload(crowd[n % 20], video[: 100 + n], 900_000).close()
        begun = time.monotonic()
        assert visit(port)("/")[0] == 200
        waited.append(time.monotonic() - begun)
    finally:
        for connection in slow:
            connection.close()
    print(f"another visitor waited {max(waited):.2f} s at most")
    assert max(waited) < 10  # a server that waits for an upload would take until its silence is over
    for asked in others:
        asked("/api/mine", "DELETE")
    eventually(lambda: uploads_in(place) == before)


def test_connections_that_ask_for_nothing_make_room_for_others(port):
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    silent = []
    try:
        silent = [socket.create_connection(("127.0.0.1", port), timeout=10) for _ in range(1100)]
        assert visit(port)("/")[0] == 200
    finally:
        for connection in silent:
            connection.close()
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_a_visitor_who_asks_too_much_at_once_is_told_to_wait_and_others_are_answered(port, video):
    asked = visit(port)
    waiting = [opened_upload(asked, video[:300], 900_000) for _ in range(40)]
    try:
        eventually(lambda: asked("/api/jobs")[0] == 429)
        assert visit(port)("/api/jobs")[0] == 200
    finally:
        for connection in waiting:
            connection.close()
    eventually(lambda: asked("/api/jobs")[0] == 200)


def test_an_upload_whose_visitor_removes_everything_meanwhile_is_not_kept(port, place, video):
    asked, before = visit(port), uploads_in(place)
    with closing(opened_upload(asked, video[:300], len(video))) as coming:
        eventually(lambda: uploads_in(place) != before or not coming.sendall(b""), 1)
        time.sleep(0.2)  # it has begun
        assert asked("/api/mine", "DELETE")[0] == 200
        coming.sendall(video[300:])
        assert b" 409 " in coming.recv(65536).split(b"\r\n")[0]
    assert asked.tree("/api/uploads")["uploads"] == [] and uploads_in(place) == before


def test_a_full_disk_is_one_line_and_leaves_nothing(serving, place, video):
    asked, before = visit(serving["full"]), uploads_in(place)
    status, answer = asked.upload("walk.mp4", video + bytes(900_000))
    assert status == 507 and answer["error"].startswith("walk.mp4: cannot be kept (File too large)")
    assert uploads_in(place) == before
    assert asked.upload("walk.mp4", video)[0] == 200


def test_names_are_text_wherever_they_stand(port):
    asked = visit(port)
    for text in odd_requests.SCRIPTS:
        for path in (
            f"/gallery?person={quote(text)}",
            f"/runs?person={quote(text)}&day={quote(text)}",
            f"/compare?run={quote(text)}&one=a&other=b",
        ):
            status, page, _ = asked(path)
            assert status == 200
            assert text.encode() not in page or not set(text) & set("<>"), (path, text)
            assert "person" not in path or str(escape(text)).encode() in page


@pytest.mark.parametrize("origin", ["http://evil.example", "null", "http://127.0.0.1:1"])
def test_another_page_may_not_ask(port, origin):
    assert visit(port)("/api/search", "POST", {"probes": ["x"]}, origin=origin)[0] == 403


@pytest.mark.parametrize("headers", [{"x_gait": ""}, {"sec_fetch_site": "cross-site"}, {"sec_fetch_site": "same-site"}])
def test_a_form_of_another_page_may_not_either(port, headers):
    asked = visit(port)
    if "x_gait" in headers:
        head = beginning(asked, "DELETE /api/mine").replace("x-gait: 1\r\n", "") + "Connection: close\r\n\r\n"
        assert b" 403 " in raw(port, head.encode()).split(b"\r\n")[0]
    else:
        assert asked("/api/mine", "DELETE", **headers)[0] == 403


@pytest.mark.parametrize(
    ("given", "status"), [(None, 401), ("", 401), ("wrong", 401), (f"{PASSWORD} ", 401), (PASSWORD, 200)]
)
def test_with_a_password_nothing_is_seen_without_it(serving, given, status):
    headers = {} if given is None else {"authorization": "Basic " + base64.b64encode(f"me:{given}".encode()).decode()}
    with ThreadPoolExecutor() as side_by_side:  # a wrong password is told after a second
        answers = side_by_side.map(Asked(serving["closed"], headers), ("/", "/assets/app.css", "/gallery"))
        assert [answer[0] for answer in answers] == [status] * 3


def test_programs_with_the_token_do_all_of_it(serving, video):
    asked = Asked(serving["closed"], {"authorization": f"Bearer {TOKEN}"})
    assert Asked(serving["closed"], {"authorization": f"Bearer {TOKEN}x"})("/api/uploads")[0] == 401
    assert asked("/")[0] == 401  # the pages are for people
    key = asked.upload("walk.mp4", video)[1]["id"]
    job = asked.tree("/api/search", "POST", {"probes": [key], "gallery": key}, 202)
    assert job["kind"] == "run" and job["state"] in ("waiting", "working")
    events = asked(f"/api/jobs/{job['id']}/events")[1].decode().split("\n\n")
    ended = json.loads(events[-2].removeprefix("data: "))
    assert ended["state"] == "done" and len(events) > 2
    results = asked.tree(f"/api/runs/{ended['run']}")
    assert {"gallery", "probes"} <= results.keys()
    assert asked(f"/api/runs/{ended['run']}/files/report.html")[1].startswith(b"<!doctype html>")
    assert ended["run"] in [one["run"] for one in asked.tree("/api/runs")]
    refused = asked.tree("/api/people/abcdef01", "PATCH", {"name": "Ada"}, 400)
    assert "error" in refused and asked.tree("/api/people") == []


def test_kept_runs_are_seen_by_everybody_and_stay_when_the_server_ends(serving, place, video):
    program = Asked(serving["closed"], {"authorization": f"Bearer {TOKEN}"})
    key = program.upload("walk.mp4", video)[1]["id"]
    run = program.ended(program.tree("/api/search", "POST", {"probes": [key], "gallery": key}, 202)["id"])["run"]
    person = a_person(serving["closed"])
    del person.headers["cookie"]  # who has been given the address, and was never here
    assert person(f"/runs/{run}")[0] == 200 and run in person("/runs")[1].decode()
    assert person(f"/api/runs/{run}")[0] == 403
    stopped = program.tree("/api/search", "POST", {"probes": [key], "gallery": key}, 202)["id"]
    eventually(lambda: program.tree(f"/api/jobs/{stopped}")["state"] != "waiting")
    state = program.tree(f"/api/jobs/{stopped}", "DELETE")["state"]
    left = [path.name for path in (place / "kept").glob("2*")]
    assert state == "done" or sorted(left) == sorted(one["run"] for one in program.tree("/api/runs"))
    assert state == "done" or {path.name[:19] for path in (place / "kept" / ".resume").iterdir()} <= set(left)
    assert program("/api/mine", "DELETE")[0] == 200
    assert (place / "kept" / run / "results.json").is_file()


def a_person(port: int) -> Asked:
    """A visitor who knows the password."""
    asked = Asked(port, {"authorization": "Basic " + base64.b64encode(f"me:{PASSWORD}".encode()).decode()})
    asked.headers["cookie"] = asked("/")[2]["set-cookie"].partition(";")[0]
    return asked


def test_a_run_that_somebody_has_put_there_leads_nowhere_and_spoils_no_list(serving, place):
    kept = place / "kept"
    (place / "private").mkdir()
    (place / "private" / "secret.mp4").write_bytes(SECRET)
    (place / "private" / "results.json").write_text("{}")
    for name, results in {
        "linked": '{"gallery": {}, "probes": {}}',
        "odd": '{"gallery": {}, "probes": {"street": {"001": {"status": "known", "silhouettes": null}}}}',
        "list": "[]",
    }.items():
        (kept / name).mkdir(parents=True)
        (kept / name / "results.json").write_text(results)
        (kept / name / "run.json").write_text('{"inputs": {"street": {"size": "x"}}, "started": 7}')
    (kept / "linked" / "videos").symlink_to(place / "private")
    (kept / "elsewhere").symlink_to(place / "private")
    (kept / "pipe").mkdir()
    os.mkfifo(kept / "pipe" / "results.json")
    os.mkfifo(kept / "list" / "portrait.json")
    unknown = {"status": "unknown", "identity": None, "reason": "far from all", "silhouettes": 9}
    for folder in ("piped/portraits/street", "piped/tracks"):
        (kept / folder).mkdir(parents=True)
    (kept / "piped" / "run.json").write_text("{}")
    (kept / "piped" / "results.json").write_text(json.dumps({"gallery": {}, "probes": {"street": {"001": unknown}}}))
    (kept / "piped" / "tracks" / "street.txt").symlink_to(place / "private" / "secret.mp4")
    os.mkfifo(kept / "piped" / "portraits" / "street" / "001.jpg")
    asked = a_person(serving["closed"])
    status, page, _ = asked("/runs/piped")
    assert status == 200 and b"far from all" in page and SECRET not in page
    for way in ("linked/files/videos/secret.mp4", "elsewhere/files/secret.mp4", "pipe/files/results.json"):
        assert asked(f"/api/runs/{way}")[0] == 404
    for name in ("odd", "list"):
        assert asked(f"/runs/{name}")[0] == 400 and asked(f"/compare?run={name}")[0] == 200
    assert asked("/runs")[0] == asked("/")[0] == asked("/api/runs")[0] == 200
    for name in ("linked", "odd", "list", "pipe", "piped"):
        shutil.rmtree(kept / name)
    (kept / "elsewhere").unlink()


def test_what_is_wrong_with_a_video_is_said_without_its_place_here_and_earlier_answers_stay(port, video):
    asked = visit(port)
    key = asked.upload("walk.mp4", video)[1]["id"]
    run = asked.ended(asked.tree("/api/search", "POST", {"probes": [key], "gallery": key}, 202)["id"])["run"]
    broken = asked.upload("broken.mp4", video[:300])[1]["id"]
    ended = asked.ended(asked.tree("/api/search", "POST", {"probes": [broken], "gallery": key}, 202)["id"])
    assert ended["state"] == "refused" and ended["words"].startswith("broken.mp4: ")
    page = asked("/")[1].decode()
    assert f'data-run="{run}"' in page and "Not done." in page


def test_several_clips_are_enrolled_from_where_they_lie_under_any_names(port, place, video):
    asked = visit(port)
    one, other = (asked.upload("walk.mp4", content)[1]["id"] for content in (video, video + bytes(9)))
    job = asked.tree("/api/enrol", "POST", {"clips": {one: "Ada/../..", other: 'Bo "B" O\'Neil'}}, 202)
    ended = asked.ended(job["id"])
    clips = asked.tree(f"/api/runs/{ended['run']}")["clips"]
    assert sorted(clip["person"] for clip in clips) == ["Ada/../..", 'Bo "B" O\'Neil']
    assert len(uploads_in(place)) == len({path.stat().st_ino for path in uploads_in(place)})  # no links, no copies
    for person in asked.tree("/api/people"):
        asked(f"/api/people/{person['identity']}", "DELETE")


def test_the_api_is_described_where_programs_may_ask(serving):
    asked, program = a_person(serving["closed"]), Asked(serving["closed"], {"authorization": f"Bearer {TOKEN}"})
    assert program.tree("/openapi.json") == asked.tree("/openapi.json")
    schema = asked.tree("/openapi.json")
    page = asked("/docs")[1].decode()
    assert {"/api/uploads", "/api/search", "/api/jobs/{key}/events", "/api/people/{identity}"} <= set(schema["paths"])
    assert all(f"{path}" in page for path in schema["paths"])
    assert not re.findall(r'(?:src|href)="(?!/|data:,|#)', page) and not re.findall(r'="//', page)


def test_a_job_that_is_killed_takes_nothing_with_it(port, processes, video):
    asked = visit(port)
    key = asked.upload("walk.mp4", video)[1]["id"]
    job = asked.tree("/api/search", "POST", {"probes": [key], "gallery": key}, 202)["id"]
    eventually(lambda: jobs_of(processes["open"].pid) or asked.tree(f"/api/jobs/{job}")["state"] == "done", 60)
    for process in jobs_of(processes["open"].pid):
        subprocess.run(["kill", "-9", str(process)], check=False)
    ended = asked.ended(job)
    assert ended["state"] in ("refused", "done")  # it may have been quicker
    assert ended["state"] == "done" or ended["words"].startswith("the job ended without a word")
    again = asked.tree("/api/search", "POST", {"probes": [key], "gallery": key}, 202)["id"]
    assert asked.ended(again)["state"] == "done"
    assert len(asked.tree("/api/runs")) == 1 + (ended["state"] == "done")


def jobs_of(server: int) -> list[int]:
    """Processes of the server that work on a job: copies of the one that has loaded the libraries."""
    kept = {
        int(path.parent.name): path.read_text().rsplit(")")[-1].split() for path in Path("/proc").glob("[0-9]*/stat")
    }
    servers = {process for process, stat in kept.items() if int(stat[1]) == server}
    return [process for process, stat in kept.items() if int(stat[1]) in servers]


def test_too_many_jobs_do_not_wait_in_line(port, video):
    asked = visit(port)
    key = asked.upload("walk.mp4", video)[1]["id"]
    found = [asked("/api/search", "POST", {"probes": [key], "gallery": key}) for _ in range(8)]
    statuses = [status for status, _, _ in found]
    assert statuses[:4] == [202] * 4 and 400 in statuses
    for one in asked.tree("/api/jobs"):
        asked(f"/api/jobs/{one['id']}", "DELETE")
    eventually(lambda: all(one["state"] not in ("waiting", "working") for one in asked.tree("/api/jobs")))


def test_another_visitors_job_cannot_be_seen_or_stopped(port, video):
    one, other = visit(port), visit(port)
    key = one.upload("walk.mp4", video)[1]["id"]
    job = one.tree("/api/search", "POST", {"probes": [key], "gallery": key}, 202)["id"]
    for method, path in (("GET", ""), ("GET", "/events"), ("DELETE", "")):
        assert other(f"/api/jobs/{job}{path}", method)[0] == 404
    ended = one.ended(job)
    assert ended["state"] == "done"
    for path in ("", "/files/report.html", "/files/results.json"):
        assert one(f"/api/runs/{ended['run']}{path}")[0] == 200
        assert other(f"/api/runs/{ended['run']}{path}")[0] == 404
    assert other(f"/runs/{ended['run']}")[0] == 404 and one(f"/runs/{ended['run']}")[0] == 200


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--host", "0.0.0.0"], "add --allow-network and --password."),
        (["--host", "0.0.0.0", "--allow-network"], "Set a password: --password TEXT"),
        (["--host", "0.0.0.0", "--password", PASSWORD], "add --allow-network"),
        (["--host", "::", "--allow-network"], "Set a password"),
        (["--password", "short"], "Take 8 or more."),
        (["--password", "correct\nhorse"], "has what nobody can type"),
        (["--api", "short"], "a token is 16 letters"),
        (["--config", "nothing"], "no profile 'nothing'"),
        (["--host", "192.0.2.1", "--allow-network", "--password", PASSWORD], "cannot be served there"),
    ],
    ids=[
        "network",
        "no password",
        "not said",
        "IPv6",
        "short",
        "line break",
        "short token",
        "profile",
        "no such address",
    ],
)
def test_what_would_open_the_door_is_refused_in_one_line(gait, options, said):
    done = gait("serve", "--port", "0", *options)
    assert done.returncode == 2 and done.stdout == ""
    assert done.stderr.startswith("gait: ") and said in done.stderr and done.stderr.count("\n") == 1


def test_without_fastapi_it_says_how_to_get_it():
    code = (
        "import sys; sys.modules['fastapi'] = None; sys.argv = ['gait', 'serve']; from pipeline.cli import main; main()"
    )
    done = run_python(code, status=2)
    assert done.stderr == (
        "gait: gait serve needs FastAPI and uvicorn, which are not installed. Get them: pip install 'gaitid[ui]'\n"
    )


def test_nothing_else_imports_fastapi():
    code = (
        "import sys, pipeline.jobs.run, pipeline.cli, pipeline.report, pipeline.commands.run, pipeline.web; "
        "print([name for name in ('fastapi', 'starlette', 'uvicorn') if name in sys.modules])"
    )
    done = run_python(code)
    assert done.stdout == "[]\n"


# The last on this page: it ends a server that the others ask.
def test_ending_the_server_leaves_nothing_behind(serving, processes, place, video):
    process, asked = processes["open"], visit(serving["open"])
    assert asked.upload("walk.mp4", video)[0] == 200
    before = {path.name for path in (place / "tmp").glob("gait-serve-*")}
    process.terminate()
    _, err = finish(process, 30)
    assert err == ""
    assert len({path.name for path in (place / "tmp").glob("gait-serve-*")}) == len(before) - 1
