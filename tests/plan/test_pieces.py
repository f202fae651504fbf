"""Pieces of the planner: buckets, profiles, limits, calendar, split, risk; each on its own."""

from __future__ import annotations

import datetime as dt

import numpy as np
import polars as pl
import pytest
from briefs import NOW, workspace
from hypothesis import given
from hypothesis import strategies as st

from tidegauge.errors import BriefError
from tidegauge.plan.audience.luck import cautious, outcomes, scenario_factors
from tidegauge.plan.audience.people import audience_of, model_of
from tidegauge.plan.audience.profiles import profile_cells
from tidegauge.plan.briefs.brief import Audience, Risk, parse_brief
from tidegauge.plan.briefs.buckets import CITY_TIERS, age_range, normal_bucket, overlap
from tidegauge.plan.briefs.names import Named
from tidegauge.plan.briefs.stages import koc_bound_followers, role_expr, stage_expr
from tidegauge.plan.mix import placements_before, split_of
from tidegauge.plan.offers.constraints import Limit, constraint, constraints, limits_of
from tidegauge.plan.schedule import schedule
from tidegauge.plan.solver.flat import flatten
from tidegauge.plan.solver.greedy import as_solution, greedy
from tidegauge.plan.solver.problem import GroupRow, Panel, Problem
from tidegauge.plan.solver.roster import reach
from tidegauge.plan.solver.swaps import exchange
from tidegauge.result import Text

NOBODY = Named({}, frozenset(), (), ())


def items_of(**columns) -> pl.DataFrame:
    n = len(next(iter(columns.values())))
    base = {
        "creator_id": [f"douyin:{i}" for i in range(n)],
        "platform": ["douyin"] * n,
        "tier": ["mid"] * n,
        "role": ["KOL"] * n,
        "format": ["short_video"] * n,
        "stage": ["discover"] * n,
        "category": ["护肤"] * n,
        "mcn": [None] * n,
        "person_id": [None] * n,
        "price": [100.0] * n,
        "views": [10_000.0] * n,
        "followers": [50_000] * n,
    }
    return pl.DataFrame(base | columns, schema_overrides={"mcn": pl.String, "person_id": pl.String})


@pytest.mark.parametrize(
    ("dimension", "text", "normal"),
    [
        ("gender", "女性", "female"),
        ("age", "18~24岁", "18-24"),
        ("age", "18岁以下", "0-17"),
        ("age", "50+", "50-69"),
        ("age", "≥45", "45-69"),
        ("city_tier", "新一线城市", "new_tier_1"),
        ("city_tier", "三线及以下", "tier_3+tier_4+tier_5"),
        ("city_tier", "一线、新一线", "tier_1+new_tier_1"),
        ("city_tier", "Tier 2", "tier_2"),
        ("age", "95后", None),
        ("gender", "", None),
    ],
)
def test_buckets_as_people_write_them(dimension, text, normal):
    assert normal_bucket(dimension, text) == normal


@given(st.integers(0, 60), st.integers(1, 20), st.integers(1, 69))
def test_the_parts_of_an_age_bucket_below_and_above_any_cut_make_the_whole(low, width, cut):
    bucket = f"{low}-{low + width - 1}"
    below, above = (overlap("age", bucket, part) for part in (f"0-{cut - 1}", f"{cut}-99"))
    assert below + above == pytest.approx(1.0)


def test_profiles_meet_the_target_in_part_and_fall_back_to_the_platform(make_tables):
    profiles = pl.DataFrame(
        {
            "creator_id": ["douyin:a", "douyin:a", "douyin:a", "", ""],
            "platform": ["douyin"] * 5,
            "dimension": ["age", "age", "gender", "gender", "gender"],
            "bucket": ["20-29", "30-39", "女", "女", "男"],
            "share": [0.5, 0.5, 0.9, 0.7, 0.3],
        }
    )
    tables = make_tables({"audience_profiles": profiles})
    creators = pl.DataFrame({"creator_id": ["douyin:a", "douyin:b"], "platform": ["douyin", "douyin"]})
    target = Audience.model_validate({"age": ["25-34"], "gender": ["female"]})
    cells = profile_cells(tables, creators, target)
    assert cells is not None
    inside = cells.rows[cells.row_of] @ cells.target
    assert cells.rows.sum(axis=1) == pytest.approx(np.ones(len(cells.rows)))
    assert inside[0] == pytest.approx(0.9 * 0.5)  # half of 20-29 and half of 30-39 are 25-34
    assert inside[1] / 0.7 == pytest.approx(cells.rows[0] @ cells.target / 0.7)
    assert 0.05 < inside[1] < 0.5
    assert any("by age" in a for a in cells.assumed)
    assert not any("by gender" in a for a in cells.assumed)
    assert profile_cells(tables, creators, Audience()) is None


