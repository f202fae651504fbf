"""The sentence of a measure answers its question, and claims no more than the interval holds."""

from __future__ import annotations

import polars as pl
import pytest

from tidegauge.measure.registry import measures
from tidegauge.report import findings
from tidegauge.report.messages import message
from tidegauge.result import Explanation, Provenance, Result, Text

NOTHING = Explanation(Text("问", "q"), "f", Text("甲", "a"), Text("乙", "b"), "r")
SPAN = "2026-01-05/2026-03-30"


def result(name: str, rows: list[dict[str, object]]) -> Result:
    return Result(name, (), pl.DataFrame(rows, infer_schema_length=None), Provenance("duckdb", 1, ()), NOTHING)


def row(
    value: float, low: float, high: float, unit: str = "ratio", n: int = 100, **segments: object
) -> dict[str, object]:
    return {**segments, "value": value, "low": low, "high": high, "n": n, "unit": unit}


def moved(platform: str, value: float, low: float, high: float) -> dict[str, object]:
    return row(value, low, high, platform=platform, period=SPAN, quantity="share_change")


def test_displacement_names_who_gained_and_who_lost_for_sure():
    told = message(
        result(
            "displacement",
            [moved("douyin", 0.05, 0.03, 0.07), moved("weibo", -0.04, -0.06, -0.02), moved("zhihu", 0.09, -0.01, 0.2)],
        )
    )
    assert told.zh == (
        "2026-01-05 至 2026-03-30，抖音 的份额升得最多：+5.0 个百分点 [+3.0, +7.0]；"
        "微博 的份额降得最多：-4.0 个百分点 [-6.0, -2.0]。"
    )
    assert "Douyin gained most: +5.0 points" in told.en
    assert "Zhihu" not in told.en


def test_displacement_does_not_take_a_new_source_for_a_move():
    shares = [
        row(0.4, 0.3, 0.5, platform="weibo", period="2026-01-05", quantity="share"),
        row(0.35, 0.3, 0.4, platform="weibo", period="2026-03-30", quantity="share"),
        row(0.0, 0.0, 0.0, n=0, platform="youtube", period="2026-01-05", quantity="share"),
        row(0.5, 0.4, 0.6, platform="youtube", period="2026-03-30", quantity="share"),
    ]
    came = moved("youtube", 0.5, 0.4, 0.6)
    told = message(result("displacement", [*shares, came, moved("weibo", -0.05, -0.08, -0.02)]))
    assert "Weibo lost most" in told.en
    assert "YouTube" not in told.en
    assert "no segment is read at both ends" in message(result("displacement", [*shares, came])).en


def test_displacement_says_when_nothing_moved():
    told = message(result("displacement", [moved("douyin", 0.05, -0.03, 0.07)]))
    assert "no share moved by more than its interval" in told.en


def test_convergence_counts_pairs_by_what_their_intervals_hold():
    rows = [
        row(-0.4, -0.6, -0.1, "bits per year", platform="bilibili", other="douyin", quantity="trend"),
        row(-0.2, -0.5, 0.1, "bits per year", platform="bilibili", other="weibo", quantity="trend"),
        row(0.3, 0.1, 0.5, "bits per year", platform="weibo", other="douyin", quantity="trend"),
    ]
    told = message(result("convergence", rows))
    assert told.zh == "3 对中，1 对在趋同，1 对在分化，1 对看不出趋势；趋同最快的是 哔哩哔哩 · 抖音。"
    assert "1 get more alike and 1 less" in told.en


def test_duration_compares_within_creators():
    rows = [
        row(0.2, 0.1, 0.3, "times 5_30min", duration="under_15s", quantity="save_rate:within"),
        row(3.8, 3.4, 4.2, "times up to 1 min", duration="over_1min", quantity="save_rate:within"),
    ]
    made = result("duration", rows)
    assert "saved 3.80 [3.40, 4.20] times" in message(made).en
    assert "15 s" not in message(made).en
    # The chart holds one reference alone.
    assert findings.main_rows(made).get_column("unit").unique().to_list() == ["times 5_30min"]


@pytest.mark.parametrize(
    ("lag", "says"), [((4.0, 2.0, 6.0), "Weibo is ahead of Douyin by 4.0 h"), ((4.0, -1.0, 6.0), "unclear")]
)
def test_flow_tells_who_is_first_only_when_it_is_clear(lag, says):
    who = {"platform": "weibo", "other": "douyin", "year": "2025"}
    old = {"platform": "zhihu", "other": "douyin", "year": "2024"}
    rows = [
        row(0.9, 0.8, 0.95, **old, quantity="shared_share"),
        row(0.24, 0.2, 0.3, **who, quantity="shared_share"),
        row(*lag, "h", **who, quantity="lag_h_median"),
    ]
    told = message(result("flow", rows))
    assert says in told.en
    assert "Zhihu" not in told.en


def test_tiers_tell_the_fastest_and_admit_doubt():
    rows = [
        row(0.12, -0.01, 0.2, platform="weibo", tier="mid", at="2026-03-01", quantity="growth"),
        row(0.05, 0.02, 0.08, platform="weibo", tier="mega", at="2026-03-01", quantity="growth"),
    ]
    assert message(result("tiers", rows)).en == (
        "The tier whose followers grow fastest is Weibo · Mid: 12.0 % [-1.0, 20.0] (may be none)."
    )


def test_inequality_renewal_and_opportunity():
    assert (
        "the top 1 % of accounts hold 40.0 % [30.0, 50.0]"
        in message(result("inequality", [row(0.4, 0.3, 0.5, platform="weibo", quantity="top1_share")])).en
    )
    verdicts = [
        row(0.99, 0.98, 1.0, "probability", platform="channels", says="growing", quantity="verdict"),
        row(0.7, 0.6, 0.8, "probability", platform="weibo", says="unclear", quantity="verdict"),
    ]
    assert "1 of 2 series are on the rise, most surely WeChat Channels" in message(result("renewal", verdicts)).en
    assert "None of 1 series" in message(result("renewal", verdicts[1:])).en
    scores = [
        row(0.9, 0.2, 1.6, "z", platform="channels", category="美妆", quantity="score"),
        row(0.1, -0.2, 0.4, "z", platform="weibo", category="美妆", quantity="score"),
    ]
    assert "1 of 2 cells are surely above average" in message(result("opportunity", scores)).en


@pytest.mark.parametrize("name", measures())
def test_rows_that_do_not_answer_get_the_general_sentence(name):
    rows = [
        row(0.2, 0.1, 0.3, platform="weibo", quantity="other_thing"),
        row(0.4, 0.3, 0.5, platform="douyin", quantity="other_thing"),
    ]
    told = findings.sentence(result(name, rows))
    assert "抖音" in told.zh
    assert "40.0 % [30.0, 50.0]" in told.en


@pytest.mark.parametrize("name", measures())
def test_without_rows_it_says_so(name):
    empty = result(name, [row(0.2, 0.1, 0.3, platform="weibo", quantity="x")])
    told = findings.sentence(Result(name, (), empty.rows.clear(), empty.provenance, NOTHING))
    assert told.en == "No rows: too little data."
