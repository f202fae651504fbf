"""The forecast of a counter: calibrated on data from its own kind of world, blind to the future, never NaN."""

from __future__ import annotations

import datetime as dt

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tidegauge.creators.cumulative import daily_counter, gap_limit, views_between
from tidegauge.creators.level_features import features
from tidegauge.creators.scoring import LEVELS, covered, crps, interval, pinball
from tidegauge.creators.view_model import forecast_added

START = dt.date(2026, 1, 5)


def panel(creators: int, days: int, *, seed: int, every: int = 1, missing: float = 0.0) -> pl.DataFrame:
    """Creators with a level, a drift, bursts and silence; a fifth of them stop on the way."""
    rng = np.random.default_rng(seed)
    level = rng.normal(4.0, 2.0, creators)[:, None] + np.cumsum(rng.normal(0, 0.04, (creators, days)), axis=1)
    burst = rng.exponential(0.6, (creators, days)) * (rng.random((creators, days)) < 0.3)
    rate = np.exp(level + burst + rng.normal(0, 0.4, (creators, days)))
    stop = np.where(rng.random(creators) < 0.2, rng.integers(5, days, creators), days)
    rate[np.arange(days)[None, :] >= stop[:, None]] = 0.0
    total = np.cumsum(rng.poisson(rate), axis=1) + 1000
    keep = (np.arange(days)[None, :] % every == 0) & (rng.random((creators, days)) >= missing)
    who, day = np.nonzero(keep)
    return pl.DataFrame(
        {
            "creator": [f"c{i:05d}" for i in who],
            "date": [START + dt.timedelta(days=int(d)) for d in day],
            "total": total[who, day],
            "followers": np.exp(level[who, 0] + 4).astype(int),
        }
    )


def counters(frame: pl.DataFrame):
    views = daily_counter(frame, key="creator", day="date", count="total")
    return views, daily_counter(frame, key="creator", day="date", count="followers", keys=views.keys)


@pytest.mark.parametrize(("every", "missing", "creators"), [(1, 0.0, 400), (1, 0.4, 400), (3, 0.0, 400), (1, 0.0, 80)])
def test_80_percent_intervals_cover_about_80_percent_of_later_weeks(every, missing, creators):
    views, followers = counters(panel(creators, 77, seed=4, every=every, missing=missing))
    hits = []
    for origin in (55, 69):
        found = forecast_added(views, followers, np.zeros(creators, int), origin=origin, horizon_days=7)
        y = np.log1p(views_between(views, origin, origin + 7, gap_limit(views)))
        ok = ~np.isnan(y)
        hits.append(covered(found.quantiles[ok], y[ok]))
    share = np.concatenate(hits).mean()
    assert 0.74 < share < 0.88


def test_ten_days_of_history_learn_a_shorter_horizon_and_stretch_it():
    hits = []
    for seed in (4, 5):
        views, followers = counters(panel(400, 20, seed=seed))
        found = forecast_added(views, followers, np.zeros(400, int), origin=10, horizon_days=7)
        hits.append(covered(found.quantiles, np.log1p(views_between(views, 10, 17, 2.0))))
    assert 0.74 < np.concatenate(hits).mean() < 0.86


def test_a_handful_of_quiet_weeks_narrows_the_published_spread():
    frame = panel(2, 20, seed=1).with_columns(total=1000 + 700 * ((pl.col("date") - START).dt.total_days()))
    views, followers = counters(frame)
    found = forecast_added(views, followers, np.zeros(2, int), origin=13, horizon_days=7)
    low, high = interval(found.quantiles, 0.8)
    assert set(found.basis) == {"prior"}
    assert (high - low < 0.85 * 2 * 1.638 * 0.75).all()
    assert found.quantiles[0, 50] == pytest.approx(np.log1p(4900), abs=0.1)


def test_it_beats_last_week_again_in_crps():
    views, followers = counters(panel(500, 63, seed=9))
    origin = 55
    y = np.log1p(views_between(views, origin, origin + 7, 2.0))
    ours = forecast_added(views, followers, np.zeros(500, int), origin=origin, horizon_days=7).quantiles
    last = np.log1p(views_between(views, origin - 7, origin, 2.0))
    assert crps(ours, y).mean() < 0.8 * np.abs(y - last).mean()


def test_what_happens_after_the_origin_changes_nothing():
    frame = panel(200, 50, seed=2)
    cut = START + dt.timedelta(days=40)
    later = frame.with_columns(pl.when(pl.col("date") > cut).then(pl.col("total") * 3).otherwise(pl.col("total")))
    found = [
        forecast_added(*counters(f), np.zeros(200, int), origin=40, horizon_days=7).quantiles for f in (frame, later)
    ]
    assert np.array_equal(found[0], found[1])


