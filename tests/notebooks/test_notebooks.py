"""The example notebooks run, and what they show is what the objects hold."""

from __future__ import annotations

import importlib.util
import os
from pathlib import Path
from typing import Any

import altair as alt
import pytest

import tidegauge as tg
from tidegauge.twin import canonical, grow

FOLDER = Path(__file__).parents[2] / "examples" / "notebooks"
nbformat = pytest.importorskip("nbformat")
nbclient = pytest.importorskip("nbclient")
pytest.importorskip("marimo")


@pytest.fixture(scope="module")
def ws(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The notebooks' artificial ecosystem, made once for both."""
    place = tmp_path_factory.mktemp("notebooks") / "ws"
    tg.init(place).load(canonical(grow(creators=300, days=45, seed=1)))
    return place


@pytest.fixture(scope="module")
def cells(ws: Path) -> list[Any]:
    """The code cells of the Jupyter notebook after a run in a kernel of its own."""
    book = nbformat.read(FOLDER / "ecosystem_and_creators.ipynb", as_version=4)
    client = nbclient.NotebookClient(book, timeout=300, kernel_name="python3", resources={})
    before = os.environ.get("TIDEGAUGE_WS")
    os.environ["TIDEGAUGE_WS"] = str(ws)
    try:
        client.execute()
    finally:
        os.environ.pop("TIDEGAUGE_WS") if before is None else os.environ.update(TIDEGAUGE_WS=before)
    return [c for c in book.cells if c.cell_type == "code"]


def shown(cell: Any, kind: str = "text/html") -> str:
    (output,) = cell.outputs
    return "".join(output["data"].get(kind, ""))


def test_every_cell_gives_a_result_and_writes_no_error(cells):
    assert len(cells) == 9
    for cell in cells:
        assert [o.output_type for o in cell.outputs] == ["execute_result"], cell.source


def test_a_measure_a_page_and_an_explanation_show_themselves(cells):
    assert 'class="tidegauge"' in shown(cells[1])
    assert "<svg" in shown(cells[1])
    assert "vega" in shown(cells[3])
    assert "Formula" in shown(cells[4])
    assert "公式" in shown(cells[4])
    page = shown(cells[7])
    assert "合理价" in page
    assert "Views of the next post" in page


def test_the_notebook_tells_the_workspaces_figures(cells, ws):
    tiers = tg.open(ws).measure("tiers", by="platform")
    assert tiers._repr_html_().split("<small>")[0] == shown(cells[5]).split("<small>")[0]
    ranking, page = shown(cells[6]), shown(cells[7])
    name = page.split('class="message">')[1].split(" ")[0]
    assert name in ranking


def test_the_stored_notebook_carries_no_outputs(cells):
    stored = nbformat.read(FOLDER / "ecosystem_and_creators.ipynb", as_version=4)
    assert len(cells) == sum(c.cell_type == "code" for c in stored.cells)
    assert not [c for c in stored.cells if c.get("outputs")]
    nbformat.validate(stored)


def test_the_marimo_notebook_plans_twice_and_compares(ws, monkeypatch):
    monkeypatch.setenv("TIDEGAUGE_WS", str(ws))
    made = importlib.util.spec_from_file_location("brief_to_plan", FOLDER / "brief_to_plan.py")
    assert made is not None
    assert made.loader is not None
    module = importlib.util.module_from_spec(made)
    made.loader.exec_module(module)
    _, found = module.app.run()
    free, capped = found["plan"], found["capped"]
    assert free.picks.height > 5
    assert free.cost <= free.budget
    # A cap can cost people, never bring them; the proven bounds allow for what the search leaves open.
    assert capped.reach.value <= free.upper_bound + 1e-6
    assert found["douyin_share"] <= 0.30 + 1e-9
    assert found["compared"].height == 2
    assert all(capped.constraints.get_column("kept"))
    assert isinstance(free.plot(), alt.TopLevelMixin)
