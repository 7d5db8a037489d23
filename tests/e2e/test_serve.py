"""`gait serve` as a person sees it, in headless Chromium: a full identify, the gallery, the comparison, the stop."""

from __future__ import annotations

import contextlib
import importlib.util
import json
import re
import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import accessible
import pytest
from processes import finish

sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
FRAMES = re.compile(r"[1-9]\d* of \d+ frames")  # being tracked
LONG_MS = 240_000  # of a job: a busy machine takes its time

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(importlib.util.find_spec("gradio") is None, reason="gradio is not installed (the extra ui)"),
    pytest.mark.skipif(CHROMIUM is None, reason="chromium is not installed (Debian package chromium)"),
]


@dataclass
class Watched:
    """A page, with whatever it has complained of and asked of others."""

    page: sync_api.Page
    complaints: list[str] = field(default_factory=list)
    foreign: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.page.set_default_timeout(30_000)
        self.page.on("console", lambda m: self.complaints.append(m.text) if m.type == "error" else None)
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("request", lambda request: self._asked(request.url))

    def _asked(self, url: str) -> None:
        if urlsplit(url).scheme not in ("data", "blob") and urlsplit(url).hostname != "127.0.0.1":
            self.foreign.append(url)

    def open(self, url: str) -> Watched:
        self.page.goto(url)
        self.button("Identify").wait_for()
        return self

    def button(self, name: str) -> sync_api.Locator:
        return self.page.get_by_role("button", name=name, exact=True)

    def tab(self, name: str) -> None:
        self.page.get_by_role("tab", name=name).click()

    def upload(self, label: str, *paths: Path) -> None:
        self.page.locator(f"input[type=file][aria-label^='{label}']").set_input_files(list(paths))
        self.page.locator(".g-upload", has_text=re.compile(rf"^\s*{label}")).locator(".file-preview").wait_for()

    def ends(self, place: str = "#status") -> str:
        """The status when the job has ended."""
        found = self.page.locator(f"{place} .g-done, {place} .g-stopped, {place} .g-refused")
        found.wait_for(timeout=LONG_MS)
        return found.inner_text()

    def says(self, button: str, words: str) -> None:
        """Click, again where the click before it was still being answered: such a click counts for nothing."""
        answer = self.page.locator("#said").get_by_text(words)
        for _ in range(3):
            self.button(button).click()
            with contextlib.suppress(sync_api.TimeoutError):
                answer.wait_for(timeout=10_000)
                return
        raise AssertionError(f"{button}: {self.page.locator('#said').inner_text()!r}")

    def fits(self, width: int) -> bool:
        """Whether nothing has to be scrolled sideways at this width."""
        self.page.set_viewport_size({"width": width, "height": 844})
        return self.page.evaluate("document.documentElement.scrollWidth") <= width


@pytest.fixture(scope="session")
def small_walkers(tmp_path_factory: pytest.TempPathFactory, walkers) -> Path:
    """A folder of short clips of the demo."""
    folder = tmp_path_factory.mktemp("small")
    for name, frames in (("gallery", 16), ("probe2", 16), ("probe1", 200)):
        (folder / f"{name}.mp4").symlink_to(walkers(name, 60, frames))
    return folder


@pytest.fixture(scope="module")
def server(
    gait_in, small_walkers: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[str, Path, object]]:
    """Its address, its working directory and `gait` there; two clips lie in inputs/."""
    gait = gait_in(tmp_path_factory.mktemp("serve"))
    (gait.cwd / "inputs").mkdir()
    shutil.copy(small_walkers / "probe2.mp4", gait.cwd / "inputs/probe2.mp4")
    near = "matching.threshold=0.4"  # so short clips are far from one another
    process = gait.start("serve", "--port", "0", "--db", "people", "--set", near)
    try:
        yield process.stdout.readline().strip(), gait.cwd, gait
    finally:
        process.terminate()
        _, err = finish(process, 30)
    assert err == ""


@pytest.fixture(scope="module")
def browser() -> Iterator[sync_api.Browser]:
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def identified(server, browser, small_walkers) -> Watched:
    """The first tab after a job: one clip uploaded, the other one chosen from inputs/."""
    seen = Watched(browser.new_context(viewport={"width": 1280, "height": 900}).new_page()).open(server[0])
    seen.upload("Gallery", small_walkers / "gallery.mp4")
    seen.page.get_by_label("… or choose them from inputs/").click()
    seen.page.get_by_role("option", name="probe2.mp4").click()
    seen.page.keyboard.press("Escape")
    seen.button("Identify").click()
    assert seen.ends().startswith("Done.")
    return seen


