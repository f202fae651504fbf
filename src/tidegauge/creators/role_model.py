"""Bayes on roles: chances of evidence given the role, shipped with their basis and brought up to date by a workspace.

    P(role | evidence) ∝ P(role | tier) · [Π_e P(evidence_e | role)]^t · P(declared | role)

Categorical evidence has Dirichlet tables, shares of posts beta-binomial ones (so that a hundred posts alike do not
count as a hundred witnesses). Shipped chances count as a stated number of creators beside those of the workspace whose
role is declared. Evidence is not independent given the role: the power t is fitted to the declared roles (temperature
scaling, Guo et al. 2017).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar
from scipy.special import betaln, logsumexp, polygamma

Float = NDArray[np.float64]
Int = NDArray[np.int64]

#: How alike the posts of a creator are: a beta-binomial with this many posts' worth of common ground (assumed) where
#: fewer than `_FEWEST` creators of a role are declared; else the likeliest of `_GROUNDS`.
_GROUND = 5.0
_GROUNDS = (2.0, 5.0, 10.0, 20.0, 50.0, 200.0)
_FEWEST = 30
#: No chance leaves the range that one surprise in two hundred leaves open (assumed): tables never list all there is.
_LAPSE = 0.005
#: Without this many declared roles the power is assumed: naive Bayes is too sure of itself.
_FEWEST_TO_FIT, _ASSUMED_POWER = 150, 0.8


@dataclass(frozen=True)
class Said:
    """Log chances of what was seen, given each role: `log` (n, roles) and the variance of its estimate (n, roles)."""

    log: Float
    variance: Float


def categorical(level: Int, shipped: Float, weight: float, label: Int) -> Said:
    """Evidence with levels.

    Parameters: `level` (n) the level's number, −1 where not known (says nothing); `shipped` (levels, roles) chances,
    which count as `weight` creators of each role; `label` (n) the declared role's number, −1 without.
    """
    levels, roles = shipped.shape
    counts = np.zeros((levels, roles))
    told = (level >= 0) & (label >= 0)
    np.add.at(counts, (level[told], label[told]), 1.0)
    alpha = counts + weight * shipped / shipped.sum(axis=0, keepdims=True)
    total = alpha.sum(axis=0, keepdims=True)
    table = np.log(alpha / total)
    variance = polygamma(1, alpha) - polygamma(1, total)
    known = (level >= 0)[:, None]
    at = np.maximum(level, 0)
    return Said(np.where(known, table[at], 0.0), np.where(known, np.maximum(variance, 0.0)[at], 0.0))


def share_of_posts(hits: Float, posts: Float, shipped: Float, weight: float, label: Int) -> Said:
    """Evidence that counts posts: beta-binomial, one mean and one ground per role.

    Parameters: `hits`, `posts` (n); `shipped` (roles,) mean shares that count as `weight` posts; `label` as above.
    """
    log = np.zeros((hits.size, shipped.size))
    variance = np.zeros_like(log)
    for r, mean in enumerate(shipped.tolist()):
        mine = (label == r) & (posts > 0)
        seen = float(posts[mine].sum())
        share = (float(hits[mine].sum()) + weight * mean) / (seen + weight)
        ground = _likeliest_ground(hits[mine], posts[mine], share)
        log[:, r] = _beta_binomial(hits, posts, share, ground)
        # Posts of one creator are alike: what a share rests on is fewer than its posts.
        worth = weight + seen * (ground + 1.0) / (ground + float(posts[mine].mean())) if mine.any() else weight
        error = np.sqrt(share * (1.0 - share) / (worth + 1.0))
        step = min(error, 0.5 * share, 0.5 * (1.0 - share))
        up, down = (_beta_binomial(hits, posts, share + s, ground) for s in (step, -step))
        variance[:, r] = np.square((up - down) / 2.0 * error / step)
    return Said(log, variance)


def _likeliest_ground(hits: Float, posts: Float, share: float) -> float:
    if hits.size < _FEWEST:
        return _GROUND
    return max(_GROUNDS, key=lambda g: float(_beta_binomial(hits, posts, share, g).sum()))


def _beta_binomial(hits: Float, posts: Float, share: float, ground: float) -> Float:
    """Log chance up to the binomial coefficient, which no role changes."""
    a, b = ground * share, ground * (1.0 - share)
    return np.asarray(betaln(hits + a, posts - hits + b) - betaln(a, b))


def statement(told: Int, right: Float, roles: int) -> Said:
    """A stated role (n; −1 without) that is right with chance `right` (roles), given each true role."""
    table = np.where(np.eye(roles) > 0, right[None, :], (1.0 - right)[None, :] / (roles - 1))
    log = np.where((told >= 0)[:, None], np.log(table)[np.maximum(told, 0)], 0.0)
    return Said(log, np.zeros_like(log))


def fitted_power(prior: Said, evidence: list[Said], label: Int) -> float:
    """The power t at which evidence (without the declaration) foretells the declared roles best."""
    told = label >= 0
    if told.sum() < _FEWEST_TO_FIT:
        return _ASSUMED_POWER
    base, summed = prior.log[told], np.sum([e.log[told] for e in evidence], axis=0)
    at = np.arange(int(told.sum())), label[told]

    def loss(power: float) -> float:
        score = base + power * summed
        return -float((score[at] - logsumexp(score, axis=1)).mean())

    return float(minimize_scalar(loss, bounds=(0.1, 1.3), method="bounded").x)


def posterior(prior: Said, evidence: list[Said], power: float, declared: Said) -> tuple[Float, Float]:
    """Chance of each role (n, roles) and the standard error of its log odds, from the tables' uncertainty.

    Var log(p / (1 − p)) = var_r + Σ_{s ≠ r} (p_s / (1 − p_r))² var_s, the tables taken as independent.
    """
    parts = [prior.log, *(power * e.log for e in evidence), declared.log]
    score = np.sum(parts, axis=0)
    chance = np.exp(score - logsumexp(score, axis=1, keepdims=True))
    chance = (1.0 - _LAPSE) * chance + _LAPSE / chance.shape[1]
    variance = prior.variance + power**2 * np.sum([e.variance for e in evidence], axis=0)
    rest = np.maximum(1.0 - chance, 1e-12)
    squares = np.square(chance) * variance
    others = squares.sum(axis=1, keepdims=True) - squares
    return chance, np.sqrt(variance + np.maximum(others, 0.0) / np.square(rest))
