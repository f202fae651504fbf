"""Evidence for bought followers: signals that agree on a rate add up, unknown ones say nothing."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from tidegauge.creators.inflation import Signals, chances, company, weigh

NAN = np.nan


def signals(n=1, **known):
    usual = {
        "gap": NAN, "gap_se": 0.15, "gap_sd": 0.45, "slope": 0.85, "jump": NAN, "jump_middle": 0.02,
        "jump_scale": 0.03, "gain": NAN, "gain_se": 0.2, "rate": NAN, "rate_sd": 0.3,
    }  # fmt: skip
    return Signals(**{k: np.full(n, float(known.get(k, v))) for k, v in usual.items()})


def test_nothing_known_says_nothing():
    found = weigh(signals())
    for part in dataclasses.astuple(found):
        assert part[0] == pytest.approx(0.0, abs=1e-9)


def test_a_jump_that_reach_does_not_follow_is_worse_than_one_that_it_follows():
    silent, followed = weigh(signals(jump=0.7, gain=0.0)).total[0], weigh(signals(jump=0.7, gain=0.6)).total[0]
    assert silent > followed + 1.5
    assert silent > 3
    assert weigh(signals(jump=0.03)).total[0] < 0


def test_signals_that_agree_on_a_rate_count_more_than_ones_that_do_not():
    both = weigh(signals(gap=-0.9, jump=1.05, gain=0.0)).total[0]
    alone = weigh(signals(jump=1.05, gain=0.0)).total[0]
    against = weigh(signals(gap=0.6, jump=1.05, gain=0.0)).total[0]
    assert both > alone > against


@pytest.mark.parametrize("planted", [0.03, 0.1, 0.2])
def test_chances_are_calibrated_where_the_model_holds(planted):
    rng = np.random.default_rng(7)
    n = 6000
    bought = rng.random(n) < planted
    rate = rng.uniform(0.2, 0.8, n)
    base = signals(n)
    gap = 0.45 * rng.standard_t(5, n) + np.where(bought, 0.85 * np.log(1 - rate), 0)
    jump = 0.02 + rng.exponential(0.03, n) * (rng.random(n) < 0.5)
    jump = np.where(bought & (rng.random(n) < 0.5), 0.02 - np.log(1 - rate), jump)
    gain = rng.normal(0, 0.2, n)
    found = weigh(dataclasses.replace(base, gap=gap, jump=jump, gain=gain, gap_se=np.full(n, 0.01)))
    chance, learned = chances(found.total, np.ones(n, bool))
    assert learned == pytest.approx(planted, rel=0.45, abs=0.01)
    marked = chance > 0.5
    assert bought[marked].mean() > 0.8
    assert marked[bought].mean() > 0.35


def test_commenters_of_doubtful_company_are_evidence_and_few_links_are_none():
    rng = np.random.default_rng(1)
    n = 400
    buyer = np.arange(n) < 40
    chance = np.where(buyer, 0.6, 0.05)
    share = np.where(buyer, 0.2, 0.1) + rng.normal(0, 0.03, n)
    found = company(share, np.full(n, 20.0), chance)
    assert np.median(found[buyer]) > 0.5
    assert np.median(found[~buyer]) < 0
    assert not company(share, np.full(n, 1.0), chance).any()
