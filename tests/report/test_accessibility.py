"""report.html and the page of `gait live` in Chromium: all can be read, named and reached by keyboard."""

from __future__ import annotations

import json
import shutil

import accessible
import numpy as np
import pytest
import runs

from pipeline.live.page import Page
from pipeline.report import write_report
from pipeline.runs.folder import RunFolder

sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="chromium is not installed (Debian package chromium)")


@pytest.fixture(scope="module")
def report(tmp_path_factory):
    """A report with everything in it: many colours of people, a note, blurred heads."""
    path = runs.made_up(tmp_path_factory.mktemp("accessible") / "run")
    record = json.loads((path / "run.json").read_text())
    record["config"]["output"]["blur_faces"] = True
    (path / "run.json").write_text(json.dumps(record))
    return write_report(RunFolder(path))


@pytest.fixture(scope="module")
def browser():
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture(params=[(scheme, width) for scheme in ("light", "dark") for width in (1280, 390)], ids=str)
def page(report, browser, request):
    scheme, width = request.param
    page = browser.new_page(viewport={"width": width, "height": 900}, color_scheme=scheme)
    page.goto(report.as_uri())
    page.evaluate("document.querySelectorAll('details').forEach(e => { e.open = true; })")
    yield page
    page.close()


def test_every_word_can_be_read(page):
    assert accessible.faint(page) == []


def test_every_control_has_a_name_and_is_reached_by_keyboard(page):
    assert accessible.nameless(page) == []
    assert accessible.unreachable(page) == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 390])
def test_the_page_of_gait_live_can_be_read_and_used_by_keyboard(browser, scheme, width):
    nobody = {"camera": 1, "name": None, "person": None, "confidence": None, "watched": False}
    ada = {**nobody, "status": "known", "name": "Ada", "person": "08369a981510dab5", "confidence": 0.9, "watched": True}
    stranger = {**nobody, "camera": 2, "status": "unknown", "person": "unknown-1a2b3c4d"}
    visit = {"since": "2026-01-31T18:05:09.123+00:00", "until": "2026-01-31T18:06:09.123+00:00"}
    lists = {
        "cameras": [
            {"camera": 1, "source": "rtsp://***@camera.local/door", "state": "on"},
            {"camera": 2, "source": "rtsp://***@camera.local/" + "yard" * 20, "state": "lost"},
        ],
        "people": [ada, stranger, {**nobody, "status": "looking"}],
        "seen": [{**ada, **visit, "until": None}, {**stranger, **visit}],
    }
    complaints = []
    with Page(0, lambda: lists, cameras=2) as live:
        for camera in (1, 2):
            live.show(np.full((48, 64, 3), 90, np.uint8), camera)
        page = browser.new_page(viewport={"width": width, "height": 900}, color_scheme=scheme)
        page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.goto(live.address, wait_until="commit")  # its streams never end
        page.get_by_text("looking…").wait_for()
        assert page.get_by_role("alert").inner_text() == "Watched for: Ada at camera 1"
        assert page.get_by_role("row", name="unknown-1a2b3c4d").count() == 2  # in the picture, and seen
        assert accessible.faint(page) == []
        assert accessible.nameless(page) == []
        assert accessible.unreachable(page) == []
        tops = [page.locator("figure").nth(number).bounding_box() for number in (0, 1)]
        assert (tops[0]["y"] == tops[1]["y"]) == (width == 1280), "side by side where there is room"
        for camera in (1, 2):
            live.show(np.full((48, 64, 3), 120, np.uint8), camera)
            picture = page.get_by_role("img", name=f"Camera {camera}: a box")
            picture.evaluate("e => new Promise(done => e.naturalWidth ? done() : e.onload = done)")
        page.get_by_role("button", name="Pause the pictures").press("Enter")
        for camera in (1, 2):
            page.get_by_role("img", name=f"Camera {camera}, as it was when it was paused").wait_for()
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        page.close()
    assert complaints == []


def test_links_land_where_they_lead(page):
    for name in ("Distances", "Gallery", "Answers"):
        page.get_by_role("navigation").get_by_role("link", name=name, exact=True).click()
        page.wait_for_timeout(100)
        top = page.evaluate(f"document.querySelector('#{name.lower()}').getBoundingClientRect().top")
        bottom = page.evaluate("innerHeight + scrollY >= document.documentElement.scrollHeight - 1")
        assert 0 <= top < 100 or (bottom and top < 900)


def test_the_check_finds_what_it_is_for(browser):
    page = browser.new_page()
    filler = "<p>" + "</p><p>".join(f"word {n}" for n in range(12)) + "</p>"
    page.set_content(
        f"<style>button:focus {{ outline: 0 }}</style>{filler}<p style='color:#999'>faint</p>"
        "<p style='opacity:.5;background:#fff;color:#000'>half</p><input><button>go</button>"
        "<div role=tab onclick='1'>x</div><p style='color:#767676'>just enough</p>"
    )
    assert [words for _, words, _ in accessible.faint(page)] == ["faint", "half"]
    assert accessible.nameless(page) == ["<input>"]
    problems = accessible.unreachable(page)
    assert len(problems) == 1 and problems[0].startswith("no visible focus: <button")
    page.close()
