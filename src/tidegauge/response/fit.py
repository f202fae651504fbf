"""Fit the model: a warm start, heavy tails marked, then NUTS (nutpie) over the compiled density."""

from __future__ import annotations

import contextlib
import time
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pyarrow as pa
from scipy import optimize

from tidegauge.errors import MeasureError, UsageError
from tidegauge.response.density import attention_of, log_density, scalars, unpack
from tidegauge.response.history import Floats, History
from tidegauge.response.posterior import Form, Posterior
from tidegauge.response.scaled import Scaled, scale
from tidegauge.response.states import draw_parts
from tidegauge.result import Text

Progress = Callable[[float, str], None]
#: Residuals beyond so many deviations (robust) are outliers; they get the variance that brings them to the second.
_OUTLYING, _BROUGHT_TO = 4.5, 2.5
_WARM_STEPS = 80
#: Somewhat smaller steps than the sampler's default 0.8: the spikes have kinks.
_ACCEPT = 0.85


def fit(
    history: History,
    form: Form | None = None,
    *,
    draws: int = 1000,
    tune: int = 500,
    chains: int = 4,
    cores: int = 2,
    seed: int = 1,
    known: dict[str, tuple[float, float]] | None = None,
    progress: Progress | None = None,
) -> Posterior:
    """Fit one history.

    Parameters
    ----------
    form : which curves and options; by default geometric adstock, Hill saturation, brand where it can be seen.
    draws, tune, chains : of the sampler, per chain. cores : chains at a time.
    known : stream → (low, high): its short ROI is known to lie there with 90 % (another study, an experiment).

    Returns
    -------
    Posterior : draws in the units of the data; reproducible by its seed.

    Raises
    ------
    UsageError : the extra `response` is not installed.
    """
    form = form or Form()
    begun = time.perf_counter()
    if progress:
        progress(0.0, "warm start")
    scaled = scale(history, form, known=known)
    start = warm_start(scaled, np.zeros(scaled.layout.dims))
    notes: list[Text] = []
    widen = outlying(scaled, history, start)
    if (widen > 1).any():
        scaled = scale(history, form, known=known, widen=widen)
        start = warm_start(scaled, start)
        n = int((widen > 1).sum())
        notes.append(
            Text(
                f"{n} 期结果远离其余，按更大的误差计，不主导拟合。",
                f"{n} outlying outcomes count with a wider error, so that they do not rule the fit.",
            )
        )
    z, stats = sample(scaled, start, draws, tune, chains, cores, seed, progress)
    sampling = {"seconds": time.perf_counter() - begun, "seed": seed, "chains": chains, "draws": draws, **stats}
    found = natural(scaled, history, z)
    found["widen"] = scaled.data.widen[None, None]
    if known:
        sampling["known"] = {k: list(v) for k, v in known.items()}
    return Posterior(history, form, found, scaled.geo_size, sampling, tuple(notes))


def rescale(posterior: Posterior, history: History | None = None) -> Scaled:
    """The scaled data that a posterior's coordinates belong to (with another history: of its units and layout)."""
    known = {k: (v[0], v[1]) for k, v in posterior.sampling.get("known", {}).items()}
    return scale(history or posterior.history, posterior.form, known=known, widen=posterior.draws["widen"][0, 0])


def warm_start(scaled: Scaled, z: Floats) -> Floats:
    """Some steps up the density from z: a place to start, no estimate (a hierarchy's mode misleads)."""

    def descent(point: Floats) -> tuple[float, Floats]:
        grad = np.empty_like(point)
        value = density_at(point, scaled, grad)
        if not np.isfinite(value):
            return 1e300, np.zeros_like(point)
        return -value, -grad

    found = optimize.minimize(
        descent, z, jac=True, method="L-BFGS-B", bounds=[(-2.5, 2.5)] * len(z), options={"maxiter": _WARM_STEPS}
    )
    best: Floats = found.x
    return best


def outlying(scaled: Scaled, history: History, z: Floats) -> Floats:
    """[geo, time] factors of the noise variance: 1, more where a residual lies far outside the others."""
    left = history.outcome - draw_parts(scaled, z[None], None).fitted[0]
    middle = np.nanmedian(left, axis=1, keepdims=True)
    deviation = 1.4826 * np.nanmedian(np.abs(left - middle), axis=1, keepdims=True)
    with np.errstate(invalid="ignore", divide="ignore"):
        far = np.where(deviation > 0, np.abs(left - middle) / deviation, 0.0)
    far = np.nan_to_num(far)
    return np.where(far > _OUTLYING, (far / _BROUGHT_TO) ** 2, 1.0)


