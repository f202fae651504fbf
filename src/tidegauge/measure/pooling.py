"""Partial pooling: what is known of one cell, helped by what is known of the others, so that thin cells shrink."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

DRAWS = 2_000
_TAUS = 60
#: The pooled variance counts as much as this many creators of the cell itself.
_PRIOR_DF = 4.0


@dataclass(frozen=True)
class Pooled:
    """Posterior of k cells: `mean`, `low`, `high` (k,), `draws` (DRAWS, k), `tau` the spread between cells, `own` (k,)
    the part of each mean that is the cell's own (1: no pooling, 0: nothing but the others)."""

    mean: Floats
    low: Floats
    high: Floats
    draws: Floats
    tau: float
    own: Floats


def cell_variances(spread2: Floats, n: Floats) -> tuple[Floats, Floats]:
    """Squared standard errors of k cell means and their degrees of freedom.

    `spread2` (k,): variance between creators in each cell (anything where n = 1); `n` (k,): creators. A thin cell's own
    variance is worth little, and it is mixed with the pooled one, which counts as `_PRIOR_DF` further creators (Smyth
    2004, as an inverse chi-square prior with fixed degrees).
    """
    df = np.maximum(n - 1.0, 0.0)
    own = np.where(df > 0, spread2, 0.0)
    pooled = float((df * own).sum() / df.sum()) if df.sum() > 0 else 0.0
    mixed = (_PRIOR_DF * pooled + df * own) / (_PRIOR_DF + df)
    return mixed / np.maximum(n, 1.0), df + _PRIOR_DF


def pool(
    y: Floats, s2: Floats, df: Floats, group: npt.NDArray[np.int64], rng: np.random.Generator, level: float = 0.9
) -> Pooled:
    """Normal hierarchy: y_c ~ N(theta_c, s2_c), theta_c ~ N(mean of c's group, tau²).

    Parameters
    ----------
    y, s2, df : (k,) estimates, squared standard errors, their degrees of freedom.
    group : (k,) number of the group (a platform) towards whose mean a cell shrinks.

    Returns
    -------
    Pooled. Group means have a flat prior and are integrated out; tau has a flat prior and is integrated over a grid, so
    that intervals hold what is not known about it, which plug-in empirical Bayes leaves out (Morris 1983; Gelman et
    al., Bayesian Data Analysis, 3rd ed., section 5.4). With fewer than four cells, or no errors, nothing is pooled.
    """
    k = y.size
    s2 = np.maximum(s2, 1e-12)
    noise = rng.standard_t(np.maximum(df, 3.0), size=(DRAWS, k))
    groups = np.unique(group, return_inverse=True)[1]
    spare = k - (int(groups.max()) + 1 if k else 0)
    if spare < 3:
        return _summary(y, y + np.sqrt(s2) * noise, 0.0, np.ones(k), level)
    x = np.eye(int(groups.max()) + 1)[groups]
    taus = np.concatenate(([0.0], np.geomspace(0.02, 4.0, _TAUS) * max(float(np.std(y)), 1e-9)))
    log_p, means, variances, own = np.empty(taus.size), np.empty((taus.size, k)), np.empty((taus.size, k)), []
    for i, tau in enumerate(taus):
        w = 1.0 / (s2 + tau**2)
        information = x.T @ (w[:, None] * x)
        covariance = np.linalg.inv(information)
        beta = covariance @ (x.T @ (w * y))
        fit = x @ beta
        shrink = s2 * w
        means[i] = shrink * fit + (1.0 - shrink) * y
        variances[i] = (1.0 - shrink) * s2 + shrink**2 * np.einsum("ij,jk,ik->i", x, covariance, x)
        own.append(1.0 - shrink)
        log_p[i] = 0.5 * (np.log(w).sum() - np.linalg.slogdet(information)[1] - (w * (y - fit) ** 2).sum())
    weight = np.exp(log_p - log_p.max()) * np.gradient(taus)
    weight /= weight.sum()
    chosen = rng.choice(taus.size, size=DRAWS, p=weight)
    draws = means[chosen] + np.sqrt(variances[chosen]) * noise
    return _summary(weight @ means, draws, float(weight @ taus), weight @ np.array(own), level)


def _summary(mean: Floats, draws: Floats, tau: float, own: Floats, level: float) -> Pooled:
    tail = (1.0 - level) / 2.0
    low, high = np.quantile(draws, [tail, 1.0 - tail], axis=0) if mean.size else (mean, mean)
    return Pooled(mean, low, high, draws, tau, own)
