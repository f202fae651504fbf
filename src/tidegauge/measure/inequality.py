"""Inequality 不平等: how unequally followers, views or income are spread over creators, and how heavy the tail is."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from tidegauge.errors import MeasureError
from tidegauge.measure import charts, concentration, pareto
from tidegauge.measure.amounts import COUNTS, QUANTITIES, Asked, amounts
from tidegauge.measure.bootstrap import Array, percentile
from tidegauge.measure.income import incomes
from tidegauge.measure.registry import measure
from tidegauge.measure.rows import record, table
from tidegauge.measure.segments import ACCOUNT_COLUMNS, choice, whole
from tidegauge.result import Explanation, Result, Text
from tidegauge.workspace.tables import Tables

if TYPE_CHECKING:
    import altair as alt

LEVEL = 0.9
_REPLICATES = 399
_GOODNESS_REPLICATES = 199
_LORENZ = (*(round(0.05 * i, 2) for i in range(1, 20)), 0.99)
_LEAST = 3

EXPLANATION = Explanation(
    question=Text(
        "粉丝、播放或收入在达人之间分布得多不平等？头部有多重，是否幂律？",
        "How unequally are followers, views or income spread over creators; how heavy is the tail, and is it a power "
        "law?",
    ),
    formula="G = 2Σ_i (i − ½) x_(i) / (n Σx) − 1, times n/(n − 1); P(X > x) = (x/x_min)^−a, x_min by the smallest KS",
    assumptions=Text(
        "达人是同类达人的随机样本；区间来自按达人重抽样，尾部按帕累托半参数化；尾部指数每次重抽样都重新选择起点。",
        "Creators are a random sample of their kind; intervals come from drawing creators again, with a "
        "semi-parametric Pareto tail; the tail's start is chosen anew in every draw.",
    ),
    limits=Text(
        "只含被收集到的达人：小号常被漏收，基尼系数因而偏低；幂律与对数正态在中等样本上往往分不开"
        "（见 vuong_lognormal）。",
        "Only collected creators count: small ones are often missed, which lowers Gini; a power law and a lognormal "
        "are often not told apart by samples of usual size (see vuong_lognormal).",
    ),
    reference=(
        "Clauset, Shalizi & Newman (2009), SIAM Review 51; Cowell & Flachaire (2007), J. Econometrics 141; Deltas "
        "(2003), Rev. Econ. Statistics 85; Vuong (1989), Econometrica 57"
    ),
)

OPTIONS = {
    "quantity": f"followers (default), {', '.join(q for q in QUANTITIES if q != 'followers')} or income",
    "basis": "for counts of posts: growth, published or auto (as in displacement)",
    "seed": "seed of the bootstrap",
}


@measure(
    "inequality", explanation=EXPLANATION, by=(*ACCOUNT_COLUMNS, "tier"), default_by=("platform",), options=OPTIONS
)
def inequality(
    tables: Tables,
    *,
    by: tuple[str, ...],
    start: dt.datetime | None = None,
    end: dt.datetime | None = None,
    quantity: str = "followers",
    basis: str = "auto",
    seed: int | str = 1,
) -> Result:
    """Lorenz curve, Gini, top shares and the tail of a quantity over creators, per segment.

    Parameters
    ----------
    tables : the workspace. by : segment columns. start, end : UTC instants, start <= t < end.
    quantity, basis, seed : see `OPTIONS`. Followers are the last known; other quantities are summed over the range.

    Returns
    -------
    Result whose rows carry `quantity` and `point`: gini, top1_share, top10_share; lorenz (at `point`, the share of
    creators from the smallest up); tail_exponent, tail_from (where the tail starts), goodness_p, vuong_lognormal.

    Raises
    ------
    MeasureError where the tables needed are empty or an option is not possible.
    """
    quantity = choice("quantity", quantity, (*QUANTITIES, "income"))
    basis, number = choice("basis", basis, ("auto", "growth", "published")), whole("seed", seed, 0, 2**31)
    asked = Asked(by, "year" if quantity not in ("followers", *COUNTS) else "auto", start, end, 36_500, basis)
    frame, unit, notes = _per_creator(tables, quantity, asked)
    rng = np.random.default_rng(number)
    records: list[dict[str, Any]] = []
    thin: list[str] = []
    for words in frame.select(by).unique().sort(by).to_dicts():
        here = frame.filter(*(pl.col(c) == w for c, w in words.items())).sort("creator_id")
        values = here.get_column("amount").to_numpy().astype(np.float64)
        if values.size < _LEAST or not (values > 0).any():
            thin.append(" · ".join(words.values()))
            continue
        records += _spread(words, values, rng)
        records += _tail(words, values, unit, rng)
    if not records:
        raise MeasureError(
            f"no segment has {_LEAST} creators with {quantity}", mend="split by fewer columns, or widen --from and --to"
        )
    if thin:
        shown = ", ".join(thin[:5]) + (" …" if len(thin) > 5 else "")
        notes += (Text(f"达人太少，未列出：{shown}。", f"Too few creators, left out: {shown}."),)
    rows = table(records, (*by, "quantity", "point"))
    chart = _chart(rows, by, tables)
    return Result("inequality", by, rows, tables.provenance(seed=number), EXPLANATION, LEVEL, notes, chart)


def _per_creator(tables: Tables, quantity: str, asked: Asked) -> tuple[pl.DataFrame, str, tuple[Text, ...]]:
    if quantity == "income":
        return incomes(tables, asked)
    found = amounts(tables, quantity, asked)
    frame, keys = found.frame, ["creator_id", *asked.by]
    if found.stock:
        last = frame.sort("creator_id", "period").group_by("creator_id", maintain_order=True).last()
        return last.select(*keys, "amount"), found.unit, found.notes
    if "tier" in asked.by:  # a creator that changed its tier counts in the one it ended in
        ended = (
            frame.sort("creator_id", "period").group_by("creator_id", maintain_order=True).agg(pl.col("tier").last())
        )
        frame = frame.drop("tier").join(ended, on="creator_id")
    return frame.group_by(keys).agg(pl.col("amount").sum()), found.unit, found.notes


def _spread(words: dict[str, str], values: Array, rng: np.random.Generator) -> Iterator[dict[str, Any]]:
    rising = np.sort(values)
    n = values.size
    bottoms = np.asarray(_LORENZ)

    def figures(amounts: Array, weights: Array) -> Array:
        tops = [concentration.top_share(amounts, f, weights) for f in (0.01, 0.1)]
        curve = [1.0 - concentration.top_share(amounts, 1.0 - b, weights) for b in bottoms]
        return np.stack([concentration.gini(amounts, weights), *tops, *curve], axis=-1)

    value = figures(rising[None, :], np.ones((1, n)))[0]
    low, high = percentile(concentration.resampled(rising, figures, rng, _REPLICATES), LEVEL)
    names = ("gini", "top1_share", "top10_share", *("lorenz" for _ in bottoms))
    points = (None, None, None, *(f"{b:.2f}" for b in bottoms))
    for i, (name, point) in enumerate(zip(names, points, strict=True)):
        more = {"quantity": name} if point is None else {"quantity": name, "point": point}
        bounds = (float(low[i]), float(high[i]))
        yield record(words, float(value[i]), bounds, n, "ratio", **more)


def _tail(words: dict[str, str], values: Array, unit: str, rng: np.random.Generator) -> Iterator[dict[str, Any]]:
    tail = pareto.fit_tail(values)
    if tail is None:
        return
    bounds = pareto.exponent_interval(values, rng, _REPLICATES, LEVEL)
    yield record(words, tail.exponent, bounds, tail.n, "exponent", quantity="tail_exponent")
    yield record(words, tail.x_min, (tail.x_min, tail.x_min), tail.n, unit, quantity="tail_from")
    p = pareto.goodness(values, tail, rng, _GOODNESS_REPLICATES)
    error = 1.645 * np.sqrt(p * (1.0 - p) / _GOODNESS_REPLICATES)
    bounds = (max(0.0, p - error), min(1.0, p + error))
    yield record(words, p, bounds, tail.n, "probability", quantity="goodness_p")
    z = pareto.against_lognormal(values, tail)
    yield record(words, z, (z - 1.645, z + 1.645), tail.n, "z", quantity="vuong_lognormal")


def _chart(rows: pl.DataFrame, by: tuple[str, ...], tables: Tables) -> alt.TopLevelMixin | None:
    curve = rows.filter(pl.col("quantity") == "lorenz").with_columns(pl.col("point").cast(pl.Float64))
    lang = tables.settings.language
    named = charts.worded(curve, by, lang).with_columns(segment=pl.concat_str(by, separator=" · "))
    title = Text("洛伦兹曲线：由小到大的达人占总量的份额", "Lorenz curve: share held, from the smallest creator up")
    return charts.lines(named, time="point", series="segment", title=title, lang=lang, percent=True)
