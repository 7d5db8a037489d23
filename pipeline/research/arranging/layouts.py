"""How the public gait data sets lie on disk as they are published, one small table each.

Facts: the data sets' pages, and what OpenGait's scripts in datasets/ expect.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Place:
    """Where files lie, and what they are: the last folders of a path, with names in braces, and a pattern of files.

    identity, type, view: made of those names. {number}: 01, 02 …, the place of {view} among its neighbours, sorted.
    """

    path: str
    identity: str = "{identity}"
    type: str = "{type}"
    view: str = "{view}"


@dataclass(frozen=True, slots=True)
class Part:
    """One modality of a data set. kind: how `gait dataset pretreat` reads it (--kind); "": these are pickles."""

    places: tuple[Place, ...]
    kind: str = "silhouettes"


def _part(path: str, kind: str = "silhouettes", **names: str) -> Part:
    return Part((Place(path, **names),), kind)


def _grew(files: str, kind: str) -> Part:
    train = Place(f"train/{{identity}}/{{view}}/{files}", "{identity}train", "00")
    gallery = Place(f"test/gallery/{{identity}}/{{view}}/{files}", type="{number}")
    return Part((train, gallery, Place(f"test/probe/{{view}}/{files}", "probe", "03")), kind)


_CCGR = {
    name: _part(f"{{identity}}/{{type}}/{{view}}/*{file}*.pkl", "")
    for name, file in (("silhouettes", "sil"), ("parsing", "par"), ("poses", "pose"))
}
_PLAIN = Place("{identity}/{type}/{view}/*.png"), Place("{identity}/{type}/{view}/*.pkl")

LAYOUTS: Mapping[str, Mapping[str, Part]] = {  # the first part of each is what is arranged unless another is named
    "casia-b": {"silhouettes": _part("{identity}/{type}/{view}/*.png")},
    "oumvlp": {
        "silhouettes": _part("Silhouette_{view}-{type}/{identity}/*.png"),
        "poses": _part("{identity}/{view}_{type}/*.json", "poses"),
    },
    "grew": {"silhouettes": _grew("*.png", "aligned"), "poses": _grew("*_2d_pose.txt", "poses")},
    "gait3d": {
        "silhouettes": _part("2D_Silhouettes/{identity}/{type}/{view}/*.png"),
        "parsing": _part("2D_Parsings/{identity}/{type}/{view}/*.png", "parsing"),
        "poses": _part("2D_Poses/{identity}/{type}/{view}/*.txt", "poses"),
        "smpl": _part("3D_SMPLs/{identity}/{type}/{view}/*.npz", "smpl"),
    },
    "casia-e": {
        "silhouettes": _part(
            "{identity}/{height}/{scene}/{condition}/{view}/{take}/*.jpg",
            "aligned",
            type="{height}-{scene}-{condition}-{take}",
        )
    },
    "hid": {  # the view is the walk, since the competition's answers are named by it
        "silhouettes": Part(
            (
                Place("train/{identity}/{view}/*.png", type="default"),
                Place("HID2022_test_gallery/{identity}/{view}/*.png", type="default"),
                Place("HID2022_test_probe/{view}/*.png", "probe", "default"),
            ),
            "aligned",
        )
    },
    "ccpg": {
        "silhouettes": _part("CCPG_G_SIL/{identity}/{type}/{view}/*.png"),
        "rgb": _part("CCPG_D_MASK_FACE_SHOE/{identity}/{type}/{view}/*.jpg", "rgb"),
    },
    "ccgr": _CCGR,
    "ccgr-mini": {**_CCGR, "rgb": _part("{identity}/{type}/{view}/*rgb_f*.avi", "videos")},
    "sustech1k": {
        "silhouettes": _part("{identity}/{type}/{view}/Sils_aligned/*.png", "aligned"),
        "rgb": _part("{identity}/{type}/{view}/RGB_raw/*.jpg", "rgb"),
        "points": _part("{identity}/{type}/{view}/PCDs/*.pcd", "points"),
        "depths": _part("{identity}/{type}/{view}/PCDs_depths/*.png", "depths"),
    },
    "freegait": {"all": _part("{identity}/{type}/{view}/{modality}/*.pkl", "")},
    "scoliosis1k": {"silhouettes": Part(_PLAIN)},
    "gaitlu-1m": {"silhouettes": Part(_PLAIN[1:], "")},
}
