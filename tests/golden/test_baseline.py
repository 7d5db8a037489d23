"""Baseline equals OpenGait's with its plain backbone: what that computed once of seeded weights and pictures."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from pipeline.recognition.models.baseline import Architecture, Baseline

HID = Architecture(layers=(*Architecture().layers, "M", "BC-512", "BC-512"), classes=500)
CASES = {  # size; embeddings: rms, first of part 0, some of parts 10 to 13, last; logits: rms, first of part 0
    "hid": (
        HID,
        (128, 88),
        3.2658041,
        [2.4287670, -0.8812302, -0.8679584, -2.6458137],
        [-3.7962876, 6.7573371, -0.2238031, -2.3759542],
        [-6.7981963, -0.5718093, -5.0343165],
        (0.0629045, [0.1272390, 0.0112647, 0.1170634]),
    ),
    "casiab": (
        Architecture(),
        (64, 44),
        2.6719759,
        [-1.4368350, -1.6973906, -2.8449984, -1.5520785],
        [-2.7413816, -3.8235015, 2.2016039, -1.6494920],
        [-6.4990115, -1.5192224, -2.8282518],
        (0.0637314, [-0.1292831, -0.0160919, -0.1574189]),
    ),
}


@pytest.mark.parametrize("data", CASES)
def test_embeddings_and_logits_equal_the_reference(data, weight_rule):
    architecture, size, rms, first, middle, last, (rms_of_logits, of_logits) = CASES[data]
    network = Baseline(architecture).eval()
    weight_rule.fill(network)
    drawn = np.random.Generator(np.random.Philox(7)).random((1, 1, 3, *size)) > 0.5
    with torch.inference_mode():
        embeddings = network(torch.from_numpy(drawn.astype(np.float32)))
        logits = network.logits(embeddings)[0].numpy()
    found = embeddings[0].numpy()
    assert found.shape == (256, 31)
    assert np.sqrt(np.mean(found**2)) == pytest.approx(rms, rel=1e-5)
    expected = [*first, *middle, *last]
    assert [*found[:4, 0], *found[100, 10:14], *found[-3:, -1]] == pytest.approx(expected, abs=1e-4 * rms)
    assert np.sqrt(np.mean(logits**2)) == pytest.approx(rms_of_logits, rel=1e-5)
    assert logits[:3, 0] == pytest.approx(of_logits, abs=1e-4 * rms_of_logits)


def test_the_layers_are_read_off_a_checkpoint():
    for architecture in (Architecture(), HID):
        with torch.device("meta"):
            weights = Baseline(architecture).state_dict()
        assert Architecture.from_weights(weights) == {
            "in_channels": 1,
            "layers": architecture.layers,
            "out_channels": 256,
            "classes": architecture.classes,
        }
    assert "layers" not in Architecture.from_weights(
        {"Backbone.forward_block.feature.999999999.conv.weight": torch.empty(1)}
    )
