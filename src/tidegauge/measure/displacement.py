"""Displacement 位移: the market grows, shares move. Who gained, who lost, and how much of that is noise."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from tidegauge.errors import MeasureError
from tidegauge.measure import charts
from tidegauge.measure.amounts import (
    BOOKING_COLUMNS,
    COUNTS,
    POST_COLUMNS,
    QUANTITIES,
    Amounts,
    Asked,
    amounts,
    has_bookings,
)
from tidegauge.measure.cited import cited_shares, ledger_shares
from tidegauge.measure.movement import cells, figures
from tidegauge.measure.registry import measure
from tidegauge.measure.rows import table
from tidegauge.measure.segments import ACCOUNT_COLUMNS, PERIODS, choice, whole
from tidegauge.result import Explanation, Result, Text
from tidegauge.vocab import Lang, label
from tidegauge.workspace.tables import Tables

if TYPE_CHECKING:
    import altair as alt

LEVEL = 0.9

EXPLANATION = Explanation(
    question=Text(
        "各分段的份额是多少，从首期到末期谁升谁降，其中多少来自大盘、结构与自身？",
        "What share has each segment, who gained and lost between the first and the last period, and how much of that "
        "is the market, the mix and its own doing?",
    ),
    formula="s = x/Σx; Δx = x·g + Σ_c x_c(g_c − g) + Σ_c(Δx_c − x_c·g_c); D = ½Σ|Δs|; HHI = Σs²",
    assumptions=Text(
        "观测到的达人视为同类达人的随机样本；区间来自按达人（而非按行）的重抽样，尾部按帕累托半参数化。",
        "The creators observed are a random sample of their kind; intervals come from drawing creators (not "
        "rows) again, with a semi-parametric Pareto tail.",
    ),
    limits=Text(
        "说不了没有被收集的达人；后来才开始收集的达人会像新进者（panel=matched 只比较首末期都有的达人）；"
        "份额变化不是因果。",
        "It cannot speak of creators who were never collected; creators that the collection reached late look like "
        "entrants (panel=matched compares those present at both ends); a moved share is no cause.",
    ),
    reference=(
        "Dunn (1960), A statistical and analytical technique for regional analysis; Cowell & Flachaire (2007), "
        "J. Econometrics 141; Fang & Santos (2019), Rev. Econ. Studies 86; Deltas (2003), Rev. Econ. Statistics 85"
    ),
)

OPTIONS = {
    "quantity": f"{', '.join(QUANTITIES)}, or market:METRIC for cited market figures (default followers)",
    "period": "auto, " + ", ".join(PERIODS),
    "mix": "the column whose mix is taken out of a segment's own growth (default: category, platform or tier)",
    "basis": "for counts of posts: growth in the period, or published (latest counts of posts of the period), or auto",
    "panel": "all creators, or matched: those present in the first and in the last period",
    "stale_days": "days for which a follower count is carried forward (default 90)",
    "top": "how many segments are shown; smaller ones become 'other' (default 30)",
    "seed": "seed of the bootstrap",
}


@measure(
    "displacement",
    explanation=EXPLANATION,
    by=(*ACCOUNT_COLUMNS, "tier", "format", "language", "stage", "brand", "segment", "stream", "geo"),
    default_by=("platform",),
    options=OPTIONS,
)
def displacement(
    tables: Tables,
    *,
    by: tuple[str, ...],
    start: dt.datetime | None = None,
    end: dt.datetime | None = None,
    quantity: str = "followers",
    period: str = "auto",
    mix: str = "auto",
    basis: str = "auto",
    panel: str = "all",
    stale_days: int | str = 90,
    top: int | str = 30,
    seed: int | str = 1,
) -> Result:
    """Shares of an additive quantity per segment and period, and how they moved.

    Parameters
    ----------
    tables : the workspace. by : segment columns. start, end : UTC instants, start <= t < end.
    quantity, period, mix, basis, panel, stale_days, top, seed : see `OPTIONS`.

    Returns
    -------
    Result whose rows carry `period` (a local date, or first/last for a change) and `quantity`: share, amount,
    share_change, growth with its parts growth.market, growth.mix, growth.own (ratios of the first amount), rank; and
    over all segments displacement_index, rank_mobility, hhi, gini, top1_share.

    Raises
    ------
    MeasureError where the tables needed are empty or an option is not possible.
    """
    period = choice("period", period, ("auto", *PERIODS))
    basis, panel = choice("basis", basis, ("auto", "growth", "published")), choice("panel", panel, ("all", "matched"))
    keep, days, number = (
        whole("top", top, 1, 500),
        whole("stale_days", stale_days, 1, 36_500),
        whole("seed", seed, 0, 2**31),
    )
    if str(quantity).startswith("market:"):
        rows, notes = cited_shares(tables, str(quantity).removeprefix("market:"), by, seed=number, level=LEVEL)
        chart = _chart(rows, by, tables)
        return Result("displacement", by, rows, tables.provenance(seed=number), EXPLANATION, LEVEL, notes, chart)
    quantity = choice("quantity", quantity, QUANTITIES)
    if quantity == "spend" and (any(c in ("stream", "geo") for c in by) or not has_bookings(tables)):
        rows, notes = ledger_shares(tables, by, period, start, end, level=LEVEL)
        chart = _chart(rows, by, tables)
        return Result("displacement", by, rows, tables.provenance(), EXPLANATION, LEVEL, notes, chart)
    _check_columns(by, quantity)
    mix = _mix_column(str(mix), by, quantity)
    found = amounts(tables, quantity, Asked((*by, mix), period, start, end, days, basis))
    frame = found.frame.filter(pl.col("amount") > 0)
    if frame.is_empty():
        raise MeasureError(
            f"every amount of {quantity} is zero", mend="widen --from and --to, or choose another quantity"
        )
    first, last = _ends(found)
    if panel == "matched":
        ends = [frame.filter(pl.col("period") == p).get_column("creator_id") for p in (first, last)]
        frame = frame.filter(
            pl.col("creator_id").is_in(ends[0].implode()) & pl.col("creator_id").is_in(ends[1].implode())
        )
        if frame.is_empty():
            raise MeasureError("no creator is present in the first and the last period", mend="use panel=all")
    coded = cells(frame, by, mix, keep=keep, labels=found.grid.labels, unit=found.unit)
    records = figures(coded, first, last, np.random.default_rng(number), LEVEL)
    rows = table(records, (*by, "period", "quantity"))
    notes = (*found.notes, *_notes(frame, found, first, last, mix, panel))
    return Result(
        "displacement", by, rows, tables.provenance(seed=number), EXPLANATION, LEVEL, notes, _chart(rows, by, tables)
    )


def _check_columns(by: tuple[str, ...], quantity: str) -> None:
    of_post, of_booking = quantity in ("posts", *COUNTS), quantity == "spend"
    own = POST_COLUMNS if of_post else BOOKING_COLUMNS if of_booking else ()
    strange = [c for c in by if c not in (*ACCOUNT_COLUMNS, "tier", *own)]
    if strange:
        possible = ", ".join((*ACCOUNT_COLUMNS, "tier", *own))
        raise MeasureError(f"{quantity} cannot be split by {', '.join(strange)}", mend=f"possible: {possible}")


def _mix_column(mix: str, by: tuple[str, ...], quantity: str) -> str:
    if mix == "auto":
        return next(c for c in ("category", "platform", "tier", "role") if c not in by)
    if mix in by:
        raise MeasureError(f"mix={mix} is a segment column already", mend="choose another mix column")
    _check_columns((mix,), quantity)
    return mix


def _ends(found: Amounts) -> tuple[int, int]:
    """The first and last period to compare: whole ones where there are two of them, since half a month adds half."""
    present = sorted(found.frame.get_column("period").unique().to_list())
    whole_ones = [p for p in present if found.complete[p]]
    chosen = whole_ones if len(whole_ones) > 1 else present
    return chosen[0], chosen[-1]


def _notes(frame: pl.DataFrame, found: Amounts, first: int, last: int, mix: str, panel: str) -> tuple[Text, ...]:
    notes = []
    names = found.grid.labels
    notes.append(
        Text(
            f"变化从 {names[first]} 到 {names[last]}（{_KINDS[found.grid.kind].zh}）；结构按 {mix} 拆分；"
            f"样本：{panel}。",
            f"Changes run from {names[first]} to {names[last]} ({found.grid.kind}s); mix is taken over {mix}; "
            f"panel: {panel}.",
        )
    )
    at_end = frame.filter(pl.col("period") == last)
    total = float(at_end.get_column("amount").sum())
    floor = float(at_end.get_column("floor").sum()) / total if total > 0 else 0.0
    if floor > 0:
        notes.append(
            Text(
                f"末期 {floor:.1%} 的数量来自只给下限的计数（如 10万+），实际更高。",
                f"{floor:.1%} of the last period's amount rests on counts given only as a floor (such as 10万+); the "
                "truth is higher.",
            )
        )
    if found.stock:
        share = _stale_share(at_end)
        if share > 0.01:
            notes.append(
                Text(
                    f"末期 {share:.1%} 的数量沿用一周以前的读数。",
                    f"{share:.1%} of the last period's amount is carried forward from a reading more than a week "
                    "before.",
                )
            )
    if not all(found.complete[p] for p in (first, last)):
        notes.append(
            Text(
                "首期或末期不完整：份额可比，增长率不可比。",
                "The first or the last period is incomplete: shares compare, rates of growth do not.",
            )
        )
    late = _late_entrants(frame, first, last)
    if late > 0.02 and panel == "all":
        notes.append(
            Text(
                f"末期 {late:.1%} 的数量来自首期没有读数的达人，可能是新进，也可能只是后来才被收集；"
                "panel=matched 可排除。",
                f"{late:.1%} of the last period's amount comes from creators without a reading in the first period: "
                "entrants, or merely reached late by the collection; panel=matched leaves them out.",
            )
        )
    return tuple(notes)


_KINDS = {
    "day": Text("按日", "day"),
    "week": Text("按周", "week"),
    "month": Text("按月", "month"),
    "quarter": Text("按季", "quarter"),
    "year": Text("按年", "year"),
}


def _stale_share(at_end: pl.DataFrame) -> float:
    old = at_end.filter(pl.col("carried") > 7.0).get_column("amount").sum()
    return float(old) / float(at_end.get_column("amount").sum())


def _late_entrants(frame: pl.DataFrame, first: int, last: int) -> float:
    known = frame.filter(pl.col("period") == first).select("creator_id").unique()
    at_end = frame.filter(pl.col("period") == last)
    new = at_end.join(known, on="creator_id", how="anti").get_column("amount").sum()
    total = float(at_end.get_column("amount").sum())
    return float(new) / total if total > 0 and first != last else 0.0


def _chart(rows: pl.DataFrame, by: tuple[str, ...], tables: Tables) -> alt.TopLevelMixin | None:
    """Shares over time with bands; of one period, dots."""
    shown = rows.filter(pl.col("quantity") == "share").sort("period")
    lang = tables.settings.language
    one = shown.with_columns(
        segment=pl.concat_str([pl.col(c).replace(_words(shown, c, lang)) for c in by], separator=" · ")
    )
    title = Text("各分段的份额", "Share by segment")
    if shown.get_column("period").n_unique() > 1:
        return charts.lines(one, time="period", series="segment", title=title, lang=lang, percent=True)
    return charts.dots(one, segment="segment", title=title, lang=lang, percent=True)


def _words(rows: pl.DataFrame, column: str, lang: Lang) -> dict[str, str]:
    return {w: label(w, lang) for w in rows.get_column(column).unique().to_list()}
