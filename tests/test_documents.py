"""README, CHANGELOG and docs: every command that they show would be taken, and whatever they name is there."""

from __future__ import annotations

import re
import shlex
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
import typer
import yaml

import pipeline
from pipeline.cli import app
from pipeline.config import Config
from pipeline.errors import GaitError
from pipeline.profiles import known_keys, load_config
from pipeline.recognition import ENCODERS
from pipeline.research.training.config import TrainingConfig, load_training_config, shipped_configs
from pipeline.research.training.losses import LOSSES
from pipeline.research.training.zoo import NETWORKS
from pipeline.segmentation.quality import REASONS
from pipeline.weights.cards import cards

ROOT = Path(__file__).resolve().parents[1]
README = ROOT / "README.md"
PAGES = [
    README,
    *(ROOT / f"{name}.md" for name in ("CHANGELOG", "CONTRIBUTING", "SECURITY")),
    *sorted((ROOT / "docs").glob("*.md")),
]
GENERATED = {"reference/cli.md", "reference/settings.md", "reference/python.md"}  # tests/test_site.py looks at them
GAIT = typer.main.get_command(app)
NO_COMMANDS = ("gait COMMAND", "gait is", "gait and", "gait serve needs")  # words about gait

pages = pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
todays = [page for page in PAGES if page.stem != "CHANGELOG"]  # which names what is gone, too
todays_pages = pytest.mark.parametrize("page", todays, ids=lambda page: page.name)


def text_of(page: Path) -> str:
    """A page; of those for readers of another project without the tables' first column, which is that project's."""
    text = page.read_text(encoding="utf-8")
    return re.sub(r"^\| .*? \| ", "| ", text, flags=re.MULTILINE) if page.name.startswith("from-") else text


def commands_of(text: str) -> Iterator[tuple[str, bool]]:
    """Each command, and whether it is whole: a line of code is; one within a sentence may leave things out.

    Of `list|show` each is a command; what stands in brackets is part of it.
    """
    text = text.replace("\\\n", " ")
    lines = re.findall(r"^(?: {4,}|)(?:\$ )?((?:[^\n|]*&& )?gait [a-z][^\n`]*)$", text, re.MULTILINE)
    inline = re.findall(r"`(gait [a-z][^`]*)`", text)
    for part, whole in [*((line, True) for line in lines), *((line, False) for line in inline)]:
        line = " ".join(part[part.index("gait ") :].split(" | ")[0].split("  #")[0].split())
        line = re.sub(r"\[([^\]]*)\]", r"\1", line)
        choice = re.search(r"[^\s|\\]+(?:\s*\\?\|\s*[^\s|]+)+", line)
        for one in re.split(r"\s*\\?\|\s*", choice[0]) if choice else [""]:
            yield (line[: choice.start()] + one + line[choice.end() :] if choice else line), whole


def problem(line: str, whole: bool = False) -> str | None:
    """Why `gait` would not take a command. Unless it is whole, values may be left out, or capitals stand for them."""
    if line.startswith(NO_COMMANDS):
        return None
    words = shlex.split(re.sub(r"(--[\w-]+ )?…", "", line), comments=True)[1:]
    command, path = GAIT, []
    while words and words[0] in getattr(command, "commands", {}):
        path.append(words.pop(0))
        command = command.commands[path[-1]]
    if words and hasattr(command, "commands") and not words[0].startswith("-"):
        return f"no command {words[0]!r}"
    try:
        given = command.make_context(" ".join(path), words).params
        profile = next((given[name] for name in ("profile", "profiles", "config") if name in given), None)
        return unloadable(path[0], profile, given.get("overrides") or [])
    except GaitError as error:
        return str(error)
    except typer.TyperException as error:
        said = error.format_message()
        left_out = said.startswith("Missing") or "requires an argument" in said or re.search(r" [A-Z]+\b", line)
        return None if left_out and not whole else said


