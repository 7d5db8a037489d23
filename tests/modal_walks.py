"""Synthetic walkers in every modality that a network can be trained on, in OpenGait's layout."""

from __future__ import annotations

import json
import pickle
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from pipeline.pose.skeleton_maps import SkeletonMaps
from pipeline.research.synth.body import draw_outfit
from pipeline.research.synth.camera import Shot, film
from pipeline.research.synth.motion import INDEX, vary, walk
from pipeline.research.synth.outlines import Outlines, outlines
from pipeline.research.synth.scene import COCO_JOINTS
from pipeline.research.synth.silhouette import fill, person

HEIGHT = 200.0  # pixels of a walker in the picture
PLACE = np.array([300.0, 200.0])
FACE = {"nose": (0, 0), "eye_L": (3, -3), "eye_R": (-3, -3), "ear_L": (7, 0), "ear_R": (-7, 0)}  # from the head, pixels


class Filmed:
    """One walk of person `number` from `view` (degrees), seen as often as there are frames."""

    def __init__(self, number: int, take: int, view: int, frames: int) -> None:
        self.number, self.rng = number, np.random.default_rng((number, take, view))
        who = person((5, number))
        shot = Shot(np.deg2rad(view), 0.05, 8.0, HEIGHT, 25.0, 0.0)
        steps = walk(who.body, vary(who.gait, self.rng), np.arange(frames) / shot.fps, float(self.rng.random()), 0.0)
        targets = steps.joints[:, 0].copy()
        targets[:, 2] = who.body.stature / 2
        seen = film(shot, targets, float(steps.facing[frames // 2]), who.body.stature)
        self.shapes = outlines(who.body, draw_outfit(np.random.default_rng(number), "nm"), steps, seen)

    def keypoints(self) -> np.ndarray:
        """T×17×3 float32: COCO's joints in the picture, found with certainty."""
        at = {name: self.shapes.joints[:, INDEX[name]] for name in INDEX}
        at |= {name: at["head"] + offset for name, offset in FACE.items()}
        points = np.stack([at[name] for name in COCO_JOINTS], axis=1) + PLACE
        return np.concatenate([points, np.ones((*points.shape[:2], 1))], axis=2).astype(np.float32)

    def keypoints18(self) -> np.ndarray:
        """T×18×3 float32 in OpenPose's order."""
        coco = self.keypoints()
        neck = coco[:, 5:7].mean(axis=1, keepdims=True)
        return np.concatenate([coco, neck], axis=1)[:, [0, 17, 6, 8, 10, 5, 7, 9, 12, 14, 16, 11, 13, 15, 2, 1, 4, 3]]

    def silhouettes(self, height: int = 64) -> np.ndarray:
        """T×H×H uint8, the body as high as the picture."""
        boxes = self.shapes.box()
        scale = ((height - 2) / (boxes[:, 3] - boxes[:, 1]))[:, None, None]
        middle = ((boxes[:, :2] + boxes[:, 2:]) / 2)[:, None]
        parts = tuple(replace(part, points=(part.points - middle) * scale + height / 2) for part in self.shapes.parts)
        return fill(Outlines(parts, self.shapes.joints), height)

    def tall(self) -> np.ndarray:
        return self.silhouettes(128)

    def narrow(self) -> np.ndarray:
        """T×64×44 uint8."""
        return self.silhouettes()[..., 10:54]

    def maps(self) -> np.ndarray:
        """T×2×64×64 uint8: limbs and joints."""
        return SkeletonMaps.of(self.keypoints())[:]

    def parsing(self) -> np.ndarray:
        """T×64×64 uint8: bands of the silhouette as labels 1 to 11."""
        rows, columns = np.mgrid[:64, :64]
        left = columns < 32
        labels = np.select(
            [rows < 10, (rows < 32) & (abs(columns - 32) < 5), rows < 28, rows < 34, rows < 56],
            [1, 2, np.where(left, 3, 4), np.where(left, 5, 6), np.where(left, 7, 8)],
            np.where(left, 9, 10),
        )
        return np.where(self.silhouettes() > 0, labels, 0).astype(np.uint8)

    def narrow_parsing(self) -> np.ndarray:
        return self.parsing()[..., 10:54]

    def smpl(self) -> np.ndarray:
        """T×85 float32: what is the person's own, and a little that changes."""
        own = np.random.default_rng(self.number).standard_normal(85)
        frames = len(self.shapes.joints)
        return (own + 0.1 * self.rng.standard_normal((frames, 85))).astype(np.float32)

    def points(self) -> list[np.ndarray]:
        """A cloud N×3 float32 a frame, metres, z up: pixels of the silhouette with some depth."""
        clouds = []
        for mask in self.silhouettes():
            rows, columns = np.nonzero(mask)
            depth = self.rng.uniform(-0.1, 0.1, len(rows))
            places = np.stack([depth, (columns - 32) * 1.7 / 64, (63 - rows) * 1.7 / 64], axis=1)
            clouds.append(places[:: self.rng.integers(3, 5)].astype(np.float32))
        return clouds


def write_modalities(
    root: Path,
    files: Sequence[str],
    identities: int = 3,
    types: Sequence[str] = ("nm-01",),
    views: Sequence[str] = ("080", "100"),
    frames: int = 8,
    held_out: int = 0,
) -> Path:
    """root/001/nm-01/080/0_silhouettes.pkl …: `files` are Filmed's methods, in the order of the files.

    The last `held_out` people are the test set.
    """
    names = [f"{number + 1:03d}" for number in range(identities)]
    for number, name in enumerate(names):
        for take, kind in enumerate(types):
            for view in views:
                filmed = Filmed(number, take, int(view), frames)
                folder = root / name / kind / view
                folder.mkdir(parents=True)
                for place, modality in enumerate(files):
                    (folder / f"{place}_{modality}.pkl").write_bytes(pickle.dumps(getattr(filmed, modality)()))
    known = identities - held_out
    (root / "partition.json").write_text(json.dumps({"TRAIN_SET": names[:known], "TEST_SET": names[known:]}))
    return root
