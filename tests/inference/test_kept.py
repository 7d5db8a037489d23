"""Compiled networks that are kept in the user's cache folder: read back, or compiled anew where anything differs."""

from __future__ import annotations

import numpy as np
import pytest

from pipeline.inference import kept
from pipeline.inference.runtime import openvino, openvino_core

SETTINGS = {"INFERENCE_PRECISION_HINT": "f32", "INFERENCE_NUM_THREADS": 1, "NUM_STREAMS": 1}


@pytest.fixture
def network(tmp_path, monkeypatch):
    """network(how) is (what the network answers, whether it was compiled for that)."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    openvino()
    from openvino import Model, save_model
    from openvino import opset13 as op

    given = op.parameter([1, 4], np.float32)
    made = Model([op.result(op.multiply(given, np.full((1, 4), 3, np.float32)))], [given])
    save_model(made, path := tmp_path / "three.xml", compress_to_fp16=False)
    core = openvino_core()

    def ask(how="", settings=SETTINGS):
        compiled = []

        def compile_():
            compiled.append(how)
            return core.compile_model(core.read_model(str(path)), "CPU", settings)

        found = kept.compiled(core, path, how, settings, compile_)
        return found([np.ones((1, 4), np.float32)])[0].tolist(), bool(compiled)

    ask.weights, ask.folder = path.with_suffix(".bin"), tmp_path / "cache/gait/networks"
    return ask


def test_a_network_is_compiled_once_and_read_back_afterwards(network):
    assert network() == ([[3, 3, 3, 3]], True)
    assert network() == ([[3, 3, 3, 3]], False)


@pytest.mark.parametrize("other", [{"how": "another shape"}, {"settings": {**SETTINGS, "NUM_STREAMS": 2}}])
def test_what_is_made_in_another_way_is_another_network(network, other):
    network()
    assert network(**other)[1]


def test_other_weights_are_another_network(network):
    network()
    network.weights.write_bytes(np.full(4, 5, np.float32).tobytes())
    assert network() == ([[5, 5, 5, 5]], True)


def test_an_onnx_file_whose_weights_lie_in_another_file_is_always_compiled(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    onnx = pytest.importorskip("onnx", reason="onnx is not installed (the extra export)")
    make, core = onnx.helper, openvino_core()
    given, wanted = (make.make_tensor_value_info(name, onnx.TensorProto.FLOAT, [1, 4]) for name in ("x", "y"))
    for number in (3, 5):
        weights = onnx.numpy_helper.from_array(np.full((1, 4), number, np.float32), "w")
        graph = make.make_graph([make.make_node("Mul", ["x", "w"], ["y"])], "g", [given], [wanted], [weights])
        model = make.make_model(graph, opset_imports=[make.make_opsetid("", 17)], ir_version=8)
        (tmp_path / "weights.data").unlink(missing_ok=True)
        onnx.save_model(
            model, path := tmp_path / "n.onnx", save_as_external_data=True, location="weights.data", size_threshold=0
        )
        found = kept.compiled(core, path, "", SETTINGS, lambda: core.compile_model(str(path), "CPU", SETTINGS))
        assert found([np.ones((1, 4), np.float32)])[0].tolist() == [[number] * 4]


@pytest.mark.parametrize("damage", [lambda b: b[:-9] + bytes([b[-9] ^ 1]) + b[-8:], lambda b: b[:50], lambda b: b""])
def test_a_damaged_file_is_made_anew(network, damage):
    network()
    (file,) = network.folder.iterdir()
    whole = file.read_bytes()
    file.write_bytes(damage(whole))
    assert network() == ([[3, 3, 3, 3]], True)
    assert len(file.read_bytes()) == len(whole) and not network()[1]


def test_a_folder_that_cannot_be_written_only_costs_time(network):
    network.folder.parent.parent.write_text("no folder")
    assert network() == network() == ([[3, 3, 3, 3]], True)


def test_those_that_were_not_used_for_longest_make_room(network, monkeypatch):
    network("first")
    size = next(network.folder.iterdir()).stat().st_size
    monkeypatch.setattr(kept, "MOST_BYTES", 2 * size + 9)
    network("second")
    assert not network("first")[1]
    network("third")
    assert not network("first")[1] and not network("third")[1] and network("second")[1]
