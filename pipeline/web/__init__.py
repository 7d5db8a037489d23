"""`gait serve`: the web app on this machine.

guard.py      before every request: host, password, token, cookie
visitors.py   who asks, and the folder that only they reach
uploads.py    videos that come, and which of them a job may look at
orders.py     what requests ask for, checked, and what a job does about it
jobs.py       jobs in line
work.py       each in a process of its own, and how it is stopped
loaded.py     what every job needs, loaded once for all
api.py        the HTTP API, which the pages use, too
pages.py      the pages, from templates/ and those of the report
views.py      what they show
server.py     all of it put together
"""

from __future__ import annotations

import ipaddress
from pathlib import Path

from pipeline.errors import ConfigError
from pipeline.profiles import Options

SHORTEST_PASSWORD, SHORTEST_TOKEN = 8, 16  # characters


def serve_command(
    db: Path,
    host: str,
    port: int,
    allow_network: bool,
    password: str | None,
    api: str | None,
    runs: Path | None,
    max_upload_mb: int,
    hours: float,
    options: Options,
) -> None:
    """Serve the app until Ctrl-C. Raises ConfigError for what makes no sense, and where the extra is not installed."""
    refuse_open_doors(host, allow_network, password)
    if api is not None and (len(api) < SHORTEST_TOKEN or not api.isascii() or not api.isprintable() or " " in api):
        raise ConfigError(f"--api: a token is {SHORTEST_TOKEN} letters and digits or more, such as a password of 16.")
    options.config()  # a wrong setting is refused now, not at the first job
    try:
        import fastapi  # noqa: F401
        import uvicorn  # noqa: F401
    except ImportError:
        raise ConfigError(
            "gait serve needs FastAPI and uvicorn, which are not installed. Get them: pip install 'gaitid[ui]'"
        ) from None
    from pipeline.web.guard import Address
    from pipeline.web.orders import Setting
    from pipeline.web.server import serve

    serve(Address(host, port, password, api), Setting(db, runs, max_upload_mb, hours, options))


def refuse_open_doors(host: str, allow_network: bool, password: str | None) -> None:
    """Raise ConfigError where other machines could reach the app and nobody has said so, or without a password."""
    if not is_loopback(host):
        if not allow_network:
            raise ConfigError(
                f"--host {host}: other machines could reach the app. If that is meant, add --allow-network "
                "and --password."
            )
        if not password:
            raise ConfigError(f"--host {host}: other machines could reach the app. Set a password: --password TEXT")
    if password is not None and len(password) < SHORTEST_PASSWORD:
        raise ConfigError(f"--password: of {len(password)} characters. Take {SHORTEST_PASSWORD} or more.")
    if password is not None and not password.isprintable():
        raise ConfigError("--password: has what nobody can type into a browser in it. Take letters and digits.")


def is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
