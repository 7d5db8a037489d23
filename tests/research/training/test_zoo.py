"""Every shipped configuration trains: shrunk, a few steps on synthetic walkers lower its loss, phase after phase."""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
import torch
from modal_walks import write_modalities

from pipeline import registry
from pipeline.config import RecognitionConfig, RuntimeConfig
from pipeline.recognition import ENCODERS, open_encoder
from pipeline.research.evaluation.datasets.embedding import read_sequence
from pipeline.research.evaluation.datasets.trained import open_training
from pipeline.research.training.checkpoints import read_checkpoint
from pipeline.research.training.config import SamplerConfig, TrainingConfig, load_training_config, shipped_configs
from pipeline.research.training.data.batches import Batches, Preparation, Samples
from pipeline.research.training.data.dataset import list_samples
from pipeline.research.training.data.transforms import transforms_of
from pipeline.research.training.fit import train
from pipeline.research.training.losses import losses_of, total_loss
from pipeline.research.training.networks import open_trainable
from pipeline.weights.checkpoints import resolve
from pipeline.weights.safeload import PREFIXES

pytestmark = pytest.mark.slow

STEPS = 8
COMMON = (
    "data_cfg.dataset_partition=null",
    "data_cfg.num_workers=0",
    "data_cfg.cache=true",
    f"trainer_cfg.total_iter={STEPS}",
    f"trainer_cfg.save_iter={STEPS}",
    "trainer_cfg.log_iter=1",
    "trainer_cfg.precision=fp32",
    "trainer_cfg.sampler.batch_size=[3, 2]",
    "trainer_cfg.sampler.frames_num_fixed=3",
    "trainer_cfg.sampler.frames_skip_num=0",
)
RESNET = (
    "backbone_cfg: {type: ResNet9, channels: [4, 4, 8, 8], layers: [1, 1, 1, 1], strides: [1, 2, 2, 1], maxpool: false}"
)
SMALL_TEACHER = "Backbone: {layers: [1, 1, 1, 1], channels: [4, 4, 8, 8]}"
GLN = "in_channels: [1, 2, 4, 4], hidden_dim: 8, lateral_dim: 8, dropout: 0.1, SeparateFCs: {out_channels: 8}"
TWO_VIEWS = (
    "trainer_cfg.transform=[{type: TwoView, trf_cfg: [{type: InversePosesPre, probability: 0.1},"
    "{type: RandomSelectSequence, sequence_length: 6}, {type: PointNoise, std: 0.05}, {type: GaitGraph1Input}]}]"
)
GRAPH1 = (
    "model_cfg={model: GaitGraph1, input_branch: [3, 16, 16], main_stream: [16, 32], num_class: 16, tta: false}",
    "trainer_cfg.sampler.batch_size=6",
    "trainer_cfg.sampler.frames_num_fixed=8",
    TWO_VIEWS,
    f"scheduler_cfg.total_steps={STEPS}",
)
DISENTANGLED = ("trainer_cfg.sampler.frames_num_fixed=8",)

