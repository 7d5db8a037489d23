"""`gait bench gallery`: how fast and how well people are found in galleries of made-up templates.

The model of a template: of 512 independent factors, mixed into C×P values by a fixed random matrix with orthonormal
columns. A person has values of them with standard deviations i^-½ (i = 1 … 512: a spectrum that decays as real
embeddings' does); every walk adds values of its own, with deviations WITHIN·i^-¼, and white noise. A probe is one more
walk of an enrolled person.
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.config import MatchingConfig
from pipeline.engine.memory import memory_now, peak_memory
from pipeline.errors import ConfigError
from pipeline.files import write_json
from pipeline.gallery.index import LEAST, build
from pipeline.gallery.search import Search
from pipeline.gallery.store import Gallery
from pipeline.gallery.template import Stored, Template, now
from pipeline.matching.distance import Metric, distance_matrix
from pipeline.types import Embedding, FloatArray

FACTORS = 512
WITHIN = 0.5  # of a walk; walks of a person are about 0.8 times as far apart as walks of different people
NOISE = 0.01  # of each value
WALKS = 4  # enrolled of a person
QUERIES = 200
RUN = 20  # of them are those of one run, which are compared with everybody together
ALONE = 5  # of them are compared with everybody one at a time
AT_ONCE = 4000  # templates a commit
SHAPE = (256, 16)  # C×P of a template, as GaitBase's


@dataclass(frozen=True, slots=True)
class Crowd:
    """Made-up people: template number n is a walk of person n // WALKS. shape: C×P of a template."""

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
        """Further walks of so many people, spread over all of them; their track is the person's number."""
        mixing, people = self._mixing(), -(-self.templates // WALKS)
        chosen = np.linspace(0, people - 1, count).astype(int)
        found = []
        for person in chosen:
            values = self._walks(int(person) * WALKS, 1, mixing, 1)[0].astype(np.float32)
            found.append(_embedding(values.reshape(self.shape), int(person)))
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
        return np.asarray(np.linalg.qr(rng.standard_normal((size, FACTORS), np.float32))[0].T * np.sqrt(size / 16))


def bench_gallery_command(sizes: str, metric: Metric, json_file: Path | None) -> None:
    """Enrol, index and search galleries of these sizes, in processes of their own; print and write the figures."""
    rows: list[dict[str, Any]] = []
    for count in _sizes(sizes):
        report: dict[str, Any] = {"templates": count, "parts": "x".join(map(str, SHAPE)), "metric": metric}
        with tempfile.TemporaryDirectory(prefix=f"gait-gallery-{count}-") as folder:
            for step in (_fill, _index, _search):
                with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as own:  # its memory is then its own
                    report |= own.submit(step, Crowd(count, SHAPE), Path(folder) / "db", metric).result()
                print(f"{count} templates: {step.__name__.strip('_')} done", file=sys.stderr, flush=True)
        rows.append(report)
        if json_file is not None:  # after each size: the next one may take an hour
            model = " ".join((__doc__ or "").partition("\n\n")[2].split())
            write_json(json_file, {"schema": 1, "model": model, "sizes": rows})
    show(rows)


def _fill(crowd: Crowd, place: Path, metric: Metric) -> dict[str, Any]:
    """Enrol the crowd, as `gait enrol` does, many at a commit."""
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
    begun, worked = time.perf_counter(), time.process_time()
    build(Gallery.open(place), metric)
    seconds, processor = time.perf_counter() - begun, time.process_time() - worked
    sizes = {path: path.stat().st_size for path in place.rglob("*") if path.is_file()}
    return {
        "index_seconds": seconds,
        "index_processor_seconds": processor,
        "index_peak_rss_bytes": peak_memory(),
        "disk_bytes": sum(sizes.values()),
        "index_bytes": sum(size for path, size in sizes.items() if "_indices" in path.parts),
    }


def _search(crowd: Crowd, place: Path, metric: Metric) -> dict[str, Any]:
    """Search for every probe by the index, one at a time, then compare some alone and all together with everybody."""
    probes, matching, gallery = crowd.probes(QUERIES), MatchingConfig(metric=metric), Gallery.open(place)
    by_index, exact = (Search(gallery, matching, exact_up_to=limit) for limit in (0, crowd.templates))
    alone = _timed(by_index, probes, metric)
    if by_index.caution:
        raise ConfigError(by_index.caution)
    figures = {
        "queries": len(probes),
        "p50_ms": float(np.quantile(alone.seconds, 0.5)) * 1e3,
        "p99_ms": float(np.quantile(alone.seconds, 0.99)) * 1e3,
        "processor_ms": alone.processor / len(probes) * 1e3,
        "search_rss_bytes": memory_now(),
        "search_peak_rss_bytes": peak_memory(),
        "exact_p50_ms": float(np.median(_timed(exact, probes[:ALONE], metric).seconds)) * 1e3,
    }
    begun, worked = time.perf_counter(), time.process_time()
    exact.shortlist(probes[:: len(probes) // RUN])
    figures |= {
        "exact_run_seconds": time.perf_counter() - begun,
        "exact_run_processor_seconds": time.process_time() - worked,
    }
    everybody = exact.shortlist(probes)
    apart = distance_matrix(probes, [template.embedding() for template in everybody], metric)
    owners = [int(everybody[n].identity, 16) for n in apart.argmin(axis=1)]
    found = alone.nearest <= apart.min(axis=1) * (1 + 1e-6)  # of two as near either is right
    return figures | {
        "exact_peak_rss_bytes": peak_memory(),
        "recall_at_1": float(np.mean(found)),
        "exact_rank_1": float(np.mean(np.array(owners) == [probe.track_id for probe in probes])),
    }


@dataclass(frozen=True, slots=True)
class _Timed:
    """How long each search took, the processor seconds of all, and how far the nearest template was."""

    seconds: list[float]
    processor: float
    nearest: FloatArray


def _timed(search: Search, probes: Sequence[Embedding], metric: Metric) -> _Timed:
    """Search for one probe at a time; a first search is not counted."""
    seconds, processor, nearest = [], 0.0, []
    search.shortlist(probes[:1])
    for probe in probes:
        begun, worked = time.perf_counter(), time.process_time()
        found = search.shortlist([probe])
        seconds.append(time.perf_counter() - begun)
        processor += time.process_time() - worked
        nearest.append(distance_matrix([probe], [one.embedding() for one in found], metric)[0].min())
    return _Timed(seconds, processor, np.array(nearest))


def _embedding(parts: NDArray[np.floating], track: int) -> Embedding:
    return Embedding(
        video="crowd", track_id=track, parts=parts.astype(np.float32), model="made-up", checkpoint_sha256="",
        frames_used=60, quality={},
    )  # fmt: skip


def _sizes(text: str) -> list[int]:
    try:
        counts = [int(count) for count in text.split(",")]
    except ValueError:
        counts = []
    if not counts or min(counts) < LEAST:
        raise ConfigError(f"--sizes {text}: expected numbers of templates such as 10000,100000, each {LEAST} or more.")
    return counts


def show(rows: Sequence[dict[str, Any]]) -> None:
    """A table, a column for each size."""
    from rich.console import Console
    from rich.table import Table

    lines: dict[str, Callable[[dict[str, Any]], str]] = {
        "index made, s": lambda row: f"{row['index_seconds']:.1f}",
        "its processor s": lambda row: f"{row['index_processor_seconds']:.1f}",
        "its memory, MB": lambda row: f"{row['index_peak_rss_bytes'] / 1e6:.0f}",
        "disk, MB": lambda row: f"{row['disk_bytes'] / 1e6:.0f}",
        "of it the index, MB": lambda row: f"{row['index_bytes'] / 1e6:.0f}",
        "search by it, p50 ms": lambda row: f"{row['p50_ms']:.1f}",
        "p99 ms": lambda row: f"{row['p99_ms']:.1f}",
        "processor ms": lambda row: f"{row['processor_ms']:.1f}",
        "memory, MB": lambda row: f"{row['search_rss_bytes'] / 1e6:.0f}",
        "recall@1": lambda row: f"{row['recall_at_1']:.3f}",
        "exact search, p50 ms": lambda row: f"{row['exact_p50_ms']:.0f}",
        f"exact, {RUN} probes at once, s": lambda row: f"{row['exact_run_seconds']:.1f}",
        "its processor s ": lambda row: f"{row['exact_run_processor_seconds']:.1f}",
    }
    table = Table(title=f"gait bench gallery: {rows[0]['parts']}, {rows[0]['metric']}, {rows[0]['queries']} queries")
    table.add_column("templates")
    for row in rows:
        table.add_column(f"{row['templates']}", justify="right")
    for name, cell in lines.items():
        table.add_row(name, *(cell(row) for row in rows))
    Console().print(table)
