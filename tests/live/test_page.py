"""The page: pictures for several viewers at once, slow ones among them, and for nobody from elsewhere."""

from __future__ import annotations

import http.client
import json
import re
import socket
import threading
import time
from contextlib import ExitStack, suppress

import cv2
import numpy as np
import pytest

from pipeline.errors import ConfigError
from pipeline.live import page as live_page
from pipeline.live.page import Page

NOISE = np.random.default_rng(0).integers(0, 256, (480, 640, 3), np.uint8)  # 300 kB each: buffers are full soon
ADA = {"track": 1, "status": "known", "name": "Ada <b>", "confidence": 0.9}


def picture(number, size=(64, 48)):
    """Its brightness is its number."""
    return np.full((size[1], size[0], 3), number, np.uint8)


@pytest.fixture
def page():
    with Page(0, lambda: {"people": [ADA]}) as page:
        yield page


def port(page):
    return int(re.search(r":(\d+)/$", page.address)[1])


def get(page, path, **headers):
    connection = http.client.HTTPConnection("127.0.0.1", port(page), timeout=10)
    connection.request("GET", path, headers=headers)
    return connection.getresponse()


def request(page, path):
    return f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port(page)}\r\n\r\n"


def connected(page, text):
    """A connection over which this was sent, and nothing is taken but by its reader."""
    caller = socket.create_connection(("127.0.0.1", port(page)), timeout=10)
    with suppress(ConnectionError):  # let go while it still talks
        caller.sendall(text.encode("latin-1"))
    return caller


def said(caller):
    """All that comes until the other side ends it."""
    content = b""
    with suppress(ConnectionError):
        while part := caller.recv(1 << 20):
            content += part
    return content


def soon(happens):
    """Whether it does, asked again and again."""
    return any(happens() or time.sleep(0.01) for _ in range(1000))


def pictures(response, count):
    """So many parts of a multipart stream, decoded."""
    boundary = response.headers["Content-Type"].partition("boundary=")[2]
    for _ in range(count):
        assert response.readline() == f"--{boundary}\r\n".encode()
        head = {}
        while (line := response.readline()) != b"\r\n":
            name, _, value = line.decode().partition(":")
            head[name.lower()] = value.strip()
        assert head["content-type"] == "image/jpeg"
        content = response.read(int(head["content-length"]))
        assert response.readline() == b"\r\n"
        yield cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_COLOR)


def test_the_page_is_whole_accessible_and_takes_nothing_from_elsewhere(page):
    response = get(page, "/")
    html = response.read().decode()
    assert response.status == 200 and response.headers["Content-Type"] == "text/html; charset=utf-8"
    assert '<html lang="en">' in html and "<title>" in html and ".alt =" in html and "aria-live" in html
    assert not re.search(r"(?:src|href)=[\"'](?:https?:)?//", html)
    assert "innerHTML" not in html  # names are text, whatever is in them
    policy = response.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy and "frame-ancestors 'none'" in policy
    assert response.headers["Cache-Control"] == "no-store"


def test_who_is_in_the_picture_can_be_read(page):
    assert json.loads(get(page, "/people.json").read()) == {"people": [ADA]}


def test_the_stream_is_mjpeg_of_the_newest_pictures(page):
    page.show(picture(50))
    page.show(picture(90))
    response = get(page, "/stream.mjpg")
    assert response.headers["Content-Type"].startswith("multipart/x-mixed-replace; boundary=")
    (first,) = pictures(response, 1)
    assert first.shape == (48, 64, 3) and abs(first.mean() - 90) < 3
    page.show(picture(130))
    (second,) = pictures(response, 1)
    assert abs(second.mean() - 130) < 3


def test_a_viewer_that_comes_later_gets_no_old_picture(page):
    page.show(picture(20))
    early = get(page, "/stream.mjpg")
    next(pictures(early, 1))
    early.close()
    while page._viewers:  # its thread notices at the next picture
        page.show(picture(200))
    page.show(picture(200))
    (seen,) = pictures(get(page, "/stream.mjpg"), 1)
    assert abs(seen.mean() - 200) < 3


def test_several_viewers_see_the_same(page):
    page.show(picture(70))
    responses = [get(page, "/stream.mjpg") for _ in range(4)]
    assert all(abs(next(pictures(response, 1)).mean() - 70) < 3 for response in responses)


def test_a_viewer_that_takes_nothing_holds_nobody_up(page):
    stuck = connected(page, request(page, "/stream.mjpg"))
    page.show(NOISE)
    assert stuck.recv(100).startswith(b"HTTP/1.1 200")  # and not one byte more
    brisk = get(page, "/stream.mjpg")
    seen = 0
    for _ in range(30):
        page.show(NOISE)
        seen += len(list(pictures(brisk, 1)))
    assert seen == 30
    assert page._pictures[1].number >= 30
    stuck.close()


def test_showing_returns_at_once_though_nobody_looks(page):
    for number in range(1000):
        page.show(picture(number % 256))
    assert page._pictures[1].number == 0  # and nothing was compressed for nobody


def test_a_new_viewer_gets_the_place_of_who_came_first(page, monkeypatch):
    monkeypatch.setattr(live_page, "MOST_VIEWERS", 2)
    page.show(picture(70))
    with connected(page, request(page, "/stream.mjpg")) as first:
        assert first.recv(10) == b"HTTP/1.1 2"
        second, third = (get(page, "/stream.mjpg") for _ in range(2))
        assert all(abs(next(pictures(viewer, 1)).mean() - 70) < 3 for viewer in (second, third))
        said(first)  # comes to an end
    page.show(picture(130))
    assert abs(next(pictures(second, 1)).mean() - 130) < 3


