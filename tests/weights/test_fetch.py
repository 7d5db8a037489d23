"""A checkpoint arrives verified and whole under its final name, or not at all."""

from __future__ import annotations

import io
import json
import zipfile
from hashlib import sha256
from pathlib import Path

import pytest
from fileserver import FileServer
from processes import finish, start_program

from pipeline.errors import CheckpointError
from pipeline.weights.cards import Card
from pipeline.weights.checkpoints import cards, resolve
from pipeline.weights.fetch import FetchError, fetch

CONTENT = b"weights" * 50_000


def _card(url: str, **more: object) -> Card:
    fields = {"name": "mine", "stage": "detector", "loader": "yolox-onnx", "file": "mine.onnx", "url": url}
    return Card.model_validate({**fields, **more})


def _zip(members: dict[str, bytes]) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return packed.getvalue()


def test_a_published_hash_is_verified(server: FileServer, tmp_path: Path) -> None:
    server.files["/f"] = CONTENT
    found = fetch(_card(f"{server.url}/f", sha256=sha256(CONTENT).hexdigest()), tmp_path / "w")
    assert (found.downloaded, found.recorded, found.path.read_bytes()) == (True, False, CONTENT)
    assert [path.name for path in (tmp_path / "w").iterdir()] == ["mine.onnx"]


def test_another_hash_leaves_nothing_behind(server: FileServer, tmp_path: Path) -> None:
    server.files["/f"] = CONTENT
    with pytest.raises(FetchError, match=r"expected sha256 0000\d+, found \w{64}; the download is deleted"):
        fetch(_card(f"{server.url}/f", sha256="0" * 64), tmp_path / "w")
    assert list((tmp_path / "w").iterdir()) == []


def test_an_unpublished_hash_is_recorded_and_holds_from_then_on(server: FileServer, tmp_path: Path) -> None:
    server.files["/f"] = CONTENT
    folder = tmp_path / "w"
    assert fetch(_card(f"{server.url}/f"), folder).recorded
    record = json.loads((folder / "mine.onnx.sha256.json").read_text())
    assert record["sha256"] == sha256(CONTENT).hexdigest() and record["url"].endswith("/f")
    (folder / "mine.yaml").write_text("{stage: detector, loader: yolox-onnx, file: mine.onnx}")
    resolve("mine", None, [folder])
    (folder / "mine.onnx").write_bytes(CONTENT[::-1])
    with pytest.raises(CheckpointError, match="expected sha256"):
        resolve("mine", None, [folder])


def test_what_is_there_is_not_fetched_again(server: FileServer, tmp_path: Path) -> None:
    server.files["/f"] = CONTENT
    card = _card(f"{server.url}/f")
    fetch(card, tmp_path)
    assert not fetch(card, tmp_path).downloaded
    assert len(server.requests) == 1


def test_a_damaged_file_that_is_there_is_refused(server: FileServer, tmp_path: Path) -> None:
    (tmp_path / "mine.onnx").write_bytes(b"cut")
    with pytest.raises(CheckpointError, match="Delete it and fetch again"):
        fetch(_card(f"{server.url}/f", sha256=sha256(CONTENT).hexdigest()), tmp_path)


def test_a_page_served_as_a_file_is_refused(server: FileServer, tmp_path: Path) -> None:
    server.files["/f"] = b"\n<!DOCTYPE html><html>Virus scan warning</html>"
    with pytest.raises(FetchError, match="no checkpoint but a text"):
        fetch(_card(f"{server.url}/f"), tmp_path / "w")
    assert list((tmp_path / "w").iterdir()) == []


def test_what_no_program_can_fetch_says_how_by_hand(tmp_path: Path) -> None:
    with pytest.raises(FetchError, match="By hand: nobody publishes this ONNX"):
        fetch(cards()["human_pp_humansegv1_lite_192x192_onnx"], tmp_path)


def test_a_page_that_is_not_understood_says_address_name_and_folder(server: FileServer, tmp_path: Path) -> None:
    server.pages["/f"] = b"<html>Sign in</html>"
    with pytest.raises(FetchError) as error:
        fetch(_card(f"{server.url}/f"), tmp_path / "w")
    assert str(error.value).endswith(
        f"By hand: open {server.url}/f in a browser and save it as mine.onnx in {tmp_path / 'w'}/."
    )


