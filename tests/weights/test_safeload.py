"""State dicts come out of every format that the references write; nothing hostile gets in."""

from __future__ import annotations

import json
import os
import pickle
import struct
import sys
import tracemalloc
import zipfile
from argparse import Namespace
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from odd_checkpoints import OPENGAITS, as_opengait_saves, as_yolox_saves, globals_of
from safetensors.torch import save_file

from pipeline.errors import CheckpointError
from pipeline.weights.safeload import load_state_dict

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


WRAPS: dict[str, Callable[[dict[str, Any]], Any]] = {
    "plain": lambda state: state,
    "OpenGait": lambda state: {"model": state, "iteration": 5},
    "Lightning": lambda state: {"state_dict": renamed("network.", state), "epoch": 1},
    "Lightning, model": lambda state: {"state_dict": renamed("model.", state), "hyper_parameters": {"lr": 0.1}},
    "compiled": lambda state: renamed("_orig_mod.", state),
    "compiled in Lightning": lambda state: {"state_dict": renamed("network._orig_mod.", state)},
    "parallel": lambda state: {"model": renamed("module.", state)},
    "parallel and compiled": lambda state: renamed("module._orig_mod.", state),
    "a part compiled": lambda state: {name.replace(".", "._orig_mod.", 1): value for name, value in state.items()},
    "averaged": lambda state: {"ema": state},
    "averaged too": lambda state: {"model": {"odd": torch.zeros(1)}, "ema": {"model": state, "decay": 0.999}},
    "averaged beside": lambda state: {"state_dict": {"odd": torch.zeros(1)}, "ema_state_dict": state},
    "average that is none": lambda state: {"ema": {"decay": 0.999}, "model": state},
}


def renamed(prefix: str, state: dict[str, Any]) -> dict[str, Any]:
    return {prefix + name: value for name, value in state.items()}


@pytest.mark.parametrize("legacy", [False, True], ids=["zip", "legacy"])
@pytest.mark.parametrize("wrap", WRAPS)
def test_every_wrapper_is_understood(tmp_path: Path, wrap: str, legacy: bool) -> None:
    assert _same(load_state_dict(_saved(tmp_path / "weights.pth.tar", WRAPS[wrap](STATE), legacy)))


@pytest.mark.parametrize("prefix", ["module.", "_orig_mod.", "network.", "model._orig_mod."])
def test_prefixes_of_safetensors_are_dropped(tmp_path: Path, prefix: str) -> None:
    save_file(renamed(prefix, STATE), tmp_path / "w.safetensors")
    assert load_state_dict(tmp_path / "w.safetensors").keys() == STATE.keys()


def test_two_names_that_become_one_are_refused(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="two of its tensors have one name"):
        load_state_dict(_saved(tmp_path / "w.pt", {**STATE, **renamed("_orig_mod.", STATE)}))


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
def test_tensors_are_those_that_torch_reads(golden, name: str) -> None:
    path = golden(name)
    content = torch.load(path, weights_only=True)
    theirs = content.get("model", content.get("state_dict", content))
    ours = load_state_dict(path)
    assert len(ours) == len(theirs)
    assert all(torch.equal(mine, other) for mine, other in zip(ours.values(), theirs.values(), strict=True))


def test_the_authors_gaitgraph_gives_its_tensors(shared: Path) -> None:
    state = load_state_dict(shared / "checkpoints" / "gaitgraph_resgcn-n39-r8_coco_seq_60.pth")
    assert len(state) == 317 and state["A"].shape[1:] == (17, 17)
    assert all(torch.isfinite(value).all() for value in state.values())


@pytest.mark.parametrize("legacy", [False, True], ids=["zip", "legacy"])
@pytest.mark.parametrize("save", [as_opengait_saves, as_yolox_saves])
def test_what_trainers_save_beside_the_weights_is_left_alone(tmp_path: Path, save: Any, legacy: bool) -> None:
    assert _same(load_state_dict(save(renamed("module.", STATE), tmp_path / "best_ckpt.pth", legacy)))


def test_these_files_name_what_the_published_ones_do(tmp_path: Path) -> None:
    assert globals_of(as_opengait_saves(STATE, tmp_path / "w.pt")) >= OPENGAITS
    assert any("multiarray scalar" in name for name in globals_of(as_yolox_saves(STATE, tmp_path / "w.pt")))


@pytest.mark.parametrize("legacy", [False, True], ids=["zip", "legacy"])
def test_code_in_a_pickle_is_never_run(tmp_path: Path, legacy: bool) -> None:
    mark = tmp_path / "owned"
    path = _saved(tmp_path / "w.pth", {"model": STATE, "extra": Hostile(mark)}, legacy)
    assert _same(load_state_dict(path))
    assert not mark.exists()


