"""The split of a budget: near the truth's best, longer horizons build the brand, limits hold, tests are worth something
only where they could change the split."""

from __future__ import annotations

import json

import numpy as np
import polars as pl
import pytest
from scipy.optimize import minimize
from split_posterior import market, posterior_of

from tidegauge.errors import BriefError, InfeasibleError
from tidegauge.plan.briefs.brief import parse_brief
from tidegauge.plan.split.budget import split_budget
from tidegauge.plan.split.limits import rules_toml
from tidegauge.plan.split.result import BudgetSplit, stream_limits
from tidegauge.report.looks import show_split
from tidegauge.twin.market_truth import true_gain

BUDGET = 6_000_000.0


def split(posterior, text: str = "", budget: float = BUDGET, seed: int = 1) -> BudgetSplit:
    return split_budget(posterior, parse_brief(f"budget = {budget:.0f}\n{text}", source="brief.toml"), seed=seed)


@pytest.fixture(scope="module")
def world():
    return market()


@pytest.fixture(scope="module")
def posterior(world):
    return posterior_of(world)


@pytest.fixture(scope="module")
def made(posterior) -> BudgetSplit:
    return split(posterior)


@pytest.mark.parametrize("horizon", [13, 104])
def test_the_split_loses_little_beside_the_best_that_the_truth_allows(world, posterior, horizon):
    found = split(posterior, f"[split]\nhorizon_weeks = [{horizon}]")
    cap = np.array([2.0 * 13 * world.spend[:, j].max() for j in range(6)])

    def minus(x: np.ndarray) -> float:
        return -true_gain(world, np.maximum(x, 0) / 13, flight_weeks=13, horizon_weeks=horizon) / 1e6

    best = minimize(
        minus, np.full(6, BUDGET / 6), method="SLSQP", bounds=[(0, c) for c in cap],
        constraints=[{"type": "eq", "fun": lambda x: (x.sum() - BUDGET) / 1e6}], options={"ftol": 1e-10},
    )  # fmt: skip
    own = true_gain(world, found.streams["money"].to_numpy() / 13, flight_weeks=13, horizon_weeks=horizon)
    assert own >= -best.fun * 1e6 * 0.985
    # And what it promises is near what truly comes.
    assert found.value.low <= own * 1.1
    assert found.value.high >= own * 0.9


def test_marginal_returns_are_equal_across_free_streams(made):
    free = made.streams.filter(pl.col("at") == "free")
    assert free.height >= 4
    # The slopes are told on other draws than those that chose, so they are equal up to chance.
    assert free["marginal"].std() / free["marginal"].mean() < 0.04
    assert made.marginal.low < made.marginal.value < made.marginal.high
    held = made.streams.filter(pl.col("at") != "free")
    assert (held.filter(pl.col("at") == "floor")["marginal"] < made.marginal.high).all()


def test_money_adds_up_and_the_gap_is_small(made):
    assert made.spent == pytest.approx(BUDGET)
    assert made.streams["money"].sum() == pytest.approx(BUDGET)
    assert made.streams["share"].sum() == pytest.approx(1.0)
    assert 0.0 <= made.gap < 0.005
    assert made.value_choosing <= made.bound
    assert made.streams["value"].sum() == pytest.approx(made.value.value)


def test_longer_horizons_move_money_to_the_brand(made):
    rows = made.horizons.sort("horizon_weeks")
    assert rows["horizon_weeks"].to_list() == [13, 52, 156]
    assert rows["brand_share"].is_sorted()
    assert rows["brand_share"][-1] > rows["brand_share"][0] + 0.1
    assert rows["through_brand"].is_sorted()
    assert rows["value"].is_sorted()
    assert rows["gain"][0] > 0
    assert (rows["better"] > 0.6).all()
    assert (rows["cvar"] < rows["value"]).all()


def test_without_a_brand_horizons_hardly_differ(world):
    found = split(posterior_of(world, brand=False))
    assert (found.horizons["through_brand"] == 0).all()
    assert np.ptp(found.horizons["brand_share"].to_numpy()) < 0.05
    assert any("no brand part" in n.en for n in found.notes)


