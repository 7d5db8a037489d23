"""`gait serve` as a person sees it, in headless Chromium: identify, enrol, correct, name strangers, compare, stop."""

from __future__ import annotations

import importlib.util
import json
import re
import shutil
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
PAGES = ("/", "/gallery", "/compare", "/runs", "/strangers")

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(importlib.util.find_spec("fastapi") is None, reason="fastapi is not installed (the extra ui)"),
    pytest.mark.skipif(CHROMIUM is None, reason="chromium is not installed (Debian package chromium)"),
]


@dataclass
class Watched:
    """A page, with whatever it has complained of and asked of others."""

    page: sync_api.Page
    url: str
    complaints: list[str] = field(default_factory=list)
    foreign: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.page.set_default_timeout(30_000)
        self.page.on("console", lambda m: self.complaints.append(m.text) if m.type == "error" else None)
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("request", lambda request: self._asked(request.url))
        self.open("/")

    def _asked(self, url: str) -> None:
        if urlsplit(url).scheme not in ("data", "blob") and urlsplit(url).hostname != "127.0.0.1":
            self.foreign.append(url)

    def open(self, path: str) -> Watched:
        self.page.goto(self.url.rstrip("/") + path)
        return self

    def button(self, name: str) -> sync_api.Locator:
        return self.page.get_by_role("button", name=name, exact=True)

    def upload(self, field: str, *paths: Path) -> None:
        block = self.page.locator(f"[data-upload={field}]")
        block.locator("input").set_input_files(list(paths))
        sync_api.expect(block.locator("li[data-id], li .problem")).to_have_count(len(paths))

    def ends(self, place: str = "#status") -> str:
        """The status when the job has ended."""
        found = self.page.locator(f"{place}.done, {place}.stopped, {place}.refused")
        found.wait_for(timeout=LONG_MS)
        return found.inner_text()

    def answers(self, form: sync_api.Locator, words: str, place: str) -> None:
        """Press the form's button, and see the words."""
        form.get_by_role("button").click()
        sync_api.expect(self.page.locator(place)).to_contain_text(words, timeout=LONG_MS)

    def says_of(self, track: str, kind: str) -> sync_api.Locator:
        """The form in which a person says who a track is."""
        form = self.page.locator(f"form[data-review={kind}][data-track='{track}']")
        if not form.is_visible():
            self.page.locator(f"button[aria-label='Say who {track} is']").click()
        return form

    def fits(self, width: int) -> bool:
        """Whether nothing has to be scrolled sideways at this width."""
        self.page.set_viewport_size({"width": width, "height": 844})
        return self.page.evaluate("document.documentElement.scrollWidth") <= width


def visited(browser: sync_api.Browser, url: str) -> Watched:
    return Watched(browser.new_context(viewport={"width": 1280, "height": 900}).new_page(), url)


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
        plain = ["--no-sandbox", "--disable-gpu", "--disable-software-rasterizer"]
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=plain)
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def identified(server, browser, small_walkers) -> Watched:
    """The first page after a job: one clip uploaded, the other one chosen from inputs/."""
    seen = visited(browser, server[0])
    seen.upload("gallery", small_walkers / "gallery.mp4")
    seen.page.get_by_text("… or choose them").click()
    seen.page.get_by_role("checkbox", name="inputs/probe2.mp4").check()
    seen.button("Identify").click()
    seen.page.locator("#status.working").wait_for()
    seen.open("/runs").open("/")  # nothing is lost by leaving
    assert seen.ends().startswith("Done.")
    return seen


