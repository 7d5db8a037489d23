"""The Colab notebook runs from top to bottom on small inputs."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

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
        _head(shared / "videos/demo" / f"{source}.mp4", tmp_path / "inputs" / f"{name}.mp4", 24)
    monkeypatch.setenv("GAIT_CHECKPOINTS", str(shared / "checkpoints"))
    notebook = nbformat.read(NOTEBOOK, as_version=4)

    NotebookClient(notebook, timeout=240, resources={"metadata": {"path": str(tmp_path)}}).execute()

    shown = [output for cell in notebook.cells for output in cell.get("outputs", []) if "data" in output]
    tables = [output["data"]["text/html"] for output in shown if "text/html" in output["data"]]
    assert any("gallery-00" in table for table in tables)
    assert sum("<video" in table for table in tables) == 2  # gallery.mp4 and G-gallery_P-probe1.mp4
    assert any("image/png" in output["data"] for output in shown)  # the silhouettes
    assert "<iframe" in tables[-3] and all("<video" in table for table in tables[-2:])  # the end: report, videos

    seen = _in_a_browser(tables[-3:], tmp_path / "shown.html")
    assert "were given a name from the gallery" in seen["words"] and not seen["videos_of_the_report"]
    assert seen["pictures"] >= 8 and seen["broken"] == 0
    assert seen["playable"] == 2


def _in_a_browser(outputs: list[str], page: Path) -> dict[str, Any]:
    """What a person sees of the notebook's outputs."""
    sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    if chromium is None:
        pytest.skip("chromium is not installed (Debian package chromium)")
    page.write_text("<!doctype html>" + "\n".join(outputs), encoding="utf-8")
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        tab = browser.new_page(viewport={"width": 1000, "height": 900})
        tab.goto(page.as_uri())
        tab.wait_for_function("[...document.querySelectorAll('video')].every(v => v.readyState > 0)", timeout=30_000)
        report = tab.locator("iframe").element_handle().content_frame()
        report.wait_for_selector("#answers")
        report.get_by_role("link", name="Gallery", exact=True).click()  # leads inside of the report
        tab.wait_for_timeout(500)
        assert abs(report.evaluate("document.querySelector('#gallery').getBoundingClientRect().top")) < 100
        seen = {
            "words": report.inner_text("body"),
            "videos_of_the_report": report.locator("video").first.is_visible(),
            "pictures": report.locator("img").count(),
            "broken": report.evaluate("[...document.images].filter(e => e.complete && !e.naturalWidth).length"),
            "playable": tab.evaluate("[...document.querySelectorAll('video')].filter(v => v.videoWidth).length"),
        }
        browser.close()
    return seen
