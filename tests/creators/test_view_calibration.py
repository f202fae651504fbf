"""The width of view forecasts: tides are few however many creators there are, small panels get honest intervals."""

from __future__ import annotations

import numpy as np
import pytest

from tidegauge.creators.scoring import LEVELS, covered
from tidegauge.creators.view_calibration import calibrate, creator_folds, stack, time_folds


def judged(rng, creators, weeks, tide_sd):
    """Residuals of `creators` on seven days a week; every week has a tide of its own."""
    tides = rng.normal(0, tide_sd, weeks)
    day = np.repeat(np.arange(7 * weeks), creators)
    who = np.tile(np.arange(creators), 7 * weeks)
    weekly = rng.standard_t(4, (weeks, creators))
    return weekly[day // 7, who] + tides[day // 7], day, who


@pytest.mark.parametrize(("creators", "weeks", "tide_sd"), [(400, 4, 0.8), (400, 4, 0.0), (25, 2, 0.3), (12, 1, 0.2)])
def test_next_weeks_lie_in_the_80_percent_interval_about_80_times_in_a_hundred(creators, weeks, tide_sd):
    rng = np.random.default_rng(5)
    shares = []
    for _ in range(60):
        residual, day, who = judged(rng, creators, weeks, tide_sd)
        found = calibrate(residual, day, who * 0, who, 7)
        later = rng.standard_t(4, creators) + rng.normal(0, tide_sd)
        zero = np.zeros(creators)
        shares.append(covered(found.quantiles(zero, zero + 1, np.zeros(creators, int)), later).mean())
    assert 0.76 < np.mean(shares) < 0.88


def test_a_group_with_its_own_spread_gets_it_the_more_creators_it_has():
    rng = np.random.default_rng(2)
    widths = {}
    for small in (10, 400):
        creators = 600
        group = (np.arange(creators) < small).astype(int)
        day, who = np.repeat(np.arange(14), creators), np.tile(np.arange(creators), 14)
        noise = rng.normal(0, 1, (2, creators)) * np.where(group, 0.3, 1.0)
        found = calibrate(noise[day // 7, who], day, group[who], who, 7)
        one = found.quantiles(np.zeros(1), np.ones(1), np.array([1]))[0]
        widths[small] = one[np.searchsorted(LEVELS, 0.9)] - one[np.searchsorted(LEVELS, 0.1)]
    assert widths[400] < 0.62 * widths[10]


def test_folds_judge_later_days_or_other_creators_than_they_were_fitted_on():
    day = np.repeat(np.arange(7, 60), 30)
    folds = time_folds(day, 66, 7)
    assert len(folds) >= 4
    for fold in folds:
        assert day[fold.early].max() < day[fold.judged].min()
        assert day[fold.judged].max() <= 59
    creator = np.tile(np.arange(11), 3)
    for fold in creator_folds(creator):
        assert not set(creator[fold.early]) & set(creator[fold.judged])
    assert time_folds(np.array([3, 4, 5]), 12, 7) == []


def test_stacking_finds_the_better_expert_and_keeps_to_the_prior_without_cases():
    rng = np.random.default_rng(1)
    target = rng.normal(size=2000)
    located = np.stack([target + rng.normal(0, s, 2000) for s in (1.5, 0.1, 1.5)])
    share = stack(target, located, 100.0)
    assert share.sum() == pytest.approx(1.0)
    assert share.argmax() == 1
    assert stack(target, located, 1e-6) == pytest.approx([0.5, 0.3, 0.2], abs=1e-3)
    assert stack(target, located, 1e6)[0] > 0.99
