"""All-in-One-Gait's five demo videos: fetched from its repository, known by their git blob ids."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from pipeline.engine.lock import locked
from pipeline.files import writing
from pipeline.weights.download import FetchError, download, forget

DEMO_VIDEOS: Mapping[str, str] = {
    "gallery": "6d3af9e87b206e88c5809605487fa6b05baad2ec",
    "probe1": "fe0207fcb218fd039fdd6383107ba8f7a7b3520c",
    "probe2": "9395d18206d544b76c9d931b0198d64acd7cd7e8",
    "probe3": "367923a9f6d66ad2b580e122d75705563d70a8ee",
    "probe4": "a35870511075c92f7dd1a1a1bdc3bbe2e9d1f967",
}

_COMMIT = "7d504f4c0635cc42e7265f44e654a84cb4d5e099"

# Each is tried in turn; the blob id decides whether what came is the video.
SOURCES = (
    f"https://raw.githubusercontent.com/jdyjjj/All-in-One-Gait/{_COMMIT}/OpenGait/demo/output/InputVideos/{{name}}.mp4",
    "https://api.github.com/repos/jdyjjj/All-in-One-Gait/git/blobs/{blob}",
)
_RAW = {"Accept": "application/vnd.github.raw"}  # the second one would answer JSON otherwise


def git_blob_id(path: Path) -> str:
    """The id that git gives a file's content: sha1 of "blob", its length and the bytes."""
    with path.open("rb") as file:
        digest = hashlib.sha1(f"blob {path.stat().st_size}\0".encode(), usedforsecurity=False)
        while chunk := file.read(1 << 20):
            digest.update(chunk)
    return digest.hexdigest()


def fetch_demo_videos(
    folder: Path,
    videos: Mapping[str, str] = DEMO_VIDEOS,
    sources: Sequence[str] = SOURCES,
    timeout: float = 15.0,
    pause: float = 1.0,
) -> dict[str, Path]:
    """Have the demo videos in `folder`: name → file. What is there and right is not fetched again.

    timeout, pause: seconds, see download(). Raises FetchError, in one line: the network is out of reach, what came is
    not the video, or another video of the user's bears the name (it is left alone). Raises OutputError where the folder
    cannot be written.
    """
    found: dict[str, Path] = {}
    for name, blob in videos.items():
        path = folder / f"{name}.mp4"
        with writing(path, ""), _none_made_for_nothing(folder):
            path.parent.mkdir(parents=True, exist_ok=True)
            with locked(path):
                if not path.exists():
                    _fetch(path, blob, [source.format(name=name, blob=blob) for source in sources], timeout, pause)
                elif git_blob_id(path) != blob:
                    raise FetchError(f"{path}: another video than the demo's. Move it away, or use another folder.")
        found[name] = path
    return found


@contextmanager
def _none_made_for_nothing(folder: Path) -> Iterator[None]:
    """Where the block fails, remove the folders that it has made and left empty."""
    missing = [path for path in (folder, *folder.parents) if not path.exists()]
    try:
        yield
    except BaseException:
        for path in missing:
            with suppress(OSError):  # not made, or not empty
                path.rmdir()
        raise


def _fetch(path: Path, blob: str, urls: Sequence[str], timeout: float, pause: float) -> None:
    """The video from the first address that has it. Raises the first address' FetchError when none does."""
    part = path.with_name(path.name + ".part")
    first: FetchError | None = None
    for url in urls:
        try:
            download(url, part, headers=_RAW, timeout=timeout, pause=pause)
            if (came := git_blob_id(part)) == blob:
                part.replace(path)
                forget(part)
                return
            forget(part)
            raise FetchError(f"{url}: expected git blob {blob}, found {came}. The video there has changed.")
        except FetchError as error:
            first = first or error
    assert first is not None, "no address was given"
    raise first
