"""How to split a budget over streams, and between brand and sales, by what the response model has learned.

    maximise over x within the limits:  mean or CVaR over posterior draws d of  Σ_s value_s(x_s; d)

value_s is margin × money of the outcome that the stream's spend adds within the horizon, at once and through the brand.
The split is chosen on one half of the draws and told on the other, so that the promise was not picked for its luck.
At the optimum the next yuan brings the same everywhere, except where a limit holds.

References: Rockafellar and Uryasev (2000), J. of Risk 2(3), for CVaR; Kleywegt, Shapiro and Homem-de-Mello (2002), SIAM
J. Optim. 12(2), for sample-average approximation; Binet and Field (2013), The Long and the Short of It, for horizons.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import polars as pl

from tidegauge.errors import BriefError
from tidegauge.plan.briefs.brief import Brief
from tidegauge.plan.result import Interval
from tidegauge.plan.split.curves import Curves, Float, tabulate
from tidegauge.plan.split.limits import limits_on_streams, stream_parts
from tidegauge.plan.split.result import BudgetSplit
from tidegauge.plan.split.solve import AT_BOUND, Limits, Solved, feasible, solve_split, tail_mean
from tidegauge.plan.split.what_to_test import recent_spend, worth_of_tests
from tidegauge.plan.split.words import split_notes
from tidegauge.response.posterior import Posterior
from tidegauge.result import Provenance, Text

Progress = Callable[[float, str], None]

LEVEL = 0.9
#: The horizons that are always told: a quarter, a year, three years.
HORIZONS_WEEKS = (13, 52, 156)
FLIGHT_WEEKS = 13
#: Draws used: half to choose, half to tell.
MOST_DRAWS = 800
_FRONTIER = (0.0, 0.25, 0.5, 0.75, 1.0)
_FOUR_WEEKS_DAYS = 28.0


def split_budget(
    posterior: Posterior,
    brief: Brief,
    *,
    seed: int = 1,
    most_draws: int = MOST_DRAWS,
    provenance: Provenance | None = None,
    progress: Progress | None = None,
) -> BudgetSplit:
    """Split the brief's budget over the streams of a fitted response.

    Parameters: `posterior` as `respond` keeps it; of the brief count budget, flight, rules, brand_sales, risk, split.
    Raises BriefError where the brief names what is not there, InfeasibleError where its limits clash.
    """

    def tell(done: float, stage: str) -> None:
        if progress is not None:
            progress(done, stage)

    h, wishes = posterior.history, brief.split
    if "currency" in brief.model_fields_set and brief.currency != h.currency:
        raise BriefError(
            f"the budget is in {brief.currency}, the fitted spend in {h.currency}",
            mend=f'give the budget in {h.currency}, with currency = "{h.currency}"',
            where=brief.where("currency"),
        )
    flight = wishes.flight_weeks or _flight_weeks(brief) or FLIGHT_WEEKS
    periods = max(1, round(flight * 7.0 / h.period_days))
    cap, notes = _caps(posterior, brief, periods)
    parts = stream_parts(h.streams, brief)
    limits, told = limits_on_streams(brief, parts, cap)
    notes += told
    recent = recent_spend(posterior) * periods
    baseline = feasible(limits, recent / recent.sum() * brief.budget if recent.sum() > 0 else recent)
    horizons = tuple(dict.fromkeys((*wishes.horizon_weeks[:1], *HORIZONS_WEEKS, *wishes.horizon_weeks[1:])))
    worth = wishes.margin * h.value_per_unit
    careful = brief.risk.measure == "cvar"
    weight = 1.0 if careful else 0.0
    solved: dict[int, Solved] = {}
    curves: dict[int, Curves] = {}
    high = np.maximum(limits.high, limits.low)
    for i, weeks in enumerate(horizons):
        tell(0.1 + 0.5 * i / len(horizons), f"分配 split {weeks}")
        ahead = max(periods, round(weeks * 7.0 / h.period_days))
        curves[weeks] = tabulate(
            posterior, high, flight_periods=periods, horizon_periods=ahead, worth=worth, most_draws=most_draws
        )
        solved[weeks] = solve_split(
            every_other(curves[weeks], 0), limits, recent=recent, cvar_weight=weight, level=brief.risk.level, seed=seed
        )
    main = horizons[0]
    best, check = solved[main], every_other(curves[main], 1)
    tell(0.65, "前沿 frontier")
    frontier, frontier_streams = _frontier(curves[main], limits, recent, brief, h.streams, seed)
    tell(0.8, "下一步测试 what to test")
    tests, everything = worth_of_tests(posterior, curves[main], limits, best.money, wishes.test, worth=worth, seed=seed)
    streams = _streams(parts, check, best.money, recent, limits, posterior, periods)
    value = _interval(check.value(best.money).sum(axis=1))
    free = streams.filter(pl.col("at") == "free")
    slopes = check.slope(best.money)[:, (streams["at"] == "free").to_numpy()]
    weights = free["money"].to_numpy()
    marginal = _interval(slopes @ (weights / weights.sum())) if free.height and weights.sum() > 0 else None
    given = provenance or h.provenance
    tell(1.0, "完成 done")
    return BudgetSplit(
        brand=h.brand,
        metric=h.metric,
        budget=brief.budget,
        spent=float(best.money.sum()),
        currency=h.currency,
        margin=wishes.margin,
        flight_weeks=flight,
        horizon_weeks=main,
        measure="cvar" if careful else "mean",
        level=LEVEL,
        cvar_level=brief.risk.level,
        value=value,
        value_choosing=best.objective,
        bound=best.bound,
        gap=max(0.0, 1.0 - best.objective / best.bound) if best.bound else None,
        marginal=marginal,
        knowing_everything=everything,
        streams=streams,
        horizons=_horizons(horizons, solved, curves, parts, baseline, brief.risk.level),
        by_horizon=pl.concat(
            [
                pl.DataFrame({"stream": h.streams, "money": solved[w].money}).select(
                    pl.lit(w, pl.Int64).alias("horizon_weeks"), "stream", "money",
                    (pl.col("money") / brief.budget).alias("share"),
                )
                for w in sorted(horizons)
            ]
        ),
        frontier=frontier,
        frontier_streams=frontier_streams,
        tests=tests,
        notes=(*notes, *split_notes(brief, streams, best, marginal, posterior, wishes.margin)),
        provenance=Provenance(
            engine=given.engine if given else "arrays",
            snapshot=given.snapshot if given else None,
            ingests=given.ingests if given else (),
            seed=seed,
            assumed=(
                *(given.assumed if given else ()),
                "money is spent evenly over the flight, starting with nothing carried over from before",
            ),
        ),
    )  # fmt: skip


def every_other(curves: Curves, first: int) -> Curves:
    """Every second draw, from the first or the second on."""
    if curves.draws < 2:
        return curves
    return Curves(
        curves.u, curves.cap, np.ascontiguousarray(curves.coefficients[:, :, first::2]),
        curves.long[:, first::2], curves.total[:, first::2],
    )  # fmt: skip


def _flight_weeks(brief: Brief) -> int | None:
    if brief.flight is None:
        return None
    return max(1, round(((brief.flight.end - brief.flight.start).days + 1) / 7.0))


def _caps(posterior: Posterior, brief: Brief, periods: int) -> tuple[Float, tuple[Text, ...]]:
    """The most per stream that its curve can speak of: so many times its highest four-week mean."""
    spend = posterior.history.spend.sum(axis=0)
    cap = brief.split.max_times_recent * _peak(posterior) * periods
    never = [s for s, m in zip(posterior.history.streams, spend.sum(axis=0), strict=True) if m <= 0]
    if not never:
        return cap, ()
    names = ", ".join(never)
    return cap, (Text(f"从未花费、不分配预算：{names}。", f"Never spent on, so they get no money: {names}."),)


def _peak(posterior: Posterior) -> Float:
    """Highest mean money per period over four weeks, per stream."""
    spend = posterior.history.spend.sum(axis=0)
    width = min(max(1, round(_FOUR_WEEKS_DAYS / posterior.history.period_days)), spend.shape[0])
    runs = np.cumsum(np.vstack([np.zeros((1, spend.shape[1])), spend]), axis=0)
    out: Float = ((runs[width:] - runs[:-width]) / width).max(axis=0)
    return out


def _interval(draws: Float) -> Interval:
    low, high = np.quantile(draws, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    mean = float(draws.mean())
    return Interval(mean, min(float(low), mean), max(float(high), mean))


def _columns(name: str, draws: Float) -> dict[str, Float]:
    """Mean and bounds over draws (D, S) as columns."""
    low, high = np.quantile(draws, [(1 - LEVEL) / 2, (1 + LEVEL) / 2], axis=0)
    return {name: draws.mean(axis=0), f"{name}_low": low, f"{name}_high": high}


def _streams(
    parts: pl.DataFrame, curves: Curves, money: Float, recent: Float, limits: Limits, posterior: Posterior, periods: int
) -> pl.DataFrame:
    value, long = curves.value(money), curves.long_of(money)
    spent = np.where(money > 0, money, np.nan)
    total = np.maximum(value.mean(axis=0), 1e-12)
    at = _at(limits, money)
    return parts.with_columns(
        pl.Series("recent", recent),
        pl.Series("money", money),
        pl.Series("share", money / limits.budget),
        *(pl.Series(k, v) for k, v in _columns("value", value).items()),
        *(pl.Series(k, v).fill_nan(None) for k, v in _columns("roi", value / spent).items()),
        *(pl.Series(k, v) for k, v in _columns("marginal", curves.slope(money)).items()),
        pl.Series("through_brand", long.mean(axis=0) / total).clip(0.0, 1.0),
        pl.Series("at", at, dtype=pl.String),
        pl.Series("beyond", money / periods > posterior.history.spend.sum(axis=0).max(axis=0)),
    )


def _at(limits: Limits, money: Float) -> list[str]:
    """Where each stream stands: free, at its floor or cap, or held by a rule (its place in the brief)."""
    near = AT_BOUND * limits.budget
    told = []
    sums = limits.rows @ money if limits.rows.size else np.zeros(0)
    for s in range(money.size):
        if money[s] <= limits.low[s] + near:
            told.append("floor")
        elif money[s] >= limits.high[s] - near:
            told.append("cap")
        else:
            binding = (sums >= limits.row_high - near) | (sums <= limits.row_low + near) & (limits.row_low > 0)
            held = [limits.labels[r] for r in np.flatnonzero(binding) if limits.rows[r, s] != 0]
            told.append(held[0] if held else "free")
    return told


def _horizons(
    horizons: tuple[int, ...], solved: dict[int, Solved], curves: dict[int, Curves], parts: pl.DataFrame,
    baseline: Float, cvar_level: float,
) -> pl.DataFrame:  # fmt: skip
    rows = []
    for weeks in sorted(horizons):
        money, check = solved[weeks].money, every_other(curves[weeks], 1)
        values = check.value(money).sum(axis=1)
        gain = values - check.value(baseline).sum(axis=1)
        v, g = _interval(values), _interval(gain)
        whole = max(float(money.sum()), 1e-12)
        side = {k: float(money[(parts["side"] == k).to_numpy()].sum()) / whole for k in ("brand", "sales")}
        long = float(check.long_of(money).sum(axis=1).mean())
        rows.append(
            {
                "horizon_weeks": weeks, "value": v.value, "value_low": v.low, "value_high": v.high,
                "cvar": tail_mean(values, cvar_level), "brand_share": side["brand"], "sales_share": side["sales"],
                "through_brand": min(max(long / v.value, 0.0), 1.0) if v.value > 0 else 0.0,
                "gain": g.value, "gain_low": g.low, "gain_high": g.high, "better": float((gain > 0).mean()),
            }
        )  # fmt: skip
    return pl.DataFrame(rows)


def _frontier(
    curves: Curves, limits: Limits, recent: Float, brief: Brief, streams: tuple[str, ...], seed: int
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Mean against CVaR: the best split for each weight, told on the draws that did not choose it."""
    choose, check = every_other(curves, 0), every_other(curves, 1)
    rows, money = [], []
    first: Float | None = None
    last: Float | None = None
    for w in _FRONTIER:
        # Each point of the frontier starts from the last one: they lie close together.
        x = solve_split(
            choose, limits, recent=recent, cvar_weight=w, level=brief.risk.level, seed=seed, near=last
        ).money
        first, last = (x if first is None else first), x
        values = check.value(x).sum(axis=1)
        moved = float(np.abs(x - first).sum()) / 2.0 / brief.budget
        rows.append(
            {"weight": w, "mean": float(values.mean()), "cvar": tail_mean(values, brief.risk.level), "moved": moved}
        )
        money.append(pl.DataFrame({"weight": [w] * len(streams), "stream": streams, "money": x}))
    return pl.DataFrame(rows), pl.concat(money)
