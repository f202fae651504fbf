"""What each stream's money brings, per posterior draw: tabulated once, then evaluated with its slope in no time.

A stream's budget is spent evenly over the flight, starting with nothing carried over. Streams add up, so one call of
the response curve per grid point answers for all of them. Between grid points values follow monotone cubics (Fritsch
and Carlson 1980, SIAM J. Numer. Anal. 17), whose slopes are the marginal returns.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import PchipInterpolator

from tidegauge.response.posterior import Posterior, response_curve

Float = NDArray[np.float64]

#: Grid points per stream, denser towards zero, where curves bend most.
_POINTS = 33


@dataclass(frozen=True)
class Curves:
    """Value in money of D draws and S streams at grid points u in [0, 1] of each stream's `cap` (money, S).

    `coefficients` (4, K - 1, D, S) of the cubics in u; `long` (K, D, S): the part of the value that comes through the
    brand; `total` (K, D, S).
    """

    u: Float
    cap: Float
    coefficients: Float
    long: Float
    total: Float

    @property
    def draws(self) -> int:
        return int(self.coefficients.shape[2])

    def value(self, money: Float) -> Float:
        """Value (D, S) of so much money per stream (S)."""
        c, t = self._at(money)
        out: Float = ((c[0] * t + c[1]) * t + c[2]) * t + c[3]
        return out

    def slope(self, money: Float) -> Float:
        """Marginal return (D, S): value of the next unit of money."""
        c, t = self._at(money)
        scale = np.where(self.cap > 0, self.cap, 1.0)
        out: Float = ((3.0 * c[0] * t + 2.0 * c[1]) * t + c[2]) / scale
        return out

    def long_of(self, money: Float) -> Float:
        """The part of the value (D, S) that comes through the brand; in proportion to money between grid points."""
        u = self._u(money)
        k = np.clip(np.searchsorted(self.u, u, side="right") - 1, 0, self.u.size - 2)
        t = (u - self.u[k]) / (self.u[k + 1] - self.u[k])
        s = np.arange(u.size)
        out: Float = (1.0 - t) * self.long[k, :, s].T + t * self.long[k + 1, :, s].T
        return out

    def mean(self) -> Curves:
        """The curves of the mean over draws, as one draw."""
        return Curves(
            self.u, self.cap, self.coefficients.mean(axis=2, keepdims=True),
            self.long.mean(axis=1, keepdims=True), self.total.mean(axis=1, keepdims=True),
        )  # fmt: skip

    def _u(self, money: Float) -> Float:
        out: Float = np.clip(np.divide(money, self.cap, out=np.zeros(self.cap.size), where=self.cap > 0), 0.0, 1.0)
        return out

    def _at(self, money: Float) -> tuple[Float, Float]:
        u = self._u(money)
        k = np.clip(np.searchsorted(self.u, u, side="right") - 1, 0, self.u.size - 2)
        # Advanced indices that a slice parts move to the front: (S, 4, D), turned round to (4, D, S).
        c: Float = np.moveaxis(self.coefficients[:, k, :, np.arange(u.size)], 0, -1)
        return c, u - self.u[k]


def tabulate(
    posterior: Posterior, cap: Float, *, flight_periods: int, horizon_periods: int, worth: float, most_draws: int
) -> Curves:
    """The curves of all streams up to `cap` (money over the flight, per stream).

    `horizon_periods`: periods from the flight's first day on over which effects count; `worth`: money per unit of the
    outcome (margin included).
    """
    u = np.linspace(0.0, 1.0, _POINTS) ** 2
    long, total = [], []
    for part in u:
        path = np.tile(part * cap / flight_periods, (flight_periods, 1))
        added = response_curve(posterior, path, horizon=horizon_periods, most_draws=most_draws)
        long.append(worth * added.long)
        total.append(worth * added.total)
    return curves_of(u, cap, np.array(long), np.array(total))


def curves_of(u: Float, cap: Float, long: Float, total: Float) -> Curves:
    """Curves from values at grid points: the brand's part and the total (K, D, S), zero at u = 0."""
    return Curves(u, cap, np.asarray(PchipInterpolator(u, total, axis=0).c, dtype=np.float64), long, total)
