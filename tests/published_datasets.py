"""Tiny public data sets with people who do not exist, as the authors of each lay theirs out on disk."""

from __future__ import annotations

import json
import pickle
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import clips
import cv2
import numpy as np
from modal_walks import Filmed
from training_walks import silhouettes

FRAMES = 6


@dataclass(frozen=True)
class Published:
    """A data set on disk. people: to train on, then to test with; path: of a frame's (or a sequence's) file.

    Its fields are {who}, {kind}, {view}, {frame}. write: (path, number of the person, of the walk, of the frame).
    """

    path: str
    people: Sequence[str]
    kinds: Sequence[str]
    views: Sequence[str]
    write: Callable
    whole: bool = False  # a file a sequence
    others: Sequence[str] = ()  # files that are none of its frames

    def files(self) -> Iterator[tuple[str, int, int, int]]:
        """(path, person, take, frame) of every file."""
        for number, who in enumerate(self.people):
            for take, (kind, view) in enumerate((kind, view) for kind in self.kinds for view in self.views):
                for frame in range(1 if self.whole else FRAMES):
                    names = {"who": who, "kind": kind, "view": view, "frame": frame + 1}
                    yield self.path.format(**names), number, take, frame


def write_published(root: Path, published: Published) -> None:
    """Write the data set into a folder."""
    for name, number, take, frame in published.files():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        published.write(path, number, take, frame)
    for name in published.others:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(b"not a frame")


def _mask(number: int, take: int, frame: int) -> np.ndarray:
    """128×96, the walker in the middle, as a camera sees it."""
    whole = np.zeros((128, 96), np.uint8)
    whole[30:94, 26:70] = np.where(silhouettes(number, FRAMES, jitter=take)[frame] > 127, 255, 0)
    return whole


def mask(path: Path, number: int, take: int, frame: int) -> None:
    cv2.imwrite(str(path), _mask(number, take, frame))


def aligned(path: Path, number: int, take: int, frame: int) -> None:
    cv2.imwrite(str(path), cv2.resize(_mask(number, take, frame)[30:94, 16:80], (128, 128)))


def labels(path: Path, number: int, take: int, frame: int) -> None:
    parts = 1 + np.arange(128)[:, None] // 12
    cv2.imwrite(str(path), np.where(_mask(number, take, frame) > 0, parts, 0).astype(np.uint8))


def colours(path: Path, number: int, take: int, frame: int) -> None:
    cv2.imwrite(str(path), cv2.merge([_mask(number, take, frame)] * 3))


def film(path: Path, number: int, take: int, frame: int) -> None:
    """Somebody in colours with black around, wider in every frame."""
    shown = np.zeros((FRAMES, 128, 96, 3), np.uint8)
    for index, picture in enumerate(shown):
        picture[16 : 112 - take, 40 - index : 56 + index] = 80 + 40 * number
    clips.write(path, shown, codec="mpeg4", options={"qscale": "2"})


def _filmed(number: int, take: int) -> Filmed:
    return Filmed(number, take, 80 + 10 * take, FRAMES)


def pose_text(path: Path, number: int, take: int, frame: int) -> None:
    joints = _filmed(number, take).keypoints()[frame]
    path.write_text(",".join(["640", "480", *(f"{value:.3f}" for value in joints.ravel())]))


def pose_json(path: Path, number: int, take: int, frame: int) -> None:
    joints = _filmed(number, take).keypoints18()[frame]
    people = [{"pose_keypoints_2d": joints.ravel().tolist()}]
    path.write_text(json.dumps({"version": 1.2, "people": people}))


def smpl(path: Path, number: int, take: int, frame: int) -> None:
    values = _filmed(number, take).smpl()[frame]
    person = {
        "cam": values[:3],
        "poses": values[3:75],
        "betas": values[75:],
        "verts": np.zeros((5, 3), np.float16),
        "score": np.float32(0.9),
    }
    results = np.empty((), object)
    results[()] = [person]
    np.savez(path, results=results)


