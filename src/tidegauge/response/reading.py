"""A fitted response as figures: contributions, returns, half-lives and the decomposition, each with its interval."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import polars as pl

from tidegauge.display import Displayed
from tidegauge.response.backtest import Backtest
from tidegauge.response.diagnose import OVERLAP_CLAIM, Diagnostics, Verdict, diagnose, overlap, verdict
from tidegauge.response.fit import natural, rescale
from tidegauge.response.history import Floats
from tidegauge.response.permanence import Permanence, permanence
from tidegauge.response.posterior import Posterior, response_curve
from tidegauge.response.states import draw_parts
from tidegauge.result import Provenance, Text

LEVEL = 0.9
_MOST_DRAWS, _PRIOR_DRAWS = 1000, 2000
_STEP = 0.01
_MODEL = Text(
    "按论文先验：延续、饱和、品牌半衰期见 docs/methods/response.md。",
    "priors of carry-over, saturation and brand half-life from the literature: docs/methods/response.md",
)


@dataclass(frozen=True)
class Figure:
    """A value with its 90 % interval."""

    value: float
    low: float
    high: float

    def as_dict(self) -> dict[str, float]:
        return {"value": self.value, "low": self.low, "high": self.high}


def figure(draws: Floats) -> Figure:
    """Mean and equal-tailed 90 % interval of draws."""
    low, high = np.quantile(draws, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return Figure(float(draws.mean()), float(low), float(high))


@dataclass(frozen=True)
class StreamReading:
    """One stream. Money per money for the ROI; `claim_*` False: the data say no more than the prior, claim nothing.

    `contribution` short response within the history, in units of the outcome; `contribution_share` of all outcomes;
    `roi_marginal` what the next 1 % of spend returns (short); `roi_long` what is added later, through the brand, over
    the spend's whole afterlife (None where there is no brand series to see it by); `long_multiplier` (short + long) /
    short; `saturation` spend per period at half of the full effect, `saturated` the share of the full effect that an
    active period reaches; `learned_*` one minus the overlap of prior and posterior.
    """

    stream: str
    spend: float
    contribution: Figure
    contribution_share: Figure
    roi_short: Figure
    roi_marginal: Figure
    roi_long: Figure | None
    long_multiplier: Figure | None
    half_life_days: Figure
    saturation: Figure
    saturated: Figure
    learned_short: float
    learned_long: float | None
    claim_short: bool
    claim_long: bool

    def as_dict(self) -> dict[str, Any]:
        return {k: v.as_dict() if isinstance(v, Figure) else v for k, v in vars(self).items()}


@dataclass(frozen=True)
class BrandReading:
    """The brand stock: half-life, effect on sales (relative to relative), total multiplier; `claim` as for streams."""

    series: tuple[str, ...]
    half_life_days: Figure
    to_sales: Figure
    long_multiplier: Figure
    contribution_long: Figure
    learned: float
    claim: bool

    def as_dict(self) -> dict[str, Any]:
        return {k: v.as_dict() if isinstance(v, Figure) else v for k, v in vars(self).items()}


@dataclass(frozen=True)
class Response(Displayed):
    """What `respond` answers.

    `decomposition` has one row per date and part (value, low, high; parts of one date sum to `observed` where it was
    observed, else to `expected`, in every draw); `fit_rows` one per date: observed, expected, low, high of replicated
    outcomes; `regions` one row per geo and stream, where regions were kept apart.
    """

    brand: str
    metric: str
    currency: str
    periods: int
    verdict: Verdict
    reasons: tuple[Text, ...]
    streams: tuple[StreamReading, ...]
    total: StreamReading
    brand_stock: BrandReading | None
    permanence: Permanence
    diagnostics: Diagnostics
    decomposition: pl.DataFrame
    fit_rows: pl.DataFrame
    regions: pl.DataFrame
    notes: tuple[Text, ...]
    provenance: Provenance
    posterior: Posterior = field(repr=False, compare=False)
    backtest: Backtest | None = None

    def as_dict(self) -> dict[str, Any]:
        """The stable `--json` shape."""
        return {
            "verdict": self.verdict,
            "reasons": [{"zh": t.zh, "en": t.en} for t in self.reasons],
            "brand": self.brand,
            "metric": self.metric,
            "currency": self.currency,
            "periods": self.periods,
            "level": LEVEL,
            "streams": [s.as_dict() for s in self.streams],
            "total": self.total.as_dict(),
            "brand_stock": self.brand_stock.as_dict() if self.brand_stock else None,
            "permanent": {
                "present": self.permanence.present,
                "p_value": self.permanence.p_value,
                "words": {"zh": self.permanence.words().zh, "en": self.permanence.words().en},
            },
            "diagnostics": self.diagnostics.as_dict(),
            "backtest": self.backtest.as_dict() if self.backtest else None,
            "decomposition": _plain(self.decomposition),
            "fit": _plain(self.fit_rows),
            "regions": _plain(self.regions),
            "notes": [{"zh": t.zh, "en": t.en} for t in self.notes],
            "provenance": self.provenance.as_dict(),
        }


def _plain(frame: pl.DataFrame) -> list[dict[str, Any]]:
    return frame.with_columns(pl.col(pl.Date).cast(pl.String)).to_dicts()


def read_response(posterior: Posterior, *, seed: int = 1, looked_back: Backtest | None = None) -> Response:
    """Turn a posterior into figures.

    Parameters
    ----------
    posterior : of `fit`. seed : of the draws of states and replicated outcomes.
    looked_back : a backtest of the same history and form, to be told beside.
    """
    rng = np.random.default_rng(seed)
    history = posterior.history
    scaled = rescale(posterior)
    fitted = scaled.data.fitted
    parts = draw_parts(scaled, posterior.flat("z", _MOST_DRAWS), rng)
    diagnostics, made = diagnose(posterior, scaled.layout.names, parts, rng)
    short = parts.short[:, :fitted]
    slow = permanence(scaled, parts.mean_short, rng)
    streams, total, stock = _streams(posterior, short.sum(axis=1), slow, rng)
    judged, reasons = verdict(diagnostics, history)
    notes = [*history.notes, *posterior.notes, slow.words(), *_long_words(streams, stock, posterior, slow)]
    given = history.provenance
    provenance = Provenance(
        engine=f"{given.engine if given else 'arrays'} + nutpie",
        snapshot=given.snapshot if given else None,
        ingests=given.ingests if given else (),
        seed=int(posterior.sampling["seed"]),
        assumed=((*given.assumed, _MODEL.en) if given else (_MODEL.en,)),
    )
    return Response(
        brand=history.brand,
        metric=history.metric,
        currency=history.currency,
        periods=fitted,
        verdict=judged,
        reasons=reasons,
        streams=streams,
        total=total,
        brand_stock=stock,
        permanence=slow,
        diagnostics=diagnostics,
        decomposition=decompose(posterior, parts.short, parts.long, parts.blocks),
        fit_rows=_fit_rows(posterior, made),
        regions=_regions(posterior, parts.geo_short),
        notes=tuple(notes),
        provenance=provenance,
        posterior=posterior,
        backtest=looked_back,
    )


def _streams(
    posterior: Posterior, contributed: Floats, slow: Permanence, rng: np.random.Generator
) -> tuple[tuple[StreamReading, ...], StreamReading, BrandReading | None]:
    """Readings per stream, of all streams together, and of the brand stock. `contributed[draw, stream]`."""
    history, scaled = posterior.history, rescale(posterior)
    fitted = scaled.data.fitted
    worth = history.value_per_unit
    spend = history.spend[:, :fitted]
    spent = spend.sum(axis=(0, 1))
    now = response_curve(posterior, spend, most_draws=_MOST_DRAWS)
    more = response_curve(posterior, spend * (1 + _STEP), most_draws=_MOST_DRAWS)
    sold = float(np.nansum(history.outcome[:, :fitted])) or 1.0
    prior = natural(scaled, history, scaled.layout.prior_draws(rng, _PRIOR_DRAWS)[None])
    weight = scaled.data.geo_weight
    prior_short = np.einsum("g,dgs->ds", weight, prior["share_short"][0])
    own_short = np.einsum("g,dgs->ds", weight, posterior.flat("share_short", _MOST_DRAWS))
    long_told = posterior.has_brand
    if long_told:
        prior_long = prior["brand_to_sales"][0][:, None] * prior["brand_lift"][0]
        own_long = posterior.flat("brand_to_sales", _MOST_DRAWS)[:, None] * posterior.flat("brand_lift", _MOST_DRAWS)
    half, half_life = posterior.flat("half_saturation", _MOST_DRAWS), posterior.flat("half_life_days", _MOST_DRAWS)
    # Half-saturation is per unit of geo size; told for the country, whose size is the sum.
    half = half * posterior.geo_size.sum()
    peak = _saturated(posterior)

    def reading(name: str, pick: Any, learned: tuple[float, float | None]) -> StreamReading:
        money = float(np.sum(spent[pick]))
        per = worth / money if money > 0 else 0.0
        add, extra, later = (a[:, pick].reshape(len(a), -1).sum(axis=1) for a in (contributed, more.short, now.long))
        base = now.short[:, pick].reshape(len(now.short), -1).sum(axis=1)
        long = figure(per * later) if long_told else None
        claim_long = bool(
            long is not None and slow.present and learned[1] is not None and learned[1] >= 1 - OVERLAP_CLAIM
        ) and bool(np.quantile(later, (1 - LEVEL) / 2) > 0)
        many = isinstance(pick, slice)
        shown = [_weighed(a, spent) if many else a[:, pick] for a in (half_life, half, peak)]
        return StreamReading(
            stream=name,
            spend=money,
            contribution=figure(add),
            contribution_share=figure(add / sold),
            roi_short=figure(per * add),
            roi_marginal=figure(per * (extra - base) / _STEP),
            roi_long=long,
            long_multiplier=figure(1.0 + later / np.maximum(base, 1e-12)) if long_told else None,
            half_life_days=figure(shown[0]),
            saturation=figure(shown[1]),
            saturated=figure(shown[2]),
            learned_short=learned[0],
            learned_long=learned[1],
            claim_short=learned[0] >= 1 - OVERLAP_CLAIM,
            claim_long=claim_long,
        )

    found = []
    for i, name in enumerate(history.streams):
        later = 1 - overlap(prior_long[:, i], own_long[:, i]) if long_told else None
        found.append(reading(name, i, (1 - overlap(prior_short[:, i], own_short[:, i]), later)))
    all_later = 1 - overlap(prior_long.sum(axis=1), own_long.sum(axis=1)) if long_told else None
    all_short = 1 - overlap(prior_short.sum(axis=1), own_short.sum(axis=1))
    total = reading("", slice(None), (all_short, all_later))
    stock = None
    if long_told and total.long_multiplier is not None:
        stock = BrandReading(
            series=scaled.series,
            half_life_days=figure(posterior.flat("brand_half_life_days", _MOST_DRAWS)),
            to_sales=figure(posterior.flat("brand_to_sales", _MOST_DRAWS)),
            long_multiplier=total.long_multiplier,
            contribution_long=figure(now.long.sum(axis=1)),
            learned=float(all_later or 0.0),
            claim=total.claim_long,
        )
    return tuple(found), total, stock


def _weighed(draws: Floats, spent: Floats) -> Floats:
    mean: Floats = draws @ (spent / max(float(spent.sum()), 1e-12))
    return mean


def _saturated(posterior: Posterior) -> Floats:
    """[draw, stream] attention at the stream's usual active spend kept up: 1 is the ceiling."""
    scaled = rescale(posterior)
    half, slope = (
        posterior.flat("half_saturation", _MOST_DRAWS) / scaled.spend_unit,
        posterior.flat("slope", _MOST_DRAWS),
    )
    if posterior.form.saturation == "hill":
        hill: Floats = 1.0 / (1.0 + half**slope)
        return hill
    logistic: Floats = np.tanh(np.log(3.0) / 2.0 / half)
    return logistic


