"""Networks that are fed pictures as they are, and asked only for what is wanted: the way there is part of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Pictures:
    """Says that a network is fed pictures as they are, N×H×W×3 uint8 BGR, and what they become inside of it.

    (value − mean) / std on the 0–255 values, three numbers each in the network's own order of channels, then planes.
    """

    rgb: bool
    mean: tuple[float, float, float] = (0.0, 0.0, 0.0)
    std: tuple[float, float, float] = (1.0, 1.0, 1.0)

    def planes(self, pictures: NDArray[np.uint8]) -> NDArray[np.float32]:
        """N×H×W×3 uint8 → N×3×H×W float32, for engines that cannot do it themselves. Exact: one look-up a value."""
        values = np.arange(256, dtype=np.float64)
        tables = [((values - mean) / std).astype(np.float32) for mean, std in zip(self.mean, self.std, strict=True)]
        planes = np.empty((len(pictures), 3, *pictures.shape[1:3]), np.float32)
        order = (2, 1, 0) if self.rgb else (0, 1, 2)
        for to, (channel, table) in enumerate(zip(order, tables, strict=True)):
            np.take(table, pictures[..., channel], out=planes[:, to])
        return planes


def fed_pictures(model: Any, pictures: Pictures) -> Any:
    """The network with the way from a picture to its input in front: a tenth of a crop's time when done outside."""
    from openvino import Layout, Type
    from openvino.preprocess import ColorFormat, PrePostProcessor

    steps = PrePostProcessor(model)
    given = steps.input(0)
    given.tensor().set_element_type(Type.u8).set_layout(Layout("NHWC")).set_color_format(ColorFormat.BGR)
    channels_last = str(model.inputs[0].get_partial_shape()[3]) == "3"  # TensorFlow's way; the others have planes
    given.model().set_layout(Layout("NHWC" if channels_last else "NCHW"))
    given.preprocess().convert_element_type(Type.f32)
    if pictures.rgb:
        given.preprocess().convert_color(ColorFormat.RGB)
    if any(pictures.mean):
        given.preprocess().mean(list(pictures.mean))
    if pictures.std != (1.0, 1.0, 1.0):
        given.preprocess().scale(list(pictures.std))
    return steps.build()


def keep_outputs(model: Any, names: Sequence[str]) -> Any:
    """The network with only these outputs, in this order: what leads to the others alone is not computed.

    Raises RuntimeError where it has no output of that name.
    """
    from openvino import Model
    from openvino import opset13 as op

    wanted = [op.result(model.output(name).get_node().input_value(0)) for name in names]
    return Model(wanted, model.get_parameters(), model.get_friendly_name())


def keep_columns(model: Any, columns: Sequence[int]) -> Any:
    """The network with only these columns of its first output, as its only output: the rest need not be copied."""
    from openvino import Model
    from openvino import opset13 as op

    shape = model.outputs[0].get_partial_shape()
    if shape.rank.is_dynamic or len(shape) == 0 or shape[-1].is_dynamic or shape[-1].get_length() <= max(columns):
        return model
    everything = model.outputs[0].get_node().input_value(0)
    wanted = op.gather(everything, np.array(columns, np.int64), np.array(len(shape) - 1, np.int64))
    return Model([op.result(wanted)], model.get_parameters(), model.get_friendly_name())
