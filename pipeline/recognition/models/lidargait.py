"""LidarGait (Shen et al., "LidarGait: Benchmarking 3D Gait Recognition with Point Clouds", CVPR 2023).

A walker's points are seen from the front as a picture of depth, in the colours of a table. GaitBase looks at it.
"""

from __future__ import annotations

from dataclasses import dataclass

from pipeline.recognition.layers import gaitbase, shapes
from pipeline.recognition.model import Model
from pipeline.recognition.models.biggait import channels_first
from pipeline.types import Modality


@dataclass(frozen=True, slots=True)
class Architecture(gaitbase.Architecture):
    """The defaults are those of SUSTech1K's configuration."""

    in_channels: int = shapes.shown(3, shapes.side("Backbone.forward_block.conv1.conv.weight", 4, 1))
    classes: int = shapes.shown(250, shapes.CLASSES)


LIDARGAIT = Model(
    name="lidargait",
    title="LidarGait",
    paper="Shen et al., CVPR 2023",
    network="pipeline.recognition.models.gaitbase_network:GaitBase",
    architecture=Architecture,
    published="SUSTech1K 86.8",
    golden=("lidargait",),
    needs=(Modality.DEPTH,),
    prepare=channels_first,
    size=(64, 64),
)