def test_a_paddle_zip_becomes_a_folder(server: FileServer, tmp_path: Path) -> None:
    members = {f"export/{name}": name.encode() for name in ("deploy.yaml", "model.pdmodel", "model.pdiparams")}
    server.files["/f.zip"] = _zip(members)
    found = fetch(_card(f"{server.url}/f.zip", file="segmenter", loader="paddle"), tmp_path / "w")
    assert found.path == tmp_path / "w" / "segmenter" and found.recorded
    assert sorted(path.name for path in found.path.iterdir()) == ["deploy.yaml", "model.pdiparams", "model.pdmodel"]
    assert found.sha256 == sha256(b"model.pdiparams").hexdigest()
    assert sorted(path.name for path in (tmp_path / "w").iterdir()) == ["segmenter", "segmenter.sha256.json"]


def test_a_flat_paddle_zip_becomes_a_folder_that_all_can_read(server: FileServer, tmp_path: Path) -> None:
    server.files["/f.zip"] = _zip({"model.pdiparams": b"w", "deploy.yaml": b"d"})
    found = fetch(_card(f"{server.url}/f.zip", file="segmenter"), tmp_path)
    assert (found.path / "deploy.yaml").is_file() and found.path.stat().st_mode & 0o055 == 0o055


def test_one_file_is_taken_out_of_a_zip(server: FileServer, tmp_path: Path) -> None:
    server.files["/f.zip"] = _zip({"GREW/checkpoints/GaitBase.pt": CONTENT, "GREW/log.txt": b"log"})
    found = fetch(_card(f"{server.url}/f.zip", file="mine/GaitBase.pt", sha256=sha256(CONTENT).hexdigest()), tmp_path)
    assert found.path == tmp_path / "mine" / "GaitBase.pt" and found.path.read_bytes() == CONTENT


def test_an_address_with_a_query_is_still_a_zips(server: FileServer, tmp_path: Path) -> None:
    server.files["/f.zip?download=true"] = _zip({"best.pt": CONTENT, "__MACOSX/._best.pt": b"?", "._best.pt": b"?"})
    found = fetch(_card(f"{server.url}/f.zip?download=true", file="best.pt"), tmp_path)
    assert found.path.read_bytes() == CONTENT


def test_a_card_says_which_of_several_networks_in_a_zip_is_its_own(server: FileServer, tmp_path: Path) -> None:
    server.files["/f.zip"] = _zip({"GaitSet/a-1.pt": b"set" * 99, "GaitGL/b-1.pt": CONTENT})
    found = fetch(_card(f"{server.url}/f.zip", file="mine/gl.pt", member="GaitGL/*.pt"), tmp_path)
    assert found.path == tmp_path / "mine" / "gl.pt" and found.path.read_bytes() == CONTENT


def test_a_zip_with_several_that_might_be_meant_names_them(server: FileServer, tmp_path: Path) -> None:
    server.files["/f.zip"] = _zip({"GaitSet/a-1.pt": b"1", "GaitSet/a-2.pt": b"2", "log.txt": b"3"})
    with pytest.raises(FetchError, match=r"2 files .*it holds GaitSet/a-1\.pt, GaitSet/a-2\.pt\)\. By hand: open"):
        fetch(_card(f"{server.url}/f.zip", file="a.pt", member="GaitSet/*.pt"), tmp_path)


def test_a_zip_that_climbs_out_is_refused_and_deleted(server: FileServer, tmp_path: Path) -> None:
    server.files["/f.zip"] = _zip({"../../evil.pdiparams": b"x"})
    with pytest.raises(CheckpointError, match="climbs out"):
        fetch(_card(f"{server.url}/f.zip", file="segmenter"), tmp_path / "w")
    assert list((tmp_path / "w").iterdir()) == [] and not list(tmp_path.rglob("evil*"))


def test_a_zip_without_the_file_is_refused(server: FileServer, tmp_path: Path) -> None:
    server.files["/f.zip"] = _zip({"readme.txt": b"x"})
    with pytest.raises(FetchError, match=r"holds 0 files \*\.pdiparams"):
        fetch(_card(f"{server.url}/f.zip", file="segmenter"), tmp_path)


def test_two_processes_share_one_download(server: FileServer, tmp_path: Path) -> None:
    server.files["/f"] = CONTENT
    card = _card(f"{server.url}/f").model_dump_json()
    both = [start_program("fetch", card, tmp_path / "w") for _ in range(2)]
    assert sorted(finish(process)[0].split()[-1] for process in both) == ["False", "True"]
    assert len(server.requests) == 1
    assert sorted(path.name for path in (tmp_path / "w").iterdir()) == ["mine.onnx", "mine.onnx.sha256.json"]
