"""Tiers 层级: how many creators each tier holds, how they move between tiers, what a tier's growth is made of."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from tidegauge.errors import MeasureError
from tidegauge.measure import charts
from tidegauge.measure.amounts import Asked, levels, period_grid
from tidegauge.measure.registry import measure
from tidegauge.measure.rows import table
from tidegauge.measure.segments import ACCOUNT_COLUMNS, PERIODS, Grid, choice, grid, real, span, whole
from tidegauge.measure.tier_figures import (
    Segment,
    fitted,
    forecast_rows,
    growth_rows,
    level_rows,
    move_rows,
    segment_of,
)
from tidegauge.measure.tier_moves import TIERS, pairs
from tidegauge.result import Assumed, Explanation, Result, Text
from tidegauge.vocab import Lang, label, thresholds
from tidegauge.workspace.tables import Tables

if TYPE_CHECKING:
    import altair as alt

LEVEL = 0.9
#: Without a stated limit, a creator is taken as gone after three times the 95 % longest gap between readings.
_GAPS_UNTIL_GONE, _LEAST_STALE_DAYS = 3.0, 14.0

EXPLANATION = Explanation(
    question=Text(
        "各层级有多少达人、占多少粉丝？每月怎样在层级间流动？某层级的增长来自哪里？",
        "How many creators and which share of followers has each tier, how do creators move between tiers in a month, "
        "and what is a tier's growth made of?",
    ),
    formula=(
        "P(t) = exp(Qt), Q by maximum likelihood from readings at any gaps; "
        "ΔF = stayers + from_below + from_above + to_above + to_below + entry + exit"
    ),
    assumptions=Text(
        "层级间的移动是连续时间马尔可夫链，只到相邻层级；各达人相互独立；区间：占比用杰弗里斯，移动用按达人的稳健方差，"
        "粉丝用按达人重抽样。",
        "Moves between tiers follow a continuous-time Markov chain to neighbouring tiers; creators are independent. "
        "Intervals: Jeffreys for shares of accounts, creator-robust variance for moves, drawing creators again for "
        "followers.",
    ),
    limits=Text(
        "移动只看前后都有读数的达人（消失的另计 exit）；后来才收集到的达人算作 entry，"
        "不等于新开的账号；占比不是增长率。",
        "Moves are those of creators read before and after (those that vanish are counted apart, as exit); a creator "
        "that the collection reached late counts as entry, which is no new account; a share of accounts is no rate of "
        "growth.",
    ),
    reference=(
        "Kalbfleisch & Lawless (1985), JASA 80; Jackson (2011), Multi-state models for panel data, J. Stat. Software "
        "38; Brown, Cai & DasGupta (2001), Statistical Science 16"
    ),
)

OPTIONS = {
    "period": "dates shown: ends of auto, " + ", ".join(PERIODS),
    "horizon_days": "days ahead of migration probabilities and of the forecast (default 30)",
    "step": "spacing to which readings are thinned for moves: auto, " + ", ".join(PERIODS[:3]),
    "stale_days": "days without a reading after which a creator is gone: auto, or a number",
    "seed": "seed of the bootstrap",
}


@measure(
    "tiers",
    explanation=EXPLANATION,
    by=ACCOUNT_COLUMNS,
    default_by=("platform",),
    options=OPTIONS,
)
def tiers(
    tables: Tables,
    *,
    by: tuple[str, ...],
    start: dt.datetime | None = None,
    end: dt.datetime | None = None,
    period: str = "auto",
    horizon_days: float | str = 30.0,
    step: str = "auto",
    stale_days: float | str = "auto",
    seed: int | str = 1,
) -> Result:
    """Levels, moves, forecast and growth of tiers, per segment.

    Parameters
    ----------
    tables : the workspace. by : segment columns. start, end : UTC instants, start <= t < end.
    period, horizon_days, step, stale_days, seed : see `OPTIONS`.

    Returns
    -------
    Result whose rows carry `quantity`, `tier`, `to` (target tier of a move, else null) and `at` (a local date, or
    first/last). Quantities: accounts, account_share, follower_share, followers at each date; growth and growth.PART
    (ratios of the tier's first followers) and change.PART (followers); rate (per 30 days), migration (probability
    over `horizon_days`), migration_naive (the discrete count); forecast (share of accounts); exit_share.

    Raises
    ------
    MeasureError where no follower counts are there or an option is not possible.
    """
    period = choice("period", period, ("auto", *PERIODS))
    horizon, number = real("horizon_days", horizon_days, 1.0, 3_650.0), whole("seed", seed, 0, 2**31)
    snapshots = tables["creator_snapshots"]
    found = span(tables, snapshots.filter(snapshots.followers.notnull()), "observed_at", start, end)
    if found is None:
        raise MeasureError(
            "there are no follower counts to put into tiers",
            mend="ingest snapshots of creators (creator_snapshots.followers), or widen --from and --to",
        )
    asked = Asked(by, period, start, end)
    dates = period_grid(tables, asked, *found).until(found[1])
    steps = _steps(tables, step, found)
    moved = pairs(tables, steps, by, end)
    days = _stale_days(stale_days, moved)
    level = levels(tables, dates, Asked(by, period, start, end, stale_days=days)).filter(pl.col("period") >= 0)
    level = level.sort("creator_id", "period")
    rng = np.random.default_rng(number)
    words = level.select(by).unique().sort(by).to_dicts()
    segments = [segment_of(w, level, moved, tables.settings.tier_overrides) for w in words]
    labels = tuple(_last_day(tables, edge) for edge in dates.edges[1:])
    records = [r for s in segments for r in _records(s, labels, horizon, rng)]
    rows = table(records, (*by, "quantity", "tier", "to", "at"))
    notes = _notes(level, moved, days, steps, labels)
    provenance = tables.provenance(seed=number, assumed=_thresholds_used(tables, level))
    return Result("tiers", by, rows, provenance, EXPLANATION, LEVEL, notes, _chart(rows, by, tables.settings.language))


def _last_day(tables: Tables, edge: dt.datetime) -> str:
    return (edge - dt.timedelta(seconds=1)).astimezone(tables.settings.zone).date().isoformat()


def _steps(tables: Tables, step: str, found: tuple[dt.datetime, dt.datetime]) -> Grid:
    step = choice("step", step, ("auto", *PERIODS[:3]))
    if step == "auto":
        span_days = (found[1] - found[0]).total_seconds() / 86_400
        step = "day" if span_days < 28 else "week" if span_days < 1_100 else "month"
    return grid(tables, step, *found)


def _stale_days(given: float | str, moved: pl.DataFrame) -> int:
    if str(given).strip().lower() != "auto":
        return whole("stale_days", given, 1, 36_500)
    if moved.is_empty():
        return 36_500
    gaps = moved.group_by("gap_days").agg(pl.col("times").sum()).sort("gap_days")
    reached = gaps.get_column("times").cum_sum() / gaps.get_column("times").sum()
    long = float(gaps.filter(reached >= 0.95).get_column("gap_days")[0])
    return int(np.ceil(max(_GAPS_UNTIL_GONE * long, _LEAST_STALE_DAYS)))


def _records(s: Segment, labels: tuple[str, ...], horizon_days: float, rng: np.random.Generator) -> Iterator[Any]:
    yield from level_rows(s, labels, rng, LEVEL)
    yield from growth_rows(s, labels, rng, LEVEL)
    if s.moves is not None and len(s.states) > 1:
        rates = fitted(s, s.moves, rng)
        yield from move_rows(s, s.moves, rates, horizon_days, LEVEL)
        until = dt.date.fromisoformat(labels[-1]) + dt.timedelta(days=round(horizon_days))
        yield from forecast_rows(s, rates, horizon_days, until.isoformat(), rng, LEVEL)


def _thresholds_used(tables: Tables, level: pl.DataFrame) -> tuple[str, ...]:
    overrides = tables.settings.tier_overrides
    used = {p: thresholds(p, overrides) for p in level.get_column("platform").unique().sort().to_list()}
    told = {p: f"{t.micro:,}/{t.mid:,}/{t.macro:,}/{t.mega:,} ({t.source})" for p, t in sorted(used.items())}
    return tuple(Assumed(f"tier thresholds {p}: {t}", f"{label(p, 'zh')}的层级门槛：{t}") for p, t in told.items())


def _notes(
    level: pl.DataFrame, moved: pl.DataFrame, days: int, steps: Grid, labels: tuple[str, ...]
) -> tuple[Text, ...]:
    last = level.filter(pl.col("period") == level.get_column("period").max())
    floors = float(last.get_column("floor").mean() or 0.0)  # type: ignore[arg-type]
    notes = [
        Text(
            f"最后日期 {labels[-1]}；超过 {days} 天没有读数的达人计为退出；流动按每{steps.kind}一次读数。",
            f"Last date {labels[-1]}; creators without a reading for {days} days count as gone; moves are between one "
            f"reading per {steps.kind}.",
        )
    ]
    if moved.is_empty():
        notes.append(
            Text("没有达人被读到两次：无法给出流动与预测。", "No creator was read twice: no moves and no forecast.")
        )
    if floors > 0:
        notes.append(
            Text(
                f"{floors:.1%} 的达人粉丝数只是下限，其层级可能更高。",
                f"Of {floors:.1%} of the creators only a floor of the followers is known; their tier may be higher.",
            )
        )
    return tuple(notes)


def _chart(rows: pl.DataFrame, by: tuple[str, ...], lang: Lang) -> alt.TopLevelMixin | None:
    """Follower shares by tier at the last date, one colour per segment."""
    shown = rows.filter(pl.col("quantity") == "follower_share")
    shown = shown.filter(pl.col("at") == shown.get_column("at").max())
    order = pl.col("tier").replace_strict({t: i for i, t in enumerate(TIERS)}, default=99, return_dtype=pl.Int64)
    shown = shown.sort(order)
    named = charts.worded(shown, by, lang).with_columns(segment=pl.concat_str(by, separator=" · "))
    title = Text("各层级的粉丝份额", "Share of followers by tier")
    return charts.dots(named, segment="tier", color="segment", title=title, lang=lang, percent=True)
