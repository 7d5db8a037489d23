"""One tree of settings: profiles, files, overrides and the record are all the same, and mistakes are named."""

from __future__ import annotations

import json

import pytest
from loguru import logger

from pipeline.config import Config
from pipeline.errors import ConfigError
from pipeline.profiles import as_record, known_keys, load_config, profiles


@pytest.mark.parametrize("name", profiles())
def test_every_shipped_profile_loads_and_says_its_name(name):
    assert load_config(name).profile == name


def test_the_light_profile_downloads_no_encoder_weights():
    config = load_config()
    found = config.profile, config.recognition.encoder, config.recognition.checkpoint
    assert found == ("light", "gaitbase", "gaitbase_synth"), "these weights are shipped"


@pytest.mark.parametrize("name", profiles())
def test_the_record_is_the_tree_again(name):
    config = load_config(name, ["tracking.input_size=[544, 960]", "matching.threshold=0.2", "output.folder=o'o"])
    record = json.loads(json.dumps(as_record(config)))
    assert load_config(record) == config


def test_overrides_apply_to_a_recorded_tree_without_changing_it():
    record = dict(as_record(load_config()))
    before = json.dumps(record)
    assert load_config(record, ["matching.metric=cosine"]).matching.metric == "cosine"
    assert json.dumps(record) == before


def test_a_profile_file_changes_what_it_names_only(tmp_path):
    path = tmp_path / "mine.yaml"
    path.write_text("matching:\n  metric: cosine\n")
    config = load_config(str(path))
    assert config.profile == "mine" and config.matching.metric == "cosine"
    assert config.tracking == Config().tracking


def test_an_empty_profile_file_is_the_defaults(tmp_path):
    (tmp_path / "empty.yaml").write_text("# nothing\n")
    assert load_config(str(tmp_path / "empty.yaml")) == Config(profile="empty")


@pytest.mark.parametrize(
    ("override", "key", "value"),
    [
        ("matching.metric=cosine", "matching.metric", "cosine"),
        ("output.videos=off", "output.videos", False),
        ("tracking.input_size=[544, 960]", "tracking.input_size", (544, 960)),
        ("tracking.zoom=2", "tracking.zoom", 2),
        ("tracking.bytetrack.buffer_seconds=2.5", "tracking.bytetrack.buffer_seconds", 2.5),
        ("recognition.checkpoint=null", "recognition.checkpoint", None),
        ("output.folder=a=b", "output.folder", "a=b"),
        (" matching.threshold = 1.5", "matching.threshold", 1.5),
        ("output.folder=[not yaml", "output.folder", "[not yaml"),
    ],
)
def test_overrides_are_read_as_yaml(override, key, value):
    found = load_config(overrides=[override])
    for part in key.split("."):
        found = getattr(found, part)
    assert found == value


def test_the_last_override_wins():
    assert load_config(overrides=["output.crf=1", "output.crf=2"]).output.crf == 2


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("matching.metrik=cosine", "unknown key 'matching.metrik'; did you mean 'matching.metric'?"),
        ("trackin.zoom=2", "unknown key 'trackin'; did you mean 'tracking'?"),
        ("tracking.track_threshold=0.5", "did you mean 'tracking.bytetrack.track_threshold'?"),
        ("tracking.bytetrack.buffer=2", "did you mean 'tracking.bytetrack.buffer_seconds'?"),
        ("crf=20", "unknown key 'crf'; did you mean 'output.crf'?"),
        ("metric", "--set metric: expected key=value"),
        ("=3", "--set =3: expected key=value"),
        ("output.crf.x=3", "is a value, not a section"),
        ("output.crf=52", "output.crf: Input should be less than or equal to 51 (got 52)"),
        ("segmentation.threshold=1", "segmentation.threshold: "),
        ("matching.metric=manhattan", "matching.metric: Input should be 'euclidean', 'cosine' or 'frobenius'"),
        ("tracking=5", "tracking: "),
        ("output.videos=perhaps", "output.videos: "),
        ("tracking.max_aspect=.nan", "tracking.max_aspect: "),
        ("matching.temperature=.inf", "matching.temperature: "),
        ("tracking.bytetrack.low_threshold=0.9", "low_threshold must not exceed track_threshold"),
        ("tracking.input_size=[0, -32]", "tracking.input_size"),
        ("1=2", "unknown key"),
        ("matching.transform=plda", "matching.transform: Input should be 'none' or 'lda' (got 'plda')"),
        ("recognition.encoders=[gei, hog]", "unknown key 'recognition.encoders'; did you mean 'recognition.encoder'?"),
    ],
)
def test_a_wrong_override_is_one_line_that_names_the_key(override, message):
    with pytest.raises(ConfigError) as raised:
        load_config(overrides=["output.crf=20", override] if ".x" in override else [override])
    assert message in str(raised.value)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"- a\n- b\n", "expected sections such as `tracking:`, found list"),
        (b"just words", "found str"),
        (b"a: [1\n", "not a readable YAML file"),
        (b"[" * 100_000, "not a readable YAML file"),
        (b"\xff\xfe\x00", "not a readable YAML file"),
        (b"a: !!python/object/apply:os.system [ls]\n", "not a readable YAML file"),
        (b"matching: {metrik: cosine}\n", "did you mean 'matching.metric'?"),
        (b"matching: {threshold: 0.2}\nmatching: {metric: cosine}\n", "'matching' has a second value in line 2; keep"),
        (b"output: {crf: 1, videos: false, crf: 2}\n", "'crf' has a second value in line 1; keep one of them"),
        (b"1: 2\n", "mine.yaml: "),
        (b"tracking: &loop {bytetrack: *loop}\n", "mine.yaml"),
        (b"tracking:\n", "tracking"),
    ],
    ids=repr,
)
def test_a_wrong_profile_file_is_one_line_that_names_the_file(tmp_path, content, message):
    path = tmp_path / "mine.yaml"
    path.write_bytes(content)
    with pytest.raises(ConfigError) as raised:
        load_config(str(path))
    assert message in str(raised.value) and "mine.yaml" in str(raised.value)
    assert "\n" not in str(raised.value)