def test_it_says_who_is_in_the_probe_and_why(identified):
    rows = identified.page.locator("#answers .g-scroll tbody tr")
    assert rows.count() >= 2
    known = identified.page.locator("#answers tr", has=identified.page.locator(".g-known"))
    assert known.count() >= 1
    assert re.search(r"gallery-00\d ✓ recognised\t0\.\d+\t\d+ %\t.*gallery-00\d", known.first.inner_text())
    assert identified.page.locator("#answers .g-strip").count() >= 2


def test_the_annotated_videos_play(identified):
    films = identified.page.locator("#answers video")
    assert films.count() == 2
    time_s, width = films.first.evaluate(
        "async v => { v.muted = true; await v.play(); await new Promise(r => v.ontimeupdate = r); "
        "return [v.currentTime, v.videoWidth]; }"
    )
    assert time_s > 0 and width == 480


def test_the_report_opens_with_its_video(identified, server):
    address = identified.page.get_by_role("link", name="Open the whole report").get_attribute("href")
    report = Watched(identified.page.context.new_page())
    report.page.goto(server[0].rstrip("/") + address)
    assert "were given a name from the gallery" in report.page.inner_text("body")
    report.page.wait_for_function("document.querySelector('video').readyState > 0")
    assert report.complaints == [] and report.foreign == []
    report.page.close()


def test_another_visitor_sees_none_of_it(identified, server, browser):
    url, _, _ = server
    addresses = identified.page.eval_on_selector_all(
        "#answers video, #answers a[href]", "all => all.map(e => e.src || e.href)"
    )
    assert len(addresses) >= 3
    other = browser.new_context()
    assert all(other.request.get(address).status == 403 for address in addresses)  # who has not even come in
    assert other.request.get(url).status == 200
    assert all(other.request.get(address).status == 404 for address in addresses)
    assert all(identified.page.context.request.get(address).status == 200 for address in addresses)
    page = Watched(other.new_page()).open(url)
    page.tab("Compare")
    page.button("Compare").click()
    page.page.get_by_text("no run yet: identify somebody first.").wait_for()
    other.close()


def test_two_walks_are_compared_part_by_part(identified):
    identified.tab("Compare")
    identified.page.wait_for_function(
        "document.querySelector('input[aria-label=\"Another walk\"]').value.startsWith('gallery/')"
    )
    identified.button("Compare").click()
    picture = identified.page.locator("#comparison img")
    picture.wait_for()
    assert "most alike" in picture.get_attribute("alt") and picture.evaluate("e => e.naturalWidth") > 600
    identified.page.get_by_text("All parts as a table").click()
    assert identified.page.locator("#comparison tbody tr").count() == 16
    identified.tab("Identify")


def test_everything_to_fill_in_has_a_name(identified):
    for tab in ("Gallery", "Compare", "Identify"):
        identified.tab(tab)
        bare = identified.page.evaluate(
            "[...document.querySelectorAll('input, textarea, select, button')].filter(e => e.offsetParent && "
            "!(e.ariaLabel || e.innerText || [...e.labels || []].map(l => l.innerText).join(''))).map(e => e.outerHTML)"
        )
        assert bare == []


@pytest.mark.parametrize("width", [390, 1280])
def test_it_fits(identified, width):
    for tab in ("Gallery", "Compare", "Identify"):
        identified.tab(tab)
        assert identified.fits(width)
    identified.page.set_viewport_size({"width": 1280, "height": 900})


def test_the_gallery_is_the_command_lines_own(identified, server):
    _, _, gait = server
    identified.tab("Gallery")
    identified.page.get_by_label("Names by track").fill("99=Ada")
    identified.upload("Upload the video", Path(gait.cwd / "inputs/probe2.mp4"))
    identified.button("Enrol").click()
    assert "there is no such track" in identified.ends("#enrol-status")
    identified.page.get_by_label("Names by track").fill("")
    identified.button("Enrol").click()
    identified.page.locator("#enrol-status .g-working").wait_for()
    assert identified.ends("#enrol-status").startswith("Done.")
    rows = identified.page.locator("#people tbody tr")
    rows.first.wait_for()
    first = rows.first.locator("th").inner_text()

    def pick() -> None:
        identified.page.wait_for_timeout(1000)  # a list that is being renewed would close under the pointer
        person = identified.page.get_by_label("Person", exact=True)
        person.click()
        identified.page.locator(f"#{person.get_attribute('aria-controls')}").get_by_role("option").first.click()
        sync_api.expect(person).not_to_have_value("")

    pick()
    identified.page.get_by_label("New name").fill("Ada ${1+1} {{x}} <b>")
    identified.says("Rename", "is now called Ada ${1+1} {{x}} <b>.")
    listed = json.loads(gait("gallery", "list", "--db", "people", "--json").stdout)["people"]
    assert listed[0]["name"] == "Ada ${1+1} {{x}} <b>" and first.startswith("probe2-")

    _found_by_name(identified, server[0], listed[0]["name"], first)
    identified.tab("Gallery")
    pick()
    identified.says("Delete", "tick the box beside Delete first")
    identified.page.get_by_label("Remove this person").check()
    identified.says("Delete", "is removed:")
    after = json.loads(gait("gallery", "list", "--db", "people", "--json").stdout)["people"]
    assert after == listed[1:]
    identified.page.locator("#people tbody th", has_text=listed[0]["name"]).wait_for(state="detached")
    identified.tab("Identify")


