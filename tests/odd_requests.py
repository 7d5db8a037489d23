"""Requests, names and paths that nobody means well with: `import odd_requests`."""

from __future__ import annotations

import itertools

FOREIGN = [
    "/etc/passwd",
    "/dev/zero",
    "/dev/stdin",
    "/proc/self/environ",
    "secret.mp4",
    "./secret.mp4",
    "../secret.mp4",
    "inputs/../secret.mp4",
    "inputs//etc/passwd",
    "inputs/",
    "inputs",
    "file:///etc/passwd",
    "http://127.0.0.1:{port}/a.mp4",
    "rtsp://127.0.0.1:{port}/a",
    "0",
    "/dev/video0",
    "concat:/etc/passwd",
    "data:video/mp4;base64,AAAA",
    "\u0000",
    "~/.ssh/id_rsa",
]


NAMES = [
    "../../../../evil/../walk.mp4",
    "..\\..\\walk.mp4",
    "/etc/cron.d/walk.mp4",
    "C:\\walk.mp4",
    "walk.mp4/",
    ".mp4",
    "..mp4",
    "con.mp4",
    "a" * 400 + ".mp4",
    "\u202egpj.mp4",
    "<script>alert(1)</script>.mp4",
    "walk\n.mp4",
    "walk\x00.mp4",
    "- rf.mp4",
    "$(id).mp4",
    "`id`.mp4",
    "%2e%2e%2fwalk.mp4",
    "ünï.mp4",
    "walk.mp4;.mp4",
    "Ⅳ walk.mp4",
]


SCRIPTS = [
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    '"><svg onload=alert(1)>',
    "'-alert(1)-'",
    "javascript:alert(1)",
    "{{7*7}}",
    "${7*7}",
    "{%x%}",
    "&lt;b&gt;",
    "</textarea><b>",
    "--><b>",
    "]]><b>",
    "<b>evil</b>",
    "a&b",
    "\\u003cb\\u003e",
    "<iframe src=//x>",
    "<a href=x>",
    "<!--",
    "<style>*{}</style>",
]


def ways_out() -> list[str]:
    """Paths that lead out of folders, spelt in many ways, after each beginning that takes a name."""
    ups = ["..", "%2e%2e", "..%2f..", "%2e%2e%2f%2e%2e", "..%5c..", "....//", "..;", "%c0%ae%c0%ae", "%252e%252e", "."]
    ends = ["etc/passwd", "%2fetc%2fpasswd", "secret.json", "..%2f..%2fsecret.json", "proc/self/environ"]
    starts = ["/", "/assets/", "/runs/", "/api/runs/", "/api/runs/x/files/"]
    walked = [f"{start}{up}/{up}/{up}/{end}" for start, up, end in itertools.product(starts, ups, ends)]
    odd = [
        "/%00",
        "//etc/passwd",
        "/" + "a" * 6000,
        "/api/jobs/../../x",
        "/assets/%00app.css",
        "/docs",
        "/openapi.json",
    ]
    return [
        *walked,
        *odd,
        "/runs/%00/x",
        "/api/uploads/../runs",
        "/api/people/..%2f..%2f",
        "/gradio_api/file=/etc/passwd",
    ]


def oddities() -> list[bytes]:
    """Requests that no browser makes."""
    host = b"Host: 127.0.0.1\r\n"
    names = [
        b"evil.example",
        b"evil.example:80",
        b"[::1",
        b"[",
        b"127.0.0.1:port",
        b"127.0.0.1:99999",
        b"127.0.0.1@evil",
        b"evil@127.0.0.1",
        b"",
        b" ",
        b"a b",
        b"127.0.0.1/..",
        b"127.0.0.1?x",
        b"127.0.0.1#x",
        b"\xff\xfe",
        b"127.0.0.1.evil",
        b"127.0.0.1:0",
        b"127.0.0.1:-1",
        b"0x7f000001",
        b"localhost.evil.example",
    ]
    odd = [b"GET / HTTP/1.1\r\nHost: " + name + b"\r\n\r\n" for name in names]
    odd += [
        b"GET / HTTP/1.1\r\n" + host + name + b"\r\n\r\n"
        for name in (
            b"Origin: http://evil.example",
            b"Origin: null",
            b"Origin: http://[",
            b"Origin: http://127.0.0.1:1",
            b"Origin: ///",
            host.strip(),
            b"Authorization: Bearer",
            b"Authorization: Bearer ../..",
            b"Transfer-Encoding: gzip",
            b"Content-Length: -1",
            b"Content-Length: x",
            b"Content-Length: 99999999999999999999",
            b"Expect: 100-continue\r\nContent-Length: 5",
            b": x",
            b"a" * 70_000,
            b"Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: x\r\nSec-WebSocket-Version: 13",
        )
    ]
    odd += [
        b"GET / HTTP/1.1\r\n" + host + b"Cookie: " + name + b"\r\n\r\n"
        for name in (
            b"=",
            b";;;",
            b"a=b=c",
            b'x="',
            b"\xff=\xfe",
            b"gait_visitor=\x01",
            b"a=" + b"b" * 9000,
            b"gait_visitor_1=\r\nX: y",
        )
    ]
    odd += [
        method + b" / HTTP/1.1\r\n" + host + b"\r\n"
        for method in (
            b"TRACE",
            b"CONNECT",
            b"PUT",
            b"PATCH",
            b"DELETE",
            b"OPTIONS",
            b"get",
            b"\x00",
            b"G" * 900,
            b"PRI",
        )
    ]
    odd += [
        line + b"\r\n" + host + b"\r\n"
        for line in (
            b"GET http://evil.example/ HTTP/1.1",
            b"GET / HTTP/9.9",
            b"GET /",
            b"GET  / HTTP/1.1",
            b"GET / HTTP/1.0",
            b"GET * HTTP/1.1",
            b"GET /\x00 HTTP/1.1",
            b"GET /\xff HTTP/1.1",
            b"GET /?" + b"a" * 9000 + b" HTTP/1.1",
            b"",
            b"\x16\x03\x01\x02\x00",
        )
    ]
    post = b"POST /api/search HTTP/1.1\r\n" + host + b"x-gait: 1\r\n"
    odd += [
        post + tail
        for tail in (
            b"\r\n",
            b"Content-Length: 10\r\n\r\n{}",
            b"Transfer-Encoding: chunked\r\n\r\nzz\r\n",
            b"Transfer-Encoding: chunked\r\n\r\n5\r\n{}",
            b"Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n{}",
            b"Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}x",
            b"Content-Type: multipart/form-data\r\nContent-Length: 2\r\n\r\n{}",
            b"Sec-Fetch-Site: cross-site\r\nContent-Length: 2\r\n\r\n{}",
            b"Content-Length: 1200000\r\n\r\n" + b" " * 1_200_000,
            b"Content-Type: text/html\r\nContent-Length: 4\r\n\r\n\xff\xff\xff\xff",
        )
    ]
    odd += [
        b"GET /api/jobs/x/events HTTP/1.1\r\n" + host + b"\r\n",
        b"\r\n" * 2000,
        b"A" * 100_000,
        b"GET / HTTP/1.1\r\nHost",
        b"\r\n\r\n",
        b"GET / HTTP/1.1\r\n\r\n",
    ]
    return odd
