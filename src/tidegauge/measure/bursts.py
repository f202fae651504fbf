"""Bursts: stretches in which something takes a far larger part of all that happens than it usually does."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tidegauge.measure.figures import jeffreys

Floats = npt.NDArray[np.float64]

_NULL_SERIES = 200
_SMALL = 1e-12


@dataclass(frozen=True)
class Burst:
    """Periods `first` to `last` (inclusive); `ratio` of the share there to the usual share, with its interval; `count`
    of cases in the burst; `weight` as Kleinberg defines it, in nats."""

    first: int
    last: int
    ratio: float
    low: float
    high: float
    count: int
    weight: float


def bursts(
    cases: Floats, all_cases: Floats, rng: np.random.Generator, *, scale: float = 2.0, alpha: float = 0.05
) -> tuple[Burst, ...]:
    """Two-state bursts (Kleinberg 2003, section 4: batched arrivals) of `cases` among `all_cases`, both (n,).

    The burst state has `scale` times the usual share; going up costs log(n), down nothing. Kleinberg's model has no
    false-alarm rate: bursts are kept whose weight exceeds the 1 − alpha quantile of the heaviest burst in series drawn
    at random with the usual share.
    """
    total, everything = float(cases.sum()), float(all_cases.sum())
    if total <= 0 or everything <= total:
        return ()
    usual = total / everything
    raised = min(scale * usual, 0.9999)
    gain = _gain(cases, all_cases, usual, raised)
    price = float(np.log(max(cases.size, 2)))
    found = _runs(gain, price)
    if not found:
        return ()
    drawn = rng.binomial(all_cases.astype(np.int64), usual, size=(_NULL_SERIES, cases.size)).astype(np.float64)
    heaviest = [max((w for *_, w in _runs(_gain(d, all_cases, usual, raised), price)), default=0.0) for d in drawn]
    least = float(np.quantile(heaviest, 1.0 - alpha))
    out = []
    for first, last, weight in found:
        if weight <= least:
            continue
        inside, base = float(cases[first : last + 1].sum()), float(all_cases[first : last + 1].sum())
        rest, rest_base = total - inside, everything - base
        outside = max(rest / rest_base if rest_base > 0 else 0.0, 0.5 / max(rest_base, 1.0))
        low, high = jeffreys(inside, base)
        out.append(Burst(first, last, inside / base / outside, low / outside, high / outside, int(inside), weight))
    return tuple(out)


def _gain(cases: Floats, all_cases: Floats, usual: float, raised: float) -> Floats:
    """What the burst state explains better than the usual one, per period, in nats."""
    other = all_cases - cases
    out: Floats = cases * np.log(raised / usual) + other * np.log((1.0 - raised) / max(1.0 - usual, _SMALL))
    return out


def _runs(gain: Floats, price: float) -> list[tuple[int, int, float]]:
    """The best path through the two states: (first, last, weight) of each stretch in the burst state."""
    n = gain.size
    came_from_usual = np.zeros(n, np.bool_)
    came_from_burst = np.zeros(n, np.bool_)
    usual, burst = 0.0, -np.inf
    for t in range(n):
        came_from_usual[t] = usual - price >= burst
        came_from_burst[t] = burst > usual
        usual, burst = max(usual, burst), max(usual - price, burst) + float(gain[t])
    in_burst = burst > usual
    path = np.zeros(n, np.bool_)
    for t in range(n - 1, -1, -1):
        path[t] = in_burst
        in_burst = not came_from_usual[t] if in_burst else came_from_burst[t]
    edges = np.flatnonzero(np.diff(np.concatenate(([0], path.astype(np.int8), [0]))))
    return [(int(a), int(b) - 1, float(gain[a:b].sum())) for a, b in zip(edges[::2], edges[1::2], strict=True)]
