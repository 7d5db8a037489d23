"""Checkpoints of BigGait and BiggerGait: whose names DINOv2 has in them, where it lies, and whose heads they hold."""

from __future__ import annotations

import re

import pytest
import torch
from safetensors.torch import save_file
from small_networks import BACKENDS, save_small

from pipeline.errors import CheckpointError
from pipeline.recognition.network import load_network

TO_VERSION_4 = (
    (r"\bcls_token|\bmask_token", r"embeddings.\g<0>"),
    ("pos_embed", "embeddings.position_embeddings"),
    (r"patch_embed\.proj", "embeddings.patch_embeddings.projection"),
    (r"blocks\.", "encoder.layer."),
    (r"attn\.proj", "attention.output.dense"),
    (r"ls([12])\.gamma", r"layer_scale\1.lambda1"),
    (r"Backbone\.norm\.", "Backbone.layernorm."),
)


def to_version_4(weights):
    """A state dict with the transformer's names of transformers 4."""
    found = {}
    for own, value in weights.items():
        key = own
        for pattern, replacement in TO_VERSION_4 if own.startswith("Backbone.") else ():
            key = re.sub(pattern, replacement, key)
        if match := re.fullmatch(r"(.*)attn\.qkv(.*)", key):
            for name, part in zip(("query", "key", "value"), value.chunk(3), strict=True):
                found[f"{match[1]}attention.attention.{name}{match[2]}"] = part.clone()
        else:
            found[key] = value
    return found


def to_version_5(weights):
    """The same of transformers 5."""
    short = {"query": "q_proj", "key": "k_proj", "value": "v_proj"}
    renamed = {key.replace("output.dense", "o_proj"): value for key, value in to_version_4(weights).items()}
    return {
        re.sub(r"attention\.attention\.(\w+)", lambda found: f"attention.{short[found[1]]}", key): value
        for key, value in renamed.items()
    }


def with_aliases(weights, heads=(0, 0, 0, 1, 1, 1)):
    """A head's tensors once more for each of its groups, the very same ones, as OpenGait saves them."""
    own = {key: value for key, value in weights.items() if key.startswith("Gait_Net.real_gait.")}
    for group, head in enumerate(heads):
        begin = f"Gait_Net.real_gait.{head}."
        weights |= {f"Gait_Net.Gait_List.{group}.{k.removeprefix(begin)}": own[k] for k in own if k.startswith(begin)}
    return weights


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    """(the model, the weights, the embeddings of a picture): of a small BiggerGait."""
    model = BACKENDS["biggergait"]
    checkpoint = save_small(model, tmp_path_factory.mktemp("small") / "small.pt")
    weights = torch.load(checkpoint.path, weights_only=True)["model"]
    return model, checkpoint.card.architecture, weights, embed(model, checkpoint.path, checkpoint.card.architecture)


def embed(model, path, architecture=None):
    network = load_network(model.network_class, model.architecture, path, architecture)
    pictures = torch.rand(1, 3, 2, 256, 128, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        return network(pictures)


@pytest.mark.parametrize("rename", [to_version_4, to_version_5], ids=["version 4", "version 5"])
def test_hugging_faces_names_give_the_same(small, rename, tmp_path):
    model, architecture, weights, wanted = small
    torch.save({"model": with_aliases(rename(weights))}, path := tmp_path / "theirs.pt")
    assert torch.equal(embed(model, path, architecture), wanted)
    shown = {"image": architecture["image"]}  # all else is read off the tensors
    assert torch.equal(embed(model, path, shown), wanted)


@pytest.mark.parametrize("file", ["dinov2_vits14_pretrain.pth", "dinov2-small.safetensors"])
def test_a_checkpoint_without_the_transformer_takes_the_one_beside_it(small, file, tmp_path):
    model, architecture, weights, wanted = small
    own = {key: value for key, value in weights.items() if not key.startswith("Backbone.")}
    renamed = to_version_5(weights) if file.endswith("safetensors") else weights
    bare = {k.removeprefix("Backbone."): v.contiguous() for k, v in renamed.items() if k.startswith("Backbone.")}
    torch.save({"model": own}, path := tmp_path / "head.pt")
    with pytest.raises(CheckpointError, match=r"missing \(Backbone\.cls_token"):
        embed(model, path, architecture)
    save_file(bare, tmp_path / file) if file.endswith("safetensors") else torch.save(bare, tmp_path / file)
    assert torch.equal(embed(model, path, architecture), wanted)
    torch.save({"model": weights}, path)  # now there are two, and nothing says which is meant
    with pytest.raises(CheckpointError, match=r"unexpected \(dinov2\."):
        embed(model, path, architecture)


def test_groups_go_through_the_heads_that_the_file_shows(small, tmp_path):
    """The published CCGR file has no configuration: whose a group's head is, its tensors say."""
    model, architecture, weights, _ = small
    alternating = (0, 1, 0, 1, 0, 1)
    torch.save({"model": with_aliases(dict(weights), alternating)}, path := tmp_path / "shared.pt")
    shown = {"image": architecture["image"]}
    network = load_network(model.network_class, model.architecture, path, shown)
    assert network.Gait_Net.heads == alternating
    plain = {**architecture, "heads": alternating}
    torch.save({"model": weights}, told := tmp_path / "told.pt")
    assert torch.equal(embed(model, path, shown), embed(model, told, plain))


def test_a_group_whose_head_is_only_partly_another_is_refused_by_its_name(small, tmp_path):
    model, architecture, weights, _ = small
    both = with_aliases(dict(weights))
    key = "Gait_Net.Gait_List.4.pre_rgb.forward_block.conv1.conv.weight"
    both[key] = both[key] + 1
    torch.save({"model": both}, path := tmp_path / "odd.pt")
    with pytest.raises(CheckpointError, match=re.escape(key)):
        embed(model, path, architecture)


def test_the_parts_of_an_attention_that_do_not_fit_are_refused(small, tmp_path):
    model, architecture, weights, _ = small
    theirs = to_version_4(weights)
    theirs["Backbone.encoder.layer.3.attention.attention.key.weight"] = torch.zeros(2, 3)
    torch.save({"model": theirs}, path := tmp_path / "odd.pt")
    with pytest.raises(CheckpointError, match=r"missing \(Backbone\.blocks\.3\.attn\.qkv\.weight"):
        embed(model, path, architecture)
