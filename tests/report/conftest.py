"""A made-up plan as planning would give it: 60 picks on five platforms, hostile names, assumed prices."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import polars as pl
import pytest

from tidegauge.plan.result import Interval, Plan
from tidegauge.report import write_plan, write_workspace
from tidegauge.report.content import WorkspaceReport
from tidegauge.result import Explanation, Provenance, Result, Text

PLATFORMS = ("douyin", "xiaohongshu", "bilibili", "weibo", "channels")
FORMATS = {"douyin": "short_video", "xiaohongshu": "image_text", "bilibili": "long_video", "weibo": "status"}
TIERS = ("nano", "micro", "mid", "macro", "mega")
FAMILY = ("林", "周", "顾", "苏", "沈", "许", "唐", "叶")
GIVEN = ("小满", "的实验室", "今天也要护肤", "Mia", "成分党", "在上海", "不熬夜", "有话说")
HOSTILE = (
    "<script>alert('x')</script>",
    '=HYPERLINK("http://evil.example","点我")',
    "+cmd|' /C calc'!A0",
    "@SUM(1+1)",
    "-2+3",
    'a" onmouseover="alert(1)',
    "红\x1b[31m色\x00猫\u202egnp.exe",
    "很长" * 60,
    "\t=1+1",
    "مرحبا 👩‍👧 &amp; <b>",
)


def a_plan(picks: int = 60, seed: int = 7) -> Plan:
    """A realistic plan; the first names are hostile, every ninth price is assumed, some figures are missing."""
    rng = np.random.default_rng(seed)
    rows = []
    for i in range(picks):
        platform = PLATFORMS[i % 5]
        views = float(np.round(rng.lognormal(10.6, 1.0)))
        price = float(np.round(views * rng.uniform(0.04, 0.22), -2) + 300)
        alone = views * rng.uniform(0.3, 0.6)
        name = HOSTILE[i] if i < len(HOSTILE) else f"{FAMILY[i % 8]}{GIVEN[(i * 3) % 8]}{i}"
        rows.append(
            {
                "creator_id": f"{platform}:{10_000 + i}",
                "name": name,
                "platform": platform,
                "tier": TIERS[int(rng.integers(5))],
                "category": ("美妆", "护肤", "生活")[i % 3],
                "format": FORMATS.get(platform, "short_video"),
                "role": ("KOL", "KOC", "KOE")[i % 3],
                "stage": ("discover", "consider", "purchase")[i % 3],
                "terms": "含二次授权 30 天" if i % 4 == 0 else None,
                "price": price,
                "price_assumed": i % 9 == 4,
                "views": views,
                "views_low": views * 0.55,
                "views_high": views * 1.8,
                "reach_alone": alone,
                "reach_added": alone * rng.uniform(0.5, 0.98),
                "overlap_with": f"{PLATFORMS[(i + 1) % 5]}:{10_000 + (i + 1) % picks}",
                "overlap_share": float(rng.uniform(0.02, 0.4)),
                "publish_on": dt.date(2026, 12, 1) + dt.timedelta(days=i % 21),
                "cpm": 1000 * price / views,
                "reason_zh": f"每千人新增成本 {rng.uniform(60, 400):.0f} 元，低于影子价格；与已选达人重叠少",
                "reason_en": f"costs CNY {rng.uniform(60, 400):.0f} per thousand added, below the shadow price; little "
                "overlap",
            }
        )
    frame = pl.DataFrame(rows)
    cost = float(frame.get_column("price").sum())
    budget = float(np.ceil(cost / 10_000) * 10_000)
    reach = float(frame.get_column("reach_added").sum()) * 1.15
    budgets = budget * np.array([0.25, 0.5, 0.75, 1.0, 1.25, 1.5, 2.0])
    bound = reach * 1.021 * (budgets / budget) ** 0.62
    split = pl.concat(
        frame.group_by(d)
        .agg(cost=pl.col("price").sum(), count=pl.len().cast(pl.Int64))
        .sort(d)
        .select(
            dimension=pl.lit(d),
            bucket=pl.col(d),
            cost="cost",
            cost_share=pl.col("cost") / cost,
            count="count",
            cost_share_before=pl.lit(0.2) if d == "platform" else pl.lit(None, dtype=pl.Float64),
        )
        for d in ("platform", "tier", "role", "format", "stage")
    )
    return Plan(
        brief={
            "brand": "玉容 <Yurong>",
            "campaign": "秋季修护精华上市",
            "budget": budget,
            "category": "护肤",
            "flight": {"start": "2026-12-01", "end": "2026-12-21"},
            "limits": {"max_creators": 80},
            "rule": [{"platform": ["douyin"], "share_max": 0.4}],
        },
        reach=Interval(reach, reach * 0.82, reach * 1.2),
        upper_bound=reach * 1.021,
        panel_gap=1 - 1 / 1.021,
        population_gap=0.047,
        cost=cost,
        budget=budget,
        currency="CNY",
        goal="reach",
        picks=frame,
        near_misses=pl.DataFrame(
            {
                "creator_id": ["douyin:1", "bilibili:2"],
                "name": ["=1+1", "差一点的猫"],
                "platform": ["douyin", "bilibili"],
                "tier": ["macro", "mid"],
                "format": ["short_video", "long_video"],
                "price": [42_000.0, 18_000.0],
                "reach_added": [61_234.0, 20_480.0],
                "reason_zh": ["报价对它新增的人来说太高：每千人 686 元", "「抖音花费至多 40 %」已用满"],
                "reason_en": ["too dear for what it adds: CNY 686 per thousand", "the cap on Douyin spend is used up"],
            }
        ),
        curve=pl.DataFrame({"budget": budgets, "reach": bound / 1.021, "upper_bound": bound}),
        split=split,
        constraints=pl.DataFrame(
            {
                "label": ["douyin: spend at most 40 %", "at most 80 creators", "xiaohongshu: at least 5 creators"],
                "kind": ["share", "count", "count"],
                "low": [None, None, 5.0],
                "high": [0.4, 80.0, float("inf")],
                "actual": [0.3991, float(picks), 12.0],
                "kept": [True, True, True],
                "shadow_price": [0.8, 0.0, -120.0],
            },
            strict=False,
        ),
        shadow_prices={"budget": 2.31, "douyin: spend at most 40 %": 0.8, "xiaohongshu: at least 5 creators": -120.0},
        provenance=Provenance(
            "duckdb",
            42,
            ("a1b2c3", "d4e5f6"),
            seed=1,
            computed_at=dt.datetime(2026, 11, 24, 9, 0, tzinfo=dt.UTC),
            assumed=(
                "prices of 6 creators: price per tier, allgood.cn (2025, blog)",
                "unique viewers per view 0.62 <cited>",
            ),
        ),
        candidates=3_092,
        what_if=pl.DataFrame(
            {
                "label_zh": ["预算加一成", "去掉抖音上限", "去掉小红书下限"],
                "label_en": ["10 % more budget", "without the cap on Douyin", "without the floor on Xiaohongshu"],
                "low": [51_000.0, 4_000.0, -900.0],
                "value": [68_300.0, 12_050.0, 310.0],
                "high": [85_000.0, 21_000.0, 1_500.0],
            }
        ),
        notes=(Text("候选按 2026-11-20 的报价单。", "Candidates are as of the rate card of 2026-11-20."),),
    )


def an_empty_plan() -> Plan:
    """A plan without picks, misses, curve or rules, and with figures that are no numbers."""
    full = a_plan(3)
    return replace(
        full,
        brief={},
        reach=Interval(0.0, 0.0, float("nan")),
        upper_bound=0.0,
        panel_gap=float("nan"),
        population_gap=float("inf"),
        cost=0.0,
        picks=full.picks.clear(),
        near_misses=full.near_misses.clear(),
        curve=full.curve.clear(),
        split=full.split.clear(),
        constraints=full.constraints.clear(),
        shadow_prices={},
        what_if=None,
        notes=(),
        provenance=replace(full.provenance, assumed=(), snapshot=None, ingests=()),
    )


def a_result(periods: int = 4, name: str = "displacement") -> Result:
    """A measure's result: shares per platform and period with intervals, and an index over all."""
    rng = np.random.default_rng(3)
    rows = []
    for p in range(periods):
        shares = rng.dirichlet(np.ones(5) * 9)
        for platform, s in zip(PLATFORMS, shares, strict=True):
            rows.append((platform, f"2026-{p + 5:02d}", "share", s, s * 0.9, s * 1.1, 500, "ratio"))
    rows.append(
        (None, f"2026-05/2026-{periods + 4:02d}", "displacement_index", 0.081, 0.05, float("nan"), 2_500, "ratio")
    )
    names = ("platform", "period", "quantity", "value", "low", "high", "n", "unit")
    return Result(
        name,
        ("platform",),
        pl.DataFrame(rows, schema=list(names), orient="row"),
        Provenance("duckdb", 42, ("a1b2c3",), seed=1, computed_at=dt.datetime(2026, 11, 24, 9, 0, tzinfo=dt.UTC)),
        Explanation(
            Text("各平台的份额如何移动？", "How do the platforms' shares move?"),
            "D = ½Σ|Δs|",
            Text("达人是随机样本。", "Creators are a random sample."),
            Text("份额变化不是因果。", "A moved share is no cause."),
            "Dunn (1960)",
        ),
        notes=(Text("变化从 5 月到 8 月。", "From May to August."),),
    )


