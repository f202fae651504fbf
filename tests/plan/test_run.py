"""From a workspace and a brief to a plan: limits hold, evidence is complete, clashes name their lines."""

from __future__ import annotations

import datetime as dt
import json

import numpy as np
import polars as pl
import pytest
from briefs import NOW, workspace
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tidegauge.errors import BriefError, InfeasibleError
from tidegauge.plan.briefs.brief import parse_brief
from tidegauge.plan.result import Plan
from tidegauge.plan.run import run_plan

SMALL = 'budget = {budget}\nbrand = "沐研"\npanel_persons = 8_000\n'


def planned(tables, text: str = "", budget: float = 60_000, seed: int = 1) -> Plan:
    return run_plan(tables, parse_brief(SMALL.format(budget=budget) + text, source="brief.toml"), seed=seed)


def no_nan(value) -> bool:
    if isinstance(value, dict):
        return all(no_nan(v) for v in value.values())
    if isinstance(value, list):
        return all(no_nan(v) for v in value)
    return not (isinstance(value, float) and not np.isfinite(value))


RICH = """
[goal]
kind = "reach"
[flight]
start = 2026-09-08
end = 2026-09-30
posts_per_day = 2
[audience]
gender = ["女"]
age = ["18-34"]
[limits]
max_creators = 14
max_share_per_creator = 0.3
max_per_mcn = 2
[[rule]]
platform = "小红书"
share_min = 0.15
[[rule]]
format = "直播"
count_min = 2
count_max = 4
[competitors]
brands = ["海屿"]
"""


@pytest.fixture(scope="module")
def rich(tables):
    return planned(tables, RICH)


def test_every_limit_of_a_rich_brief_holds_when_counted_from_the_picks(tables, rich):
    picks = rich.picks
    assert 0 < picks.height <= 14
    assert picks["creator_id"].is_unique().all()
    assert picks["price"].sum() == pytest.approx(rich.cost)
    assert rich.cost <= 60_000
    assert picks["price"].max() <= 18_000
    assert picks.filter(pl.col("platform") == "xiaohongshu")["price"].sum() >= 9_000 - 1e-6
    assert 2 <= picks.filter(pl.col("format") == "live").height <= 4
    named = picks.join(workspace()["creators"].select("creator_id", "mcn", "person_id"), on="creator_id")
    for column, most in (("mcn", 2), ("person_id", 1)):
        assert named.drop_nulls(column).group_by(column).len()["len"].max() <= most
    lately = pl.col("published_at") >= NOW - dt.timedelta(days=90)
    rivals = workspace()["posts"].filter((pl.col("brand") == "海屿") & lately)["creator_id"].to_list()
    assert rivals
    assert not set(picks["creator_id"]) & set(rivals)
    assert rich.constraints["kept"].all()
    assert {"budget", "xiaohongshu: share of budget at least 15%", "posts per day"} <= set(rich.constraints["label"])


def test_the_evidence_is_complete_and_bounded(rich):
    assert rich.reach.low <= rich.reach.value <= rich.reach.high
    assert rich.reach.value <= rich.upper_bound
    assert 0 <= rich.panel_gap <= 0.05
    assert rich.panel_gap <= rich.population_gap <= 1
    p = rich.picks
    assert (p["reach_added"] <= p["reach_alone"] * (1 + 1e-9)).all()
    assert p["reach_added"].sum() <= rich.reach.value * (1 + 1e-9) <= p["reach_alone"].sum() * (1 + 1e-6)
    assert (p["views_low"] <= p["views"]).all()
    assert p["publish_on"].is_between(dt.date(2026, 9, 8), dt.date(2026, 9, 30)).all()
    assert p.group_by("publish_on").len()["len"].max() <= 2
    for frame in (rich.picks, rich.near_misses):
        assert frame["reason_zh"].str.len_chars().min() > 5
        assert frame["reason_en"].str.len_chars().min() > 5
    assert not set(rich.near_misses.drop_nulls("reach_added")["creator_id"]) & set(p["creator_id"])
    assert rich.split.group_by("dimension").agg(pl.col("cost").sum())["cost"].to_list() == pytest.approx(
        [rich.cost] * 6
    )
    assert rich.what_if is not None
    assert (rich.what_if["low"] >= 0).all()
    assert (rich.what_if["high"] >= rich.what_if["value"]).all()


def test_the_curve_holds_the_brief_and_its_bound_is_above_it(rich):
    at = rich.curve.filter(pl.col("budget") == 60_000)
    assert at["reach"].item() == pytest.approx(rich.reach.value)
    assert rich.curve.height >= 6
    assert (rich.curve["upper_bound"] >= rich.curve["reach"] * (1 - 1e-9)).all()


def test_a_plan_is_the_same_for_the_same_seed_and_prints_as_json(tables, rich):
    again = planned(tables, RICH)
    first, second = rich.as_dict(), again.as_dict()
    for document in (first, second):
        document["provenance"].pop("computed_at")
    assert first == second
    assert no_nan(first)
    json.dumps(first, allow_nan=False)
    assert first["provenance"]["seed"] == 1


