"""GaitBase on small networks of its kind: files, sizes, lengths. Parity: tests/golden/test_gaitbase.py."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from processes import run_program
from safetensors.torch import save_file

from pipeline.config import RecognitionConfig, RuntimeConfig
from pipeline.errors import CheckpointError, ConfigError
from pipeline.recognition import open_encoder
from pipeline.recognition.layers.gaitbase import Architecture, read_weights
from pipeline.recognition.models.gaitbase_network import GaitBase, load_gaitbase
from pipeline.types import SilhouetteSequence
from pipeline.weights.checkpoints import Card, Checkpoint

SMALL = {"channels": (4, 6, 8, 10), "layers": (1, 2, 1, 1), "out_channels": 5, "classes": 7}


def card(architecture=None, **settings):
    return Card(
        name="small", stage="encoder", loader="opengait", file="s.pt", licence="none",
        architecture=architecture or {}, **settings,
    )  # fmt: skip


def small_network(seed=0, **changes):
    torch.manual_seed(seed)
    network = GaitBase(Architecture(**{**SMALL, **changes})).eval()
    for name, value in network.state_dict().items():  # batch normalisation that does something
        if name.endswith(("running_mean", "running_var", "bias")):
            value.copy_(torch.rand_like(value) + 0.1)
    return network


def save(path, network):
    torch.save({"model": network.state_dict(), "optimizer": {}, "scheduler": {}, "iteration": 1}, path)
    return path


@pytest.fixture
def file(tmp_path):
    return save(tmp_path / "GaitBase-1.pt", small_network())


def encoder(path, architecture=None, backend="auto", **settings):
    config = RecognitionConfig(encoder="gaitbase", checkpoint=str(path), **settings)
    runtime = RuntimeConfig(device="cpu", engine=backend)
    return open_encoder(config, runtime, Checkpoint(card(architecture), path, "ab" * 32))


def walk(count, track_id=1, height=64, width=44, seed=0):
    masks = np.random.default_rng(seed).integers(0, 256, (count, height, width), dtype=np.uint8)
    return SilhouetteSequence("probe", track_id, masks, np.arange(count), {"usable": 0.5})


@pytest.mark.parametrize("backend", ["openvino", "torch"])
@pytest.mark.parametrize("count", [1, 4, 5, 40])  # fewer, as many and more than the backbone sees at once
def test_the_encoder_gives_what_the_network_gives(file, assert_close_to_rms, backend, count):
    sequence = walk(count)
    (embedding,) = encoder(file, backend=backend).encode([sequence])
    with torch.no_grad():
        expected = small_network()(torch.from_numpy(sequence.masks).float().div(255)[None, None])
    assert_close_to_rms(embedding.parts[None], expected.numpy())


def test_an_embedding_says_what_it_is_and_where_it_comes_from(file):
    (embedding,) = encoder(file).encode([walk(3, 5)])
    assert (embedding.video, embedding.track_id, embedding.frames_used) == ("probe", 5, 3)
    assert (embedding.model, embedding.checkpoint_sha256) == ("gaitbase-16", "ab" * 32)
    assert embedding.parts.shape == (5, 16)
    assert dict(embedding.quality) == {"usable": 0.5}


def test_logits_are_another_model_than_embeddings(file):
    (embedding,) = encoder(file, features="logits").encode([walk(3)])
    assert (embedding.model, embedding.parts.shape) == ("gaitbase-16-logits", (7, 16))


def test_walks_of_any_length_are_encoded_in_order_as_each_alone(file, assert_close_to_rms):
    ready = encoder(file)
    walks = [walk(count, i + 1, seed=i) for i, count in enumerate((1, 33, 16, 5))]
    together = ready.encode(walks)
    assert [embedding.track_id for embedding in together] == [1, 2, 3, 4]
    for embedding, sequence in zip(together, walks, strict=True):
        assert_close_to_rms(embedding.parts, ready.encode([sequence])[0].parts, 1e-5)


def test_no_walks_give_no_embeddings(file):
    assert encoder(file).encode([]) == []


def test_long_walks_are_sampled(file):
    (embedding,) = encoder(file, max_frames=6).encode([walk(20)])
    assert embedding.frames_used == 6


def test_raw_square_masks_are_accepted(file):
    square, usual = encoder(file).encode([walk(3, height=192, width=192), walk(3)])
    assert square.parts.shape == usual.parts.shape == (5, 16)


def test_silhouettes_that_cannot_be_cut_into_parts_are_refused(file):
    with pytest.raises(ConfigError, match="silhouettes of 30×44"):
        encoder(file).encode([walk(3, height=30)])


def test_a_walk_without_silhouettes_is_refused(file):
    with pytest.raises(ValueError, match="probe track 1 has no silhouettes"):
        encoder(file).encode([walk(0)])


@pytest.mark.parametrize("changes", [{}, {"layers": (2, 1, 1, 3)}, {"parts": 8, "channels": (8, 8, 8, 8)}])
def test_the_architecture_is_told_by_the_tensors(tmp_path, changes):
    path = save(tmp_path / "g.pt", small_network(**changes))
    wanted = Architecture(**{**SMALL, **changes})
    shapes = {name: tuple(tensor.shape) for name, tensor in GaitBase(wanted).state_dict().items()}
    assert {name: tensor.shape for name, tensor in load_gaitbase(path, head=True).state_dict().items()} == shapes
    assert wanted.shapes() == shapes  # what the weights are compared with where there is no torch
    assert {name: array.shape for name, array in read_weights(path, {}, head=True)[0].items()} == shapes


def test_on_a_cpu_it_runs_without_torch(tmp_path):
    """Its import alone takes two seconds."""
    network = small_network()
    save_file(network.state_dict(), path := tmp_path / "g.safetensors")
    done = run_program("encode_and_list", path, "torch")
    assert done.stdout.splitlines()[-1] == "[]"
    parts = np.array(json.loads(done.stdout.splitlines()[0]))
    with torch.no_grad():
        assert np.abs(parts - network(torch.ones(1, 1, 5, 64, 44)).numpy()[0]).max() < 1e-5


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_weights_of_half_precision_are_read(tmp_path, assert_close_to_rms, dtype):
    halved = {k: v.to(dtype) if v.is_floating_point() else v for k, v in small_network().state_dict().items()}
    save_file(halved, path := tmp_path / "g.safetensors")
    (one,) = encoder(path).encode([walk(5)])
    (other,) = encoder(path, backend="torch").encode([walk(5)])
    assert_close_to_rms(one.parts, other.parts)


def test_weights_that_are_no_numbers_are_refused_without_torch_too(tmp_path):
    weights = small_network().state_dict()
    weights["FCs.fc_bin"][0, 0, 0] = torch.nan
    save_file(weights, path := tmp_path / "g.safetensors")
    with pytest.raises(CheckpointError, match=r"g\.safetensors: its weights are no finite numbers \('FCs\.fc_bin'\)"):
        encoder(path)


@pytest.mark.parametrize(
    "said", [{"strides": (1, 2, 2)}, {"strides": (1, 2, 2, 0)}, {"layers": "abcd"}, {"layers": [1, 1, 1, 10**9]}]
)
def test_a_card_of_a_network_that_cannot_be_is_refused(file, said):
    with pytest.raises(CheckpointError, match=r"GaitBase-1\.pt: not a checkpoint for this network.*cannot be built"):
        encoder(file, said)


def test_strides_and_pooling_are_the_cards(tmp_path):
    torch.save(small_network(maxpool=True, strides=(1, 1, 2, 1)).state_dict(), path := tmp_path / "g.pt")
    network = load_gaitbase(path, {"maxpool": True, "strides": (1, 1, 2, 1)})
    with torch.no_grad():
        assert network.Backbone(torch.zeros(1, 1, 2, 64, 44)).shape == (1, 10, 2, 16, 11)


def test_the_training_head_takes_no_memory_unless_asked_for(file):
    assert load_gaitbase(file).BNNecks.fc_bin.is_meta
    assert not load_gaitbase(file, head=True).BNNecks.fc_bin.is_meta


@pytest.mark.parametrize("load", [load_gaitbase, read_weights])
@pytest.mark.parametrize("head", [False, True])
@pytest.mark.parametrize(
    ("change", "named"),
    [
        (lambda weights: weights.pop("FCs.fc_bin"), r"1 missing \(FCs\.fc_bin\)"),
        (lambda weights: weights.pop("BNNecks.bn1d.bias"), r"1 missing \(BNNecks\.bn1d\.bias\)"),
        (lambda weights: weights.update({"BNNecks.odd": torch.zeros(2)}), r"1 unexpected \(BNNecks\.odd\)"),
        (lambda weights: weights.update({"Head.weight": torch.zeros(2)}), r"1 unexpected \(Head\.weight\)"),
    ],
    ids=["part missing", "neck missing", "head too many", "too many"],
)
def test_keys_that_differ_are_named(file, load, head, change, named):
    content = torch.load(file, weights_only=True)
    change(content["model"])
    torch.save(content, file)
    with pytest.raises(CheckpointError, match=rf"GaitBase-1\.pt: not a checkpoint for this network.*{named}"):
        load(file, {}, head)


def test_the_training_classes_may_be_missing_where_nobody_needs_them(file):
    content = torch.load(file, weights_only=True)
    content["model"].pop("BNNecks.fc_bin")
    torch.save(content, file)
    assert load_gaitbase(file).neck(torch.rand(1, 5, 16)).shape == (1, 5, 16)
    with pytest.raises(CheckpointError, match=r"1 missing \(BNNecks\.fc_bin\)"):
        load_gaitbase(file, head=True)


def test_the_neck_is_what_the_training_head_normalises(file, assert_close_to_rms):
    sequence = walk(7)
    (embedding,) = encoder(file, features="neck").encode([sequence])
    network = small_network()
    with torch.no_grad():
        expected, _ = network.BNNecks(network(torch.from_numpy(sequence.masks).float().div(255)[None, None]))
    assert_close_to_rms(embedding.parts, expected[0].numpy())
    assert embedding.model == "gaitbase-16-neck"


def test_with_a_set_size_a_walk_is_the_mean_of_interleaved_sets(file, assert_close_to_rms):
    sequence = walk(11)
    (embedding,) = encoder(file, set_size=5).encode([sequence])
    halves = [
        SilhouetteSequence("probe", 1, sequence.masks[start::2], sequence.frame_indices[start::2]) for start in (0, 1)
    ]
    one, other = encoder(file).encode(halves)
    assert_close_to_rms(embedding.parts, (one.parts + other.parts) / 2, 1e-5)
    assert (embedding.model, embedding.frames_used) == ("gaitbase-16-sets5", 11)


def test_the_card_may_name_features_and_set_size(file):
    described = Checkpoint(card(inputs={"features": "neck", "set_size": 4}), file, "ab" * 32)
    config = RecognitionConfig(encoder="gaitbase", checkpoint=str(file))
    assert open_encoder(config, RuntimeConfig(device="cpu"), described).model == "gaitbase-16-neck-sets4"


def test_a_card_that_contradicts_the_file_is_refused_with_both_shapes(file):
    with pytest.raises(CheckpointError, match=r"fc_bin 16×5×7 instead of 16×5×9"):
        encoder(file, {"classes": 9}, features="logits")


def test_the_weights_of_a_detector_are_refused_with_keys(tmp_path):
    detector = {
        "backbone.backbone.stem.conv.conv.weight": torch.zeros(8, 12, 3, 3),
        "head.stems.0.bn.bias": torch.ones(8),
    }
    torch.save({"model": detector, "start_epoch": 300}, path := tmp_path / "yolox_nano.pth")
    with pytest.raises(CheckpointError, match=r"yolox_nano.*Backbone\.forward_block.*backbone\.backbone\.stem"):
        load_gaitbase(path)


def test_real_weights_of_another_network_are_refused(shared):
    path = shared / "checkpoints/gaitgraph_resgcn-n39-r8_coco_seq_60.pth"
    with pytest.raises(CheckpointError, match=r"gaitgraph.*not a checkpoint for this network"):
        load_gaitbase(path)


def test_a_truncated_file_is_refused(file):
    file.write_bytes(file.read_bytes()[:-2000])
    with pytest.raises(CheckpointError, match=r"GaitBase-1\.pt: damaged, truncated"):
        load_gaitbase(file)


def test_weights_made_for_another_modality_are_refused(file):
    parsing = Checkpoint(card(inputs={"modality": "human parsing"}), file, "")
    with pytest.raises(CheckpointError, match="made for human parsing, not silhouettes"):
        open_encoder(RecognitionConfig(encoder="gaitbase"), RuntimeConfig(device="cpu"), parsing)
