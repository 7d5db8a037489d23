"""`gait serve`: the web app on this machine.

guard.py      before every request: host, password, cookie, what may be asked for
visitors.py   who asks, and the folder that only they reach
uploads.py    which videos a job may look at
actions.py    what the buttons do
work.py, tasks.py   a job in a process of its own, with its progress, and how it is stopped
loaded.py     what every job needs, loaded once for all
answers.py    what a finished run has found, as it is shown
server.py     all of it put together around Gradio's page
"""

from __future__ import annotations

import ipaddress
from pathlib import Path

from pipeline.errors import ConfigError
from pipeline.profiles import Options

SHORTEST_PASSWORD = 8  # characters


def serve_command(
    db: Path,
    host: str,
    port: int,
    allow_network: bool,
    password: str | None,
    max_upload_mb: int,
    hours: float,
    options: Options,
) -> None:
    """Serve the app until Ctrl-C. Raises ConfigError for what makes no sense, and where Gradio is not installed."""
    refuse_open_doors(host, allow_network, password)
    options.config()  # a wrong setting is refused now, not at the first job
    try:
        import gradio  # noqa: F401
    except ImportError:
        raise ConfigError("gait serve needs Gradio, which is not installed. Get it: pip install 'gaitid[ui]'") from None
    from pipeline.web.server import Address, serve

    serve(Address(host, port, password), db, max_upload_mb, hours, options)


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


def is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
