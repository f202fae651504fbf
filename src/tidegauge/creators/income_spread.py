"""How income is spread over creators: who earns what, by platform, tier or category; Lorenz curve and Gini."""

from __future__ import annotations

import numpy as np
import polars as pl
from numpy.typing import NDArray

from tidegauge.creators.income import ASSUMED_GROSS, ASSUMED_SHARE, income_draws
from tidegauge.creators.shared import shared_reads
from tidegauge.errors import MeasureError
from tidegauge.measure.concentration import gini, top_share
from tidegauge.measure.rows import record, table
from tidegauge.result import Explanation, Result, Text
from tidegauge.workspace.tables import Tables

Float = NDArray[np.float64]

COLUMNS = ("platform", "tier", "category")
LEVEL = 0.9
#: Yearly incomes (in the workspace's currency) above which creators are counted: ten-thousands to ten-millions.
BANDS = (10_000.0, 100_000.0, 1_000_000.0, 10_000_000.0)
_LORENZ = (*(round(0.1 * i, 1) for i in range(1, 10)), 0.95, 0.99)
_DRAWS, _FEWEST = 120, 10
EXPLANATION = Explanation(
    question=Text(
        "达人一年的收入（品牌合作）如何分布：中位数、分层、洛伦兹曲线、基尼系数？",
        "How is a year's income from brands spread over creators: median, bands, Lorenz curve, Gini?",
    ),
    formula="income = N · price, N ~ Poisson(posts a year · share paid); G = 2Σ_i (i − ½) x_(i) / (n Σx) − 1, times "
    "n/(n − 1); value = mean over draws, interval = quantiles over draws of incomes and of creators",
    assumptions=Text(
        "当前节奏延续一年；标记为商单的比例如登记所示；价格为刊例价减折扣，无报价时用合理价；未扣平台抽成、机构分成与税。",
        "The present pace lasts for a year; paid posts are as often as where they are flagged; prices are rate cards "
        "less discount, else fair prices; before commission, agency's part and tax.",
    ),
    limits=Text(
        "只含被收集到的达人；平台分成、直播、打赏仅在申报时计入；报价之外的达人依赖合理价，误差较大。",
        "Collected creators only; platform shares, live and tips count only where declared; creators without a rate "
        "card rest on fair prices, which is uncertain.",
    ),
    reference="Cowell (2011) Measuring Inequality; Deltas (2003), Rev. Econ. Statistics 85; Rubin (1981), The Bayesian "
    "Bootstrap, Annals of Statistics 9",
)


def income_distribution(tables: Tables, *, by: tuple[str, ...] = ("platform",), seed: int = 0) -> Result:
    """The distribution of yearly incomes per segment.

    Parameters: `by` any of platform, tier, category (empty: all creators together).

    Returns a Result whose rows carry `quantity` and `point`: total, mean, median, q90 (currency a year); above (share
    of creators who earn more than `point`); gini, top1_share, top10_share; lorenz (share of income of the poorest
    `point` of the creators). Intervals (90 %) hold both what is not known of each income and that the creators are a
    sample (Bayesian bootstrap). Creators of whom no post was collected are left out, since an unknown income is not a
    zero one; segments with under ten creators are left out and named.

    Raises MeasureError for another column, or where no segment has ten creators.
    """
    strange = [c for c in by if c not in COLUMNS]
    if strange:
        raise MeasureError(f"income cannot be split by {', '.join(strange)}", mend="possible: " + ", ".join(COLUMNS))
    with shared_reads():
        drawn = income_draws(tables, seed=seed)
    people = drawn.frame
    amounts = np.vstack([np.empty((0, _DRAWS)), *(a for _, a in drawn.draws(_DRAWS))])
    rng = np.random.default_rng([seed, 7])
    posted = people.get_column("n").to_numpy() > 0
    currency = tables.settings.currency
    records, thin = [], []
    whole = people.select(*by) if by else people.with_columns(segment=pl.lit("all")).select("segment")
    segments = whole.unique().sort(whole.columns)
    codes = whole.with_row_index("row").join(segments.with_row_index("code"), on=whole.columns, nulls_equal=True)
    codes = codes.sort("row")
    code = codes.get_column("code").to_numpy()
    for i, words in enumerate(segments.to_dicts()):
        mine = amounts[(code == i) & posted]
        named = {k: v or "unknown" for k, v in words.items()}
        if mine.shape[0] < _FEWEST:
            thin.append(" · ".join(named.values()))
            continue
        records += _figures(named, mine, currency, rng)
    if not records:
        raise MeasureError(
            f"no segment has {_FEWEST} creators with posts", mend="split by fewer columns, or ingest more posts"
        )
    columns = tuple(whole.columns)
    told = float(people.get_column("told").sum() or 0.0) > 0
    assumed = (ASSUMED_GROSS,) if told else (ASSUMED_SHARE, ASSUMED_GROSS)
    return Result(
        "income", columns, table(records, (*columns, "quantity", "point")),
        tables.provenance(seed=seed, assumed=assumed), EXPLANATION, LEVEL, _notes(people, thin),
    )  # fmt: skip