def points(path: Path, number: int, take: int, frame: int) -> None:
    cloud = np.asarray(_filmed(number, take).points()[frame], "<f4")
    rows = np.concatenate([cloud, np.ones((len(cloud), 1), "<f4")], axis=1)
    head = "VERSION .7\nFIELDS x y z intensity\nSIZE 4 4 4 4\nTYPE F F F F\nCOUNT 1 1 1 1\n"
    head += f"WIDTH {len(rows)}\nHEIGHT 1\nPOINTS {len(rows)}\nDATA binary\n"
    path.write_bytes(b"# .PCD v.7\n" + head.encode() + rows.tobytes())


def depths(path: Path, number: int, take: int, frame: int) -> None:
    grey = cv2.resize(_mask(number, take, frame)[30:94, 16:80], (64, 64))
    cv2.imwrite(str(path), cv2.merge([grey // 2, grey * 0, grey]))  # blue, green, red


def pickled(path: Path, number: int, take: int, frame: int) -> None:
    path.write_bytes(pickle.dumps(silhouettes(number, FRAMES, width=64, jitter=take)))


def pickled_narrow(path: Path, number: int, take: int, frame: int) -> None:
    path.write_bytes(pickle.dumps(silhouettes(number, FRAMES, jitter=take)))


def pickled_labels(path: Path, number: int, take: int, frame: int) -> None:
    path.write_bytes(pickle.dumps(_filmed(number, take).parsing()))


def pickled_poses(path: Path, number: int, take: int, frame: int) -> None:
    path.write_bytes(pickle.dumps(_filmed(number, take).keypoints()))


GAIT3D = (("0000", "0001", "0002", "0007"), ("camid33_videoid2", "camid9_videoid1"), ("seq0",))
SUSTECH = (("0000", "0002", "0001", "0003"), ("00-nm", "01-nm"), ("000", "090"))
CCGR = (("1", "2", "601", "602"), ("NM1", "BG1"), ("0_1.avi", "over.avi"))
CCPG = (("000", "001", "100", "101"), ("U0_D0", "U0_D0_BG", "U1_D0", "U1_D1"), ("01_0", "02_0"))
HID = (("00001", "00002"), ("",))

PUBLISHED: dict[tuple[str, str], Sequence[Published]] = {  # (data set, part) → what lies in one folder
    ("casia-b", "silhouettes"): [
        Published(
            "GaitDatasetB-silh/{who}/{kind}/{view}/{who}-{kind}-{view}-{frame:03d}.png",
            ("001", "002", "075", "076"),
            ("nm-01", "nm-05"),
            ("000", "090"),
            mask,
            others=["readme.txt"],
        )
    ],
    ("oumvlp", "silhouettes"): [
        Published(
            "Silhouette_{view}-{kind}/{who}/{frame:04d}.png",
            ("00001", "00003", "00002", "00004"),
            ("00", "01"),
            ("000", "090"),
            mask,
        )
    ],
    ("oumvlp", "poses"): [
        Published(
            "{who}/{view}_{kind}/{frame:04d}.json",
            ("00001", "00003", "00002", "00004"),
            ("00", "01"),
            ("000", "090"),
            pose_json,
        )
    ],
    ("grew", "silhouettes"): [
        Published("train/{who}/{view}/{frame:05d}.png", ("00001", "00002"), ("",), ("4XPn5Z28", "5TXe8svE"), aligned),
        Published(
            "test/gallery/{who}/{view}/{frame:05d}.png", ("00001", "00002"), ("",), ("79XJefi8", "t16VLaQf"), aligned
        ),
        Published(
            "test/probe/{who}/{frame:05d}.png",
            ("etaGVnWf", "eT1EXpgZ"),
            ("",),
            ("",),
            aligned,
            others=["distractor/00001/00001.png"],
        ),
    ],
    ("grew", "poses"): [
        Published(
            "train/{who}/{view}/{frame}_2d_pose.txt", ("00001", "00002"), ("",), ("4XPn5Z28", "5TXe8svE"), pose_text
        ),
        Published(
            "test/gallery/{who}/{view}/{frame}_2d_pose.txt",
            ("00001", "00002"),
            ("",),
            ("79XJefi8", "t16VLaQf"),
            pose_text,
            others=["train/00001/4XPn5Z28/00001.png"],
        ),
    ],
    ("gait3d", "silhouettes"): [Published("2D_Silhouettes/{who}/{kind}/{view}/human_crop_f{frame}.png", *GAIT3D, mask)],
    ("gait3d", "parsing"): [Published("2D_Parsings/{who}/{kind}/{view}/human_crop_f{frame}.png", *GAIT3D, labels)],
    ("gait3d", "poses"): [Published("2D_Poses/{who}/{kind}/{view}/human_crop_f{frame}.txt", *GAIT3D, pose_text)],
    ("gait3d", "smpl"): [Published("3D_SMPLs/{who}/{kind}/{view}/human_crop_f{frame}.npz", *GAIT3D, smpl)],
    ("casia-e", "silhouettes"): [
        Published(
            "forTrain/{who}/H/{kind}/nm/{view}/1/{frame:04d}.jpg",
            ("001", "002", "201", "202"),
            ("scene1", "scene2"),
            ("000", "090"),
            aligned,
        )
    ],
    ("hid", "silhouettes"): [
        Published("train/{who}/{kind}/{frame:03d}.png", ("0000", "0001"), ("00001", "00002"), ("",), aligned),
        Published("HID2022_test_gallery/{who}/{kind}/{frame:03d}.png", ("0500", "0501"), ("00001",), ("",), aligned),
        Published("HID2022_test_probe/{who}/{frame:03d}.png", ("video_1", "video_2"), ("",), ("",), aligned),
    ],
    ("ccpg", "silhouettes"): [Published("CCPG_G_SIL/{who}/{kind}/{view}/{frame:05d}.png", *CCPG, mask)],
    ("ccpg", "rgb"): [Published("CCPG_D_MASK_FACE_SHOE/{who}/{kind}/{view}/{frame:05d}.jpg", *CCPG, colours)],
    ("ccgr", "silhouettes"): [Published("{who}/{kind}/{view}/{view}sil-1.pkl", *CCGR, pickled, whole=True)],
    ("ccgr-mini", "silhouettes"): [
        Published("CCGR-MINI/{who}/{kind}/{view}/{view}sil-1.pkl", *CCGR, pickled, whole=True),
        Published("CCGR-MINI/{who}/{kind}/{view}/{view}pose-1.pkl", *CCGR, pickled_poses, whole=True),
    ],
    ("ccgr-mini", "parsing"): [
        Published("CCGR-MINI/{who}/{kind}/{view}/{view}par-1.pkl", *CCGR, pickled_labels, whole=True),
    ],
    ("ccgr-mini", "poses"): [
        Published("CCGR-MINI/{who}/{kind}/{view}/{view}pose-1.pkl", *CCGR, pickled_poses, whole=True),
    ],
    ("ccgr-mini", "rgb"): [
        Published("CCGR-MINI-RGB-V1/{who}/{kind}/{view}/{view}rgb_f-1.avi", *CCGR, film, whole=True),
    ],
    ("sustech1k", "silhouettes"): [
        Published("{who}/{kind}/{view}/Sils_aligned/16553{frame}.png", *SUSTECH, aligned),
        Published("{who}/{kind}/{view}/Sils_raw/16553{frame}.png", *SUSTECH, mask),
    ],
    ("sustech1k", "points"): [Published("{who}/{kind}/{view}/PCDs/16553{frame}.pcd", *SUSTECH, points)],
    ("sustech1k", "depths"): [Published("{who}/{kind}/{view}/PCDs_depths/16553{frame}.png", *SUSTECH, depths)],
    ("sustech1k", "rgb"): [Published("{who}/{kind}/{view}/RGB_raw/16553{frame}.jpg", *SUSTECH, colours)],
    ("freegait", "all"): [
        Published(f"{{who}}/{{kind}}/{{view}}/{name}/{name}.pkl", *GAIT3D, pickled, whole=True)
        for name in ("image", "lidar", "range_pkl", "smpl", "kp3d")
    ],
    ("scoliosis1k", "silhouettes"): [
        Published(
            "Scoliosis1K_raw/{who}/{kind}/{view}/{frame:03d}.png",
            ("00008", "00009", "00001"),
            ("negative", "positive"),
            ("000-180",),
            mask,
        )
    ],
    ("gaitlu-1m", "silhouettes"): [
        Published(
            "silhouette_cut_pkl/{who}/{kind}/{view}/{who}_{kind}_{view}.pkl",
            ("000", "001", "002", "003"),
            ("000", "001"),
            ("000",),
            pickled_narrow,
            whole=True,
        )
    ],
}
