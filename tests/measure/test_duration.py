"""Duration: the effect within creators is recovered where comparing totals misleads, with intervals that cover."""

from __future__ import annotations

import datetime as dt

import numpy as np
import polars as pl
import pytest

from tidegauge.errors import MeasureError
from tidegauge.measure.ppml import fit
from tidegauge.measure.registry import run

START = dt.datetime(2025, 5, 1, tzinfo=dt.UTC)


def panel(rng: np.random.Generator, beta: float, creators: int = 60, posts: int = 8):
    """Counts of creators whose own rate goes with their liking for long posts; heavy-tailed views, overdispersion."""
    group = np.repeat(np.arange(creators), posts)
    likes_long = rng.normal(0, 1, creators)
    long = rng.random(group.size) < 1 / (1 + np.exp(-likes_long[group]))
    views = np.exp(rng.normal(8, 1.2, group.size))
    own = -4 - 0.6 * likes_long[group]
    shocks = rng.gamma(3, 1 / 3, group.size)
    y = rng.poisson(views * np.exp(own + beta * long) * shocks).astype(float)
    return y, views, long.astype(float)[:, None], group


def test_fixed_effects_recover_what_totals_get_wrong():
    rng = np.random.default_rng(1)
    hits, found, plain = 0, [], []
    for _ in range(100):
        y, views, x, group = panel(rng, 0.4)
        value, low, high = fit(y, views, x, group).interval(np.ones(1))
        hits += low <= 0.4 <= high
        found.append(value)
        long = x[:, 0] > 0
        plain.append(np.log(y[long].sum() / views[long].sum() / (y[~long].sum() / views[~long].sum())))
    assert hits >= 82
    assert np.mean(found) == pytest.approx(0.4, abs=0.03)
    assert np.mean(plain) < 0.1  # creators who like long posts have lower rates anyway


def test_the_fit_equals_one_with_a_dummy_per_creator():
    rng = np.random.default_rng(2)
    y, views, x, group = panel(rng, 0.3, creators=12, posts=6)
    x = np.column_stack([x, rng.normal(size=group.size)])
    found = fit(y, views, x, group)
    dummies = (group[:, None] == np.unique(group[y > 0])).astype(float)
    design = np.column_stack([x, dummies])
    beta = np.zeros(design.shape[1])
    beta[2:] = -4
    for _ in range(100):  # plain Newton on the full Poisson likelihood
        mu = views * np.exp(design @ beta)
        beta += np.linalg.solve(design.T @ (mu[:, None] * design) + 1e-10 * np.eye(beta.size), design.T @ (y - mu))
    assert found.beta == pytest.approx(beta[:2], abs=1e-6)


def test_adding_up_rows_of_one_kind_changes_nothing():
    y, views, x, group = panel(np.random.default_rng(3), 0.5)
    added = (
        pl.DataFrame({"y": y, "v": views, "x": x[:, 0], "g": group})
        .group_by("g", "x")
        .agg(pl.col("y", "v").sum())
        .sort("g", "x")
    )
    summed = fit(
        *(added.get_column(c).to_numpy() for c in ("y", "v")), added.select("x").to_numpy(), added["g"].to_numpy()
    )
    whole = fit(y, views, x, group)
    assert summed.beta == pytest.approx(whole.beta, abs=1e-7)
    assert summed.covariance == pytest.approx(whole.covariance, rel=1e-5)


def test_no_variation_within_is_refused():
    group = np.arange(20)
    with pytest.raises(MeasureError, match="more than one kind"):
        fit(np.ones(20), np.ones(20), (group % 2).astype(float)[:, None], group)


def ecosystem(creators: int = 40, *, platform: str = "bilibili") -> dict[str, pl.DataFrame]:
    """Posts of 30 s, 3 min and 10 min; saves per view are 1.0, 1.4 and 1.9 times; later readings have more saves."""
    rng = np.random.default_rng(4)
    effect = {30.0: 1.0, 180.0: 1.4, 600.0: 1.9}
    posts, reads = [], []
    for c in range(creators):
        rate = 0.02 * np.exp(rng.normal(0, 0.5))
        for i in range(9):
            seconds = list(effect)[int(rng.integers(3))]
            age = float(rng.choice([0.5, 5.0, 60.0]))
            pid = f"{platform}:{c}-{i}"
            views = int(np.exp(rng.normal(9, 1)))
            late = 1 + 0.5 * (age > 7)
            posts.append(
                {"post_id": pid, "creator_id": f"{platform}:{c}", "platform": platform, "published_at": START}
                | {"duration_s": seconds, "format": "short_video" if seconds < 60 else "mid_video"}
            )
            reads.append(
                {"post_id": pid, "observed_at": START + dt.timedelta(days=age), "views": views}
                | {"saves": int(rng.poisson(views * rate * effect[seconds] * late * rng.gamma(8, 1 / 8)))}
                | {"likes": int(rng.poisson(views * 0.05)), "censored": i == 0}
            )
    return {"posts": pl.DataFrame(posts), "post_snapshots": pl.DataFrame(reads)}


def test_through_a_workspace(make_tables):
    tables = make_tables(ecosystem())
    result = run("duration", tables, reference="15s_1min")
    rows = {(r["duration"], r["quantity"]): r for r in result.rows.iter_rows(named=True)}
    for kind, true in (("1_5min", 1.4), ("5_30min", 1.9)):
        row = rows[kind, "save_rate:within"]
        assert row["low"] <= true <= row["high"]
        assert row["value"] == pytest.approx(true, rel=0.2)
        assert row["unit"] == "times 15s_1min"
        likes = rows[kind, "like_rate:within"]
        assert likes["low"] - 0.02 <= 1.0 <= likes["high"] + 0.02
        assert (kind, "save_rate:plain") in rows
    assert rows["over_1min", "save_rate:within"]["low"] > 1.2
    assert any("shares" in n.en for n in result.notes)  # no shares were read: said, not hidden
    assert result.rows.select(pl.col("value", "low", "high").is_finite()).to_numpy().all()
    result.plot().to_dict()

    by_format = run("duration", tables, by=("platform", "format")).rows
    assert set(by_format.get_column("platform")) == {"bilibili"}
    assert set(by_format.get_column("format")) < {"short_video", "mid_video"}


def test_too_little_is_refused_with_the_mend(make_tables):
    with pytest.raises(MeasureError, match="several lengths per creator"):
        run("duration", make_tables(ecosystem(creators=4)))
    with pytest.raises(MeasureError, match="at once"):
        run("duration", make_tables(ecosystem(creators=4)), by=("duration", "format"))