def _figures(words: dict[str, str], amounts: Float, currency: str, rng: np.random.Generator) -> list[dict[str, object]]:
    """All figures of one segment; `amounts` (creators, draws)."""
    n = amounts.shape[0]
    order = np.argsort(amounts, axis=0, kind="stable")
    rising = np.take_along_axis(amounts, order, axis=0).T
    weights = rng.exponential(1.0, amounts.shape)
    weights = np.take_along_axis(weights * (n / weights.sum(axis=0)), order, axis=0).T
    total = (weights * rising).sum(axis=1)
    place = (np.cumsum(weights, axis=1) - weights / 2.0) / n
    quantile = {q: np.array([np.interp(q, p, x) for p, x in zip(place, rising, strict=True)]) for q in (0.5, 0.9)}
    found: list[tuple[str, str | None, Float, str]] = [
        ("total", None, total, currency), ("mean", None, total / n, currency),
        ("median", None, quantile[0.5], currency), ("q90", None, quantile[0.9], currency),
    ]  # fmt: skip
    for band in BANDS:
        found.append(("above", f"{band:.0f}", (weights * (rising > band)).sum(axis=1) / n, "share of creators"))
    if (total > 0).all():
        found.append(("gini", None, gini(rising, weights), "ratio"))
        for fraction, name in ((0.01, "top1_share"), (0.1, "top10_share")):
            found.append((name, None, top_share(rising, fraction, weights), "ratio"))
        for point in _LORENZ:
            found.append(("lorenz", f"{point:.2f}", 1.0 - top_share(rising, 1.0 - point, weights), "ratio"))
    out: list[dict[str, object]] = []
    for name, at, draws, unit in found:
        low, high = np.quantile(draws, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
        more = {"quantity": name} if at is None else {"quantity": name, "point": at}
        out.append(record(words, float(draws.mean()), (float(low), float(high)), n, unit, **more))
    return out


def _notes(people: pl.DataFrame, thin: list[str]) -> tuple[Text, ...]:
    unknown = people.filter(pl.col("n") == 0).height
    share = people.filter(pl.col("n") > 0).select((pl.col("basis") == "fair").mean()).item() or 0.0
    notes = [
        Text(
            f"{share:.0%} 的达人没有报价或投放记录，其价格取合理价。",
            f"{share:.0%} of the creators have neither rate card nor bookings: their price is the fair one.",
        )
    ]
    if unknown:
        notes.append(
            Text(
                f"{unknown} 位达人没有采集到作品，收入未知，未计入。",
                f"{unknown} creators of whom no post was collected are left out: their income is unknown.",
            )
        )
    if thin:
        shown = ", ".join(thin[:5]) + (" …" if len(thin) > 5 else "")
        notes.append(Text(f"达人太少，未列出：{shown}。", f"Too few creators, left out: {shown}."))
    return tuple(notes)
