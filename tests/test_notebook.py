"""The Colab notebook runs from top to bottom on small inputs."""

from __future__ import annotations

from pathlib import Path

import av
import nbformat
import pytest
from nbclient import NotebookClient

NOTEBOOK = Path(__file__).resolve().parents[1] / "notebooks" / "colab_demo.ipynb"


def _head(source: Path, target: Path, frames: int) -> None:
    """The first frames of a video, encoded anew."""
    with av.open(str(source)) as reader, av.open(str(target), "w") as writer:
        stream = reader.streams.video[0]
        encoder = writer.add_stream("libx264", rate=stream.average_rate)
        encoder.width, encoder.height, encoder.pix_fmt = stream.width, stream.height, "yuv420p"
        for index, frame in enumerate(reader.decode(stream)):
            if index == frames:
                break
            writer.mux(encoder.encode(frame.reformat(format="yuv420p")))
        writer.mux(encoder.encode())


def test_the_notebook_shows_names_and_videos(shared: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "inputs").mkdir()
    for name, source in (("gallery", "gallery"), ("probe1", "probe2")):
        _head(shared / "videos/demo" / f"{source}.mp4", tmp_path / "inputs" / f"{name}.mp4", 40)
    monkeypatch.setenv("GAIT_CHECKPOINTS", str(shared / "checkpoints"))
    notebook = nbformat.read(NOTEBOOK, as_version=4)

    NotebookClient(notebook, timeout=300, resources={"metadata": {"path": str(tmp_path)}}).execute()

    shown = [output for cell in notebook.cells for output in cell.get("outputs", []) if "data" in output]
    tables = [output["data"]["text/html"] for output in shown if "text/html" in output["data"]]
    assert any("gallery-00" in table for table in tables)
    assert sum("<video" in table for table in tables) == 2  # gallery.mp4 and G-gallery_P-probe1.mp4
    assert any("image/png" in output["data"] for output in shown)  # the silhouettes
