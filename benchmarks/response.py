"""Response model beside PyMC-Marketing on the same histories: effective draws a second, and error of contributions.

    python benchmarks/response.py --peer-python /path/to/python        (a Python with pymc-marketing and nutpie)

Both sample 4 chains of `--draws`, 2 at a time; `fit_s` is the time of the fitting call with compilation, imports
left out, `cpu_s` the processor time of the same call (comparable on a busy machine), `ess_min` the bulk effective size
of the worst free parameter (for Tidegauge of the worst coordinate). The histories are the twin's markets, so the
truth of each stream's contribution is known: `error` is the sum of absolute errors over the sum of true contributions.
With `--folds N` both are also fitted on the past of N origins, 13 weeks apart, and forecast the next 13 weeks with the
spend and controls that then came: `crps` is over the mean outcome, `covered` of the 90 % interval (Tidegauge without
its brand stock, 300 draws of 2 chains each; sums over regions).
Without `--peer-python` only Tidegauge runs, and the table says so. Nothing is installed.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

#: name → (streams, weeks, regions, brand effect, brand series shown)
CASES = {
    "2 streams x 179 weeks": (2, 179, 1, 0.0, False),
    "8 streams x 180 weeks": (8, 180, 1, 0.0, False),
    "8 regions x 4 streams x 156 weeks": (4, 156, 8, 0.0, False),
    "brand: 6 streams x 156 weeks": (6, 156, 1, 1.0, True),
}
#: Weeks that a backtest forecasts.
_AHEAD = 13


def case(name: str, seed: int):
    """The history of a case and the true short contribution of each stream."""
    from tidegauge.response.history import make_history
    from tidegauge.twin.market import market_history
    from tidegauge.twin.market_truth import true_returns

    streams, weeks, regions, effect, brand = CASES[name]
    market = market_history(seed, streams=streams, weeks=weeks, geos=regions, brand_effect=effect)
    seen = market.outcomes
    several = regions > 1
    history = make_history(
        np.array(market.weeks, dtype="datetime64[D]"),
        market.streams,
        market.geo_spend if several else market.spend,
        market.geo_sales if several else seen["sales"],
        geos=market.geos,
        brand_series={k: seen[k] for k in ("search_index", "mentions", "awareness")} if brand else {},
        controls={"holiday": seen["control:holiday"], "demand": seen["control:demand_survey"]},
    )
    return history, true_returns(market).short_cny


def own(name: str, seed: int, draws: int, folds: int) -> dict[str, object]:
    """Tidegauge's row."""
    from tidegauge.response.backtest import backtest
    from tidegauge.response.diagnose import split_rhat_ess
    from tidegauge.response.fit import fit, rescale
    from tidegauge.response.posterior import Form
    from tidegauge.response.states import draw_parts

    history, truth = case(name, seed)
    cpu, begun = time.process_time(), time.perf_counter()
    posterior = fit(history, draws=draws, chains=4, cores=2, seed=seed)
    fit_s, cpu_s = time.perf_counter() - begun, time.process_time() - cpu
    z = posterior.draws["z"]
    found = np.array([split_rhat_ess(z[:, :, i]) for i in range(z.shape[2])])
    parts = draw_parts(rescale(posterior), posterior.flat("z", 300), None)
    told = parts.short.mean(axis=0).sum(axis=0)
    made = row("tidegauge", name, found[:, 1].min(), found[:, 0].max(), posterior.sampling["divergences"], fit_s, cpu_s,
               float(np.abs(told - truth).sum() / truth.sum()))  # fmt: skip
    if not folds:
        return made
    back = backtest(history, Form(brand="off"), folds=folds, ahead=_AHEAD, draws=300, seed=seed)
    mean = float(history.outcome.sum(axis=0)[-_AHEAD * folds :].mean())
    return made | {"crps": round(float(np.mean([f.crps for f in back.folds])) / mean, 4), "covered": back.covered}


