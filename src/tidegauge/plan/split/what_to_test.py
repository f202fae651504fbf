"""What to test next: how much better the split would be if a stream's effect were known, or measured by a lift test.

    knowing stream s:    E_φ[max_a E(V_a | φ)] − max_a E(V_a),   φ = the stream's curve
    testing stream s:    the same with φ = lift of the test + noise of its standard error

V_a(d) is what split a brings in posterior draw d; a runs over splits that are best for some part of the draws. The
inner expectation is a regression of V_a on φ over the draws (Strong, Oakley and Brennan 2014, Medical Decision Making
34(3); Strong et al. 2015, 35(5)), fitted on other draws than those it decides for: what is told is the worth of a
decision rule that exists, so it errs to the low side and not to the high one.
"""

from __future__ import annotations

import numpy as np
import polars as pl

from tidegauge.plan.briefs.split import LiftDesign
from tidegauge.plan.split.curves import Curves, Float
from tidegauge.plan.split.solve import Limits, envelope
from tidegauge.response.posterior import Posterior, response_curve

_FOLDS = 5
#: Draws of a test's noise per posterior draw.
_NOISES = 6
_SINGLE_DRAWS = 24
SCHEMA = {
    "stream": pl.String, "knowing": pl.Float64, "knowing_se": pl.Float64, "testing": pl.Float64,
    "testing_se": pl.Float64, "lift": pl.Float64, "lift_sd": pl.Float64, "error": pl.Float64,
    "test_spend": pl.Float64,
}  # fmt: skip


def worth_of_tests(
    posterior: Posterior, curves: Curves, limits: Limits, best: Float, design: LiftDesign, *, worth: float, seed: int
) -> tuple[pl.DataFrame, float]:
    """One row per stream, the most worth testing first, and the worth of knowing everything (money).

    Columns: knowing and testing (money, with standard errors), lift (money expected within the test) with its sd over
    the draws, error (its standard error), test_spend (money that the test costs more, below zero: less).
    """
    rng = np.random.default_rng([seed, 23])
    splits = _decisions(curves, limits, best, rng)
    values = np.stack([curves.value(a).sum(axis=1) for a in splits], axis=1)
    everything = float(values.max(axis=1).mean() - values.mean(axis=0).max())
    lifts, extra = _lifts(posterior, design, worth, curves.draws)
    error = design.error if design.error is not None else worth * _noise(posterior, design.weeks)
    rows = []
    for s, name in enumerate(posterior.history.streams):
        known, known_se = _policy(values, _curve_features(curves, best, s), rng)
        tested, tested_se = 0.0, 0.0
        if extra[s] != 0.0 and np.ptp(lifts[:, s]) > 0:
            seen = np.tile(lifts[:, s], _NOISES) + error * rng.standard_normal(_NOISES * curves.draws)
            z = (seen - seen.mean()) / seen.std()
            tested, tested_se = _policy(np.tile(values, (_NOISES, 1)), np.stack([z, z**2, z**3], axis=1), rng, _NOISES)
        seen_lift = lifts[:, s]
        # A test cannot be worth more than knowing; chance in the estimates may say so.
        tested = min(tested, known)
        figures = (known, known_se, tested, tested_se, seen_lift.mean(), seen_lift.std(), error, extra[s])
        rows.append((name, *(float(f) for f in figures)))
    frame = pl.DataFrame(rows, schema=SCHEMA, orient="row")
    return frame.sort("testing", "knowing", "stream", descending=[True, True, False]), max(everything, 0.0)


