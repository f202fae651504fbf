"""A mixed model of log price: slopes and group effects whose spread is learned (empirical Bayes), robust to outliers.

    log price = a + b·v + b_platform·v + Σ_g effect_g + noise,   v = log predicted views, centred

Groups: platform, platform × format, platform × terms, tier, category, role. Every group's variance is estimated by EM
(Laird and Ware 1982), so that a platform with three offers leans on the others. The noise has t weights: planted and
honest fancy prices must not move the market's level.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import polars as pl
from numpy.typing import NDArray

Float = NDArray[np.float64]
GROUPS: tuple[tuple[str, ...], ...] = (
    ("platform",), ("platform", "format"), ("platform", "format", "terms"), ("tier",), ("category",), ("role",),
)  # fmt: skip
_DEGREES, _ROUNDS = 4.0, 25
_MAX_LEVELS = 150


@dataclass(frozen=True)
class PriceModel:
    """Coefficients with their covariance; `levels` names each group's levels in the order of its columns."""

    levels: tuple[pl.DataFrame, ...]
    centre: float
    coefficient: Float
    covariance: Float
    group_variance: tuple[float, ...]
    noise: float

    def slope(self, frame: pl.DataFrame) -> Float:
        """d log price / d log views of each row's platform."""
        unit = frame.with_columns(log_views=self.centre + 1.0)
        zero = frame.with_columns(log_views=self.centre)
        return np.asarray((self._design(unit) - self._design(zero)) @ self.coefficient)

    def predict(self, frame: pl.DataFrame) -> tuple[Float, Float]:
        """Mean of log price and its standard error (rows); a level that was never seen adds its group's variance."""
        design = self._design(frame)
        variance = np.einsum("ij,jk,ik->i", design, self.covariance, design)
        for g, group_variance in zip(range(len(GROUPS)), self.group_variance[1:], strict=True):
            variance += group_variance * (_codes(frame, self.levels[g], GROUPS[g]) < 0)
        return design @ self.coefficient, np.sqrt(np.maximum(variance, 0.0))

    def _design(self, frame: pl.DataFrame) -> Float:
        return _design(frame, self.levels, self.centre)


def fit_price_model(frame: pl.DataFrame) -> tuple[PriceModel, Float]:
    """Fit to rows with price (> 0), log_views and the group columns; also returns each row's leverage (rows)."""
    levels = tuple(_levels(frame, list(g)) for g in GROUPS)
    views = frame.get_column("log_views").to_numpy()
    centre = float(np.median(views))
    design = _design(frame, levels, centre)
    y = np.log(frame.get_column("price").to_numpy())
    blocks = _blocks(levels)
    variance = np.concatenate([[0.15], np.full(len(GROUPS), 0.3)])
    noise = max(float(np.var(y)) / 3, 0.01)
    weight: Float = np.ones(len(y))
    coefficient: Float = np.zeros(design.shape[1])
    covariance: Float = np.eye(design.shape[1])
    for _ in range(_ROUNDS):
        penalty = np.full(design.shape[1], 1e-8)
        penalty[1] = noise / 4.0  # the common slope: weakly held near one, below
        for block, v in zip(blocks, variance, strict=True):
            penalty[block] = noise / v
        weighted = design * weight[:, None]
        target = weighted.T @ y
        target[1] += penalty[1] * 1.0
        inverse = np.linalg.inv(weighted.T @ design + np.diag(penalty))
        coefficient, covariance = np.asarray(inverse @ target), np.asarray(noise * inverse)
        for b, block in enumerate(blocks):
            size = max(block.stop - block.start, 1)
            spread = np.sum(coefficient[block] ** 2) + np.trace(covariance[block, block])
            variance[b] = max(float(spread) / size, 1e-4) if block.stop > block.start else variance[b]
        residual = y - design @ coefficient
        weight = (_DEGREES + 1) / (_DEGREES + residual**2 / noise)
        used = float(np.sum(design * (weighted @ inverse)))
        noise = max(float(np.sum(weight * residual**2)) / max(len(y) - used, 0.3 * len(y)), 1e-4)
    leverage = np.clip(np.einsum("ij,jk,ik->i", design, inverse, design) * weight, 0.0, 0.9)
    return PriceModel(levels, centre, coefficient, covariance, tuple(variance.tolist()), noise), leverage


def _levels(frame: pl.DataFrame, columns: list[str]) -> pl.DataFrame:
    """The most frequent levels of a group (at most so many: free-text terms have no end)."""
    counted = frame.group_by(columns).len().sort("len", *columns, descending=[True] + [False] * len(columns))
    return counted.head(_MAX_LEVELS).select(columns).with_row_index("code")


def _codes(frame: pl.DataFrame, levels: pl.DataFrame, columns: tuple[str, ...]) -> NDArray[np.int64]:
    joined = frame.select(columns).join(levels, on=list(columns), how="left", nulls_equal=True, maintain_order="left")
    return joined.get_column("code").cast(pl.Int64).fill_null(-1).to_numpy()


def _blocks(levels: tuple[pl.DataFrame, ...]) -> list[slice]:
    """Columns: intercept, common slope, slopes per platform, then one block per group."""
    widths = [levels[0].height, *(table.height for table in levels)]
    ends = np.cumsum([2, *widths])
    return [slice(int(a), int(b)) for a, b in pairwise(ends)]


def _design(frame: pl.DataFrame, levels: tuple[pl.DataFrame, ...], centre: float) -> Float:
    v = frame.get_column("log_views").to_numpy() - centre
    blocks = _blocks(levels)
    out = np.zeros((frame.height, blocks[-1].stop))
    out[:, 0], out[:, 1] = 1.0, v
    rows = np.arange(frame.height)
    for block, table, columns, value in zip(
        blocks, (levels[0], *levels), (GROUPS[0], *GROUPS), [v, *[np.ones(frame.height)] * len(GROUPS)], strict=True
    ):
        code = _codes(frame, table, columns)
        known = code >= 0
        out[rows[known], block.start + code[known]] = value[known]
    return out
