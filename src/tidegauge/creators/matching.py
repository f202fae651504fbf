"""Matched comparison: what changed for those who did something, against the most similar ones who did not.

Nearest neighbours with replacement on standardised covariates, corrected for what distance is left by a regression on
the controls (Abadie and Imbens 2011, J. Business and Economic Statistics 29). The standard error counts a control
that is used often as often (Abadie and Imbens 2006, Econometrica 74).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import stats
from scipy.spatial import cKDTree

Float = NDArray[np.float64]
Flags = NDArray[np.bool_]

NEIGHBOURS, FEWEST = 3, 10


@dataclass(frozen=True)
class Compared:
    """The mean difference of the treated with its 90 % interval and two-sided p; how many of both were used."""

    value: float
    low: float
    high: float
    p: float
    treated: int
    controls: int


def compare(outcome: Float, covariates: Float, treated: Flags, *, level: float = 0.9) -> Compared | None:
    """The effect on the treated, if matched ones differ in nothing else that matters.

    Parameters: `outcome` (n), `covariates` (n, k), `treated` (n). Returns None where there are under ten treated, or
    under ten controls.
    """
    n1, n0 = int(treated.sum()), int((~treated).sum())
    if n1 < FEWEST or n0 < FEWEST:
        return None
    scale = covariates.std(axis=0)
    x = (covariates - covariates.mean(axis=0)) / np.where(scale > 1e-9, scale, 1.0)
    m = min(NEIGHBOURS, n0)
    control = np.flatnonzero(~treated)
    _, near = cKDTree(x[control]).query(x[treated], k=m)
    near = control[np.asarray(near).reshape(n1, m)]
    design = np.column_stack([np.ones(n0), x[control]])
    # A ridge of one observation: with few controls the correction must not invent what it corrects.
    ridge = np.eye(design.shape[1])
    ridge[0, 0] = 0.0
    slope = np.linalg.solve(design.T @ design + ridge, design.T @ outcome[control])
    fitted = np.column_stack([np.ones(len(x)), x]) @ slope
    own = outcome[treated] - fitted[treated]
    others = (outcome[near] - fitted[near]).mean(axis=1)
    gap = own - others
    value = float(gap.mean())
    used = np.bincount(near.ravel(), minlength=len(outcome))[control].astype(np.float64)
    noise = float(np.sum(np.square(outcome[control] - fitted[control])) / max(n0 - design.shape[1], 1))
    again = noise * float(np.sum(used * (used - 1.0))) / (m * n1) ** 2
    error = float(np.sqrt(gap.var(ddof=1) / n1 + max(again, 0.0)))
    if not error > 0:
        return None
    freedom = min(n1, n0) - 1
    half = float(stats.t.ppf(0.5 + level / 2, freedom)) * error
    p = float(2 * stats.t.sf(abs(value) / error, freedom))
    return Compared(value, value - half, value + half, p, n1, int((used > 0).sum()))
