"""Answer files for the servers of competitions, whose probes have secret labels."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence

import numpy as np

from pipeline.errors import InputError
from pipeline.research.evaluation.datasets.features import DatasetFeatures
from pipeline.research.evaluation.datasets.protocols import Submission
from pipeline.research.evaluation.datasets.rerank import reranked_distances
from pipeline.research.evaluation.datasets.retrieval import Metric, distance_blocks

GREW_RANKS = 20
PROBE = "probe"  # the label of every HID probe


def submission(
    protocol: Submission,
    data: DatasetFeatures,
    metric: Metric,
    device: str = "cpu",
    *,
    rerank: bool = True,
    as_opengait: bool = False,
) -> str:
    """The CSV for the server, a line a probe, named by its view's folder.

    grew: videoId and the 20 nearest labels, every person once. hid: videoID and the nearest label, after re-ranking.

    Args:
        protocol: Whose format and types.
        data: Probes and gallery.
        metric: Of the distances.
        device: cpu or cuda.
        rerank: Whether hid is re-ranked.
        as_opengait: grew: sample by sample, a person as often as samples come, which wastes places. hid: re-rank in
            float16.

    Raises:
        InputError: Where there are no probes or no gallery.
    """
    is_probe = data.labels == PROBE if protocol.probes is None else protocol.probes.of(data.types)
    is_gallery = ~is_probe if protocol.gallery is None else protocol.gallery.of(data.types)
    probes, gallery = data.select(is_probe), data.select(is_gallery)
    if not len(probes) or not len(gallery):
        raise InputError(
            f"{len(probes)} probes and {len(gallery)} gallery walks among {len(data)}: this is not what the submission "
            "is made of. Is it the right --protocol?"
        )
    if protocol.format == "grew":
        return _grew(probes, gallery, metric, device, as_opengait)
    return _hid(probes, gallery, metric, device, rerank, as_opengait)


def _grew(probes: DatasetFeatures, gallery: DatasetFeatures, metric: Metric, device: str, repeat: bool) -> str:
    rows: list[Sequence[str]] = [["videoId", *(f"rank{place}" for place in range(1, GREW_RANKS + 1))]]
    labels = [str(int(label)) if label.isdecimal() else label for label in gallery.labels.tolist()]  # 00045: 45
    for some, block in distance_blocks(probes.features, gallery.features, metric, device):
        order = block.argsort(dim=1, stable=True).cpu().numpy()
        for name, row in zip(probes.views[some].tolist(), order, strict=True):
            named = (labels[column] for column in row)
            answers = list(named) if repeat else list(dict.fromkeys(named))
            rows.append([name, *answers[:GREW_RANKS]])
    return _csv(rows)


def _hid(
    probes: DatasetFeatures, gallery: DatasetFeatures, metric: Metric, device: str, rerank: bool, half: bool
) -> str:
    if rerank:
        nearest = reranked_distances(probes.features, gallery.features, metric, device, half=half).argmin(axis=1)
    else:
        blocks = distance_blocks(probes.features, gallery.features, metric, device)
        nearest = np.concatenate([block.argmin(dim=1).cpu().numpy() for _, block in blocks])
    return _csv([("videoID", "label"), *zip(probes.views.tolist(), gallery.labels[nearest].tolist(), strict=True)])


def _csv(rows: Iterable[Sequence[str]]) -> str:
    file = io.StringIO()
    csv.writer(file, lineterminator="\n").writerows(rows)
    return file.getvalue()
