"""Made-up posteriors as curves: S streams, D draws, saturating or S-shaped, with and without a brand's part."""

from __future__ import annotations

import numpy as np

from tidegauge.plan.split.curves import Curves, curves_of
from tidegauge.plan.split.solve import Limits


def curves(
    seed: int, streams: int, draws: int, *, shape: float = 1.0, spread: float = 0.4, cap: float = 1000.0
) -> Curves:
    """Value of x: top · x^shape / (x^shape + half^shape), top and half vary over draws; a part through the brand."""
    rng = np.random.default_rng(seed)
    top = rng.uniform(500, 3000, streams) * np.exp(spread * rng.normal(size=(draws, streams)) - spread**2 / 2)
    half = rng.uniform(100, 600, streams) * np.exp(0.5 * spread * rng.normal(size=(draws, streams)))
    u = np.linspace(0, 1, 65) ** 2
    x = (u[:, None] * np.full(streams, cap))[:, None, :]
    with np.errstate(divide="ignore"):
        total = top * x**shape / (x**shape + half**shape)
    through_brand = rng.uniform(0.0, 0.7, streams)
    return curves_of(u, np.full(streams, cap), through_brand * total, total)


def limits(streams: int, budget: float, *, low=None, high=None, rows=(), cap: float = 1000.0) -> Limits:
    """Bounds per stream and rows of (coefficients, low, high, label)."""
    lo = np.zeros(streams) if low is None else np.asarray(low, dtype=float)
    hi = np.full(streams, min(cap, budget)) if high is None else np.asarray(high, dtype=float)
    return Limits(
        budget,
        lo,
        hi,
        np.array([r[0] for r in rows], dtype=float).reshape(len(rows), streams),
        np.array([r[1] for r in rows], dtype=float),
        np.array([r[2] for r in rows], dtype=float),
        tuple(r[3] for r in rows),
        tuple(f"floor of {i}" if v > 0 else "" for i, v in enumerate(lo)),
        tuple(f"cap of {i}" if high is not None else "" for i in range(streams)),
    )