def sample(
    scaled: Scaled,
    start: Floats,
    draws: int,
    tune: int,
    chains: int,
    cores: int,
    seed: int,
    progress: Progress | None,
) -> tuple[Floats, dict[str, Any]]:
    """NUTS; coordinates [chain, draw, coordinate] and the sampler's own account."""
    nutpie, from_pyfunc = _sampler()
    dims, data = scaled.layout.dims, scaled.data
    done = [0]

    def make_density() -> Callable[[Floats], tuple[float, Floats]]:
        def density(z: Floats) -> tuple[float, Floats]:
            grad = np.empty(dims)
            value = density_at(z, scaled, grad)
            if not np.isfinite(value):
                raise _Outside("the density cannot be computed here")
            return value, grad

        return density

    def make_expand(*_: Any) -> Callable[[Floats], dict[str, Floats]]:
        def expand(z: Floats) -> dict[str, Floats]:
            done[0] += 1
            return {"z": z}

        return expand

    model = from_pyfunc(dims, make_density, make_expand, [np.dtype("float64")], [(dims,)], ["z"])
    running = nutpie.sample(
        model,
        draws=draws,
        tune=tune,
        chains=chains,
        cores=cores,
        seed=seed,
        init_mean=start,
        target_accept=_ACCEPT,
        # Streams are correlated by data and prior; a diagonal alone costs up to twice the steps.
        low_rank_modified_mass_matrix=True,
        # A constant outcome teaches nothing: its posterior is an endless plain, on which long walks are wasted.
        maxdepth=10 if np.ptp(data.columns[..., 0, 0][data.seen[..., 0] == 1]) > 0 else 5,
        progress_bar=False,
        return_raw_trace=True,
        blocking=False,
    )
    total = chains * (draws + tune)
    try:
        while True:
            try:
                trace = running.wait(timeout=0.1)
                break
            except TimeoutError:
                if progress:
                    progress(min(0.99, done[0] / total), "sampling")
    except BaseException as e:
        # A sampler that has failed cannot be cancelled any more; what made it fail is what must be told.
        with contextlib.suppress(BaseException):
            running.cancel()
        if type(e).__name__ == "PanicException":
            raise MeasureError(
                f"the sampler stopped: {str(e)[:200]}",
                mend="another --saturation, --adstock or --seed; or weeks in which spend and outcome vary",
            ) from e
        raise
    batches, stats = trace.get_arrow_trace()
    z = np.stack([_column(b, "z")[-draws:] for b in batches])
    diverged = int(sum(_column(s, "diverging")[-draws:].sum() for s in stats))
    steps = np.concatenate([_column(s, "n_steps")[-draws:] for s in stats])
    return z, {"divergences": diverged, "mean_steps": float(steps.mean()), "tune": tune}


def density_at(z: Floats, scaled: Scaled, grad: Floats) -> float:
    """Log density and, into `grad`, its gradient; minus infinity where the numbers give out.

    That is far outside: a curve so steep that it underflows, deviations so small that rounding rules the elimination.
    """
    try:
        value: float = log_density(z, scaled.data, grad)
    except (ZeroDivisionError, np.linalg.LinAlgError):
        return -np.inf
    return value


class _Outside(ValueError):
    """Tells the sampler to turn back; it is no failure of the fit."""

    is_recoverable = True


def _column(batch: Any, name: str) -> Any:
    """A column of the sampler's record batch as an array; lists of fixed length become a second axis."""
    column = pa.record_batch(batch).column(name)
    if pa.types.is_list(column.type) or pa.types.is_large_list(column.type) or pa.types.is_fixed_size_list(column.type):
        return column.flatten().to_numpy(zero_copy_only=False).reshape(len(column), -1)
    return column.to_numpy(zero_copy_only=False)


def _sampler() -> tuple[Any, Any]:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # arviz announces its future to everybody who imports it
            import nutpie
            from nutpie.compiled_pyfunc import from_pyfunc
    except ImportError:
        raise UsageError(
            "fitting the response needs the sampler nutpie", mend="pip install 'tidegauge[response]'"
        ) from None
    return nutpie, from_pyfunc


def natural(scaled: Scaled, history: History, z: Floats) -> dict[str, Floats]:
    """Coordinates [chain, draw, coordinate] to named draws in the units of the data (see `Posterior`)."""
    data, days = scaled.data, history.period_days
    shape, s, g = z.shape[:2], data.spend.shape[2], data.spend.shape[0]
    series = data.columns.shape[2]
    out = {
        "half_life_days": np.empty((*shape, s)),
        "half_saturation": np.empty((*shape, s)),
        "slope": np.empty((*shape, s)),
        "short": np.empty((*shape, g, s)),
        "share_short": np.empty((*shape, g, s)),
        "noise_sd": np.empty(shape),
        "level_step_sd": np.empty(shape),
    }
    if data.lags > 0:
        out["delay_days"] = np.empty((*shape, s))
    if series > 1:
        out |= {
            "long": np.empty((*shape, s)),
            "brand_half_life_days": np.empty(shape),
            "brand_to_sales": np.empty(shape),
            "brand_step_sd": np.empty(shape),
            "brand_lift": np.empty((*shape, s)),
            "loading": np.empty((*shape, series - 1)),
        }
    unit = scaled.outcome_unit[:, None]
    with np.errstate(divide="ignore"):
        per_money = np.where(scaled.mean_spend > 0, unit.mean() / scaled.mean_spend, 0.0)
    for c in np.ndindex(*shape):
        curves = unpack(z[c], data)
        step, b_decay, b_step, loads, sds = scalars(z[c], data)
        _, _, mean = attention_of(data, curves)
        with np.errstate(divide="ignore"):
            out["half_life_days"][c] = np.clip(
                -days / np.log2(np.clip(curves.decay, 1e-300, 1 - 1e-12)), 1e-3 * days, None
            )
        out["half_saturation"][c] = curves.half * scaled.spend_unit
        out["slope"][c] = curves.slope
        size = np.exp(curves.log_short + curves.log_geo) / mean
        # A plan spends in the future: where effects drift, it meets the latest.
        out["short"][c] = unit * size * curves.drift[data.fitted - 1]
        out["share_short"][c] = np.exp(curves.log_short + curves.log_geo)
        out["noise_sd"][c], out["level_step_sd"][c] = sds[0], step
        if data.lags > 0:
            out["delay_days"][c] = curves.delay * days
        if series > 1:
            out["long"][c] = per_money * loads[0] * curves.lift
            out["brand_half_life_days"][c] = -days / np.log2(b_decay)
            out["brand_to_sales"][c], out["brand_step_sd"][c] = loads[0], b_step
            out["brand_lift"][c], out["loading"][c] = curves.lift, loads[1:]
    return out | {"z": z}
