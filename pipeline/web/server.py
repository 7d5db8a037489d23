"""The app put together: its pages and its API behind the guard, on a socket of this machine."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import socket
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse, JSONResponse, Response
from starlette.exceptions import HTTPException

from pipeline.config import DEFAULT_PROFILE
from pipeline.engine.children import load
from pipeline.errors import ConfigError, GaitError
from pipeline.files import one_line, private
from pipeline.profiles import Options, profiles
from pipeline.report.templates import templates
from pipeline.version import __version__
from pipeline.web.api import api
from pipeline.web.guard import Door, Guard
from pipeline.web.jobs import Jobs
from pipeline.web.orders import Setting, Storage
from pipeline.web.pages import pages, problem_page
from pipeline.web.uploads import Intake
from pipeline.web.visitors import Visitors
from pipeline.web.work import LOADED

LAST_WORDS_S = 2  # open connections are cut so long after the server is told to end
MOST_CONNECTIONS, MOST_SILENT = 1000, 300  # in all, and of those that ask for nothing


@dataclass(frozen=True, slots=True)
class Address:
    """Where the app is served, and what opens it.

    port: 0 takes a free one; password: None on this machine only; token: of programs, None where they may not ask.
    """

    host: str
    port: int
    password: str | None
    token: str | None = None


def serve(address: Address, storage: Storage, options: Options) -> None:
    """Serve until Ctrl-C or SIGTERM; then end the job that runs, and remove every visitor's files."""
    import uvicorn

    with private(), _folder() as folder, _listening(address) as listener:
        port = listener.getsockname()[1]
        app, jobs = assemble(folder, address, port, storage, options)
        shown = f"[{address.host}]" if ":" in address.host else address.host
        print(f"http://{shown}:{port}/", flush=True)
        print(
            "gait: the app is open there; Ctrl-C ends it and removes what visitors have uploaded"
            f"{'.' if storage.runs else ' and made.'}",
            flush=True,
        )
        config = uvicorn.Config(
            app, log_level="critical", access_log=False, server_header=False, timeout_graceful_shutdown=LAST_WORDS_S,
            lifespan="on", ws="none", limit_concurrency=MOST_CONNECTIONS, http=connections(),
        )  # fmt: skip

        try:
            with contextlib.suppress(KeyboardInterrupt):  # the way to end it
                uvicorn.Server(config).run(sockets=[listener])
        finally:
            jobs.stop_all()


def connections() -> type[asyncio.Protocol]:
    """HTTP in which connections that ask for nothing make room for others: those first that wait for longest."""
    from uvicorn.protocols.http.h11_impl import H11Protocol

    silent = dict[H11Protocol, None]()  # in the order in which they fell silent

    class Connection(H11Protocol):
        def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
            super().connection_made(transport)
            self._sort()

        def data_received(self, data: bytes) -> None:
            super().data_received(data)
            self._sort()

        def on_response_complete(self) -> None:
            super().on_response_complete()
            self._sort()

        def connection_lost(self, exc: Exception | None) -> None:
            super().connection_lost(exc)
            silent.pop(self, None)

        def _sort(self) -> None:
            if self.cycle and not self.cycle.response_complete:
                silent.pop(self, None)
            else:
                silent.setdefault(self)
            if len(silent) > MOST_SILENT:
                longest = next(iter(silent))
                del silent[longest]
                longest.transport.close()

    return Connection


def assemble(folder: Path, address: Address, port: int, storage: Storage, options: Options) -> tuple[Guard, Jobs]:
    """The ASGI app, and its jobs. Everything of the visitors lies in `folder`."""
    visitors = Visitors(folder / "visitors", 3600 * storage.hours, storage.runs)
    profile = options.profile or DEFAULT_PROFILE
    names = [profile, *(name for name in profiles() if name != profile)]
    setting = Setting(storage.db, names, options.overrides, options.checkpoints)
    load(LOADED)
    jobs = Jobs()
    app = FastAPI(title="gait", version=__version__, docs_url=None, redoc_url=None, openapi_url=None)
    app.include_router(api(setting, jobs, Intake(visitors, storage.largest_mb * 2**20)))
    app.include_router(pages(setting, jobs, storage))
    if address.token:
        _describe(app)
    _refusals(app, storage)
    hosts = frozenset() if address.password else frozenset((address.host, "localhost", "127.0.0.1", "::1"))
    # Browsers share cookies between the ports of a machine.
    return Guard(app, visitors, Door(hosts, f"gait_visitor_{port}", address.password, address.token)), jobs


def _describe(app: FastAPI) -> None:
    """/docs: what programs may ask, made from the routes; the same as OpenAPI under /openapi.json."""

    @app.get("/openapi.json", include_in_schema=False)
    def schema() -> JSONResponse:
        return JSONResponse(app.openapi())

    @app.get("/docs", include_in_schema=False)
    def docs() -> HTMLResponse:
        page = templates(__package__).get_template("templates/docs.html.j2")
        return HTMLResponse(page.render(schema=app.openapi()))


def _refusals(app: FastAPI, storage: Storage) -> None:
    """Whatever is refused is one line: in JSON for programs and scripts, on a page for people."""

    def said(request: Request, status: int, words: str) -> Response:
        if request.url.path.startswith("/api/"):
            return JSONResponse({"error": words}, status)
        return problem_page(words, status, storage)

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
            listener.listen(512)  # who comes before everything is ready waits
        except OSError as error:
            raise ConfigError(
                f"--host {address.host} --port {address.port}: cannot be served there ({error.strerror}). "
                "Take another port: --port 0 finds a free one."
            ) from None
        yield listener
