"""Golden weights are the rule's, also those that are drawn in pieces."""

from __future__ import annotations

import numpy as np
import pytest


@pytest.mark.parametrize("key", ["FCs.fc_bin", "conv.weight", "edge_importance", "relative_position_bias_table"])
def test_weights_in_pieces_are_the_rules(key, drawn, weight_rule):
    shape = (3, 301, 151)
    np.testing.assert_array_equal(drawn(key, shape), weight_rule.make(key, shape))