def test_every_city_tier_can_be_a_target(make_tables):
    creators = pl.DataFrame({"creator_id": ["weibo:a"], "platform": ["weibo"]})
    tables = make_tables({})
    total = 0.0
    for tier in CITY_TIERS:
        cells = profile_cells(tables, creators, Audience.model_validate({"city_tier": [tier.replace("_", " ")]}))
        assert cells is not None
        total += float(cells.rows[cells.row_of][0] @ cells.target)
    assert total == pytest.approx(1.0)


def test_people_come_from_market_figures_and_hints_from_shared_commenters(make_tables):
    market = pl.DataFrame(
        {
            "platform": ["douyin", "bilibili", "douyin,bilibili"],
            "segment": ["all", "all", "deduplicated"],
            "metric": ["MAU"] * 3,
            "period": ["2026-08"] * 3,
            "value": [1_000_000.0, 400_000.0, 1_200_000.0],
            "unit": ["persons"] * 3,
            "source_title": ["own"] * 3,
            "confidence": ["own"] * 3,
        }
    )

    def comments(creator, people):
        """Everybody commented on two posts: the samples hold all who ever comment."""
        return pl.DataFrame(
            {
                "creator_id": creator,
                "post_id": [f"{creator}-{n}" for n in (1, 2) for _ in people],
                "audience_key": [f"k{i}" for i in people] * 2,
                "observed_at": NOW,
            }
        )

    samples = pl.concat([comments("douyin:0", range(60)), comments("bilibili:1", range(30, 70))])
    creators = workspace(n=3)["creators"].with_columns(
        pl.Series("creator_id", ["douyin:0", "bilibili:1", "douyin:2"]),
        platform=pl.Series(["douyin", "bilibili", "douyin"]),
    )
    tables = make_tables({"market": market, "audience_samples": samples, "creators": creators})
    items = items_of(
        creator_id=["bilibili:1", "douyin:0", "douyin:2"], platform=["bilibili", "douyin", "douyin"],
        followers=[60_000, 100_000, None],
    )  # fmt: skip
    people = audience_of(tables, items, parse_brief("budget = 1000"))
    assert people.model.population == 1_200_000
    assert people.model.audience.tolist() == pytest.approx([60_000, 100_000, 3 * 10_000 * 0.715])
    assert people.exposure * people.model.audience == pytest.approx(np.full(3, 10_000 * 0.715))
    assert people.model.hint_pair is not None
    assert people.model.hint_pair.tolist() == [[0, 1]]
    assert people.model.hint_shared.tolist() == [pytest.approx(30 / 40 * 60_000)]  # 30 of the smaller public's 40
    part = model_of(people.model, np.array([1, 0]))
    assert part.audience.tolist() == [100_000, 60_000]
    assert part.hint_pair.tolist() == [[1, 0]]
    assert model_of(people.model, np.array([2])).hint_pair is None


def test_an_interest_that_no_category_meets_is_told(make_tables):
    tables = make_tables({"creators": workspace(n=30)["creators"]})
    brief = parse_brief("budget = 1000\n[audience]\ninterest = ['宠物']\n", source="b.toml")
    with pytest.raises(BriefError, match="宠物") as caught:
        audience_of(tables, items_of(price=[1.0]), brief)
    assert caught.value.where == "b.toml, line 3"
    assert "护肤" in caught.value.mend


