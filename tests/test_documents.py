"""README and docs: every command that they show would be taken, every link leads somewhere."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
import typer

from pipeline.cli import app
from pipeline.profiles import load_config

ROOT = Path(__file__).resolve().parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]

pages = pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)


def commands_of(text: str) -> list[str]:
    """Lines of code that start a `gait`, and what stands between backticks; lines that go on are joined."""
    text = text.replace("\\\n", " ")
    lines = re.findall(r"^(?: {4,}|)(?:\$ )?((?:[^\n|]*&& )?gait [a-z][^\n`]*)$", text, re.MULTILINE)
    inline = re.findall(r"`(gait [a-z][^`]*)`", text)
    return [part[part.index("gait ") :] for line in [*lines, *inline] for part in [line.split(" | ")[0]]]


def problem(line: str) -> str | None:
    """Why `gait` would not take a command; placeholders, and what is left out of an inline one, are let be."""
    if line.startswith(tuple("gait " + word for word in ("is", "and", "COMMAND"))):
        return None
    try:
        words = shlex.split(line.split(" [", maxsplit=1)[0], comments=True)[1:]
    except ValueError as error:
        return str(error)
    command, path = typer.main.get_command(app), []
    while getattr(command, "commands", None) and words and not words[0].startswith("-"):
        if words[0] not in command.commands:
            names = re.split(r"[|,]", words[0])
            return None if len(names) > 1 and all(n in command.commands for n in names) else f"no command {words[0]!r}"
        path.append(words.pop(0))
        command = command.commands[path[-1]]
    takes_words = any(isinstance(parameter, typer.core.TyperArgument) for parameter in command.params)
    if words and re.search(r"^[A-Z_]+$|[./]", words[0]) and not takes_words and words[0][0] != "-":
        return f"takes no {words[0]!r}"
    known = {option for parameter in command.params for option in parameter.opts}
    given = [word.partition("=")[0] for word in words if re.match(r"--[a-z]", word)]
    unknown = [option for option in given if option not in known and option != "--help"]
    return f"no option {unknown[0]}" if unknown else None


@pages
def test_every_command_is_one_of_gait(page):
    found = {line: problem(line) for line in commands_of(page.read_text(encoding="utf-8"))}
    assert {line: words for line, words in found.items() if words} == {}


def test_whole_commands_of_the_readme_would_be_taken():
    root = typer.main.get_command(app)
    blocks = re.findall(r"```\n(.*?)```", (ROOT / "README.md").read_text(encoding="utf-8"), re.DOTALL)
    lines = [line for block in blocks for line in commands_of(block)]
    assert len(lines) >= 8
    for line in lines:
        command, words = root, shlex.split(line, comments=True)[1:]
        while words and words[0] in getattr(command, "commands", {}):
            command = command.commands[words.pop(0)]
        command.make_context("gait", words)  # raises for what it does not know


def test_every_setting_of_the_readme_is_one():
    found = re.findall(r"--set ([a-z_]+\.[\w.]+)=([\w.]+)", (ROOT / "README.md").read_text(encoding="utf-8"))
    assert len(found) >= 12
    for name, value in found:
        assert load_config(overrides=[f"{name}={value}"]), name


@pages
def test_every_link_leads_somewhere(page):
    text = page.read_text(encoding="utf-8")
    for link, anchor in re.findall(r"\]\(([^)#\s]*)#?([^)\s]*)\)", text):
        if link.startswith("http"):
            continue
        target = page.parent / link if link else page
        assert target.exists(), link
        if anchor:
            headings = re.findall(r"^#+ (.*)$", target.read_text(encoding="utf-8"), re.MULTILINE)
            slugs = {re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-") for heading in headings}
            assert anchor in slugs, anchor


def test_the_check_finds_what_it_is_for():
    assert commands_of("    gait run --x\n\nuse `gait gallery lst` and `gaiter x`") == [
        "gait run --x",
        "gait gallery lst",
    ]
    assert problem("gait run --gallery g.mp4 --prob p") == "no option --prob"
    assert problem("gait gallery lst --db x") == "no command 'lst'"
    assert problem("gait gallery list|show --db x") is None
