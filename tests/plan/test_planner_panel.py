"""Panels against the audience model that they are drawn from; the population gap against known truth."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tidegauge.errors import TidegaugeError
from tidegauge.plan.audience.model import AudienceModel, platform_patterns
from tidegauge.plan.audience.overlaps import expected_overlap
from tidegauge.plan.audience.panel import build_panel, draw_persons, expected_audience, met
from tidegauge.plan.audience.panel_kernels import solve_rate
from tidegauge.plan.audience.population import calibrated, certify_population, population_gap
from tidegauge.plan.solver.certificate import quick_bound
from tidegauge.plan.solver.greedy import greedy
from tidegauge.plan.solver.problem import Panel, Problem
from tidegauge.plan.solver.roster import reach

POPULATION = 1e6


def model_of(seed: int = 0, creators: int = 400) -> AudienceModel:
    rng = np.random.default_rng(seed)
    people = np.array([6e5, 4e5, 2e5])
    patterns, share = platform_patterns(POPULATION, people)
    platform = rng.integers(0, 3, creators)
    # Five categories of four communities; most creators have a home in two communities of one category.
    category, n = rng.integers(-1, 5, creators), 20
    home = np.random.default_rng([seed, 1])
    one = home.integers(0, 4, creators)
    two = (one + home.integers(1, 4, creators)) % 4
    pair = np.sort(category[:, None] * 4 + np.stack([one, two], axis=1), axis=1)
    known = category >= 0
    indptr = np.concatenate([[0], np.cumsum(np.where(known, 2, 0))]).astype(np.int64)
    community = pair[known].ravel().astype(np.int32)
    mix = np.where(pair == (category * 4 + one)[:, None], 0.45, 0.2)[known].ravel()
    return AudienceModel(
        platform=platform,
        audience=np.minimum(300 * (1 + rng.pareto(1.1, creators)), 0.5 * people[platform]),
        mix_indptr=indptr,
        mix_community=community,
        mix_share=mix,
        population=POPULATION,
        patterns=patterns,
        pattern_share=share,
        community_share=rng.dirichlet(np.full(n, 5.0)),
        cell_share=np.array([0.3, 0.3, 0.25, 0.15]),
        profile=rng.integers(-1, 3, creators),
        profiles=rng.dirichlet(np.ones(4) * 2, 3),
    )


def members(panel: Panel, c: int) -> np.ndarray:
    return panel.persons[panel.indptr[c] : panel.indptr[c + 1]]


def people_in(panel: Panel, c: int) -> float:
    share = 1.0 if panel.share is None else float(panel.share[c])
    return len(members(panel, c)) * share * float(panel.weight[0])


def totals(panel: Panel) -> np.ndarray:
    return np.array([people_in(panel, c) for c in range(panel.n_creators)])


def test_audiences_have_their_sizes_within_sampling_error():
    model = model_of()
    panel = build_panel(model, 50_000, seed=1, calibrate=False)
    expected = expected_audience(model)
    unit = panel.weight[0] * panel.share
    z = (totals(panel) - expected) / np.sqrt(expected * unit)
    assert abs(z.mean()) < 0.2
    assert 0.85 < z.std() < 1.15
    assert np.diff(panel.indptr).min() > 0, "the smallest audiences are spread over several persons"


def test_calibration_makes_totals_exact():
    model = model_of()
    panel = build_panel(model, 20_000, seed=1)
    np.testing.assert_allclose(totals(panel), expected_audience(model), rtol=1e-9)
    again = calibrated(model, build_panel(model, 20_000, seed=1, calibrate=False))
    np.testing.assert_allclose(again.share, panel.share)


def test_persons_are_ascending_and_unique_within_a_creator():
    panel = build_panel(model_of(), 5000, seed=2)
    for c in range(panel.n_creators):
        assert np.all(np.diff(members(panel, c)) > 0)


def test_a_seed_fixes_the_panel_and_another_seed_is_another_panel():
    model = model_of()
    one, same, other = (build_panel(model, 5000, seed=s) for s in (3, 3, 4))
    np.testing.assert_array_equal(one.persons, same.persons)
    assert len(np.intersect1d(members(one, 0), members(other, 0))) < 0.9 * len(members(one, 0))


def test_any_part_of_the_creators_gets_the_same_persons():
    model = model_of()
    whole = build_panel(model, 5000, seed=5, calibrate=False)
    part = build_panel(model, 5000, seed=5, calibrate=False, creators=np.array([7, 100, 399]))
    for n, c in enumerate((7, 100, 399)):
        np.testing.assert_array_equal(members(part, n), members(whole, c))


def test_a_mapped_panel_equals_one_in_memory(tmp_path: Path):
    model = model_of()
    mapped = build_panel(model, 5000, seed=6, directory=tmp_path)
    kept = build_panel(model, 5000, seed=6)
    np.testing.assert_array_equal(mapped.persons, kept.persons)
    assert (tmp_path / "persons.int32").exists()
    problem = Problem(mapped, np.arange(400), np.full(400, 10.0), np.full(400, 0.3), 300.0)
    assert greedy(problem).reach == greedy(replace(problem, panel=kept)).reach


def test_overlaps_are_those_of_the_model():
    model = model_of()
    big = np.argsort(-model.audience)[:25]
    pairs = np.array([(a, b) for i, a in enumerate(big) for b in big[:i]])
    expected = expected_overlap(replace(model, profile=None, profiles=None), pairs)
    plain = replace(model, profile=None, profiles=None)
    seen = np.zeros(len(pairs))
    for seed in range(4):
        panel = build_panel(plain, 40_000, seed=seed, calibrate=False)
        sets = {c: members(panel, c) for c in big}
        for n, (a, b) in enumerate(pairs):
            common = len(np.intersect1d(sets[a], sets[b], assume_unique=True))
            seen[n] += common * panel.weight[0] * panel.share[a] * panel.share[b] / 4
    # Chances of the largest audiences reach 1 in their communities, which the closed form leaves out.
    small = np.maximum(model.audience[pairs[:, 0]], model.audience[pairs[:, 1]]) < 0.02 * POPULATION
    assert small.sum() > 100
    assert seen[small].sum() == pytest.approx(expected[small].sum(), rel=0.05)
    assert np.corrcoef(seen[small], expected[small])[0, 1] > 0.9


def test_observed_overlap_is_met_and_weak_evidence_is_shrunk():
    base = replace(model_of(), profile=None, profiles=None)
    order = np.argsort(-base.audience)
    a, b = (int(c) for c in order[[10, 12]])
    wanted = 0.6 * base.audience[b]
    prior = expected_overlap(base, np.array([[a, b]]))[0]
    for sample, share in ((1e6, 1.0), (1.0, 0.5)):
        model = replace(
            base,
            hint_pair=np.array([[a, b]]),
            hint_shared=np.array([wanted]),
            hint_sample=np.array([sample]),
            platform=np.where(np.isin(np.arange(400), [a, b]), 0, base.platform),
        )
        prior = expected_overlap(model, np.array([[a, b]]))[0]
        seen = []
        for seed in range(8):
            panel = build_panel(model, 60_000, seed=seed, calibrate=False)
            common = len(np.intersect1d(members(panel, a), members(panel, b)))
            seen.append(common * panel.weight[0] * max(panel.share[a], panel.share[b]))
            assert people_in(panel, b) == pytest.approx(base.audience[b], rel=0.5)
        assert np.mean(seen) == pytest.approx(prior + share * (wanted - prior), rel=0.2)


def test_the_target_counts_only_its_people():
    model = model_of()
    women = np.array([1.0, 0.0, 1.0, 0.0])
    target = replace(model, target_cell=women, target_platform=np.array([True, False, False]))
    panel = build_panel(target, 40_000, seed=1, calibrate=False)
    assert panel.weight.sum() == pytest.approx(6e5 * 0.55, rel=1e-9)
    expected = expected_audience(target)
    unit = panel.weight[0] * panel.share
    z = (totals(panel) - expected) / np.sqrt(np.maximum(expected, 1.0) * unit)
    big = np.argsort(-model.audience)[:30]  # their chances saturate, the formula for the cells is only approximate
    assert abs(np.delete(z, big).mean()) < 0.25
    assert totals(panel).sum() == pytest.approx(expected.sum(), rel=0.03)


def test_an_empty_target_is_refused():
    with pytest.raises(TidegaugeError, match="empty"):
        build_panel(replace(model_of(), target_cell=np.zeros(4)), 100, seed=1)


@pytest.mark.parametrize(
    "change",
    [
        {"audience": np.full(400, np.nan)},
        {"community_share": np.full(20, 0.2)},
        {"profile": None},
        {"mix_share": np.full(10_000, 0.9)},
    ],
)
def test_a_senseless_model_is_refused(change):
    model = model_of()
    if "mix_share" in change:
        change = {"mix_share": np.full(len(model.mix_share), 0.9)}
    with pytest.raises(TidegaugeError):
        build_panel(replace(model, **change), 100, seed=1)


def test_persons_follow_the_shares():
    model = model_of()
    persons = draw_persons(model, 60_000, 9)
    found = np.bincount(persons.community, minlength=20) / 60_000
    assert np.abs(found - model.community_share).max() < 0.01
    on_first = ((persons.pattern & np.uint64(1)) > 0).mean()
    reachable = 1 - model.pattern_share[model.patterns == 0].sum()
    assert on_first == pytest.approx(0.6 / reachable, abs=0.01)
    assert np.all(np.diff(persons.community) >= 0)


def test_platform_patterns_meet_the_pairs():
    people, pair = np.array([60.0, 50.0, 20.0]), np.full((3, 3), np.nan)
    pair[0, 1] = pair[1, 0] = 45.0
    patterns, share = platform_patterns(100.0, people, pair)
    uses = (patterns[:, None] >> np.arange(3, dtype=np.uint64)) & np.uint64(1)
    np.testing.assert_allclose(share @ uses, [0.6, 0.5, 0.2], atol=1e-6)
    assert share @ (uses[:, 0] * uses[:, 1]) == pytest.approx(0.45, abs=1e-6)
    with pytest.raises(TidegaugeError):
        platform_patterns(100.0, np.array([120.0]))


@settings(max_examples=60, deadline=None)
@given(st.floats(0.001, 0.98), st.integers(0, 1000))
def test_capped_chances_keep_the_mean(rate, seed):
    rng = np.random.default_rng(seed)
    level, level_share = np.array([0.35, 1.0, 2.625]), np.array([0.5, 0.3, 0.2])
    cells = rng.dirichlet(np.ones(4))
    profile = rng.dirichlet(np.ones(4)) / cells
    r = solve_rate(rate, level, level_share, profile, cells)
    chance = np.minimum(1.0, r * np.outer(level, profile))
    assert (level_share @ chance @ cells) == pytest.approx(rate, rel=1e-6)


def problem_on(panel: Panel) -> Problem:
    rng = np.random.default_rng(1)
    creator = np.repeat(np.arange(panel.n_creators), 2)
    audience = model_of().audience[creator]
    exposure = np.tile([0.2, 0.4], panel.n_creators)
    price = (audience * exposure) ** 0.9 * rng.lognormal(0, 0.4, len(creator))
    return Problem(panel, creator, price, exposure, 0.05 * price.sum())


def test_the_population_gap_holds_for_a_large_independent_population():
    model = model_of()
    truth = problem_on(build_panel(model, 400_000, seed=99, calibrate=False))
    solution, certificate, found = certify_population(
        model, problem_on, seed=5, target_gap=0.08, first_persons=20_000, most_persons=40_000, time_limit_s=6
    )
    real = reach(truth, solution.items)
    assert found.low <= real * 1.01
    assert found.interval[0] * 0.99 <= real <= found.interval[1] * 1.01
    assert found.upper_bound >= greedy(truth).reach
    assert certificate.gap < found.gap < 0.25
    assert abs(found.optimism) < 0.1


def test_bounds_cover_the_population_over_many_panels():
    """60 pairs of small panels: the true reach and the optimum's lower estimate stay inside, 90 % asked."""
    model = model_of(creators=400)
    truth = problem_on(build_panel(model, 300_000, seed=77, calibrate=False))
    good = greedy(truth).reach
    low_holds = high_holds = 0
    for seed in range(60):
        planned = problem_on(build_panel(model, 1500, seed=2 * seed, calibrate=False, least_persons=4))
        judge = problem_on(build_panel(model, 1500, seed=2 * seed + 1, calibrate=False, least_persons=4))
        solution = greedy(planned)
        found = population_gap(solution, quick_bound(planned, solution), planned, judge, level=0.9)
        low_holds += found.low <= reach(truth, solution.items)
        high_holds += found.upper_bound >= good
    assert low_holds >= 54
    assert high_holds >= 58


def test_persons_whom_nobody_reaches_change_nothing():
    panel = build_panel(model_of(creators=20), 3000, seed=4)
    fewer = met(panel)
    assert fewer.n_persons == len(np.unique(panel.persons)) < panel.n_persons
    whole, part = (Problem(p, np.arange(20), np.ones(20), np.full(20, 0.4), 5.0) for p in (panel, fewer))
    picks = greedy(whole)
    assert np.array_equal(greedy(part).items, picks.items)
    assert reach(part, picks.items) == pytest.approx(picks.reach, rel=1e-12)
    assert quick_bound(part, picks).upper_bound == pytest.approx(quick_bound(whole, picks).upper_bound, rel=1e-9)
