"""Names of any script are written into pictures, with whatever fonts there are."""

from __future__ import annotations

import shutil
import unicodedata

import fontfiles
import numpy as np
import pytest
from PIL import features

from pipeline.drawing import fonts, lettering
from pipeline.drawing.annotate import Label, draw
from pipeline.drawing.colours import identity_colour
from pipeline.drawing.fonts import Fonts, system_fonts
from pipeline.drawing.lettering import (
    distinct_titles,
    draw_text,
    drawable_name,
    fit_text,
    legible,
    one_line,
    width_of,
    write,
)

WANG_FANG = "王芳"


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """The only place where fonts are looked for; what has been drawn with others is forgotten."""
    kept = (system_fonts, draw_text, fit_text, lettering._sized)
    monkeypatch.setattr(fonts, "_folders", lambda: [tmp_path, tmp_path / "none"])
    for function in kept:
        function.cache_clear()
    yield tmp_path
    for function in kept:
        function.cache_clear()


def picture(text, height=20):
    image = np.zeros((80, 400, 3), np.uint8)
    write(image, text, (20, 50), height, (255, 255, 255))
    return image


def alike(one, other):
    """Whether they show the same letters; those of a file are placed to the fraction of a pixel."""
    return np.abs(one.astype(int) - other).sum() < 0.2 * other.sum(dtype=int)


@pytest.mark.parametrize("kind", [4, 12])
def test_a_name_is_drawn_with_a_font_that_has_it(folder, kind):
    fontfiles.font(folder / "Han.ttf", "王芳", kind)
    assert legible(WANG_FANG) and distinct_titles({"0f669ce3" * 2: WANG_FANG}) == {"0f669ce3" * 2: WANG_FANG}
    assert alike(picture(WANG_FANG), picture("HI"))  # whose look that font gives them
    assert not legible("王玉") and not legible(chr(ord("芳") - 1))


def test_without_fonts_there_is_ascii_and_an_identity_for_the_rest(folder):
    names = {"1" * 16: "Ada", "2" * 16: "Zoë", "3" * 16: "Ада", "4" * 16: "Who?", "5" * 16: "Bo", "6" * 16: "Bó",
             "画廊-007": "画廊-007", "7" * 16: "\U0010fffd"}  # fmt: skip
    assert list(distinct_titles(names).values()) == [
        "Ada", "Zoe", "id 33333333", "Who?", "id 55555555", "id 66666666", "id 007", "id 77777777",
    ]  # fmt: skip
    assert not alike(picture("???"), picture("Ada"))
    assert alike(picture("Ада"), picture("???"))  # nothing better is left where a text has no identity


def test_a_name_may_need_several_fonts(folder):
    fontfiles.font(folder / "one.ttf", "王")
    fontfiles.font(folder / "two.ttf", "芳")
    assert alike(picture("王芳 Ada"), picture("HH Ada"))


@pytest.mark.parametrize("joiner", ["\u200c", "\u200d", "\ufe0f"])
def test_a_joiner_that_a_font_does_not_have_is_not_drawn(folder, joiner):
    fontfiles.font(folder / "Han.ttf", "王")
    assert alike(picture(f"A{joiner}da"), picture("Ada"))
    assert alike(picture(f"{joiner}王{joiner}a{joiner}"), picture("王a"))
    assert alike(picture(f"芳{joiner}芳"), picture("??"))


def test_what_is_no_whole_font_is_passed_over(folder):
    whole = fontfiles.font(folder / "z.ttf", "王").read_bytes()
    (folder / "a.ttf").write_bytes(whole[:-20])
    (folder / "b.ttf").write_bytes(b"ttcf" + bytes(20))
    (folder / "c.otf").write_bytes(b"")
    (folder / "d.ttf").write_bytes(whole[:300] + bytes(len(whole) - 300))
    (folder / "e.ttf").mkdir()
    (folder / "f.ttc").symlink_to("nowhere")
    assert alike(picture("王"), picture("H"))


def test_ordinary_fonts_come_before_styled_and_coloured_ones():
    names = ["NotoSansCJK-Bold.ttc", "NotoEmoji.ttf", "NotoSansCJK-Regular.ttc", "Odd.ttf", "DejaVuSans.ttf"]
    ranked = sorted(map(fonts.Path, names), key=fonts._rank)
    assert [path.name for path in ranked] == [names[4], names[2], names[0], names[3], names[1]]