def test_rules_and_bounds_hold(posterior):
    found = split(
        posterior,
        """
[[rule]]
platform = "douyin"
share_max = "10%"
[[rule]]
count_max = 3
tier = "mega"
[[rule]]
category = "美妆"
share_max = "10%"
[brand_sales]
brand_share = "30%"
tolerance = "5%"
[split]
horizon_weeks = [156]
[[split.stream]]
name = "kuaishou*"
fixed = "50万"
""",
    )
    money = dict(zip(found.streams["stream"], found.streams["money"], strict=True))
    assert sum(m for s, m in money.items() if s.startswith("douyin")) <= 0.1 * BUDGET * 1.0001
    assert next(m for s, m in money.items() if s.startswith("kuaishou")) == pytest.approx(500_000)
    brand = found.streams.filter(pl.col("side") == "brand")["money"].sum()
    assert 0.25 * BUDGET * 0.9999 <= brand <= 0.35 * BUDGET * 1.0001
    assert found.streams.filter(pl.col("stream").str.starts_with("douyin"))["at"].str.contains("brief.toml").any()
    told = " ".join(n.en for n in found.notes)
    assert "Rule 2 counts creators" in told
    assert "Rule 3 is about categories" in told


@pytest.mark.parametrize(
    ("text", "error", "words"),
    [
        ('[[split.stream]]\nname = "tv"\nspend_max = 5', BriefError, "no stream is called 'tv'"),
        ('[[split.stream]]\nname = "tv"', BriefError, "no bound"),
        ('[[split.stream]]\nname = "*"\nfixed = 5\nspend_max = 3', BriefError, "fixed"),
        ("[split]\nhorizon = 3", BriefError, "horizon"),
        ('currency = "EUR"', BriefError, "the budget is in EUR, the fitted spend in CNY"),
        (
            '[[rule]]\nplatform = "抖音"\nshare_min = "60%"\n[[split.stream]]\nname = "douyin*"\nspend_max = 1000',
            InfeasibleError,
            "cannot hold together",
        ),
    ],
)
def test_wrong_briefs_are_told_with_their_line(posterior, text, error, words):
    with pytest.raises(error, match=words) as caught:
        split(posterior, text)
    assert caught.value.mend
    if error is InfeasibleError:
        assert all("brief.toml, line" in c for c in caught.value.clash)
        assert len(caught.value.clash) >= 2


def test_a_stage_is_needed_for_brand_and_sales():
    m = market(streams=3)
    p = posterior_of(m)
    plain = type(p)(
        type(p.history)(**{**vars(p.history), "streams": ("tv", "print", "radio")}), p.form, p.draws, p.geo_size
    )
    assert set(split(plain).streams["side"]) == {""}
    with pytest.raises(BriefError, match="no stream tells its stage"):
        split(plain, '[brand_sales]\nbrand_share = "60%"')
    assert stream_limits(split(plain)) == ()


def test_caution_moves_money_and_raises_the_worst(posterior):
    bold, careful = split(posterior), split(posterior, '[risk]\nmeasure = "cvar"\nlevel = 0.9')
    assert careful.measure == "cvar"
    assert careful.gap is None
    assert careful.value.value <= bold.value.value * 1.002
    assert not np.allclose(bold.streams["money"].to_numpy(), careful.streams["money"].to_numpy(), rtol=0.01)
    frontier = bold.frontier.sort("weight")
    assert frontier["moved"][0] == 0.0
    assert frontier["moved"].is_sorted()
    assert frontier["mean"][0] >= frontier["mean"][-1]


def test_what_to_test_is_the_stream_that_could_change_the_split(world):
    """Everything known but one stream: only it is worth knowing; a sharp test is worth as much, a blunt one less."""
    p = posterior_of(world, spread=0.02, draws=600)
    rng = np.random.default_rng(4)
    unsure = 1
    for name in ("short", "long"):
        p.draws[name][..., unsure] *= np.exp(0.8 * rng.normal(size=p.draws[name][..., unsure].shape) - 0.32)
    text = "[split]\nhorizon_weeks = [26]\n[split.test]\nweeks = 8\nfactor = 2.0\nerror = {}"
    sharp, blunt = (split(p, text.format(e)) for e in (2_000, 50_000_000))
    by_knowing = sharp.tests.sort("knowing", descending=True)
    assert by_knowing["stream"][0] == world.streams[unsure]
    assert by_knowing["knowing"][0] > 5 * by_knowing["knowing"][1]
    assert sharp.tests["stream"][0] == world.streams[unsure]
    top, dull = sharp.tests["testing"][0], blunt.tests.filter(pl.col("stream") == world.streams[unsure])["testing"][0]
    assert top > 0.6 * by_knowing["knowing"][0]
    assert dull < 0.2 * top
    assert (sharp.tests["testing"] <= sharp.tests["knowing"] + 1e-9).all()
    assert sharp.knowing_everything >= by_knowing["knowing"][0] * 0.9


