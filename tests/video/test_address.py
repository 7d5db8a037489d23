"""Network addresses: read like files, from their own host and from nowhere else."""

from __future__ import annotations

import weakref
from collections.abc import Iterator
from pathlib import Path

import clips
import numpy as np
import pytest
from fileserver import FileServer

from pipeline.errors import InputError
from pipeline.video import open_video
from pipeline.video.address import OwnHost

PLAYLIST = "#EXTM3U\n#EXT-X-VERSION:3\n#EXT-X-TARGETDURATION:1\n#EXT-X-MEDIA-SEQUENCE:0\n"


def playlist(*segments: str, ends: bool = True) -> bytes:
    listed = "".join(f"#EXTINF:0.4,\n{segment}\n" for segment in segments)
    return (PLAYLIST + listed + ("#EXT-X-ENDLIST\n" if ends else "")).encode()


@pytest.fixture
def segment(tmp_path: Path) -> bytes:
    return clips.plain(tmp_path / "segment.ts", frames=10).read_bytes()


@pytest.fixture
def camera() -> Iterator[FileServer]:
    with FileServer() as server:
        yield server


@pytest.fixture(params=["127.0.0.1", "127.0.0.2"], ids=["another port", "another host"])
def elsewhere(request, segment) -> Iterator[FileServer]:
    """A server that a stream of the camera must not reach, with everything that it might be asked for."""
    with FileServer(files={"/secret.ts": segment}, host=request.param) as server:
        yield server


def refusal_of(address: str) -> str:
    with pytest.raises(InputError) as caught, open_video(address) as video:
        list(video)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_playlist_of_the_own_host_is_played(camera, segment):
    camera.files = {"/walk.m3u8": playlist("a.ts", f"{camera.url}/b.ts"), "/a.ts": segment, "/b.ts": segment}
    with open_video(f"{camera.url}/walk.m3u8") as video:
        assert sum(1 for _ in video) == 20
    assert {path for path, _ in camera.requests} == {"/walk.m3u8", "/a.ts", "/b.ts"}


def test_playlist_without_its_suffix_is_known_by_its_type(camera, segment):
    camera.files, camera.content_type = {"/live": playlist("a.ts"), "/a.ts": segment}, "application/vnd.apple.mpegurl"
    with open_video(f"{camera.url}/live") as video:
        assert sum(1 for _ in video) == 10


@pytest.mark.parametrize("ends", [True, False], ids=["recorded", "live"])
def test_playlist_asks_no_other_host(camera, elsewhere, ends):
    camera.files = {"/walk.m3u8": playlist(*[f"{elsewhere.url}/secret.ts"] * 3, ends=ends)}
    message = refusal_of(f"{camera.url}/walk.m3u8")
    assert f"leads to another host ({elsewhere.url.removeprefix('http://')})" in message
    assert elsewhere.requests == []


def test_playlist_that_turns_away_after_a_while_is_refused_then(camera, elsewhere, segment):
    camera.files = {"/walk.m3u8": playlist("a.ts", f"{elsewhere.url}/secret.ts"), "/a.ts": segment}
    assert "another host" in refusal_of(f"{camera.url}/walk.m3u8")
    assert elsewhere.requests == []


def test_a_piece_that_was_read_is_not_kept_for_as_long_as_a_camera_runs(camera, segment):
    camera.files = {"/a.ts": segment}
    host = OwnHost(f"{camera.url}/a.ts", "camera")
    piece = host(f"{camera.url}/a.ts")
    kept = weakref.ref(piece)
    piece.close()
    del piece
    host(f"{camera.url}/a.ts")
    assert kept() is None
    host.close()


def test_playlist_of_a_server_opens_no_file_here(camera, tmp_path):
    secret = clips.plain(tmp_path / "secret.ts")
    camera.files = {"/walk.m3u8": playlist(f"file://{secret}")}
    assert "another host" in refusal_of(f"{camera.url}/walk.m3u8")


def test_redirects_stay_on_the_host(camera, elsewhere, segment):
    camera.files = {"/a.ts": segment}
    camera.redirects = {"/": (302, "/a.ts"), "/away": (302, f"{elsewhere.url}/secret.ts")}
    with open_video(f"{camera.url}/") as video:
        assert sum(1 for _ in video) == 10
    assert "another host" in refusal_of(f"{camera.url}/away")
    assert elsewhere.requests == []


def test_another_name_of_this_machine_is_another_host(camera, segment):
    camera.files = {"/a.ts": segment}
    camera.redirects = {"/away": (302, camera.url.replace("127.0.0.1", "localhost") + "/a.ts")}
    assert "another host (localhost" in refusal_of(f"{camera.url}/away")
    assert [path for path, _ in camera.requests] == ["/away"]


@pytest.mark.parametrize("kind", ["concat", "dash"])
def test_other_lists_are_refused_from_a_server_too(camera, elsewhere, kind):
    listed = {
        "concat": f"ffconcat version 1.0\nfile {elsewhere.url}/secret.ts\n",
        "dash": f'<?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011" profiles="urn:mpeg:dash:profile:'
        f'isoff-on-demand:2011"><BaseURL>{elsewhere.url}/secret.ts</BaseURL></MPD>',
    }
    camera.files = {"/walk": listed[kind].encode()}
    refusal_of(f"{camera.url}/walk")
    assert elsewhere.requests == []


def test_index_at_the_end_is_fetched_with_ranges(camera, tmp_path):
    noise = list(np.random.default_rng(0).integers(0, 255, (12, 256, 256, 3), np.uint8))
    camera.files = {"/last.mov": clips.write(tmp_path / "last.mov", noise, options={"crf": "5"}).read_bytes()}
    with open_video(f"{camera.url}/last.mov") as video:
        assert sum(1 for _ in video) == 12
    assert len(camera.requests) > 1


def test_password_of_the_address_is_given(camera, segment):
    camera.files, camera.credentials = {"/a.ts": segment}, "walker:s3c/ret"
    with open_video(camera.url.replace("//", "//walker:s3c%2Fret@") + "/a.ts") as video:
        assert sum(1 for _ in video) == 10
    assert "401" in refusal_of(f"{camera.url}/a.ts") or "Unauthorized" in refusal_of(f"{camera.url}/a.ts")
