"""The page that a cloud drive shows in place of a large file: a form that a program can answer like a person."""

from __future__ import annotations

import html
import re
from html.parser import HTMLParser
from urllib.parse import urlencode, urljoin, urlsplit, urlunsplit

MOST_READ = 1 << 20  # bytes; the page itself is a tenth of that

# Google Drive's words for a file that too many have fetched today.
_USED_UP = re.compile(r"quota exceeded|too many users have viewed or downloaded this file", re.IGNORECASE)


def form_address(page: str, address: str) -> str | None:
    """The address that the page's confirmation form leads to; None where there is no such form.

    It is the one whose hidden fields hold `confirm`, as Google Drive's "Download anyway" does; a form that posts is
    not answered. page: HTML. address: of the page. Raises ValueError for an address that is none.
    """
    forms = _Forms()
    forms.feed(page)
    for action, method, fields in forms.found:
        if "confirm" in fields and method == "get":
            target = urlsplit(urljoin(address, action))
            return urlunsplit(target._replace(query=urlencode(fields), fragment=""))
    return None


def is_used_up(page: str) -> bool:
    """Whether the page says that the file's download quota is used up."""
    return _USED_UP.search(html.unescape(page)) is not None


class _Forms(HTMLParser):
    """Collects every form: where it leads, how, and its hidden fields."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[tuple[str, str, dict[str, str]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        said = {name: value or "" for name, value in attrs}
        if tag == "form":
            self.found.append((said.get("action", ""), said.get("method", "get").lower(), {}))
        elif tag == "input" and said.get("type") == "hidden" and "name" in said and self.found:
            self.found[-1][2][said["name"]] = said.get("value", "")
