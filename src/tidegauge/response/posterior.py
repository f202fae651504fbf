"""The fitted model as it travels: draws by name, the history and the scales they belong to; and what spend adds by it.

`response_curve` is the one door for planning: given spend per stream over time it answers, per draw, how much outcome
that spend adds, now (short) and through the brand (long).
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from tidegauge.errors import MeasureError, WorkspaceError
from tidegauge.response.attention import attention_sums, lag_count
from tidegauge.response.history import Floats, History, LiftTest
from tidegauge.result import Provenance, Text

Adstock = Literal["geometric", "delayed"]
Saturation = Literal["logistic", "hill"]
Brand = Literal["auto", "off"]
_VERSION = 1


@dataclass(frozen=True)
class Form:
    """Which curves the model bends spend with, and what else it lets move.

    `saturation`: the Hill curve's steepness is fitted; the logistic curve fixes it, which makes intervals too narrow
    where spend acts otherwise. `brand`: "auto" fits a brand stock where there are brand series, "off" leaves it out.
    `drift`: short effects may change slowly over time. `regional`: keep regions apart. `festivals`: columns for China's
    shopping and family calendar.
    """

    adstock: Adstock = "geometric"
    saturation: Saturation = "hill"
    brand: Brand = "auto"
    drift: bool = False
    regional: bool = True
    festivals: bool = True


@dataclass(frozen=True)
class Posterior:
    """Draws of every parameter in the units of the data, with the history they were fitted to.

    `draws[name]` has shape (chain, draw, ...):
      half_life_days[stream]      of carry-over; delay_days[stream] where adstock is delayed
      half_saturation[stream]     spend per period (and per unit of geo size) at half of the full effect
      slope[stream]               Hill exponent (1 for logistic)
      short[geo, stream]          outcome per period added at full attention (attention in [0, 1])
      long[stream]                outcome added through the brand, over the whole later life, by one unit of money
      brand_half_life_days[]      of the brand stock
    and the model's own coordinates as `z` (chain, draw, coordinate).
    `geo_size[geo]` divides spend before saturation (regions of different size share one curve).
    `sampling` holds seconds, divergences, seed, acceptance.
    """

    history: History
    form: Form
    draws: dict[str, Floats]
    geo_size: Floats
    sampling: dict[str, Any] = field(default_factory=dict)
    notes: tuple[Text, ...] = ()

    @property
    def has_brand(self) -> bool:
        return "brand_half_life_days" in self.draws

    def flat(self, name: str, most: int | None = None) -> Floats:
        """Draws of one name with chains joined, thinned evenly to at most `most`."""
        d = self.draws[name]
        joined: Floats = d.reshape(-1, *d.shape[2:])
        if most is None or len(joined) <= most:
            return joined
        thinned: Floats = joined[np.linspace(0, len(joined) - 1, most).astype(int)]
        return thinned


@dataclass(frozen=True)
class Added:
    """What spend adds, per draw: `short[draw, stream]` and `long[draw, stream]`, in units of the outcome."""

    short: Floats
    long: Floats

    @property
    def total(self) -> Floats:
        return self.short + self.long


def response_curve(
    posterior: Posterior,
    spend: npt.ArrayLike,
    *,
    horizon: int | None = None,
    most_draws: int | None = 400,
) -> Added:
    """How much outcome a path of spend adds, beside spending nothing.

    Parameters
    ----------
    posterior : a fitted model.
    spend : money per period, shape [time, stream] (spread over regions by their size) or [geo, time, stream].
    horizon : periods after the first over which effects are counted (at least `time`); None counts all that follows.
    most_draws : draws are thinned evenly to this many; the same draws in the same order for every call.

    Returns
    -------
    Added : per draw and stream; streams add up, so any mix of paths may be summed.
    """
    h = posterior.history
    x = np.array(spend, dtype=np.float64)
    g = len(h.geos)
    if x.ndim == 2:
        weights = posterior.geo_size / posterior.geo_size.sum()
        x = weights[:, None, None] * x[None]
    if x.ndim != 3 or x.shape[0] != g or x.shape[2] != len(h.streams) or not np.isfinite(x).all() or (x < 0).any():
        raise MeasureError(
            f"spend has shape {np.shape(spend)}, expected [time, {len(h.streams)}] and no negative value",
            mend="streams are those of the fitted history, in its order",
        )
    periods = x.shape[1]
    last = None if horizon is None else max(horizon, periods)
    now = _attention(posterior, x / posterior.geo_size[:, None, None], last, most_draws)
    short = np.einsum("dgs,dgs->ds", posterior.flat("short", most_draws), now)
    if not posterior.has_brand:
        return Added(short, np.zeros_like(short))
    decay = 2.0 ** (-h.period_days / posterior.flat("brand_half_life_days", most_draws))
    # What is spent at t has given 1 - decay^(last - t) of its effect through the brand when `last` begins.
    inside = np.ones((len(decay), periods)) if last is None else 1.0 - decay[:, None] ** (last - np.arange(periods))
    return Added(short, posterior.flat("long", most_draws) * (inside @ x.sum(axis=0)))


def _attention(posterior: Posterior, spend: Floats, last: int | None, most_draws: int | None) -> Floats:
    """Total attention per draw, geo and stream, until `last` (None: everything that follows).

    `spend[geo, time, stream]` is already divided by the geo's size.
    """
    half_life = posterior.flat("half_life_days", most_draws) / posterior.history.period_days
    draws, streams = half_life.shape
    delayed = posterior.form.adstock == "delayed"
    delay = posterior.flat("delay_days", most_draws) / posterior.history.period_days if delayed else half_life
    now = np.zeros((draws, spend.shape[0], streams))
    attention_sums(
        np.ascontiguousarray(spend),
        2.0 ** (-1.0 / half_life),
        np.ascontiguousarray(delay),
        np.ascontiguousarray(posterior.flat("half_saturation", most_draws)),
        np.ascontiguousarray(posterior.flat("slope", most_draws)),
        lag_count(posterior.history.period_days) if delayed else 0,
        posterior.form.saturation == "hill",
        -1 if last is None else last,
        now,
    )
    return now


def save_posterior(posterior: Posterior, path: Path) -> Path:
    """Write draws and history as `<path>.npz` with a readable `<path>.json` beside it; returns the .npz path."""
    h = posterior.history
    arrays: dict[str, npt.NDArray[Any]] = {f"draws/{k}": v for k, v in posterior.draws.items()}
    arrays |= {"dates": h.dates.astype("datetime64[D]").astype(np.int64), "spend": h.spend, "outcome": h.outcome}
    arrays |= {f"brand/{k}": v for k, v in h.brand_series.items()} | {f"control/{k}": v for k, v in h.controls.items()}
    arrays |= {f"test/{i}": np.asarray(t.spend, dtype=np.float64) for i, t in enumerate(h.lift_tests)}
    arrays["geo_size"] = posterior.geo_size
    told = {
        "version": _VERSION,
        "form": asdict(posterior.form),
        "sampling": posterior.sampling,
        "notes": [[n.zh, n.en] for n in posterior.notes],
        "history": {
            "brand": h.brand,
            "metric": h.metric,
            "period_days": h.period_days,
            "geos": list(h.geos),
            "streams": list(h.streams),
            "currency": h.currency,
            "value_per_unit": h.value_per_unit,
            "brand_series": list(h.brand_series),
            "controls": list(h.controls),
            "notes": [[n.zh, n.en] for n in h.notes],
            "lift_tests": [
                {"stream": t.stream, "geo": t.geo, "start": t.start, "stop": t.stop, "lift": t.lift, "error": t.error}
                for t in h.lift_tests
            ],
            "provenance": h.provenance.as_dict() if h.provenance else None,
        },
    }
    target = path.with_suffix(".npz")
    target.parent.mkdir(parents=True, exist_ok=True)
    with target.open("wb") as f:
        np.savez_compressed(f, **arrays)  # type: ignore[arg-type]
    target.with_suffix(".json").write_text(json.dumps(told, ensure_ascii=False, indent=1, default=str), "utf-8")
    return target


def load_posterior(path: Path) -> Posterior:
    """Read what `save_posterior` wrote."""
    source = path.with_suffix(".npz")
    if not source.exists() or not source.with_suffix(".json").exists():
        raise WorkspaceError("there is no fitted response here", where=str(source), mend="tidegauge respond -w WS")
    told = json.loads(source.with_suffix(".json").read_text("utf-8"))
    if told["version"] != _VERSION:
        raise WorkspaceError("the fitted response is of another version", where=str(source), mend="fit it again")
    with np.load(source) as arrays:
        held = {k: arrays[k] for k in arrays.files}
    t = told["history"]
    tests = tuple(LiftTest(spend=held[f"test/{i}"], **row) for i, row in enumerate(t["lift_tests"]))
    history = History(
        brand=t["brand"],
        metric=t["metric"],
        dates=held["dates"].astype("datetime64[D]"),
        period_days=t["period_days"],
        geos=tuple(t["geos"]),
        streams=tuple(t["streams"]),
        spend=held["spend"],
        outcome=held["outcome"],
        brand_series={k: held[f"brand/{k}"] for k in t["brand_series"]},
        controls={k: held[f"control/{k}"] for k in t["controls"]},
        currency=t["currency"],
        value_per_unit=t["value_per_unit"],
        lift_tests=tests,
        notes=tuple(Text(*n) for n in t["notes"]),
        provenance=_provenance(t["provenance"]),
    )
    draws = {k.removeprefix("draws/"): v for k, v in held.items() if k.startswith("draws/")}
    return Posterior(
        history, Form(**told["form"]), draws, held["geo_size"], told["sampling"], tuple(Text(*n) for n in told["notes"])
    )


def _provenance(told: dict[str, Any] | None) -> Provenance | None:
    if told is None:
        return None
    import datetime as dt

    return Provenance(
        told["engine"],
        told["snapshot"],
        tuple(told["ingests"]),
        told["seed"],
        dt.datetime.fromisoformat(told["computed_at"]),
        tuple(told["assumed"]),
    )