def test_more_money_reaches_more(tables):
    reach = [planned(tables, budget=b).reach.value for b in (10_000, 60_000)]
    assert reach[0] < reach[1]


def test_assumed_prices_are_used_only_where_the_brief_allows_and_are_marked(tables):
    without = planned(tables, "[candidates]\nplatforms = ['小红书']\n")
    assert not without.picks["price_assumed"].any()
    offered = set(workspace()["offers"]["creator_id"])
    assert set(without.picks["creator_id"]) <= offered
    silent = workspace()["creators"].filter(
        (pl.col("platform") == "xiaohongshu") & ~pl.col("creator_id").is_in(sorted(offered))
    )["creator_id"]
    text = f"must_include = {silent.to_list()[:2]}\n[prices]\nallow_assumed = true\n"
    allowed = planned(tables, text, budget=400_000)
    marked = allowed.picks.filter(pl.col("price_assumed"))
    assert set(silent.to_list()[:2]) <= set(marked["creator_id"])
    assert (marked["price_low"] < marked["price_high"]).all()
    assert any("prices of" in a for a in allowed.provenance.assumed)
    assert any("assumed, not offered" in n.en for n in allowed.notes)
    with pytest.raises(BriefError, match="without a price"):
        planned(tables, f"must_include = {silent.to_list()[:1]}\n")


def test_the_rate_card_discount_lowers_what_is_paid(tables):
    full = planned(tables, "[prices]\nrate_card_discount = 0.5\n")
    prices = workspace()["offers"].select("creator_id", "format", pl.col("price").alias("list"))
    both = full.picks.join(prices, on=["creator_id", "format"])
    assert both["price"].to_numpy() == pytest.approx(both["list"].to_numpy() * 0.5)


def test_wanted_and_booked_creators_are_in_whatever_the_filters_say(tables):
    offers = workspace()["offers"].filter(pl.col("price") < 3_000)
    wanted, booked = offers["creator_id"].unique(maintain_order=True).to_list()[:2]
    form = offers.filter(pl.col("creator_id") == booked)["format"][0]
    plan = planned(
        tables,
        f"must_include = ['{wanted}']\n[candidates]\nmin_followers = 100_000_000\n"
        f"[[booked]]\ncreator = '{booked}'\nformat = '{form}'\nprice = 777\n",
    )
    assert set(plan.picks["creator_id"]) == {wanted, booked}
    row = plan.picks.filter(pl.col("creator_id") == booked)
    assert (row["price"].item(), row["format"].item()) == (777, form)
    assert row["booked"].item()
    assert "booked" in row["reason_en"].item()


def test_a_plan_can_be_kept_while_the_brief_changes(tables, rich, tmp_path):
    (tmp_path / "earlier.json").write_text(json.dumps(rich.as_dict(), default=str), encoding="utf-8")
    text = SMALL.format(budget=80_000) + "[keep]\nplan = 'earlier.json'\n"
    plan = run_plan(tables, parse_brief(text, folder=tmp_path), seed=1)
    kept = plan.picks.filter(pl.col("booked")).select("creator_id", "format", "price").sort("creator_id")
    before = rich.picks.select("creator_id", "format", "price").sort("creator_id")
    assert kept.equals(before)
    assert plan.reach.value > 0
    (tmp_path / "earlier.json").write_text("{}", encoding="utf-8")
    with pytest.raises(BriefError, match="no earlier plan"):
        run_plan(tables, parse_brief(text, folder=tmp_path), seed=1)


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("[[rule]]\nplatform='bilibili'\nshare_min=0.7\n[[rule]]\nplatform='xhs'\nshare_min=0.6\n", {6, 9}),
        ("[limits]\nmax_creators = 3\n[[rule]]\nformat='live'\ncount_min = 5\n", {5, 8}),
        ("[[rule]]\nformat='live'\ncount_min = 3\n[[rule]]\nformat='live'\nspend_max = 150\n", {6, 9}),
        ("[[rule]]\nplatform='youtube'\ncount_min = 1\n", {6}),
    ],
)
def test_an_infeasible_brief_is_refused_with_the_lines_that_clash(tables, text, lines):
    with pytest.raises(InfeasibleError) as caught:
        planned(tables, text)
    told = {int(part.split("line ")[1].split(")")[0]) for part in caught.value.clash if "line " in part}
    assert lines <= told | {1}
    assert told - lines <= {1}, "only the budget may clash besides"


def test_a_wanted_creator_above_the_cap_clashes_with_it(tables):
    dear = workspace()["offers"].group_by("creator_id").agg(pl.col("price").min()).sort("price")["creator_id"][-1]
    with pytest.raises(InfeasibleError) as caught:
        planned(tables, f"must_include = ['{dear}']\n[limits]\nmax_share_per_creator = 0.01\n")
    assert any("line 4" in c for c in caught.value.clash)
    assert any("line 6" in c for c in caught.value.clash)


