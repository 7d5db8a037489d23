"""report.html: one file that needs nothing from outside, says everything, and lets no text become markup."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from dataclasses import asdict
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote

import pytest
import runs

from pipeline.drawing.colours import contrast
from pipeline.errors import InputError
from pipeline.report import write_report
from pipeline.report.gather import findings_of
from pipeline.report.page import heat_shades
from pipeline.report.roster import roster_of
from pipeline.runs.folder import RunFolder
from pipeline.runs.reader import Run
from pipeline.runs.results import ClipResult

VOID = {"meta", "link", "img", "br", "line", "input"}
HOSTILE = "\"'><script>alert(1)</script><img src=http://example.com/x onerror=alert(2)>{{ 7 * 7 }}&amp;"
CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)


class Parsed(HTMLParser):
    """Every element with its attributes, the text, and whether the tags are balanced."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self.open: list[str] = []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.words.append(data)

    def of(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.elements if name == tag]

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.words).split())


def report_of(path: Path) -> str:
    return write_report(RunFolder(path)).read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return runs.made_up(tmp_path_factory.mktemp("report") / "run")


@pytest.fixture(scope="module")
def page(run):
    return Parsed(report_of(run))


def test_the_markup_is_balanced_and_names_its_language(page):
    assert page.open == []
    assert page.of("html")[0]["lang"] == "en"
    assert len(page.of("h1")) == 1


def test_nothing_comes_from_outside_and_no_script_can_run(page):
    for tag, attributes in page.elements:
        assert tag not in ("script", "iframe", "object", "embed", "form", "base")
        assert not any(name.startswith("on") for name in attributes)
        for name in ("src", "href", "poster", "data", "srcset", "action"):
            where = attributes.get(name) or "#"
            assert where.startswith(("data:", "#", "videos/")), where
    policy = next(meta["content"] for meta in page.of("meta") if meta.get("http-equiv") == "Content-Security-Policy")
    assert policy.startswith("default-src 'none'")
    assert "url(" not in " ".join(page.words) and "@import" not in " ".join(page.words)


def test_every_probe_track_has_a_card_with_its_answer(page, run):
    tracks = json.loads((run / "results.json").read_text())["probes"]["probe"]
    assert [entry["status"] for entry in tracks.values()] == ["known", "unknown", "unusable"]
    cards = {attributes.get("id") for attributes in page.of("article")}
    for track, entry in tracks.items():
        assert f"answer-1-{int(track)}" in cards
        assert entry["reason"] in page.text
    assert "Recognised as gallery-001 gallery, track 1" in page.text
    assert "Nearest, not the answer: gallery-002" in page.text


def test_links_inside_the_page_and_to_the_videos_lead_somewhere(page, run):
    anchors = {attributes["id"] for _, attributes in page.elements if attributes.get("id")}
    for link in page.of("a"):
        if link["href"].startswith("#"):
            assert link["href"][1:] in anchors
    videos = [unquote(video["src"]) for video in page.of("video")]
    assert videos == ["videos/gallery.mp4", "videos/G-gallery_P-probe.mp4"]
    assert all((run / video).is_file() for video in videos)


def test_every_picture_says_in_words_what_it_shows(page):
    pictures = page.of("img")
    assert len(pictures) > 20
    assert all(picture["alt"] and picture["width"] and picture["height"] for picture in pictures)
    assert all(svg.get("role") == "img" and svg.get("aria-label") for svg in page.of("svg"))


def test_the_matrix_is_a_table_with_its_distances(page, run):
    probes = json.loads((run / "results.json").read_text())["probes"]["probe"]
    for entry in probes.values():
        for candidate in entry["candidates"]:
            assert f"{candidate['distance']:.3g}" in page.text
    assert len([cell for cell in page.of("td") if re.match(r"h\d", cell.get("class") or "")]) == 4


def test_the_timeline_shows_the_gap_in_a_track(page):
    assert "0.0–2.2 s, 2 times" in page.text
    spans = [
        cell["style"]
        for cell in page.of("span")
        if (cell.get("style") or "").startswith("left:") and "width" in cell["style"]
    ]
    assert "left:0.0%;width:20.0%" in " ".join(spans) and "left:53.33%;width:20.0%" in " ".join(spans)


