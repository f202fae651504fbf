"""A market's history is what its truth says: parts add up, returns follow from the parameters, worlds differ."""

from __future__ import annotations

from datetime import date

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tidegauge.errors import UsageError
from tidegauge.twin.brand import STREAMS, brand_traits, contribution_truth, stream_truth
from tidegauge.twin.market import adstock, draw_traits, geometric_adstock, holiday_lift, market_history, saturated
from tidegauge.twin.market_truth import true_gain, true_lift, true_returns


@settings(max_examples=25)
@given(
    seed=st.integers(0, 10_000),
    weeks=st.integers(1, 120),
    streams=st.integers(1, 20),
    geos=st.integers(1, 5),
    effect=st.sampled_from([0.0, 0.5, 2.0]),
    delayed=st.booleans(),
    saturation=st.sampled_from(["hill", "logistic"]),
)
def test_parts_add_up_to_sales_and_regions_to_the_nation(seed, weeks, streams, geos, effect, delayed, saturation):
    m = market_history(
        seed, weeks=weeks, streams=streams, geos=geos, brand_effect=effect, delayed=delayed, saturation=saturation
    )
    assert m.spend.shape == (weeks, streams)
    assert len(set(m.streams)) == streams
    assert np.sum(list(m.parts.values()), axis=0) == pytest.approx(m.outcomes["sales"])
    assert m.geo_sales.sum(axis=0) == pytest.approx(m.outcomes["sales"])
    assert m.geo_spend.sum(axis=0) == pytest.approx(m.spend)
    assert all(np.isfinite(v).all() for v in (*m.outcomes.values(), *m.parts.values(), m.stock))
    assert (m.stock >= 0).all()
    assert np.any(m.parts["brand"] > 0) == (effect > 0 and m.spend.any())


def test_the_same_seed_gives_the_same_history_and_another_another():
    a, b, c = market_history(5), market_history(5), market_history(6)
    assert np.array_equal(a.outcomes["sales"], b.outcomes["sales"])
    assert np.array_equal(a.spend, b.spend)
    assert not np.array_equal(a.outcomes["sales"], c.outcomes["sales"])


def test_returns_are_those_of_the_parameters():
    m = market_history(3, weeks=200, sales_noise=0.0)
    found = true_returns(m)
    assert found.roi_short * found.spend_cny == pytest.approx(
        np.array([m.parts[f"short:{s}"].sum() for s in m.streams])
    )
    # One more CNY in one week: its stock decays, and the sum of all later sales is the long return.
    later = m.effect * m.weight[:, None] * m.decay ** np.arange(3000)
    assert found.roi_long == pytest.approx(later.sum(axis=1), rel=1e-6)
    assert found.multiplier == pytest.approx(1.0 + found.roi_long / found.roi_short)
    # Inside the history less than all of the long return has come.
    assert (found.brand_cny < found.roi_long * found.spend_cny).all()


def test_a_constant_mean_spend_earns_the_trait_of_its_stream():
    m = market_history(8, delayed=True)
    steady = np.tile(m.traits.mean_cny, (300, 1))
    short = m.beta_cny * saturated(adstock(steady, m.traits) / m.half_cny, m.traits)
    assert short[-1] / m.traits.mean_cny == pytest.approx(m.traits.roi_at_mean, rel=1e-6)


def test_stages_differ_in_the_direction_assumed():
    long, short = {}, {}
    for seed in range(40):
        t = draw_traits(np.random.default_rng(seed), 12)
        for name, weight, roi in zip(t.names, t.brand_weight, t.roi_at_mean, strict=True):
            long.setdefault(name.split("/")[-1], []).append(weight)
            short.setdefault(name.split("/")[-1], []).append(roi)
    assert np.mean(long["discover"]) > 2 * np.mean(long["purchase"])
    assert np.mean(short["purchase"]) > 2 * np.mean(short["discover"])


def test_a_delayed_adstock_peaks_where_it_says_and_keeps_the_whole():
    t = draw_traits(np.random.default_rng(1), 8, delayed=True)
    pulse = np.zeros((60, 8))
    pulse[0] = 100.0
    out = adstock(pulse, t)
    late = t.peak_week > 0
    assert late.any()
    assert not late.all()
    assert np.argmax(out[:, late], axis=0) == pytest.approx(np.rint(t.peak_week[late]), abs=1)
    assert out.sum(axis=0) == pytest.approx(100.0 / (1.0 - t.carry), rel=1e-6)
    assert out[:, ~late] == pytest.approx(geometric_adstock(pulse, t.carry)[:, ~late])


