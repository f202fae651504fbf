"""A small fit, read: parts that sum, curves that agree with their definition, words for what cannot be known."""

from __future__ import annotations

import datetime as dt
import json

import numpy as np
import polars as pl
import pytest

from tidegauge.errors import MeasureError, UsageError
from tidegauge.response.diagnose import overlap, split_rhat_ess, verdict
from tidegauge.response.fit import fit, rescale
from tidegauge.response.history import LiftTest, make_history
from tidegauge.response.options import known_roi, make_form
from tidegauge.response.permanence import permanence
from tidegauge.response.posterior import Form, load_posterior, response_curve, save_posterior
from tidegauge.response.reading import read_response
from tidegauge.response.run import kept_posterior, posterior_path
from tidegauge.response.scaled import scale
from tidegauge.response.states import draw_parts
from tidegauge.twin.market import market_history
from tidegauge.twin.market_truth import true_returns

pytest.importorskip("nutpie")


@pytest.fixture(scope="module")
def market():
    return market_history(4, streams=3, weeks=120)


@pytest.fixture(scope="module")
def history(market):
    seen = market.outcomes
    outcome = seen["sales"].copy()
    outcome[[30, 31]] = np.nan
    return make_history(
        np.array(market.weeks, dtype="datetime64[D]"),
        market.streams,
        market.spend,
        outcome,
        brand_series={k: seen[k] for k in ("search_index", "awareness")},
        controls={"holiday": seen["control:holiday"], "demand": seen["control:demand_survey"]},
        brand="拟海",
    )


@pytest.fixture(scope="module")
def posterior(history):
    return fit(history, draws=150, tune=200, chains=2, seed=3)


@pytest.fixture(scope="module")
def read(posterior):
    return read_response(posterior, seed=3)


def test_parts_sum_to_the_outcome_in_every_draw(posterior, history):
    parts = draw_parts(rescale(posterior), posterior.flat("z", 20), np.random.default_rng(0))
    whole = parts.short.sum(axis=2) + parts.long.sum(axis=2) + sum(parts.blocks.values())
    assert whole == pytest.approx(parts.fitted.sum(axis=1), rel=1e-9)
    left = history.outcome[0] - parts.fitted[:, 0]
    # What is left over is noise around zero: no part was forgotten.
    assert abs(np.nanmean(left)) < 0.02 * np.nanmean(history.outcome)


def test_the_decomposition_adds_up_and_has_every_part(read, history):
    sums = read.decomposition.group_by("date").agg(pl.col("value").sum()).sort("date")
    expected = np.where(np.isfinite(history.outcome[0]), history.outcome[0], np.nan)
    seen = np.isfinite(expected)
    assert sums.get_column("value").to_numpy()[seen] == pytest.approx(expected[seen], rel=1e-9)
    assert set(read.decomposition.get_column("kind")) == {"base", "short", "long", "rest"}
    assert (read.decomposition.get_column("low") <= read.decomposition.get_column("high")).all()


def test_the_truth_lies_inside_the_total_intervals(read, market):
    truth = true_returns(market)
    total = float(truth.short_cny.sum() / truth.spend_cny.sum())
    assert read.total.roi_short.low <= total <= read.total.roi_short.high
    multiplier = 1 + float((truth.roi_long * truth.spend_cny).sum()) / float(truth.short_cny.sum())
    assert read.brand_stock is not None
    assert read.brand_stock.long_multiplier.low - 1e-9 <= multiplier <= read.brand_stock.long_multiplier.high
    # Two years and a bit, an unknown steepness: a total ROI within a factor of two and a half, no wider.
    assert read.total.roi_short.high < 2.5 * read.total.roi_short.low


def test_the_curve_is_its_definition(posterior, history):
    spend = np.zeros((10, 3))
    spend[:, 1] = history.spend[0, :, 1].mean()
    added = response_curve(posterior, spend, most_draws=7)
    d = {k: posterior.flat(k, 7) for k in ("half_life_days", "half_saturation", "slope", "short", "long")}
    for i in range(7):
        decay = 2 ** (-7 / d["half_life_days"][i, 1])
        carried, total = 0.0, 0.0
        for t in range(400):
            carried = decay * carried + (1 - decay) * (spend[t, 1] if t < 10 else 0.0)
            total += 1 / (1 + (d["half_saturation"][i, 1] / carried) ** d["slope"][i, 1]) if carried > 0 else 0.0
        assert added.short[i, 1] == pytest.approx(d["short"][i, 0, 1] * total, rel=1e-3)
        assert added.long[i, 1] == pytest.approx(d["long"][i, 1] * spend[:, 1].sum(), rel=1e-9)
    assert (added.short[:, [0, 2]] == 0).all()
    nearer = response_curve(posterior, spend, horizon=10, most_draws=7)
    assert (nearer.short <= added.short + 1e-9).all()
    assert (nearer.long <= added.long + 1e-9).all()