@pytest.mark.parametrize("shade", range(10))
def test_numbers_can_be_read_on_every_shade_of_the_heat_map(shade):
    def bgr(colour: str) -> tuple[int, int, int]:
        return int(colour[5:7], 16), int(colour[3:5], 16), int(colour[1:3], 16)

    assert contrast(*map(bgr, heat_shades()[shade])) >= 4.5


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_words_can_be_read_in_light_and_dark(scheme):
    css = (Path(__file__).parents[2] / "pipeline/report/report.css").read_text()
    light, dark = css.split("prefers-color-scheme: dark", 1)
    found = dict(re.findall(r"--([\w-]+): (#\w{6})", light))
    if scheme == "dark":
        found |= dict(re.findall(r"--([\w-]+): (#\w{6})", dark))
    colours = {name: (int(c[5:7], 16), int(c[3:5], 16), int(c[1:3], 16)) for name, c in found.items()}
    pairs = [("ink", "ground"), ("ink", "card"), ("quiet", "ground"), ("quiet", "card"), ("accent", "ground")]
    pairs += [("accent", "card"), ("good", "good-soft"), ("doubt", "doubt-soft"), ("none", "none-soft")]
    pairs += [("film-quiet", "film"), ("ink", "doubt-soft")]
    for words, behind in pairs:
        assert contrast(colours[words], colours[behind]) >= 4.5, (words, behind)
    for mark in ("bar", "good", "doubt"):  # bars and lines: 3 : 1
        assert contrast(colours[mark], colours["soft"]) >= 3, mark


def test_text_from_outside_stays_text(tmp_path):
    html = report_of(runs.made_up(tmp_path / "run", hostile=HOSTILE))
    page = Parsed(html)
    assert page.open == []
    assert not page.of("script") and not any("onerror" in attributes for _, attributes in page.elements)
    assert not any((picture["src"] or "").startswith("http") for picture in page.of("img"))
    assert (
        page.text.count(HOSTILE.split("{{", maxsplit=1)[0]) >= 6
    )  # reason, rejection, warning, path, setting, checkpoint
    assert "{{ 7 * 7 }}" in page.text


def test_what_is_missing_is_said(tmp_path):
    path = runs.made_up(tmp_path / "run", videos=False)
    shutil.rmtree(path / "portraits")
    shutil.rmtree(path / "features")
    page = Parsed(report_of(path))
    assert not page.of("video")
    assert "No annotated video was made" in page.text
    assert "no picture of the video at hand" in page.text
    assert not page.of("svg")


def test_a_run_in_which_nobody_was_found_has_a_report_too(tmp_path):
    path = runs.made_up(tmp_path / "run")
    (path / "results.json").write_text(json.dumps({"schema": 1, "gallery": {"gallery": {}}, "probes": {"probe": {}}}))
    page = Parsed(report_of(path))
    assert "Nobody was found in the probe videos." in page.text
    assert "Nobody was found in the gallery video." in page.text


def test_a_run_compared_with_a_gallery_is_shown_from_its_folder_alone(tmp_path):
    path = runs.made_up(tmp_path / "run", videos=False)
    tree = json.loads((path / "results.json").read_text())
    tree |= {"gallery": {}, "people": {"gallery-002": {"name": "Bo"}, "gallery-001": {"name": "Ada"}}}
    (path / "results.json").write_text(json.dumps(tree))
    shutil.rmtree(path / "tracks")  # nothing but the whole report needs them
    run = Run.open(path)
    found = findings_of(run, roster_of(run))
    first, second, _ = found.probes[0].answers
    assert first.tag.name == "Ada" and second.tag.name == "unknown"
    assert [rival.tag.name for rival in first.rivals] == ["Ada", "Bo"]
    assert first.person.energy and first.other is None and found.gallery == []
    assert found.words.kind == "Identification report"


def test_clips_that_were_left_out_and_views_to_film_are_named(tmp_path):
    path = runs.made_up(tmp_path / "run", videos=False)
    tree = json.loads((path / "results.json").read_text())
    clip = ClipResult("Ada", "Ada/2.mp4", reason="nobody was found")
    tree |= {
        "probes": {},
        "clips": [asdict(clip)],
        "advice": {"Ada": "only from the left; film them from the front too"},
    }
    (path / "results.json").write_text(json.dumps(tree))
    text = Parsed(report_of(path)).text
    assert "Ada/2.mp4: nobody was found." in text and "Ada: only from the left; film them from the front too." in text


