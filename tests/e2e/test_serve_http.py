"""`gait serve` asked without a browser: what it gives to whom, and what it refuses."""

from __future__ import annotations

import base64
import http.client
import importlib.util
import json
import subprocess
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote, urlsplit

import clips
import pytest
from processes import finish, killed, run_python

pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("gradio") is None, reason="gradio is not installed (the extra ui)"
)

PASSWORD = "correct horse"


@dataclass
class Asked:
    """One visitor: keeps the cookie that the start page gives."""

    port: int
    headers: dict[str, str] = field(default_factory=dict)

    def __call__(self, path: str, method: str = "GET", body: bytes = b"", **headers: str) -> tuple[int, bytes, dict]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        connection.putrequest(method, path, skip_host="host" in headers, skip_accept_encoding=True)
        for name, value in {**self.headers, **headers}.items():
            connection.putheader(name.replace("_", "-"), value)
        if body:
            connection.putheader("content-length", str(len(body)))
        connection.endheaders(body)
        answer = connection.getresponse()
        content = answer.read()
        connection.close()
        return answer.status, content, {name.lower(): value for name, value in answer.getheaders()}

    def upload(self, name: str, content: bytes) -> tuple[int, bytes]:
        mark = uuid.uuid4().hex
        head = f'--{mark}\r\nContent-Disposition: form-data; name="files"; filename="{name}"\r\n\r\n'
        body = head.encode() + content + f"\r\n--{mark}--\r\n".encode()
        return self("/gradio_api/upload", "POST", body, content_type=f"multipart/form-data; boundary={mark}")[:2]


def visit(port: int) -> Asked:
    """A new visitor, who has opened the start page."""
    asked = Asked(port)
    status, _, headers = asked("/")
    assert status == 200
    asked.headers["cookie"] = headers["set-cookie"].partition(";")[0]
    return asked


@pytest.fixture(scope="module")
def processes() -> dict[str, subprocess.Popen[str]]:
    """Those of `serving`, by name."""
    return {}


@pytest.fixture(scope="module")
def serving(gait_in, tmp_path_factory, processes) -> Iterator[dict[str, int]]:
    """Two servers, one of them with a password: their ports."""
    folder = tmp_path_factory.mktemp("serve")
    gait = gait_in(folder)
    clips.plain(folder / "secret.mp4")
    processes |= {
        name: gait.start("serve", "--port", "0", "--config", "offline", "--max-upload-mb", "1", *more)
        for name, more in {"open": (), "closed": ("--password", PASSWORD)}.items()
    }
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
            finish(process, 30)


@pytest.fixture(scope="module")
def port(serving) -> int:
    return serving["open"]


def test_a_visitor_gets_a_cookie_that_no_script_reads(port):
    status, page, headers = Asked(port)("/")
    cookie = headers["set-cookie"]
    assert status == 200 and b"gradio" in page
    assert cookie.startswith(f"gait_visitor_{port}=") and "HttpOnly" in cookie and "SameSite=Lax" in cookie
    assert len(cookie.partition("=")[2].partition(";")[0]) >= 43  # 256 bits
    assert "default-src 'self'" in headers["content-security-policy"]
    assert headers["x-content-type-options"] == "nosniff"


def test_two_visitors_are_two(port):
    assert visit(port).headers != visit(port).headers


@pytest.mark.parametrize(
    "cookie", ["", "gait_visitor_{port}=", "gait_visitor_{port}=../../etc", "gait_visitor_{port}=a"]
)
def test_a_cookie_that_was_not_given_opens_nothing(port, cookie):
    asked = Asked(port, {"cookie": cookie.format(port=port)})
    assert asked("/runs/2026_01_01_00_00_00/report.html")[0] == 403
    assert asked("/gradio_api/queue/data?session_hash=x")[0] == 403
    assert asked.upload("a.mp4", b"x")[0] == 403


WAYS_OUT = [
    "/runs/../../../../../../etc/passwd",
    "/runs/%2e%2e/%2e%2e/%2e%2e/%2e%2e/%2e%2e/etc/passwd",
    "/runs/..%2f..%2f..%2f..%2f..%2fetc%2fpasswd",
    "/runs//etc/passwd",
    "/runs/%00/etc/passwd",
    "/runs/" + "a" * 3000,
    "/runs/..%5c..%5cetc%5cpasswd",
    "/gradio_api/file=/etc/passwd",
    "/gradio_api/file=../../../../etc/passwd",
    "/gradio_api/file=%2fetc%2fpasswd",
    "/gradio_api/file=http://127.0.0.1:1/",
    "/file=/etc/passwd",
    "/gradio_api/file/etc/passwd",
    "/gradio_api/proxy=http://127.0.0.1:1/",
    "/static/../../../../../../../etc/passwd",
    "/static/..%2f..%2f..%2f..%2f..%2f..%2f..%2fetc%2fpasswd",
    "/assets/..%2f..%2f..%2f..%2f..%2f..%2f..%2fetc%2fpasswd",
    "/assets//etc/passwd",
    "/svelte/..%2f..%2f..%2f..%2f..%2f..%2fetc%2fpasswd",
    "/gradio_api/custom_component/1/client/component/..%2f..%2fetc%2fpasswd",
    "/gradio_api/stream/a/b/1/playlist-file",
    "/gradio_api/run-history/records",
    "/gradio_api/vibe-code",
    "/gradio_api/info",
    "/monitoring",
    "/docs",
    "/openapi.json",
]