def test_a_lift_test_sees_the_change_inside_its_window_and_a_test_of_nothing_sees_nothing():
    m = market_history(4, brand_effect=0.0)
    stream = m.streams[0]
    assert true_lift(m, stream, start=50, weeks=6, factor=1.0) == 0.0
    off = true_lift(m, stream, start=0, weeks=len(m.weeks), factor=0.0)
    assert off == pytest.approx(-m.parts[f"short:{stream}"].sum())
    assert true_lift(m, stream, start=50, weeks=6, factor=2.0) >= 0.0
    branded = market_history(4, brand_effect=2.0)
    whole = true_lift(branded, stream, start=0, weeks=len(m.weeks), factor=0.0)
    found = true_returns(branded)
    assert whole == pytest.approx(-(found.short_cny[0] + found.brand_cny[0]))


def test_a_plan_gains_by_the_horizon_what_its_stock_brings():
    m = market_history(4)
    one = np.zeros(8)
    one[2] = 50_000.0
    short, mid, long = (true_gain(m, one, flight_weeks=13, horizon_weeks=h) for h in (13, 52, 2000))
    assert short < mid < long
    bare = market_history(4, brand_effect=0.0)
    tail = long - true_gain(bare, one, flight_weeks=13, horizon_weeks=2000)
    assert tail == pytest.approx(13 * 50_000.0 * true_returns(m).roi_long[2], rel=1e-3)
    assert true_gain(m, np.zeros(8), flight_weeks=13, horizon_weeks=52) == 0.0


def test_demand_drifts_only_where_told_and_ties_spend_to_it():
    def tie(rho: float, walk: float) -> float:
        m = market_history(2, weeks=520, confounding=rho, demand_walk_year=walk)
        return float(np.corrcoef(m.spend.sum(axis=1), m.parts["demand"])[0, 1])

    assert tie(0.9, 0.2) > 0.45
    assert abs(tie(0.0, 0.0)) < 0.25
    still = market_history(2, weeks=520)
    moved = market_history(2, weeks=520, demand_walk_year=0.2)
    assert np.array_equal(still.spend > 0, moved.spend > 0)
    assert np.ptp(moved.parts["demand"]) > np.ptp(still.parts["demand"])


def test_search_shows_the_brand_alone_unless_told_otherwise():
    def follows(demand_in_search: float) -> float:
        m = market_history(9, weeks=400, demand_in_search=demand_in_search)
        seen = np.log(m.outcomes["search_index"] / (0.4 + m.stock / m.stock.mean()))
        return float(np.corrcoef(seen, m.parts["demand"])[0, 1])

    assert abs(follows(0.0)) < 0.2
    assert follows(0.3) > 0.8


@pytest.mark.parametrize(
    ("monday", "lift"),
    [
        (date(2025, 11, 10), 0.30),
        (date(2025, 6, 16), 0.22),
        (date(2026, 2, 16), 0.20),
        (date(2025, 9, 29), 0.10),
        (date(2025, 8, 4), 0.0),
    ],
)
def test_holidays_fall_into_their_weeks(monday, lift):
    assert holiday_lift(monday) == lift


def test_truth_tables_hold_what_the_response_model_estimates():
    m = market_history(1, streams=brand_traits())
    streams, weekly = stream_truth(m), contribution_truth(m)
    assert streams["stream"].to_list() == [s[0] for s in STREAMS]
    by_stream = weekly.drop("week").group_by("stream", maintain_order=True).sum()
    assert by_stream["short_cny"].to_numpy() == pytest.approx(streams["short_cny"].to_numpy())
    assert by_stream["brand_cny"].to_numpy() == pytest.approx(streams["brand_cny"].to_numpy())
    assert by_stream["spend_cny"].to_numpy() == pytest.approx(streams["spend_cny"].to_numpy())


@pytest.mark.parametrize(
    "wrong",
    [{"weeks": 0}, {"streams": 0}, {"geos": 0}, {"confounding": 1.5}, {"streams": 1000}, {"brand_half_life_weeks": 0}],
)
def test_what_no_market_can_be_is_refused(wrong):
    with pytest.raises(UsageError):
        market_history(1, **wrong)