def test_parts_that_are_no_strips_of_the_body_are_not_drawn_on_it(tmp_path):
    page = Parsed(report_of(runs.made_up(tmp_path / "run", model="gaitgraph2")))
    assert "The parts of this network are no strips of the body." in page.text


def test_long_names_are_shortened_in_the_middle_and_stand_whole_in_the_card(tmp_path):
    path = runs.made_up(tmp_path / "run", videos=False)
    name = "a-very-long-name-of-a-gallery-video-001"
    results = path / "results.json"
    results.write_text(results.read_text().replace("gallery-001", name))
    page = Parsed(report_of(path))
    assert "a-very-l…-video-001" in page.text
    assert f"probe/1 → {name}" in page.text
    assert [span["title"] for span in page.of("span") if span.get("title")].count(name) >= 4


def test_scores_below_zero_have_bars_too(tmp_path):
    path = runs.made_up(tmp_path / "run", videos=False)
    record, tree = (json.loads((path / name).read_text()) for name in ("run.json", "results.json"))
    record["config"]["matching"] |= {"score_norm": "z", "threshold": -1.0}
    known = tree["probes"]["probe"]["001"]
    for candidate, distance in zip(known["candidates"], (-2.5, 0.5), strict=True):
        candidate["distance"] = distance
    (path / "run.json").write_text(json.dumps(record))
    (path / "results.json").write_text(json.dumps(tree))
    html = report_of(path)
    first = html[html.index('id="answer-1-1"') :]
    shares = [float(width) for width in re.findall(r'<i style="width:([-\d.]+)%">', first)[:2]]
    limit = float(re.search(r'<u style="left:([-\d.]+)%">', first)[1])
    assert 0 < shares[0] < limit < shares[1] < 100
    assert "As embedded, before matching.score_norm=z." in Parsed(html).text


def test_hundreds_of_people_get_smaller_pictures(tmp_path):
    path = runs.made_up(tmp_path / "run", videos=False)
    tree = json.loads((path / "results.json").read_text())
    (first, *_), tracks = tree["probes"]["probe"].values(), {}
    for number in range(1, 301):
        tracks[f"{number:03d}"] = first
        for kind in ("sequences", "features", "portraits"):
            suffix = "jpg" if kind == "portraits" else "npz"
            target = path / kind / "probe" / f"{number:03d}.{suffix}"
            target.write_bytes((path / kind / "probe" / f"001.{suffix}").read_bytes())
    tree["probes"]["probe"] = tracks
    (path / "results.json").write_text(json.dumps(tree))
    html = report_of(path)
    assert html.count("<article") == 302
    assert len(html) < 300 * 25_000


def test_a_video_name_that_leads_out_of_the_folder_is_refused(tmp_path):
    path = runs.made_up(tmp_path / "run")
    text = (path / "results.json").read_text()
    (path / "results.json").write_text(text.replace('"probe"', '"../probe"'))
    with pytest.raises(InputError, match="cannot be the name of a video"):
        write_report(RunFolder(path))


def test_a_folder_that_is_no_run_is_refused(tmp_path):
    with pytest.raises(InputError, match="not a run folder"):
        write_report(RunFolder(tmp_path))


@pytest.mark.skipif(CHROMIUM is None, reason="no chromium (Debian: apt install chromium)")
@pytest.mark.parametrize("width", [1280, 390])
def test_a_browser_shows_it_without_complaint(run, tmp_path, width):
    report = write_report(RunFolder(run))
    shot = tmp_path / "shot.png"
    done = subprocess.run(
        [CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu", "--enable-logging=stderr", "--log-level=0",
         f"--user-data-dir={tmp_path / 'profile'}", f"--window-size={width},900", f"--screenshot={shot}",
         report.as_uri()],
        capture_output=True, text=True, timeout=120, check=True,
    )  # fmt: skip
    complaints = [line for line in done.stderr.splitlines() if "CONSOLE" in line or "Refused" in line]
    assert complaints == []
    assert shot.stat().st_size > 10_000
