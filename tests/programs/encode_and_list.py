"""Encode a white walk with a GaitBase checkpoint; print its parts, and which of the named modules are loaded then."""

import json
import sys
from pathlib import Path

import numpy as np

from pipeline.config import RecognitionConfig, RuntimeConfig
from pipeline.recognition import open_encoder
from pipeline.types import SilhouetteSequence
from pipeline.weights.checkpoints import Card, Checkpoint

path = Path(sys.argv[1])
card = Card(name="small", stage="encoder", loader="opengait", file=path.name, licence="none")
walk = SilhouetteSequence("probe", 1, np.full((5, 64, 44), 255, np.uint8), np.arange(5), {})
encoder = open_encoder(RecognitionConfig(encoder="gaitbase"), RuntimeConfig(device="cpu"), Checkpoint(card, path, ""))
(embedding,) = encoder.encode([walk])
print(json.dumps(embedding.parts.tolist()))
print([name for name in sys.argv[2:] if name in sys.modules])
