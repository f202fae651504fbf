"""From canonical tables to arrays: grids, regions, placements, festivals, names of streams."""

from __future__ import annotations

import datetime as dt

import numpy as np
import polars as pl
import pytest

from tidegauge.errors import MeasureError
from tidegauge.response.backtest import crps, seasonal_naive
from tidegauge.response.festivals import festival_columns, spring_festival
from tidegauge.response.history import make_history
from tidegauge.response.history_tables import history
from tidegauge.response.streams import groupings, levels

FIRST = dt.date(2025, 1, 6)


def spend_rows(weeks=20, geo="", stream="douyin/mid/KOL/short_video", cost=700.0, brand="甲"):
    days = [FIRST + dt.timedelta(weeks=w) for w in range(weeks)]
    return pl.DataFrame(
        {
            "brand": brand,
            "stream": stream,
            "period_start": days,
            "period_end": [d + dt.timedelta(days=6) for d in days],
            "geo": geo,
            "cost": [cost] * weeks,
        }
    )


def outcome_rows(metric="sales", weeks=20, geo="", value=1000.0, step=7, brand="甲"):
    days = [FIRST + dt.timedelta(days=step * w) for w in range(weeks * 7 // step)]
    return pl.DataFrame(
        {
            "brand": brand,
            "metric": metric,
            "period_start": days,
            "period_end": [d + dt.timedelta(days=step - 1) for d in days],
            "geo": geo,
            "value": [value + i for i in range(len(days))],
        }
    )


def test_weekly_tables_become_arrays(make_tables):
    tables = make_tables(
        {
            "spend": pl.concat([spend_rows(), spend_rows(stream="tv", cost=70.0)]),
            "outcomes": pl.concat(
                [outcome_rows(), outcome_rows("search_index", value=50.0), outcome_rows("control:price")]
            ),
        }
    )
    h = history(tables)
    assert (h.brand, h.periods, h.period_days) == ("甲", 20, 7.0)
    assert h.streams == ("douyin/mid/KOL/short_video", "tv")
    assert h.spend[0, :, 0] == pytest.approx(np.full(20, 700.0))
    assert h.outcome[0] == pytest.approx(1000.0 + np.arange(20))
    assert list(h.brand_series) == ["search_index"]
    assert list(h.controls) == ["price"]
    assert h.provenance is not None
    assert h.provenance.ingests


def test_daily_outcomes_meet_weekly_spend_in_either_grid(make_tables):
    tables = make_tables({"spend": spend_rows(), "outcomes": outcome_rows(step=1, value=10.0)})
    daily, weekly = history(tables), history(tables, freq="W")
    assert daily.period_days == 1
    assert daily.spend[0, :, 0] == pytest.approx(np.full(140, 100.0))
    assert weekly.periods == 20
    assert weekly.outcome[0, 0] == pytest.approx(sum(10.0 + i for i in range(7)))
    assert weekly.spend.sum() == pytest.approx(daily.spend.sum())


def test_a_missing_week_is_a_gap_and_a_half_week_is_no_week(make_tables):
    rows = outcome_rows(step=1, value=10.0)
    rows = rows.filter(~pl.col("period_start").is_between(dt.date(2025, 2, 3), dt.date(2025, 2, 5)))
    h = history(make_tables({"spend": spend_rows(), "outcomes": rows}), freq="W")
    assert np.flatnonzero(np.isnan(h.outcome[0])).tolist() == [4]
    assert any("missing" in n.en for n in h.notes)


def test_regions_stay_apart_only_where_both_sides_have_them(make_tables):
    spend = pl.concat([spend_rows(geo="north"), spend_rows(geo="south", cost=300.0)])
    outcomes = pl.concat([outcome_rows(geo="north"), outcome_rows(geo="south", value=500.0)])
    tables = make_tables({"spend": spend, "outcomes": outcomes})
    assert history(tables).geos == ("north", "south")
    nation = history(tables, regional=False)
    assert nation.outcome[0, 0] == pytest.approx(1500.0)
    assert nation.spend[0, 0, 0] == pytest.approx(1000.0)
    national_spend = history(make_tables({"spend": spend_rows(), "outcomes": outcomes}))
    assert national_spend.geos == ("",)
    assert any("Spend is national" in n.en for n in national_spend.notes)


def test_placements_stand_in_for_spend(make_tables):
    when = [dt.datetime(2025, 1, 7 + i % 20, 12, tzinfo=dt.UTC) for i in range(30)]
    creators = pl.DataFrame(
        {"creator_id": ["douyin:1"], "platform": ["douyin"], "native_id": ["1"], "first_seen_at": [when[0]]}
    )
    snaps = pl.DataFrame({"creator_id": ["douyin:1"], "observed_at": [when[0]], "followers": [80_000]})
    placements = pl.DataFrame(
        {
            "campaign_id": "c",
            "brand": "甲",
            "creator_id": "douyin:1",
            "post_id": [f"douyin:p{i}" for i in range(30)],
            "format": "short_video",
            "role": "KOL",
            "stage": "discover",
            "cost": 50.0,
            "published_at": when,
        }
    )
    h = history(
        make_tables(
            {"creators": creators, "creator_snapshots": snaps, "placements": placements, "outcomes": outcome_rows()}
        )
    )
    assert h.streams == ("douyin/mid/KOL/short_video/discover",)
    assert h.spend.sum() == pytest.approx(1500.0)


def test_what_is_not_there_is_told(make_tables):
    tables = make_tables({"spend": spend_rows(), "outcomes": pl.concat([outcome_rows(), outcome_rows(brand="乙")])})
    with pytest.raises(MeasureError, match="several brands"):
        history(tables)
    with pytest.raises(MeasureError, match="no outcome 'orders'"):
        history(tables, metric="orders")
    with pytest.raises(MeasureError, match="neither spend nor"):
        history(tables, brand="乙")


def test_spring_festival_moves_with_the_moon():
    assert [spring_festival(y).isoformat() for y in (2001, 2023, 2025, 2033)] == [
        "2001-01-24", "2023-01-22", "2025-01-29", "2033-01-31",
    ]  # fmt: skip
    days = np.datetime64("2025-01-06") + 7 * np.arange(52)
    found = festival_columns(days, 7)
    assert np.flatnonzero(found["spring"]).tolist() == [3, 4]
    assert found["spring"].sum() * 7 == pytest.approx(7)
    assert found["double_11"].sum() * 7 == pytest.approx(19)
    assert "spring" not in festival_columns(days[20:40], 7)


def test_streams_are_taken_apart_and_grouped():
    assert levels("xhs/nano/KOC/image_text/advocate").platform == "xiaohongshu"
    assert levels("Search ads").platform == "search ads"
    names = ("douyin/mid/KOL", "douyin/nano/KOL", "xhs/mid/KOC")
    (found,) = groupings(names, ("platform", "platform+tier"))
    assert found.names == ("douyin", "xiaohongshu")
    assert found.index.tolist() == [0, 0, 1]
    assert groupings(("tv", "radio"), ("platform", "role")) == ()


def test_a_forecast_hides_what_came_and_keeps_what_was_planned():
    days = np.datetime64("2024-01-01") + 7 * np.arange(30)
    rng = np.random.default_rng(0)
    h = make_history(days, ["a"], rng.random((30, 1)), rng.random(30), brand_series={"mentions": rng.random(30)})
    hidden = h.hidden_after(20)
    assert np.isnan(hidden.outcome[0, 20:]).all()
    assert np.isnan(hidden.brand_series["mentions"][0, 20:]).all()
    assert (hidden.spend == h.spend).all()
    assert h.until(20).periods == 20


def test_crps_of_a_sample_is_its_definition():
    rng = np.random.default_rng(1)
    draws, y = rng.standard_normal((60, 3)), np.array([0.0, 1.0, -2.0])
    for i in range(3):
        d = draws[:, i]
        plain = np.abs(d - y[i]).mean() - 0.5 * np.abs(d[:, None] - d[None]).mean()
        assert crps(draws, y)[i] == pytest.approx(plain)


def test_the_naive_forecast_repeats_last_year():
    past = np.tile(np.arange(52.0), 3)
    made = seasonal_naive(past, 4, 7, np.random.default_rng(0))
    assert (made == np.arange(4.0)).all()
