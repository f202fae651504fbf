"""After the flight: what the twin's creators truly did is what verification tells."""

from __future__ import annotations

import datetime as dt
import json
from dataclasses import replace

import numpy as np
import polars as pl
import pytest

import tidegauge as tg
from tidegauge.creators import forecast_next_post
from tidegauge.errors import BriefError, UsageError
from tidegauge.plan.briefs.brief import parse_brief
from tidegauge.plan.lookback.delivered import Delivered
from tidegauge.plan.lookback.outcome import judged
from tidegauge.plan.lookback.promised import promised, read_plan, save_plan
from tidegauge.plan.lookback.tide import SCHEMA as TIDE_SCHEMA
from tidegauge.plan.lookback.verify import _coverage, verify
from tidegauge.plan.result import Interval
from tidegauge.plan.run import run_plan
from tidegauge.report.looks import show_verification
from tidegauge.twin import World, canonical, grow
from tidegauge.twin.flight import Conduct, fly

BRIEF = """
budget = 600000
brand = "沐研"
campaign = "春"
panel_persons = 8000
[flight]
start = 2026-02-20
end = 2026-03-06
[limits]
max_creators = 24
"""


@pytest.fixture(scope="module")
def world():
    return grow(260, 45, seed=4, world=World(comments_post_share=0.05))


@pytest.fixture(scope="module")
def flown(world, tmp_path_factory):
    """A planned and flown campaign: (workspace, plan, flown)."""
    ws = tg.init(tmp_path_factory.mktemp("flight") / "ws")
    assert ws.load(canonical(world)).error is None
    with ws.tables() as tables:
        plan = run_plan(tables, parse_brief(BRIEF), seed=1)
        before = forecast_next_post(tables, metric="views")
    done = fly(world, plan, seed=2)
    assert ws.load(done.frames, name="flight").error is None
    return ws, plan, done, before


@pytest.fixture(scope="module")
def verified(flown):
    ws, plan, *_ = flown
    return ws.verify(plan)


def test_delivered_is_what_truly_happened(flown, verified):
    _, plan, done, _ = flown
    truth = done.truth.join(verified.picks, on="creator_id", how="inner", suffix="_told")
    assert truth.height == plan.picks.height
    posted = truth.filter("posted")
    assert posted["views_delivered"].to_numpy() == pytest.approx(posted["views30"].to_numpy(), rel=0.02)
    assert posted["cost_told"].to_numpy() == pytest.approx(posted["cost"].to_numpy())
    missed = truth.filter(~pl.col("posted"))
    assert set(missed["outcome"]) <= {"not_posted"}
    totals = {r["figure"]: r for r in verified.totals.to_dicts()}
    assert totals["cost"]["delivered"] == pytest.approx(done.truth.filter("posted")["cost"].sum())
    assert totals["views"]["delivered"] == pytest.approx(posted["views30"].sum(), rel=0.02)
    assert totals["cost"]["promised"] == pytest.approx(plan.cost)
    assert 0 < totals["reach"]["delivered_low"] <= totals["reach"]["delivered"] <= totals["reach"]["delivered_high"]
    assert totals["reach"]["delivered"] < totals["views"]["delivered"]
    assert verified.counts().get("pending", 0) == 0


def test_everything_is_json_and_every_reason_is_in_both_languages(verified):
    told = json.dumps(verified.as_dict(), allow_nan=False, default=str)
    assert "NaN" not in told
    for row in verified.picks.to_dicts():
        assert row["reason_zh"]
        assert row["reason_en"]
        assert row["outcome"] in {"over", "as_promised", "under", "not_posted"}


JUDGED = {
    "post_id": pl.String, "cost": pl.Float64, "log_views": pl.Float64, "published_at": pl.Datetime("us", "UTC"),
}  # fmt: skip


def one_pick(**told) -> dict:
    """The judgement of one pick that promised 100,000 views [40,000, 250,000] for 10,000, due on the 12th."""
    plan = promised(
        {
            "brief": {"budget": 1, "flight": {"start": "2026-03-10", "end": "2026-03-24"}},
            "picks": [
                {"creator_id": "douyin:1", "platform": "douyin", "format": "short_video", "price": 10_000.0,
                 "views": 100_000.0, "views_low": 40_000.0, "views_high": 250_000.0, "publish_on": "2026-03-12"}
            ],
            "reach": {"value": 1, "low": 1, "high": 1}, "cost": 10_000, "currency": "CNY",
        }
    )  # fmt: skip
    row = {
        "creator_id": "douyin:1", "post_id": "douyin:p", "cost": 10_000.0, "format_posted": "short_video",
        "published_at": dt.datetime(2026, 3, 13, tzinfo=dt.UTC), "age_days": 40.0, "views_now": 90_000.0,
        "log_views": np.log(told.pop("views", 90_000.0)), "log_sd": 0.0, "views_from": "counted",
        "engagements": 10.0, "engagements_expected": 12.0,
    }  # fmt: skip
    tide = pl.DataFrame(
        [("douyin", "views", *told.pop("tide", (0.0, -0.1, 0.1)), 50)], schema=TIDE_SCHEMA, orient="row"
    )
    posts = pl.DataFrame([row | told], schema_overrides=JUDGED)
    found = Delivered(posts, pl.DataFrame(), dt.datetime(2026, 5, 1, tzinfo=dt.UTC))
    return judged(plan, found, tide).row(0, named=True)


