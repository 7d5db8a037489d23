"""`gait calibrate`: show progress, print the threshold and its basis, draw the reliability diagram."""

from __future__ import annotations

from pathlib import Path

from pipeline.commands.gallery.enrol import keeping
from pipeline.errors import ConfigError
from pipeline.files import write_bytes
from pipeline.gallery.store import Gallery
from pipeline.profiles import Options
from pipeline.research.charts import as_png
from pipeline.research.evaluation.pictures import reliability_diagram


def calibrate_command(db: Path, manifest: Path, fpir: float, sequences: Path | None, options: Options) -> None:
    """Calibrate a gallery; print what the threshold stands on, then the run folder."""
    if not 0 < fpir < 1:
        raise ConfigError(f"--fpir {fpir:g}: expected a rate between 0 and 1, such as 0.01.")
    config = options.config()
    Gallery.open(db)  # a wrong folder is refused at once
    from pipeline.research.evaluation.calibrate import calibrate

    found, reliable, folder = keeping(
        lambda bars: calibrate(db, manifest, config, fpir, options.checkpoints, sequences, bars)
    )
    print(
        f"threshold {found.threshold:.4g} for a false positive rate of {fpir:.2%}: of {len(found.strangers)} searches "
        f"for {found.strangers_people} strangers {found.found:.1%}{_within(found.found_ci95)} name somebody"
    )
    if found.tpir is not None:
        print(
            f"at it, {found.tpir:.1%}{_within(found.tpir_ci95)} of {found.enrolled_searches} searches for "
            f"{found.enrolled_people} enrolled people name the right one"
        )
    print(f"holds for {found.gallery_people} people and {found.gallery_templates} templates, and this way of comparing")
    if reliable is None:
        print("no confidences: every search had the same outcome")
    else:
        print(f"confidences are off by {reliable.error:.1%} in the mean (people left out in turn)")
        diagram = reliability_diagram({"confidence": (100 * reliable.said, 100 * reliable.happened)})
        write_bytes(folder / "reliability.png", as_png(diagram))
    print(folder)


def _within(interval: tuple[float, float] | None) -> str:
    return "" if interval is None else f" (95 %: {interval[0]:.1%}–{interval[1]:.1%})"
