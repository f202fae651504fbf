"""The documentation is true: every command of the README runs, every command elsewhere exists with its options."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from typer.main import get_command

from tidegauge.cli import app
from tidegauge.measure.registry import measures
from tidegauge.sources.registry import sources

ROOT = Path(__file__).parents[1]
COMMANDS = get_command(app).commands
PAGES = [ROOT / "README.md", ROOT / "README.zh-CN.md", *sorted((ROOT / "docs").rglob("*.md"))]
#: The README's artificial ecosystem takes half a minute; the test runs the same commands on a smaller one.
SMALLER = {"--creators 2000": "--creators 300", "--days 60": "--days 30"}


def shell_lines(page: Path) -> list[str]:
    blocks = re.findall(r"```sh\n(.*?)```", page.read_text(encoding="utf-8"), re.S)
    return [line.split("  #")[0].strip() for block in blocks for line in block.splitlines() if line.strip()]


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("readme")
    (place / "examples").symlink_to(ROOT / "examples")
    return place


def test_every_command_of_the_readme_runs_and_then_its_python(sandbox):
    lines = [line for line in shell_lines(ROOT / "README.md") if line.startswith("tidegauge ")]
    assert len(lines) > 5
    for line in lines:
        small = line
        for full, less in SMALLER.items():
            small = small.replace(full, less)
        words = [
            sys.executable,
            "-c",
            "import sys; from tidegauge.cli import main; sys.exit(main())",
            *shlex.split(small)[1:],
        ]
        done = subprocess.run(words, cwd=sandbox, capture_output=True, text=True, timeout=600, check=False)
        assert done.returncode == 0, f"{line}\n{done.stderr[-2000:]}"
        assert "Traceback" not in done.stderr
    (code,) = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(encoding="utf-8"), re.S)
    done = subprocess.run([sys.executable, "-c", code], cwd=sandbox, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    assert (sandbox / "out").exists()


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
