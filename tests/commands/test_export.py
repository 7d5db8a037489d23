"""`gait export`: what is written gives torch's embeddings, and runs in torch's place."""

from __future__ import annotations

import pytest
import torch
import yaml
from small_networks import BACKENDS, MODELS, save_small_with_card

from pipeline.commands.export import export
from pipeline.config import RecognitionConfig, RuntimeConfig
from pipeline.errors import CheckpointError, ConfigError
from pipeline.recognition import open_encoder
from pipeline.recognition.engines import export as written_graphs
from pipeline.recognition.made_up import made_up_sequence
from pipeline.weights.checkpoints import resolve

CPU = RuntimeConfig(device="cpu", threads=1)
QUICK = ("gaitset", "gaitgl", "gaitpart", "smplgait", "gaitgraph2", "stgcn", "lidargaitpp", "disentanglement")
ALL = [name if name in QUICK else pytest.param(name, marks=pytest.mark.slow) for name in MODELS if name != "swingait"]


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    """written(NAME) is the folder with NAME.pt and its card, of a small network with random weights."""
    made = {}

    def make(name):
        if name not in made:
            made[name] = tmp_path_factory.mktemp(name)
            save_small_with_card(BACKENDS[name], made[name])
        return made[name]

    return make


def embeddings(name, path, walks, **settings):
    config = RecognitionConfig(encoder=name, checkpoint=str(path), **settings)
    return open_encoder(config, CPU, resolve(str(path), None, [], stage="encoder")).encode(walks)


def same(ones, others, close, tolerance=1e-4):
    for one, other in zip(ones, others, strict=True):
        close(one.parts, other.parts, tolerance)
        assert one.frames_used == other.frames_used


@pytest.mark.parametrize("name", ALL)  # of swingait see below
def test_an_onnx_file_runs_in_torchs_place(name, written, assert_close_to_rms, capsys, monkeypatch):
    folder = written(name)
    if BACKENDS[name].size[0] > 64:  # large pictures, which such networks look at one by one
        monkeypatch.setattr(written_graphs, "LENGTHS", ((2, 12), (1, 20)))
    target = folder / f"{name}.onnx"
    export(f"{name}_small", "onnx", output=target, check=True, checkpoints=folder)
    assert "of torch's rms" in capsys.readouterr().out
    model = BACKENDS[name]
    walks = [made_up_sequence(model.needs, length, length, model.size, track_id=length) for length in (6, 1)]
    theirs = embeddings(name, folder / f"{name}_small.pt", walks)
    same(embeddings(name, target, walks), theirs, assert_close_to_rms)


def test_openvinos_format_runs_in_torchs_place_too(written, assert_close_to_rms):
    folder = written("gaitset")
    target = folder / "set.xml"
    export("gaitset_small", "openvino", output=target, checkpoints=folder)
    walks = [made_up_sequence(BACKENDS["gaitset"].needs, length, length) for length in (1, 9)]
    theirs = embeddings("gaitset", folder / "gaitset_small.pt", walks)
    same(embeddings("gaitset", target, walks), theirs, assert_close_to_rms)
    weights = target.with_suffix(".bin")
    weights.write_bytes(weights.read_bytes()[:-1] + b"x")
    with pytest.raises(CheckpointError, match=r"set\.xml: expected sha256"):
        resolve("set", None, [folder], stage="encoder")


def test_gaitbase_is_exported_although_it_runs_in_its_own_way(written, assert_close_to_rms):
    folder = written("gaitbase")
    export("gaitbase", "onnx", checkpoint="gaitbase_small", output=folder / "base.onnx", checkpoints=folder)
    walks = [made_up_sequence(BACKENDS["gaitbase"].needs, 12, 0)]
    theirs = embeddings("gaitbase", folder / "gaitbase_small.pt", walks)
    same(embeddings("gaitbase", folder / "base.onnx", walks), theirs, assert_close_to_rms)


