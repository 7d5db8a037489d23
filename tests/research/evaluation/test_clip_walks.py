"""Which track a clip means, and the folder that keeps its silhouettes."""

from __future__ import annotations

import dataclasses
import json

import numpy as np
import pytest

from pipeline.errors import InputError
from pipeline.profiles import load_config
from pipeline.research.evaluation.clip_walks import ClipFolder, crop_clip, crop_poses, sequence_of_clip
from pipeline.research.evaluation.manifest import Clip
from pipeline.types import Modality, PoseSequence, SilhouetteSequence, Tracklet

SIZE = (160, 120)
SILHOUETTES, CONFIG = (Modality.SILHOUETTES,), load_config()


@pytest.fixture
def clip(tmp_path):
    return Clip(2, tmp_path / "street.mp4", 11, 50, "ann", "d2", "probe")  # frames 10 to 49 from 0


def track(track_id, first, last, usable=1, left=0.0, step=0.0):
    """Boxes 40 pixels tall in frames first to last − 1; every `usable`-th has a silhouette, of the frame's number."""
    frames = np.arange(first, last)
    x = left + step * (frames - first)
    boxes = np.stack([x, np.full_like(x, 40), x + 20, np.full_like(x, 80)], axis=1).astype(np.float32)
    seen = frames[::usable]
    masks = np.tile(seen[:, None, None].astype(np.uint8), (1, 64, 44))
    tracklet = Tracklet("street", track_id, frames, boxes, np.ones(len(frames), np.float32), 25.0)
    return tracklet, SilhouetteSequence("street", track_id, masks, seen)


def test_both_ends_of_a_clip_are_part_of_it(clip):
    part, walk = crop_clip(*track(1, 0, 100), clip)
    assert (part.frame_indices[0], part.frame_indices[-1], len(walk)) == (10, 49, 40)
    assert (walk.masks[0, 0, 0], walk.masks[-1, 0, 0]) == (10, 49)


def test_the_quality_is_that_of_the_part(clip):
    tracklet, sequence = track(1, 0, 100, usable=2, step=2.0)
    _, walk = crop_clip(tracklet, sequence, clip)
    assert walk.quality["frames_tracked"] == 40 and walk.quality["frames_usable"] == 20
    assert walk.quality["heading"] == pytest.approx(2.0 * 40 / 40, rel=0.2)


def test_the_heading_of_a_clip_is_not_that_of_the_whole_track(clip):
    (there, seen), (back, _) = track(1, 0, 50, step=3.0), track(1, 50, 150, left=150, step=-1.5)
    whole = Tracklet(
        "street",
        1,
        np.concatenate([there.frame_indices, back.frame_indices]),
        np.concatenate([there.boxes, back.boxes]),
        np.concatenate([there.scores, back.scores]),
        25.0,
    )
    assert crop_clip(whole, seen, clip)[1].quality["heading"] > 2


def test_the_track_with_the_most_silhouettes_in_the_clip_is_meant(clip):
    longer_elsewhere, bystander, meant = track(1, 40, 400), track(2, 0, 100, usable=4), track(3, 12, 50)
    assert sequence_of_clip([longer_elsewhere, bystander, meant], clip, SIZE).track_id == 3


def test_of_equals_the_one_in_the_middle_is_meant(clip):
    assert sequence_of_clip([track(1, 0, 100, left=0), track(2, 0, 100, left=70)], clip, SIZE).track_id == 2


def test_where_nobody_was_tracked_there_is_no_walk(clip):
    assert sequence_of_clip([track(1, 0, 10), track(2, 50, 90)], clip, SIZE) is None


def test_somebody_without_a_silhouette_is_a_walk_of_no_frames(clip):
    tracklet, sequence = track(1, 0, 60)
    nothing = SilhouetteSequence("street", 1, sequence.masks[:0], sequence.frame_indices[:0])
    assert len(sequence_of_clip([(tracklet, nothing)], clip, SIZE)) == 0


