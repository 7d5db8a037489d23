"""The app put together: its pages and its API behind the guard, on a socket of this machine."""

from __future__ import annotations

import contextlib
import socket
import tempfile
import time
from asyncio import Transport
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import uvicorn
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from starlette.exceptions import HTTPException
from uvicorn.protocols.http.h11_impl import H11Protocol

from pipeline.engine.children import load
from pipeline.errors import ConfigError, GaitError
from pipeline.files import one_line, private
from pipeline.version import __version__
from pipeline.web.api import api
from pipeline.web.guard import Address, Guard
from pipeline.web.jobs import Jobs
from pipeline.web.orders import Setting
from pipeline.web.pages import pages, shown
from pipeline.web.uploads import Intake
from pipeline.web.visitors import Visitors
from pipeline.web.work import LOADED

LAST_WORDS_S = 2  # open connections are cut so long after the server is told to end
MOST_CONNECTIONS, MOST_SILENT = 1000, 300  # in all, and of those that ask for nothing


def serve(address: Address, setting: Setting) -> None:
    """Serve until Ctrl-C or SIGTERM; then end the job that runs, and remove every visitor's files."""
    temporary = tempfile.TemporaryDirectory(prefix="gait-serve-", ignore_cleanup_errors=True)
    with private(), temporary as folder, _listening(address) as listener:
        address = replace(address, port=listener.getsockname()[1])
        app, jobs = assemble(Path(folder).resolve(), address, setting)
        host = f"[{address.host}]" if ":" in address.host else address.host
        print(f"http://{host}:{address.port}/", flush=True)
        made = "" if setting.runs else " and made"
        print(f"gait: the app is open there; Ctrl-C ends it and removes what visitors have uploaded{made}.", flush=True)
        config = uvicorn.Config(
            app, log_level="critical", access_log=False, server_header=False, timeout_graceful_shutdown=LAST_WORDS_S,
            lifespan="on", ws="none", limit_concurrency=MOST_CONNECTIONS, http=Connection,
        )  # fmt: skip
        try:
            with contextlib.suppress(KeyboardInterrupt):  # the way to end it
                uvicorn.Server(config).run(sockets=[listener])
        finally:
            jobs.stop_all()


class Connection(H11Protocol):
    """HTTP in which connections that ask for nothing make room for others: those first that came first."""

    came = 0.0
    transport: Transport

    def connection_made(self, transport: Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self.came = time.monotonic()
        open_ = (one for one in self.connections if isinstance(one, Connection) and not one.transport.is_closing())
        silent = [one for one in open_ if not one.cycle or one.cycle.response_complete]
        if len(silent) > MOST_SILENT:
            min(silent, key=lambda one: one.came).transport.close()


def assemble(folder: Path, address: Address, setting: Setting) -> tuple[Guard, Jobs]:
    """The ASGI app, and its jobs. Everything of the visitors lies in `folder`."""
    visitors = Visitors(folder / "visitors", 3600 * setting.hours, setting.runs)
    load(LOADED)
    jobs = Jobs()
    schema = "/openapi.json" if address.token else None
    app = FastAPI(title="gait", version=__version__, docs_url=None, redoc_url=None, openapi_url=schema)
    app.include_router(api(setting, jobs, Intake(visitors, setting.largest_mb * 2**20)))
    app.include_router(pages(setting, jobs))
    _refusals(app, setting)
    return Guard(app, visitors, address), jobs


def _refusals(app: FastAPI, setting: Setting) -> None:
    """Whatever is refused is one line: in JSON for programs and scripts, on a page for people."""

    def said(request: Request, status: int, words: str) -> Response:
        if request.url.path.startswith("/api/"):
            return JSONResponse({"error": words}, status)
        return shown(setting, "problem", status=status, problem=words)

    @app.exception_handler(GaitError)
    def refused(request: Request, error: GaitError) -> Response:
        missing = str(error).startswith("there is no such")
        return said(request, 404 if missing else 400, one_line(error))

    @app.exception_handler(HTTPException)
    def unknown(request: Request, error: HTTPException) -> Response:
        return said(request, error.status_code, "There is nothing here." if error.status_code == 404 else error.detail)

    @app.exception_handler(Exception)
    def fault(request: Request, error: Exception) -> Response:
        return said(request, 500, "A fault of this server; its window says more. Please report it.")

    @app.exception_handler(RequestValidationError)
    def wrong(request: Request, error: RequestValidationError) -> Response:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        return said(request, 422, f"{place[:200]}: {first['msg'][:200]}")


@contextlib.contextmanager
def _listening(address: Address) -> Iterator[socket.socket]:
    """A socket at the address. Raises ConfigError where it cannot be had."""
    family = socket.AF_INET6 if ":" in address.host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((address.host, address.port))
            listener.listen(512)  # who comes before everything is ready waits
        except OSError as error:
            raise ConfigError(
                f"--host {address.host} --port {address.port}: cannot be served there ({error.strerror}). "
                "Take another port: --port 0 finds a free one."
            ) from None
        yield listener