def test_it_says_who_is_in_the_probe_and_why(identified):
    rows = identified.page.locator("#answers .scroll tbody tr")
    assert rows.count() >= 2 and rows.count() == identified.page.locator("#answers article").count()
    assert re.search(r"probe2/1\tgallery-00\d\t\d+ %\t0\.\d+\t.", rows.first.inner_text())
    known = identified.page.locator("#answers article", has=identified.page.locator(".badge.known"))
    assert known.count() >= 1
    card = known.first.inner_text()
    assert re.search(r"^probe2/\d+ → gallery-00\d\s+✓ recognised\s+\d+ % confidence\s+0\.\d+ distance", card)
    assert "Which parts agree" in card and re.search(r"gallery-00\d\s+0\.\d+ ✓", card)
    assert identified.page.locator("#answers .strip img").count() >= 2


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
    report = Watched(identified.page.context.new_page(), server[0]).open(address)
    assert "were given a name from the gallery" in report.page.inner_text("body")
    report.page.wait_for_function("document.querySelector('video').readyState > 0")
    assert report.complaints == [] and report.foreign == []
    report.page.close()


def test_another_visitor_sees_none_of_it(identified, server, browser):
    addresses = identified.page.eval_on_selector_all(
        "#answers video, #answers a[href^='/']", "all => all.map(e => e.src || e.href)"
    )
    assert len(addresses) >= 3
    other = browser.new_context()
    assert all(other.request.get(address).status in (403, 404) for address in addresses)  # who has not even come in
    assert other.request.get(server[0]).status == 200
    assert all(other.request.get(address).status == 404 for address in addresses)
    assert all(identified.page.context.request.get(address).status == 200 for address in addresses)
    page = Watched(other.new_page(), server[0]).open("/compare")
    page.page.get_by_text("no run yet: identify somebody first.").wait_for()
    other.close()


def test_two_walks_are_compared_part_by_part(identified):
    identified.open("/compare")
    assert identified.page.get_by_label("Another walk").input_value().startswith("gallery/")
    identified.button("Compare").click()
    picture = identified.page.locator("#comparison img")
    picture.wait_for()
    assert "Most alike" in picture.get_attribute("alt") and picture.evaluate("e => e.naturalWidth") > 600
    identified.page.get_by_text("All parts as a table").click()
    assert identified.page.locator("#comparison tbody tr").count() == 16


def test_a_person_corrects_an_answer_and_takes_it_back(identified, server):
    """In the run's own gallery, which the first answer makes."""
    identified.open("/runs")
    identified.page.locator(".runs a").first.click()
    lead = identified.page.locator("#answers h2")
    before, tracks = lead.inner_text(), identified.page.locator("form[data-review=new]")
    track = tracks.last.get_attribute("data-track")
    form = identified.says_of(track, "new")
    form.get_by_label("Somebody new").fill("Zoë <b>")
    identified.answers(form, "Enrolled, and decided again.", "#told")
    card = identified.page.locator("#answers article", has=identified.page.get_by_label(f"Say who {track} is"))
    assert re.match(rf"{track} → Zoë <b>\s+✓ recognised", card.inner_text())
    assert "somebody in the app said so" in card.inner_text()
    identified.page.locator("#answers video").first.wait_for()
    identified.open("/runs?person=zo%C3%AB")
    assert "Zoë <b>" in identified.page.locator(".runs li").inner_text()
    identified.page.locator(".runs a").first.click()
    identified.answers(identified.page.locator("form[data-to$=undo]"), "Taken back", "#told")
    assert lead.inner_text() == before
    wrong = identified.says_of(
        identified.page.locator("form[data-review=right]").first.get_attribute("data-track"), "right"
    )
    identified.answers(wrong, "Enrolled, and decided again.", "#told")
    identified.open("/")


@pytest.mark.parametrize("width", [390, 1280])
def test_it_fits(identified, width):
    for path in PAGES:
        identified.open(path)
        assert identified.fits(width), path
        tables = identified.page.locator(".scroll")
        assert tables.evaluate_all("all => all.every(e => e.scrollWidth <= e.clientWidth)"), path
    identified.page.set_viewport_size({"width": 1280, "height": 900})


def people(gait) -> list[dict]:
    return json.loads(gait("gallery", "list", "--db", "people", "--json").stdout)["people"]


def change(seen: Watched, name: str, button: str) -> sync_api.Locator:
    """The form that renames or deletes somebody."""
    seen.page.locator(f"button[aria-label='Change {name}']").click()
    return seen.page.locator(".say:popover-open form", has=seen.button(button))