def test_roles_and_stages_follow_the_documented_rules():
    bound = koc_bound_followers()
    items = pl.DataFrame(
        {
            "account_role": [None, None, "KOS", None, None],
            "offer_role": ["KOL", "KOL", "KOL", "KOE", "KOL"],
            "followers": [bound, bound - 1, 10, 10, None],
            "format": ["short_video", "image_text", "image_text", "podcast", "live"],
        }
    )
    done = items.with_columns(role=role_expr(None)).with_columns(stage=stage_expr([]))
    assert done["role"].to_list() == ["KOL", "KOC", "KOS", "KOE", "KOL"]
    assert done["stage"].to_list() == ["discover", "advocate", "purchase", "consider", "purchase"]
    rules = parse_brief("budget=1\n[[stage_rule]]\nrole='KOC'\nformat='图文'\nstage='种草'\n").stage_rule
    assert items.with_columns(role=role_expr(0)).with_columns(stage=stage_expr(rules))["role"][1] == "KOL"
    own = items.with_columns(role=role_expr(None)).with_columns(stage=stage_expr(rules))["stage"].to_list()
    assert own == ["discover", "consider", "purchase", "consider", "purchase"]


def test_a_new_kind_of_limit_is_one_decorated_function():
    @constraint("only_two")
    def only_two(brief, items, named):
        text = Text("至多两人", "at most two")
        return [Limit(text, "count", np.arange(items.height), np.ones(items.height), 0.0, 2.0, "")]

    try:
        found = limits_of(parse_brief("budget = 1"), items_of(price=[1.0] * 3), NOBODY)
        assert [limit.label for limit in found] == ["at most two"]
        assert found[0].kept(np.array([0, 2]))
        assert not found[0].kept(np.array([0, 1, 2]))
    finally:
        constraints()  # the register itself is untouched by reading it
        from tidegauge.plan.offers import constraints as room

        del room._CONSTRAINTS["only_two"]


def test_limits_know_their_line_their_words_and_the_budget_they_are_a_share_of():
    brief = parse_brief(
        "budget = 1000\n[limits]\nmax_per_mcn = 1\n[[rule]]\ntier = '腰部'\nshare_max = 0.5\n[[rule]]\ntier = '腰部'\n"
        "share_max = 0.5\n[brand_sales]\nbrand_share = 0.6\ntolerance = 0.1\n",
        source="b.toml",
    )
    items = items_of(mcn=["甲", "甲", "乙"], stage=["discover", "purchase", "consider"])
    found = {limit.label: limit for limit in limits_of(brief, items, NOBODY)}
    assert list(found) == [
        "brand stages: share of budget 50% to 70%",
        "sales stages: share of budget 30% to 50%",
        "agency 甲: at most 1",
        "mid: share of budget at most 50%",
        "mid: share of budget at most 50% #2",
    ]
    share = found["mid: share of budget at most 50%"]
    assert (share.place, share.high) == ("b.toml, line 6", 500)
    assert share.row(3, budget_times=2).high == 1000
    assert found["brand stages: share of budget 50% to 70%"].actual(np.arange(3)) == 200
    assert found["agency 甲: at most 1"].lazy


def picks_of(n, **columns) -> pl.DataFrame:
    base = {
        "category": ["护肤"] * n,
        "last_post_at": [None] * n,
        "posts_per_week": [None] * n,
        "views": [float(n - i) for i in range(n)],
    }
    kinds = {"last_post_at": pl.Datetime("us", "UTC"), "posts_per_week": pl.Float64}
    return pl.DataFrame(base | columns, schema_overrides=kinds)


NO_RHYTHM = pl.DataFrame(schema={"category": pl.String, "weekday": pl.Int8, "posts": pl.Int64})


def test_the_calendar_spreads_posts_keeps_the_daily_limit_and_skips_days_off():
    brief = parse_brief(
        "budget=1\n[flight]\nstart=2026-09-07\nend=2026-09-20\nno_posts_on=[2026-09-10]\nposts_per_day=2\n"
    )
    days = schedule(picks_of(13), NO_RHYTHM, brief, NOW)
    assert days.value_counts()["count"].to_list() == [1] * 13
    assert dt.date(2026, 9, 10) not in days.to_list()
    full = schedule(picks_of(26), NO_RHYTHM, brief, NOW)
    assert set(full.value_counts()["count"]) == {2}
    with pytest.raises(BriefError, match="27 picks do not fit into 13 days") as caught:
        schedule(picks_of(27), NO_RHYTHM, brief, NOW)
    assert "posts_per_day to 3" in caught.value.mend


