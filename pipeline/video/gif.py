"""Animated GIFs, which pages and chats show without a player. FFmpeg chooses the 256 colours that fit best."""

from __future__ import annotations

from collections.abc import Iterable
from fractions import Fraction
from io import BytesIO
from pathlib import Path

import av
import numpy as np

from pipeline.files import write_bytes
from pipeline.types import Image

_TICK = Fraction(1, 100)  # GIF counts in hundredths of a second


def write_gif(path: Path, images: Iterable[Image], fps: float) -> None:
    """Write H×W×3 uint8 BGR pictures of one size as an endless loop; the file appears when it is whole.

    Raises ValueError where there is no picture, OutputError where the file cannot be written.
    """
    pictures = [np.ascontiguousarray(image) for image in images]
    if not pictures:
        raise ValueError(f"{path}: no pictures to show")
    height, width = pictures[0].shape[:2]
    graph = av.filter.Graph()
    source = graph.add_buffer(width=width, height=height, format=av.VideoFormat("bgr24"), time_base=_TICK)
    split, palette, use, sink = (graph.add(name) for name in ("split", "palettegen", "paletteuse", "buffersink"))
    source.link_to(split)
    split.link_to(palette, 0)
    split.link_to(use, 1, 0)
    palette.link_to(use, 0, 1)
    use.link_to(sink)
    graph.configure()
    whole = BytesIO()
    with av.open(whole, "w", format="gif") as container:
        stream = container.add_stream("gif", rate=Fraction(fps).limit_denominator(1000))
        stream.width, stream.height, stream.pix_fmt = width, height, "pal8"
        stream.codec_context.time_base = _TICK
        for number, picture in enumerate(pictures):
            frame = av.VideoFrame.from_ndarray(picture, format="bgr24")
            frame.pts, frame.time_base = round(number / fps / _TICK), _TICK
            source.push(frame)
        source.push(None)
        while True:
            try:
                chosen = graph.vpull()
            except (av.error.EOFError, av.error.BlockingIOError):
                break
            container.mux(stream.encode(chosen))
        container.mux(stream.encode(None))
    write_bytes(path, whole.getvalue())
