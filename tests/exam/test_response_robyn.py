"""The shared weekly table: fit, diagnostics and look back on real-looking data."""

from __future__ import annotations

import json

import numpy as np
import polars as pl
import pytest

from tidegauge.response.history import make_history
from tidegauge.response.run import respond_to

pytest.importorskip("nutpie")


@pytest.mark.exam
def test_the_shared_weekly_table_is_read_with_a_verdict(shared_data):
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
