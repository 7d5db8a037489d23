"""GPGait equals FastPoseGait's (BNU-IVC/FastPoseGait, 8140f67) with weights by rule, both in double precision."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from pipeline.recognition.layers.graph_inputs import human_oriented
from pipeline.recognition.layers.shapes import architecture_of
from pipeline.recognition.models.gpgait import Architecture, GPGait

SIZES = {
    "gpgait.yaml": ((2, 64, 64, 128, 256), 3, 74),
    "gpgait_OUMVLP.yaml": ((2, 64, 128, 128, 128, 128, 256, 256), 4, 10),
}
EMBEDDING = {  # channel 100 of parts 0, 4, 9, 15, 16 and 18, and the rms of all
    "gpgait.yaml": ([-2789.5706, 509.73299, 1086.2861, 5074.9509, 39.416185, 88.175597], 3308.4564),
    "gpgait_OUMVLP.yaml": ([-27392.704, 949.15919, 45040.714, 169271.3, 720.068, -3338.0766], 50876.828),
}
LOGITS = {  # class 3 of the same parts
    "gpgait.yaml": [0.015440351, 0.017541528, 0.054360881, 0.036602005, 0.035571253, -0.073465633],
    "gpgait_OUMVLP.yaml": [0.045138269, -0.086011172, -0.053943463, -0.069005385, 0.067443586, -0.036936626],
}
ANGLES = [3.0186999, 1.6246250, 2.5944515, 3.0157703, 3.0007264, 2.8750495]  # of shoulders, elbows and wrists, frame 3


@pytest.fixture
def walk():
    """Nine frames [1, 9, 17, 3] of poses of no body."""
    draw = np.random.Generator(np.random.Philox(1))
    places = draw.uniform((100, 50), (180, 400), (17, 2))
    frames = [places + draw.normal(0, 8, (9, 17, 2)), draw.uniform(0, 1, (9, 17, 1))]
    return torch.from_numpy(np.concatenate(frames, axis=2).astype(np.float32)[None]).double()


def test_the_angles_equal_the_reference(walk):
    np.testing.assert_allclose(human_oriented(walk)[0, 4, 3, 5:11], ANGLES, atol=1e-7)


@pytest.mark.parametrize("settings", SIZES)
def test_embeddings_and_logits_equal_the_reference(settings, walk, weight_rule):
    channels, shared, classes = SIZES[settings]
    network = GPGait(Architecture(channels, shared, classes))
    weights = weight_rule.fill(network)
    assert len(weights) == {3: 590, 4: 1142}[shared]
    assert architecture_of(Architecture, {}, weights) == Architecture(channels, shared, classes)
    parts, (embedding, rms) = [0, 4, 9, 15, 16, 18], EMBEDDING[settings]
    with torch.inference_mode():
        found = network.eval().double()(walk)
        np.testing.assert_allclose(found[0, 100, parts], embedding, atol=1e-6 * rms)
        assert found.square().mean().sqrt() == pytest.approx(rms, rel=1e-6)
        np.testing.assert_allclose(network.logits(found)[0, 3, parts], LOGITS[settings], atol=1e-7)
