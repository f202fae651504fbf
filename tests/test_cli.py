"""The command line: stable shapes, exit codes 0/1/2, errors that tell the mend, nothing but JSON on stdout."""

from __future__ import annotations

import datetime as dt
import json

import polars as pl
import pytest

import tidegauge as tg
from tidegauge.cli import main

DAY = dt.datetime(2026, 3, 1, tzinfo=dt.UTC)


@pytest.fixture
def ws(tmp_path):
    """A workspace with forty accounts on two platforms, observed twice."""
    n = 40
    ids = [f"{p}:{i}" for p in ("bilibili", "weibo") for i in range(n // 2)]
    made = tg.init(tmp_path / "ws")
    made.load(
        {
            "creators": pl.DataFrame(
                {"creator_id": ids, "platform": [i.split(":")[0] for i in ids],
                 "native_id": [i.split(":")[1] for i in ids],
                 "category": ["beauty", "tech"] * (n // 2), "first_seen_at": [DAY] * n}
            ),
            "creator_snapshots": pl.DataFrame(
                {"creator_id": ids * 2, "observed_at": [DAY] * n + [DAY + dt.timedelta(days=40)] * n,
                 "followers": [1000 * (i + 1) ** 2 for i in range(n)] + [1100 * (i + 1) ** 2 for i in range(n)]}
            ),
        }
    )  # fmt: skip
    return str(tmp_path / "ws")


def run(capsys, *args):
    code = main([*args, "--json"])
    out = capsys.readouterr().out
    return code, json.loads(out)


def test_status_has_its_stable_shape(ws, capsys):
    code, found = run(capsys, "status", "-w", ws)
    assert code == 0
    assert found["tables"]["creators"] == 40
    assert found["tables"]["creator_snapshots"] == 80
    assert found["rejects"] == {"total": 0, "by_reason": {}}
    assert {"path", "reader", "rows", "rejected"} <= set(found["ingests"][0])


def test_measure_has_its_stable_shape_and_at_gives_the_past(ws, capsys):
    code, found = run(capsys, "measure", "tiers", "-w", ws, "--by", "platform")
    assert code == 0
    assert found["measure"] == "tiers"
    assert {"value", "low", "high", "n", "unit", "platform"} <= set(found["rows"][0])
    assert {"ingests", "engine"} <= set(found["provenance"])
    snapshot = found["provenance"]["snapshot"]
    code, told = run(capsys, "measure", "tiers", "-w", ws, "--at", str(snapshot - 1))
    assert code == 1
    assert told["error"]["mend"]


def test_csv_carries_a_bom_and_a_chart_is_written(ws, tmp_path, capsys):
    assert main(["measure", "tiers", "-w", ws, "--format", "csv", "-o", str(tmp_path / "t.csv")]) == 0
    assert (tmp_path / "t.csv").read_bytes().startswith(b"\xef\xbb\xbf")
    assert main(["measure", "tiers", "-w", ws, "-o", str(tmp_path / "t.svg")]) == 0
    assert (tmp_path / "t.svg").read_text(encoding="utf-8").startswith("<svg")
    capsys.readouterr()


@pytest.mark.parametrize(
    ("args", "code", "kind"),
    [
        (["status", "-w", "/nowhere/ws"], 1, "WorkspaceError"),
        (["measure", "tides", "-w", "WS"], 1, "MeasureError"),
        (["measure", "tiers", "-w", "WS", "--by", "colour"], 1, "MeasureError"),
        (["measure", "tiers", "-w", "WS", "--from", "yesterday"], 2, "UsageError"),
        (["measure", "tiers", "-w", "WS", "--engine", "abacus"], 2, "UsageError"),
        (["measure", "tiers", "-w", "WS", "--set", "nonsense"], 2, "UsageError"),
        (["measure", "tiers", "-w", "WS", "--at", "999"], 1, "WorkspaceError"),
        (["plan", "/nowhere/brief.toml", "-w", "WS"], 1, "BriefError"),
        (["ingest", "/nowhere/data", "-w", "WS"], 1, "SourceError"),
        (["ingest", "README", "-w", "WS", "--as", "astrology"], 2, "UsageError"),
        (["statu", "-w", "WS"], 2, "UsageError"),
        (["status"], 2, "UsageError"),
        (["status", "-w", "WS", "--nonsense"], 2, "UsageError"),
    ],
)
def test_errors_are_told_with_their_mend_and_without_a_traceback(ws, capsys, args, code, kind):
    got = main([*(ws if a == "WS" else a for a in args), "--json"])
    caught = capsys.readouterr()
    told = json.loads(caught.out)["error"]
    assert (got, told["type"]) == (code, kind)
    assert told["message"]
    assert told["mend"]
    assert "Traceback" not in caught.err
    assert kind in caught.err


def test_a_second_init_and_ingest_change_no_count(ws, tmp_path, capsys):
    _, before = run(capsys, "status", "-w", ws)
    assert main(["init", ws]) == 0
    capsys.readouterr()
    _, after = run(capsys, "status", "-w", ws)
    assert after["tables"] == before["tables"]
