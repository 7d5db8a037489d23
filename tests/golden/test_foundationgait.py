"""FoundationGait equals OpenGait's in its forms and sizes, with seeded weights: golden/foundationgait_*."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from pipeline.recognition.models.foundationgait import FOUNDATIONGAIT
from pipeline.recognition.network import architecture_of

pytestmark = pytest.mark.slow

FORMS = {  # folder: (form, layers, sequences, tolerance: one of them differs from itself by 9e-5 on more threads)
    "foundationgait_pretrain_0.03b": ("pretrained", (1, 4, 8, 4), "ABC", 1e-4),
    "foundationgait_finetune_0.03b": ("finetuned", (1, 4, 8, 4), "ABC", 1e-4),
    "foundationgait_finetune_0.13b": ("finetuned", (1, 4, 32, 16), "AB", 1e-3),
    "foundationgait_probe_0.13b": ("probe", (1, 4, 32, 16), "AB", 1e-4),
}
NEVER_ASKED = ("student_backbone.", "teacher_backbone.predictor.")


@pytest.mark.parametrize("name", FORMS)
def test_embeddings_and_scores_equal_the_reference(name, golden, golden_weights, assert_close_to_rms):
    form, layers, sequences, tolerance = FORMS[name]
    weights = golden_weights(name, NEVER_ASKED[: 1 if form == "pretrained" else 2])
    kind = FOUNDATIONGAIT.network
    architecture = architecture_of(FOUNDATIONGAIT.architecture, {}, weights)
    assert (architecture.form, tuple(architecture.layers)) == (form, layers)
    network = kind(architecture).eval()
    network.load_state_dict(kind.rename_keys(weights), strict=True)

    with np.load(golden(name) / "input.npz") as given, np.load(golden(name) / "output.npz") as output:
        walks = [given[one][None, None, :, :, 10:54] for one in sequences]
        wanted = [output[f"emb_{one}"] for one in sequences]
    if len({walk.shape for walk in walks}) == 1:  # of one length: in one batch
        walks, wanted = [np.concatenate(walks)], [np.concatenate(wanted)]
    with torch.inference_mode():
        for walk, reference in zip(walks, wanted, strict=True):
            found = network(torch.from_numpy(walk).float() / 255)
            if form == "probe":  # whose scores are called embeddings there
                found = network.logits(found)
            assert_close_to_rms(found.numpy(), reference, tolerance)
