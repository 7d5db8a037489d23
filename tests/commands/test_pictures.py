"""`gait models picture`: films of joint activations, heat maps of codes, and exchanged walkers."""

from __future__ import annotations

import pickle

import av
import cv2
import numpy as np
import pytest
import torch
from modal_walks import write_modalities

from pipeline.commands.pictures import dataset_picture_command, picture
from pipeline.errors import CheckpointError, ConfigError, InputError
from pipeline.files import write_json
from pipeline.pose.storage import write_poses
from pipeline.recognition.layers.skeleton_autoencoder import Autoencoder, in_body_units
from pipeline.recognition.models.disentanglement import load_autoencoder
from pipeline.research.skeleton_pictures import exchange, film_of
from pipeline.runs.folder import RunFolder
from pipeline.types import PoseSequence
from pipeline.weights.checkpoints import resolve


@pytest.fixture
def walkers(golden, tmp_path):
    """(run folder, poses of its two tracks): the goldens' walkers."""
    with np.load(golden("skeleton_maps") / "input.npz") as file:
        keypoints = [file[name].astype(np.float32) for name in ("A_clean_17", "M_missing_17")]
    folder = RunFolder(tmp_path / "run")
    poses = []
    for track, walk in enumerate(keypoints, start=1):
        poses.append(PoseSequence("gallery", track, walk, np.arange(len(walk)), (240, 320)))
        write_poses(folder.poses("gallery", track), poses[-1])
    write_json(folder.record, {"config": {"pose": {"min_score": 0.1}}})
    return folder.path, poses


@pytest.fixture
def weights(shared):
    return shared / "checkpoints"


@pytest.fixture
def autoencoder(golden, tmp_path):
    """The goldens' autoencoder, and a card for it."""
    path = tmp_path / "autoencoder_00050000.pt"
    path.write_bytes((golden("disentanglement") / path.name).read_bytes())
    (tmp_path / "autoencoder_00050000.yaml").write_text(
        "stage: encoder\nloader: opengait\nmodel: disentanglement\nlicence: none\n"
    )
    return path


@pytest.mark.parametrize("suffix", [".gif", ".mp4"])
def test_a_film_of_the_authors_gaitgraph_has_a_picture_a_frame(suffix, walkers, weights, tmp_path, capsys):
    run, _ = walkers
    (file,) = picture("gaitgraph1", run, ["gallery/1"], "gaitgraph_casiab", None, tmp_path / f"film{suffix}", weights)
    assert capsys.readouterr().out.strip() == str(file) == str(tmp_path / f"film{suffix}")
    with av.open(str(file)) as container:
        frames = [frame.to_ndarray(format="bgr24") for frame in container.decode(video=0)]
    assert len(frames) == 20 and frames[0].shape[0] == frames[0].shape[1] >= 480
    assert not np.array_equal(frames[0], frames[10])


def test_the_strongest_joint_of_a_film_is_1_and_activations_add_up_to_the_embedding(walkers, weights):
    _, poses = walkers
    checkpoint = resolve("gaitgraph_casiab", folders=[weights])
    film = film_of("gaitgraph1", poses[0], checkpoint)
    assert film.activations.shape == (20, 17) and film.activations.max() == pytest.approx(1)
    assert film.activations.min() >= 0

    from pipeline.recognition.models import gaitgraph1
    from pipeline.recognition.network import load_network

    network = load_network(gaitgraph1.GaitGraph1, gaitgraph1.Architecture, checkpoint.path, {"tta": False})
    keypoints = torch.from_numpy(poses[0].keypoints)[None]
    with torch.inference_mode():
        summed = network.activations(keypoints).mean(dim=(2, 3)) + network.ResGCN.fcn.bias
        assert torch.allclose(torch.nn.functional.normalize(summed, dim=1), network(keypoints)[..., 0], atol=1e-5)


def test_two_tracks_have_two_films(walkers, weights, tmp_path):
    run, _ = walkers
    files = picture(
        "gaitgraph1", run, ["gallery/1", "gallery/2"], "gaitgraph_casiab", None, tmp_path / "film.gif", weights
    )
    assert [file.name for file in files] == ["film-gallery-001.gif", "film-gallery-002.gif"]
    assert all(file.is_file() for file in files)


def test_codes_are_drawn_and_walkers_exchanged(walkers, autoencoder, tmp_path):
    run, _ = walkers
    tracks = ["gallery/1", "gallery/2"]
    features, exchanged = picture(
        "disentanglement", run, tracks, str(autoencoder), None, tmp_path / "codes.png", tmp_path
    )
    assert (features.name, exchanged.name) == ("codes-features.png", "codes-exchange.png")
    for file in (features, exchanged):
        image = cv2.imread(str(file))
        assert image.shape[1] > 1000 and image.std() > 10


