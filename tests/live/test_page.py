"""The page: pictures for several viewers at once, slow ones among them, and for nobody from elsewhere."""

from __future__ import annotations

import http.client
import json
import re
import socket
import threading

import cv2
import numpy as np
import pytest

from pipeline.errors import ConfigError
from pipeline.live import page as live_page
from pipeline.live.page import Page

ADA = {"track": 1, "status": "known", "name": "Ada <b>", "confidence": 0.9}


def picture(number, size=(64, 48)):
    """Its brightness is its number."""
    return np.full((size[1], size[0], 3), number, np.uint8)


@pytest.fixture
def page():
    with Page(0) as page:
        yield page


def port(page):
    return int(re.search(r":(\d+)/$", page.address)[1])


def get(page, path, **headers):
    connection = http.client.HTTPConnection("127.0.0.1", port(page), timeout=10)
    connection.request("GET", path, headers=headers)
    return connection.getresponse()


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
    assert '<html lang="en">' in html and "<title>" in html and "alt=" in html and "aria-live" in html
    assert not re.search(r"(?:src|href)=[\"'](?:https?:)?//", html)
    assert "innerHTML" not in html  # names are text, whatever is in them
    policy = response.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy and "frame-ancestors 'none'" in policy
    assert response.headers["Cache-Control"] == "no-store"


def test_who_is_in_the_picture_can_be_read(page):
    page.show(picture(1), [ADA])
    assert json.loads(get(page, "/people.json").read()) == {"people": [ADA]}


def test_the_stream_is_mjpeg_of_the_newest_pictures(page):
    page.show(picture(50), [])
    page.show(picture(90), [])
    response = get(page, "/stream.mjpg")
    assert response.headers["Content-Type"].startswith("multipart/x-mixed-replace; boundary=")
    (first,) = pictures(response, 1)
    assert first.shape == (48, 64, 3) and abs(first.mean() - 90) < 3
    page.show(picture(130), [])
    (second,) = pictures(response, 1)
    assert abs(second.mean() - 130) < 3


def test_a_viewer_that_comes_later_gets_no_old_picture(page):
    page.show(picture(20), [])
    early = get(page, "/stream.mjpg")
    next(pictures(early, 1))
    early.close()
    while page._viewers:  # its thread notices at the next picture
        page.show(picture(200), [])
    page.show(picture(200), [])
    (seen,) = pictures(get(page, "/stream.mjpg"), 1)
    assert abs(seen.mean() - 200) < 3


def test_several_viewers_see_the_same(page):
    page.show(picture(70), [])
    responses = [get(page, "/stream.mjpg") for _ in range(4)]
    assert all(abs(next(pictures(response, 1)).mean() - 70) < 3 for response in responses)


def test_a_viewer_that_takes_nothing_holds_nobody_up(page):
    rng = np.random.default_rng(0)
    noisy = [rng.integers(0, 256, (480, 640, 3), np.uint8) for _ in range(4)]  # 300 kB each: its buffers are full soon
    stuck = socket.create_connection(("127.0.0.1", port(page)))
    stuck.sendall(f"GET /stream.mjpg HTTP/1.1\r\nHost: 127.0.0.1:{port(page)}\r\n\r\n".encode())
    page.show(noisy[0], [])
    assert stuck.recv(100).startswith(b"HTTP/1.1 200")  # and not one byte more
    brisk = get(page, "/stream.mjpg")
    seen = 0
    for number in range(30):
        page.show(noisy[number % 4], [])
        seen += len(list(pictures(brisk, 1)))
    assert seen == 30
    assert page._jpeg[0] >= 30
    stuck.close()


def test_showing_returns_at_once_though_nobody_looks(page):
    for number in range(1000):
        page.show(picture(number % 256), [])
    assert page._jpeg == (0, b"")  # and nothing was compressed for nobody


def test_too_many_viewers_are_refused(page, monkeypatch):
    monkeypatch.setattr(live_page, "MOST_VIEWERS", 2)
    page.show(picture(1), [])
    kept = [get(page, "/stream.mjpg") for _ in range(2)]
    assert get(page, "/stream.mjpg").status == 503
    assert [response.status for response in kept] == [200, 200]


@pytest.mark.parametrize("host", ["evil.example", "evil.example:8008", ""])
def test_a_page_of_the_web_cannot_look_through_a_name_of_its_own(page, host):
    page.show(picture(1), [ADA])
    for path in ("/", "/people.json", "/stream.mjpg"):
        assert get(page, path, Host=host).status == 403
    assert get(page, "/people.json", Host=f"localhost:{port(page)}").status == 200


@pytest.mark.parametrize("path", ["/page.py", "/../page.py", "/%2e%2e/config.py", "/etc/passwd"])
def test_nothing_else_is_served(page, path):
    assert get(page, path).status == 404


def test_only_this_computer_can_reach_it(page):
    assert page._server.server_address[0] == "127.0.0.1"


def test_a_port_that_is_taken_is_one_line():
    with Page(0) as first, pytest.raises(ConfigError, match=r"--port \d+: the page cannot be served there"):
        Page(port(first))


def test_viewers_are_let_go_when_the_page_ends():
    with Page(0) as page:
        page.show(picture(1), [])
        response = get(page, "/stream.mjpg")
        next(pictures(response, 1))
        ended = threading.Thread(target=response.read)
        ended.start()
    ended.join(10)
    assert not ended.is_alive()
