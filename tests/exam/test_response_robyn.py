"""The shared weekly table from end to end: fit, diagnostics, look back, budget split and report on realistic data."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from tidegauge.plan.briefs.brief import parse_brief
from tidegauge.plan.split.budget import split_budget
from tidegauge.report.looks import show_response, show_split
from tidegauge.response.history import make_history
from tidegauge.response.run import respond_to

pytest.importorskip("nutpie")


@pytest.mark.exam
def test_the_shared_weekly_table_is_read_split_and_reported(shared_data, tmp_path):
    frame = pl.read_csv(shared_data / "mmm" / "robyn_simulated_weekly.csv", null_values=["na"])
    streams = ["tv_S", "ooh_S", "print_S", "search_S", "facebook_S"]
    history = make_history(
        frame.get_column("DATE").to_numpy().astype("datetime64[D]"),
        streams,
        frame.select(streams).to_numpy(),
        frame.get_column("revenue").to_numpy(),
        controls={"competitor": frame.get_column("competitor_sales_B"), "newsletter": frame.get_column("newsletter")},
    )
    read = respond_to(history, folds=1, draws=300, chains=2)
    json.dumps(read.as_dict(), allow_nan=False, default=str)
    assert read.diagnostics.rhat_max < 1.05
    assert read.diagnostics.divergences <= 6
    assert 0.85 <= read.diagnostics.covered <= 0.99
    assert read.backtest is not None
    assert read.backtest.skill > 0.3
    spread = [s.roi_short.high / s.roi_short.low for s in read.streams]
    assert np.isfinite(spread).all()
    recent = float(history.spend[0, -12:].sum())
    split = split_budget(read.posterior, parse_brief(f"budget = {recent}\n[split]\nhorizon_weeks = 26\n"))
    assert set(split.streams["stream"]) == set(streams)
    assert 0 < split.spent <= recent * (1 + 1e-9)
    assert split.gap is not None
    assert split.gap < 0.01
    document, _ = show_response(read, tmp_path, "zh")
    page = Path(document["files"]["html"]).read_text(encoding="utf-8")
    assert all(word in page for word in (*streams, "短期回报", "Short ROI"))
    document, _ = show_split(split, tmp_path / "split", "en")
    assert {"html", "xlsx", "pptx"} <= set(document["files"])