def unloadable(command: str, config: str | list[str] | tuple[str, ...] | None, settings: list[str]) -> str | None:
    """Raises GaitError for a profile or a setting that there is not; of a reader's own file nothing is known."""
    for name in [config] if config is None or isinstance(config, str) else config:
        if name is None or not re.search(r"[A-Z]|\.yaml$", name):
            load = load_training_config if command == "train" else load_config
            load(*([] if name is None else [name]), overrides=settings)
    return None


@todays_pages
def test_every_command_would_be_taken(page):
    found = {line: problem(line, whole) for line, whole in commands_of(text_of(page))}
    assert {line: words for line, words in found.items() if words} == {}


@todays_pages
def test_every_option_is_one_of_a_command(page):
    known = {"--help", "--logdir", "--strict"}  # of TensorBoard, MkDocs
    for command in [GAIT, *GAIT.commands.values()]:
        for each in [command, *getattr(command, "commands", {}).values()]:
            known |= {option for parameter in each.params for option in (*parameter.opts, *parameter.secondary_opts)}
    assert set(re.findall(r"(?<![\w/-])--[a-z][\w-]*", text_of(page))) <= known


@todays_pages
def test_every_setting_is_one(page):
    ours, trainings = set(known_keys(Config)), set(known_keys(TrainingConfig))
    sections = "|".join({*Config.model_fields, *TrainingConfig.model_fields} - {"model_cfg"})
    for key, value in re.findall(rf"[` ]((?:{sections})\.[\w.]*\w)(?:=([\w.]+))?(?=[`\s])", text_of(page)):
        assert key in ours | trainings, key
        if key in ours and value and value != "FILE":
            assert load_config(overrides=[f"{key}={value}"])


@pages
def test_every_name_of_the_door_is_one(page):
    text = text_of(page)
    blocks = "".join(re.findall(r"^```python\n(.*?)^```", text, re.MULTILINE | re.DOTALL))
    used = re.findall(r"\bgait\.(\w+)", blocks) + re.findall(r"`gait\.(\w+)\(", text)
    assert set(used) <= set(pipeline.__all__)


@pages
def test_every_setting_in_yaml_can_be_loaded(page):
    for line in re.findall(rf"^ {{4}}((?:{'|'.join(Config.model_fields)}): {{.*}})$", text_of(page), re.MULTILINE):
        assert load_config(yaml.safe_load(line))


@pages
def test_every_encoder_and_checkpoint_is_known(page):
    text = text_of(page)
    assert set(re.findall(r"\bencoder[=:] ?([a-z]\w+)", text)) <= {*ENCODERS, "the"}  # the word
    named = set(re.findall(r"\bcheckpoint(?:: |=)([a-z]\w+)(?![\w./])", text))
    assert named <= {*cards(), "null"}


@pages
def test_every_file_of_the_project_that_is_named_is_there(page):
    text = text_of(page).replace("OpenGait's `configs/default.yaml`", "")
    for name in re.findall(r"(?<![\w/-])((?:pipeline|configs|tests|docs|research|notebooks)/[\w./+-]*\w)", text):
        if "NAME" not in name:
            assert (ROOT / name).exists(), name


