"""Reach at frequency k or more: its concave envelope, which bounds it and guides the optimiser where k >= 2.

With independent contacts of probability p_j, a Bernoulli(p) contact is stochastically below a Poisson(q) count with
q = -ln(1 - p) (both miss with the same probability). So P(N >= k) <= P(Poisson(z) >= k) with z = sum(q_j): exact for
k = 1, an S-shaped curve for k >= 2. Its concave envelope is the tangent through the origin up to the touching point,
then the curve. Markov's inequality adds P(N >= k) <= sum(p_j) / k.
"""

from __future__ import annotations

import math

from scipy.optimize import brentq

from tidegauge.plan.solver.kernels import kernel


@kernel
def poisson_tail(z: float, k: int) -> float:
    """P(Poisson(z) >= k)."""
    term = math.exp(-z)
    below = term
    for n in range(1, k):
        term *= z / n
        below += term
    return max(0.0, 1.0 - below)


@kernel
def poisson_slope(z: float, k: int) -> float:
    """Derivative of `poisson_tail` by z: P(Poisson(z) = k - 1)."""
    term = math.exp(-z)
    for n in range(1, k):
        term *= z / n
    return term


@kernel
def envelope(z: float, k: int, touch: float) -> float:
    """Least concave function above P(Poisson(z) >= k); `touch` is `touch_point(k)`."""
    if z < touch:
        return z * poisson_slope(touch, k)
    return poisson_tail(z, k)


@kernel
def envelope_slope(z: float, k: int, touch: float) -> float:
    """Slope of `envelope` at z (the right one at a kink)."""
    return poisson_slope(max(z, touch), k)


def touch_point(k: int) -> float:
    """Where the tangent through the origin touches the curve: tail(z) = z * slope(z); 0 for k = 1.

    >>> touch_point(1), round(touch_point(2), 3)
    (0.0, 1.793)
    """
    if k == 1:
        return 0.0
    return float(brentq(lambda z: poisson_tail(z, k) - z * poisson_slope(z, k), k - 1.0, 4.0 * k + 10.0, xtol=1e-12))