def test_one_track_has_no_exchange(walkers, autoencoder, tmp_path):
    run, _ = walkers
    files = picture("disentanglement", run, ["gallery/1"], str(autoencoder), None, tmp_path / "codes.png", tmp_path)
    assert [file.name for file in files] == ["codes-features.png"]


def test_each_body_gets_the_others_motion_and_view(walkers, autoencoder):
    _, poses = walkers
    network = load_autoencoder(autoencoder)
    walks = torch.cat([in_body_units(torch.from_numpy(walk.keypoints)[None]) for walk in poses])
    rows = exchange(network, walks, ["one", "two"])
    swapped = [
        f"body: {body}\n{what}: {of}" for what in ("motion", "view") for body, of in (("one", "two"), ("two", "one"))
    ]
    assert [name for name, _, _ in rows] == ["one", "two", *swapped]
    assert rows[2][2] == rows[0][2] != rows[1][2]  # colours are the bodies'
    with torch.inference_mode():
        codes = network.encode(network.rows(walks))
        expected = network.decode(codes.motion[1:], codes.body[:1], codes.view[:1])
        seen = network.decode(codes.motion[:1], codes.body[:1], codes.view[1:])
    for row, wanted in ((2, expected), (4, seen)):
        found = network.points(wanted.unflatten(1, (15, 3))[:, :, :2].flatten(1, 2))[0]
        np.testing.assert_allclose(rows[row][1], found.numpy(), atol=1e-5)


def test_a_person_of_a_data_set_is_drawn_from_every_view(tmp_path, capsys):
    root = write_modalities(tmp_path / "data", ("keypoints",), 2, ("bg-01", "nm-01"), ("000", "090", "180"))
    file = tmp_path / "views.png"
    assert dataset_picture_command(root, file, "002", "nm-01") == 0
    assert capsys.readouterr().out.strip() == str(file)
    first = cv2.imread(str(file))
    assert first.shape[0] > 3 * 150  # a row a view
    dataset_picture_command(root, file, None, None)
    assert cv2.imread(str(file)).shape == first.shape and (cv2.imread(str(file)) != first).any()
    with pytest.raises(InputError, match=r"001/cl-01 has no skeletons"):
        dataset_picture_command(root, file, None, "cl-01")
    with pytest.raises(ConfigError, match=r"views\.gif: this picture is \.png"):
        dataset_picture_command(root, file.with_suffix(".gif"), None, None)
    flat = write_modalities(tmp_path / "flat", ("silhouettes",), 1, ("nm-01",), ("090",))
    with pytest.raises(InputError, match="has no skeletons"):
        dataset_picture_command(flat, file, None, None)


@pytest.mark.parametrize("frames", [np.zeros((0, 17, 3)), [np.zeros((2, 3)), np.zeros((4, 3))]], ids=["none", "clouds"])
def test_a_walk_without_frames_or_of_clouds_has_no_skeletons(frames, tmp_path):
    walk = tmp_path / "001/nm-01/090"
    walk.mkdir(parents=True)
    (walk / "090.pkl").write_bytes(pickle.dumps(frames))
    with pytest.raises(InputError, match="001/nm-01 has no skeletons"):
        dataset_picture_command(tmp_path, tmp_path / "views.png", None, None)


@pytest.mark.parametrize(
    ("encoder", "track", "error", "message"),
    [
        ("gaitbase", "gallery/1", ConfigError, "no pictures of it. There are some of disentanglement, gaitgraph1"),
        ("gaitgraph1", "gallery", ConfigError, "a track is VIDEO/NUMBER, such as gallery/1"),
        ("gaitgraph1", "gallery/9", InputError, r"pose\.always=true"),
        ("gaitgraph2", "gallery/1", CheckpointError, "weights of gaitgraph1, not gaitgraph2"),
    ],
)
def test_what_cannot_be_drawn_is_refused(encoder, track, error, message, walkers, weights):
    with pytest.raises(error, match=message):
        picture(encoder, walkers[0], [track], "gaitgraph_casiab", None, None, weights)


def test_films_and_pictures_have_their_own_suffixes(walkers, weights, autoencoder, tmp_path):
    run, _ = walkers
    with pytest.raises(ConfigError, match=r"a film is \.gif or \.mp4"):
        picture("gaitgraph1", run, ["gallery/1"], "gaitgraph_casiab", None, tmp_path / "a.png", weights)
    with pytest.raises(ConfigError, match=r"these pictures are \.png"):
        picture("disentanglement", run, ["gallery/1"], str(autoencoder), None, tmp_path / "a.gif", tmp_path)


def test_an_autoencoder_in_both_layouts_gives_points_back():
    points = torch.randn(2, 64, 15, 2)
    for layout in ("joints", "reference"):
        made = Autoencoder(layout)
        assert torch.equal(made.points(made.rows(points)), points)