@pytest.mark.parametrize(
    ("told", "outcome", "cause"),
    [
        ({}, "as_promised", None),
        ({"views": 900_000.0}, "over", None),
        ({"views": 9_000.0}, "under", "views"),
        ({"views": 60_000.0}, "as_promised", "views"),
        ({"cost": 16_000.0}, "as_promised", "price"),
        ({"views": 50_000.0, "tide": (-0.55, -0.7, -0.4)}, "as_promised", "tide"),
        ({"views": 50_000.0, "tide": (-0.55, -1.2, 0.1)}, "as_promised", "views"),
        ({"published_at": dt.datetime(2026, 4, 20, tzinfo=dt.UTC)}, "as_promised", "timing"),
        ({"post_id": None, "log_views": None, "published_at": None}, "not_posted", "not_posted"),
        ({"log_views": None}, "unseen", None),
    ],
)
def test_every_outcome_has_its_cause(told, outcome, cause):
    row = one_pick(**told)
    assert (row["outcome"], row["cause"]) == (outcome, cause)
    assert row["reason_zh"]
    assert row["reason_en"]
    if outcome == "not_posted":
        assert row["missing_money"] == pytest.approx(10_000.0)
    if outcome == "over":
        assert row["missing_money"] < 0


def test_the_next_forecast_uses_the_flight(flown):
    """Results are data: creators who did far better than expected are forecast higher than before, others lower."""
    ws, plan, done, before = flown
    with ws.tables() as tables:
        after = forecast_next_post(tables, metric="views")
    both = (
        done.truth.filter("posted")
        .join(plan.picks.select("creator_id", "format"), on="creator_id")
        .join(before, on=["creator_id", "format"])
        .join(after, on=["creator_id", "format"], suffix="_after")
        .with_columns((pl.col("views30").log() - pl.col("log_mean")).alias("surprise"))
        .filter(pl.col("surprise").abs() > 0.3)
    )
    assert both.height >= 8
    moved = (both["log_mean_after"] - both["log_mean"]).to_numpy()
    assert np.corrcoef(moved, both["surprise"].to_numpy())[0, 1] > 0.3
    assert (both["n_after"] > both["n"]).all()


def test_during_the_flight_young_posts_are_grown_and_the_rest_is_pending(world, flown):
    ws, plan, *_ = flown
    half = fly(world, plan, seed=2, until_day=53.0, conduct=Conduct(not_posted_share=0.0, late_share=0.0))
    live = tg.init(ws.path.parent / "ws-live")
    assert live.load(canonical(world)).error is None
    assert live.load(half.frames).error is None
    found = live.verify(plan)
    counts = found.counts()
    assert counts["pending"] > 0
    assert sum(counts.values()) == plan.picks.height
    seen = half.truth.join(found.picks.filter(pl.col("views_now").is_not_null()), on="creator_id", suffix="_told")
    assert (seen["views_delivered"] > seen["views_now"]).all()
    error = (seen["views_delivered"].log() - seen["views30"].log()).to_numpy()
    now = (seen["views_now"].cast(pl.Float64).log() - seen["views30"].log()).to_numpy()
    assert np.abs(error).mean() < 0.6 * np.abs(now).mean()
    assert any("not due yet" in n.en for n in found.notes)


def coverage_of(sd_true: float, n: int = 400) -> object:
    rng = np.random.default_rng(5)
    sd = 0.6
    off = rng.normal(0.0, sd_true, n)
    picks = pl.DataFrame(
        {
            "inside": np.abs(off) <= 1.6449 * sd, "age_days": np.full(n, 30.0), "views_from": ["counted"] * n,
            "log_ratio": off,
        }
    )  # fmt: skip
    plan = promised(
        {"brief": {"budget": 1}, "picks": [], "reach": {"value": 1, "low": 1, "high": 1}, "cost": 1, "currency": "CNY"}
    )
    return _coverage(plan, picks)


def test_intervals_that_were_right_too_narrow_or_too_wide_are_told_apart():
    assert "kept their promise" in coverage_of(0.6).verdict.en
    assert "too narrow" in coverage_of(1.2).verdict.en
    assert "wider than needed" in coverage_of(0.3).verdict.en
    right = coverage_of(0.6)
    assert right.share.low < 0.9 < right.share.high
    assert right.bias.low < 1.0 < right.bias.high


