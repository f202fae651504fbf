"""Robyn's simulated weekly table, read without a mapping file."""

from __future__ import annotations

import polars as pl
import pytest

import tidegauge as tg

pytestmark = pytest.mark.exam


def test_robyns_own_table_is_read_as_it_is(tmp_path, shared_data):
    file = shared_data / "mmm" / "robyn_simulated_weekly.csv"
    ws = tg.init(tmp_path / "ws")
    (done,) = ws.ingest(file).files
    assert (done.reader, done.state, done.rejected) == ("robyn", "done", 0)
    weekly = pl.read_csv(file)
    with ws.tables() as tables:
        spend, outcomes = tables.frame(tables["spend"]), tables.frame(tables["outcomes"])
    assert spend.height == 5 * weekly.height
    for stream in ("tv", "ooh", "print", "facebook", "search"):
        own = spend.filter(pl.col("stream") == stream)
        assert own["cost"].sum() == pytest.approx(weekly[f"{stream}_S"].sum())
    seen = spend.filter(pl.col("stream") == "facebook")["impressions"]
    assert seen.sum() == pytest.approx(weekly["facebook_I"].sum())
    values = dict(outcomes.group_by("metric").agg(pl.col("value").sum()).rows())
    assert values["sales"] == pytest.approx(weekly["revenue"].sum())
    assert values["control:competitor_sales"] == pytest.approx(weekly["competitor_sales_B"].sum())
    assert values["exposure:search_clicks_P"] == pytest.approx(weekly["search_clicks_P"].sum())
    assert {m for m in values if m.startswith("control:events=")} == {"control:events=event1", "control:events=event2"}
    assert set(spend["brand"]) == {"robyn_simulated_weekly"}
