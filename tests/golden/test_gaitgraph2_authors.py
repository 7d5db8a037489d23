"""GaitGraph2 in its authors' own format equals tteepe/GaitGraph2: frames, inputs, networks and its Lightning files."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch

from pipeline.recognition.layers.graph_inputs import middle_frames, missing_to_middle, three_branches, to_and_fro
from pipeline.recognition.layers.shapes import architecture_of
from pipeline.recognition.models import gaitgraph2, stgcn
from pipeline.recognition.network import load_network
from pipeline.skeletons import COCO17, COCO18

SKELETONS = {"oumvlp": COCO18, "coco": COCO17}
FILES = {
    "oumvlp_n51_r4": ("oumvlp", 30),
    "casiab_n21_r8_multibranch": ("coco", 60),
    "casiab_n39_r8_multibranch": ("coco", 60),
}


@pytest.fixture(scope="module")
def authors(golden):
    """(folder, walks by kind, outputs)."""
    folder = golden("gaitgraph2_tteepe")
    with np.load(folder / "input.npz") as given, np.load(folder / "output.npz") as output:
        walks = {kind: [torch.from_numpy(given[f"{kind}_{i}"])[None] for i in range(3)] for kind in SKELETONS}
        yield folder, walks, {**{name: output[name] for name in output.files}, "stgcn_in": given["stgcn_in"]}


def network_of(folder, variant, network, architecture, weight_rule, **card):
    keys = json.loads((folder / f"state_dict_keys_{variant}.json").read_text())
    weights = {key: torch.empty(shape, dtype=getattr(torch, dtype)) for key, (shape, dtype) in keys.items()}
    made = network(architecture_of(architecture, card, weights))
    renamed = network.rename_keys(weights)
    assert set(renamed) == set(made.state_dict())
    authors_name = {id(value): key for key, value in weights.items()}
    ruled = {
        key: value
        if key.endswith(".A")
        else torch.from_numpy(
            np.asarray(
                weight_rule.make(authors_name[id(renamed[key])], value.shape, not value.is_floating_point())
            ).reshape(value.shape)
        )
        for key, value in made.state_dict().items()
    }
    made.load_state_dict(ruled)
    return made.eval()


@pytest.mark.parametrize("walk", range(3))
def test_short_walks_turn_round_and_long_ones_are_cut(authors, walk, assert_close_to_rms):
    _, walks, output = authors
    keypoints = missing_to_middle(walks["oumvlp"][walk])
    padded = keypoints[0, to_and_fro(keypoints.shape[1], 30)]
    assert_close_to_rms(padded.numpy(), output[f"oumvlp_{walk}_padded"], 1e-6)
    assert_close_to_rms(middle_frames(keypoints, 30)[0].numpy(), output[f"oumvlp_{walk}_center30"], 1e-6)


@pytest.mark.parametrize(("count", "frames"), [(1, 30), (2, 30), (5, 60), (29, 30), (30, 30), (31, 30)])
def test_every_walk_however_short_gets_its_frames(count, frames):
    assert middle_frames(torch.zeros(1, count, 17, 3), frames).shape == (1, frames, 17, 3)


@pytest.mark.parametrize("walk", range(3))
def test_joints_velocities_and_bones_equal_the_reference(authors, walk, assert_close_to_rms):
    _, _, output = authors
    frames = torch.from_numpy(output[f"oumvlp_{walk}_center30"])[None]
    branches = three_branches(frames, COCO18.parents, COCO18.centre)[0].permute(2, 3, 0, 1)
    assert_close_to_rms(branches.numpy(), output[f"oumvlp_{walk}_multi_input"])


@pytest.mark.parametrize("variant", FILES)
def test_their_files_load_and_give_their_embeddings(variant, authors, assert_close_to_rms):
    folder, walks, output = authors
    kind, frames = FILES[variant]
    path = folder / f"weights_{variant}.ckpt"
    with torch.inference_mode():
        network = load_network(gaitgraph2.GaitGraph2, gaitgraph2.Architecture, path)
        embeddings = torch.cat([network(walk) for walk in walks[kind]])[..., 0]
        assert_close_to_rms(embeddings.numpy(), output[f"{variant}_tta"])
        assert_close_to_rms(embeddings[:, :128].numpy(), output[f"{variant}_embedding"])
        together = torch.cat([network.prepared(walk) for walk in walks[kind]])
        assert together.shape[1] == frames
        maps = network.ResGCN.features(network.inputs(together, network._centre))
        assert_close_to_rms(maps.numpy(), output[f"{variant}_feature_map"])


def test_one_branch_of_fifteen_channels_equals_the_reference(authors, weight_rule, assert_close_to_rms):
    folder, walks, output = authors
    network = network_of(
        folder, "casiab_n21_r8_single15", gaitgraph2.GaitGraph2, gaitgraph2.Architecture, weight_rule, tta=False
    )
    with torch.inference_mode():
        embedding = torch.cat([network(walk) for walk in walks["coco"]])[..., 0]
    assert_close_to_rms(embedding.numpy(), output["casiab_n21_r8_single15_embedding"])


def test_their_other_backbone_equals_the_reference(authors, weight_rule, assert_close_to_rms):
    folder, _, output = authors
    network = network_of(folder, "stgcn", stgcn.STGCN, stgcn.Architecture, weight_rule, tta=False)
    with torch.inference_mode():
        embedding = network(torch.from_numpy(output["stgcn_in"])[:, :, :, 0])[..., 0]
    assert_close_to_rms(embedding.numpy(), output["oumvlp_stgcn_embedding"])
