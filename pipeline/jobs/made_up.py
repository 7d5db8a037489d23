"""Made-up people whom every encoder looks at once: they tell what a distance is worth where nobody measured it.

made_up.npz holds 60 people who do not exist, three walks each in other clothes and from another side, as the default
segmenter cut them out and found their joints (`gait synth cohort` makes it).
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np

from pipeline.matching.scores import Cohort
from pipeline.pose.skeleton_maps import SkeletonMaps
from pipeline.recognition import Encoder
from pipeline.types import GaitSequence, Modality, ModalityFrames

FILE = Path(__file__).with_name("made_up.npz")
LEVELS = 85  # grey levels from one that is kept to the next


def embed_made_up(encoder: Encoder) -> Cohort:
    """The made-up people as this encoder sees them."""
    walks, people = made_up_walks()
    return Cohort(encoder.encode(walks), people)


@cache
def made_up_walks() -> tuple[list[GaitSequence], list[int]]:
    """The walks, in silhouettes, keypoints and skeleton maps, and whose each is."""
    with np.load(FILE, allow_pickle=False) as file:
        masks, lengths = file["masks"] * np.uint8(LEVELS), file["lengths"].tolist()
        keypoints = file["keypoints"].astype(np.float32)
        headings, people = file["headings"].astype(float).tolist(), file["people"].tolist()
    walks, begin = [], 0
    for number, (length, heading) in enumerate(zip(lengths, headings, strict=True), start=1):
        frames, joints = np.arange(length), keypoints[begin : begin + length]
        seen = {
            Modality.SILHOUETTES: ModalityFrames(masks[begin : begin + length], frames),
            Modality.KEYPOINTS: ModalityFrames(joints, frames),
            Modality.SKELETON_MAPS: ModalityFrames(SkeletonMaps.of(joints), frames),
        }
        walks.append(GaitSequence("made-up", number, seen, {"heading": heading}))
        begin += length
    return walks, people
