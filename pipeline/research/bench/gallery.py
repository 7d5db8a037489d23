"""`gait bench gallery`: how fast and how well people are found in galleries of made-up templates.

The model of a template: of 512 independent factors, mixed into C×P values by a fixed random matrix with orthonormal
columns. A person has values of them with standard deviations i^-½ (i = 1 … 512: a spectrum that decays as real
embeddings' does); every walk adds values of its own, with deviations WITHIN·i^-¼, and white noise. A probe is one more
walk of an enrolled person.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from pipeline.config import MatchingConfig
from pipeline.engine.memory import memory_now, peak_memory
from pipeline.errors import ConfigError
from pipeline.files import write_json
from pipeline.matching.distance import Metric, distance_matrix
from pipeline.types import Embedding, FloatArray

FACTORS = 512
WITHIN = 0.5  # of a walk; walks of a person are about 0.8 times as far apart as walks of different people
NOISE = 0.01  # of each value
WALKS = 4  # enrolled of a person
QUERIES = 200
AT_ONCE = 4000  # templates a commit
BLOCK = 2048  # templates that probes are compared with at once, for the exact answer
METRICS: tuple[Metric, ...] = ("euclidean", "cosine")

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Crowd:
    """Made-up people: template number n is a walk of person n // WALKS. shape: C×P."""

    templates: int
    shape: tuple[int, int]
    seed: int = 1

    def portions(self) -> Iterator[tuple[int, NDArray[np.float16]]]:
        """The templates so many at a time: the number of the first, N×(C·P)."""
        mixing = self._mixing()
        for first in range(0, self.templates, AT_ONCE):
            count = min(AT_ONCE, self.templates - first)
            yield first, self._walks(first, count, mixing, 0)

    def probes(self, count: int) -> list[Embedding]:
        """Further walks of so many people, spread over all of them."""
        mixing, people = self._mixing(), -(-self.templates // WALKS)
        chosen = np.linspace(0, people - 1, count).astype(int)
        found = []
        for track, person in enumerate(chosen, 1):
            values = self._walks(int(person) * WALKS, 1, mixing, 1)[0].astype(np.float32)
            found.append(_embedding(values.reshape(self.shape), track))
        return found

    def _walks(self, first: int, count: int, mixing: FloatArray, kind: int) -> NDArray[np.float16]:
        people = range(first // WALKS, (first + count - 1) // WALKS + 1)
        spread = np.arange(1, FACTORS + 1, dtype=np.float32) ** -0.5
        own = np.stack([np.random.default_rng((self.seed, 2, n)).standard_normal(FACTORS, np.float32) for n in people])
        rng = np.random.default_rng((self.seed, kind, first))
        factors = np.repeat(own * spread, WALKS, axis=0)[first % WALKS :][:count]
        factors = factors + WITHIN * np.sqrt(spread) * rng.standard_normal((count, FACTORS), np.float32)
        values = factors @ mixing
        values += NOISE * rng.standard_normal(values.shape, np.float32)
        return np.asarray(values, np.float16)

    def _mixing(self) -> FloatArray:
        rng = np.random.default_rng(self.seed)
        size = self.shape[0] * self.shape[1]
        basis = np.linalg.qr(rng.standard_normal((size, min(FACTORS, size)), np.float32))[0].T * np.sqrt(size / 16)
        return np.asarray(np.vstack([basis, np.zeros((FACTORS - len(basis), size))]), np.float32)


def bench_gallery_command(
    sizes: str, parts: str, metric: str, folder: Path | None, json_file: Path | None, keep: bool = False
) -> None:
    """Enrol, index and search galleries of these sizes, in processes of their own; print and write the figures."""
    counts, shape = _sizes(sizes), _shape(parts)
    if metric not in METRICS:
        raise ConfigError(f"--metric {metric}: choose one of {', '.join(METRICS)}.")
    rows = []
    for count in counts:
        with _working_folder(folder, count, keep) as place:
            crowd = Crowd(count, shape)
            report: dict[str, Any] = {"templates": count, "parts": parts, "metric": metric}
            for step in (_fill, _index, _search):
                report |= _apart(step, crowd, place, metric)
                _say(f"{count} templates: {_DONE[step.__name__]}")
            rows.append(report)
            _show_one(report)
            if json_file is not None:  # after each size: the next one may take an hour
                write_json(json_file, {"schema": 1, "model": " ".join((__doc__ or "").split()[11:]), "sizes": rows})
    show(rows)


_DONE = {"_fill": "enrolled", "_index": "indexed", "_search": "searched"}


def _fill(crowd: Crowd, place: Path, metric: Metric) -> dict[str, Any]:
    """Enrol the crowd, as `gait enrol` does, many at a commit."""
    from pipeline.gallery.store import Gallery
    from pipeline.gallery.template import Stored, Template, now

    begun = time.perf_counter()
    gallery, when = Gallery.create(place), now()
    for first, values in crowd.portions():
        made = []
        for number, parts in enumerate(values, first):
            facts = {
                "identity": f"{number // WALKS:016x}", "name": f"person {number // WALKS}", "video": "crowd",
                "video_sha256": "", "track": number + 1, "run": "", "enrolled": when,
            }  # fmt: skip
            made.append(Template.of(_embedding(parts.reshape(crowd.shape), number + 1), Stored(b""), **facts))
        with gallery.writing() as writer:
            writer.add(made)
    return {"enrol_seconds": time.perf_counter() - begun, "enrol_peak_rss_bytes": peak_memory()}


def _index(crowd: Crowd, place: Path, metric: Metric) -> dict[str, Any]:
    from pipeline.gallery.index import build
    from pipeline.gallery.index_files import FOLDER
    from pipeline.gallery.store import Gallery

    begun = time.perf_counter()
    facts = build(Gallery.open(place), metric)
    seconds = time.perf_counter() - begun
    sizes = {path: path.stat().st_size for path in place.rglob("*") if path.is_file()}
    return {
        "index_seconds": seconds,
        "index_peak_rss_bytes": peak_memory(),
        "dims": facts.dims,
        "disk_bytes": sum(sizes.values()),
        "index_bytes": sum(size for path, size in sizes.items() if path.parent.name == FOLDER),
    }


def _search(crowd: Crowd, place: Path, metric: Metric) -> dict[str, Any]:
    """Search for every probe by the index, one at a time, then compare each with everybody."""
    from pipeline.gallery.search import CANDIDATES, Search
    from pipeline.gallery.store import Gallery

    probes = crowd.probes(QUERIES)
    search = Search(Gallery.open(place), MatchingConfig(metric=metric), exact_up_to=0)
    begun = time.perf_counter()
    search.shortlist(probes[:1])
    opened = time.perf_counter() - begun
    if search.caution:
        raise ConfigError(search.caution)
    best, seconds, whole = [], [], []
    for probe in probes:
        begun = time.perf_counter()
        hits = search.nearest(probe) or []
        seconds.append(time.perf_counter() - begun)
        best.append((hits[0].position + 1, hits[0].distance))
    for probe in probes[:50]:
        begun = time.perf_counter()
        search.shortlist([probe])
        whole.append(time.perf_counter() - begun)
    during, peak = memory_now(), peak_memory()
    begun = time.perf_counter()
    truth = _exact(crowd, place, probes, metric)
    exact = time.perf_counter() - begun
    same = [
        track == number or distance <= least * (1 + 1e-6)  # of two that are as near either is right
        for (track, distance), (number, least) in zip(best, truth, strict=True)
    ]
    owner = [(number - 1) // WALKS for number, _ in truth]
    people = -(-crowd.templates // WALKS)
    rank1 = np.mean(np.array(owner) == np.linspace(0, people - 1, len(probes)).astype(int))
    return {
        "queries": len(probes),
        "candidates": CANDIDATES,
        "open_seconds": opened,
        "p50_ms": float(np.quantile(seconds, 0.5)) * 1e3,
        "p99_ms": float(np.quantile(seconds, 0.99)) * 1e3,
        "p50_ms_with_rows": float(np.median(whole)) * 1e3,
        "search_rss_bytes": during,
        "search_peak_rss_bytes": peak,
        "recall_at_1": float(np.mean(same)),
        "exact_rank_1": float(rank1),
        "exact_ms_per_query_in_blocks": exact / len(probes) * 1e3,
    }


def _exact(crowd: Crowd, place: Path, probes: Sequence[Embedding], metric: Metric) -> list[tuple[int, float]]:
    """Of every probe the number and the distance of the nearest of all templates, all read from the store in blocks.

    Blocks are compared in float32, the nearest few of each probe once more as always.
    """
    from pipeline.gallery.index import embeddings_of, in_order
    from pipeline.gallery.store import Gallery

    few = 8
    flat = np.stack([probe.parts for probe in probes])
    best = [np.zeros((0, 1 + flat[0].size), np.float32)] * len(probes)
    least = np.full(len(probes), np.inf)
    for batch in in_order(Gallery.open(place).table(), ("track", "embedding"), BLOCK):
        values = embeddings_of(batch).astype(np.float32)
        numbers = batch.column("track").to_numpy(zero_copy_only=False)
        apart = _in_float32(flat, values.reshape(-1, *crowd.shape), metric)
        nearest = np.argpartition(apart, min(few, apart.shape[1] - 1), axis=1)[:, :few]
        for row, candidates in enumerate(nearest):
            columns = candidates[apart[row, candidates] <= least[row] + 1e-3 * abs(least[row])]
            if len(columns):
                found = np.column_stack([numbers[columns], values[columns]])
                best[row] = np.vstack([best[row], found])
                least[row] = min(least[row], float(apart[row, columns].min()))
    answers = []
    for probe, found in zip(probes, best, strict=True):
        templates = [_embedding(one[1:].reshape(crowd.shape), int(one[0])) for one in found]
        distances = distance_matrix([probe], templates, metric)[0]
        answers.append((templates[int(distances.argmin())].track_id, float(distances.min())))
    return answers


def _in_float32(probes: FloatArray, templates: FloatArray, metric: Metric) -> FloatArray:
    """N×M distances of N×C×P and M×C×P."""
    total = np.zeros((len(probes), len(templates)), np.float32)
    for part in range(probes.shape[2]):
        some, others = np.ascontiguousarray(probes[:, :, part]), np.ascontiguousarray(templates[:, :, part])
        if metric == "cosine":
            some = some / np.maximum(np.linalg.norm(some, axis=1, keepdims=True), 1e-12)
            others = others / np.maximum(np.linalg.norm(others, axis=1, keepdims=True), 1e-12)
            total += 1 - some @ others.T
        else:
            squares = (some**2).sum(axis=1)[:, None] + (others**2).sum(axis=1) - 2 * some @ others.T
            total += np.sqrt(np.maximum(squares, 0))
    return np.asarray(total / probes.shape[2])


def _embedding(parts: NDArray[np.floating], track: int) -> Embedding:
    return Embedding(
        video="crowd", track_id=track, parts=parts.astype(np.float32), model="made-up", checkpoint_sha256="",
        frames_used=60, quality={},
    )  # fmt: skip


def _apart(step: Callable[[Crowd, Path, Metric], _T], *arguments: Any) -> _T:
    """In a process of its own, so that its memory is its own."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        return pool.submit(step, *arguments).result()


class _working_folder:  # noqa: N801  # reads as the context manager that it is
    """A new folder for one gallery in `folder`, or in the system's for temporary files; removed at the end."""

    def __init__(self, folder: Path | None, count: int, keep: bool) -> None:
        if folder is not None:
            folder.mkdir(parents=True, exist_ok=True)
        self._path = Path(tempfile.mkdtemp(prefix=f"gait-gallery-{count}-", dir=folder))
        self._keep = keep

    def __enter__(self) -> Path:
        return self._path / "db"

    def __exit__(self, *error: object) -> None:
        if not self._keep:
            shutil.rmtree(self._path, ignore_errors=True)


def _sizes(text: str) -> list[int]:
    try:
        counts = [int(count) for count in text.split(",")]
    except ValueError:
        counts = []
    if not counts or min(counts) < WALKS * 2:
        raise ConfigError(
            f"--sizes {text}: expected numbers of templates such as 10000,100000, each {WALKS * 2} or more."
        )
    return counts


def _shape(text: str) -> tuple[int, int]:
    c, _, p = text.partition("x")
    if not (c.isdecimal() and p.isdecimal() and int(c) and int(p)):
        raise ConfigError(f"--parts {text}: expected C×P such as 256x16.")
    return int(c), int(p)


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def _show_one(report: dict[str, Any]) -> None:
    _say(
        ", ".join(
            f"{name} {value:.4g}" if isinstance(value, float) else f"{name} {value}" for name, value in report.items()
        )
    )


def show(rows: Sequence[dict[str, Any]]) -> None:
    """A table, a row for each size."""
    from rich.console import Console
    from rich.table import Table

    columns: dict[str, Callable[[dict[str, Any]], str]] = {
        "templates": lambda row: f"{row['templates']}",
        "index s": lambda row: f"{row['index_seconds']:.1f}",
        "disk MB": lambda row: f"{row['disk_bytes'] / 1e6:.0f}",
        "of it index": lambda row: f"{row['index_bytes'] / 1e6:.0f}",
        "RSS MB searching": lambda row: f"{row['search_rss_bytes'] / 1e6:.0f}",
        "peak": lambda row: f"{max(row[n] for n in ('index_peak_rss_bytes', 'search_peak_rss_bytes')) / 1e6:.0f}",
        "p50 ms": lambda row: f"{row['p50_ms']:.1f}",
        "p99 ms": lambda row: f"{row['p99_ms']:.1f}",
        "recall@1": lambda row: f"{row['recall_at_1']:.3f}",
    }
    table = Table(title=f"gait bench gallery: {rows[0]['parts']}, {rows[0]['metric']}, {rows[0]['queries']} queries")
    for name in columns:
        table.add_column(name, justify="right")
    for row in rows:
        table.add_row(*(tell(row) for tell in columns.values()))
    Console().print(table)