def test_interpolation_never_reaches_across_the_origin():
    frame = pl.DataFrame(
        {"creator": ["a"] * 3, "date": [START + dt.timedelta(days=d) for d in (0, 4, 10)], "total": [0, 40, 1000]}
    )
    views = daily_counter(frame, key="creator", day="date", count="total")
    known = views.until(7)
    assert np.isnan(known.count[0, 5:]).all()
    assert known.count[0, 2] == 20
    none = daily_counter(
        frame.with_columns(followers=None), key="creator", day="date", count="followers", keys=views.keys
    )
    assert np.allclose(features(views, none, 7), features(known, none, 7), equal_nan=True)


def test_a_window_without_observed_ends_is_no_truth_and_a_fall_is_zero():
    days = [0, 1, 2, 3, 4, 20, 21, 22]
    counts = [10, 20, 30, 25, 26, 400, 410, 420]
    frame = pl.DataFrame({"k": ["a"] * 8, "d": [START + dt.timedelta(days=x) for x in days], "n": counts})
    views = daily_counter(frame, key="k", day="d", count="n")
    assert gap_limit(views) == 2.0
    assert views_between(views, 0, 4, 2.0)[0] == 16
    assert views_between(views, 2, 3, 2.0)[0] == 0
    assert np.isnan(views_between(views, 4, 11, 2.0)[0])
    assert np.isnan(views_between(views, 20, 40, 2.0)[0])


def test_a_reading_that_is_taken_back_is_no_fall_and_one_that_stays_is():
    readings = {"dip": [100, 110, 50, 130], "zero": [100, 0, 0, 130], "stays": [100, 60, 61, 62]}
    rows = [(k, START + dt.timedelta(days=d), n) for k, counts in readings.items() for d, n in enumerate(counts)]
    views = daily_counter(pl.DataFrame(rows, schema=["k", "d", "n"], orient="row"), key="k", day="d", count="n")
    found = dict(zip(views.keys, views.count.tolist(), strict=True))
    assert found["dip"] == [100, 110, 120, 130]
    assert found["zero"] == pytest.approx([100, 110, 120, 130])
    assert found["stays"][2:] == [61, 62]
    known = views.until(1)  # what comes later says nothing about a reading
    assert known.count[known.keys.to_list().index("stays")].tolist()[0] == 100
    assert np.isnan(known.count[known.keys.to_list().index("dip")]).sum() == 0


@settings(max_examples=25, deadline=None)
@given(
    st.lists(
        st.tuples(st.integers(0, 4), st.integers(0, 30), st.one_of(st.none(), st.integers(0, 10**12))),
        min_size=1,
        max_size=40,
    ),
    st.integers(0, 30),
    st.sampled_from([7, 30]),
)
def test_any_panel_gives_finite_rising_quantiles(rows, origin, horizon):
    frame = pl.DataFrame(
        {
            "creator": [f"c{a}" for a, _, _ in rows],
            "date": [START + dt.timedelta(days=d) for _, d, _ in rows],
            "total": pl.Series([n for _, _, n in rows], dtype=pl.Int64),
            "followers": pl.Series([None] * len(rows), dtype=pl.Int64),
        }
    )
    views, followers = counters(frame)
    if views.days == 0:
        return
    n = len(views.keys)
    found = forecast_added(views, followers, np.zeros(n, int), origin=min(origin, views.days - 1), horizon_days=horizon)
    assert np.isfinite(found.quantiles).all()
    assert (np.diff(found.quantiles, axis=1) >= 0).all()
    assert (found.quantiles >= 0).all()


def test_creators_seen_once_and_never_get_wider_intervals():
    frame = panel(300, 45, seed=3)
    once = pl.DataFrame(
        {
            "creator": ["z1", "z0"],
            "date": [START + dt.timedelta(days=40)] * 2,
            "total": [5000, None],
            "followers": [3000, None],
        }
    )
    views, followers = counters(pl.concat([frame, once.cast(frame.schema)]))
    found = forecast_added(views, followers, np.zeros(302, int), origin=44, horizon_days=7)
    low, high = interval(found.quantiles, 0.8)
    named = dict(zip(views.keys, zip(found.basis, high - low, strict=True), strict=True))
    typical = np.median(high - low)
    assert named["z1"][0] == "size"
    assert named["z0"][0] == "population"
    assert named["z1"][1] > typical
    assert named["z0"][1] > typical


def test_crps_of_a_point_is_its_absolute_error_and_pinball_rewards_the_truth():
    y = np.array([1.0, 3.0])
    point = np.repeat(np.array([[2.0], [2.5]]), len(LEVELS), axis=1)
    assert crps(point, y) == pytest.approx([1.0, 0.5])
    sample = np.random.default_rng(1).normal(size=20_000)
    right = np.quantile(sample, LEVELS)[None, :].repeat(2000, axis=0)
    losses = [pinball(right * k, sample[:2000]).mean() for k in (0.5, 1.0, 2.0)]
    assert losses[1] < losses[0]
    assert losses[1] < losses[2]