@pytest.mark.parametrize(
    ("name", "line"),
    [
        ("Ada\nBo\tCy", "Ada Bo Cy"),
        ("a\u2028b\u0085c", "a b c"),
        ("Ada\u202eadA\u2066", "AdaadA"),
        ("\x1b[31mAda\x00", "[31mAda"),
        ("A\u200bd\ufeffa\ud800", "Ada"),
        ("e\u0301", "é"),
        ("نمی\u200cدانم", "نمی\u200cدانم"),
        ("x" * 300, "x" * 26 + "…" + "x" * 13),
        ("e\u0323\u0301" * 100, "ẹ\u0301" * 26 + "…" + "ẹ\u0301" * 13),
        ("a-long-name-of-a-video-of-the-north-entrance-001", "a-long-name-of-a-video-of-…-entrance-001"),
        (" \u3000 ", ""),
    ],
)
def test_any_text_becomes_a_line(name, line):
    assert one_line(name) == line


def test_long_names_that_differ_at_the_end_are_told_apart():
    names = {f"{'north-entrance-' * 5}{track:03d}": f"{'north-entrance-' * 5}{track:03d}" for track in (1, 2)}
    titles = set(distinct_titles(names).values())
    assert len(titles) == 2 and all(title.endswith(("001", "002")) and len(title) == 40 for title in titles)


@pytest.mark.parametrize("text", ["", " ", "\u0301", "\u200d", "…", "z" + "\u0338\u030d" * 60, "x" * 5000, "\ud83d"])
@pytest.mark.parametrize("height", [1, 7, 40.5])
def test_any_text_can_be_written_and_stays_in_its_line(text, height):
    image = picture(text, height)
    assert not image[round(50 + height) + 2 :].any() and not image[: max(0, round(50 - 2 * height) - 2)].any()


def test_capitals_are_as_tall_as_wanted():
    for height in (7, 10, 33):
        rows = np.flatnonzero((draw_text("H", height).ink > 100).any(axis=1))
        assert abs(len(rows) - height) <= 1 + height // 20 and abs(rows[-1] + 1 - draw_text("H", height).baseline) <= 1


def test_a_line_too_wide_loses_its_middle_only():
    short = fit_text("gallery-of-the-entrance-001", 10, 100)
    assert "…" in short and short.startswith("ga") and short.endswith("1") and width_of(short, 10) <= 100
    assert fit_text("gallery-001", 10, 100) == "gallery-001" and fit_text("gallery", 10, 1) == "g…"


def test_lines_are_aligned_and_cut_at_the_edges():
    image = np.zeros((40, 100, 3), np.uint8)
    write(image, "H", (50, 30), 20, (255, 255, 255), "right")
    assert image[:, 40:50].any() and not image[:, 50:].any()
    for at in [(-30, 10), (95, 5), (50, 500), (5000, -5000)]:
        write(image, "Hello", at, 20)


@pytest.mark.skipif(not features.check("raqm"), reason="this Pillow cannot shape: no FriBiDi")
def test_without_shaping_joined_letters_are_not_tried(folder, monkeypatch):
    fontfiles.font(folder / "arabic.ttf", "\u0301دو")  # which look like H, I and J
    assert legible("دو") and alike(picture("دو"), picture("JI"))  # from right to left
    system_fonts.cache_clear()
    monkeypatch.setattr(fonts, "can_shape", lambda: False)
    assert (
        not legible("دو") and not legible("x\u0301") and distinct_titles({"3" * 16: "دو"}) == {"3" * 16: "id 33333333"}
    )


def test_a_label_shows_its_name_and_is_not_squeezed(folder):
    fontfiles.font(folder / "Han.ttf", WANG_FANG)
    box = np.array([[40, 60, 80, 110]], np.float32)

    def plate(title, size=(160, 120)):
        image = np.zeros((size[1], size[0], 3), np.uint8)
        return draw(image, box, [Label(title, "93 %", identity_colour(0))])

    assert alike(plate(WANG_FANG), plate("HI"))
    assert alike(plate("x" * 39), plate(fit_text("x" * 39, 7, 160 - 8 - width_of("93 %", 7) - 6)))


def test_fonts_that_are_looked_for_are_read_once_and_late(folder):
    path = fontfiles.font(folder / "Han.ttf", WANG_FANG)
    found = Fonts([folder])
    assert found.have("Ada") and found._unread == [path]
    assert found.have(WANG_FANG) and not found._unread
    shutil.move(path, folder / "moved.ttf")
    assert found.have("芳王")


def test_names_are_compared_as_they_are_written():
    assert drawable_name(unicodedata.normalize("NFD", "Zoë")) in ("Zoë", "Zoe")
    assert drawable_name("\u200b") is None
