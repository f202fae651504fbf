"""The house rules that a machine can check: rooms, imports, sizes, words."""

from __future__ import annotations

import ast
import shutil
import subprocess
from collections import Counter
from pathlib import Path

import pytest

SRC = Path(__file__).parents[1] / "src" / "tidegauge"
#: A module may import only from rooms that stand above its own.
ROOMS = [
    "errors", "discovery", "display", "manual", "vocab", "result", "schema", "reference", "workspace", "sources",
    "measure", "creators", "response", "plan", "twin", "report", "api", "demo", "web", "assistants", "creator_views",
    "console", "cli_options", "cli_creators", "cli_response", "cli_split", "cli",
]  # fmt: skip
FILES = sorted(SRC.rglob("*.py"))


def room_of(path: Path) -> str:
    return path.relative_to(SRC).parts[0].removesuffix(".py")


def imported_rooms(path: Path) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        names = [a.name for a in node.names] if isinstance(node, ast.Import) else []
        if isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            names = [f"{node.module}.{a.name}" if node.module == "tidegauge" else str(node.module) for a in node.names]
        for name in names:
            parts = name.split(".")
            if parts[0] == "tidegauge":
                found.add(parts[1] if len(parts) > 1 else "__init__")
    return found


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(SRC)))
def test_a_room_imports_only_rooms_above_it(path):
    own = room_of(path)
    if own == "__init__":
        return
    for other in imported_rooms(path) - {own}:
        front = own in ("web", "assistants", "demo", "creator_views", "console") or own.startswith("cli")
        if other == "__init__" and front:
            continue  # the command line uses the public names
        assert other in ROOMS, f"{path} imports {other}, which is no room"
        assert ROOMS.index(other) < ROOMS.index(own), f"{path}: {own} must not import {other}"


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(SRC)))
def test_no_module_is_longer_than_about_400_lines(path):
    assert len(path.read_text(encoding="utf-8").splitlines()) <= 420


def test_no_room_without_a_name():
    assert not [p for p in FILES if p.stem in {"utils", "util", "helpers", "helper", "misc", "common", "manager"}]


#: The planner's own rooms, each importing only from those before it; `plan/*.py` puts them together.
PLAN_ROOMS = ["briefs", "solver", "offers", "audience", "split", "lookback"]


def test_the_planners_rooms_import_one_way():
    plan = SRC / "plan"
    assert {p.name for p in plan.iterdir() if (p / "__init__.py").exists()} == set(PLAN_ROOMS)
    for path in plan.rglob("*.py"):
        own = path.relative_to(plan).parts[0]
        if own not in PLAN_ROOMS:
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            parts = (node.module or "").split(".") if isinstance(node, ast.ImportFrom) else []
            if parts[:2] == ["tidegauge", "plan"] and parts[2] != own:
                before = PLAN_ROOMS[: PLAN_ROOMS.index(own)]
                assert parts[2] in (*before, "result"), f"{path}: {own} must not import {'.'.join(parts)}"


def test_modules_within_a_room_do_not_import_in_circles():
    graph: dict[str, set[str]] = {}
    for path in FILES:
        module = ".".join(("tidegauge", *path.relative_to(SRC).with_suffix("").parts)).removesuffix(".__init__")
        top_level = ast.parse(path.read_text(encoding="utf-8")).body
        edges = set()
        for node in top_level:
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("tidegauge"):
                edges |= {str(node.module), *(f"{node.module}.{a.name}" for a in node.names)}
        graph[module] = edges - {module}
    state: dict[str, int] = {}

    def visit(module: str, trail: tuple[str, ...]) -> None:
        if state.get(module) == 2 or module not in graph:
            return
        assert state.get(module) != 1, f"circle: {' -> '.join([*trail, module])}"
        state[module] = 1
        for other in sorted(graph[module]):
            visit(other, (*trail, module))
        state[module] = 2

    for module in sorted(graph):
        visit(module, ())


@pytest.mark.skipif(shutil.which("make") is None, reason="no make")
def test_the_set_up_gives_each_flag_once_with_and_without_a_uv_of_the_machine():
    """uv refuses a flag given twice, and which of the two calls runs depends on the machine."""
    said = subprocess.run(
        ["make", "-nB", ".venv/.ready", ".venv/.ready-test"],
        cwd=SRC.parents[1],
        capture_output=True,
        text=True,
        check=True,
    ).stdout.replace("\\\n", " ")
    syncs = [call.split() for call in said.replace("\n", ";").split(";") if "uv sync" in call]
    assert len(syncs) == 4
    for words in syncs:
        flags = Counter(w for w in words if w.startswith("--") and w != "--extra")
        assert max(flags.values()) == 1, words
