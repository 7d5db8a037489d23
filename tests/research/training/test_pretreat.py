"""Pictures of silhouettes become a dataset exactly as OpenGait's pretreatment makes it."""

from __future__ import annotations

import struct
import zlib

import cv2
import numpy as np
import pytest

from pipeline.commands.dataset import pretreat_command
from pipeline.errors import ConfigError, InputError
from pipeline.research.training.data.dataset import list_samples, read_silhouettes
from pipeline.research.training.data.pictures import read_mask
from pipeline.research.training.data.pretreat import find_pictures, pretreat
from pipeline.segmentation.normalise import normalise


@pytest.fixture
def pictures(golden, tmp_path):
    """The golden masks as one walk: some are kept, some dropped; and a second walk of several frames."""
    given = np.load(golden("silhouette_normalisation") / "input.npz")
    for name in given.files:
        frames = given[name] if name == "seq6" else [given[name]]
        walk = tmp_path / "raw/001" / ("nm-02/090" if name == "seq6" else "nm-01/090")
        walk.mkdir(parents=True, exist_ok=True)
        for index, frame in enumerate(frames):
            cv2.imwrite(str(walk / f"{name}-{index:03d}.png"), frame)
    return tmp_path / "raw"


@pytest.mark.parametrize("size", [64, 128])
def test_a_walk_equals_the_references_pickle(golden, pictures, tmp_path, size):
    assert pretreat_command(pictures, tmp_path / "out", 1, size=size) == 0
    expected = np.load(golden("silhouette_normalisation") / "output.npz")
    first, second = list_samples(tmp_path / "out")
    assert second.files == (tmp_path / "out/001/nm-02/090/090.pkl",)
    np.testing.assert_array_equal(read_silhouettes(second, columns=0), expected[f"seq6_size{size}"])
    if size == 64:
        names = [name for name in sorted(expected.files) if not name.startswith("seq6")]
        kept = [expected[name] for name in names if expected[name].size]
        assert 0 < len(kept) < len(names)
        np.testing.assert_array_equal(read_silhouettes(first, columns=0), np.stack(kept))


def test_several_processes_write_the_same(pictures, tmp_path):
    alone, shared = tmp_path / "alone", tmp_path / "shared"
    walks = find_pictures(pictures)
    assert list(pretreat(walks, alone)) == list(pretreat(walks, shared, workers=2))
    for walk in list_samples(alone):
        assert walk.files[0].read_bytes() == (shared / walk.files[0].relative_to(alone)).read_bytes()


def test_a_second_run_goes_on_where_the_first_stopped(pictures, tmp_path, capsys):
    pretreat_command(pictures, tmp_path / "out", 1)
    (tmp_path / "out/001/nm-01/090/090.pkl").unlink()
    capsys.readouterr()
    assert pretreat_command(pictures, tmp_path / "out", 1) == 0
    said = capsys.readouterr().out
    assert "1 walks," in said and "1 walks were there already" in said
    assert len(list_samples(tmp_path / "out")) == 2
    pretreat_command(pictures, tmp_path / "out", 1, overwrite=True)
    assert "2 walks," in capsys.readouterr().out


def test_what_is_no_picture_is_named_and_the_rest_is_written(pictures, tmp_path, capsys):
    (pictures / "001/nm-01/090/zz.png").write_bytes(b"not a picture")
    empty = pictures / "002/nm-01/000"
    empty.mkdir(parents=True)
    cv2.imwrite(str(empty / "000.png"), np.zeros((64, 64), np.uint8))
    assert pretreat_command(pictures, tmp_path / "out", 1) == 2
    said = capsys.readouterr()
    assert "zz.png: not a picture, or not a whole one" in said.err and "002/nm-01/000" in said.out
    assert len(list_samples(tmp_path / "out")) == 2
    assert not (tmp_path / "out/002").exists()


def test_a_folder_without_pictures_is_one_line(tmp_path):
    with pytest.raises(InputError, match=r"no pictures in identity/type/view"):
        pretreat_command(tmp_path, tmp_path / "out", 1)
    with pytest.raises(InputError, match=r"nowhere: no such folder"):
        pretreat_command(tmp_path / "nowhere", tmp_path / "out", 1)


