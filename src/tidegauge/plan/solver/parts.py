"""Candidate sets in parts: some creators of a problem with all the persons, in memory or as Parquet files."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from tidegauge.errors import WorkspaceError
from tidegauge.plan.solver.problem import Float, GroupRow, Int, Panel, Problem

_LIMITS = "limits.json"
_PERSONS = "persons.parquet"


@dataclass(frozen=True)
class Part:
    """A problem on some of the creators. `creators` and `items` are their numbers in the whole problem (ascending)."""

    problem: Problem
    creators: Int
    items: Int


def part_of(problem: Problem, creators: Int) -> Part:
    """The part of a problem that these creators (ascending) make; limits and persons stay whole."""
    panel = problem.panel
    sizes = np.diff(panel.indptr)[creators]
    indptr = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)
    entries = np.repeat(panel.indptr[creators] - indptr[:-1], sizes) + np.arange(indptr[-1])
    place = np.full(panel.n_creators, -1, dtype=np.int64)
    place[creators] = np.arange(len(creators))
    items = np.flatnonzero(place[problem.creator] >= 0)
    part = Problem(
        panel=Panel(
            indptr,
            panel.persons[entries],
            panel.weight,
            None if panel.membership is None else panel.membership[entries],
            None if panel.share is None else panel.share[creators],
        ),
        creator=place[problem.creator[items]],
        price=problem.price[items],
        exposure=problem.exposure[items],
        budget=problem.budget,
        rows=tuple(GroupRow(r.label, r.coefficient[items], r.low, r.high) for r in problem.rows),
        allowed=None if problem.allowed is None else problem.allowed[items],
        must=tuple(int(place[c]) for c in problem.must if place[c] >= 0),
        frequency=problem.frequency,
    )
    return Part(part, np.asarray(creators, dtype=np.int64), items)


def shrunk(part: Part, creators: Int) -> Part:
    """Some creators of a part (positions in the part, ascending) with their numbers in the whole problem."""
    inner = part_of(part.problem, creators)
    return Part(inner.problem, part.creators[inner.creators], part.items[inner.items])


def split(problem: Problem, parts: int, *, seed: int) -> list[Part]:
    """Creators dealt at random to `parts` parts (the guarantee of partitioned greedy needs a random split)."""
    owner = np.random.default_rng([seed, 9]).integers(0, parts, problem.panel.n_creators)
    return [part_of(problem, np.flatnonzero(owner == n)) for n in range(parts)]


def joined(parts: list[Part]) -> Part:
    """Several parts of one problem as one; a creator that comes twice is kept once."""
    seen = np.concatenate([p.creators for p in parts])
    _, first = np.unique(seen, return_index=True)
    source = np.repeat(np.arange(len(parts)), [len(p.creators) for p in parts])
    pieces = []
    for n, part in enumerate(parts):
        pieces.append(shrunk(part, np.flatnonzero(np.isin(np.flatnonzero(source == n), first))))
    creators = np.concatenate([p.creators for p in pieces])
    items = np.concatenate([p.items for p in pieces])
    order, by_item = np.argsort(creators, kind="stable"), np.argsort(items, kind="stable")
    place = np.empty(len(order), dtype=np.int64)
    place[order] = np.arange(len(order))
    offset = np.cumsum([0] + [len(p.creators) for p in pieces])
    problems = [p.problem for p in pieces]
    one = problems[0]

    def strung(arrays: list[Float]) -> Float:
        return np.concatenate(arrays)[by_item]

    whole = Problem(
        panel=_joined_panel(problems, order),
        creator=place[np.concatenate([p.creator + offset[n] for n, p in enumerate(problems)])][by_item],
        price=strung([p.price for p in problems]),
        exposure=strung([p.exposure for p in problems]),
        budget=one.budget,
        rows=tuple(
            GroupRow(r.label, strung([p.rows[n].coefficient for p in problems]), r.low, r.high)
            for n, r in enumerate(one.rows)
        ),
        allowed=None
        if one.allowed is None
        else np.concatenate([p.allowed for p in problems if p.allowed is not None])[by_item],
        must=tuple(sorted(int(place[c + offset[n]]) for n, p in enumerate(problems) for c in p.must)),
        frequency=one.frequency,
    )
    return Part(whole, creators[order], items[by_item])


def _joined_panel(problems: list[Problem], order: Int) -> Panel:
    panels = [p.panel for p in problems]
    sizes = np.concatenate([np.diff(p.indptr) for p in panels])
    starts = np.concatenate([[0], np.cumsum(sizes)])[:-1][order]
    indptr = np.concatenate([[0], np.cumsum(sizes[order])]).astype(np.int64)
    entries = np.repeat(starts - indptr[:-1], sizes[order]) + np.arange(indptr[-1])
    share = [p.share for p in panels if p.share is not None]
    member = [p.membership for p in panels if p.membership is not None]
    return Panel(
        indptr,
        np.concatenate([p.persons for p in panels])[entries],
        panels[0].weight,
        np.concatenate(member)[entries] if member else None,
        np.concatenate(share)[order] if share else None,
    )


def write_parts(problem: Problem, directory: Path, parts: int, *, seed: int) -> None:
    """Write a problem as Parquet: `persons.parquet`, and per part a folder with its columns, entries and items."""
    directory.mkdir(parents=True, exist_ok=True)
    pl.DataFrame({"weight": problem.panel.weight}).write_parquet(directory / _PERSONS)
    limits = {
        "parts": parts,
        "budget": float(problem.budget),
        "frequency": problem.frequency,
        "rows": [{"label": r.label, "low": _number(r.low), "high": _number(r.high)} for r in problem.rows],
    }
    (directory / _LIMITS).write_text(json.dumps(limits, ensure_ascii=False), encoding="utf-8")
    for n, part in enumerate(split(problem, parts, seed=seed)):
        _write_part(part, directory / f"part-{n:05d}")


def _number(limit: float) -> float | None:
    """JSON has no infinity."""
    return float(limit) if np.isfinite(limit) else None


def _write_part(part: Part, folder: Path) -> None:
    folder.mkdir(exist_ok=True)
    problem, panel = part.problem, part.problem.panel
    must = np.zeros(panel.n_creators, dtype=bool)
    must[list(problem.must)] = True
    columns: dict[str, object] = {
        "creator": part.creators,
        "size": np.diff(panel.indptr),
        "must": must,
        "share": np.ones(panel.n_creators) if panel.share is None else panel.share,
    }
    pl.DataFrame(columns).write_parquet(folder / "columns.parquet")
    entries: dict[str, object] = {"person": panel.persons}
    if panel.membership is not None:
        entries["membership"] = panel.membership
    pl.DataFrame(entries).write_parquet(folder / "entries.parquet")
    items: dict[str, object] = {
        "item": part.items,
        "creator": problem.creator,
        "price": problem.price,
        "exposure": problem.exposure,
        "allowed": np.ones(len(part.items), dtype=bool) if problem.allowed is None else problem.allowed,
    }
    items |= {f"row_{n}": r.coefficient for n, r in enumerate(problem.rows)}
    pl.DataFrame(items).write_parquet(folder / "items.parquet")


def count_parts(directory: Path) -> int:
    """How many parts a directory of `write_parts` holds."""
    return int(_limits(directory)["parts"])


def read_part(directory: Path, n: int) -> Part:
    """Part n of a directory that `write_parts` wrote."""
    limits = _limits(directory)
    folder = directory / f"part-{n:05d}"
    columns = pl.read_parquet(folder / "columns.parquet")
    entries, items = pl.read_parquet(folder / "entries.parquet"), pl.read_parquet(folder / "items.parquet")
    panel = Panel(
        indptr=np.concatenate([[0], np.cumsum(columns["size"].to_numpy())]).astype(np.int64),
        persons=entries["person"].to_numpy(),
        weight=pl.read_parquet(directory / _PERSONS)["weight"].to_numpy(),
        membership=entries["membership"].to_numpy() if "membership" in entries.columns else None,
        share=columns["share"].to_numpy(),
    )
    rows = tuple(
        GroupRow(
            r["label"],
            items[f"row_{i}"].to_numpy(),
            -np.inf if r["low"] is None else r["low"],
            np.inf if r["high"] is None else r["high"],
        )
        for i, r in enumerate(limits["rows"])
    )
    problem = Problem(
        panel=panel,
        creator=items["creator"].to_numpy(),
        price=items["price"].to_numpy(),
        exposure=items["exposure"].to_numpy(),
        budget=float(limits["budget"]),
        rows=rows,
        allowed=items["allowed"].to_numpy(),
        must=tuple(np.flatnonzero(columns["must"].to_numpy()).tolist()),
        frequency=int(limits["frequency"]),
    )
    return Part(problem, columns["creator"].to_numpy(), items["item"].to_numpy())


def _limits(directory: Path) -> dict[str, Any]:
    try:
        found: dict[str, Any] = json.loads((directory / _LIMITS).read_text(encoding="utf-8"))
    except OSError as e:
        raise WorkspaceError("no exported problem here", where=str(directory), mend="write it with write_parts") from e
    return found