def test_the_gallery_is_the_command_lines_own(identified, server):
    _, _, gait = server
    seen = identified.open("/gallery")
    seen.page.get_by_label("Names by track").fill("99=Ada")
    seen.upload("clips", Path(gait.cwd / "inputs/probe2.mp4"))
    seen.button("Enrol").click()
    assert "there is no such track" in seen.ends("#enrol-status")
    seen.page.get_by_label("Names by track").fill("")
    seen.button("Enrol").click()
    seen.page.locator("#enrol-status.working").wait_for()
    assert seen.ends("#enrol-status").startswith("Done.")
    first = seen.page.locator("#people tbody th").first.inner_text()
    assert first.startswith("probe2-") and "film them from" in seen.page.locator("#people").inner_text()

    form = change(seen, first, "Rename")
    form.get_by_label("New name").fill("Ada ${1+1} {{x}} <b>")
    seen.answers(form, "is now called Ada ${1+1} {{x}} <b>.", "#said")
    listed = people(gait)
    assert listed[0]["name"] == "Ada ${1+1} {{x}} <b>"

    _found_by_name(seen, listed[0]["name"], first)
    seen.open("/gallery")
    form = change(seen, listed[0]["name"], "Delete")
    form.get_by_role("button").click()
    assert form.get_by_role("checkbox").evaluate("e => e.validity.valueMissing")  # nothing was asked for
    form.get_by_role("checkbox").check()
    seen.answers(form, "is removed:", "#said")
    assert people(gait) == listed[1:]
    seen.open("/")


def _found_by_name(seen: Watched, name: str, track: str) -> None:
    """Search the very video for those who are enrolled from it, and open the report."""
    seen.open("/")
    seen.page.get_by_role("radio", name="Enrolled people").check()
    sync_api.expect(seen.page.locator("[data-upload=gallery]")).to_be_hidden()
    seen.page.get_by_text("… or choose them").click()
    seen.page.get_by_role("checkbox", name="inputs/probe2.mp4").check()
    before = seen.page.locator("#answers [data-run]").get_attribute("data-run")
    seen.button("Identify").click()
    sync_api.expect(seen.page.locator("#answers [data-run]")).not_to_have_attribute("data-run", before, timeout=LONG_MS)
    assert seen.ends().startswith("Done.")
    number = int(track.rpartition("-")[2])
    title = seen.page.locator(f"#answer-1-{number}-name")
    assert title.text_content() == f"probe2/{number} → {name}"
    assert seen.page.locator("#answers video").count() == 1
    link = seen.page.get_by_role("link", name="Open the whole report").get_attribute("href")
    report = Watched(seen.page.context.new_page(), seen.url).open(link)
    card = report.page.locator(f"#answer-1-{number}")
    assert card.locator("h3").text_content().endswith(f"→ {name}")
    card.scroll_into_view_if_needed()
    assert card.get_by_alt_text("Gait energy image of enrolled from").evaluate("e => e.naturalWidth") > 0
    assert report.complaints == [] and report.foreign == []
    report.page.close()


def test_strangers_are_shown_and_named(identified, server):
    """The one who was deleted is a stranger to the gallery once the run is decided again."""
    _, _, gait = server
    identified.open("/runs")
    identified.page.locator(".runs a").first.click()
    track = identified.page.locator("form[data-review=wrong]").first.get_attribute("data-track")
    wrong = identified.says_of(track, "wrong")
    if wrong.locator("option[value='']").count():
        wrong.locator("select").select_option("")  # nobody of these
        identified.answers(wrong, "decided again", "#told")
    identified.open("/strangers")
    identified.answers(identified.page.locator("#strangers > form"), "", "#strangers")
    stranger = identified.page.locator(".stranger").first
    stranger.wait_for(timeout=LONG_MS)
    assert stranger.locator("img").count() >= 2 and "First seen:" in stranger.inner_text()
    before = identified.page.locator(".stranger").count()
    form = stranger.locator("form")
    form.get_by_label("It is").fill("Eve")
    identified.answers(form, "Enrolled: Eve.", "#strangers > form .said")
    assert identified.page.locator(".stranger").count() == before - 1
    assert "Eve" in [one["name"] for one in people(gait)]
    identified.open("/gallery")
    identified.button("Look for people who are probably one").click()
    identified.page.locator("#suggestions .card, #suggestions p.quiet").first.wait_for(timeout=LONG_MS)
    identified.open("/")


