"""Checkpoints of FoundationGait: which form they are of is read off their keys, and the student is left out."""

from __future__ import annotations

import dataclasses

import pytest
import torch
from small_networks import BACKENDS, fill, narrow

from pipeline.config import RecognitionConfig, RuntimeConfig
from pipeline.errors import ConfigError
from pipeline.recognition import open_encoder
from pipeline.recognition.made_up import made_up_sequence
from pipeline.recognition.network import load_network
from pipeline.weights.checkpoints import Card, Checkpoint

MODEL = BACKENDS["foundationgait"]
CPU = RuntimeConfig(device="cpu", threads=1)


def checkpoint_of(form, folder):
    """A small network's file as OpenGait writes it, that of the pre-training with a student."""
    torch.manual_seed(0)
    network = MODEL.network_class(dataclasses.replace(narrow(MODEL.architecture()), form=form))
    fill(network)
    own = network.state_dict()
    student = {key.replace("teacher", "student"): value + 1 for key, value in own.items()}
    torch.save({"model": own | (student if form == "pretrained" else {})}, folder / "small.pt")
    card = Card(name="small", stage="encoder", loader="opengait", model=MODEL.name, file="small.pt")
    return network.eval(), Checkpoint(card, folder / "small.pt", "")


@pytest.mark.parametrize("form", ["pretrained", "finetuned", "probe"])
def test_every_form_is_read_without_the_student(form, tmp_path):
    network, checkpoint = checkpoint_of(form, tmp_path)
    found = load_network(MODEL.network_class, MODEL.architecture, checkpoint.path)
    walk = torch.rand(1, 1, 4, 64, 44)
    with torch.inference_mode():
        assert torch.equal(found(walk), network(walk))


def test_a_probe_scores_classes_and_what_is_pretrained_cannot(tmp_path):
    walk, config = made_up_sequence(MODEL.needs, 4, 0), RecognitionConfig(encoder=MODEL.name, features="logits")
    (scores,) = open_encoder(config, CPU, checkpoint_of("probe", tmp_path)[1]).encode([walk])
    assert scores.parts.shape == (5, 1)
    with pytest.raises(ConfigError, match="no training head"):
        open_encoder(config, CPU, checkpoint_of("pretrained", tmp_path)[1])
