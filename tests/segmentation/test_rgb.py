"""Crops in colour: cut and padded as OpenGait's pretreatment does it, few of each track, read when they are wanted."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from pipeline.errors import InputError
from pipeline.segmentation.crop import cut_person
from pipeline.segmentation.rgb import (
    BODY,
    KEPT,
    RGBBuilder,
    body_in_crop,
    cut_rgb,
    padded,
    read_rgb,
    write_rgb,
)
from pipeline.types import Modality

NOBODY = np.zeros(256, np.uint8)


def test_crops_are_those_of_opengaits_pretreatment(golden):
    with np.load(golden("biggait") / "input.npz") as file:
        for walk in "AB":
            for number, wanted in enumerate(file[f"{walk}_rgb"]):
                raw = file[f"raw_{walk}_{number}"] if f"raw_{walk}_{number}" in file.files else None
                if raw is None:
                    continue
                found = padded(raw).transpose(2, 0, 1)
                assert np.abs(found.astype(int) - wanted).max() <= 1  # by one grey level between releases of OpenCV
                assert raw.shape[1] / raw.shape[0] == pytest.approx(file[f"{walk}_ratios"][number])


def test_a_crop_wider_than_half_its_height_loses_both_sides_alike():
    picture = np.zeros((64, 64, 3), np.uint8)
    picture[:, 30:34] = 255
    columns = np.flatnonzero(padded(picture)[128, :, 0] > 127)
    assert padded(picture).shape == (256, 128, 3) and abs(columns.mean() - 63.5) <= 1


def frame(box):
    """A grey picture with a red rectangle on green where the box is."""
    image = np.full((240, 320, 3), 90, np.uint8)
    x1, y1, x2, y2 = box
    image[y1:y2, x1:x2] = (0, 160, 0)
    image[y1 + 20 : y2 - 20, x1 + 10 : x2 - 10] = (0, 0, 200)  # BGR
    return image


def test_the_box_alone_is_cut_out_of_the_frame_in_rgb(tmp_path):
    box = (100, 40, 160, 200)
    crop = cut_rgb(frame(box), np.array(box, np.float32))
    assert crop.ratio == pytest.approx(60 / 160) and len(crop.jpeg) < 20_000
    (tmp_path / "crop.jpg").write_bytes(crop.jpeg)
    write_rgb(tmp_path / "crops.npz", sequence(1, {7: (crop.ratio, NOBODY)}))
    found = read_rgb(tmp_path / "crops.npz", lambda frame: tmp_path / "crop.jpg")
    (picture,) = found[Modality.RGB].data[:]
    assert picture.shape == (3, 256, 128)
    np.testing.assert_allclose(picture[:, 128, 64], (200, 0, 0), atol=12)
    np.testing.assert_allclose(picture[:, 10, 64], (0, 160, 0), atol=12)
    assert picture[:, :, :14].max() < 12  # 96 columns of the crop, 16 of black on either side
    assert found[Modality.ASPECT_RATIOS].data[:].tolist() == [pytest.approx(60 / 160)]
    assert found[Modality.RGB].frame_indices.tolist() == [7]


def test_a_box_outside_of_the_frame_gives_no_crop():
    assert cut_rgb(frame((100, 40, 160, 200)), np.array((400, 10, 440, 90), np.float32)) is None


@pytest.mark.parametrize("box", [(100, 40, 160, 200), (-30, 20, 60, 220)], ids=["inside", "cut by the edge"])
def test_the_silhouette_lies_where_the_person_is_in_the_crop(box):
    image = np.zeros((240, 320, 3), np.uint8)
    x1, y1, x2, y2 = max(box[0], 0), *box[1:]
    image[y1 + 30 : y2 - 30, x1 + 15 : x2 - 15] = 255
    whole = np.array(box, np.float32)
    crop = cut_person(image, whole, 192, around=0)
    mask = np.where(crop.image[..., 0] > 127, np.uint8(255), np.uint8(0))
    body = np.unpackbits(body_in_crop(mask, crop, whole)).reshape(BODY)
    wanted = cv2.resize(padded(image[y1:y2, x1:x2])[..., 0], BODY[::-1], interpolation=cv2.INTER_AREA) > 127
    assert wanted.sum() > 200
    assert (body != wanted).mean() < 0.03


def sequence(track_id, frames):
    builder = RGBBuilder()
    for index, (ratio, body) in frames.items():
        builder.add(track_id, index, ratio, body)
    ((found, _),) = builder.finish([track_id])
    return found


def test_of_a_long_track_some_crops_are_kept_evenly_spread_and_the_others_named():
    builder, there = RGBBuilder(), set()
    for index in range(3000):
        there.add(index)
        there -= set(builder.add(1, index, 0.4, NOBODY))
        assert len(there) < 2 * KEPT
    ((kept, too_many),) = builder.finish([1])
    assert set(kept.frame_indices.tolist()) == there - set(too_many) and len(kept.ratios) == KEPT
    steps = np.diff(kept.frame_indices)
    assert steps.max() <= 3 * 3000 / KEPT and kept.frame_indices[0] < 40 and kept.frame_indices[-1] > 2960


def test_stretches_of_a_video_give_the_crops_that_the_whole_gives():
    whole, first, second = RGBBuilder(), RGBBuilder(), RGBBuilder()
    for index in range(1000):
        for builder in (whole, first if index < 400 else second):
            builder.add(1, index, index / 1000, NOBODY)
    first.join(second)
    ((one, _),), ((other, _),) = whole.finish([1]), first.finish([1])
    np.testing.assert_array_equal(one.frame_indices, other.frame_indices)
    np.testing.assert_array_equal(one.ratios, other.ratios)


@pytest.mark.parametrize("content", [None, b"", b"not a picture"], ids=["missing", "empty", "damaged"])
def test_a_picture_that_is_not_there_is_named(content, tmp_path):
    path = tmp_path / "001-000000.jpg"
    if content is not None:
        path.write_bytes(content)
    write_rgb(tmp_path / "crops.npz", sequence(1, {0: (0.4, NOBODY)}))
    found = read_rgb(tmp_path / "crops.npz", lambda frame: path)
    with pytest.raises(InputError, match=r"001-000000\.jpg: not a crop of 256×128\. Run again"):
        found[Modality.RGB].data[:]


def test_crops_that_were_removed_are_named(tmp_path):
    with pytest.raises(InputError, match=r"crops\.npz: no crops of this track .* Run again"):
        read_rgb(tmp_path / "crops.npz", lambda frame: tmp_path)
