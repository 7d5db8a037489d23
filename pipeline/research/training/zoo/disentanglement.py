"""The disentangled skeletons in two phases: the autoencoder, then the recognition network on its codes."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

from torch import Tensor, nn

from pipeline.errors import ConfigError
from pipeline.recognition.layers.skeleton_autoencoder import Autoencoder, in_body_units
from pipeline.recognition.models.disentanglement import Architecture, Disentanglement
from pipeline.research.training.data.batches import Batch
from pipeline.research.training.data.pose_files import COCO_JOINTS
from pipeline.research.training.losses.disentangling import Weights, autoencoder_losses
from pipeline.research.training.networks import Outputs, Trainable
from pipeline.research.training.optim import Group
from pipeline.research.training.settings import Settings
from pipeline.research.training.wanted import keypoints
from pipeline.research.training.zoo.heads import one_length

PHASES = ("autoencoder", "recognition")
WANTS = ((keypoints(COCO_JOINTS),),)


def disentanglement(cfg: Settings, identities: int) -> Trainable:
    """model_cfg has keys of our own: phase, layout, and loss_weights or features.

    Raises ConfigError for others.
    """
    phase, layout = str(cfg.take("phase", PHASES[0])), cfg.take("layout", Architecture().layout)
    if phase not in PHASES or layout not in ("joints", "reference"):
        raise ConfigError("model_cfg: phase is autoencoder or recognition, layout is joints or reference.")
    build = _autoencoder if phase == PHASES[0] else _recognition
    return build(cfg, layout, identities)


class _Autoencoder(nn.Module):
    """The autoencoder under the keys that it has in the whole network."""

    def __init__(self, layout: Any) -> None:
        super().__init__()
        self.autoencoder = Autoencoder(layout)


def _autoencoder(cfg: Settings, layout: Any, identities: int) -> Trainable:
    chosen = cfg.section("loss_weights")
    weights = Weights(**{item.name: float(chosen.take(item.name, item.default)) for item in fields(Weights)})
    for section in (cfg, chosen):
        section.nothing_left()

    def outputs(network: _Autoencoder, batch: Batch) -> Outputs:
        walks = _walks(network.autoencoder, batch)
        embeddings = network.autoencoder.encode(walks).body
        if not network.training:
            return Outputs({}, embeddings)
        one, other_view, other_person = (walks[chosen] for chosen in threes(batch.labels, batch.views))
        terms = autoencoder_losses(network.autoencoder, one, other_view, other_person, weights)
        return Outputs({"autoencoder": {name: term.reshape(1) for name, term in terms.items()}}, embeddings)

    return Trainable(_Autoencoder(layout), outputs, WANTS)


def _walks(autoencoder: Autoencoder, batch: Batch) -> Tensor:
    one_length(batch)
    keypoints = batch.inputs[0]
    if keypoints.ndim != 4 or keypoints.shape[-1] != 3:
        raise ConfigError("trainer_cfg.transform: this network wants keypoints as they are. Use NoOperation.")
    return autoencoder.rows(in_body_units(keypoints))


def threes(labels: Tensor, views: list[str]) -> tuple[list[int], list[int], list[int]]:
    """Every walk of a batch that has both: itself, the same person from another view, another person from its view.

    Each list holds places in the batch. Raises ConfigError where no walk has both.
    """
    people, found = labels.tolist(), []
    for walk, (person, view) in enumerate(zip(people, views, strict=True)):
        turned = [place for place in range(len(people)) if people[place] == person and views[place] != view]
        others = [place for place in range(len(people)) if people[place] != person and views[place] == view]
        if turned and others:
            found.append((walk, turned[walk % len(turned)], others[walk % len(others)]))
    if not found:
        raise ConfigError(
            "trainer_cfg.sampler.batch_size: no walk of a batch has the same person from another view and another "
            "person from its own view with it. Take more people and more walks of each."
        )
    one, other_view, other_person = (list(places) for places in zip(*found, strict=True))
    return one, other_view, other_person


def _recognition(cfg: Settings, layout: Any, identities: int) -> Trainable:
    default = Architecture()
    architecture = Architecture(
        layout=layout,
        features=int(cfg.take("features", default.features)),
        classes=cfg.classes("class_num", identities),
    )
    cfg.nothing_left()

    def outputs(network: Disentanglement, batch: Batch) -> Outputs:
        walks = _walks(network.autoencoder, batch)
        features = network.recognise(walks).float()
        for_losses = {
            "identity": {"logits": network.fc.fc_cls(features).unsqueeze(-1), "labels": batch.labels},
            "centre": {"features": features, "centres": network.fc.center_loss.centers, "labels": batch.labels},
        }
        return Outputs(for_losses, features.unsqueeze(-1))

    network = Disentanglement(architecture)
    unused = r"fc\.conv[567]\."  # in the authors' files, but nothing goes through them
    groups = (Group(r"autoencoder\.", 0.0), Group(unused, 0.0))
    return Trainable(network, outputs, WANTS, network.HEAD, "disentanglement", architecture, groups=groups)