@pytest.mark.parametrize("path", WAYS_OUT)
def test_no_way_leads_out_of_the_app(port, path):
    status, content, _ = visit(port)(path)
    assert status in (403, 404), content
    assert b"root:" not in content


def test_an_upload_stays_in_its_folder_whatever_its_name(port, tmp_path):
    asked = visit(port)
    content = clips.plain(tmp_path / "walk.mp4").read_bytes()
    status, answer = asked.upload("../../../../evil/../walk.mp4", content)
    assert status == 200
    (path,) = map(Path, json.loads(answer))
    assert path.read_bytes() == content and path == path.resolve()
    folder = next(parent for parent in path.parents if parent.name == "uploads")
    assert folder.parent.name.startswith("gait-serve-") and folder.parent.stat().st_mode & 0o077 == 0
    assert asked(f"/gradio_api/file={quote(str(path))}")[:2] == (200, content)


def test_an_upload_is_its_visitors_own(port, tmp_path):
    one, other = visit(port), visit(port)
    (path,) = json.loads(one.upload("walk.mp4", clips.plain(tmp_path / "walk.mp4", frames=21).read_bytes())[1])
    for way in (path, quote(path), quote(path, safe=""), f"{Path(path).parent}/./{Path(path).name}"):
        assert one(f"/gradio_api/file={way}")[0] == 200
        assert other(f"/gradio_api/file={way}")[0] == 404
        assert Asked(port)(f"/gradio_api/file={way}")[0] == 404


def test_an_upload_may_not_be_larger_than_said(port):
    status, content = visit(port).upload("large.mp4", b"\0" * (2**20 + 200_000))
    assert status == 413, content


def test_uploads_are_not_kept_without_end(port):
    asked = visit(port)
    statuses = [asked.upload(f"{n}.mp4", bytes([n]) * 1_000_000)[0] for n in range(8)]
    assert statuses[:6] == [200] * 6 and statuses[6:] == [413, 413]


@pytest.mark.parametrize("host", ["evil.example", "evil.example:7860", "127.0.0.1.evil.example", ""])
def test_a_name_that_is_not_ours_is_refused(port, host):
    assert visit(port)("/", host=host)[0] in (400, 403)


@pytest.mark.parametrize("origin", ["http://evil.example", "null", "http://127.0.0.1:1"])
def test_another_page_may_not_ask(port, origin):
    assert (
        visit(port)("/gradio_api/queue/join", "POST", b"{}", origin=origin, content_type="application/json")[0] == 403
    )


@pytest.mark.parametrize(
    ("given", "status"), [(None, 401), ("", 401), ("wrong", 401), (f"{PASSWORD} ", 401), (PASSWORD, 200)]
)
def test_with_a_password_nothing_is_seen_without_it(serving, given, status):
    headers = {} if given is None else {"authorization": "Basic " + base64.b64encode(f"me:{given}".encode()).decode()}
    for path in ("/", "/theme.css", "/config"):
        assert Asked(serving["closed"], headers)(path)[0] == status


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--host", "0.0.0.0"], "add --allow-network and --password."),
        (["--host", "0.0.0.0", "--allow-network"], "Set a password: --password TEXT"),
        (["--host", "0.0.0.0", "--password", PASSWORD], "add --allow-network"),
        (["--host", "::", "--allow-network"], "Set a password"),
        (["--password", "short"], "Take 8 or more."),
        (["--config", "nothing"], "no profile 'nothing'"),
        (["--host", "192.0.2.1", "--allow-network", "--password", PASSWORD], "cannot be served there"),
    ],
    ids=["network", "no password", "not said", "IPv6", "short", "profile", "no such address"],
)
def test_what_would_open_the_door_is_refused_in_one_line(gait, options, said):
    done = gait("serve", "--port", "0", *options)
    assert done.returncode == 2 and done.stdout == ""
    assert done.stderr.startswith("gait: ") and said in done.stderr and done.stderr.count("\n") == 1


def test_without_gradio_it_says_how_to_get_it():
    code = (
        "import sys; sys.modules['gradio'] = None; sys.argv = ['gait', 'serve']; from pipeline.cli import main; main()"
    )
    done = run_python(code, status=2)
    assert done.stderr == "gait: gait serve needs Gradio, which is not installed. Get it: pip install 'gaitid[ui]'\n"


def test_nothing_else_imports_gradio():
    code = (
        "import sys, pipeline.jobs.run, pipeline.cli, pipeline.report, pipeline.commands.run, pipeline.web; "
        "print([name for name in ('gradio', 'fastapi', 'uvicorn', 'pandas') if name in sys.modules])"
    )
    done = run_python(code)
    assert done.stdout == "[]\n"


# The last on this page: it ends a server that the others ask.
def test_ending_the_server_leaves_nothing_behind(serving, processes, tmp_path):
    process, asked = processes["open"], visit(serving["open"])
    (path,) = map(Path, json.loads(asked.upload("walk.mp4", clips.plain(tmp_path / "walk.mp4").read_bytes())[1]))
    assert path.is_file()
    process.terminate()
    _, err = finish(process, 30)
    assert err == ""
    assert not next(parent for parent in path.parents if parent.name == "uploads").parent.exists()