def row(engine, data, ess, rhat, divergences, fit_s, cpu_s, error) -> dict[str, object]:
    return {
        "engine": engine,
        "data": data,
        "ess_min": round(float(ess), 1),
        "ess_per_s": round(float(ess) / fit_s, 2),
        "ess_per_cpu_s": round(float(ess) / cpu_s, 2),
        "fit_s": round(fit_s, 2),
        "cpu_s": round(cpu_s, 2),
        "rhat_max": round(float(rhat), 4),
        "divergences": int(divergences),
        "error": round(error, 4),
    }


def hand_over(name: str, seed: int, path: Path) -> None:
    """The case as a plain file that the peer's Python reads without Tidegauge."""
    history, truth = case(name, seed)
    np.savez(
        path,
        dates=history.dates.astype("datetime64[D]").astype(str),
        spend=history.spend,
        outcome=history.outcome,
        geos=np.array(history.geos),
        streams=np.array(history.streams),
        holiday=history.controls["holiday"],
        demand=history.controls["demand"],
        truth=truth,
    )


def peer_frame(held):
    """The handed-over case as the peer wants it: one row per region and week."""
    import pandas as pd

    streams = [f"s{i}" for i in range(len(held["streams"]))]
    frames = []
    for g, geo in enumerate(held["geos"]):
        frame = pd.DataFrame(held["spend"][g], columns=streams)
        frame["date"] = pd.to_datetime(held["dates"])
        frame["geo"] = geo
        for control in ("holiday", "demand"):
            values = held[control][g]
            # Standardised controls are kinder to its sampler (and standard in its own tutorials).
            frame[control] = (values - values.mean()) / values.std()
        frame["trend"] = np.linspace(-1.7, 1.7, len(frame))
        frame["y"] = held["outcome"][g]
        frames.append(frame)
    return pd.concat(frames, ignore_index=True), streams


def peer_fit(data, streams, sampler: str, draws: int, chains: int, seed: int):
    """PyMC-Marketing with geometric adstock, logistic saturation and its default priors; and the columns it reads."""
    from pymc_marketing.mmm import MMM, GeometricAdstock, LogisticSaturation

    several = data["geo"].nunique() > 1
    model = MMM(
        date_column="date",
        target_column="y",
        channel_columns=streams,
        control_columns=["holiday", "demand", "trend"],
        adstock=GeometricAdstock(l_max=8),
        saturation=LogisticSaturation(),
        yearly_seasonality=3,
        dims=("geo",) if several else None,
    )
    columns = ["date", *(["geo"] if several else []), *streams, "holiday", "demand", "trend"]
    model.build_model(data[columns], data["y"])
    model.add_original_scale_contribution_variable(["channel_contribution"])
    model.fit(
        data[columns], data["y"], nuts_sampler=sampler, draws=draws, tune=draws, chains=chains, cores=2,
        random_seed=seed, progressbar=False,
    )  # fmt: skip
    return model, columns


def as_peer(path: Path, name: str, args: argparse.Namespace) -> dict[str, object]:
    """PyMC-Marketing's row."""
    import arviz as az

    held = np.load(path)
    data, streams = peer_frame(held)
    cpu, begun = time.process_time(), time.perf_counter()
    model, _ = peer_fit(data, streams, args.peer_sampler, args.draws, 4, args.seed)
    fit_s, cpu_s = time.perf_counter() - begun, time.process_time() - cpu
    posterior = model.idata.posterior.dataset if hasattr(model.idata.posterior, "dataset") else model.idata.posterior
    free = [v.name for v in model.model.free_RVs]
    ess = az.ess(posterior[free])
    rhat = az.rhat(posterior[free])
    sizes = min(float(np.min(ess[v].values)) for v in free)
    worst = max(float(np.max(rhat[v].values)) for v in free)
    told = posterior["channel_contribution_original_scale"].mean(("chain", "draw"))
    told = told.sum([d for d in told.dims if d != "channel"]).sel(channel=streams).values
    diverged = int(np.asarray(model.idata.sample_stats["diverging"]).sum())
    truth = held["truth"]
    made = row(f"pymc-marketing {args.peer_sampler}", name, sizes, worst, diverged, fit_s, cpu_s,
               float(np.abs(told - truth).sum() / truth.sum()))  # fmt: skip
    return made | (peer_backtest(data, streams, args) if args.folds else {})


