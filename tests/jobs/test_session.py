"""How a job begins: what its results depend on, what it cannot look at, and what its run.json says."""

from __future__ import annotations

import json

import clips
import pytest

from pipeline.errors import InputError, OutputError
from pipeline.jobs.session import Session, made_up_people
from pipeline.profiles import load_config
from pipeline.runs.job import Video


@pytest.fixture
def video(tmp_path) -> Video:
    return Video("v", str(clips.plain(tmp_path / "v.mp4")))


def keys(video: Video, *settings: str) -> tuple[str, str]:
    session = Session.open({video: video.inspect()}, load_config("offline", list(settings)), load=False)
    source = session.source(video)
    return source.tracks_key, source.features_key


def test_other_settings_of_the_background_are_other_tracks(video):
    found = [keys(video, *some)[0] for some in ([], [], ["background.threshold=5"], ["background.shadows=false"])]
    assert found[0] == found[1] and len(set(found)) == 3


def test_another_encoder_makes_other_features_of_the_same_tracks(video):
    (tracks, features), (same, others) = keys(video), keys(video, "recognition.parts=8")
    assert tracks == same and features != others


def test_where_and_by_how_many_it_is_done_changes_no_track(video):
    settings = [[], ["runtime.threads=1", "runtime.workers=3"], ["runtime.cluster=ray", "runtime.address=auto"]]
    assert len({keys(video, *some) for some in settings}) == 1
    assert keys(video, "runtime.precision=bf16") != keys(video)


@pytest.mark.parametrize("source", ["0", "rtsp://camera.example/live"], ids=["camera", "stream"])
def test_what_can_be_seen_only_once_is_refused(video, source):
    with pytest.raises(InputError, match="Record it to a file first"):
        Session.open({Video("live", source): video.inspect()}, load_config("offline"))


def test_a_file_is_not_refused(video):
    session = Session.open({video: video.inspect()}, load_config("offline"))
    assert session.networks.need_foreground and session.encoder.model.startswith("gaitbase-")


@pytest.fixture
def session(video, tmp_path) -> Session:
    config = load_config("offline", [f"output.folder={tmp_path / 'output'}"])
    return Session.open({video: video.inspect()}, config, load=False)


def record_of(session: Session) -> dict:
    return json.loads(session.folder.record.read_text())


def test_the_record_is_true_while_a_job_works_and_when_it_is_done(session, video):
    source = session.source(video)
    with session.working([source], {"gallery": video, "probes": (video,)}, unreadable=[]):
        record = record_of(session)
        assert record["status"] == "running" and record["unreadable"] == []
        assert record["inputs"] == {"gallery": source.as_json(), "probes": [source.as_json()]}
        weights = session.checkpoints["encoder"]
        assert record["checkpoints"]["detector"] is None and record["checkpoints"]["segmenter"] is None
        assert record["checkpoints"]["encoder"]["sha256"] == weights.sha256
        session.record.note("v", frames=75)
    record = record_of(session)
    assert record["status"] == "done"
    assert record["inputs"]["gallery"]["frames"] == record["inputs"]["probes"][0]["frames"] == 75
    assert str(session.folder.path) not in json.dumps(record)


def test_a_job_that_fails_says_so_and_goes_on_in_the_same_folder(session, video):
    source = session.source(video)
    with pytest.raises(InputError), session.working([source], {"videos": [video]}):
        raise InputError("v.mp4: gone. Bring it back.")
    record = record_of(session)
    assert (record["status"], record["error"]) == ("failed", "v.mp4: gone. Bring it back.")
    failed = session.folder.path
    with session.working([source], {"videos": [video]}, resume=failed):
        assert session.folder.path == failed and record_of(session)["status"] == "running"
    record = record_of(session)
    assert (record["status"], record["resumed"]) == ("done", 1) and "error" not in record


def test_two_jobs_never_work_in_one_folder(session, video):
    source = session.source(video)
    with session.working([source], {"videos": [video]}):
        other = Session.open(session.videos, session.config, load=False)
        with (
            pytest.raises(OutputError, match="has worked on it since"),
            other.working([source], {"videos": [video]}, resume=session.folder.path),
        ):
            pass


def test_made_up_people_are_embedded_once_for_all_jobs_with_these_weights(session, video, monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    session.load()
    with session.working([session.source(video)], {"videos": [video]}):
        first = session.made_up()
    with monkeypatch.context() as patch:
        patch.setattr(type(session.encoder), "encode", lambda self, walks: pytest.fail("embedded again"))
        again = made_up_people(session.encoder, session.config)  # of another output folder
        with pytest.raises(pytest.fail.Exception):
            made_up_people(session.encoder, load_config("offline", ["output.cache_gb=0"]))
        with pytest.raises(pytest.fail.Exception):
            made_up_people(session.encoder, load_config("offline", ["runtime.precision=bf16"]))
    assert first.people == again.people and len(first.embeddings) == 180
    for one, other in zip(first.embeddings, again.embeddings, strict=True):
        assert (one.model, one.checkpoint_sha256) == (other.model, other.checkpoint_sha256)
        assert (one.parts == other.parts).all()