def test_a_folder_of_clips_gives_back_what_it_was_given(tmp_path, clip):
    folder = ClipFolder(tmp_path / "kept")
    assert not folder.holds("key")
    _, walk = crop_clip(*track(4, 0, 100, step=2.0), clip)
    folder.add(clip, walk)
    nobody = Clip(3, clip.video, 1, 5, "bob", "d2", "gallery")
    folder.add(nobody, None)
    folder.finish("key", {"config": {}})

    kept = ClipFolder(tmp_path / "kept")
    assert kept.holds("key")
    assert kept.usable([clip, nobody], SILHOUETTES, CONFIG) == [40, 0]
    assert kept.headings() == {2: pytest.approx(walk.quality["heading"], abs=1e-3), 3: 0}
    again = kept.read(clip, SILHOUETTES, CONFIG)
    np.testing.assert_array_equal(again.masks, walk.masks)
    assert again.quality == walk.quality


def poses(first, last, unsure=()):
    """A pose in frames first to last − 1, its joints at the frame's number; those of `unsure` frames score little."""
    frames = np.arange(first, last)
    joints = np.tile(frames[:, None, None].astype(np.float32), (1, 17, 3))
    joints[..., 2] = np.where(np.isin(frames, unsure), 0.1, 0.9)[:, None]
    return PoseSequence("street", 1, joints, frames, SIZE[::-1])


def test_poses_of_a_clip_are_those_of_its_frames(clip):
    assert crop_poses(poses(0, 100), clip).frame_indices.tolist() == list(range(10, 50))


def test_an_encoder_for_joints_gets_the_poses_that_are_good_enough(tmp_path, clip):
    folder, both = ClipFolder(tmp_path), (Modality.KEYPOINTS, Modality.SILHOUETTES)
    _, walk = crop_clip(*track(1, 0, 100, usable=2, step=2.0), clip)
    folder.add(clip, walk, crop_poses(poses(0, 45, unsure=(10, 11)), clip))
    alone = Clip(3, clip.video, 1, 50, "bob", "d2", "probe")
    folder.add(
        alone, dataclasses.replace(walk, masks=walk.masks[:0], frame_indices=walk.frame_indices[:0]), poses(0, 9)
    )
    nobody = Clip(4, clip.video, 1, 5, "bob", "d2", "gallery")
    folder.add(nobody, None)
    folder.finish("key", {})

    clips = [clip, alone, nobody]
    assert folder.usable(clips, (Modality.KEYPOINTS,), CONFIG) == [33, 9, 0]
    assert folder.usable(clips, both, CONFIG) == [17, 0, 0]  # every other frame has a silhouette
    assert folder.usable(clips, SILHOUETTES, CONFIG) == [20, 0, 0]
    joints = folder.read(clip, (Modality.KEYPOINTS,), CONFIG)
    assert joints.modalities[Modality.KEYPOINTS].data[0, 0].tolist() == pytest.approx([12, 12, 0.9])
    assert joints.quality == walk.quality
    assert folder.read(clip, (Modality.SKELETON_MAPS,), CONFIG).modalities[Modality.SKELETON_MAPS].data.shape[1] == 2


def test_a_folder_of_other_clips_is_left_alone(tmp_path):
    folder = ClipFolder(tmp_path)
    folder.finish("key", {})
    with pytest.raises(InputError, match="of other clips, videos, networks or settings"):
        folder.holds("another key")


def test_a_folder_of_something_else_is_left_alone(tmp_path):
    (tmp_path / "holiday.jpg").touch()
    with pytest.raises(InputError, match=r"holds holiday\.jpg"):
        ClipFolder(tmp_path).holds("key")


def test_what_an_interrupted_evaluation_left_is_replaced(tmp_path):
    (tmp_path / "00002.npz").touch()
    (tmp_path / "00002.poses.npz").touch()
    (tmp_path / ".partial-1-00003.npz").touch()
    assert not ClipFolder(tmp_path).holds("key")


def test_a_damaged_index_is_refused(tmp_path):
    (tmp_path / "index.json").write_text(json.dumps({"key": "key", "clips": [{"row": 1}]}))
    with pytest.raises(InputError, match="not an index of clips"):
        ClipFolder(tmp_path).usable([], SILHOUETTES, CONFIG)