def test_more_money_adds_more_and_ever_less(posterior, history):
    base = np.tile(history.spend[0].mean(axis=0), (26, 1))
    gains = [response_curve(posterior, k * base, most_draws=50).short.sum(axis=1) for k in (0.0, 1.0, 2.0, 3.0)]
    assert (gains[0] == 0).all()
    steps = np.diff(np.stack(gains), axis=0)
    assert (steps > 0).all()
    assert (np.diff(steps, axis=0) <= 1e-9).all()


def test_a_posterior_comes_back_from_its_files(posterior, tmp_path):
    path = save_posterior(posterior, posterior_path(tmp_path, "拟海/奶茶", "sales"))
    assert path.parent == tmp_path / "response"
    again = kept_posterior(tmp_path, "拟海/奶茶")
    assert again.history.streams == posterior.history.streams
    assert again.form == posterior.form
    spend = np.ones((4, 3)) * 1e4
    assert (response_curve(again, spend).total == response_curve(posterior, spend).total).all()
    with pytest.raises(Exception, match="no fitted response"):
        load_posterior(tmp_path / "nothing")


def test_json_has_the_stable_keys_and_no_nan(read):
    document = json.loads(json.dumps(read.as_dict(), allow_nan=False, default=str))
    assert document["verdict"] in ("usable", "care", "do-not-use")
    assert {"rhat_max", "ess_min", "divergences"} <= set(document["diagnostics"])
    for s in document["streams"]:
        for key in ("roi_short", "roi_long", "contribution"):
            assert set(s[key]) == {"value", "low", "high"}
    assert all(t["zh"] and t["en"] for t in document["notes"] + document["reasons"])


def test_the_same_seed_gives_the_same_draws(history):
    a, b = (fit(history, Form(brand="off"), draws=20, tune=50, chains=1, seed=9).draws["z"] for _ in range(2))
    assert (a == b).all()


def test_without_brand_series_no_long_term_effect_is_told(history):
    bare = make_history(history.dates, history.streams, history.spend, history.outcome)
    told = read_response(fit(bare, draws=60, tune=100, chains=2, seed=1))
    assert told.brand_stock is None
    assert all(s.roi_long is None and not s.claim_long for s in told.streams)
    assert any("brand series" in n.en for n in told.notes)


def odd_histories():
    rng = np.random.default_rng(0)
    days = np.datetime64("2024-01-01") + 7 * np.arange(60)
    x, y = rng.gamma(1, 100, (60, 2)), rng.normal(1000, 50, 60)
    same = np.stack([x[:, 0], 2 * x[:, 0]], axis=1)
    gappy = np.where(rng.random(60) < 0.4, np.nan, y)
    tails = y.copy()
    tails[[7, 40]] = 40_000
    return {
        "constant spend": (days, np.full((60, 2), 5.0), y),
        "collinear": (days, same, y),
        "gaps": (days, x, gappy),
        "mostly zero": (days, x, np.where(rng.random(60) < 0.7, 0.0, y)),
        "all zero": (days, x, np.zeros(60)),
        "twenty weeks": (days[:20], x[:20], y[:20]),
        "one stream": (days, x[:, :1], y),
        "heavy tails": (days, x, tails),
        "never spent": (days, np.stack([x[:, 0], np.zeros(60)], axis=1), y),
    }


@pytest.mark.parametrize("name", odd_histories())
def test_odd_histories_give_words_and_wide_intervals_and_no_nan(name):
    days, x, y = odd_histories()[name]
    history = make_history(days, [f"s{i}" for i in range(x.shape[1])], x, y)
    told = read_response(fit(history, draws=60, tune=100, chains=2, seed=1))
    json.dumps(told.as_dict(), allow_nan=False, default=str)
    words = " ".join(t.en for t in (*told.reasons, *told.notes))
    expected = {
        "constant spend": "never varies", "collinear": "together", "gaps": "missing", "mostly zero": "zero",
        "all zero": "never varies", "twenty weeks": "20 periods", "heavy tails": "outlying",
    }  # fmt: skip
    if name in expected:
        assert expected[name] in words
        assert name in ("gaps", "heavy tails") or told.verdict != "usable"
    if name == "all zero":
        assert told.verdict == "do-not-use"
    if name in ("constant spend", "never spent"):
        assert told.streams[-1].roi_short.high >= 2 * told.streams[-1].roi_short.low


