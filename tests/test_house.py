"""The rooms of the house: which may import which, how large each is, and what a run never loads."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path

import pytest

import pipeline

ROOT = Path(pipeline.__file__).parent
LAYERS = (  # from the ground up; a room may import what is in its own layer or below
    "types errors skeletons registry files config profiles version",
    "engine video inference weights",
    "background tracking segmentation pose recognition matching",
    "runs",
    "drawing",
    "extraction gallery",
    "report",
    "cluster",
    "jobs",
    "feedback",
    "live",
    "api",
    "research web",
    "commands",
    "cli __main__",
)
LEVEL = {room: number for number, layer in enumerate(LAYERS) for room in layer.split()}
MOST_MODULES, MOST_FILES, LARGEST_ROOM = 12, 16, 0.25
NOT_ON_THE_WAY_OF_A_RUN = ("pipeline.research", "pipeline.web")
HEAVY = ("lightning", "fastapi", "lancedb", "ray")


@cache
def modules() -> Mapping[str, Path]:
    return {
        ".".join(path.relative_to(ROOT.parent).with_suffix("").parts).removesuffix(".__init__"): path
        for path in ROOT.rglob("*.py")
    }


def imported(node: ast.AST) -> Iterator[str]:
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names)
    elif isinstance(node, ast.ImportFrom) and node.module:
        for alias in node.names:
            whole = f"{node.module}.{alias.name}"
            yield whole if whole in modules() else node.module


@cache
def imports(name: str) -> frozenset[str]:
    """Every import of a module, those inside functions and for type checkers too."""
    tree = ast.parse(modules()[name].read_text(encoding="utf-8"))
    return frozenset(found for node in ast.walk(tree) for found in imported(node)) - {name}


def at_the_top(name: str) -> Iterator[str]:
    """The imports that run when a module is loaded."""
    for node in ast.parse(modules()[name].read_text(encoding="utf-8")).body:
        yield from imported(node)


def room(name: str) -> str:
    return name.split(".")[1] if "." in name else ""


def test_every_room_has_its_place():
    assert {room(name) for name in modules()} - {""} == set(LEVEL)


def test_no_module_imports_upward():
    upward = [
        f"{name} imports {other}"
        for name in modules()
        for other in imports(name)
        if room(name) and room(other) and other in modules() and LEVEL[room(other)] > LEVEL[room(name)]
    ]
    assert not upward


def circle(graph: Mapping[str, frozenset[str]]) -> list[str]:
    """A circle of a graph, or nothing: what is left once everything without an arrow to the rest is taken away."""
    left = dict(graph)
    while free := [name for name in left if not left[name] & left.keys()]:
        for name in free:
            del left[name]
    return sorted(left)


def test_no_circle_between_modules():
    assert not circle({name: imports(name) & modules().keys() for name in modules()})


def test_no_circle_between_rooms():
    rooms: dict[str, frozenset[str]] = {}
    for name in modules():
        others = {room(other) for other in imports(name) & modules().keys()} - {room(name), ""}
        rooms[room(name)] = rooms.get(room(name), frozenset()) | others
    del rooms[""]  # the door
    assert not circle(rooms)


def test_a_circle_is_found():
    assert circle({"a": frozenset("b"), "b": frozenset("c"), "c": frozenset("b"), "d": frozenset()}) == ["a", "b", "c"]


def test_few_modules_stand_at_the_top():
    assert len(list(ROOT.glob("*.py"))) <= MOST_MODULES


@pytest.mark.parametrize("folder", sorted({path.parent for path in ROOT.rglob("*.py")}), ids=lambda folder: folder.name)
def test_no_package_has_too_many_files(folder: Path):
    if folder.name != "models":  # a file a network
        assert len(list(folder.glob("*.py"))) <= MOST_FILES


def test_no_room_is_too_large():
    lines = {name: path.read_text(encoding="utf-8").count("\n") for name, path in modules().items()}
    for one in LEVEL:
        if one == "research":  # a wing of its own
            continue
        share = sum(count for name, count in lines.items() if room(name) == one) / sum(lines.values())
        assert share <= LARGEST_ROOM, one


def test_a_run_loads_neither_the_research_wing_nor_anything_heavy():
    """By what is imported when a module is loaded, from the command on; the demo and Ray come when they are wanted."""
    waiting, seen = ["pipeline.commands.run", "pipeline.jobs.run"], set[str]()
    while waiting:
        name = waiting.pop()
        if name in seen:
            continue
        seen.add(name)
        for other in at_the_top(name):
            assert other.partition(".")[0] not in HEAVY, f"{name} imports {other}"
            assert not other.startswith(NOT_ON_THE_WAY_OF_A_RUN), f"{name} imports {other}"
            parts = other.split(".")
            waiting += [found for n in range(1, len(parts) + 1) if (found := ".".join(parts[:n])) in modules()]
