"""ScoNet (Zhou et al., "Gait Patterns as Biomarkers: A Video-Based Approach for Classifying Scoliosis", MICCAI 2024).

GaitBase with three classes instead of identities: negative, neutral, positive. What OpenGait calls its embeddings are
the scores (`features: logits` here); the class is the largest of their mean over parts.
"""

from __future__ import annotations

from pipeline.recognition.layers.gaitbase import Architecture
from pipeline.recognition.model import Model
from pipeline.recognition.models.gaitbase_network import GaitBase

SCONET = Model(
    name="sconet",
    title="ScoNet",
    paper="Zhou et al., MICCAI 2024",
    network=GaitBase,
    architecture=Architecture,
    golden=("sconet",),
)