CASES: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {  # configuration → files of a walk, what makes it small
    "gaitset_casiab": (
        ("silhouettes",),
        ("model_cfg={model: GaitSet, in_channels: [1, 4, 4, 8], SeparateFCs: {out_channels: 8}}",),
    ),
    "gaitpart_casiab": (
        ("silhouettes",),
        (
            "model_cfg.backbone_cfg.layers_cfg=[BC-4, M, FC-8-2, M, FC-16-3]",
            "model_cfg.SeparateFCs={out_channels: 8}",
            "optimizer_cfg.lr=0.003",
        ),
    ),
    "gaitgl_casiab": (("silhouettes",), ("model_cfg.channels=[4, 4, 8]", "optimizer_cfg.lr=0.003")),
    "gln_phase1_casiab": (("tall",), (f"model_cfg={{model: GLN, Lateral_pretraining: true, {GLN}}}",)),
    "gln_phase2_casiab": (
        ("tall",),
        (f"model_cfg={{model: GLN, Lateral_pretraining: false, {GLN}}}", "optimizer_cfg.lr=0.003"),
    ),
    "deepgaitv2_casiab": (
        ("silhouettes",),
        ("model_cfg.Backbone={mode: 2d, layers: [1, 1, 1, 1], channels: [4, 4, 8, 8]}", "model_cfg.out_channels=8"),
    ),
    "deepgaitv2_ccpg": (
        ("silhouettes",),
        (  # wide enough to be laid out channels-last where that can be
            "model_cfg.Backbone={mode: p3d, layers: [1, 1, 1, 1], channels: [16, 16, 16, 16]}",
            "model_cfg.out_channels=8",
        ),
    ),
    "deepgaitv2_gait3d": (
        ("silhouettes",),
        ("model_cfg.Backbone={mode: 3d, layers: [1, 1, 1, 1], channels: [4, 4, 8, 8]}", "model_cfg.out_channels=8"),
    ),
    "skeletongait_gait3d": (
        ("maps",),
        (
            "model_cfg.Backbone={mode: p3d, in_channels: 2, layers: [1, 1, 1, 1], channels: [4, 4, 8, 8]}",
            "model_cfg.out_channels=8",
        ),
    ),
    "swingait_ccpg": (
        ("silhouettes",),
        (
            "model_cfg.Backbone={layers: [1, 1, 1, 1], channels: [16, 16, 8], heads: 2}",
            "model_cfg.SeparateBNNecks={in_channels: 8}",
            "optimizer_cfg.lr=0.01",
        ),
    ),
    "gaitssb_pretrain_gaitlu1m": (
        ("narrow",),
        (f"model_cfg={{model: GaitSSB_Pretrain, {RESNET}}}", "trainer_cfg.sampler.batch_size=6"),
    ),
    "gaitssb_finetune_gait3d": (
        ("narrow",),
        (
            f"model_cfg={{model: GaitSSB_Finetune, {RESNET}, backbone_lr: [0.0, 0.01, 0.01, 0.01]}}",
            "trainer_cfg.fix_BN=false",  # there is nothing to keep of eight steps
        ),
    ),
    "sconet_scoliosis1k": (
        ("silhouettes",),
        (f"model_cfg={{model: ScoNet, {RESNET}, SeparateFCs: {{out_channels: 8}}}}",),
    ),
    "foundationgait_finetune_ccpg": (
        ("silhouettes",),
        (
            f"model_cfg={{model: FoundationGait_Scaling_Finetune, {SMALL_TEACHER}, crop_list: [2, 1],"
            "backbone_lr: [0.0, 0.01, 0.01, 0.01, 0.01], projector_lr: 0.01, SeparateFCs: {out_channels: 8}}",
            "trainer_cfg.sampler.batch_size=[2, 2]",
        ),
    ),
    "foundationgait_probe_scoliosis1k": (
        ("silhouettes",),
        (f"model_cfg={{model: FoundationGait_Scaling_LinearProbing_Scoliosis1K, {SMALL_TEACHER}}}",),
    ),
    "smplgait_gait3d": (
        ("silhouettes", "smpl"),
        (
            "model_cfg.backbone_cfg.layers_cfg=[BC-4, M, BC-8, M, BC-8]",
            "model_cfg.SeparateFCs={out_channels: 8}",
            "model_cfg.SeparateBNNecks={}",
        ),
    ),
    "parsinggait_gait3d": (
        ("parsing",),
        (
            f"model_cfg={{model: ParsingGait, {RESNET}, gcn_cfg: {{combine_fine_coarse_graph: true}},"
            "SeparateFCs: {out_channels: 8}}",
        ),
    ),
    "multigaitpp_gait3d": (
        ("narrow", "narrow_parsing"),
        ("model_cfg.Backbone={C: 1, blocks: [1, 1, 1, 1]}", "trainer_cfg.sampler.frames_num_fixed=1"),
    ),
    "skeletongaitpp_gait3d": (
        ("maps", "narrow"),
        ("model_cfg.Backbone={C: 1, blocks: [1, 1, 1, 1]}", "trainer_cfg.sampler.frames_num_fixed=1"),
    ),
    "lidargaitpp_sustech1k": (
        ("points",),
        (
            "model_cfg.channel=4",
            "model_cfg.npoints=[32, 16, 8]",
            "model_cfg.nsample=8",
            "model_cfg.SeparateFCs={in_channels: 16, out_channels: 8}",
            "model_cfg.SeparateBNNecks={}",
            "trainer_cfg.sampler.points_in_use={pointcloud_index: 0, points_num: 64}",
        ),
    ),
    "gaitgraph1_phase1_casiab": (("keypoints",), GRAPH1),
    "gaitgraph1_phase2_casiab": (("keypoints",), (*GRAPH1, "scheduler_cfg.max_lr=0.01")),
    "gaitgraph2_casiab": (
        ("keypoints",),
        (
            "model_cfg.input_branch=[5, 16]",
            "model_cfg.main_stream=[16, 32]",
            "model_cfg.tta=false",
            "trainer_cfg.sampler.batch_size=6",
            "trainer_cfg.sampler.frames_num_fixed=8",
            f"scheduler_cfg.total_steps={STEPS}",
        ),
    ),
    "gaitgraph2_oumvlp": (
        ("keypoints18",),
        (
            "model_cfg.input_branch=[5, 16]",
            "model_cfg.main_stream=[16, 32]",
            "model_cfg.tta=false",
            "trainer_cfg.sampler.batch_size=6",
            "trainer_cfg.sampler.frames_num_fixed=8",
            f"scheduler_cfg.total_steps={STEPS}",
        ),
    ),
    "stgcn_oumvlp": (
        ("keypoints18",),
        (
            "model_cfg.num_class=16",
            "model_cfg.frames=8",
            "scheduler_cfg.max_lr=0.0001",
            "trainer_cfg.sampler.batch_size=6",
            "trainer_cfg.sampler.frames_num_fixed=8",
            f"scheduler_cfg.total_steps={STEPS}",
        ),
    ),
    "gaittr_gait3d": (
        ("keypoints",),
        (
            "model_cfg.in_channels=[10, 32, 32]",
            "loss_cfg=[{type: TripletLoss, log_prefix: triplet, margin: 5}]",
            "scheduler_cfg.max_lr=0.0003",  # three people are far apart already
            "trainer_cfg.sampler.frames_num_fixed=8",
            f"scheduler_cfg.total_steps={STEPS}",
        ),
    ),
    "gpgait_casiab": (
        ("keypoints",),
        (
            "model_cfg={model: gpgait, in_channels: [2, 8, 8, 16], share_num: 2}",
            "trainer_cfg.sampler.frames_num_fixed=8",
            f"scheduler_cfg.total_steps={STEPS}",
        ),
    ),
    "msgg_sustech1k": (
        ("keypoints",),
        ("model_cfg.in_channels=[3, 8, 8]", "model_cfg.num_id=null", "trainer_cfg.sampler.frames_num_fixed=8"),
    ),
    "disentanglement_phase1_casiab": (("keypoints",), DISENTANGLED),
    "disentanglement_phase2_casiab": (
        ("keypoints",),
        (*DISENTANGLED, "model_cfg.features=4", "model_cfg.class_num=null", "optimizer_cfg.lr=1.0e-5"),
    ),
}
BEFORE = {  # phases that go on from another's checkpoint
    "gln_phase2_casiab": "gln_phase1_casiab",
    "gaitssb_finetune_gait3d": "gaitssb_pretrain_gaitlu1m",
    "gaitgraph1_phase2_casiab": "gaitgraph1_phase1_casiab",
    "disentanglement_phase2_casiab": "disentanglement_phase1_casiab",
    "swingait_ccpg": "deepgaitv2_ccpg",
}


