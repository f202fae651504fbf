"""Do platforms get alike? Divergence of what they publish, over time; distance of what they can do."""

from __future__ import annotations

import datetime as dt
import itertools
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from tidegauge.errors import MeasureError
from tidegauge.measure import charts
from tidegauge.measure.bootstrap import REPLICATES, percentile
from tidegauge.measure.mixes import DIMENSIONS, Mixes, mixes
from tidegauge.measure.registry import measure
from tidegauge.measure.rows import record, table
from tidegauge.measure.segments import PERIODS, choice, whole
from tidegauge.measure.trend import LEAST_POINTS, trend
from tidegauge.result import Explanation, Result, Text
from tidegauge.workspace.tables import Tables

Floats = npt.NDArray[np.float64]

_COLUMNS = ("platform", "other", "period", "quantity")
#: A mix of fewer posts or creators than this says nothing that a bootstrap could show.
_LEAST_POSTS, _LEAST_CREATORS = 20, 5
_YEAR_DAYS = 365.25
_LEVEL = 0.9

EXPLANATION = Explanation(
    question=Text(
        zh="各平台的内容形式、类目、时长与功能是否趋同？",
        en="Do platforms get alike in formats, categories, durations and functions?",
    ),
    formula="JSD(P, Q) = H((P+Q)/2) − (H(P) + H(Q))/2 in bits, 0 alike to 1 disjoint, less its bootstrap bias; "
    "dispersion = H(mean mix) − mean H over all platforms (sigma-convergence when it falls); trend: Sen's slope, "
    "modified Mann–Kendall",
    assumptions=Text(
        zh="样本中的达人代表该平台；同一达人的作品相关，故按达人重抽样；各期等距。",
        en="The creators in the sample stand for their platform; a creator's posts hang together, so that creators are "
        "drawn again, not posts; periods are evenly spaced.",
    ),
    limits=Text(
        zh="只反映样本中的作品数构成，不是播放构成；样本构成变化会像趋同；8 期以下不检验趋势。",
        en="It is the mix of posts in the sample, not of views; a sample whose make-up changes looks like convergence; "
        "no trend is tested on fewer than 8 periods.",
    ),
    reference="Lin (1991) Divergence measures based on the Shannon entropy; Hamed & Rao (1998) A modified Mann-Kendall "
    "trend test for autocorrelated data; Sen (1968); Gower (1971) for capabilities",
)


_CITED: tuple[Text, ...] = (
    Text(
        zh="功能矩阵为引用事实，区间为对功能重抽样，只说明结果对所选功能清单的敏感度。",
        en="Capabilities are cited facts; their interval comes from drawing capabilities again and tells only how "
        "much the figure hangs on the list of capabilities.",
    ),
)


@measure(
    "convergence",
    explanation=EXPLANATION,
    by=("platform",),
    default_by=("platform",),
    options={
        "of": "format, category, duration or capability (format)",
        "period": "day, week, month, quarter, year or auto (auto)",
        "seed": "of the bootstrap (1)",
    },
)
def convergence(
    tables: Tables,
    *,
    by: tuple[str, ...],
    start: dt.datetime | None = None,
    end: dt.datetime | None = None,
    of: object = "format",
    period: object = "auto",
    seed: object = 1,
) -> Result:
    """Pairwise divergence (`jsd`), `dispersion` of all platforms, and their trends; see docs/methods/convergence.md."""
    dimension = choice("of", of, (*DIMENSIONS, "capability"))
    number = whole("seed", seed, 0, 2**31)
    rng = np.random.default_rng(number)
    if dimension == "capability":
        rows, notes = _capabilities(tables, rng), _CITED
    else:
        mix = mixes(tables, dimension, choice("period", period, ("auto", *PERIODS)), start, end, rng)
        if len(mix.platforms) < 2:
            raise MeasureError("posts of at least two platforms are needed", mend="ingest posts of another platform")
        rows, notes = _divergences(mix), _notes(mix)
    shown = rows.filter(pl.col("quantity").is_in(["jsd", "capability_distance"])).with_columns(
        pl.concat_str("platform", pl.lit(" · "), "other").alias("pair")
    )
    title = Text(zh="平台间差异（0 相同，1 全不同）", en="How much platforms differ (0 alike, 1 disjoint)")
    lang = tables.settings.language
    return Result(
        "convergence",
        by,
        rows,
        tables.provenance(seed=number),
        EXPLANATION,
        level=_LEVEL,
        notes=notes,
        chart=charts.lines(shown, time="period", series="pair", title=title, lang=lang)
        if dimension != "capability"
        else charts.dots(shown, segment="pair", title=title, lang=lang),
    )


def entropy_bits(counts: Floats) -> Floats:
    """Shannon entropy of counts (or shares) along the last axis, in bits; 0 log 0 = 0."""
    total = counts.sum(axis=-1, keepdims=True)
    p = np.divide(counts, total, out=np.zeros_like(counts), where=total > 0)
    out: Floats = -(p * np.log2(np.where(p > 0, p, 1.0))).sum(axis=-1)
    return out


def dispersion(counts: Floats) -> Floats:
    """Generalised Jensen–Shannon divergence of k mixes, each with the same weight: (…, k, buckets) → (…).

    With k = 2 it is the pairwise divergence.

    >>> float(dispersion(np.array([[1.0, 0.0], [0.0, 1.0]]))), float(dispersion(np.array([[2.0, 6.0], [1.0, 3.0]])))
    (1.0, 0.0)
    """
    total = counts.sum(axis=-1, keepdims=True)
    p = np.divide(counts, total, out=np.zeros_like(counts), where=total > 0)
    out: Floats = np.maximum(entropy_bits(p.mean(axis=-2)) - entropy_bits(p).mean(axis=-1), 0.0)
    return out


