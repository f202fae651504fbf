"""Moves between ordered states seen only now and then: a continuous-time Markov chain, by maximum likelihood.

Kalbfleisch & Lawless (1985), "The analysis of panel data under a Markov assumption", JASA 80. Arrays in, arrays out.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tidegauge.measure.bootstrap import Array

#: Each rate is given half an event at the pace of all moves together (prior Gamma(½, ½ / mean rate)): a move that was
#: never seen is rare, not impossible, its interval is that of a count of zero, and a state that was never visited
#: borrows the common pace.
PRIOR_EVENTS = 0.5
_STEPS = 60
#: Terms of the exponential's series, enough for full precision at a norm of one half.
_TERMS = 16
_TOLERANCE = 1e-9


@dataclass(frozen=True)
class Chain:
    """A fitted chain of K ordered states that moves to neighbours only.

    `log_rates` (2(K - 1),): upward from 0..K-2, then downward from 1..K-1, per day. `information` is the penalised
    expected information of the log rates, `log_slopes` (G, K, K, R) the derivatives of log P by log rate for each of
    the gaps that were fitted, `days` (G,) those gaps.
    """

    states: int
    log_rates: Array
    information: Array
    log_slopes: Array
    days: Array

    @property
    def generator(self) -> Array:
        """(K, K) rates per day; rows sum to zero."""
        return generators(self.log_rates, self.states)


def generators(log_rates: Array, states: int) -> Array:
    """(..., K, K) generators from (..., 2(K - 1)) log rates per day."""
    rates = np.exp(log_rates)
    q = np.zeros((*log_rates.shape[:-1], states, states))
    k = np.arange(states - 1)
    q[..., k, k + 1] = rates[..., : states - 1]
    q[..., k + 1, k] = rates[..., states - 1 :]
    i = np.arange(states)
    q[..., i, i] = -q.sum(axis=-1)
    return q


def exponentials(a: Array) -> Array:
    """The matrix exponential of each (..., m, m) matrix, by scaling, series and squaring.

    SciPy's goes through a stack of matrices one by one, a thousand times slower for stacks of small ones.
    """
    norm = max(float(np.abs(a).sum(axis=-1).max()), 1e-300)
    halvings = max(0, int(np.ceil(np.log2(norm / 0.5))))
    scaled = a / 2.0**halvings
    identity = np.broadcast_to(np.eye(a.shape[-1]), a.shape)
    out = identity + scaled / _TERMS
    for i in range(_TERMS - 1, 0, -1):
        out = identity + scaled @ out / i
    for _ in range(halvings):
        out = out @ out
    return out


def transitions(log_rates: Array, states: int, days: float) -> Array:
    """(..., K, K) probabilities of being in a state `days` later."""
    p: Array = np.clip(exponentials(generators(log_rates, states) * days), 0.0, 1.0)
    rows: Array = p / p.sum(axis=-1, keepdims=True)
    return rows


def fit(counts: Array, days: Array) -> Chain:
    """The generator under which the seen pairs of states are most likely.

    Parameters
    ----------
    counts : (G, K, K) how often a creator was in the first state and, `days[g]` later, in the second.
    days : (G,) positive gaps.

    Returns
    -------
    Chain. Fisher scoring on log rates with step halving; the derivatives of the matrix exponential come exactly from
    the exponential of a block matrix (Van Loan 1978).
    """
    states = counts.shape[1]
    r = 2 * (states - 1)
    moves = sum(float(np.trace(counts.sum(axis=0), offset=o)) for o in range(-states + 1, states) if o)
    exposure = max(float((counts.sum(axis=(1, 2)) * days).sum()), 1.0)
    mean_rate = (moves + PRIOR_EVENTS) / exposure / 2.0
    prior_days = PRIOR_EVENTS / mean_rate
    theta = np.full(r, np.log(mean_rate))
    value, p, slopes = _evaluate(theta, counts, days, prior_days)
    for _ in range(_STEPS):
        score, information = _score(theta, counts, p, slopes, prior_days)
        step = np.clip(np.linalg.solve(information, score), -3.0, 3.0)
        for _ in range(30):
            tried = _evaluate(theta + step, counts, days, prior_days)
            if tried[0] >= value - 1e-12:
                break
            step = step / 2.0
        theta, (gain, p, slopes) = theta + step, (tried[0] - value, tried[1], tried[2])
        value = tried[0]
        if gain < _TOLERANCE and float(np.abs(step).max()) < 1e-6:
            break
    _, information = _score(theta, counts, p, slopes, prior_days)
    log_slopes = slopes / np.maximum(p, 1e-300)[..., None]
    return Chain(states, theta, information, log_slopes, days)


def _evaluate(theta: Array, counts: Array, days: Array, prior_days: float) -> tuple[float, Array, Array]:
    """Penalised log likelihood, P (G, K, K) and its derivatives by log rate (G, K, K, R)."""
    k = counts.shape[1]
    r = theta.size
    q = generators(theta, k)
    rate = np.exp(theta)
    block = np.zeros((r, 2 * k, 2 * k))
    block[:, :k, :k] = block[:, k:, k:] = q
    for j in range(r):
        source, target = (j, j + 1) if j < k - 1 else (j - k + 2, j - k + 1)
        block[j, source, k + target] += rate[j]
        block[j, source, k + source] -= rate[j]
    e = exponentials(days[:, None, None, None] * block[None])
    p = np.clip(e[:, 0, :k, :k], 1e-300, None)
    slopes = np.moveaxis(e[:, :, :k, k:], 1, -1)
    prior = float((PRIOR_EVENTS * theta - prior_days * rate).sum())
    return float((counts * np.log(p)).sum()) + prior, p, slopes


def _score(theta: Array, counts: Array, p: Array, slopes: Array, prior_days: float) -> tuple[Array, Array]:
    score = np.einsum("gij,gijr->r", counts / p, slopes) + PRIOR_EVENTS - prior_days * np.exp(theta)
    starts = counts.sum(axis=2)[:, :, None] / p
    information = np.einsum("gij,gijr,gijs->rs", starts, slopes, slopes)
    ridge = prior_days * np.exp(theta)
    return score, information + np.diag(ridge)


def draws(chain: Chain, scores: Array, rng: np.random.Generator, replicates: int) -> Array:
    """(replicates, R) log rates from their approximate distribution, creators being the independent units.

    `scores` (C, R) holds each creator's derivative of the log likelihood: the covariance is the sandwich of these
    (Huber 1967), with the prior's half events added to its filling, so that a rate without a single event keeps the
    width of a count of zero.
    """
    filling = scores.T @ scores + PRIOR_EVENTS * np.eye(scores.shape[1])
    inverse = np.linalg.inv(chain.information)
    covariance = inverse @ filling @ inverse
    values, vectors = np.linalg.eigh((covariance + covariance.T) / 2.0)
    root = vectors * np.sqrt(np.clip(values, 0.0, None))
    spread: Array = rng.standard_normal((replicates, values.size)) @ root.T
    return chain.log_rates + spread