class Run(NamedTuple):
    """A training. losses: of every step; start, end: checkpoints, the first only where it went on from another's."""

    config: TrainingConfig
    start: Path | None
    end: Path
    folder: Path
    losses: list[float]
    lines: list[str]


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """runs(name): that configuration, shrunk and trained once, after the one that it goes on from."""
    done: dict[str, Run] = {}
    datasets: dict[tuple, object] = {}
    output = tmp_path_factory.mktemp("output")

    def run(name):
        if name not in done:
            files, small = CASES[name]
            types = ("negative", "positive") if "scoliosis" in name else ("nm-01",)
            views = ("090",) if "scoliosis" in name else ("080", "100")
            key = (files, types)
            if key not in datasets:
                datasets[key] = write_modalities(tmp_path_factory.mktemp("walks") / "data", files, 3, types, views)
            start = run(BEFORE[name]).end if name in BEFORE else None
            root = datasets[key]
            settings = [f"data_cfg.dataset_root={root}", "data_cfg.data_in_use=null", *COMMON, *small]
            config = load_training_config(name, [*settings, f"trainer_cfg.restore_hint={start or 0}"])
            lines: list[str] = []
            torch.set_num_threads(1)
            folder = train(config, output / name, False, "cpu", lines.append).parent
            losses = [float(found[1]) for line in lines if (found := re.match(r"\d+/\d+  loss (\S+)", line))]
            end = next((folder / "checkpoints").iterdir())
            done[name] = Run(config, start, end, folder, losses, lines)
        return done[name]

    return run


def loss_of(config, checkpoint):
    """The mean loss of four batches that the training did not see, of fresh weights or of a checkpoint's."""
    walks = Samples(list_samples(config.data_cfg.dataset_root), cache=True)
    labels = sorted({walk.identity for walk in walks.samples})
    torch.manual_seed(config.trainer_cfg.seed)
    trainable = open_trainable(config.model_cfg, len(labels))
    state = trainable.network.state_dict()
    given = read_checkpoint(checkpoint)["model"] if checkpoint else {}
    fitting = {key: value for key, value in given.items() if key in state and state[key].shape == value.shape}
    assert len(fitting) >= 0.5 * len(given)
    trainable.network.load_state_dict(fitting, strict=False)
    transforms, sampler = transforms_of(config.trainer_cfg.transform), config.trainer_cfg.sampler
    preparation = Preparation(transforms, trainable.joined, sampler.points_in_use)
    batches = Batches(walks, labels, sampler, preparation)
    terms = losses_of(config.loss_cfg)
    with torch.no_grad():  # in training: the losses of the contrasts want two views
        found = [total_loss(terms, trainable.outputs(trainable.network, batches[900 + i]).losses)[0] for i in range(4)]
    return float(torch.stack(found).mean())


