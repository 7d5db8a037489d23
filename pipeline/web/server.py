"""The app put together: Gradio's page behind our guard, on a socket of this machine."""

from __future__ import annotations

import contextlib
import logging
import os
import shutil
import socket
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any

from pipeline.config import DEFAULT_PROFILE
from pipeline.errors import ConfigError
from pipeline.profiles import Options, profiles
from pipeline.web.guard import RUNS, Guard
from pipeline.web.uploads import suffixes
from pipeline.web.visitors import Visitors

QUIET = {  # read at Gradio's import and later
    "GRADIO_ANALYTICS_ENABLED": "0",
    "GRADIO_RUN_HISTORY": "false",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "HF_HUB_OFFLINE": "1",
    "DO_NOT_TRACK": "1",
}
LAST_WORDS_S = 2  # open connections are cut so long after the server is told to end


@dataclass(frozen=True, slots=True)
class Address:
    """Where the app is served. port: 0 takes a free one; password: None on this machine only."""

    host: str
    port: int
    password: str | None


def serve(
    address: Address,
    db: Path,
    largest_mb: int,
    hours: float,
    options: Options,
) -> None:
    """Serve until Ctrl-C or SIGTERM; then end the job that runs, and remove every visitor's files."""
    import uvicorn

    with _folder() as folder, _listening(address) as listener:
        port = listener.getsockname()[1]
        app, desk = assemble(folder, address, port, db, largest_mb, hours, options)
        shown = f"[{address.host}]" if ":" in address.host else address.host
        print(f"http://{shown}:{port}/", flush=True)
        print(
            "gait: the app is open there; Ctrl-C ends it and removes what visitors have uploaded and made.", flush=True
        )
        config = uvicorn.Config(
            app, log_level="error", access_log=False, server_header=False, timeout_graceful_shutdown=LAST_WORDS_S,
            lifespan="on", ws="none",
        )  # fmt: skip

        class Server(uvicorn.Server):
            def handle_exit(self, sig: int, frame: FrameType | None) -> None:
                logging.getLogger("uvicorn.error").setLevel(logging.CRITICAL)  # that connections are cut is meant
                super().handle_exit(sig, frame)

        try:
            with contextlib.suppress(KeyboardInterrupt):  # the way to end it
                Server(config).run(sockets=[listener])
        finally:
            desk.stop_all()


def assemble(
    folder: Path,
    address: Address,
    port: int,
    db: Path,
    largest_mb: int,
    hours: float,
    options: Options,
) -> tuple[Guard, Any]:
    """The ASGI app, and the desk behind it. Everything of the visitors lies in `folder`."""
    os.environ.update(QUIET | {"GRADIO_TEMP_DIR": str(folder / "uploads")})
    import fastapi
    import gradio as gr
    from starlette.requests import Request
    from starlette.responses import FileResponse, PlainTextResponse, Response

    from pipeline.web import html
    from pipeline.web.actions import Desk, Setting
    from pipeline.web.page import LABELS, Limits, build
    from pipeline.web.theme import theme

    visitors = Visitors(folder / "visitors", 3600 * hours)
    cookie = f"gait_visitor_{port}"  # browsers share cookies between the ports of a machine
    profile = options.profile or DEFAULT_PROFILE
    names = [profile, *(name for name in profiles() if name != profile)]
    desk = Desk(Setting(db, names, options.overrides, options.checkpoints), visitors, cookie)
    outer = fastapi.FastAPI(docs_url=None, redoc_url=None, openapi_url=None)

    def of_a_run(request: Request) -> Response:
        visitor = visitors.of(request.cookies.get(cookie))
        found = visitor.file(request.path_params["path"]) if visitor else None
        return FileResponse(found) if found else PlainTextResponse("There is nothing here.", 404)

    outer.add_route(RUNS + "{path:path}", of_a_run, methods=["GET", "HEAD"])
    page = build(desk, Limits(names, profile, suffixes(), largest_mb, hours, str(db)))
    gr.mount_gradio_app(
        outer,
        page,
        path="/",
        server_name=address.host,
        server_port=port,
        footer_links=[],
        run_history=False,
        app_kwargs={"docs_url": None, "redoc_url": None, "openapi_url": None},
        allowed_paths=[],
        blocked_paths=[str(folder / "visitors"), *([str(db.resolve())] if isinstance(db, Path) else [])],
        show_error=False,
        max_file_size=largest_mb * 2**20,
        ssr_mode=False,
        enable_monitoring=False,
        pwa=False,
        mcp_server=False,
        theme=theme(),
        css=html.style(),
        js=LABELS,
    )
    hosts = [] if address.password else [address.host, "localhost", "127.0.0.1", "::1"]
    return Guard(outer, visitors, hosts, cookie, address.password, largest_mb * 2**20), desk


@contextlib.contextmanager
def _folder() -> Iterator[Path]:
    """A folder for what visitors upload and make, which only this user may read; removed at the end."""
    folder = Path(tempfile.mkdtemp(prefix="gait-serve-")).resolve()
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextlib.contextmanager
def _listening(address: Address) -> Iterator[socket.socket]:
    """A socket at the address. Raises ConfigError where it cannot be had."""
    family = socket.AF_INET6 if ":" in address.host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((address.host, address.port))
            listener.listen(128)  # who comes before everything is ready waits
        except OSError as error:
            raise ConfigError(
                f"--host {address.host} --port {address.port}: cannot be served there ({error.strerror}). "
                "Take another port: --port 0 finds a free one."
            ) from None
        yield listener
