"""The planning problem and its solution as arrays: what the optimiser and the certificate work on.

Creator c in format f is an item; at most one item per creator is taken. Person i is reached by item j of creator c with
probability `membership[i, c] * share[c] * exposure[j]`, independently; reach is the weighted number of persons
reached at least `frequency` times.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

Float = NDArray[np.float64]
Int = NDArray[np.int64]


@dataclass(frozen=True)
class Panel:
    """Virtual persons and whom they can be reached by, as a sparse matrix by creator (CSC).

    Creator c's persons are `persons[indptr[c]:indptr[c + 1]]` (int32, ascending). `membership` is the probability that
    such a person belongs to the creator's audience (float32, aligned with `persons`), or None where it is 1 for all.
    `weight` is how many real people each person stands for, times the target-audience weight (float64, persons).
    `share` multiplies the membership of all of a creator's persons (float64, creators; None is 1): it calibrates the
    creator's total, and lets a small audience be spread over more persons than it has.
    """

    indptr: NDArray[np.int64]
    persons: NDArray[np.int32]
    weight: Float
    membership: NDArray[np.float32] | None = None
    share: Float | None = None

    @property
    def n_creators(self) -> int:
        return len(self.indptr) - 1

    @property
    def n_persons(self) -> int:
        return len(self.weight)


@dataclass(frozen=True)
class GroupRow:
    """A linear constraint `low <= sum(coefficient[j] over taken items j) <= high`.

    `coefficient` is the price for spend rows, 1 for count rows, 0 outside the group (float64, items).
    `label` is what the brief calls it ("platform douyin: spend at most 40 %").
    """

    label: str
    coefficient: Float
    low: float = 0.0
    high: float = float("inf")


@dataclass(frozen=True)
class Problem:
    """Items sorted by creator: item j belongs to creator `creator[j]` (int64, non-decreasing)."""

    panel: Panel
    creator: Int
    price: Float
    exposure: Float
    budget: float
    rows: tuple[GroupRow, ...] = ()
    #: Items that may be taken at all (bool, items); creators whose index is in `must` have to be taken.
    allowed: NDArray[np.bool_] | None = None
    must: tuple[int, ...] = ()
    frequency: int = 1


@dataclass(frozen=True)
class Solution:
    """A feasible roster: taken items (ascending), its cost and its reach on the problem's panel."""

    items: Int
    cost: float
    reach: float


@dataclass(frozen=True)
class Certificate:
    """A proven upper bound on the reach of every feasible roster on this panel.

    `gap = (upper_bound - reach) / upper_bound`. `budget_price` is the bound's multiplier of the budget (reach per unit
    of money), `row_prices` those of the group rows by label (positive: a binding cap; negative: a binding floor).
    """

    upper_bound: float
    gap: float
    budget_price: float
    row_prices: dict[str, float] = field(default_factory=dict)
    method: str = "quick"