def test_the_calendar_follows_the_category_and_lets_creators_rest():
    brief = parse_brief("budget=1\n[flight]\nstart=2026-09-07\nend=2026-10-04\n")
    weekend = pl.DataFrame({"category": ["护肤"] * 2, "weekday": [5, 6], "posts": [5000, 5000]})
    days = schedule(picks_of(40), weekend, brief, NOW)
    assert np.mean([d.weekday() >= 5 for d in days]) > 0.9
    busy = dt.datetime(2026, 9, 10, tzinfo=dt.UTC)
    one = schedule(picks_of(1, last_post_at=[busy], posts_per_week=[0.7]), NO_RHYTHM, brief, NOW)
    assert one[0] >= dt.date(2026, 9, 20)
    without = schedule(picks_of(3), NO_RHYTHM, parse_brief("budget=1"), NOW)
    assert min(without) > NOW.date()


def test_the_split_stands_beside_what_the_brand_booked_before(make_tables):
    placements = pl.DataFrame(
        {
            "campaign_id": ["c"] * 4,
            "brand": ["沐研", "沐研", "别家", "沐研"],
            "creator_id": ["douyin:0", "douyin:1", "douyin:1", "x:unknown"],
            "post_id": ["1", "2", "3", "4"],
            "format": ["live", "short_video", "live", "status"],
            "role": ["KOL"] * 4,
            "stage": [None, None, None, "discover"],
            "cost": [300.0, 100.0, 999.0, 50.0],
            "published_at": [NOW, NOW, NOW, NOW - dt.timedelta(days=500)],
        },
    )
    tables = make_tables({"placements": placements})
    accounts = pl.DataFrame(
        {
            "creator_id": ["douyin:0", "douyin:1"],
            "platform": ["douyin"] * 2,
            "tier": ["mega", "mid"],
            "category": ["护肤"] * 2,
            "account_role": pl.Series([None, None], dtype=pl.String),
            "followers": [2_000_000, 60_000],
        }
    )
    before = placements_before(tables, " 沐研", accounts)
    assert before["cost"].sort().to_list() == [100, 300]  # another brand's and one older than a year are left out
    picks = items_of(price=[60.0, 40.0], tier=["mid", "micro"])
    split = split_of(picks, before)
    tiers = {r["bucket"]: (r["cost_share"], r["cost_share_before"]) for r in split.filter(dimension="tier").to_dicts()}
    assert tiers == {"mid": (0.6, 0.25), "micro": (0.4, 0.0), "mega": (0.0, 0.75)}
    stages = {r["bucket"]: r["cost_share_before"] for r in split.filter(dimension="stage").to_dicts()}
    assert stages == {"discover": 0.25, "purchase": 0.75}
    assert split_of(picks, before.clear())["cost_share_before"].is_null().all()


def lucky_problem() -> tuple[Problem, pl.DataFrame]:
    """Two ways to spend 10: one risky creator with many viewers, or ten steady ones with slightly fewer."""
    persons = np.arange(2_000, dtype=np.int32)
    size = [1_000] + [95] * 10
    indptr = np.concatenate([[0], np.cumsum(size)])
    panel = Panel(indptr, persons[: indptr[-1]], np.ones(2_000))
    problem = Problem(panel, np.arange(11), np.array([10.0] + [1.0] * 10), np.full(11, 0.3), 10.0)
    items = pl.DataFrame(
        {
            "platform": ["a"] * 11,
            "views_basis": ["posts"] * 11,
            "views_log_sd": [1.0] + [0.1] * 10,
            "views_shared_sd": [0.0] * 11,
        }
    )
    return problem, items