def test_who_takes_no_pictures_goes_before_those_who_look(page, monkeypatch):
    monkeypatch.setattr(live_page, "MOST_VIEWERS", 2)
    brisk = get(page, "/stream.mjpg")
    with connected(page, request(page, "/stream.mjpg")) as stuck:
        assert stuck.recv(10) == b"HTTP/1.1 2"

        def waits():
            page.show(NOISE)
            next(pictures(brisk, 1))
            return min(page._viewers.values()) < page._loop.time() - 0.1

        assert soon(waits)
        next(pictures(get(page, "/stream.mjpg"), 1))
        said(stuck)
        page.show(NOISE)
        next(pictures(brisk, 1))


def test_a_viewer_that_takes_nothing_for_long_is_let_go(page, monkeypatch):
    monkeypatch.setattr(live_page, "PATIENCE_S", 0.1)
    with connected(page, request(page, "/stream.mjpg")) as stuck:
        assert stuck.recv(10) == b"HTTP/1.1 2"
        assert soon(lambda: page.show(NOISE) or not page._viewers)


@pytest.mark.parametrize(
    "more",
    ["Content-Length: {size}\r\n\r\n{body}", "Transfer-Encoding: chunked\r\n\r\n{body}", "\r\n{body}"],
    ids=["body", "chunks", "pipelined"],
)
def test_a_connection_is_for_one_request(page, more):
    body = request(page, "/people.json")
    with connected(page, request(page, "/")[:-2] + more.format(size=len(body), body=body)) as caller:
        answer = said(caller)
    assert answer.count(b"HTTP/1.1 ") == 1 and b"gait live" in answer and b'people":' not in answer


def test_a_request_that_drips_is_let_go(page, monkeypatch):
    monkeypatch.setattr(live_page, "HEAD_S", 0.1)
    with connected(page, "GET / HTTP/1.1\r\nX: ") as caller:
        caller.setblocking(False)

        def gone():
            try:
                caller.send(b"x")
                return caller.recv(1) == b""
            except BlockingIOError:
                return False
            except OSError:
                return True

        assert soon(gone)


@pytest.mark.parametrize("start", ["", "GET /people.json HTTP/1.1\r\n"], ids=["nothing", "half a request"])
def test_callers_who_ask_for_nothing_keep_nobody_out(page, monkeypatch, start):
    monkeypatch.setattr(live_page, "MOST_CALLERS", 3)
    with ExitStack() as stack:
        callers = [stack.enter_context(connected(page, start)) for _ in range(8)]
        assert get(page, "/people.json").status == 200
        assert [said(caller) for caller in callers[:5]] == [b""] * 5


@pytest.mark.parametrize("head", ["x" * 100_000, "GET\r\n\r\n", "\r\n\r\n", "\0\xff:\r\n\r\n", "POST / HTTP/1.1"])
def test_what_is_no_request_ends(page, head):
    with connected(page, head) as caller:
        with suppress(OSError):  # what was not read resets the connection
            caller.shutdown(socket.SHUT_WR)
        assert b" 200 " not in said(caller)


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
def test_another_page_cannot_take_viewers_places(page, site):
    for path, status in [("/stream.mjpg", 403), ("/people.json", 403), ("/", 200)]:
        assert get(page, path, **{"Sec-Fetch-Site": site}).status == status
    assert get(page, "/people.json", **{"Sec-Fetch-Site": "same-origin"}).status == 200


def test_nothing_can_be_sent_to_it(page):
    connection = http.client.HTTPConnection("127.0.0.1", port(page), timeout=10)
    connection.request("POST", "/", body=b"x")
    assert connection.getresponse().status == 405


@pytest.mark.parametrize("host", ["evil.example", "evil.example:8008", ""])
def test_a_page_of_the_web_cannot_look_through_a_name_of_its_own(page, host):
    page.show(picture(1))
    for path in ("/", "/people.json", "/stream.mjpg"):
        assert get(page, path, Host=host).status == 403
    assert get(page, "/people.json", Host=f"localhost:{port(page)}").status == 200


@pytest.mark.parametrize("path", ["/page.py", "/../page.py", "/%2e%2e/config.py", "/etc/passwd"])
def test_nothing_else_is_served(page, path):
    assert get(page, path).status == 404


def test_only_this_computer_can_reach_it(page):
    assert page._socket.getsockname()[0] == "127.0.0.1"


def test_a_port_that_is_taken_is_one_line():
    with Page(0) as first, pytest.raises(ConfigError, match=r"--port \d+: the page cannot be served there"):
        Page(port(first))


def test_viewers_are_let_go_when_the_page_ends():
    with Page(0) as page:
        page.show(picture(1))
        response = get(page, "/stream.mjpg")
        next(pictures(response, 1))
        ended = threading.Thread(target=response.read)
        ended.start()
    ended.join(10)
    assert not ended.is_alive()


def test_every_camera_has_a_stream_of_its_own():
    with Page(0, cameras=3) as page:
        for camera in (1, 2, 3):
            page.show(picture(60 * camera), camera)
        for camera, path in ((1, "/stream.mjpg"), (2, "/stream-2.mjpg"), (3, "/stream-3.mjpg")):
            (seen,) = pictures(get(page, path), 1)
            assert abs(seen.mean() - 60 * camera) < 3
        assert get(page, "/stream-4.mjpg").status == 404
        assert get(page, "/stream-2.mjpg", **{"Sec-Fetch-Site": "cross-site"}).status == 403


def test_more_cameras_than_a_browser_shows_are_refused():
    with pytest.raises(ConfigError, match="a browser shows 5 cameras"):
        Page(0, cameras=6)