def test_a_lift_test_over_the_whole_history_pins_the_contribution(history):
    off, whole = np.zeros(history.periods), 0.8 * float(history.spend[0, :, 0].sum())
    test = LiftTest(history.streams[0], 0, history.periods, off, lift=whole, error=0.02 * whole)
    told = make_history(history.dates, history.streams, history.spend, history.outcome, lift_tests=[test])
    posterior = fit(told, draws=100, tune=150, chains=2, seed=2)
    low, high = np.quantile(response_curve(posterior, told.spend).short[:, 0], [0.05, 0.95])
    assert 0.9 * whole < low < high < 1.12 * whole
    assert told.until(60).lift_tests == ()


def test_wrong_input_is_told():
    days = np.datetime64("2024-01-01") + 7 * np.arange(30)
    with pytest.raises(MeasureError, match="negative"):
        make_history(days, ["a"], -np.ones((30, 1)), np.ones(30))
    with pytest.raises(MeasureError, match="not regular"):
        make_history(np.delete(days, 5), ["a"], np.ones((29, 1)), np.ones(29))
    with pytest.raises(MeasureError, match="periods have an outcome"):
        make_history(days, ["a"], np.ones((30, 1)), np.full(30, np.nan))
    with pytest.raises(UsageError, match="no adstock"):
        make_form("weibull", "hill", brand=True, drift=False, regional=True)
    with pytest.raises(UsageError, match="no range"):
        known_roi({"a": "2:1"})


def test_permanence_is_seen_where_it_is_and_not_where_it_is_not():
    rng = np.random.default_rng(1)
    days = np.datetime64("2022-01-03") + 7 * np.arange(156)
    found = {}
    for step in (0.0, 0.02):
        p = []
        for _ in range(12):
            y = 1e6 * (1 + np.cumsum(rng.normal(0, step, 156)) + rng.normal(0, 0.05, 156))
            scaled = scale(make_history(days, ["a"], rng.gamma(1, 1, (156, 1)), y), Form())
            p.append(permanence(scaled, np.zeros((1, 156)), rng).p_value)
        found[step] = np.array(p)
    assert (found[0.0] > 0.1).sum() >= 8
    assert (found[0.02] <= 0.1).sum() >= 11


def test_effective_draws_of_known_chains():
    rng = np.random.default_rng(2)
    rhat, ess = split_rhat_ess(rng.standard_normal((4, 1000)))
    assert rhat < 1.01
    assert 3000 < ess < 5200
    rho, slow = 0.9, np.zeros((4, 4000))
    for t in range(1, 4000):
        slow[:, t] = rho * slow[:, t - 1] + rng.standard_normal(4)
    # An autoregression's effective share is (1 - rho) / (1 + rho).
    assert split_rhat_ess(slow)[1] == pytest.approx(16_000 * 0.1 / 1.9, rel=0.25)
    assert split_rhat_ess(np.stack([slow[0], slow[1] + 9]))[0] > 1.5
    assert split_rhat_ess(np.ones((2, 10)))[0] == 1.0


def test_overlap_of_prior_and_posterior():
    rng = np.random.default_rng(3)
    a = rng.standard_normal(4000)
    assert overlap(a, rng.standard_normal(4000)) > 0.9
    assert overlap(a, 10 + rng.standard_normal(4000)) < 0.02
    spike = np.where(rng.random(4000) < 0.5, 0.0, np.abs(a))
    assert overlap(spike, np.zeros(4000)) == pytest.approx(np.mean(spike == 0))


def test_the_verdict_falls_with_the_chains(read, history):
    from dataclasses import replace

    good = replace(read.diagnostics, rhat_max=1.002, ess_min=900, divergences=0, covered=0.92, autocorrelation=0.1)
    assert verdict(good, history)[0] == "usable"
    assert verdict(replace(good, ess_min=250), history)[0] == "care"
    assert verdict(replace(good, rhat_max=1.2), history)[0] == "do-not-use"
    assert isinstance(history.dates[0].astype(dt.date), dt.date)