def body(size=(120, 80)):
    """A white figure on black, higher than wide, that stands clear of the edges."""
    mask = np.zeros(size, np.uint8)
    cv2.ellipse(mask, (size[1] // 2, size[0] // 2), (size[1] // 5, size[0] // 3), 0, 0, 360, 255, -1)
    cv2.rectangle(mask, (size[1] // 2, size[0] // 2), (size[1] // 2 + 12, size[0] * 5 // 6), 255, -1)
    return mask


def png(rows, depth, colour, *chunks):
    """A PNG as OpenCV does not write it: rows of bytes, depth and colour type, further chunks before the pixels."""
    head = struct.pack(">IIBBBBB", rows.shape[1] * (8 // depth), len(rows), depth, colour, 0, 0, 0)
    if colour == 4:
        head = struct.pack(">IIBBBBB", rows.shape[1] // 2, len(rows), depth, colour, 0, 0, 0)
    data = zlib.compress(b"".join(b"\0" + row.tobytes() for row in rows))
    parts = [(b"IHDR", head), *chunks, (b"IDAT", data), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))
        for name, content in parts
    )


def encoded(suffix, picture, *settings):
    done, data = cv2.imencode(suffix, picture, settings)
    assert done
    return data.tobytes()


def cut_out(mask):
    """The figure as a photograph with the mask as its alpha channel."""
    colours = np.random.default_rng(0).integers(60, 200, (*mask.shape, 3), np.uint8)
    return np.dstack([colours, mask])


def grey_and_alpha(mask):
    return png(np.stack([np.full_like(mask, 90), mask], axis=2).reshape(len(mask), -1), 8, 4)


RED = (b"PLTE", bytes([0, 0, 0, 128, 0, 0]))
CONVERTED = {
    "alpha": (".png", lambda mask: encoded(".png", cut_out(mask)), "alpha channel"),
    "grey and alpha": (".png", grey_and_alpha, "alpha channel"),
    "black on white": (".png", lambda mask: encoded(".png", 255 - mask), "black on white"),
    "ones": (".png", lambda mask: encoded(".png", mask // 255), "0 and 1"),
    "ones in bmp": (".BMP", lambda mask: encoded(".bmp", mask // 255), "0 and 1"),
    "fractions": (".tif", lambda mask: encoded(".tiff", (mask / 255).astype(np.float32)), "0 and 1"),
    "16 bits": (".png", lambda mask: encoded(".png", mask.astype(np.uint16) * 257), "16 bits"),
    "8 of 16 bits": (".tif", lambda mask: encoded(".tiff", mask.astype(np.uint16)), "16 bits"),
    "palette": (".png", lambda mask: png(mask // 255, 8, 3, RED), "one colour"),
    "transparent palette": (
        ".png",
        lambda mask: png(mask // 255, 8, 3, RED, (b"tRNS", bytes([0, 255]))),
        "alpha channel",
    ),
    "JPEG": (".JPG", lambda mask: encoded(".jpg", mask, cv2.IMWRITE_JPEG_QUALITY, 40), "JPEG"),
    "JPEG, black on white": (".jpeg", lambda mask: encoded(".jpg", 255 - mask, cv2.IMWRITE_JPEG_QUALITY, 40), "JPEG"),
    "colour JPEG": (".jpg", lambda mask: encoded(".jpg", cv2.merge([mask] * 3), cv2.IMWRITE_JPEG_QUALITY, 40), "JPEG"),
}


@pytest.mark.parametrize(
    "rows", ["FILTER_NONE", "FILTER_SUB", "FILTER_UP", "FILTER_AVG", "FILTER_PAETH", "ALL_FILTERS"]
)
def test_grey_pngs_are_read_to_the_bit_and_a_damaged_one_is_not(tmp_path, rows):
    grey = np.where(np.random.default_rng(0).random((97, 61)) < 0.3, 255, 0).astype(np.uint8)
    data = encoded(".png", grey, cv2.IMWRITE_PNG_FILTER, getattr(cv2, f"IMWRITE_PNG_{rows}"))
    file = tmp_path / "1.png"
    file.write_bytes(data)
    np.testing.assert_array_equal(read_mask(file)[0], grey)
    place = data.index(b"IDAT") + len(data) // 3
    file.write_bytes(data[:place] + bytes([data[place] ^ 0x55]) + data[place + 1 :])
    with pytest.raises(ValueError, match="not a picture, or not a whole one"):
        read_mask(file)


@pytest.mark.parametrize("case", CONVERTED)
def test_what_is_a_mask_in_another_way_is_converted_and_said(tmp_path, capsys, case):
    suffix, made, said = CONVERTED[case]
    folder = tmp_path / "raw/001/nm-01/090"
    folder.mkdir(parents=True)
    (folder / f"1{suffix}").write_bytes(made(body()))
    assert pretreat_command(tmp_path / "raw", tmp_path / "out", 1) == 0
    assert any("1 pictures converted" in line and said in line for line in capsys.readouterr().out.splitlines())
    (walk,) = list_samples(tmp_path / "out")
    found, wanted = read_silhouettes(walk, columns=0)[0], normalise(body(), 64, reference=True)
    if "JPEG" in case:
        assert np.mean((found >= 128) != (wanted >= 128)) <= 0.01  # noise around the body would have shrunk it
    else:
        np.testing.assert_array_equal(found, wanted)


@pytest.mark.parametrize("suffix", [".png", ".bmp", ".TIF", ".PNG"])
def test_white_on_black_needs_no_conversion(tmp_path, capsys, suffix):
    folder = tmp_path / "raw/001/nm-01/090"
    folder.mkdir(parents=True)
    bits = np.packbits(body() > 0, axis=1)
    (folder / f"1{suffix}").write_bytes(png(bits, 1, 0) if suffix == ".png" else encoded(suffix.lower(), body()))
    assert pretreat_command(tmp_path / "raw", tmp_path / "out", 1) == 0
    assert "converted" not in capsys.readouterr().out
    (walk,) = list_samples(tmp_path / "out")
    np.testing.assert_array_equal(read_silhouettes(walk, columns=0)[0], normalise(body(), 64, reference=True))


def black_and_white_with_alpha():
    framed = np.zeros((120, 80), np.uint8)
    framed[10:110, 10:70] = 255
    return encoded(".png", np.dstack([body()] * 3 + [framed]))


REFUSED = {
    "photograph": (encoded(".png", cut_out(body())[..., :3]), "a picture in colours"),
    "labels": (encoded(".png", body() // 255 * 2), "values from 0 to 2"),
    "three values": (encoded(".png", np.where(np.arange(120)[:, None] > 60, body() // 2, body())), "three values"),
    "two masks": (black_and_white_with_alpha(), "grey values and in the alpha channel"),
    "cut PNG": (encoded(".png", body())[:-40], "not a whole one"),
    "cut JPEG": (encoded(".jpg", cut_out(body())[..., :3])[:-900], "not a whole one"),
    "empty file": (b"", "not a whole one"),
    "text": (b"Thumbs", "not a picture"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_no_silhouette_is_left_out_and_named_and_the_status_tells(tmp_path, capfd, case):
    data, why = REFUSED[case]
    folder = tmp_path / "raw/001/nm-01/090"
    folder.mkdir(parents=True)
    (folder / "1.png").write_bytes(data)
    cv2.imwrite(str(folder / "2.png"), body())
    assert pretreat_command(tmp_path / "raw", tmp_path / "out", 1) == 2
    (line,) = capfd.readouterr().err.splitlines()  # OpenCV's own lines would be there too
    assert "1.png: " in line and why in line and line.endswith("left out.")
    assert len(read_silhouettes(list_samples(tmp_path / "out")[0])) == 1


def test_frames_come_in_the_order_of_their_numbers(tmp_path):
    folder = tmp_path / "001/nm-01/090"
    folder.mkdir(parents=True)
    for number in range(1, 25):
        (folder / f"{number}.png").write_bytes(b"")
    (walk,) = find_pictures(tmp_path)
    assert [path.name for path in walk.files] == [f"{number}.png" for number in range(1, 25)]


def test_hidden_files_and_grews_mean_pictures_are_no_frames(tmp_path, capsys):
    folder = tmp_path / "raw/001/nm-01/090"
    folder.mkdir(parents=True)
    for name in ("1.png", "0001_gei.png"):
        cv2.imwrite(str(folder / name), body())
    for name in ("._1.png", "Thumbs.db", ".hidden.png"):
        (folder / name).write_bytes(b"Mac OS X")
    (tmp_path / "raw/001/.trash/090").mkdir(parents=True)
    (tmp_path / "raw/002/nm-01/000").mkdir(parents=True)
    assert pretreat_command(tmp_path / "raw", tmp_path / "out", 1) == 0
    said = capsys.readouterr()
    assert "1 pictures …_gei left out" in said.out and not said.err
    assert "1 walks without a usable silhouette, left out: 002/nm-01/000" in said.out and ".trash" not in said.out
    assert [walk.name for walk in list_samples(tmp_path / "out")] == ["001/nm-01/090"]


def test_nothing_usable_at_all_is_a_failure(tmp_path, capsys):
    folder = tmp_path / "raw/001/nm-01/090"
    folder.mkdir(parents=True)
    cv2.imwrite(str(folder / "1.png"), np.zeros((64, 64), np.uint8))
    assert pretreat_command(tmp_path / "raw", tmp_path / "out", 1) == 2
    assert "no walk has a usable silhouette" in capsys.readouterr().err


def test_a_height_that_no_network_takes_is_refused(pictures, tmp_path):
    with pytest.raises(ConfigError, match=r"--size 48: .*64 rows"):
        pretreat_command(pictures, tmp_path / "out", 1, size=48)