def test_several_clips_are_enrolled_under_the_names_of_their_people(identified, server, small_walkers):
    seen = identified.open("/gallery")
    seen.upload("clips", small_walkers / "gallery.mp4", small_walkers / "probe1.mp4")
    names = seen.page.locator(".names input")
    assert [field.input_value() for field in names.all()] == ["gallery", "probe1"]
    assert seen.page.get_by_label("Names by track").is_hidden()
    names.first.fill("рrobe1")
    seen.button("Enrol").click()
    seen.page.locator("#enrol-status", has_text="look alike").wait_for(timeout=LONG_MS)
    seen.open("/")


def test_nothing_was_complained_of_and_nobody_else_was_asked(identified):
    assert [
        line for line in identified.complaints if "status of 400" not in line
    ] == []  # refusals, which Chromium logs
    assert identified.foreign == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_word_can_be_read_and_every_control_has_a_name_and_is_reached_by_keyboard(identified, scheme):
    identified.page.emulate_media(color_scheme=scheme)
    problems = {}
    for path in PAGES:
        page = identified.open(path).page
        page.evaluate("document.querySelectorAll('.choose').forEach((one) => { one.open = true; })")
        problems[path] = [*accessible.faint(page), *accessible.nameless(page), *accessible.unreachable(page)]
        if (asks := page.locator("[popovertarget]")).count():
            asks.first.click()
            problems[path] += [*accessible.faint(page), *accessible.nameless(page)]
    identified.page.emulate_media(color_scheme="light")
    assert problems == {path: [] for path in PAGES}


def test_what_is_no_video_is_refused_in_one_line(server, browser, tmp_path):
    playlist = tmp_path / "walk.mp4"
    playlist.write_text("#EXTM3U\n#EXTINF:1,\nfile:///etc/hostname\n")
    seen = visited(browser, server[0])
    seen.button("Identify").click()
    assert seen.ends() == "Not done. no gallery: upload or choose the video of the known people."
    held = []
    seen.page.route("**/api/uploads*", lambda route, _: held.append(route))
    seen.page.locator("[data-upload=gallery] input").set_input_files(playlist)
    seen.button("Identify").click()
    seen.page.get_by_text("a video is still on its way").wait_for()
    held.pop().continue_()
    seen.page.unroute("**/api/uploads*")
    seen.page.get_by_text("not a video, whatever its name says").wait_for()
    seen.page.get_by_role("button", name="Remove").click()
    seen.upload("gallery", playlist)
    seen.page.get_by_text("not a video, whatever its name says").wait_for()
    seen.page.context.close()


def test_a_job_stops_when_it_is_told_to_and_others_wait_for_it(server, browser, small_walkers):
    def start() -> Watched:
        seen = visited(browser, server[0])
        seen.upload("gallery", small_walkers / "probe1.mp4")
        seen.upload("probes", small_walkers / "gallery.mp4")
        seen.button("Identify").dblclick()
        return seen

    first = start()
    first.page.get_by_text(FRAMES).wait_for(timeout=LONG_MS)
    second = start()
    second.page.locator("#status.waiting").wait_for()
    assert second.page.evaluate("fetch('/api/jobs').then(r => r.json()).then(all => all.length)") == 1
    first.button("Stop").click()
    assert first.ends() == "Stopped. Nothing was kept of it."
    second.page.get_by_text(FRAMES).wait_for(timeout=LONG_MS)
    second.button("Delete my uploads and runs now").click()  # which stops the job, too
    second.page.wait_for_load_state()
    sync_api.expect(second.page.locator("#status")).to_have_class(re.compile("idle"), timeout=LONG_MS)
    first.open("/compare").page.get_by_text("no run yet").wait_for()
    assert first.complaints == []
    first.page.context.close()
    second.page.context.close()