def a_workspace_report(plan: Plan | None = None) -> WorkspaceReport:
    status = {
        "tables": {"creators": 3_092, "posts": 81_234, "post_snapshots": 402_110, "offers": 0},
        "rejects": {"total": 17, "by_reason": {"views is negative": 12, "<b>no id</b>": 5}},
        "ingests": [
            {"ingest_id": "a1b2c3", "path": "=panel.parquet", "reader": "mapped", "rows": 3_092, "rejected": 17,
             "finished_at": "2026-11-24T08:00:00Z"},
        ],
        "snapshot": 42,
        "currency": "CNY",
        "timezone": "Asia/Shanghai",
    }  # fmt: skip
    return WorkspaceReport({"displacement": a_result(), "tiers": a_result(1, "tiers")}, status, plan)


@pytest.fixture(scope="session")
def plan() -> Plan:
    return a_plan()


@pytest.fixture(scope="session")
def make_plan() -> Callable[..., Plan]:
    return a_plan


@pytest.fixture(scope="session")
def empty_plan() -> Plan:
    return an_empty_plan()


@pytest.fixture(scope="session")
def make_result() -> Callable[..., Result]:
    return a_result


@pytest.fixture(scope="session")
def make_workspace_report() -> Callable[..., WorkspaceReport]:
    return a_workspace_report


@pytest.fixture(scope="session")
def hostile() -> tuple[str, ...]:
    return HOSTILE


@pytest.fixture(scope="session")
def written(plan, tmp_path_factory) -> dict[str, str]:
    """The plan's three files in Chinese, written once."""
    return write_plan(plan, tmp_path_factory.mktemp("plan"), lang="zh")


@pytest.fixture(scope="session")
def written_empty(empty_plan, tmp_path_factory) -> dict[str, str]:
    return write_plan(empty_plan, tmp_path_factory.mktemp("empty"), lang="en", name="../../空 名单/x")


@pytest.fixture(scope="session")
def written_workspace(plan, tmp_path_factory) -> dict[str, str]:
    return write_workspace(a_workspace_report(plan), tmp_path_factory.mktemp("workspace"), lang="en")
