"""Poisson regression with a fixed effect per creator: what changes within one, whatever the creator's own level."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import stats

from tidegauge.errors import MeasureError

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

_ITERATIONS, _TOLERANCE = 100, 1e-10


@dataclass(frozen=True)
class Fit:
    """`beta` (k,), its cluster-robust `covariance` (k, k), how many `groups` carry information, and those who do."""

    beta: Floats
    covariance: Floats
    groups: int

    def interval(self, contrast: Floats, level: float = 0.9) -> tuple[float, float, float]:
        """Estimate and interval of a linear combination; Student's t with one degree of freedom less than groups."""
        value = float(contrast @ self.beta)
        se = float(contrast @ self.covariance @ contrast) ** 0.5
        half = float(stats.t.ppf(0.5 + level / 2.0, max(self.groups - 1, 1))) * se
        return value, value - half, value + half


def fit(y: Floats, exposure: Floats, x: Floats, group: Ints) -> Fit:
    """Poisson pseudo-maximum likelihood of E[y] = exposure · exp(alpha_group + x beta).

    Parameters
    ----------
    y : (n,) counts. exposure : (n,) what they are counted out of, positive.
    x : (n, k) regressors. group : (n,) numbers of the groups.

    Returns
    -------
    Fit. Given a group's sum the counts are multinomial and alpha drops out (Hausman, Hall & Griliches 1984), so that
    the fixed effects are exact and free of the incidental-parameter bias. Only the mean has to be right: counts may be
    overdispersed and correlated within groups (Wooldridge 1999; Santos Silva & Tenreyro 2006); the covariance is the
    sandwich over groups with the factor G / (G − 1). Rows with one x may be added up beforehand: nothing changes.
    """
    order = np.argsort(group, kind="stable")
    y, exposure, x, group = y[order], exposure[order], x[order], np.unique(group[order], return_inverse=True)[1]
    starts = np.flatnonzero(np.diff(group, prepend=-1))
    total = np.add.reduceat(y, starts)
    offset = np.log(exposure)
    beta = np.zeros(x.shape[1])
    value = _log_likelihood(beta, y, offset, x, starts)
    for _ in range(_ITERATIONS):
        score, information, _ = _derivatives(beta, y, offset, x, group, starts, total)
        step = np.linalg.lstsq(information, score.sum(axis=0), rcond=1e-10)[0]
        for _ in range(30):
            tried = _log_likelihood(beta + step, y, offset, x, starts)
            if tried >= value - 1e-12 * abs(value):
                break
            step = step / 2.0
        beta, gained, value = beta + step, tried - value, tried
        if np.abs(step).max() < 1e-7 or abs(gained) < _TOLERANCE * (abs(value) + 1.0):
            break
    score, information, varied = _derivatives(beta, y, offset, x, group, starts, total)
    informed = int((varied > 1e-9 * max(float(varied.max()), 1e-300)).sum())
    eigen = np.linalg.eigvalsh(information)
    if informed < 2 or eigen[0] <= 1e-9 * max(eigen[-1], 1e-300):
        raise MeasureError(
            "too few creators have posts of more than one kind to compare within them",
            mend="ingest more posts per creator, or compare fewer kinds",
        )
    bread = np.linalg.inv(information)
    covariance = bread @ (score.T @ score) @ bread * informed / (informed - 1.0)
    return Fit(beta, covariance, informed)


def _shares(beta: Floats, offset: Floats, x: Floats, starts: Ints) -> tuple[Floats, Floats]:
    """Log of each row's share of its group's expected count, and the shares."""
    eta = offset + x @ beta
    sizes = np.diff(np.append(starts, eta.size))
    top = np.repeat(np.maximum.reduceat(eta, starts), sizes)
    summed = np.repeat(np.add.reduceat(np.exp(eta - top), starts), sizes)
    log_share = eta - top - np.log(summed)
    return log_share, np.exp(log_share)


def _log_likelihood(beta: Floats, y: Floats, offset: Floats, x: Floats, starts: Ints) -> float:
    return float((y * _shares(beta, offset, x, starts)[0]).sum())


def _derivatives(
    beta: Floats, y: Floats, offset: Floats, x: Floats, group: Ints, starts: Ints, total: Floats
) -> tuple[Floats, Floats, Floats]:
    """Score per group (g, k), the information (k, k) and each group's part of its trace (g,)."""
    share = _shares(beta, offset, x, starts)[1]
    mean_x = np.add.reduceat(share[:, None] * x, starts, axis=0)
    expected = total[group] * share
    score = np.add.reduceat((y - expected)[:, None] * x, starts, axis=0)
    centred = x - mean_x[group]
    weighted = expected[:, None] * centred
    return score, centred.T @ weighted, np.add.reduceat((weighted * centred).sum(axis=1), starts)
