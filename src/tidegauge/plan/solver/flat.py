"""The planning problem flattened to plain arrays, checked once, in the form that the compiled kernels read."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from tidegauge.errors import TidegaugeError
from tidegauge.plan.solver.problem import Float, Int, Problem

#: Label of the budget among the rows that a bound prices or that clash.
BUDGET = "budget"

#: A probability of 1 would make q = -ln(1 - p) infinite; bounds add the reach that this cut could hide.
LARGEST_P = 1.0 - 1e-9

#: For k >= 2 a person's distribution has to be freed of one contact again, whose error grows like (p / (1 - p))^k.
#: Probabilities are cut where that factor is 1e8: 0.9999 for k = 2, 0.998 for k = 3, 0.86 for k = 10.
LARGEST_GROWTH = 1e8

#: Relative slack when sums of money are compared with limits: floating-point addition, nothing more.
SLACK = 1e-9


class Flat(NamedTuple):
    """Everything the kernels need; creator c owns items `first[c]:first[c + 1]` and entries `ptr[c]:ptr[c + 1]`.

    `p` is exposure times the creator's share (at most `largest_chance(k)`), `q` is -ln(1 - p). `member` has length 0
    where membership is 1 for all entries. Row r bounds sum(coefficient) between `low[r]` and `high[r]`; item j's
    non-zero coefficients are `row_of` and `row_value` at `row_ptr[j]:row_ptr[j + 1]`. The budget is not among the rows.
    """

    ptr: NDArray[np.int64]
    persons: NDArray[np.int32]
    weight: Float
    member: NDArray[np.float32]
    first: Int
    creator: Int
    price: Float
    p: Float
    q: Float
    allowed: NDArray[np.bool_]
    must: NDArray[np.bool_]
    budget: float
    row_ptr: Int
    row_of: NDArray[np.int32]
    row_value: Float
    low: Float
    high: Float
    k: int


def flatten(problem: Problem) -> Flat:
    """Check a problem and lay it out for the kernels.

    Items that break the budget or a cap all alone are treated as not allowed. Raises `TidegaugeError` where arrays do
    not fit together or hold values without meaning (NaN, negative prices, probabilities outside 0..1).
    """
    panel = problem.panel
    n_creators, n_items = panel.n_creators, len(problem.creator)
    creator = np.ascontiguousarray(problem.creator, dtype=np.int64)
    price = np.ascontiguousarray(problem.price, dtype=np.float64)
    _check(problem, creator, price)
    exposure = np.asarray(problem.exposure, dtype=np.float64)
    share = exposure if panel.share is None else exposure * np.asarray(panel.share, dtype=np.float64)[creator]
    p = np.minimum(share, largest_chance(problem.frequency))
    allowed = named_items(problem) & (price <= problem.budget * (1 + SLACK))
    for row in problem.rows:  # an item that breaks a cap all alone can never be taken
        if not np.any(row.coefficient < 0):
            allowed &= row.coefficient <= row.high + SLACK * abs(row.high)
    must = np.zeros(n_creators, dtype=np.bool_)
    must[list(problem.must)] = True
    first = np.searchsorted(creator, np.arange(n_creators + 1)).astype(np.int64)
    row_ptr, row_of, row_value = _rows_by_item(problem, n_items)
    return Flat(
        ptr=_own(panel.indptr, np.int64),
        persons=_own(panel.persons, np.int32),
        weight=_own(panel.weight, np.float64),
        member=np.empty(0, np.float32) if panel.membership is None else _own(panel.membership, np.float32),
        first=first,
        creator=creator,
        price=price,
        p=p,
        q=-np.log1p(-p),
        allowed=allowed,
        must=must,
        budget=float(problem.budget),
        row_ptr=row_ptr,
        row_of=row_of,
        row_value=row_value,
        low=np.array([r.low for r in problem.rows], dtype=np.float64),
        high=np.array([r.high for r in problem.rows], dtype=np.float64),
        k=int(problem.frequency),
    )


def largest_chance(k: int) -> float:
    """The probability that stands for all larger ones at frequency k.

    >>> round(largest_chance(2), 4), round(largest_chance(3), 3)
    (0.9999, 0.998)
    """
    if k <= 1:
        return LARGEST_P
    odds = float(LARGEST_GROWTH ** (1.0 / k))
    return odds / (1.0 + odds)


def named_items(problem: Problem) -> NDArray[np.bool_]:
    """Items that the problem itself allows, whatever they cost (bool, items)."""
    if problem.allowed is None:
        return np.ones(len(problem.creator), dtype=np.bool_)
    return problem.allowed.astype(np.bool_)


def _own(array: NDArray[Any], dtype: type[np.generic]) -> NDArray[Any]:
    """A plain contiguous array of the wanted type; memory-mapped data stay mapped, nothing is copied without need."""
    return np.ascontiguousarray(np.asarray(array), dtype=dtype)


def _rows_by_item(problem: Problem, n_items: int) -> tuple[Int, NDArray[np.int32], Float]:
    counts = np.zeros(n_items, dtype=np.int64)
    for row in problem.rows:
        counts += row.coefficient != 0
    row_ptr = np.zeros(n_items + 1, dtype=np.int64)
    np.cumsum(counts, out=row_ptr[1:])
    row_of = np.empty(row_ptr[-1], dtype=np.int32)
    row_value = np.empty(row_ptr[-1], dtype=np.float64)
    at = row_ptr[:-1].copy()
    for r, row in enumerate(problem.rows):
        items = np.flatnonzero(row.coefficient)
        row_of[at[items]] = r
        row_value[at[items]] = row.coefficient[items]
        at[items] += 1
    return row_ptr, row_of, row_value


def _check(problem: Problem, creator: Int, price: Float) -> None:  # noqa: PLR0912
    panel, n_items = problem.panel, len(creator)
    mend = "build the problem from one list of items and one panel"
    for name, array in (("price", price), ("exposure", problem.exposure), ("allowed", problem.allowed)):
        if array is not None and len(array) != n_items:
            raise TidegaugeError(f"{name} has {len(array)} values for {n_items} items", mend=mend)
    if n_items and (creator[0] < 0 or creator[-1] >= panel.n_creators or np.any(np.diff(creator) < 0)):
        raise TidegaugeError("items are not sorted by creator, or name a creator outside the panel", mend=mend)
    if not np.all(np.isfinite(price)) or np.any(price < 0):
        raise TidegaugeError("a price is negative or not a number", mend="leave such items out")
    exposure = np.asarray(problem.exposure)
    if not np.all((exposure >= 0) & (exposure <= 1)):
        raise TidegaugeError("an exposure is not a probability", mend="give each exposure as a value from 0 to 1")
    if not np.all(np.isfinite(panel.weight)) or np.any(panel.weight < 0):
        raise TidegaugeError("a person's weight is negative or not a number", mend="leave such persons out")
    if panel.share is not None and not np.all(np.isfinite(panel.share) & (panel.share >= 0)):
        raise TidegaugeError("a creator's share is negative or not a number", mend="rebuild the panel")
    entries = panel.persons
    if len(entries) != panel.indptr[-1] or (len(entries) and int(entries.max()) >= panel.n_persons):
        raise TidegaugeError("the panel's index does not fit its persons", mend="rebuild the panel")
    if panel.membership is not None and panel.share is not None and np.any(panel.share > 1):
        raise TidegaugeError("a share above 1 needs a panel without membership", mend="fold it into the membership")
    if not np.isfinite(problem.budget) or problem.budget < 0:
        raise TidegaugeError("the budget is negative or not a number", mend="give the budget as a positive amount")
    if problem.frequency < 1:
        raise TidegaugeError("the frequency is below 1", mend="ask for at least one contact")
    for row in problem.rows:
        if len(row.coefficient) != n_items or not np.all(np.isfinite(row.coefficient)):
            raise TidegaugeError(f"row {row.label!r} does not fit the items", mend=mend)
    if any(not 0 <= c < panel.n_creators for c in problem.must):
        raise TidegaugeError("a must-include creator is outside the panel", mend=mend)