def test_code_in_place_of_the_state_dict_is_never_run(tmp_path: Path) -> None:
    mark = tmp_path / "owned"
    path = tmp_path / "w.pth"
    path.write_bytes(pickle.dumps(Hostile(mark)))
    with pytest.raises(CheckpointError, match="no checkpoint"):
        load_state_dict(path)
    with pytest.raises(CheckpointError, match=r"no state dict in it, but 'posix\.system'"):
        load_state_dict(_saved(path, Hostile(mark)))
    assert not mark.exists()


def test_placeholders_cannot_be_given_state(tmp_path: Path) -> None:
    path = _saved(tmp_path / "w.pth", {"model": STATE, "opt": Namespace(lr=0.1, hooks=[print])})
    assert _same(load_state_dict(path))


HOSTILE = {  # opcodes that leave one object on the stack
    "os.system": b"cos\nsystem\n(X\x04\0\0\0eviltR",
    "builtins.eval": b"cbuiltins\neval\n(X\x04\0\0\0eviltR",
    "a chain of getattr": b"c__builtin__\ngetattr\n(c__builtin__\ngetattr\n(cos\npath\nX\x02\0\0\0ostR"
    b"X\x06\0\0\0systemtR(X\x04\0\0\0eviltR",
    "a class of the standard library": b"csubprocess\nPopen\n)\x81}(X\x04\0\0\0argsX\x04\0\0\0evilub",
    "state for a table of ours": b"ccollections\nOrderedDict\n)R}X\x0c\0\0\0__setstate__cos\nsystem\nsb",
    "state for a function of ours": b"ctorch._utils\n_rebuild_parameter\n}X\x08\0\0\0__code__Nsb",
    "a module that nobody has imported": b"cthis\ns\n",
    "sets": b"\x8f(K\x01K\x02\x90(K\x01\x91\x86",
    "keys whose hash takes for ever": b"}K\x01" + b"2\x86" * 60 + b"K\x01s",
    "a tuple too deep to be hashed": b"}" + b"N" + b"\x85" * 200_000 + b"K\x01s",
}


@pytest.mark.parametrize("name", HOSTILE)
def test_nothing_that_a_pickle_names_is_imported_or_run(tmp_path: Path, name: str, monkeypatch: Any) -> None:
    def never(*_: object) -> None:
        raise AssertionError("run")

    monkeypatch.setattr(os, "system", never)
    monkeypatch.setattr("subprocess.Popen.__init__", never)
    path = _saved(tmp_path / "w.pt", {"model": STATE})
    _rewritten(path, lambda content: content[:-1] + b"X\x03\0\0\0odd" + HOSTILE[name] + b"s.")
    assert _same(load_state_dict(path))
    assert "this" not in sys.modules


@pytest.mark.parametrize(
    "opcodes",
    [
        b"\x96" + struct.pack("<Q", 2**28) + b"0",  # a bytearray of so many bytes
        b"\x8e" + struct.pack("<Q", 2**28) + b"0",  # bytes
        b"\x8d" + struct.pack("<Q", 2**28) + b"0",  # a string
        b"\x95" + struct.pack("<Q", 2**28),  # a frame
        b"\x82\x01",  # an object that the process has registered
        b"X\x04\0\0\0evil)\x81",  # an object of a class that is none
    ],
    ids=["bytearray", "bytes", "string", "frame", "extension", "class"],
)
def test_what_no_checkpoint_needs_is_refused(tmp_path: Path, opcodes: bytes) -> None:
    path = _saved(tmp_path / "w.pt", {"model": STATE})
    _rewritten(path, lambda content: content[:2] + opcodes + content[2:])
    tracemalloc.start()
    with pytest.raises(CheckpointError, match="damaged"):
        load_state_dict(path)
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert most < 2**24


def test_tensors_that_share_a_storage_cannot_fill_the_memory(tmp_path: Path) -> None:
    whole = torch.zeros(100_000)
    path = _saved(tmp_path / "w.pt", {str(n): whole[n:] for n in range(1000)})
    with pytest.raises(CheckpointError, match="claims"):
        load_state_dict(path)
    assert len(load_state_dict(_saved(path, {"tied": whole, "to": whole}))) == 2


PAGES = {
    "web page": "<!DOCTYPE html><html><title>Quota\n exceeded</title></html>",
    "web page, no title": "\n<HTML><body>Quota exceeded</body></html>",
    "Git LFS pointer": "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\nQuota exceeded",
    "XML document": "\ufeff<?xml version='1.0'?><Error>Quota exceeded</Error>",
    "JSON document": '{"error": "Quota exceeded"}',
}


