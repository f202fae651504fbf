"""Where demand grows and supply does not crowd: the white space per platform, category, format and tier."""

from __future__ import annotations

import datetime as dt
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl
from scipy import stats

from tidegauge.errors import MeasureError
from tidegauge.measure import charts
from tidegauge.measure.cellscores import LEVEL, Cells, scored_cells, typical_amount, z_place
from tidegauge.measure.pooling import cell_variances
from tidegauge.measure.registry import measure
from tidegauge.measure.rows import record, table
from tidegauge.measure.segments import span, whole
from tidegauge.measure.windows import demand, log_ratio
from tidegauge.result import Explanation, Result, Text
from tidegauge.workspace.tables import Tables

Floats = npt.NDArray[np.float64]

_REPLICATES = 999
_LEAST_CELLS = 6
EXPLANATION = Explanation(
    question=Text(
        zh="哪些平台×类目×形式×层级的需求在增长而供给不拥挤？",
        en="In which platform, category, format and tier does demand grow while supply does not crowd?",
    ),
    formula="score = mean of z(demand growth), z(demand per post, or per creator), z(saves per post), −z(growth "
    "of posts), −z(price per view); each log ratio partially pooled, z against the spread between cells; rank "
    "interval from draws",
    assumptions=Text(
        zh="各分量等权；最近两个窗口可比；需求以播放增量表示，无播放时以粉丝增长表示。",
        en="Parts weigh the same; the last two windows are comparable; demand is views gained, or growth of followers "
        "where no views are known.",
    ),
    limits=Text(
        zh="评分是相对排序，不是收益预测；是否有预测力请用 backtest 检验；需求与供给互为因果。",
        en="The score ranks, it does not forecast returns; whether it foresees growth is what `backtest` tests; demand "
        "and supply cause each other.",
    ),
    reference="OECD & JRC (2008) Handbook on Constructing Composite Indicators; Goldstein & Spiegelhalter (1996) "
    "League tables and their limitations (rank intervals); Oldham (1962) on regression to the mean; Morris (1983)",
)


@measure(
    "opportunity",
    explanation=EXPLANATION,
    by=("platform", "category", "format", "tier", "role", "region"),
    default_by=("platform", "category"),
    options={
        "horizon_d": "days in each of the two windows that are compared (28)",
        "least": "creators that a cell needs (3)",
        "backtest": "a date: rank the cells as of then and compare with their growth in the window after it",
        "seed": "of all draws (1)",
    },
)
def opportunity(
    tables: Tables,
    *,
    by: tuple[str, ...],
    start: dt.datetime | None = None,
    end: dt.datetime | None = None,
    horizon_d: object = 28,
    least: object = 3,
    backtest: object = "",
    seed: object = 1,
) -> Result:
    """Score and rank of each cell, and the parts they come from; see docs/methods/opportunity.md.

    Scores are as of `end` (the last reading when none is given), or as of `backtest`; then `growth_after` and rows of
    the segment "all" tell whether cells ranked high grew more afterwards.
    """
    number = whole("seed", seed, 0, 2**31)
    rng = np.random.default_rng(number)
    days = whole("horizon_d", horizon_d, 1, 3_650)
    fewest = whole("least", least, 1, 100_000)
    then = _date(tables, backtest)
    at = then or end or _last(tables)
    if start is not None and start > at - dt.timedelta(days=2 * days):
        raise MeasureError(
            f"--from leaves no two windows of {days} days", mend="leave --from out, or choose a smaller horizon_d"
        )
    cells = scored_cells(tables, by, at, days, fewest, rng)
    records = _rows(cells)
    if then is not None:
        records += _backtest(tables, by, cells, then, days, rng)
    found = table(records, (*by, "quantity"))
    shown = found.filter(pl.col("quantity") == "score").head(40)
    shown = shown.with_columns(pl.concat_str([pl.col(c) for c in by], separator=" · ").alias("segment"))
    title = Text(zh="机会评分（90% 区间）", en="Opportunity score (90 % interval)")
    return Result(
        "opportunity",
        by,
        found,
        tables.provenance(seed=number),
        EXPLANATION,
        level=LEVEL,
        notes=(*_notes(cells, at, days), *_verdict(records)),
        chart=charts.dots(shown, segment="segment", title=title, lang=tables.settings.language),
    )


