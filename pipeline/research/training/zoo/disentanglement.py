"""The disentangled skeletons in two phases: the autoencoder, then the recognition network on its codes."""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn

from pipeline.errors import ConfigError
from pipeline.recognition.layers.skeleton_autoencoder import Autoencoder, in_body_units
from pipeline.recognition.models.disentanglement import Architecture, Disentanglement
from pipeline.research.training.data.batches import Batch
from pipeline.research.training.input_files import COCO_JOINTS, keypoints
from pipeline.research.training.losses.disentangling import Weights, autoencoder_losses
from pipeline.research.training.networks import Outputs, Trainable
from pipeline.research.training.optim import Group
from pipeline.research.training.settings import Settings

PHASES = ("autoencoder", "recognition")
FILES = ((keypoints(COCO_JOINTS),),)


def disentanglement(cfg: Settings, identities: int) -> Trainable:
    """model_cfg has keys of our own: phase, layout, and loss_weights or features."""
    phase, layout = str(cfg.take("phase", PHASES[0])), cfg.take("layout", Architecture().layout)
    if phase not in PHASES or layout not in ("joints", "reference"):
        raise ConfigError("model_cfg: phase is autoencoder or recognition, layout is joints or reference.")
    return _autoencoder(cfg, layout) if phase == PHASES[0] else _recognition(cfg, layout, identities)


class _Autoencoder(nn.Module):
    """The autoencoder under the keys that it has in the whole network."""

    def __init__(self, layout: Any) -> None:
        super().__init__()
        self.autoencoder = Autoencoder(layout)


def _autoencoder(cfg: Settings, layout: Any) -> Trainable:
    weights = cfg.architecture(Weights(), **{name: f"loss_weights.{name}" for name in Weights.__slots__})

    def outputs(network: _Autoencoder, batch: Batch) -> Outputs:
        rows = _rows(network.autoencoder, batch)
        embeddings = network.autoencoder.encode(rows).body
        if not network.training:
            return Outputs({}, embeddings)
        one, other_view, other_person = (rows[places] for places in threes(batch.labels, batch.views))
        terms = autoencoder_losses(network.autoencoder, one, other_view, other_person, weights)
        return Outputs({"autoencoder": {name: term.reshape(1) for name, term in terms.items()}}, embeddings)

    return Trainable(_Autoencoder(layout), outputs, FILES)


def _rows(autoencoder: Autoencoder, batch: Batch) -> Tensor:
    joints = batch.inputs[0]
    if joints.ndim != 4 or joints.shape[-1] != 3:
        raise ConfigError("trainer_cfg.transform: this network takes keypoints as they are. Use NoOperation.")
    return autoencoder.rows(in_body_units(joints))


def threes(labels: Tensor, views: list[str]) -> tuple[list[int], list[int], list[int]]:
    """Every sample of a batch that has both: itself, the same person from another view, another person from its view.

    Each list holds places in the batch. Raises ConfigError where no sample has both.
    """
    people, found = labels.tolist(), []
    for sample, (person, view) in enumerate(zip(people, views, strict=True)):
        turned = [place for place in range(len(people)) if people[place] == person and views[place] != view]
        others = [place for place in range(len(people)) if people[place] != person and views[place] == view]
        if turned and others:
            found.append((sample, turned[sample % len(turned)], others[sample % len(others)]))
    if not found:
        raise ConfigError(
            "trainer_cfg.sampler.batch_size: no walk of a batch has the same person from another view and another "
            "person from its own view with it. Take more people and more walks of each."
        )
    one, other_view, other_person = (list(places) for places in zip(*found, strict=True))
    return one, other_view, other_person


def _recognition(cfg: Settings, layout: Any, identities: int) -> Trainable:
    architecture = cfg.architecture(
        Architecture(layout=layout, classes=cfg.classes("class_num", identities)), features="features"
    )

    def outputs(network: Disentanglement, batch: Batch) -> Outputs:
        features = network.recognise(_rows(network.autoencoder, batch)).float()
        losses = {
            "identity": {"logits": network.fc.fc_cls(features).unsqueeze(-1), "labels": batch.labels},
            "centre": {"features": features, "centres": network.fc.center_loss.centers, "labels": batch.labels},
        }
        return Outputs(losses, features.unsqueeze(-1))

    network = Disentanglement(architecture)
    unused = r"fc\.conv[567]\."  # in the authors' files, but nothing goes through them
    groups = (Group(r"autoencoder\.", 0.0), Group(unused, 0.0))
    return Trainable(network, outputs, FILES, network.HEAD, "disentanglement", architecture, groups=groups)