def test_a_plan_survives_the_disk(flown, tmp_path, verified):
    ws, plan, *_ = flown
    path = save_plan(plan, tmp_path / "out")
    for given in (path, tmp_path / "out"):
        told = read_plan(given)
        assert told.picks["creator_id"].to_list() == plan.picks["creator_id"].to_list()
        assert told.brief.brand == "沐研"
        assert told.value == Interval(plan.reach.value, plan.reach.low, plan.reach.high)
        assert (told.start, told.end) == (dt.date(2026, 2, 20), dt.date(2026, 3, 6))
    again = ws.verify(tmp_path / "out")
    assert again.totals.drop("figure").to_numpy() == pytest.approx(
        verified.totals.drop("figure").to_numpy(), nan_ok=True
    )


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"picks": 3}', "not json"])
def test_what_is_no_plan_is_an_error_with_a_mend(tmp_path, text):
    (tmp_path / "plan.json").write_text(text, encoding="utf-8")
    with pytest.raises(BriefError) as caught:
        read_plan(tmp_path)
    assert "tidegauge plan" in caught.value.mend


def test_a_workspace_without_placements_verifies_from_the_posts(world, flown):
    ws, plan, done, _ = flown
    bare = tg.init(ws.path.parent / "ws-bare")
    assert bare.load(canonical(world)).error is None
    assert bare.load({t: f for t, f in done.frames.items() if t != "placements"}).error is None
    found = bare.verify(plan)
    assert found.picks["cost"].null_count() == found.picks.height
    assert any("No cost" in n.en for n in found.notes)
    posted = done.truth.filter("posted").height
    assert found.picks.filter(pl.col("posts") > 0).height == posted


def test_an_empty_workspace_delivers_nothing_and_does_not_fail(flown, tmp_path):
    _, plan, *_ = flown
    found = tg.init(tmp_path / "ws").verify(plan)
    assert set(found.picks["outcome"]) == {"pending"}
    assert found.coverage.n == 0
    json.dumps(found.as_dict(), allow_nan=False, default=str)


def test_the_report_opens_in_both_languages(verified, tmp_path):
    document, _ = show_verification(verified, tmp_path / "r", "zh")
    page = (tmp_path / "r" / "verification.html").read_text(encoding="utf-8")
    assert "承诺与兑现" in page
    assert "Promised and delivered" in page
    assert set(document["files"]) == {"html", "xlsx", "pptx"}


def test_a_plan_of_another_world_does_not_fly(world, flown):
    _, plan, *_ = flown
    strange = replace(plan, picks=plan.picks.with_columns(pl.lit("douyin:nobody").alias("creator_id")))
    with pytest.raises(UsageError):
        fly(world, strange, seed=1)
    with pytest.raises(UsageError):
        fly(world, replace(plan, picks=plan.picks.head(0)), seed=1)


def test_verify_takes_plan_objects_and_says_what_was_assumed(flown):
    ws, plan, *_ = flown
    with ws.tables() as tables:
        found = verify(tables, promised(plan.as_dict()), seed=1)
    assert found.provenance.seed == 1
    assert found.brand == "沐研"


def test_a_flown_roster_feeds_the_response_and_the_next_split(flown, verified):
    pytest.importorskip("nutpie")
    ws, plan, done, _ = flown
    # Sales that the flight truly made: 1.5 a unit of money, half of what is left each day.
    placed = done.frames["placements"].filter(pl.col("cost").is_not_null() & pl.col("published_at").is_not_null())
    days = [dt.date(2026, 1, 5) + dt.timedelta(days=i) for i in range(100)]
    brought = np.zeros(len(days))
    for cost, at in placed.select("cost", "published_at").iter_rows():
        since = np.array([(d - at.date()).days for d in days])
        brought += np.where(since >= 0, 1.5 * cost * 0.5 ** (since + 1.0), 0.0)
    noise = 1.0 + 0.02 * np.random.default_rng(3).standard_normal(len(days))
    sales = {"brand": "沐研", "metric": "sales", "period_start": days, "period_end": days, "geo": "",
             "value": 40_000.0 * noise + brought}  # fmt: skip
    assert ws.load({"outcomes": pl.DataFrame(sales)}).error is None
    read = ws.respond(brand="沐研", draws=100, chains=2)
    totals = {r["figure"]: r for r in verified.totals.to_dicts()}
    assert read.total.spend == pytest.approx(totals["cost"]["delivered"])
    assert {s.stream.split("/")[0] for s in read.streams} == set(
        plan.picks.filter(pl.col("creator_id").is_in(placed["creator_id"].to_list()))["platform"]
    )
    low, high = read.total.contribution.low, read.total.contribution.high
    assert 0.9 * low <= brought.sum() <= 1.1 * high
    assert read.total.contribution.value == pytest.approx(brought.sum(), rel=0.25)
    split = ws.split(parse_brief('budget = 300000\nbrand = "沐研"\n[split]\nhorizon_weeks = 8\n'))
    assert {r["stream"] for r in split.streams.to_dicts()} == {s.stream for s in read.streams}
    assert 0 < split.streams["money"].sum() <= 300_000 * (1 + 1e-9)
