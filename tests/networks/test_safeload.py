"""State dicts come out of every format that the references write; nothing hostile gets in."""

from __future__ import annotations

import json
import os
import pickle
import struct
import zipfile
from argparse import Namespace
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file

from pipeline.errors import CheckpointError
from pipeline.networks.safeload import load_state_dict

STATE = {"conv.weight": torch.arange(12.0).reshape(3, 4), "bn.num_batches_tracked": torch.tensor(7)}


class Hostile:
    """Writes a file when it is unpickled."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[str]]:
        return os.system, (f"echo owned > '{self.mark}'",)


def _saved(path: Path, content: object, legacy: bool = False) -> Path:
    torch.save(content, path, _use_new_zipfile_serialization=not legacy)
    return path


def _same(found: dict[str, torch.Tensor]) -> bool:
    return list(found) == list(STATE) and all(torch.equal(found[name], STATE[name]) for name in STATE)


@pytest.mark.parametrize("tolerant", [False, True], ids=["weights_only", "tensors_only"])
@pytest.mark.parametrize("legacy", [False, True], ids=["zip", "legacy"])
@pytest.mark.parametrize(
    "wrap",
    [lambda s: s, lambda s: {"model": s, "iteration": 5}, lambda s: {"state_dict": s, "epoch": 1}],
    ids=["plain", "model", "lightning"],
)
def test_every_layout_is_unwrapped(tmp_path: Path, wrap: Callable[[Any], Any], legacy: bool, tolerant: bool) -> None:
    path = _saved(tmp_path / "weights.pth.tar", wrap(STATE), legacy)
    assert _same(load_state_dict(path, tolerate_objects=tolerant))


def test_a_named_entry_is_read(tmp_path: Path) -> None:
    assert _same(load_state_dict(_saved(tmp_path / "w.pt", {"model": {}, "ema": STATE}), "ema"))


def test_a_missing_entry_is_named_with_what_there_is(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="no state dict under 'ema'; the file holds model, iteration"):
        load_state_dict(_saved(tmp_path / "w.pt", {"model": STATE, "iteration": 5}), "ema")


def test_the_prefix_of_data_parallel_is_dropped(tmp_path: Path) -> None:
    path = _saved(tmp_path / "w.pt", {"model": {f"module.{name}": value for name, value in STATE.items()}})
    assert _same(load_state_dict(path))


def test_safetensors_are_read(tmp_path: Path) -> None:
    save_file({f"module.{name}": value for name, value in STATE.items()}, tmp_path / "w.safetensors")
    found = load_state_dict(tmp_path / "w.safetensors", only=lambda name: name == "conv.weight")
    assert torch.equal(found["conv.weight"], STATE["conv.weight"]) and len(found) == 1


@pytest.mark.parametrize("legacy", [False, True], ids=["zip", "legacy"])
def test_only_what_is_wanted_is_kept(tmp_path: Path, legacy: bool) -> None:
    path = _saved(tmp_path / "w.pt", {"model": {**STATE, "head": torch.zeros(1000)}}, legacy)
    assert _same(load_state_dict(path, only=lambda name: name != "head"))


def test_a_kept_view_does_not_hold_the_whole_storage(tmp_path: Path) -> None:
    path = _saved(tmp_path / "w.pt", {"row": torch.zeros(1000, 1000)[5]})
    assert load_state_dict(path)["row"].untyped_storage().nbytes() == 4000


@pytest.mark.parametrize(
    "name",
    [
        "gaitpart/weights.pt",
        "yolox_bytetrack/weights_nano_depthwise_nc1.pth.tar",
        "gaitgraph2_tteepe/weights_oumvlp_n51_r4.ckpt",
    ],
)
def test_both_readers_agree_on_the_references_files(golden, name: str) -> None:
    path = golden(name)
    strict, tolerant = load_state_dict(path), load_state_dict(path, tolerate_objects=True)
    assert list(strict) == list(tolerant) and all(torch.equal(strict[key], tolerant[key]) for key in strict)


def test_the_authors_gaitgraph_is_refused_by_default_naming_the_object(shared: Path) -> None:
    with pytest.raises(CheckpointError, match=r"gaitgraph.*argparse\.Namespace.*convert it in a sandbox"):
        load_state_dict(shared / "checkpoints" / "gaitgraph_resgcn-n39-r8_coco_seq_60.pth")


def test_the_authors_gaitgraph_gives_its_tensors_on_request(shared: Path) -> None:
    path = shared / "checkpoints" / "gaitgraph_resgcn-n39-r8_coco_seq_60.pth"
    state = load_state_dict(path, tolerate_objects=True)
    assert len(state) == 317 and state["A"].shape[1:] == (17, 17)
    assert all(torch.isfinite(value).all() for value in state.values())


@pytest.mark.parametrize("legacy", [False, True], ids=["zip", "legacy"])
def test_code_in_a_pickle_is_never_run(tmp_path: Path, legacy: bool) -> None:
    mark = tmp_path / "owned"
    path = _saved(tmp_path / "w.pth", {"model": STATE, "extra": Hostile(mark)}, legacy)
    with pytest.raises(CheckpointError, match=r"system.* run code"):
        load_state_dict(path)
    assert _same(load_state_dict(path, tolerate_objects=True))
    assert not mark.exists()


def test_code_in_place_of_the_state_dict_is_never_run(tmp_path: Path) -> None:
    mark = tmp_path / "owned"
    path = tmp_path / "w.pth"
    path.write_bytes(pickle.dumps(Hostile(mark)))
    for tolerant in (False, True):
        with pytest.raises(CheckpointError):
            load_state_dict(path, tolerate_objects=tolerant)
    assert not mark.exists()


def test_placeholders_cannot_be_given_state(tmp_path: Path) -> None:
    path = _saved(tmp_path / "w.pth", {"model": STATE, "opt": Namespace(lr=0.1, hooks=[print])})
    assert _same(load_state_dict(path, tolerate_objects=True))


@pytest.mark.parametrize("tolerant", [False, True], ids=["weights_only", "tensors_only"])
@pytest.mark.parametrize("keep", [0.0, 0.3, 0.9])
@pytest.mark.parametrize("legacy", [False, True], ids=["zip", "legacy"])
def test_a_truncated_file_is_refused(tmp_path: Path, legacy: bool, keep: float, tolerant: bool) -> None:
    path = _saved(tmp_path / "w.pth", {"model": {"weight": torch.zeros(5000)}}, legacy)
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * keep)])
    with pytest.raises(CheckpointError, match="Fetch it again"):
        load_state_dict(path, tolerate_objects=tolerant)


@pytest.mark.parametrize("tolerant", [False, True], ids=["weights_only", "tensors_only"])
def test_a_text_file_is_refused(tmp_path: Path, tolerant: bool) -> None:
    (tmp_path / "w.pt").write_text("<!DOCTYPE html><html>not here</html>")
    with pytest.raises(CheckpointError, match="damaged, truncated or no checkpoint"):
        load_state_dict(tmp_path / "w.pt", tolerate_objects=tolerant)


def test_what_is_no_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="a folder"):
        load_state_dict(tmp_path)
    with pytest.raises(CheckpointError, match="no such checkpoint file"):
        load_state_dict(tmp_path / "w.pt")
    (tmp_path / "w.onnx").write_bytes(b"x")
    with pytest.raises(CheckpointError, match=r"expected one of \.pt"):
        load_state_dict(tmp_path / "w.onnx")


def test_an_entry_that_is_no_tensor_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="entry 'iteration' is a int"):
        load_state_dict(_saved(tmp_path / "w.pt", {**STATE, "iteration": 5}))


def test_a_file_without_tensors_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="holds no tensors"):
        load_state_dict(_saved(tmp_path / "w.pt", {}))
    with pytest.raises(CheckpointError, match="holds a list"):
        load_state_dict(_saved(tmp_path / "v.pt", [1]))


def test_damaged_safetensors_are_refused(tmp_path: Path) -> None:
    header = json.dumps({"a": {"dtype": "F32", "shape": [9999], "data_offsets": [0, 39996]}}).encode()
    (tmp_path / "w.safetensors").write_bytes(struct.pack("<Q", len(header)) + header + b"short")
    with pytest.raises(CheckpointError, match="damaged"):
        load_state_dict(tmp_path / "w.safetensors")


def _rewritten(path: Path, change: Callable[[bytes], bytes], compress: int = zipfile.ZIP_STORED) -> None:
    """The same zip with its data.pkl changed."""
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(path, "w", compress) as archive:
        for name, content in members.items():
            archive.writestr(name, change(content) if name.endswith("data.pkl") else content)


@pytest.mark.parametrize("tolerant", [False, True], ids=["weights_only", "tensors_only"])
def test_a_compressed_bomb_is_refused_before_it_swells(tmp_path: Path, tolerant: bool) -> None:
    path = _saved(tmp_path / "w.pt", {"model": {"weight": torch.zeros(5_000_000)}})
    _rewritten(path, lambda content: content, zipfile.ZIP_DEFLATED)
    with pytest.raises(CheckpointError, match="unpacks to"):
        load_state_dict(path, tolerate_objects=tolerant)


@pytest.mark.parametrize("tolerant", [False, True], ids=["weights_only", "tensors_only"])
def test_a_tensor_that_claims_more_than_its_storage_is_refused(tmp_path: Path, tolerant: bool) -> None:
    path = _saved(tmp_path / "w.pt", {"weight": torch.zeros(77)})
    _rewritten(path, lambda content: content.replace(b"K\x4d", b"J\x00\x00\x00\x7f"))
    with pytest.raises(CheckpointError):
        load_state_dict(path, tolerate_objects=tolerant)


@pytest.mark.parametrize("tolerant", [False, True], ids=["weights_only", "tensors_only"])
def test_a_tensor_that_repeats_one_value_without_end_is_refused(tmp_path: Path, tolerant: bool) -> None:
    path = _saved(tmp_path / "w.pt", {"weight": torch.zeros(1).expand(10**12)})
    with pytest.raises(CheckpointError, match="claims"):
        load_state_dict(path, tolerate_objects=tolerant)


def test_a_hostile_memo_index_costs_no_memory(tmp_path: Path) -> None:
    path = _saved(tmp_path / "w.pt", {"model": STATE})
    _rewritten(path, lambda content: content[:2] + b"]r\xff\xff\xff\x7f0" + content[2:])
    assert _same(load_state_dict(path, tolerate_objects=True))


def test_containers_that_hold_themselves_do_not_hang(tmp_path: Path) -> None:
    loop: dict[str, Any] = {"model": STATE}
    loop["again"] = [loop]
    for legacy in (False, True):
        assert _same(load_state_dict(_saved(tmp_path / "w.pt", loop, legacy), tolerate_objects=True))