def _long_words(
    streams: tuple[StreamReading, ...], stock: BrandReading | None, posterior: Posterior, slow: Permanence
) -> list[Text]:
    told: list[Text] = []
    quiet = [s.stream for s in streams if not s.claim_short]
    if quiet:
        names = ", ".join(quiet)
        told.append(
            Text(f"短期效果主要来自先验，不下结论：{names}。", f"Short effects rest mostly on the prior: {names}.")
        )
    if stock is None:
        why = (
            ("未拟合品牌。", "The brand was left out.")
            if posterior.form.brand == "off"
            else (
                "没有品牌序列（搜索指数、提及、认知），不估计长期效果：只凭花费做两次延续会凭空造出长期效果。",
                "There is no brand series (search index, mentions, awareness), so no long-term effect is estimated: "
                "two carry-overs of the same spend would invent one.",
            )
        )
        return [*told, Text(*why)]
    if not stock.claim:
        told.append(Text("看不到长期效果，不下结论。", "No long-term effect can be seen; none is claimed."))
    else:
        silent = [s.stream for s in streams if not s.claim_long]
        if silent:
            names = ", ".join(silent)
            told.append(
                Text(f"单独看不出长期效果：{names}。", f"No long-term effect of its own can be seen for: {names}.")
            )
    return told


