"""The growth curve's kernel against its NumPy twin, and what later counts are expected to gain."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import polars as pl
import pytest

from tidegauge.creators.growth import EDGES_DAYS, PRIOR_RATE, fit_curve, fit_growth, later_gain


def in_numpy(a, b, gain, prior, rounds):
    edges = np.log(EDGES_DAYS)
    a, b = (np.log(np.clip(x, EDGES_DAYS[0], EDGES_DAYS[-1])) for x in (a, b))
    overlap = np.maximum(np.minimum(b[:, None], edges[1:]) - np.maximum(a[:, None], edges[:-1]), 0.0)
    exposure, rate = overlap.sum(axis=0), prior.copy()
    for _ in range(rounds):
        expected = np.maximum(overlap @ rate, 1e-12)
        rate = (rate * (overlap.T @ (gain / expected)) + 3.0 * prior) / (exposure + 3.0)
    return rate, exposure


def test_the_kernel_is_its_numpy_twin():
    rng = np.random.default_rng(3)
    start = np.concatenate([np.exp(rng.uniform(np.log(0.001), np.log(5000), 500)), EDGES_DAYS[:5]])
    end = start * np.exp(rng.uniform(0.01, 2, start.size))
    gain = rng.exponential(0.3, start.size)
    keep = np.log(np.clip(end, 0.02, 3650)) > np.log(np.clip(start, 0.02, 3650)) + 1e-9
    found = fit_curve(start, end, gain, rounds=12)
    rate, exposure = in_numpy(start[keep], end[keep], gain[keep], PRIOR_RATE, 12)
    assert found.exposure == pytest.approx(exposure)
    assert found.rate == pytest.approx(rate)
    nothing = fit_curve(np.zeros(0), np.zeros(0), np.zeros(0))
    assert nothing.rate == pytest.approx(PRIOR_RATE)


def test_later_gains_lie_in_their_intervals_and_posts_unseen_get_wider_ones():
    rng = np.random.default_rng(5)
    posts, rows = 600, []
    k = rng.gamma(6, 1 / 6, posts)
    for i in range(posts):
        ages = np.array([0.5, 1, 2, 4, 8, 16])
        for a, b in pairwise(ages):
            if i < 300 or b <= 4:
                mean = 0.4 * k[i] * np.log(b / a)
                rows.append((f"p{i}", f"c{i}", "youtube", "unknown", a, b, rng.gamma(mean / 0.05, 0.05)))
    names = ["post_id", "creator_id", "platform", "format", "age_from", "age_to", "gain"]
    growth = fit_growth(pl.DataFrame(rows, schema=names, orient="row"))
    asked = pl.DataFrame({"post_id": [f"p{i}" for i in range(300, posts)] + ["new"]}).with_columns(
        platform=pl.lit("youtube"), format=pl.lit("unknown"), age_from=4.0, age_to=16.0
    )
    found = later_gain(growth, asked)
    truth = rng.gamma(0.4 * k[300:] * np.log(4) / 0.05, 0.05)
    known = found.head(300)
    inside = ((known["low"].to_numpy() <= truth) & (truth <= known["high"].to_numpy())).mean()
    assert 0.76 < inside < 0.98  # shapes of growth are allowed to differ, which they do not here: wider than 0.8
    assert np.corrcoef(known["gain"].to_numpy(), truth)[0, 1] > 0.6
    relative = ((found["high"] - found["low"]) / found["gain"]).to_numpy()
    assert relative[-1] > np.median(relative[:-1])
