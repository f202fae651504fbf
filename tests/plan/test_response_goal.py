"""A roster for the expected response: streams' worths decide, dear views bring less per yuan than cheap ones."""

from __future__ import annotations

import polars as pl
import pytest
from briefs import workspace

from tidegauge.errors import BriefError
from tidegauge.plan.briefs.brief import parse_brief
from tidegauge.plan.offers.response_goal import expected_response
from tidegauge.plan.run import run_plan
from tidegauge.workspace.ingest import load_frames
from tidegauge.workspace.lake import attach, create
from tidegauge.workspace.tables import duckdb_tables

ITEMS = pl.DataFrame(
    {
        "platform": ["douyin", "douyin", "douyin", "bilibili", "kuaishou"],
        "tier": ["mid", "mid", "nano", "mid", "mid"],
        "role": ["KOL"] * 5,
        "format": ["short_video"] * 5,
        "stage": ["discover"] * 5,
        "price": [1000.0, 2000.0, 100.0, 500.0, 400.0],
        "views": [100_000.0, 100_000.0, 8_000.0, None, 50_000.0],
    }
)
WORTH = (
    '[[worth]]\nplatform = "douyin"\ntier = "mid"\nper_unit = 2.0\n[[worth]]\nplatform = "bilibili"\nper_unit = 3.0\n'
)


def brief(text: str = WORTH, **extra):
    lines = "".join(f"{k} = {v}\n" for k, v in extra.items())
    return parse_brief(f'budget = 60000\n{lines}[goal]\nkind = "response"\n{text}', source="brief.toml")


def test_views_count_at_the_usual_price_of_the_stream_times_its_return():
    found = expected_response(ITEMS, brief())["engagements"].to_list()
    # The two mid creators cost 0.01 and 0.02 a view: 0.015 is usual, so each brings 2 · 1,500; others nothing.
    assert found == pytest.approx([3000.0, 3000.0, 0.0, 0.0, 0.0])


def test_the_first_worth_that_meets_counts():
    text = '[[worth]]\nplatform = "douyin"\nper_unit = 1.0\n' + WORTH
    found = expected_response(ITEMS, brief(text))["engagements"].to_list()
    assert found[2] > 0
    assert found[0] == pytest.approx(0.0125 * 100_000)  # the median of three prices per view


@pytest.mark.parametrize(
    ("text", "words"),
    [("", "needs what streams are worth"), ('[[worth]]\nplatform = "weibo"\nper_unit = 1', "no candidate belongs")],
)
def test_a_goal_without_worths_is_told(text, words):
    with pytest.raises(BriefError, match=words) as caught:
        expected_response(ITEMS, brief(text))
    assert caught.value.mend


def test_a_roster_follows_the_worths(tmp_path):
    create(tmp_path / "ws")
    assert load_frames(tmp_path / "ws", workspace()).error is None
    lake = attach(tmp_path / "ws")
    try:
        tables = duckdb_tables(lake)

        def money(first: str, second: str) -> dict[str, float]:
            worth = "".join(f'[[worth]]\nplatform = "{p}"\nper_unit = {w}\n' for p, w in ((first, 5.0), (second, 0.5)))
            plan = run_plan(tables, brief(worth, panel_persons=8000), seed=1)
            assert plan.goal == "response"
            assert plan.reach.value > 0
            return dict(plan.picks.group_by("platform").agg(pl.col("price").sum()).rows())

        one, other = money("bilibili", "kuaishou"), money("kuaishou", "bilibili")
    finally:
        lake.close()
    assert one["bilibili"] > other.get("bilibili", 0.0)
    assert other["kuaishou"] > one.get("kuaishou", 0.0)
    assert set(one) | set(other) <= {"bilibili", "kuaishou"}