def decompose(posterior: Posterior, short: Floats, long: Floats, blocks: dict[str, Floats]) -> pl.DataFrame:
    """Rows date, kind (base, short, long, rest), part, value, low, high; the parts sum in every draw.

    Parameters
    ----------
    short, long : [draw, time, stream] in units of the outcome. blocks : parts of the baseline [draw, time].
    """
    history = posterior.history
    y = history.outcome.sum(axis=0)
    seen = np.isfinite(y)
    pieces: list[tuple[str, str, Floats]] = [("base", name, block) for name, block in blocks.items()]
    pieces += [("short", s, short[:, :, i]) for i, s in enumerate(history.streams)]
    if posterior.has_brand:
        pieces += [("long", s, long[:, :, i]) for i, s in enumerate(history.streams)]
    whole = np.sum([p[2] for p in pieces], axis=0)
    pieces.append(("rest", "rest", np.where(seen, np.where(seen, y, 0.0) - whole, 0.0)))
    dates = pl.Series(history.dates).cast(pl.Date)
    frames = []
    for kind, part, draws in pieces:
        low, high = np.quantile(draws, [(1 - LEVEL) / 2, (1 + LEVEL) / 2], axis=0)
        frames.append(
            pl.DataFrame({"date": dates, "value": draws.mean(axis=0), "low": low, "high": high}).with_columns(
                pl.lit(kind).alias("kind"), pl.lit(part).alias("part")
            )
        )
    return pl.concat(frames).select("date", "kind", "part", "value", "low", "high")


