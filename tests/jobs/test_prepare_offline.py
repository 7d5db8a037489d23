"""What a run with the offline profile depends on, and what it cannot look at."""

from __future__ import annotations

import clips
import pytest
from pipeline.jobs.prepare import inspect, keyed, open_networks, refuse_streams

from pipeline.errors import InputError
from pipeline.profiles import load_config
from pipeline.runs.job import Video


def test_other_settings_of_the_background_are_other_walks(tmp_path):
    video = Video("v", str(clips.plain(tmp_path / "v.mp4")))
    infos = {video: inspect(video)}
    keys = [
        keyed(infos, load_config("offline", settings), {"detector": None, "segmenter": None, "encoder": None})[
            0
        ].walks_key
        for settings in ([], [], ["background.threshold=5"], ["background.shadows=false"])
    ]
    assert keys[0] == keys[1] and len(set(keys)) == 3


def test_where_and_by_how_many_it_is_done_changes_no_walk(tmp_path):
    video = Video("v", str(clips.plain(tmp_path / "v.mp4")))
    infos, nothing = {video: inspect(video)}, {"detector": None, "segmenter": None, "encoder": None}
    settings = [[], ["runtime.threads=1", "runtime.workers=3"], ["runtime.cluster=ray", "runtime.address=auto"]]
    assert len({keyed(infos, load_config("offline", some), nothing)[0].walks_key for some in settings}) == 1
    assert keyed(infos, load_config("offline", ["runtime.precision=bf16"]), nothing)[0].walks_key not in {
        keyed(infos, load_config("offline"), nothing)[0].walks_key
    }


@pytest.mark.parametrize("source", ["0", "rtsp://camera.example/live"], ids=["camera", "stream"])
def test_what_can_be_seen_only_once_is_refused(source):
    networks = open_networks(load_config("offline"), None)
    with pytest.raises(InputError, match="Record it to a file first"):
        refuse_streams([Video("live", source)], networks)


def test_a_file_is_not_refused(tmp_path):
    networks = open_networks(load_config("offline"), None)
    refuse_streams([Video("v", str(clips.plain(tmp_path / "v.mp4")))], networks)
