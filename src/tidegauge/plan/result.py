"""What planning returns: the roster, its certificate, why each pick and why not the others."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import polars as pl

from tidegauge.display import Displayed
from tidegauge.result import Provenance, Text


@dataclass(frozen=True)
class Interval:
    value: float
    low: float
    high: float

    def as_dict(self) -> dict[str, float]:
        return {"value": self.value, "low": self.low, "high": self.high}


@dataclass(frozen=True)
class Plan(Displayed):
    """A roster with its evidence.

    Frames (polars):
    - `picks`: creator_id, name, platform, tier, category, format, role, stage, terms, price, price_assumed (bool),
      views (+ views_low, views_high), reach_alone, reach_added, overlap_with (creator_id of the largest overlap),
      overlap_share, publish_on (date), cpm, reason_zh, reason_en
    - `near_misses`: creator_id, name, platform, tier, format, price, reach_added, reason_zh, reason_en
    - `curve`: budget, reach, upper_bound
    - `split`: dimension (platform, tier, role, format, stage), bucket, cost, cost_share, count, cost_share_before
    - `constraints`: label, kind, low, high, actual, kept (bool), shadow_price
    `panel_gap` compares with the bound on the planning panel, `population_gap` also with the sampling error.
    `level` is that of the reach interval. `what_if`: label_zh, label_en, reach_change (low, value, high).
    """

    brief: dict[str, Any]
    reach: Interval
    upper_bound: float
    panel_gap: float
    population_gap: float
    cost: float
    budget: float
    currency: str
    goal: str
    picks: pl.DataFrame
    near_misses: pl.DataFrame
    curve: pl.DataFrame
    split: pl.DataFrame
    constraints: pl.DataFrame
    shadow_prices: dict[str, float]
    provenance: Provenance
    candidates: int
    level: float = 0.9
    what_if: pl.DataFrame | None = None
    notes: tuple[Text, ...] = ()
    files: dict[str, str] = field(default_factory=dict)

    def as_dict(self) -> dict[str, Any]:
        """The stable `--json` shape."""
        return {
            "reach": self.reach.as_dict(),
            "upper_bound": self.upper_bound,
            "gap": self.panel_gap,
            "population_gap": self.population_gap,
            "cost": self.cost,
            "budget": self.budget,
            "currency": self.currency,
            "goal": self.goal,
            "level": self.level,
            "candidates": self.candidates,
            "brief": self.brief,
            "picks": _json_rows(self.picks),
            "near_misses": _json_rows(self.near_misses),
            "curve": _json_rows(self.curve),
            "split": _json_rows(self.split),
            "constraints": _json_rows(self.constraints),
            "shadow_prices": self.shadow_prices,
            "what_if": _json_rows(self.what_if) if self.what_if is not None else [],
            "infeasible": None,
            "notes": [{"zh": t.zh, "en": t.en} for t in self.notes],
            "provenance": self.provenance.as_dict(),
            "files": self.files,
        }


def _json_rows(frame: pl.DataFrame) -> list[dict[str, Any]]:
    """Rows for JSON: infinities and NaN become null, dates become ISO text."""
    floats = [c for c, t in frame.schema.items() if t.is_float()]
    times = [c for c, t in frame.schema.items() if t.is_temporal()]
    return frame.with_columns(
        *(pl.when(pl.col(c).is_finite()).then(pl.col(c)).alias(c) for c in floats), pl.col(times).cast(pl.String)
    ).to_dicts()
