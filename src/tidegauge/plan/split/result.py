"""A split of a budget over streams with its evidence, and as limits for a roster."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import polars as pl

from tidegauge.display import Displayed
from tidegauge.plan.briefs.brief import Rule, Worth
from tidegauge.plan.result import Interval, _json_rows
from tidegauge.plan.split.limits import rules_of, worths_of
from tidegauge.result import Provenance, Text


@dataclass(frozen=True)
class BudgetSplit(Displayed):
    """A split with its evidence; money in `currency`, value = margin × money of the outcome within the horizon.

    Frames (polars):
    - `streams`: stream, platform, tier, role, format, stage, side (brand, sales or empty), recent (money that the same
      flight has had lately), money, share, value, roi, marginal (each + _low, _high), through_brand (share of the
      value), at (free, floor, cap, or the place of the rule that holds it), beyond (more a week than ever before)
    - `horizons`: horizon_weeks, value (+ _low, _high), cvar, brand_share, sales_share (of the money), through_brand
      (of the value), gain (over the split so far at the same budget; + _low, _high), better (probability of a gain)
    - `by_horizon`: horizon_weeks, stream, money, share
    - `frontier`: weight (of CVaR), mean, cvar, moved (share of the budget that lies elsewhere than at weight 0),
      and `frontier_streams`: weight, stream, money
    - `tests`: what to test next, see `split_tests.worth_of_tests`
    `bound`: no split within the limits has a mean value above it on the draws that chose, where this one has
    `value_choosing`; `gap` = 1 − value_choosing / bound, None where CVaR counts. `marginal`: return of the next unit of
    money where nothing binds.
    """

    brand: str
    metric: str
    budget: float
    spent: float
    currency: str
    margin: float
    flight_weeks: int
    horizon_weeks: int
    measure: str
    level: float
    cvar_level: float
    value: Interval
    value_choosing: float
    bound: float | None
    gap: float | None
    marginal: Interval | None
    knowing_everything: float
    streams: pl.DataFrame
    horizons: pl.DataFrame
    by_horizon: pl.DataFrame
    frontier: pl.DataFrame
    frontier_streams: pl.DataFrame
    tests: pl.DataFrame
    notes: tuple[Text, ...]
    provenance: Provenance
    files: dict[str, str] = field(default_factory=dict)

    def as_dict(self) -> dict[str, Any]:
        """The `--json` shape."""
        plain = (
            "brand", "metric", "budget", "spent", "currency", "margin", "flight_weeks", "horizon_weeks", "measure",
            "level", "cvar_level", "value_choosing", "bound", "gap", "knowing_everything", "files",
        )  # fmt: skip
        frames = ("streams", "horizons", "by_horizon", "frontier", "frontier_streams", "tests")
        return {
            **{k: getattr(self, k) for k in plain},
            "value": self.value.as_dict(),
            "marginal": self.marginal.as_dict() if self.marginal else None,
            **{k: _json_rows(getattr(self, k)) for k in frames},
            "notes": [{"zh": t.zh, "en": t.en} for t in self.notes],
            "provenance": self.provenance.as_dict(),
        }


def stream_limits(split: BudgetSplit, *, tolerance: float = 0.1) -> tuple[Rule, ...]:
    """The split as rules of a roster's brief: creator streams keep near their money (see `split_limits.rules_of`)."""
    return rules_of(tuple(split.streams["stream"]), split.streams["money"].to_numpy(), tolerance=tolerance)


def stream_worths(split: BudgetSplit) -> tuple[Worth, ...]:
    """What a unit of each stream's money returns at the split's point; what gets no money returns what its first unit
    would. For a roster's goal "response"."""
    returns = split.streams.select(pl.coalesce("roi", "marginal")).to_series().to_numpy()
    return worths_of(tuple(split.streams["stream"]), returns)