def _decisions(curves: Curves, limits: Limits, best: Float, rng: np.random.Generator) -> list[Float]:
    """The best split, and those that are best for the draws in which one stream does badly, well, or so-so, and for
    single draws."""
    found = [best]
    effect = curves.value(np.maximum(best, 0.1 * curves.cap))
    groups = 5 if curves.cap.size <= 12 else 3
    chosen: list[np.ndarray] = []
    for s in range(curves.cap.size):
        order = np.argsort(effect[:, s], kind="stable")
        chosen += np.array_split(order, groups)
    chosen += [np.array([d]) for d in rng.choice(curves.draws, min(_SINGLE_DRAWS, curves.draws), replace=False)]
    for draws in chosen:
        part = Curves(
            curves.u, curves.cap, curves.coefficients[:, :, draws], curves.long[:, draws], curves.total[:, draws]
        )
        made = envelope(part.mean(), limits)
        if made is not None:
            found.append(made[0])
    return found


def _curve_features(curves: Curves, best: Float, s: int) -> Float:
    """A stream's curve in few numbers per draw: its value at the split's money, at half of its cap and at the cap."""
    points = []
    for money in (max(best[s], 0.05 * curves.cap[s]), 0.5 * curves.cap[s], curves.cap[s]):
        at = best.copy()
        at[s] = money
        points.append(curves.value(at)[:, s])
    x = np.stack(points, axis=1)
    spread = x.std(axis=0)
    x = (x - x.mean(axis=0)) / np.where(spread > 0, spread, 1.0)
    return np.concatenate([x, x**2, x[:, :1] * x[:, 1:2], x[:, 1:2] * x[:, 2:3]], axis=1)


def _policy(values: Float, features: Float, rng: np.random.Generator, repeats: int = 1) -> tuple[float, float]:
    """What deciding by the features gains over the one split that is best on average, and its standard error.

    Rows that repeat a draw (`repeats` blocks) stay in one fold.
    """
    n, draws = values.shape[0], values.shape[0] // repeats
    fold = np.tile(rng.permutation(draws) % _FOLDS, repeats)
    x = np.concatenate([np.ones((n, 1)), features], axis=1)
    gain = np.empty(n)
    for k in range(_FOLDS):
        out, there = fold == k, fold != k
        gram = x[there].T @ x[there] + 1e-6 * there.sum() * np.eye(x.shape[1])
        beta = np.linalg.solve(gram, x[there].T @ values[there])
        rows = np.flatnonzero(out)
        gain[rows] = values[rows, (x[rows] @ beta).argmax(axis=1)] - values[rows, values[there].mean(axis=0).argmax()]
    per_draw = gain.reshape(repeats, draws).mean(axis=0)
    return max(float(per_draw.mean()), 0.0), float(per_draw.std() / np.sqrt(draws))


def _lifts(posterior: Posterior, design: LiftDesign, worth: float, draws: int) -> tuple[Float, Float]:
    """Lift in money (D, S) of a test of every stream at its recent spend, and the money each test costs more (S)."""
    h = posterior.history
    periods = max(1, round(design.weeks * 7.0 / h.period_days))
    recent = recent_spend(posterior)
    base = response_curve(posterior, np.tile(recent, (periods, 1)), horizon=periods, most_draws=draws).total
    more = response_curve(posterior, np.tile(recent * design.factor, (periods, 1)), horizon=periods, most_draws=draws)
    return worth * (more.total - base), periods * recent * (design.factor - 1.0)


def recent_spend(posterior: Posterior) -> Float:
    """Mean money per period and stream over the last year of the history (all of it, where shorter)."""
    h = posterior.history
    last = max(1, round(365.25 / h.period_days))
    out: Float = h.spend.sum(axis=0)[-last:].mean(axis=0)
    return out


def _noise(posterior: Posterior, weeks: int) -> float:
    """Standard error of a lift over so many weeks against a control, in units of the outcome: the robust sd of
    period-to-period changes, times the root of the periods."""
    h = posterior.history
    y = np.nansum(h.outcome, axis=0)
    y = y[np.isfinite(h.outcome).any(axis=0)]
    steps = np.diff(y)
    sd = 1.4826 * float(np.median(np.abs(steps - np.median(steps)))) if steps.size > 1 else float(np.std(y))
    # A change of two periods has the noise of both; so has the difference of test and control.
    return max(sd, 1e-12) * float(np.sqrt(max(1.0, weeks * 7.0 / h.period_days)))
