"""The documentation is true: every command of the README and of the docs' blocks runs, every command in a sentence
exists with its options, measures and columns."""

from __future__ import annotations

import itertools
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from typer.main import get_command

from tidegauge.cli import app, main
from tidegauge.measure.registry import measures
from tidegauge.sources.registry import sources

ROOT = Path(__file__).parents[1]
COMMANDS = get_command(app).commands
PAGES = [ROOT / "README.md", ROOT / "README.zh-CN.md", *sorted((ROOT / "docs").rglob("*.md"))]
#: The README's artificial ecosystem takes half a minute; the test runs the same commands on a smaller one, and the
#: response with fewer draws.
SMALLER = {"--creators 2000": "--creators 300", "--days 60": "--days 30", "respond -w": "respond --draws 60 -w"}


def shell_lines(page: Path) -> list[str]:
    blocks = re.findall(r"```sh\n(.*?)```", page.read_text(encoding="utf-8"), re.S)
    return [line.split("  #")[0].strip() for block in blocks for line in block.splitlines() if line.strip()]


#: Commands that wait for somebody: they serve until they are stopped, and have tests of their own.
SERVING = ("mcp", "serve")


def smaller(line: str) -> list[str]:
    """The arguments of a command of the docs, on a smaller ecosystem."""
    for full, less in SMALLER.items():
        line = line.replace(full, less)
    return shlex.split(line)[1:]


def run(line: str, place: Path) -> None:
    """Run one command of the README as a reader would, in a process of its own."""
    words = [sys.executable, "-c", "import sys; from tidegauge.cli import main; sys.exit(main())", *smaller(line)]
    done = subprocess.run(words, cwd=place, capture_output=True, text=True, timeout=600, check=False)
    assert done.returncode == 0, f"{line}\n{done.stdout[-1000:]}\n{done.stderr[-2000:]}"
    assert "Traceback" not in done.stderr


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which the README was followed to its end: it has a workspace `ws`, a plan in `out`, a `report`."""
    place = tmp_path_factory.mktemp("readme")
    (place / "examples").symlink_to(ROOT / "examples")
    lines = [line for line in shell_lines(ROOT / "README.md") if line.startswith("tidegauge ")]
    assert len(lines) > 5
    for line in lines:
        if shlex.split(line)[1] not in SERVING:
            run(line, place)
    return place


def test_after_the_readmes_commands_its_python_runs(sandbox):
    (code,) = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(encoding="utf-8"), re.S)
    done = subprocess.run([sys.executable, "-c", code], cwd=sandbox, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    assert (sandbox / "out").exists()


BLOCKS = [
    (page, line)
    for page in PAGES
    if not page.name.startswith("README")
    for line in shell_lines(page)
    if line.startswith("tidegauge ") and shlex.split(line)[1] not in SERVING
]


@pytest.mark.parametrize(("page", "line"), BLOCKS, ids=[f"{p.stem}-{i}" for i, (p, _) in enumerate(BLOCKS)])
def test_every_command_in_a_block_of_the_docs_runs(sandbox, page, line, monkeypatch, capfd):
    monkeypatch.chdir(sandbox)
    code = main(smaller(line))
    told = capfd.readouterr()
    assert code == 0, f"{line}\n{told.out[-1000:]}\n{told.err[-2000:]}"
    assert "Traceback" not in told.err


def inline_commands(page: Path) -> list[str]:
    """Commands within sentences; `[--set a=b|c]` is an option that may be left out, `…` stands for anything."""
    text = re.sub(r"```.*?```", "", page.read_text(encoding="utf-8"), flags=re.S)
    return [re.sub(r"[\[\]]|\s\|\s", " ", c.replace("\n", " ")) for c in re.findall(r"`(tidegauge [^`]+)`", text)]


@pytest.mark.parametrize("page", PAGES, ids=lambda p: str(p.relative_to(ROOT)))
def test_commands_in_sentences_name_real_options_measures_and_columns(page):
    for command in inline_commands(page):
        words = command.split()
        if len(words) < 2 or words[1].startswith("-"):
            continue
        assert words[1] in COMMANDS, command
        known = {o for p in COMMANDS[words[1]].params for o in p.opts}
        assert {w.split("=")[0] for w in words if w.startswith("-")} <= known, command
        if words[1] == "measure" and len(words) > 2 and not words[2].startswith("-"):
            m = measures()[words[2]]
            pairs = list(itertools.pairwise(words))
            for column in {c for w, given in pairs if w == "--by" for c in given.split(",")}:
                assert column in m.by, f"{command}: {column}"
            for option in {given.split("=")[0] for w, given in pairs if w == "--set"}:
                assert option in m.options, f"{command}: {option}"


@pytest.mark.parametrize("page", PAGES, ids=lambda p: str(p.relative_to(ROOT)))
def test_commands_in_the_docs_exist_with_their_options(page):
    for line in shell_lines(page):
        words = shlex.split(line)
        if words[0] != "tidegauge":
            continue
        assert words[1] in COMMANDS or words[1].startswith("--"), line
        if words[1].startswith("--"):
            continue
        known = {o for p in COMMANDS[words[1]].params for o in p.opts}
        for word in words[2:]:
            if word.startswith("-") and not re.fullmatch(r"-?\d+(\.\d+)?", word):
                assert word.split("=")[0] in known, f"{line}: {word}"


def test_the_two_readmes_hold_the_same_commands():
    english, chinese = (
        [line.replace(" --lang zh", "") for line in shell_lines(ROOT / name)]
        for name in ("README.md", "README.zh-CN.md")
    )
    assert english == chinese


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_help_in_both_languages_with_an_example(name):
    text = COMMANDS[name].help or ""
    assert "xample" in text, f"{name}: no example"
    assert re.search(r"[\u4e00-\u9fff]", text), f"{name}: no Chinese"


@pytest.mark.parametrize("page", PAGES, ids=lambda p: str(p.relative_to(ROOT)))
def test_links_and_pictures_of_the_docs_lead_somewhere(page):
    for target in re.findall(r"\]\(([^)#]+?)(?:#[^)]*)?\)", page.read_text(encoding="utf-8")):
        if not target.startswith(("http://", "https://", "mailto:")):
            assert (page.parent / target).exists(), f"{page.name}: {target}"


def test_every_measure_has_a_method_page_with_its_reference():
    for name, m in measures().items():
        page = ROOT / "docs" / "methods" / f"{name}.md"
        assert page.exists(), f"docs/methods/{name}.md is missing"
        assert m.explanation.reference
        for text in (m.explanation.question, m.explanation.assumptions, m.explanation.limits):
            assert text.zh
            assert text.en


def test_every_source_has_a_page():
    pages = " ".join(p.read_text(encoding="utf-8") for p in (ROOT / "docs" / "sources").glob("*.md"))
    for name in sources():
        assert f"`{name}`" in pages, f"docs/sources says nothing of the reader `{name}`"