@pages
def test_every_link_leads_somewhere(page):
    text = text_of(page)
    for link, anchor in re.findall(r"\]\(([^)#\s]*)#?([^)\s]*)\)", text):
        if link.startswith("http"):
            continue
        target = page.parent / link if link else page
        assert target.exists() or link in GENERATED, link
        if anchor and link not in GENERATED:
            headings = re.findall(r"^#+ (.*)$", text_of(target), re.MULTILINE)
            slugs = {re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-") for heading in headings}
            assert anchor in slugs, anchor


def test_the_packages_and_extras_are_those_that_are_installed():
    project = tomllib.loads(text_of(ROOT / "pyproject.toml"))["project"]
    brought, extras, *_ = text_of(ROOT / "docs" / "dependencies.md").split("\n## ")[1:]
    named = {re.split(r"[<>=]", package)[0] for package in project["dependencies"]}
    assert set(re.findall(r"^\| ([a-z][\w-]*) \|", brought, re.MULTILINE)) - {"package"} == named
    assert set(re.findall(r"^\| `(\w+)` \|", extras, re.MULTILINE)) == set(project["optional-dependencies"])
    for page in PAGES:
        assert set(re.findall(r"(?:gaitid|\.)\[(\w+)\]", text_of(page))) <= set(project["optional-dependencies"])


def test_what_is_told_to_install_is_this_distribution():
    project = tomllib.loads(text_of(ROOT / "pyproject.toml"))["project"]
    sources = [*PAGES, *(ROOT / "pipeline").rglob("*.py")]
    told = {match for path in sources for match in re.findall(r"pip install '([^'.][\w-]*)\[(\w+)\]'", text_of(path))}
    assert len(told) >= 3
    assert {name for name, _ in told} == {project["name"]}
    assert {extra for _, extra in told} <= set(project["optional-dependencies"])


def test_the_readme_is_short():
    assert len(text_of(README).split()) < 1500


def test_the_page_on_training_has_every_network_configuration_and_loss():
    text = text_of(ROOT / "docs" / "training.md")
    networks, configurations = set[str](), set[str]()
    for row in re.findall(r"^\| (.*) \|$", text.split("\n## Models")[1].split("\n## ")[0], re.MULTILINE)[1:]:
        _, names, files, _ = row.split(" | ")
        networks |= set(names.split(", "))
        first = ""
        for name in re.findall(r"`(\w+)`", files):
            first = first if name.startswith("_") else name.rpartition("_")[0]
            configurations.add(first + name if name.startswith("_") else name)
    assert networks == set(NETWORKS)
    assert configurations == set(shipped_configs())
    assert {name for name in LOSSES if name not in text} == set()


def test_the_words_of_the_program_that_are_quoted_are_its_own():
    source = "".join(text_of(path) for kind in ("py", "j2") for path in sorted((ROOT / "pipeline").rglob(f"*.{kind}")))
    table = text_of(ROOT / "docs" / "serve.md").split("\n## When something does not work")[1]
    quoted = re.findall(r'^\| ["`]([^"`(]*[^"`( ])', table, re.MULTILINE)
    assert len(quoted) >= 5
    assert [words for words in quoted if words not in source] == []
    table = text_of(ROOT / "docs" / "troubleshooting.md").split("\n## Silhouettes")[1].split("\n## ")[0]
    named = re.findall(r"(?<!\*)\*([a-z ]+)\*(?!\*)", table)
    assert len(named) >= 5
    assert [words for words in named if not any(reason.startswith(words) for reason in REASONS)] == []


def test_every_setting_that_a_help_shows_is_one():
    groups = {"": GAIT, **{name: group for name, group in GAIT.commands.items() if hasattr(group, "commands")}}
    commands = {f"{path} {name}".strip(): one for path, group in groups.items() for name, one in group.commands.items()}
    examples = {name: one.epilog.removeprefix("Example: ") for name, one in commands.items() if one.epilog}
    assert len(examples) >= 40
    for name, line in examples.items():
        setting = next((option.help for option in commands[name].params if "--set" in option.opts), "")
        more = "".join(f" --set {one}" for one in re.findall(r"such as (\S+);", setting))
        assert problem(line + more, whole=True) is None, line + more


def test_the_check_finds_what_it_is_for():
    text = "    gait run --x\n\nuse `gait gallery list|lst --db D [--json]` and `gaiter x`"
    lines = [line for line, _ in commands_of(text)]
    assert lines == ["gait run --x", "gait gallery list --db D --json", "gait gallery lst --db D --json"]
    assert "--prob" in (problem("gait run --gallery g.mp4 --prob p") or "")
    assert problem(lines[1]) is None
    assert problem(lines[2]) == "no command 'lst'"
    assert problem("gait identify") is None
    assert "Missing" in (problem("gait identify", whole=True) or "")
    assert "integer" in (problem("gait run --workers many", whole=True) or "")
    assert "matching.metrik" in (problem("gait run --set matching.metrik=cosine") or "")
    assert "lightest" in (problem("gait run --config lightest") or "")
