"""The platform's path of shocks: recovered with its error, whatever weeks it keeps, free of a creator's own posts."""

from __future__ import annotations

import numpy as np
import pytest

from tidegauge.creators.shock_path import _own_part, shock_path


def posts(rng, creators=150, days=120, each=20):
    creator = np.repeat(np.arange(creators), each)
    return creator, rng.integers(0, days, creator.size)


@pytest.mark.parametrize("kind", ["tide of odd length", "step that fades", "nothing"])
def test_a_path_is_recovered_and_its_error_is_honest(kind):
    rng = np.random.default_rng(4)
    days = np.arange(120)
    true = {
        "tide of odd length": rng.normal(0, 0.4, 12)[days // 11 % 12],
        "step that fades": np.where(days >= 50, -0.8 * 2.0 ** (-(days - 50) / 15.0), 0.0),
        "nothing": np.zeros(120),
    }[kind]
    creator, day = posts(rng)
    path = shock_path(day + 20_000, true[day] + rng.standard_t(4, day.size) * 0.5, np.ones(day.size), creator)
    assert path.first_day == 20_000 + day.min()
    off = path.value - true[: len(path.value)]
    assert np.sqrt(np.mean(off**2)) < 0.13
    assert np.mean(np.abs(off) < 1.645 * np.sqrt(path.error2) + 0.03) > 0.8


def test_a_creator_does_not_move_the_path_that_it_is_measured_on():
    rng = np.random.default_rng(6)
    creator, day = posts(rng, creators=12)
    residual = rng.normal(0, 0.4, day.size)
    own = creator == 3
    loud = np.where(own, residual + np.where(day > 60, 3.0, -3.0), residual)
    quiet = shock_path(day, np.where(own, 0.0, residual), np.where(own, 0.0, 1.0), creator)
    found = shock_path(day, loud, np.ones(day.size), creator)
    assert np.corrcoef(found.value[found.post_bin[own]], loud[own])[0, 1] > 0.5
    assert (
        np.abs(found.own_out[own] - quiet.own_out[own]).mean() < 0.5 * np.abs(found.value[found.post_bin[own]]).mean()
    )


def test_alone_on_a_platform_there_is_no_path_and_long_histories_get_wider_bins():
    rng = np.random.default_rng(1)
    alone = shock_path(np.arange(40), rng.normal(0, 1, 40), np.ones(40), np.zeros(40, int))
    assert np.abs(alone.own_out).max() == 0
    long = shock_path(np.arange(0, 4000, 10), rng.normal(0, 1, 400), np.ones(400), np.repeat(np.arange(40), 10))
    assert long.bin_days == 12
    assert len(long.value) <= 360
    none = shock_path(np.arange(5), np.ones(5), np.zeros(5), np.arange(5))
    assert np.abs(none.own_out).max() == 0


def test_the_kernel_takes_out_what_a_creators_own_posts_put_into_the_path():
    rng = np.random.default_rng(9)
    creator, place = np.sort(rng.integers(0, 6, 40)), rng.integers(0, 8, 40)
    residual, trust, gain = rng.normal(size=40), rng.uniform(0.2, 1, 40), rng.random((8, 8))
    start = np.flatnonzero(np.r_[True, creator[1:] != creator[:-1], True])
    own, weight = _own_part(start, place, residual, trust, gain, np.arange(8))
    pairs = gain[place][:, place] * trust[None, :] * (creator[:, None] == creator[None, :])
    assert own == pytest.approx(pairs @ residual)
    assert weight == pytest.approx(pairs.sum(axis=1))