def test_scenarios_have_the_mean_that_was_planned_with_and_shared_errors_do_not_average_out():
    _, items = lucky_problem()
    factors = scenario_factors(items, np.zeros(11), seed=2, scenarios=20_000)
    assert factors.mean(axis=0) == pytest.approx(np.ones(11), abs=0.05)
    own = factors[:, 1:].mean(axis=1).std()
    shared = items.with_columns(views_shared_sd=pl.col("views_log_sd"))
    together = scenario_factors(shared, np.zeros(11), seed=2, scenarios=20_000)[:, 1:].mean(axis=1).std()
    assert together == pytest.approx(0.1, rel=0.1)
    assert own == pytest.approx(0.1 / np.sqrt(10), rel=0.1)


def test_a_cautious_plan_prefers_the_steady_roster_and_a_mean_plan_the_risky_one():
    problem, items = lucky_problem()
    start = greedy(problem)
    assert start.items.tolist() == [0]
    factors = scenario_factors(items, np.zeros(11), seed=3)
    found = cautious(problem, start, factors, Risk(measure="cvar", level=0.8), greedy)
    assert len(found.items) == 10
    worst = [outcomes(problem, s.items, factors[:, s.items]).cvar(0.8) for s in (start, found)]
    assert worst[1] > 1.5 * worst[0]
    chance = cautious(problem, start, factors, Risk(measure="probability", target=250.0), greedy)
    assert outcomes(problem, chance.items, factors[:, chance.items]).chance(250.0)[0] > 0.95


@pytest.mark.parametrize("frequency", [1, 2, 3])
def test_outcomes_at_the_expected_views_are_the_reach(frequency):
    rng = np.random.default_rng(4)
    persons = [np.sort(rng.choice(300, 120, replace=False)).astype(np.int32) for _ in range(6)]
    panel = Panel(np.arange(7) * 120, np.concatenate(persons), rng.uniform(0.5, 2, 300))
    problem = Problem(panel, np.arange(6), np.ones(6), rng.uniform(0.1, 0.9, 6), 6.0, frequency=frequency)
    taken = np.array([0, 2, 3, 5])
    got = outcomes(problem, taken, np.ones((2, 4))).reach
    assert got == pytest.approx(np.full(2, reach(problem, taken)))
    p = np.zeros((300, 4))
    for n, c in enumerate(taken):
        p[persons[c], n] = problem.exposure[c]
    exactly = np.zeros((300, 5))
    exactly[:, 0] = 1
    for n in range(4):
        exactly[:, 1:] = exactly[:, 1:] * (1 - p[:, [n]]) + exactly[:, :-1] * p[:, [n]]
        exactly[:, 0] *= 1 - p[:, n]
    assert got[0] == pytest.approx(float(panel.weight @ (1 - exactly[:, :frequency].sum(axis=1))))


def test_an_age_text_that_is_none_is_no_age():
    assert age_range("30-20") is None


def test_exchanges_fill_scarce_places_with_larger_picks():
    rng = np.random.default_rng(6)
    sizes = rng.integers(5, 400, 60)
    persons = [np.sort(rng.choice(4_000, n, replace=False)).astype(np.int32) for n in sizes]
    panel = Panel(np.concatenate([[0], np.cumsum(sizes)]), np.concatenate(persons), np.ones(4_000))
    # The dearer the worse the ratio: greedy by price takes the five smallest, though money is there for the largest.
    price = sizes.astype(np.float64) ** 1.5
    places = GroupRow("five places", np.ones(60), 0.0, 5.0)
    problem = Problem(panel, np.arange(60), price, np.full(60, 0.5), 25_000.0, (places,), must=(3,))
    start = greedy(problem)
    flat = flatten(problem)
    better = as_solution(problem, flat, exchange(flat, start.items, np.arange(60), np.zeros(3), seed=1))
    assert better.reach > 1.5 * start.reach
    assert len(better.items) == 5
    assert 3 in better.items
    assert better.cost <= problem.budget
    assert better.reach == pytest.approx(reach(problem, better.items))
    again = exchange(flat, better.items, np.arange(60), np.zeros(3), seed=1)
    assert again.tolist() == better.items.tolist()