def _found_by_name(seen: Watched, url: str, name: str, track: str) -> None:
    """Search the very video for those who are enrolled from it, and open the report."""
    seen.tab("Identify")
    seen.page.get_by_role("radio", name="Enrolled people").check()
    seen.page.locator(".g-upload", has_text="Gallery:").wait_for(state="hidden")
    link = seen.page.get_by_role("link", name="Open the whole report")
    before = link.get_attribute("href")
    seen.button("Identify").click()
    sync_api.expect(link).not_to_have_attribute("href", before, timeout=LONG_MS)
    assert seen.ends().startswith("Done.")
    rows = seen.page.locator("#answers .g-scroll tbody tr")
    number = int(track.rpartition("-")[2])
    assert rows.nth(number - 1).inner_text().startswith(f"{number}\t{name} ✓ recognised\t")
    assert seen.page.locator("#answers video").count() == 1
    report = Watched(seen.page.context.new_page())
    report.page.goto(url.rstrip("/") + link.get_attribute("href"))
    card = report.page.locator(f"#answer-1-{number}")
    assert card.locator("h3").text_content().endswith(f"→ {name}")
    card.scroll_into_view_if_needed()
    assert card.get_by_alt_text("Gait energy image of enrolled from").evaluate("e => e.naturalWidth") > 0
    assert report.complaints == [] and report.foreign == []
    report.page.close()


def test_nothing_was_complained_of_and_nobody_else_was_asked(identified):
    assert identified.complaints == []
    assert identified.foreign == []


# The last on this page: Gradio leaves lists of options open that Tab has led through, and fails when it renews one.
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_word_can_be_read_and_every_control_has_a_name_and_is_reached_by_keyboard(identified, scheme):
    identified.page.emulate_media(color_scheme=scheme)
    identified.page.locator("body.dark").wait_for(state="attached" if scheme == "dark" else "detached")
    problems = {}
    for tab in ("Gallery", "Compare", "Identify"):
        identified.tab(tab)
        page = identified.page
        problems[tab] = [*accessible.faint(page), *accessible.nameless(page), *accessible.unreachable(page)]
    identified.page.emulate_media(color_scheme="light")
    assert problems == {"Gallery": [], "Compare": [], "Identify": []}


def test_what_is_no_video_is_refused_in_one_line(server, browser, tmp_path):
    playlist = tmp_path / "walk.mp4"
    playlist.write_text("#EXTM3U\n#EXTINF:1,\nfile:///etc/hostname\n")
    seen = Watched(browser.new_context().new_page()).open(server[0])
    seen.button("Identify").click()
    assert seen.ends() == "Not done. no probe: upload or choose at least one video to search."
    seen.upload("Gallery", playlist)
    seen.upload("Probes", playlist)
    seen.button("Identify").click()
    seen.page.locator("#status").get_by_text("not a video, whatever its name says").wait_for()
    assert seen.complaints == []
    seen.page.context.close()


def test_a_job_stops_when_it_is_told_to_or_nobody_looks(server, browser, small_walkers):
    def start() -> Watched:
        seen = Watched(browser.new_context().new_page()).open(server[0])
        seen.upload("Gallery", small_walkers / "probe1.mp4")
        seen.upload("Probes", small_walkers / "gallery.mp4")
        seen.button("Identify").click()
        return seen

    first = start()
    first.page.get_by_text(FRAMES).wait_for(timeout=LONG_MS)
    second = start()
    second.page.locator("#status .g-waiting").wait_for()
    first.button("Stop").click()
    assert first.ends() == "Stopped. Nothing was kept of it."
    second.page.get_by_text(FRAMES).wait_for(timeout=LONG_MS)
    second.page.context.close()  # which frees the queue
    first.button("Identify").click()
    first.page.get_by_text(FRAMES).wait_for(timeout=LONG_MS)
    first.button("Stop").click()
    deadline = time.monotonic() + 30
    while first.page.locator("#status .g-working").count() and time.monotonic() < deadline:
        time.sleep(0.1)
    assert first.ends() == "Stopped. Nothing was kept of it."
    first.tab("Compare")
    first.button("Compare").click()
    first.page.get_by_text("no run yet").wait_for()
    assert first.complaints == []
    first.page.context.close()