def _date(tables: Tables, text: object) -> dt.datetime | None:
    if not str(text).strip():
        return None
    try:
        day = dt.date.fromisoformat(str(text).strip())
    except ValueError:
        raise MeasureError(f"option backtest: '{text}' is no date", mend="write it as 2026-01-31") from None
    return dt.datetime(day.year, day.month, day.day, tzinfo=tables.settings.zone).astimezone(dt.UTC)


def _last(tables: Tables) -> dt.datetime:
    ends = [span(tables, tables[t], "observed_at") for t in ("post_snapshots", "creator_snapshots")]
    known = [found[1] for found in ends if found is not None]
    if not known:
        raise MeasureError("no counts were ever read", mend="ingest post_snapshots or creator_snapshots")
    return max(known) + dt.timedelta(seconds=1)


def _rows(cells: Cells) -> list[dict[str, Any]]:
    tail = (1.0 - LEVEL) / 2.0
    low, high = np.quantile(cells.draws, [tail, 1.0 - tail], axis=0)
    ranks = (-cells.draws).argsort(axis=1).argsort(axis=1) + 1.0
    rank_low, rank_high = np.quantile(ranks, [tail, 1.0 - tail], axis=0, method="nearest")
    records: list[dict[str, Any]] = []
    count = cells.words.get_column("n").to_numpy()
    for i, words in enumerate(cells.words.drop("n", "signal").to_dicts()):
        records.append(record(words, cells.score[i], (low[i], high[i]), count[i], "z", quantity="score"))
        records.append(record(words, i + 1.0, (rank_low[i], rank_high[i]), count[i], "rank", quantity="rank"))
        for name, (mean, below, above, n) in cells.parts.items():
            if not np.isfinite(mean[i]):
                continue
            growth = name.endswith("_growth")
            value, a, b = ((np.expm1 if growth else np.exp)(np.clip(v[i], -50.0, 50.0)) for v in (mean, below, above))
            unit = "per window" if growth else name.replace("_", " ")
            records.append(record(words, float(value), (float(a), float(b)), n[i], unit, quantity=name))
    return records


def _backtest(
    tables: Tables, by: tuple[str, ...], cells: Cells, then: dt.datetime, days: int, rng: np.random.Generator
) -> list[dict[str, Any]]:
    """Growth of demand in the window after the date, and its rank correlation with the score, over cells.

    Growth is told from the last window, and (`:steady`) from both windows before. A chance peak in the last window
    raises the score and lowers the growth from it, which drives the first correlation down; the mean of two windows is
    free of that coupling with their difference (Oldham 1962), but where peaks last, it counts them as growth.
    """
    finish = then + dt.timedelta(days=days)
    if _last(tables) < finish - dt.timedelta(days=0.1 * days):
        raise MeasureError(
            f"the data end before the window after the back-test date does ({finish:%Y-%m-%d})",
            mend="choose an earlier date, or a smaller horizon_d",
        )
    words = cells.words.select(*by).with_row_index("cell")
    rows = demand(tables, by, then, days, after=1).join(words, on=list(by)).sort("creator_id", *by)
    cell, k = rows.get_column("cell").to_numpy().astype(np.int64), cells.score.size
    d0, d1, d2 = (rows.get_column(c).to_numpy() for c in ("d0", "d1", "d2"))
    typical = typical_amount(cell, k, d0, d1, d2)
    strict, before = log_ratio(cell, k, d2, d1, typical), log_ratio(cell, k, d1, d0, typical)
    known = np.flatnonzero(np.isfinite(strict.y) & np.isfinite(before.y) & (strict.n > 0))
    if known.size < _LEAST_CELLS:
        raise MeasureError(
            f"a rank correlation over {known.size} cells says nothing; {_LEAST_CELLS} are needed", mend="lower `least`"
        )
    s2, df = cell_variances(strict.spread2[known], strict.n[known])
    half = stats.t.ppf(0.5 + LEVEL / 2.0, df) * np.sqrt(s2)
    names = words.drop("cell").to_dicts()
    records = []
    for i, g, h in zip(known, strict.y[known], half, strict=True):
        bounds = (float(np.expm1(g - h)), float(np.expm1(min(g + h, 50.0))))
        records.append(record(names[i], float(np.expm1(g)), bounds, strict.n[i], "per window", quantity="growth_after"))
    signal = cells.words.get_column("signal").rank("dense").cast(pl.Int64).to_numpy()
    outcomes = {"": strict.y, ":steady": strict.y + before.y / 2.0}
    groups = {"all": known}
    if "platform" in by:
        platform = words.get_column("platform").to_numpy()
        groups |= {p: known[platform[known] == p] for p in np.unique(platform[known]).tolist()}
    for group, mine in groups.items():
        if mine.size < _LEAST_CELLS:
            continue
        segment = dict.fromkeys(by, "all") | ({"platform": group} if "platform" in by else {})
        for name, y in outcomes.items():
            grown = y[mine] - z_place(y[mine], signal[mine], apart=True)[0]
            records += _agreement(cells.score[mine], grown, segment, name, rng)
    return records