def peer_backtest(data, streams, args: argparse.Namespace) -> dict[str, object]:
    """The same origins as Tidegauge's look back."""
    dates = np.sort(data["date"].unique())
    scores, held = [], []
    for k in range(args.folds):
        cut = len(dates) - _AHEAD * (k + 1)
        past, ahead = data[data["date"] < dates[cut]], data[data["date"].isin(dates[cut : cut + _AHEAD])]
        model, columns = peer_fit(past, streams, args.peer_sampler, 300, 2, args.seed + k)
        made = model.sample_posterior_predictive(
            ahead[columns], include_last_observations=True, extend_idata=False, progressbar=False,
            random_seed=args.seed,
        )["y"] * model.scalers["_target"]  # fmt: skip
        rest = [d for d in made.dims if d not in ("sample", "date")]
        drawn = made.sum(rest).transpose("sample", "date").values
        y = ahead.groupby("date")["y"].sum().to_numpy()
        ordered = np.sort(drawn, axis=0)
        ranks = (2 * np.arange(1, len(ordered) + 1) - len(ordered) - 1)[:, None]
        scores.append(np.abs(drawn - y).mean(axis=0) - (ranks * ordered).sum(axis=0) / len(ordered) ** 2)
        low, high = np.quantile(drawn, [0.05, 0.95], axis=0)
        held.append((y >= low) & (y <= high))
    mean = float(data.groupby("date")["y"].sum().to_numpy()[-_AHEAD * args.folds :].mean())
    return {"crps": round(float(np.mean(scores)) / mean, 4), "covered": float(np.mean(held))}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--peer-python", help="a Python that has pymc-marketing, nutpie and arviz")
    parser.add_argument("--case", action="append", choices=list(CASES), help="only these; repeatable")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--peer-sampler", choices=("nutpie", "numpyro", "pymc"), default="nutpie")
    parser.add_argument("--draws", type=int, default=1000, help="per chain; the peer tunes as long")
    parser.add_argument("--folds", type=int, default=0, help="origins to forecast from")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--as-peer", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.as_peer:
        print("ROW " + json.dumps(as_peer(Path(args.as_peer), args.case[0], args)))
        return
    rows = []
    own("2 streams x 179 weeks", 99, 100, 0)  # fills the compiler's cache, as an installed program has it
    for name in args.case or CASES:
        rows.append(own(name, args.seed, args.draws, args.folds))
        print(json.dumps(rows[-1]), file=sys.stderr, flush=True)
        if args.peer_python:
            with tempfile.TemporaryDirectory() as place:
                file = Path(place) / "case.npz"
                hand_over(name, args.seed, file)
                command = [args.peer_python, "-W", "ignore", __file__, "--as-peer", str(file), "--case", name]
                command += [f"--seed={args.seed}", f"--draws={args.draws}", f"--folds={args.folds}"]
                command += ["--peer-sampler", args.peer_sampler]
                done = subprocess.run(command, capture_output=True, text=True, check=False)
            told = [line for line in done.stdout.splitlines() if line.startswith("ROW ")]
            if told:
                rows.append(json.loads(told[0][4:]))
                print(told[0], file=sys.stderr, flush=True)
            else:
                print(f"the peer failed: {done.stderr[-600:]}", file=sys.stderr)
    machine = {"cpus": os.cpu_count(), "python": platform.python_version(), "load": os.getloadavg()[0]}
    if args.json:
        print(json.dumps({"rows": rows, "machine": machine}))
        return
    heads = list(dict.fromkeys(h for r in rows for h in r))
    print("  ".join(heads))
    for r in rows:
        print("  ".join(str(r.get(h, "-")) for h in heads))
    if not args.peer_python:
        print("PyMC-Marketing did not run: name a Python that has it with --peer-python")


if __name__ == "__main__":
    main()
