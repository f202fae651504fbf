"""Does the response model find what it should: artificial markets with known truth, coverage of its 90 % intervals.

Each world is one history of `tidegauge.twin.market` (its curves, its linear brand stock, its noise are the twin's, not
the model's): worlds with a brand effect, without one, with spend that follows a demand which nothing measures, and
with fewer streams, in turn. Printed: the share of worlds and streams whose truth lies inside the interval, the bias of
the totals, and how often a long-term effect was claimed where there is none.

    python benchmarks/response_recovery.py --worlds 50
"""

from __future__ import annotations

import argparse
import json
import platform
import sys
import time

import numpy as np

from tidegauge.response.fit import fit
from tidegauge.response.history import make_history
from tidegauge.response.posterior import Form, response_curve
from tidegauge.response.reading import read_response
from tidegauge.twin.market import market_history
from tidegauge.twin.market_truth import true_returns

KINDS = ("brand", "no_brand", "confounded", "brand_walk")
SATURATIONS = ("logistic", "hill")


def world(kind: str, seed: int):
    """The market and what of it is shown to the model."""
    rng = np.random.default_rng(seed)
    half_life = float(np.exp(rng.uniform(np.log(13), np.log(40))))
    options = {"streams": int(rng.integers(3, 7)), "weeks": int(rng.choice([130, 156, 208]))}
    if kind == "no_brand":
        market = market_history(seed, brand_effect=0.0, brand_half_life_weeks=half_life, **options)
    elif kind == "confounded":
        market = market_history(
            seed, brand_effect=0.0, brand_half_life_weeks=half_life, confounding=0.5, demand_walk_year=0.1, **options
        )
    elif kind == "brand":
        market = market_history(
            seed, brand_effect=float(rng.uniform(0.6, 1.6)), brand_half_life_weeks=half_life,
            saturation=str(rng.choice(["hill", "logistic"])), **options,
        )  # fmt: skip
    else:
        market = market_history(
            seed, brand_effect=float(rng.uniform(0.6, 1.6)), brand_half_life_weeks=half_life, demand_walk_year=0.05,
            confounding=0.2, **options,
        )  # fmt: skip
    seen = market.outcomes
    controls = {"holiday": seen["control:holiday"]}
    if kind != "confounded":
        controls["demand"] = seen["control:demand_survey"]
    history = make_history(
        np.array(market.weeks, dtype="datetime64[D]"), market.streams, market.spend, seen["sales"],
        brand_series={k: seen[k] for k in ("search_index", "mentions", "awareness")}, controls=controls,
    )  # fmt: skip
    return market, history


def one(kind: str, seed: int, draws: int, form: Form) -> dict[str, object]:
    """Fit one world and hold its intervals against the truth."""
    market, history = world(kind, seed)
    begun = time.perf_counter()
    posterior = fit(history, form, draws=draws, tune=300, chains=2, seed=seed)
    read = read_response(posterior, seed=seed)
    truth = true_returns(market)
    added = response_curve(posterior, history.spend, most_draws=1000)
    short, long = added.short.sum(axis=1), added.long.sum(axis=1)
    multiplier = 1 + long / short
    true_long = float((truth.roi_long * truth.spend_cny).sum())
    true_multiplier = 1 + true_long / float(truth.short_cny.sum())

    def holds(f, value: float) -> bool:
        slack = 1e-9 * max(abs(value), 1.0)
        return bool(f.low - slack <= value <= f.high + slack)

    low, high = np.quantile(multiplier, [0.05, 0.95])
    return {
        "kind": kind,
        "seed": seed,
        "streams": len(truth.streams),
        "short_roi_covered": [holds(s.roi_short, v) for s, v in zip(read.streams, truth.roi_short, strict=True)],
        "long_roi_covered": [holds(s.roi_long, v) for s, v in zip(read.streams, truth.roi_long, strict=True)],
        "total_short_covered": holds(read.total.roi_short, float(truth.short_cny.sum() / truth.spend_cny.sum())),
        "multiplier_covered": bool(low - 1e-9 <= true_multiplier <= high + 1e-9),
        # Share of the posterior below the truth: flat over worlds if the intervals are honest at every level.
        "total_short_place": float(np.mean(short < truth.short_cny.sum())),
        "multiplier_place": float(np.mean(multiplier < true_multiplier)),
        "multiplier": [float(np.mean(multiplier)), float(low), float(high), true_multiplier],
        "short_ratio": float(short.mean() / truth.short_cny.sum()),
        "contribution_error": float(
            np.abs(np.array([s.contribution.value for s in read.streams]) - truth.short_cny).sum()
            / truth.short_cny.sum()
        ),
        "claimed": sum(s.claim_long for s in read.streams),
        "total_claimed": read.total.claim_long,
        "verdict": read.verdict,
        "divergences": read.diagnostics.divergences,
        "fit_s": time.perf_counter() - begun,
    }


def summary(rows: list[dict[str, object]], kind: str) -> dict[str, object]:
    """Coverage over worlds (and streams) of one kind, or of all."""
    chosen = [r for r in rows if kind in ("all", r["kind"])]
    pooled = {k: [v for r in chosen for v in r[k]] for k in ("short_roi_covered", "long_roi_covered")}
    return {
        "kind": kind,
        "worlds": len(chosen),
        **{k: float(np.mean(v)) for k, v in pooled.items()},
        "total_short_covered": float(np.mean([r["total_short_covered"] for r in chosen])),
        "multiplier_covered": float(np.mean([r["multiplier_covered"] for r in chosen])),
        "multiplier_width": float(np.mean([r["multiplier"][2] - r["multiplier"][1] for r in chosen])),
        "short_ratio": float(np.mean([r["short_ratio"] for r in chosen])),
        "contribution_error": float(np.mean([r["contribution_error"] for r in chosen])),
        "total_claimed": float(np.mean([r["total_claimed"] for r in chosen])),
        "streams_claimed": float(np.sum([r["claimed"] for r in chosen]) / np.sum([r["streams"] for r in chosen])),
        "divergences": float(np.mean([r["divergences"] for r in chosen])),
        "fit_s": float(np.mean([r["fit_s"] for r in chosen])),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--worlds", type=int, default=50)
    parser.add_argument("--draws", type=int, default=300)
    parser.add_argument("--first", type=int, default=0, help="seed of the first world")
    parser.add_argument("--kind", action="append", choices=KINDS, help="only these, in turn; repeatable")
    parser.add_argument("--saturation", choices=SATURATIONS, default=Form().saturation)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--log", help="append each world's row to this file as it is done")
    args = parser.parse_args()
    rows, kinds = [], args.kind or KINDS
    for i in range(args.first, args.first + args.worlds):
        rows.append(one(kinds[i % len(kinds)], 1000 + i, args.draws, Form(saturation=args.saturation)))
        print(f"world {i + 1}: {rows[-1]['kind']}, {rows[-1]['fit_s']:.0f} s", file=sys.stderr, flush=True)
        if args.log:
            with open(args.log, "a", encoding="utf-8") as f:
                f.write(json.dumps(rows[-1]) + "\n")
    told = [summary(rows, k) for k in ("all", *dict.fromkeys(str(r["kind"]) for r in rows))]
    if args.json:
        print(json.dumps({"rows": told, "worlds": rows, "machine": {"python": platform.python_version()}}))
        return
    for name in told[0]:
        print(f"{name:22}", *(f"{r[name]:>26.2f}" if isinstance(r[name], float) else f"{r[name]!s:>26}" for r in told))


if __name__ == "__main__":
    main()