def test_scores_and_necks_are_exported_when_asked_for(written, assert_close_to_rms):
    folder = written("sconet")
    walks = [made_up_sequence(BACKENDS["sconet"].needs, 12, 0)]
    for features in ("logits", "neck"):
        target = folder / f"{features}.onnx"
        export("sconet_small", "onnx", output=target, features=features, checkpoints=folder)
        theirs = embeddings("sconet", folder / "sconet_small.pt", walks, features=features)
        same(embeddings("sconet", target, walks), theirs, assert_close_to_rms)
        with pytest.raises(ConfigError, match=f"exported to give {features}, not embeddings"):
            embeddings("sconet", target, walks, features="embeddings")


def test_a_network_in_two_files_is_exported_whole(written, tmp_path, assert_close_to_rms):
    """As the authors of the disentangled skeletons keep theirs."""
    weights = torch.load(written("disentanglement") / "disentanglement_small.pt", weights_only=True)["model"]
    for part, prefix in (("autoencoder_7", "autoencoder."), ("fc_7", "fc.")):
        some = {key.removeprefix(prefix): value for key, value in weights.items() if key.startswith(prefix)}
        torch.save(some, tmp_path / f"{part}.pt")
    card = {"stage": "encoder", "loader": "opengait", "model": "disentanglement", "licence": "ours"}
    (tmp_path / "autoencoder_7.yaml").write_text(yaml.safe_dump(card))
    export("autoencoder_7", "onnx", output=tmp_path / "both.onnx", checkpoints=tmp_path)
    walks = [made_up_sequence(BACKENDS["disentanglement"].needs, length, length) for length in (3, 64)]
    theirs = embeddings("disentanglement", tmp_path / "autoencoder_7.pt", walks)
    same(embeddings("disentanglement", tmp_path / "both.onnx", walks), theirs, assert_close_to_rms)
    second = torch.load(tmp_path / "fc_7.pt", weights_only=True)
    torch.save({**second, "fc.bias": second["fc.bias"] + 1}, tmp_path / "fc_7.pt")
    (other,) = embeddings("disentanglement", tmp_path / "autoencoder_7.pt", walks[:1])
    assert other.checkpoint_sha256 != theirs[0].checkpoint_sha256


@pytest.mark.slow
def test_a_graph_that_takes_no_short_walks_says_so(written, assert_close_to_rms):
    name, folder = "swingait", written("swingait")
    target = folder / "swin.onnx"
    export(f"{name}_small", "onnx", output=target, checkpoints=folder)
    assert yaml.safe_load(target.with_suffix(".yaml").read_text())["inputs"]["least_frames"] == 4
    walks = [made_up_sequence(BACKENDS[name].needs, length, length) for length in (4, 9)]
    theirs = embeddings(name, folder / f"{name}_small.pt", walks)
    same(embeddings(name, target, walks), theirs, assert_close_to_rms)
    with pytest.raises(ConfigError, match="no fewer than 4"):
        embeddings(name, target, [made_up_sequence(BACKENDS[name].needs, 3, 0)])


def test_what_cannot_be_exported_is_refused(written, tmp_path):
    folder = written("gaitset")
    with pytest.raises(ConfigError, match="of which weights"):
        export("gaitset", "onnx")
    with pytest.raises(ConfigError, match=r"ends in \.xml"):
        export("gaitset_small", "openvino", output=tmp_path / "x.onnx", checkpoints=folder)
    with pytest.raises(ConfigError, match="shipped card"):
        export("gaitset_small", "onnx", output=tmp_path / "gaitset_casiae.onnx", checkpoints=folder)
    with pytest.raises(ConfigError, match="no trained network"):
        export("gei", "onnx", checkpoint="gaitset_small", checkpoints=folder)
    assert not list(tmp_path.iterdir())


def test_a_graph_that_differs_from_torch_is_refused(written, tmp_path, monkeypatch):
    """A network whose answer depends on something that tracing cannot see."""
    network = BACKENDS["gaitset"].network
    forward, calls = network.forward, iter(range(10**6))
    monkeypatch.setattr(network, "forward", lambda self, x: forward(self, x) * (1 + next(calls) % 3))
    with pytest.raises(CheckpointError, match=r"does not agree with torch|differs from torch"):
        export("gaitset_small", "onnx", output=tmp_path / "x.onnx", checkpoints=written("gaitset"))
    assert not list(tmp_path.iterdir())
