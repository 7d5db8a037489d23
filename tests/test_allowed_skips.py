"""What a run does with skips: those in the list pass, any other fails it."""

from __future__ import annotations

import allowed_skips
import pytest

TESTS = """
import pytest
def test_on_a_gpu(): pytest.skip("no GPU")
def test_in_chromium(): pytest.skip("no Chromium")
"""


def run(folder, patterns):
    """The exit status of pytest on the folder's tests."""
    options = ["-q", "-c", "/dev/null", "--rootdir", folder, "--import-mode=importlib", "-p", "no:cacheprovider"]
    return pytest.main([*map(str, options), str(folder)], plugins=[allowed_skips.Judge(patterns)])


@pytest.mark.parametrize(
    ("patterns", "status", "named"),
    [(["*gpu", "*chromium"], 0, ""), (["*gpu"], 1, "::test_in_chromium  Skipped: no Chromium")],
    ids=["listed", "not listed"],
)
def test_a_skip_that_is_not_listed_fails_the_run(tmp_path, capsys, patterns, status, named):
    (tmp_path / "test_some.py").write_text(TESTS)
    assert run(tmp_path, patterns) == status
    assert named in capsys.readouterr().out


def test_a_whole_file_that_skips_fails_the_run_too(tmp_path):
    (tmp_path / "test_some.py").write_text("import pytest\npytest.importorskip('no_such_library')\n")
    assert run(tmp_path, []) == pytest.ExitCode.TESTS_FAILED


def test_every_line_of_the_list_has_a_reason(tmp_path):
    assert allowed_skips.listed()
    (tmp_path / "list.txt").write_text("tests/test_cli.py::*\n")
    with pytest.raises(ValueError, match="gives no reason"):
        allowed_skips.listed(tmp_path / "list.txt")