def test_a_key_that_says_the_same_twice_and_one_that_is_merged_in_are_no_contradiction(tmp_path):
    path = tmp_path / "mine.yaml"
    path.write_text("output: {crf: 20, videos: false, crf: 20}\nlive: {<<: {window: 9}, <<: {agree: 3}, window: 7}\n")
    config = load_config(str(path))
    assert (config.output.crf, config.live.window, config.live.agree) == (20, 7, 3)


@pytest.fixture
def lines():
    said: list[str] = []
    handler = logger.add(lambda message: said.append(message.record["message"]), level="WARNING")
    yield said
    logger.remove(handler)


def test_unknown_profiles_are_named_with_the_nearest():
    with pytest.raises(ConfigError, match=r"no profile 'lihgt'; did you mean 'light'\?"):
        load_config("lihgt")
    with pytest.raises(ConfigError, match=r"no/such\.yaml: no such configuration file\. Shipped profiles: .*light"):
        load_config("no/such.yaml")
    with pytest.raises(ConfigError, match="no profile"):
        load_config("../configs/light")


def test_loaded_settings_cannot_be_changed():
    with pytest.raises(ValueError):
        load_config().matching.metric = "cosine"


def test_known_keys_are_all_dotted_paths_that_can_be_set():
    keys = list(known_keys())
    assert {"matching", "matching.metric", "tracking.bytetrack.buffer_seconds", "tracking.tiles.rows"} <= set(keys)
    assert len(keys) == len(set(keys))


def test_a_profile_says_only_what_its_base_does_not(tmp_path):
    (tmp_path / "mine.yaml").write_text("base: fixed\nrecognition: {max_frames: 30}\ntracking: {checkpoint: null}\n")
    (tmp_path / "again.yaml").write_text("base: mine.yaml\nmatching: {metric: euclidean}\n")
    fixed, config = load_config("fixed"), load_config(str(tmp_path / "again.yaml"))
    assert (config.profile, config.matching.metric, config.recognition.max_frames) == ("again", "euclidean", 30)
    assert config.tracking.checkpoint is None and config.segmentation == fixed.segmentation
    (tmp_path / "mine.yaml").write_text("base: again.yaml")
    with pytest.raises(ConfigError, match=r"base: mine\.yaml is itself based on again\.yaml"):
        load_config(str(tmp_path / "mine.yaml"))
    (tmp_path / "mine.yaml").write_text("base: fixd")
    with pytest.raises(ConfigError, match=r"mine\.yaml: base: no profile 'fixd'; did you mean 'fixed'"):
        load_config(str(tmp_path / "mine.yaml"))


def test_the_weights_of_a_profile_go_with_its_encoder():
    assert load_config("light", ["recognition.encoder=gei"]).recognition.checkpoint is None
    assert load_config("light", ["recognition.encoder=gaitbase"]).recognition.checkpoint == "gaitbase_synth"
    assert load_config("light", ['recognition.encoder="gaitbase"']).recognition.checkpoint == "gaitbase_synth"
    both = ["recognition.checkpoint=gaitset_casiae", "recognition.encoder=gaitset"]
    assert load_config("light", both).recognition.checkpoint == "gaitset_casiae"


def test_a_wrong_value_is_blamed_on_the_file_only_where_it_is_the_files(tmp_path):
    with pytest.raises(ConfigError, match=r"^matching\.metric: "):
        load_config("light", ["matching.metric=banana"])
    (mine := tmp_path / "mine.yaml").write_text("matching: {metric: banana}")
    with pytest.raises(ConfigError, match=r"^mine\.yaml: matching\.metric: "):
        load_config(str(mine), ["recognition.min_frames=9"])