def test_the_roster_takes_the_split_as_rules(made):
    rules = stream_limits(made, tolerance=0.2)
    assert len(rules) == made.streams.height
    lines = rules_toml(rules)
    again = parse_brief(f"budget = {BUDGET:.0f}\n{lines}")
    assert [r.name for r in again.rule] == made.streams["stream"].to_list()
    for rule, money in zip(again.rule, made.streams["money"], strict=True):
        assert rule.spend_min == pytest.approx(0.8 * money, abs=1)
        assert rule.spend_max == pytest.approx(1.2 * money, abs=1)
        assert rule.chosen()["platform"]
        assert rule.chosen()["stage"]


def test_everything_is_json_and_the_same_seed_gives_the_same(posterior, made):
    text = json.dumps(made.as_dict(), allow_nan=False, default=str)
    assert "NaN" not in text
    assert {"streams", "horizons", "frontier", "tests", "marginal", "bound"} <= set(made.as_dict())
    assert split(posterior).streams.equals(made.streams)


def test_more_money_than_the_streams_can_take_is_left_and_told(posterior):
    rich = split(posterior, budget=1e9)
    assert rich.spent < 1e9
    assert (rich.streams["at"] == "cap").all()
    assert rich.marginal is None
    assert any("is left" in n.en for n in rich.notes)
    json.dumps(rich.as_dict(), allow_nan=False, default=str)


def test_one_stream_takes_all(world):
    m = market(streams=1)
    found = split(posterior_of(m), budget=200_000)
    assert found.streams["money"].to_list() == pytest.approx([200_000])
    assert found.tests["knowing"].to_list() == [0.0]


def test_the_report_in_both_languages(made, tmp_path):
    document, _ = show_split(made, tmp_path / "r", "zh")
    page = (tmp_path / "r" / "budget_split.html").read_text(encoding="utf-8")
    for words in ("预算分配", "Brand and sales", "有效前沿", "What to test"):
        assert words in page
    assert "spend_min" in (tmp_path / "r" / "rules.toml").read_text(encoding="utf-8")
    assert set(document["files"]) == {"html", "xlsx", "pptx", "rules"}


def test_a_kept_response_is_used_and_a_brand_without_one_is_fitted(made, posterior, tmp_path, monkeypatch):
    import tidegauge as tg
    from tidegauge.plan.split import run as split_run
    from tidegauge.response.posterior import save_posterior
    from tidegauge.response.run import posterior_path

    ws = tg.init(tmp_path / "ws")
    fitted, used = [], []

    class Read:
        def __init__(self) -> None:
            self.posterior = posterior

    monkeypatch.setattr(split_run, "respond", lambda *a, **k: fitted.append(k["brand"]) or Read())
    monkeypatch.setattr(split_run, "split_budget", lambda p, *a, **k: used.append(p) or made)
    named, unnamed = (parse_brief(f"budget = 1000000\n{t}") for t in ('brand = "brand"', ""))
    assert ws.split(named) is made
    assert fitted == ["brand"]
    save_posterior(posterior, posterior_path(ws.path, "brand", "sales"))
    ws.split(named)
    ws.split(unnamed)
    assert fitted == ["brand"]
    assert [p.history.streams for p in used] == [posterior.history.streams] * 3
    assert np.array_equal(used[-1].draws["short"], posterior.draws["short"])
    ws.split(named, refit=True)
    assert fitted == ["brand", "brand"]
    save_posterior(posterior, posterior_path(ws.path, "other", "sales"))
    with pytest.raises(BriefError, match="several brands"):
        ws.split(unnamed)
