"""Commands about creators: advice, income, resonance, roles; one JSON document, or words in both languages."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tidegauge.cli import main
from tidegauge.twin import canonical, grow
from tidegauge.workspace.ingest import load_frames
from tidegauge.workspace.lake import create


@pytest.fixture(scope="module")
def ws(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("cli") / "ws"
    create(directory)
    done = load_frames(directory, canonical(grow(150, 70, seed=3)))
    assert done.error is None
    return directory


def ran(capsys, *words: str) -> str:
    code = main(list(words))
    told = capsys.readouterr()
    assert code == 0, told.err
    return told.out


def test_advice_is_one_document_and_a_page(ws, capsys, tmp_path):
    who = json.loads(ran(capsys, "creators", "-w", str(ws), "--limit", "1", "--json"))["rows"][0]["creator_id"]
    told = json.loads(ran(capsys, "creator", who, "-w", str(ws), "--advise", "-o", str(tmp_path / "a.html"), "--json"))
    assert {"standing", "gains", "crowded", "lines", "provenance"} <= set(told)
    assert all(t["zh"] and t["en"] for t in told["lines"])
    page = (tmp_path / "a.html").read_text(encoding="utf-8")
    assert "stand at percentile" in page
    assert "百分位" in page


def test_income_resonance_and_roles_answer_in_json_and_words(ws, capsys):
    spread = json.loads(ran(capsys, "income", "-w", str(ws), "--by", "", "--json"))
    assert {"gini", "lorenz", "median", "total"} <= {r["quantity"] for r in spread["rows"]}
    found = json.loads(ran(capsys, "resonance", "-w", str(ws), "--limit", "3", "--json"))
    assert set(found) >= {"works", "topics", "emotions", "shared"}
    assert len(found["works"]) <= 3
    rows = json.loads(ran(capsys, "roles", "-w", str(ws), "--role", "KOE", "--industry", "auto", "--json"))["rows"]
    assert {r["role"] for r in rows} == {"KOE"}
    assert {r["stage"] for r in rows} == {"discover", "consider", "purchase", "advocate"}
    assert "KOE" in ran(capsys, "roles", "-w", str(ws), "--role", "KOE", "--platform", "xiaoyuzhou", "--lang", "zh")


def test_wrong_words_are_refused_with_a_mend(ws, capsys):
    assert main(["creators", "-w", str(ws), "--role", "KOX", "--json"]) == 1
    assert "KOS" in json.loads(capsys.readouterr().out)["error"]["mend"]
    assert main(["income", "-w", str(ws), "--by", "mcn", "--json"]) == 1
    assert "tier" in json.loads(capsys.readouterr().out)["error"]["mend"]