@pytest.mark.parametrize("name", CASES)
def test_a_few_steps_lower_the_loss(name, runs):
    run = runs(name)
    assert len(run.losses) == STEPS and np.isfinite(run.losses).all()
    assert not [line for line in run.lines if "not supported" in line]
    before, after = loss_of(run.config, run.start), loss_of(run.config, run.end)
    assert after < 0.98 * before


@pytest.mark.parametrize("name", [name for name in CASES if name != "disentanglement_phase1_casiab"])
def test_its_encoder_sees_what_the_training_saw(name, runs, assert_close_to_rms):
    """As `gait evaluate dataset --training` opens it, by the training's own settings, and by the card that it wrote.

    Embeddings of a whole walk equal those of the training's transforms and network, to 1e-4 of their rms.
    """
    run = runs(name)
    found = open_training(run.folder)
    needs = registry.load(ENCODERS, found.encoder, "recognition.encoder").needs
    (walk, *_) = walks = list_samples(run.config.data_cfg.dataset_root)
    settings = RecognitionConfig(encoder=found.encoder)
    encoder = open_encoder(settings, RuntimeConfig(device="cpu", threads=1), found.checkpoint)
    sequence = read_sequence(walk, 1, needs)
    (embedding,) = encoder.encode([sequence])
    (weights,) = run.folder.glob("*.safetensors")
    by_path = resolve(str(weights), stage="encoder")
    (again,) = open_encoder(settings, RuntimeConfig(device="cpu", threads=1), by_path).encode([sequence])
    assert by_path.card.model == found.encoder and again.model == embedding.model
    assert_close_to_rms(again.parts, embedding.parts, 1e-6)
    if name == "lidargaitpp_sustech1k":  # the training draws its points
        assert embedding.parts.std() > 0
        return
    labels = sorted({walk.identity for walk in walks})
    trainable = open_trainable(run.config.model_cfg, len(labels))
    trainable.network.load_state_dict(read_checkpoint(run.end)["model"])
    transforms = transforms_of(run.config.evaluator_cfg.transform)
    whole = SamplerConfig(type="CommonSampler", batch_size=1, sample_type="fixed_ordered", frames_num_fixed=8)
    batches = Batches(Samples(walks, cache=True), labels, whole, Preparation(transforms, trainable.joined))
    with torch.inference_mode():
        seen = trainable.outputs(trainable.network.eval(), batches.collate({0: 0}, 0))
    kinds = {"embeddings": seen.embeddings, "neck": seen.neck, "logits": seen.losses.get("softmax", {}).get("logits")}
    wanted = kinds[trainable.features]
    assert_close_to_rms(embedding.parts, wanted[0].numpy())


@pytest.mark.parametrize("name", ["gaitssb_finetune_gait3d", "swingait_ccpg"])
def test_rates_of_their_own_go_on_exactly_after_a_stop(name, runs, tmp_path):
    run = runs(name)
    course = run.config.trainer_cfg.model_copy(update={"save_iter": 3})
    stopped = run.config.model_copy(update={"trainer_cfg": course})
    folder = train(stopped, tmp_path, False, "cpu", lambda line: None).parent
    for checkpoint in (folder / "checkpoints").iterdir():
        if not checkpoint.name.endswith("-00003.pt"):
            checkpoint.unlink()
    train(stopped, tmp_path, True, "cpu", lambda line: None)
    one, other = (read_checkpoint(path)["model"] for path in (run.end, folder / "checkpoints" / run.end.name))
    assert all(torch.equal(one[key], other[key]) for key in one)


@pytest.mark.parametrize("name", shipped_configs())
def test_every_shipped_configuration_can_be_opened(name):
    config = load_training_config(name)
    unsupported = list(config.unsupported)
    assert losses_of(config.loss_cfg, unsupported)
    transforms = transforms_of(config.trainer_cfg.transform, "trainer_cfg.transform", unsupported)
    shown = transforms_of(config.evaluator_cfg.transform, "evaluator_cfg.transform", unsupported)
    with torch.device("meta"):
        trainable = open_trainable(config.model_cfg, 3)
    assert transforms and not unsupported
    assert name in CASES or name.startswith("gaitbase_")
    assert name.startswith("gaitbase_") or len(shown) == len(transforms)
    assert trainable.encoder in ENCODERS or name == "disentanglement_phase1_casiab"
    names = trainable.network.state_dict()
    assert not any(all(key.startswith(prefix) for key in names) for prefix in PREFIXES)  # which loading drops