@pytest.mark.parametrize("suffix", [".pth", ".safetensors"])
@pytest.mark.parametrize("kind", PAGES)
def test_a_page_in_place_of_weights_is_called_so(tmp_path: Path, kind: str, suffix: str) -> None:
    path = tmp_path / f"w{suffix}"
    path.write_text(PAGES[kind], encoding="utf-8")
    with pytest.raises(
        CheckpointError, match=rf"w{suffix}: an? {kind.partition(',')[0]}.*, not weights: .*Quota exceeded.*fetch it"
    ):
        load_state_dict(path)


def test_safetensors_may_begin_like_json(tmp_path: Path) -> None:
    header = json.dumps({"a": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}}).encode().ljust(0x7B)
    (tmp_path / "w.safetensors").write_bytes(struct.pack("<Q", len(header)) + header + bytes(4))
    assert load_state_dict(tmp_path / "w.safetensors")["a"] == 0


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
@pytest.mark.parametrize("suffix", [".pt", ".safetensors"])
def test_weights_that_diverged_are_blamed(tmp_path: Path, suffix: str, value: float) -> None:
    state = {**STATE, "conv.weight": torch.full((2, 2), value)}
    path = tmp_path / f"w{suffix}"
    save_file(state, path) if suffix == ".safetensors" else torch.save(state, path)
    with pytest.raises(CheckpointError, match=r"no finite numbers \('conv\.weight'\): a training that diverged"):
        load_state_dict(path)
    assert len(load_state_dict(path, only=lambda name: name.startswith("bn"))) == 1


@pytest.mark.parametrize("keep", [0.0, 0.3, 0.9])
@pytest.mark.parametrize("legacy", [False, True], ids=["zip", "legacy"])
def test_a_truncated_file_is_refused(tmp_path: Path, legacy: bool, keep: float) -> None:
    path = _saved(tmp_path / "w.pth", {"model": {"weight": torch.zeros(5000)}}, legacy)
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * keep)])
    with pytest.raises(CheckpointError, match="Fetch it again"):
        load_state_dict(path)


def test_a_text_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "w.pt").write_text("weights are elsewhere")
    with pytest.raises(CheckpointError, match="damaged, truncated or no checkpoint"):
        load_state_dict(tmp_path / "w.pt")


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


def test_a_file_without_a_state_dict_says_what_it_holds(tmp_path: Path) -> None:
    path = tmp_path / "w.pt"
    with pytest.raises(CheckpointError, match="no state dict in it, but a list"):
        load_state_dict(_saved(path, [1]))
    with pytest.raises(CheckpointError, match=r"but 'net' \('argparse\.Namespace'\), 'epoch' \(a int\)\."):
        load_state_dict(_saved(path, {"net": Namespace(), "epoch": 1}))


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


def test_a_compressed_bomb_is_refused_before_it_swells(tmp_path: Path) -> None:
    path = _saved(tmp_path / "w.pt", {"model": {"weight": torch.zeros(5_000_000)}})
    _rewritten(path, lambda content: content, zipfile.ZIP_DEFLATED)
    with pytest.raises(CheckpointError, match="unpacks to"):
        load_state_dict(path)


def test_a_tensor_that_claims_more_than_its_storage_is_refused(tmp_path: Path) -> None:
    path = _saved(tmp_path / "w.pt", {"weight": torch.zeros(77)})
    _rewritten(path, lambda content: content.replace(b"K\x4d", b"J\x00\x00\x00\x7f"))
    with pytest.raises(CheckpointError):
        load_state_dict(path)


def test_a_tensor_that_repeats_one_value_without_end_is_refused(tmp_path: Path) -> None:
    path = _saved(tmp_path / "w.pt", {"weight": torch.zeros(1).expand(10**12)})
    with pytest.raises(CheckpointError, match="claims"):
        load_state_dict(path)


def test_a_hostile_memo_index_costs_no_memory(tmp_path: Path) -> None:
    path = _saved(tmp_path / "w.pt", {"model": STATE})
    _rewritten(path, lambda content: content[:2] + b"]r\xff\xff\xff\x7f0" + content[2:])
    assert _same(load_state_dict(path))


def test_containers_that_hold_themselves_do_not_hang(tmp_path: Path) -> None:
    loop: dict[str, Any] = {"model": STATE}
    loop["again"] = [loop]
    for legacy in (False, True):
        assert _same(load_state_dict(_saved(tmp_path / "w.pt", loop, legacy)))
