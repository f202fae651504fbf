"""Can the fit be trusted: the chains, the data's say against the prior's, replicated outcomes; a verdict."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from scipy import special, stats

from tidegauge.response.history import Floats, History
from tidegauge.response.posterior import Posterior
from tidegauge.response.states import Parts
from tidegauge.result import Text

Verdict = Literal["usable", "care", "do-not-use"]
_ORDER: tuple[Verdict, ...] = ("usable", "care", "do-not-use")
#: R-hat below 1.01 and 400 effective draws: Vehtari et al. 2021 (Bayesian Analysis 16), the usual bar.
RHAT_GOOD, RHAT_BAD, ESS_GOOD, ESS_BAD = 1.01, 1.05, 400.0, 100.0
_DIVERGED_GOOD, _DIVERGED_BAD = 0.002, 0.02
#: A posterior that overlaps its prior by more than this has learned too little for a claim.
OVERLAP_CLAIM = 0.7
_YEAR_PERIODS = {1: 365, 7: 52}


def split_rhat_ess(draws: Floats) -> tuple[float, float]:
    """Rank-normalised split R-hat and bulk effective sample size of draws[chain, draw].

    Vehtari, Gelman, Simpson, Carpenter and Buerkner 2021, Rank-normalization, folding, and localization, Bayesian
    Analysis 16. Constant draws give (1, number of draws).
    """
    half = draws.shape[1] // 2
    split = np.concatenate([draws[:, :half], draws[:, -half:]])
    if np.ptp(split) == 0:
        return 1.0, float(split.size)
    ranks = stats.rankdata(split, method="average").reshape(split.shape)
    z = special.ndtri((ranks - 0.375) / (split.size + 0.25))
    folded = np.abs(split - np.median(split))
    zf = special.ndtri((stats.rankdata(folded, method="average").reshape(split.shape) - 0.375) / (split.size + 0.25))
    return max(_rhat(z), _rhat(zf)), _ess(z)


def _rhat(z: Floats) -> float:
    n = z.shape[1]
    within = float(z.var(axis=1, ddof=1).mean())
    between = n * float(z.mean(axis=1).var(ddof=1))
    return float(np.sqrt(((n - 1) / n * within + between / n) / within)) if within > 0 else 1.0


def _ess(z: Floats) -> float:
    """Geyer's initial monotone sequence on the chains' mean autocovariance."""
    m, n = z.shape
    centred = z - z.mean(axis=1, keepdims=True)
    size = 1 << (2 * n - 1).bit_length()
    power = np.abs(np.fft.rfft(centred, size, axis=1)) ** 2
    covariance = np.fft.irfft(power, size, axis=1)[:, :n].mean(axis=0) / n
    within = covariance[0] * n / (n - 1)
    total = within * (n - 1) / n + float(z.mean(axis=1).var(ddof=1))
    if total <= 0:
        return float(m * n)
    rho = 1.0 - (within - covariance * n / (n - 1)) / total
    rho[0] = 1.0
    pairs = rho[: n // 2 * 2].reshape(-1, 2).sum(axis=1)
    positive = np.flatnonzero(pairs < 0)
    pairs = np.minimum.accumulate(pairs[: positive[0]] if len(positive) else pairs)
    tau = max(-1.0 + 2.0 * float(pairs.sum()), 1.0 / np.log10(m * n))
    return float(m * n / tau)


def overlap(prior: Floats, posterior: Floats, bins: int = 30) -> float:
    """Shared mass of two samples, 0 (the data spoke) to 1 (nothing was learned); an atom at zero is its own bin."""
    p, q = prior[prior != 0], posterior[posterior != 0]
    both = min(1 - len(p) / len(prior), 1 - len(q) / len(posterior))
    if not len(p) or not len(q):
        return float(both)
    edges = np.unique(np.quantile(np.concatenate([p, q]), np.linspace(0, 1, bins + 1)[1:-1]))
    share = [np.bincount(np.searchsorted(edges, x), minlength=len(edges) + 1) for x in (p, q)]
    return float(both + np.minimum(share[0] / len(prior), share[1] / len(posterior)).sum())


@dataclass(frozen=True)
class Diagnostics:
    """What the verdict rests on.

    `rhat_max`, `ess_min` over all coordinates, `worst` the coordinate with the fewest effective draws; `covered` the
    share of outcomes inside their 90 % replicated interval; `autocorrelation` of the residuals at lag 1; `r2` the
    share of the outcome's variance that the model (all parts) explains.
    """

    rhat_max: float
    ess_min: float
    worst: str
    divergences: int
    draws: int
    covered: float
    autocorrelation: float
    r2: float
    seconds: float

    def as_dict(self) -> dict[str, Any]:
        return {
            "rhat_max": round(self.rhat_max, 4),
            "ess_min": round(self.ess_min, 1),
            "worst": self.worst,
            "divergences": self.divergences,
            "draws": self.draws,
            "covered": round(self.covered, 4),
            "autocorrelation": round(self.autocorrelation, 4),
            "r2": round(self.r2, 4),
            "seconds": round(self.seconds, 2),
        }


def diagnose(
    posterior: Posterior, names: tuple[str, ...], parts: Parts, rng: np.random.Generator
) -> tuple[Diagnostics, Floats]:
    """Diagnostics of a fit, and draws of replicated outcomes [draw, geo, time]."""
    z = posterior.draws["z"]
    found = [split_rhat_ess(z[:, :, i]) for i in range(z.shape[2])]
    rhats, sizes = np.array([f[0] for f in found]), np.array([f[1] for f in found])
    made = parts.fitted + parts.noise_sd * rng.standard_normal(parts.fitted.shape)
    y = posterior.history.outcome
    seen = np.isfinite(y)
    low, high = np.quantile(made, [0.05, 0.95], axis=0)
    covered = float(np.mean((y >= low)[seen] & (y <= high)[seen]))
    middle = parts.fitted.mean(axis=0)
    left = np.where(seen, y - middle, np.nan)
    pairs = np.isfinite(left[:, 1:]) & np.isfinite(left[:, :-1])
    a, b = left[:, :-1][pairs], left[:, 1:][pairs]
    auto = float(np.corrcoef(a, b)[0, 1]) if len(a) > 3 and np.ptp(a) > 0 and np.ptp(b) > 0 else 0.0
    variance = float(np.nanvar(np.where(seen, y, np.nan)))
    r2 = 1.0 - float(np.nanvar(left)) / variance if variance > 0 else 0.0
    worst = int(np.argmin(sizes))
    return Diagnostics(
        rhat_max=float(rhats.max()),
        ess_min=float(sizes.min()),
        worst=names[worst],
        divergences=int(posterior.sampling["divergences"]),
        draws=int(z.shape[0] * z.shape[1]),
        covered=covered,
        autocorrelation=auto,
        r2=r2,
        seconds=float(posterior.sampling["seconds"]),
    ), made


def verdict(d: Diagnostics, history: History) -> tuple[Verdict, tuple[Text, ...]]:
    """Usable, with care, or not at all; with the reasons."""
    worst = 0
    reasons: list[Text] = []

    def say(level: int, zh: str, en: str) -> None:
        nonlocal worst
        worst = max(worst, level)
        reasons.append(Text(zh, en))

    if d.rhat_max > RHAT_GOOD:
        bad = d.rhat_max > RHAT_BAD
        say(1 + bad, f"链未充分混合（R-hat {d.rhat_max:.3f}）。", f"The chains disagree (R-hat {d.rhat_max:.3f}).")
    if d.ess_min < ESS_GOOD:
        bad = d.ess_min < ESS_BAD
        say(
            1 + bad,
            f"有效样本只有 {d.ess_min:.0f}（{d.worst}）。",
            f"Only {d.ess_min:.0f} effective draws ({d.worst}).",
        )
    share = d.divergences / max(d.draws, 1)
    if share > _DIVERGED_GOOD:
        say(
            1 + (share > _DIVERGED_BAD),
            f"{d.divergences} 次发散：后验有的部分没有走到。",
            f"{d.divergences} divergent transitions: parts of the posterior were not reached.",
        )
    if not 0.75 <= d.covered <= 0.995:
        say(
            1 + (d.covered < 0.6),
            f"90 % 的复制区间只盖住 {d.covered:.0%} 的结果。",
            f"The 90 % replicated intervals hold {d.covered:.0%} of the outcomes.",
        )
    if abs(d.autocorrelation) > 0.4:
        say(
            1,
            f"残差仍有自相关（{d.autocorrelation:.2f}）。",
            f"The residuals are still correlated in time ({d.autocorrelation:.2f}).",
        )
    y = history.outcome[np.isfinite(history.outcome)]
    if np.ptp(y) <= 1e-9 * max(1.0, float(np.abs(y).max())):
        say(2, "结果从不变化，学不到任何东西。", "The outcome never varies: there is nothing to learn from.")
    elif float(np.mean(y == 0)) > 0.5:
        say(2, "一半以上的结果为 0。", "More than half of the outcomes are zero.")
    periods = int(np.isfinite(history.outcome).any(axis=0).sum())
    year = _YEAR_PERIODS.get(round(history.period_days), 12)
    if periods < year:
        say(
            1,
            f"只有 {periods} 期，不足一年，季节与效果难分。",
            f"Only {periods} periods, less than a year: season and effects blur.",
        )
    flows = history.spend.reshape(-1, history.spend.shape[2])
    spread = flows.std(axis=0)
    if (spread <= 1e-9 * np.maximum(flows.max(axis=0), 1e-12)).any():
        say(1, "有渠道的花费从不变化。", "The spend of some stream never varies.")
    moving = flows[:, spread > 0]
    if moving.shape[1] > 1:
        r: Floats = np.atleast_2d(np.corrcoef(moving.T))
        if float((r - np.eye(len(r))).max()) > 0.95:
            say(1, "有渠道同步花费，分不开。", "Some streams are spent together and cannot be told apart.")
    if not reasons:
        reasons.append(
            Text("链、复制检验与数据都没有异议。", "Chains, replicated outcomes and data raise no objection.")
        )
    return _ORDER[min(worst, 2)], tuple(reasons)
