"""After the flight: what was promised against what came, per creator and in all, and whether the intervals were right.

    delivered views of a post at 30 days = count so far · exp(k H(age))          (growth, creators.growth)
    inside: |log delivered − log median promised| ≤ z √(sd_promised² + sd_delivered²)
    coverage so far: inside / settled with its Wilson interval; bias: mean log ratio with its t-interval
    why cheaper or dearer: log CPM ratio = log cost ratio − platform's tide − the rest of the log view ratio

References: Brown, Cai and DasGupta (2001), interval estimation for a binomial proportion, Statistical Science 16(2);
Gneiting, Balabdaoui and Raftery (2007), probabilistic forecasts, calibration and sharpness, JRSS B 69(2).
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from scipy.stats import binomtest
from scipy.stats import t as student

from tidegauge.creators.shared import shared_reads
from tidegauge.display import Displayed
from tidegauge.plan.lookback.delivered import Delivered, find_delivered
from tidegauge.plan.lookback.delivered_reach import reach_of_views
from tidegauge.plan.lookback.outcome import judged
from tidegauge.plan.lookback.promised import Promised, read_plan
from tidegauge.plan.lookback.tide import SCHEMA as TIDE_SCHEMA
from tidegauge.plan.lookback.tide import platform_tide
from tidegauge.plan.offers.expected import MAX_SD_IN_MEAN
from tidegauge.plan.result import Interval, Plan, _json_rows
from tidegauge.result import Assumed, Provenance, Text
from tidegauge.workspace.tables import Tables

#: Posts younger than this are carried too far by the growth curve to judge the intervals by them.
SETTLED_DAYS = 3.0
_DRAWS = 4_000


@dataclass(frozen=True)
class Coverage:
    """How often what came lay inside what was promised: `inside` of `n`, its share with a 90 % Wilson interval.

    `bias` is the median of delivered over promised views (1: the promise was right in the middle) with its interval.
    """

    n: int
    inside: int
    level: float
    share: Interval | None
    bias: Interval | None
    verdict: Text

    def as_dict(self) -> dict[str, Any]:
        return {
            "n": self.n,
            "inside": self.inside,
            "level": self.level,
            "share": self.share.as_dict() if self.share else None,
            "bias": self.bias.as_dict() if self.bias else None,
            "verdict": {"zh": self.verdict.zh, "en": self.verdict.en},
        }


@dataclass(frozen=True)
class Verification(Displayed):
    """Promised against delivered.

    Frames (polars):
    - `picks`: creator_id, name, platform, tier, format, role, stage, price, cost, views_promised (+ _low, _high),
      views_delivered (+ _low, _high; at 30 days), views_now, views_from, engagements_promised, engagements_delivered,
      cpm_promised, cpm_delivered, posts, published_at, days_late, age_days, inside (null where it cannot be judged),
      outcome (over, as_promised, under, not_posted, pending, unseen), cause (price, views, tide, timing, not_posted or
      null), missing_money (what the missing views would cost at the promised price), reason_zh, reason_en
    - `totals`: figure (reach, views, engagements, cost, cpm), promised (+ _low, _high), due (the promise of the picks
      that are settled), delivered (+ _low, _high), ratio (delivered over due), n (picks that count)
    - `tide`: per platform, how ordinary posts did in the flight beside before (see `plan.tide`)
    - `strangers`: placements of the campaign with creators who are no picks
    """

    picks: pl.DataFrame
    totals: pl.DataFrame
    coverage: Coverage
    tide: pl.DataFrame
    strangers: pl.DataFrame
    brand: str
    campaign: str
    currency: str
    level: float
    until: dt.datetime | None
    provenance: Provenance
    notes: tuple[Text, ...] = ()

    def counts(self) -> dict[str, int]:
        """Picks by outcome."""
        return dict(self.picks.group_by("outcome").len().sort("outcome").rows())

    def as_dict(self) -> dict[str, Any]:
        """The `--json` shape."""
        return {
            "brand": self.brand,
            "campaign": self.campaign,
            "currency": self.currency,
            "level": self.level,
            "until": self.until.isoformat() if self.until else None,
            "totals": _json_rows(self.totals),
            "coverage": self.coverage.as_dict(),
            "outcomes": self.counts(),
            "picks": _json_rows(self.picks),
            "tide": _json_rows(self.tide),
            "strangers": _json_rows(self.strangers),
            "notes": [{"zh": t.zh, "en": t.en} for t in self.notes],
            "provenance": self.provenance.as_dict(),
        }


def verify(tables: Tables, plan: Plan | Promised | str | Path, *, seed: int = 1) -> Verification:
    """Hold a plan against what the workspace knows of its flight.

    Parameters: `plan` is a plan, what `promised.read_plan` gives, or the path of either form on disk; `seed` fixes the
    draws of intervals. Raises BriefError where the path holds no plan.
    """
    if isinstance(plan, Plan):
        from tidegauge.plan.lookback.promised import promised

        plan = promised(plan.as_dict())
    elif not isinstance(plan, Promised):
        plan = read_plan(plan)
    with shared_reads():
        found = find_delivered(tables, plan)
        tide = _tide(tables, plan)
        picks = judged(plan, found, tide)
        reached = _reached(tables, plan, picks, seed)
    picks = picks.sort("missing_money", "creator_id", descending=[True, False], nulls_last=True)
    return Verification(
        picks=picks.drop("log_sd", "promised_sd"),
        totals=_totals(plan, picks, reached, seed),
        coverage=_coverage(plan, picks),
        tide=tide,
        strangers=found.strangers.select("creator_id", "format", "cost", "published_at"),
        brand=plan.brief.brand,
        campaign=plan.brief.campaign,
        currency=plan.currency,
        level=plan.level,
        until=found.now,
        provenance=tables.provenance(seed=seed, assumed=_assumed(picks)),
        notes=_notes(plan, found, picks),
    )


def _tide(tables: Tables, plan: Promised) -> pl.DataFrame:
    if plan.start is None or plan.end is None:
        return pl.DataFrame(schema=TIDE_SCHEMA)
    midnight = dt.time(tzinfo=dt.UTC)
    last = dt.datetime.combine(plan.end, midnight) + dt.timedelta(days=1)
    return platform_tide(tables, dt.datetime.combine(plan.start, midnight), last)


def _reached(tables: Tables, plan: Promised, picks: pl.DataFrame, seed: int) -> tuple[Interval | None, Interval | None]:
    """Reach of the delivered views, and of the promised views of the settled picks, by the same model."""
    seen = picks.filter(pl.col("views_delivered") > 0).select(
        "creator_id", "platform", "format", pl.col("views_delivered").alias("views"), "log_sd", "views_from"
    )
    due = picks.filter(pl.col("settled") & (pl.col("views_promised") > 0)).select(
        "creator_id", "platform", "format", pl.col("views_promised").alias("views"),
        pl.col("promised_sd").alias("log_sd"), pl.lit("promise").alias("views_from"),
    )  # fmt: skip
    return reach_of_views(tables, plan, seen, seed=seed), reach_of_views(tables, plan, due, seed=seed)


def _totals(
    plan: Promised, picks: pl.DataFrame, reached: tuple[Interval | None, Interval | None], seed: int
) -> pl.DataFrame:
    settled = picks.filter("settled")
    rng = np.random.default_rng([seed, 29])
    promised_views = _sum(rng, picks["views_promised"], picks["promised_sd"], plan.level, mean=True)
    due_views = _sum(rng, settled["views_promised"], settled["promised_sd"], plan.level, mean=True)
    views = _sum(rng, settled["views_delivered"], settled["log_sd"], plan.level, mean=False)
    cost_due, cost = float(settled["price"].sum()), settled["cost"].sum()
    paid = settled["cost"].is_not_null().any()
    rows: list[dict[str, Any]] = [
        _row("views", promised_views, due_views.value, views, settled["views_delivered"].count()),
        _row(
            "engagements",
            None,
            _total(settled["engagements_promised"]),
            _plain(settled["engagements_delivered"]),
            settled["engagements_delivered"].count(),
        ),
        _row(
            "cost",
            Interval(plan.cost, plan.cost, plan.cost),
            cost_due,
            _point(float(cost)) if paid else None,
            settled["cost"].count(),
        ),
    ]
    if plan.brief.goal.counts_people:
        due = reached[1].value if reached[1] else None
        rows.insert(0, _row("reach", plan.value, due, reached[0], settled["views_delivered"].count()))
    if paid and views is not None and views.value > 0 and due_views.value > 0:
        spent = float(cost)
        per = [1e3 * spent / v if v > 0 else None for v in (views.value, views.high, views.low)]
        cpm = Interval(per[0] or 0.0, per[1] or 0.0, per[2] or per[0] or 0.0)
        rows.append(
            _row(
                "cpm",
                _point(1e3 * plan.cost / promised_views.value),
                1e3 * cost_due / due_views.value,
                cpm,
                len(settled),
            )
        )
    return pl.DataFrame(rows, schema=_TOTALS)


_TOTALS = {
    "figure": pl.String, "promised": pl.Float64, "promised_low": pl.Float64, "promised_high": pl.Float64,
    "due": pl.Float64, "delivered": pl.Float64, "delivered_low": pl.Float64, "delivered_high": pl.Float64,
    "ratio": pl.Float64, "n": pl.Int64,
}  # fmt: skip


def _row(
    figure: str, promised: Interval | None, due: float | None, delivered: Interval | None, n: int
) -> dict[str, Any]:
    # What is known exactly (money) has no interval.
    spread = [i if i is not None and i.high > i.low else None for i in (promised, delivered)]
    return {
        "figure": figure,
        "promised": promised.value if promised else due,
        "promised_low": spread[0].low if spread[0] else None,
        "promised_high": spread[0].high if spread[0] else None,
        "due": due,
        "delivered": delivered.value if delivered else None,
        "delivered_low": spread[1].low if spread[1] else None,
        "delivered_high": spread[1].high if spread[1] else None,
        "ratio": delivered.value / due if delivered and due else None,
        "n": n,
    }


def _point(value: float) -> Interval:
    return Interval(value, value, value)


def _total(values: pl.Series) -> float | None:
    return float(values.sum()) if values.count() else None


def _plain(values: pl.Series) -> Interval | None:
    total = _total(values)
    return _point(total) if total is not None else None


def _sum(rng: np.random.Generator, values: pl.Series, log_sd: pl.Series, level: float, *, mean: bool) -> Interval:
    """The sum of independent log-normals, by draws; `mean`: values are their means, else their medians."""
    v = values.cast(pl.Float64).fill_null(0.0).to_numpy()
    # Promised means rise over their medians by a capped spread, as the planner's scenarios do (see plan.luck).
    sd = np.minimum(log_sd.cast(pl.Float64).fill_null(0.0).to_numpy(), MAX_SD_IN_MEAN if mean else 1.5)
    if v.size == 0:
        return Interval(0.0, 0.0, 0.0)
    rise = sd**2 / 2 if mean else np.zeros(v.size)
    total = (v * np.exp(sd * rng.standard_normal((_DRAWS, v.size)) - rise)).sum(axis=1)
    tail = (1.0 - level) / 2.0
    value = float(v.sum())
    return Interval(value, min(value, float(np.quantile(total, tail))), max(value, float(np.quantile(total, 1 - tail))))


def _coverage(plan: Promised, picks: pl.DataFrame) -> Coverage:
    """Over picks with one counted post that is old enough to judge."""
    fair = picks.filter(
        pl.col("inside").is_not_null() & (pl.col("age_days") >= SETTLED_DAYS) & (pl.col("views_from") != "likes")
    )
    n, inside = fair.height, int(fair["inside"].sum() or 0)
    if n == 0:
        none = Text("还没有可以检验区间的作品。", "No post yet that the intervals could be judged by.")
        return Coverage(0, 0, plan.level, None, None, none)
    ci = binomtest(inside, n).proportion_ci(0.9, "wilson")
    share = Interval(inside / n, float(ci.low), float(ci.high))
    off = fair["log_ratio"].to_numpy()
    bias = None
    if n >= 2:
        half = float(student.ppf(0.95, n - 1)) * float(off.std(ddof=1)) / np.sqrt(n)
        bias = Interval(*(float(np.exp(off.mean() + s * half)) for s in (0.0, -1.0, 1.0)))
    return Coverage(n, inside, plan.level, share, bias, _verdict(plan.level, n, share, bias))


def _verdict(level: float, n: int, share: Interval, bias: Interval | None) -> Text:
    if share.high < level:
        zh, en = "承诺的区间太窄", "the promised intervals were too narrow"
    elif share.low > level:
        zh, en = "承诺的区间偏宽", "the promised intervals were wider than needed"
    else:
        zh, en = "区间与承诺的覆盖率相符", "the intervals kept their promise as far as can be told"
    if bias is not None and bias.high < 1.0:
        zh, en = (
            f"{zh}，且整体偏乐观 {1 - bias.value:.0%}",
            f"{en}, and {1 - bias.value:.0%} too optimistic in the middle",
        )
    elif bias is not None and bias.low > 1.0:
        zh, en = (
            f"{zh}，且整体偏保守 {bias.value - 1:.0%}",
            f"{en}, and {bias.value - 1:.0%} too cautious in the middle",
        )
    few = n < 10
    return Text(f"{zh}{'（样本很少）' if few else ''}。", f"{en[0].upper()}{en[1:]}{' (few posts)' if few else ''}.")


def _assumed(picks: pl.DataFrame) -> tuple[str, ...]:
    told = []
    if (picks["views_from"] == "likes").any():
        told.append(
            Assumed(
                "views of posts whose platform shows none: the promise times likes over expected likes",
                "平台不显示播放的作品：按实际点赞与预期点赞之比推算播放",
            )
        )
    if (picks["views_from"] == "grown").any():
        told.append(
            Assumed(
                "views at 30 days of younger posts: by the growth of the same creators' and platforms' posts",
                "较新作品的 30 天播放：按同一达人与平台作品的增长推算",
            )
        )
    return tuple(told)


def _notes(plan: Promised, found: Delivered, picks: pl.DataFrame) -> tuple[Text, ...]:
    notes = []
    waiting = picks.filter(pl.col("outcome") == "pending").height
    if waiting:
        notes.append(
            Text(f"{waiting} 位达人尚未发布，不计入对比。", f"{waiting} picks are not due yet; they do not count.")
        )
    unseen = picks.filter(pl.col("outcome") == "unseen").height
    if unseen:
        notes.append(
            Text(
                f"{unseen} 位已发布但没有计数：导入作品快照后再核对。",
                f"{unseen} picks posted but have no counts: ingest snapshots of their posts and verify again.",
            )
        )
    if picks["cost"].is_null().all():
        notes.append(
            Text("没有投放费用：花费与单价无法核对。", "No cost in `placements`: spend and CPM cannot be verified.")
        )
    if found.strangers.height:
        notes.append(
            Text(
                f"活动中另有 {found.strangers.height} 条投放不在方案内。",
                f"{found.strangers.height} placements of the campaign are with creators who were not in the plan.",
            )
        )
    if plan.start is None:
        notes.append(Text("方案没有档期：所有投放都算在内。", "The plan names no flight: all placements count."))
    return tuple(notes)
