"""The planner on an artificial market of any size: gap, times, memory, and peers in the same run.

    python benchmarks/planner.py --creators 100000 --persons 1000000 --budget 3e6 --groups 0 --seed 1 --json

The first row is the plan (panel gap, seconds of greedy and certificate, peak memory until then, optimism against an
independent panel). Then, unless left out: the gap to the population, effective reach at frequency 2 in a niche market,
and the peers. Seconds are of a warm process: a small plan is solved first, so that compiled code is loaded.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import resource
import sys
import time
from collections.abc import Iterator
from pathlib import Path

# A script's folder comes first on the path, and numba imports a package `coverage` if it finds one: not a file here.
FOLDER = sys.path.pop(0)
import numba  # noqa: E402

sys.path.insert(0, FOLDER)
import numpy as np  # noqa: E402

from planner_instance import make_market, make_problem  # noqa: E402
from planner_peers import Row, apricot_row, celf_row, proof_row, uplift_rows  # noqa: E402
from tidegauge.plan.audience.panel import build_panel  # noqa: E402
from tidegauge.plan.audience.population import certify_population  # noqa: E402
from tidegauge.plan.solver.certificate import quick_bound, tight_dual  # noqa: E402
from tidegauge.plan.solver.flat import flatten  # noqa: E402
from tidegauge.plan.solver.problem import Problem  # noqa: E402
from tidegauge.plan.solver.roster import reach  # noqa: E402
from tidegauge.plan.solver.solve import solve, start_roster  # noqa: E402


def plan_row(problem: Problem, time_limit_s: float, seed: int) -> tuple[Row, np.ndarray]:
    """Greedy, the bound alone, then the whole planner, timed one by one."""
    began = time.perf_counter()
    flat = flatten(problem)
    first = start_roster(problem, flat)
    greedy_s = time.perf_counter() - began
    began = time.perf_counter()
    dual, _ = tight_dual(flat, first, time_limit_s=time_limit_s)
    certificate_s = time.perf_counter() - began
    greedy_gap = 1.0 - first.reach / dual.bound
    del flat, dual
    began = time.perf_counter()
    solution, certificate = solve(problem, seed=seed, time_limit_s=time_limit_s)
    solve_s = time.perf_counter() - began
    row: Row = {
        "method": "tidegauge",
        "reach": solution.reach,
        "upper_bound": certificate.upper_bound,
        "gap": certificate.gap,
        "proof": certificate.method,
        "gap_of_greedy": greedy_gap,
        "gap_of_quick_bound": quick_bound(problem, first).gap,
        "picks": len(solution.items),
        "cost": solution.cost,
        "seconds_greedy": greedy_s,
        "seconds_certificate": certificate_s,
        "seconds_solve": solve_s,
    }
    return row, solution.items


def rows_of(arguments: argparse.Namespace) -> Iterator[Row]:
    seed, budget, groups = arguments.seed, arguments.budget, arguments.groups
    warm_up(groups)
    market = make_market(arguments.creators, seed, tail=arguments.tail, price_sd=arguments.price_spread)
    began = time.perf_counter()
    panel = build_panel(market.model, arguments.persons, seed=2 * seed)
    panel_s = time.perf_counter() - began
    problem = make_problem(market, panel, budget, groups)
    row, items = plan_row(problem, arguments.time_limit, seed)
    row |= {"entries": len(panel.persons), "seconds_panel": panel_s, "rss_mb": peak_mb()}
    judge = make_problem(
        market, build_panel(market.model, arguments.persons, seed=2 * seed + 1, calibrate=False), budget, groups
    )
    row["optimism"] = float(row["reach"]) / reach(judge, items) - 1.0  # type: ignore[arg-type]
    yield row
    ours_s, ours_reach = float(row["seconds_greedy"]), float(row["reach"])  # type: ignore[arg-type]
    del judge
    if arguments.peers:
        yield celf_row(problem, ours_s, ours_reach)
        yield apricot_row(problem, arguments.apricot_python)
        yield proof_row(market, problem, arguments.time_limit)
        small = min(arguments.creators, 20_000)
        yield from uplift_rows(
            small, arguments.persons, budget * small / arguments.creators, groups, seed, arguments.seeds
        )
        yield frequency_row(seed, arguments.time_limit)
    del problem, panel
    if arguments.population_persons:
        yield population_row(arguments)


def warm_up(groups: int) -> None:
    """Load the compiled code with a market of 300 creators."""
    market = make_market(300, 0)
    for frequency in (1, 2):
        problem = make_problem(market, build_panel(market.model, 3000, seed=0), 2e4, 0, frequency)
        solve(problem, time_limit_s=1.0)
    if groups:
        problem = make_problem(market, build_panel(market.model, 3000, seed=0), 2e4, 2)
        start_roster(problem, flatten(problem))


def population_row(arguments: argparse.Namespace) -> Row:
    market = make_market(arguments.creators, arguments.seed, tail=arguments.tail, price_sd=arguments.price_spread)
    began = time.perf_counter()
    _, certificate, found = certify_population(
        market.model,
        lambda panel: make_problem(market, panel, arguments.budget, arguments.groups),
        seed=arguments.seed,
        first_persons=arguments.population_persons,
        most_persons=arguments.population_persons,
        time_limit_s=2 * arguments.time_limit,
    )
    return {
        "method": "tidegauge, population",
        "persons": found.persons,
        "reach": found.reach,
        "low": found.low,
        "upper_bound": found.upper_bound,
        "gap": found.gap,
        "level": found.level,
        "panel_gap": certificate.gap,
        "optimism": found.optimism,
        "seconds": time.perf_counter() - began,
        "rss_mb": peak_mb(),
    }


def frequency_row(seed: int, time_limit_s: float) -> Row:
    """Effective reach at frequency 2 where it is a sensible goal: a niche of 2 million with 10,000 candidates."""
    market = make_market(10_000, seed, population=2e6)
    problem = make_problem(market, build_panel(market.model, 100_000, seed=2 * seed), 5e5, 0, frequency=2)
    began = time.perf_counter()
    solution, certificate = solve(problem, seed=seed, time_limit_s=time_limit_s)
    return {
        "method": "tidegauge, frequency 2",
        "creators": 10_000,
        "persons": 100_000,
        "budget": problem.budget,
        "reach": solution.reach,
        "share_of_people": solution.reach / 2e6,
        "upper_bound": certificate.upper_bound,
        "gap": certificate.gap,
        "seconds": time.perf_counter() - began,
    }


def peak_mb() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return used / 1e6 if sys.platform == "darwin" else used / 1e3


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--creators", type=lambda v: int(float(v)), default=10_000)
    parser.add_argument("--persons", type=lambda v: int(float(v)), default=1_000_000)
    parser.add_argument("--budget", type=float, help="default: 10 times the creators in money, at least 200,000")
    parser.add_argument("--groups", type=int, choices=range(9), default=0, metavar="0..8")
    parser.add_argument("--tail", type=float, default=1.2, help="Pareto exponent of followers: smaller is heavier")
    parser.add_argument("--price-spread", type=float, default=0.5, help="log spread of creators' prices")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--seeds", type=int, default=5, help="markets over which the rankings are compared")
    parser.add_argument("--time-limit", type=float, default=60.0, help="seconds for the bound, and for the whole plan")
    about = "also certify against the population with panels of N persons (4e6 takes minutes)"
    parser.add_argument("--population-persons", type=lambda v: int(float(v)), default=0, metavar="N", help=about)
    parser.add_argument("--no-peers", dest="peers", action="store_false")
    parser.add_argument("--apricot-python", type=Path, help="the Python of an environment that holds apricot-select")
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    if arguments.budget is None:
        arguments.budget = max(10.0 * arguments.creators, 200_000.0)
    return arguments


def main() -> None:
    arguments = parse()
    rows = []
    for row in rows_of(arguments):
        rows.append(row)
        if not arguments.json:
            print(" | ".join(f"{k} {v:,.4g}" if isinstance(v, float) else f"{k} {v}" for k, v in row.items()))
    if arguments.json:
        machine = {"cpus": os.cpu_count(), "python": platform.python_version(), "numba": numba.__version__}
        settings = {k: str(v) if isinstance(v, Path) else v for k, v in vars(arguments).items() if k != "json"}
        print(json.dumps({"rows": rows, "machine": machine | {"system": platform.platform()}, "settings": settings}))


if __name__ == "__main__":
    main()