def debiased(value: float, draws: Floats, level: float = _LEVEL) -> tuple[float, float, float]:
    """A divergence less its bootstrap bias, with the interval moved alike; never under 0.

    A divergence of two samples is positive even where both come from one mix; resampling repeats that bias, whose
    size is the draws' mean less the value (Efron & Tibshirani 1993, ch. 10).
    """
    known = draws[np.isfinite(draws)]
    bias = float(known.mean()) - value
    low, high = percentile((known - 2.0 * bias)[:, None], level)
    return max(value - bias, 0.0), max(float(low[0]), 0.0), max(float(high[0]), 0.0)


def _divergences(mix: Mixes) -> pl.DataFrame:
    posts = mix.counts.sum(axis=-1)
    enough = (posts >= _LEAST_POSTS) & (mix.creators >= _LEAST_CREATORS)
    groups = [
        (mix.platforms[a], mix.platforms[b], [a, b]) for a, b in itertools.combinations(range(len(mix.platforms)), 2)
    ]
    always = np.flatnonzero(enough.mean(axis=0) >= 0.8).tolist()
    if len(always) > 2:
        groups.append(("all", "all", always))
    records: list[dict[str, Any]] = []
    for own, other, members in groups:
        usable = np.flatnonzero(enough[:, members].all(axis=1))
        pair = {"platform": own, "other": other}
        quantity = "jsd" if own != "all" else "dispersion"
        series = np.full(len(mix.periods), np.nan)
        for t in usable:
            value = float(dispersion(mix.counts[t, members]))
            series[t], low, high = debiased(value, dispersion(mix.draws[:, t][:, members]))
            n = posts[t, members].sum()
            records.append(record(pair, series[t], (low, high), n, "bits", period=mix.periods[t], quantity=quantity))
        records += _trend_rows(pair, series, mix)
    if not records:
        raise MeasureError(
            f"no two platforms have {_LEAST_POSTS} posts of {_LEAST_CREATORS} creators in one period",
            mend="choose a longer period (--set period=quarter), or ingest more posts",
        )
    return table(records, _COLUMNS)


def _trend_rows(pair: dict[str, str], series: Floats, mix: Mixes) -> list[dict[str, Any]]:
    known = np.flatnonzero(np.isfinite(series))
    # A hole in the series would shift all later points: only the last unbroken run counts.
    run = known[known > known[np.flatnonzero(np.diff(known) > 1)[-1]]] if (np.diff(known) > 1).any() else known
    found = trend(series[run])
    if found is None:
        return []
    per_year = _YEAR_DAYS / mix.days
    when = f"{mix.periods[run[0]]}/{mix.periods[run[-1]]}"
    bounds = (found.low * per_year, found.high * per_year)
    return [
        record(pair, found.slope * per_year, bounds, run.size, "bits per year", period=when, quantity="trend"),
        record(pair, found.p, (found.p, found.p), run.size, "p-value", period=when, quantity="trend_p"),
    ]


def _capabilities(tables: Tables, rng: np.random.Generator) -> pl.DataFrame:
    """Gower distance of what platforms can do: mean |a − b| over capabilities known of both, each scaled to 1."""
    market = tables["market"]
    rows: pl.DataFrame = tables.frame(
        market.filter(market.metric == "capability").select("platform", "segment", "period", "value")
    )
    matrix = (
        rows.with_columns(pl.col("platform").str.split(","))
        .explode("platform")
        .with_columns(pl.col("platform").str.strip_chars())
        .group_by("platform", "segment", "period")
        .agg(pl.col("value").mean())
    )
    most = pl.col("value").abs().max().over("segment")
    matrix = matrix.with_columns(pl.when(most > 0).then(pl.col("value") / most).otherwise(0.0))
    records: list[dict[str, Any]] = []
    for (period,), cells in matrix.sort("period", "platform").group_by("period", maintain_order=True):
        for own, other in itertools.combinations(cells.get_column("platform").unique().sort().to_list(), 2):
            both = cells.filter(pl.col("platform") == own).join(cells.filter(pl.col("platform") == other), on="segment")
            if both.height < 2:
                continue
            gap = both.sort("segment").select((pl.col("value") - pl.col("value_right")).abs()).to_series().to_numpy()
            again = gap[rng.integers(0, gap.size, (REPLICATES, gap.size))].mean(axis=1)
            low, high = percentile(again[:, None], _LEVEL)
            pair = {"platform": own, "other": other}
            bounds = (float(low[0]), float(high[0]))
            distance = float(gap.mean())
            records.append(
                record(pair, distance, bounds, gap.size, "ratio", period=str(period), quantity="capability_distance")
            )
    if not records:
        raise MeasureError(
            "no two platforms share two capabilities in one period",
            mend="ingest `market` rows with metric 'capability': platform, segment (what), period, value 0 or 1",
        )
    return table(records, _COLUMNS)


def _notes(mix: Mixes) -> tuple[Text, ...]:
    notes = []
    if mix.left_out > 0:
        notes.append(
            Text(
                zh=f"{mix.left_out:.1%} 的作品没有该维度的值，未计入。",
                en=f"{mix.left_out:.1%} of the posts carry no such value and are left out.",
            )
        )
    if len(mix.periods) < LEAST_POINTS:
        notes.append(
            Text(
                zh=f"仅 {len(mix.periods)} 期，少于 {LEAST_POINTS} 期不检验趋势。",
                en=f"{len(mix.periods)} periods only: no trend is tested on fewer than {LEAST_POINTS}.",
            )
        )
    return tuple(notes)
