"""The building blocks of silhouette models."""

from __future__ import annotations

import pytest
import torch

from pipeline.recognition.layers.silhouettes import HorizontalPooling, SeparateBNNecks, SeparateFCs, temporal_max


def test_temporal_max_of_several_sequences_is_that_of_each():
    maps = torch.rand(1, 3, 9, 4, 2)
    pooled = temporal_max(maps, [4, 5])
    torch.testing.assert_close(pooled, torch.cat([temporal_max(maps[:, :, :4]), temporal_max(maps[:, :, 4:])]))


def test_temporal_max_refuses_lengths_that_do_not_add_up():
    with pytest.raises(ValueError, match=r"lengths \[4, 6\] do not divide"):
        temporal_max(torch.rand(1, 3, 9, 4, 2), [4, 6])


def test_horizontal_pooling_adds_mean_and_maximum_of_each_strip():
    maps = torch.rand(2, 3, 8, 5)
    pooled = HorizontalPooling((1, 4))(maps)
    assert pooled.shape == (2, 3, 5)
    torch.testing.assert_close(pooled[:, :, 0], maps.mean((2, 3)) + maps.amax((2, 3)))
    torch.testing.assert_close(pooled[:, :, 2], maps[:, :, 2:4].mean((2, 3)) + maps[:, :, 2:4].amax((2, 3)))


def test_separate_fcs_share_nothing_between_parts():
    fcs = SeparateFCs(parts=4, in_channels=3, out_channels=2)
    x = torch.rand(5, 3, 4)
    for part in range(4):
        torch.testing.assert_close(fcs(x)[:, :, part], x[:, :, part] @ fcs.fc_bin[part])


def test_bnnecks_give_unit_features_and_cosines():
    necks = SeparateBNNecks(parts=4, in_channels=3, classes=6).eval()
    features, logits = necks(torch.randn(5, 3, 4))
    assert logits.shape == (5, 6, 4)
    torch.testing.assert_close(features.norm(dim=1), torch.ones(5, 4))
    assert logits.abs().max() <= 1 + 1e-6