def _agreement(
    score: Floats, grown: Floats, segment: dict[str, str], name: str, rng: np.random.Generator
) -> list[dict[str, Any]]:
    """Rank correlation of score and growth, and how much more the third ranked highest grew; bootstrap over cells."""
    picks = rng.integers(0, score.size, (_REPLICATES, score.size))
    rho, low, high = (
        _spearman(score, grown),
        *np.nanquantile([_spearman(score[p], grown[p]) for p in picks], [0.05, 0.95]),
    )
    out = [record(segment, rho, (low, high), score.size, "rho", quantity=f"backtest_rank_correlation{name}")]
    top = score >= np.quantile(score, 2.0 / 3.0)
    if 0 < top.sum() < top.size:
        draws = [grown[p][top[p]].mean() - grown[p][~top[p]].mean() for p in picks if 0 < top[p].sum() < top.size]
        more = float(np.expm1(grown[top].mean() - grown[~top].mean()))
        low, high = np.expm1(np.quantile(draws, [0.05, 0.95]))
        out.append(record(segment, more, (low, high), score.size, "growth", quantity=f"backtest_top_third_more{name}"))
    return out


def _spearman(a: Floats, b: Floats) -> float:
    x, y = stats.rankdata(a), stats.rankdata(b)
    x, y = x - x.mean(), y - y.mean()
    size = float(np.sqrt((x @ x) * (y @ y)))
    return float(x @ y) / size if size > 0 else float("nan")


def _notes(cells: Cells, at: dt.datetime, days: int) -> tuple[Text, ...]:
    used, signals = ", ".join(cells.parts), ", ".join(cells.signals)
    return (
        Text(
            zh=f"截至 {at:%Y-%m-%d}，两个 {days} 天窗口；分量：{used}；需求信号：{signals}。",
            en=f"As of {at:%Y-%m-%d}, two windows of {days} days; parts: {used}; signal of demand: {signals}.",
        ),
    )


def _verdict(records: list[dict[str, Any]]) -> tuple[Text, ...]:
    """Whether cells ranked high grew more afterwards, in words."""
    notes = []
    for r in records:
        if r["quantity"] != "backtest_rank_correlation":
            continue
        who = r.get("platform", "all")
        zh, en = (
            ("是", "yes")
            if r["low"] > 0
            else ("否，反而更慢", "no, they grew less")
            if r["high"] < 0
            else ("看不出", "this does not show")
        )
        figures = f"rho {r['value']:.2f} [{r['low']:.2f}, {r['high']:.2f}], n {r['n']}"
        notes.append(
            Text(
                zh=f"排名高的单元之后增长更快吗（{who}）？{zh}（{figures}）。",
                en=f"Did cells ranked high grow more afterwards ({who})? {en} ({figures}).",
            )
        )
    return tuple(notes)
