"""A folder of images as a video: each is a frame, in natural order."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np

from pipeline.errors import InputError
from pipeline.files import natural
from pipeline.types import Image
from pipeline.video.container import check_size
from pipeline.video.info import Picture, VideoInfo, VideoSource
from pipeline.video.orientation import Orientation

IMAGE_SUFFIXES = frozenset({".bmp", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp"})


class FolderSource(VideoSource):
    """A folder of images, each a frame."""

    def __init__(self, folder: Path, name: str, fps: float, turn: int) -> None:
        super().__init__()
        self._orientation = Orientation().turned(turn)
        try:
            files = [path for path in folder.glob("[!.]*") if path.suffix.lower() in IMAGE_SUFFIXES]
        except OSError as error:
            raise InputError(f"{folder}: cannot be listed ({error.strerror}). Check its permissions.") from None
        if not files:
            raise InputError(f"{folder}: a folder without images. Pass a video, or a folder of .png or .jpg frames.")
        self._files = sorted(files, key=lambda path: natural(path.name))
        first = next((image for image in map(_read_image, self._files) if image is not None), None)
        if first is None:
            raise InputError(f"{folder}: none of its {len(files)} images can be read. Pass whole image files.")
        height, width = self._orientation.apply(first).shape[:2]
        check_size(width, height, str(folder))
        tick, count = 1 / Fraction(fps).limit_denominator(100_000), len(files)
        self.info = VideoInfo(str(folder), name, width, height, fps, tick, count, turn, count / fps, "images")

    def _pictures(self) -> Iterator[Picture]:
        size = self.info.width, self.info.height
        for position, path in enumerate(self._files):
            image = _read_image(path)
            if image is None:
                self.skipped += 1
                continue
            image = self._orientation.apply(image)
            if image.shape[1::-1] != size:
                self._rescaled += 1
                image = np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), np.uint8)
            yield position / self.info.fps, image

    def close(self) -> None:
        """Nothing is held open between two images."""


def _read_image(path: Path) -> Image | None:
    try:
        data = np.fromfile(path, np.uint8)  # reads names that OpenCV cannot
        image = cv2.imdecode(data, cv2.IMREAD_COLOR) if data.size else None
    except (OSError, cv2.error):
        return None
    return None if image is None else np.asarray(image, np.uint8)
