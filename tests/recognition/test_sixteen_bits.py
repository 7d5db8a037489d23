"""Networks that look at every frame alone, in bfloat16: as in float32, or else in float32."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from small_networks import BACKENDS, save_small

from pipeline.config import RuntimeConfig
from pipeline.recognition.engines import execution, sixteen_bits
from pipeline.recognition.engines.execution import TorchEngine
from pipeline.recognition.engines.export import made_up_inputs
from pipeline.recognition.model_encoder import network_of

LENGTHS = ((1, 1), (2, 6))  # sequences, frames


@pytest.fixture(scope="module")
def answers(tmp_path_factory):
    """answers("biggergait", "auto", lengths): of a small network of this kind."""
    folder = tmp_path_factory.mktemp("small")

    def found(name, precision, lengths):
        model = BACKENDS[name]
        network = network_of(model, save_small(model, folder / f"{name}.pt"), "embeddings")
        inputs = [made_up_inputs(model, model.needs, model.size, *length, seed=3) for length in lengths]
        engine = TorchEngine(network, RuntimeConfig(device="cpu", precision=precision, threads=1))
        return list(engine.each(inputs))

    return found


@pytest.mark.parametrize("name", ["biggergait", "denoisinggait"])
def test_embeddings_stay_as_they_are_whatever_the_number_of_frames(answers, name, monkeypatch):
    monkeypatch.setattr(execution, "has_bf16", lambda: True)  # elsewhere OpenVINO computes in float32 when told this
    for found, wanted in zip(*(answers(name, precision, LENGTHS) for precision in ("auto", "f32")), strict=True):
        assert found.shape == wanted.shape
        cosine = torch.nn.functional.cosine_similarity(*(torch.from_numpy(each).flatten(1) for each in (found, wanted)))
        assert cosine.min() > 0.998
        assert not np.array_equal(found, wanted)


@pytest.mark.parametrize(("capable", "least"), [(True, 1.1), (False, 0.999)])
def test_where_embeddings_would_move_or_nothing_is_gained_they_are_those_of_float32(
    answers, capable, least, monkeypatch
):
    monkeypatch.setattr(execution, "has_bf16", lambda: capable)
    monkeypatch.setattr(sixteen_bits, "LEAST_COSINE", least)
    found, wanted = (answers("biggergait", precision, LENGTHS[:1]) for precision in ("auto", "f32"))
    np.testing.assert_array_equal(found, wanted)
