"""The command from workspace to JSON, report and kept posterior; the look back beats a naive forecast."""

from __future__ import annotations

import datetime as dt
import json
from pathlib import Path

import numpy as np
import polars as pl
import pytest

import tidegauge as tg
from tidegauge.cli import main
from tidegauge.response.backtest import backtest
from tidegauge.response.history import make_history
from tidegauge.response.posterior import Form
from tidegauge.response.run import kept_posterior
from tidegauge.twin.market import market_history

pytest.importorskip("nutpie")


@pytest.fixture(scope="module")
def workspace(tmp_path_factory):
    place = tmp_path_factory.mktemp("respond") / "ws"
    market = market_history(2, streams=2, weeks=80)
    starts = pl.Series(market.weeks)
    span = {"brand": "拟海", "period_start": starts, "period_end": starts.dt.offset_by("6d"), "geo": ""}
    spend = [pl.DataFrame({**span, "stream": s, "cost": market.spend[:, i]}) for i, s in enumerate(market.streams)]
    outcomes = [
        pl.DataFrame({**span, "metric": k, "value": np.asarray(market.outcomes[k], dtype=float)})
        for k in ("sales", "search_index", "control:holiday")
    ]
    done = tg.init(place).load({"spend": pl.concat(spend), "outcomes": pl.concat(outcomes)})
    assert done.error is None
    return place


def test_respond_tells_json_keeps_the_posterior_and_writes_the_report(workspace, tmp_path, capsys):
    out = tmp_path / "out"
    code = main(["respond", "-w", str(workspace), "--draws", "60", "-o", str(out), "--json"])
    document = json.loads(capsys.readouterr().out)
    assert code == 0
    assert len(document["streams"]) == 2
    assert document["brand_stock"]["series"] == ["search_index"]
    assert kept_posterior(workspace, "拟海").history.periods == 80
    page = (out / "response.html").read_text(encoding="utf-8")
    assert "短期回报" in page
    assert "Short ROI" in page
    assert {"html", "xlsx", "pptx"} == set(document["files"])


def test_the_report_tells_a_kept_response_of_the_same_data_alone(workspace, tmp_path):
    ws = tg.Workspace(workspace)
    if not (workspace / "response").exists():
        ws.respond(draws=60, chains=2)
    page = Path(ws.report(tmp_path / "same")["html"]).read_text(encoding="utf-8")
    for word in ("短期回报", "Short ROI", "长期回报", "Long ROI", "R-hat", "结论", "Verdict"):
        assert word in page
    rows = {"brand": "拟海", "stream": "new", "period_start": [dt.date(2024, 12, 30)],
            "period_end": [dt.date(2025, 1, 5)], "geo": "", "cost": 1e5}  # fmt: skip
    assert ws.load({"spend": pl.DataFrame(rows)}).error is None
    page = Path(ws.report(tmp_path / "other")["html"]).read_text(encoding="utf-8")
    assert "Short ROI" not in page
    assert "the data have changed since it was fitted" in page


def test_a_workspace_without_sales_says_what_is_missing(tmp_path, capsys):
    tg.init(tmp_path / "ws")
    assert main(["respond", "-w", str(tmp_path / "ws"), "--json"]) == 1
    error = json.loads(capsys.readouterr().out)["error"]
    assert "no outcome 'sales'" in error["message"]
    assert error["mend"]


def test_a_wrong_word_is_wrong_usage(workspace, capsys):
    assert main(["respond", "-w", str(workspace), "--adstock", "weibull"]) == 2
    assert "geometric or delayed" in " ".join(capsys.readouterr().err.split())


def test_the_look_back_beats_the_naive_forecast_where_spend_drives_sales():
    rng = np.random.default_rng(7)
    days = np.datetime64("2022-01-03") + 7 * np.arange(130)
    x = rng.gamma(1.5, 1.0, (130, 1)) * (rng.random((130, 1)) < 0.5)
    y = 100 + 30 * np.tanh(x[:, 0]) + rng.normal(0, 2, 130)
    found = backtest(make_history(days, ["a"], x, y), Form(festivals=False), folds=2, ahead=10, draws=100)
    assert len(found.folds) == 2
    assert found.skill > 0.5
    assert 0.6 <= found.covered <= 1.0
    assert all(f.error < f.error_naive for f in found.folds)


def test_core_does_not_import_the_sampler():
    import subprocess
    import sys

    code = "import sys, tidegauge, tidegauge.cli, tidegauge.response.posterior, tidegauge.response.run; " \
        "assert not {'nutpie', 'jax', 'numpyro', 'arviz'} & set(sys.modules)"  # fmt: skip
    subprocess.run([sys.executable, "-c", code], check=True)