def _fit_rows(posterior: Posterior, made: Floats) -> pl.DataFrame:
    history = posterior.history
    nation = made.sum(axis=1)
    low, high = np.quantile(nation, [(1 - LEVEL) / 2, (1 + LEVEL) / 2], axis=0)
    y = history.outcome.sum(axis=0)
    return pl.DataFrame(
        {
            "date": pl.Series(history.dates).cast(pl.Date),
            "observed": pl.Series([None if np.isnan(v) else float(v) for v in y], dtype=pl.Float64),
            "expected": nation.mean(axis=0),
            "low": low,
            "high": high,
        }
    )


def _regions(posterior: Posterior, geo_short: Floats) -> pl.DataFrame:
    """Short ROI per geo and stream, of geo_short[draw, geo, stream]; empty where the history is national."""
    history = posterior.history
    rows = []
    spent = history.spend[:, : rescale(posterior).data.fitted].sum(axis=1)
    for g, geo in enumerate(history.geos if len(history.geos) > 1 else ()):
        for s, stream in enumerate(history.streams):
            if spent[g, s] > 0:
                roi = figure(geo_short[:, g, s] * history.value_per_unit / spent[g, s])
                rows.append({"geo": geo, "stream": stream, "spend": float(spent[g, s]), **roi.as_dict()})
    kinds = {"geo": pl.String, "stream": pl.String, **dict.fromkeys(("spend", "value", "low", "high"), pl.Float64)}
    return pl.DataFrame(rows, schema=kinds)