def test_nobody_left_tells_how_many_each_filter_removed(tables):
    with pytest.raises(BriefError) as caught:
        planned(tables, "[candidates]\ncategories = ['护发']\nmin_followers = 5000\n")
    assert "nobody is left" in caught.value.message
    assert "category is not 护发" in caught.value.message
    assert "护肤" in caught.value.mend
    assert caught.value.where == "brief.toml, line 5"


def test_a_flight_outside_every_rate_card_is_told_when_they_hold(tables):
    with pytest.raises(BriefError) as caught:
        planned(tables, "[flight]\nstart = 2001-01-01\nend = 2001-02-01\n")
    first = workspace()["offers"]["valid_from"].min()
    assert f"rate cards hold from {first}" in caught.value.message
    assert caught.value.mend.startswith("move the flight")


@pytest.mark.parametrize(
    ("text", "message", "mend"),
    [
        ("must_include = ['达人1x']\n", "no creator '达人1x'", "did you mean"),
        ("must_include = ['达人7']\nmust_exclude = ['{id}']\n", "wanted and excluded", "remove"),
        ("must_exclude = ['x', 'y']\n", "2 names", "mend"),
    ],
)
def test_names_that_cannot_be_used_are_told(tables, text, message, mend):
    seven = workspace()["creators"].filter(pl.col("name") == "达人7")["creator_id"].item()
    with pytest.raises(BriefError) as caught:
        planned(tables, text.replace("{id}", seven))
    assert message in caught.value.message
    assert mend in caught.value.mend


def test_engagements_add_up_without_overlap(tables):
    plan = planned(tables, "[goal]\nkind = 'engagements'\n")
    assert plan.goal == "engagements"
    assert plan.picks["reach_added"].sum() == pytest.approx(plan.reach.value)
    assert plan.panel_gap <= 0.03


def test_a_goal_of_frequency_is_met_by_posts_that_overlap(tables):
    plan = planned(tables, "[goal]\nkind = 'frequency'\nfrequency = 2\n", budget=200_000)
    once = planned(tables, budget=200_000)
    assert 0 < plan.reach.value < once.reach.value
    assert plan.goal == "frequency 2"


def test_a_cautious_plan_is_no_worse_in_the_bad_outcomes(tables):
    plan = planned(tables, "[risk]\nmeasure = 'cvar'\nlevel = 0.8\n")
    mean = planned(tables)
    assert plan.reach.value <= mean.upper_bound * (1 + 1e-9)
    assert plan.reach.value >= 0.7 * mean.reach.value
    assert any("worst 20%" in n.en for n in plan.notes)


def test_progress_is_told_from_start_to_end(tables):
    told = []
    run_plan(tables, parse_brief(SMALL.format(budget=20_000)), seed=1, progress=lambda done, what: told.append(done))
    assert told == sorted(told)
    assert told[-1] == 1.0


def test_an_empty_workspace_says_what_to_do(make_tables):
    with pytest.raises(BriefError, match="ingest creators"):
        run_plan(make_tables({}), parse_brief("budget = 1000"), seed=1)


@settings(max_examples=5, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)
@given(
    budget=st.sampled_from([3_000, 25_000, 120_000]),
    rules=st.lists(
        st.tuples(
            st.sampled_from(["platform='bilibili'", "platform='douyin'", "format='live'", "tier='nano'", "role='KOC'"]),
            st.sampled_from(["share_max=0.3", "share_min=0.1", "count_min=1", "count_max=2", "spend_max=9000"]),
        ),
        max_size=4,
    ),
    seed=st.integers(0, 3),
)
def test_whatever_the_rules_a_roster_keeps_them_or_the_clash_is_named(tables, budget, rules, seed):
    text = "".join(f"[[rule]]\n{where}\n{bound}\n" for where, bound in rules)
    try:
        plan = planned(tables, text, budget=budget, seed=seed)
    except InfeasibleError as error:
        clash = error.clash
        plan = None
    if plan is None:
        assert clash
        return
    assert plan.constraints["kept"].all()
    assert plan.cost <= budget * (1 + 1e-9)
    assert no_nan(plan.as_dict())
    for where, bound in rules:
        column, word = where.replace("'", "").split("=")
        part = plan.picks.filter(pl.col(column) == word)
        kind, limit = bound.split("=")
        value = {"share": part["price"].sum() / budget, "spend": part["price"].sum(), "count": part.height}[kind[:5]]
        assert value <= float(limit) + 1e-9 if kind.endswith("max") else value >= float(limit) - 1e-9


def test_rate_cards_alone_are_enough_for_a_plan(make_tables):
    frames = workspace(n=40)
    tables = make_tables({k: frames[k] for k in ("creators", "offers")})
    plan = planned(tables)
    assert plan.picks.height > 0
    assert set(plan.picks["views_basis"]) == {"rate_card"}
    assert plan.picks["tier"].is_null().all()
    assert no_nan(plan.as_dict())
