"""Measurements for the page: asked once per snapshot, computed in another process, read back whole."""

from __future__ import annotations

import contextlib
import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from tidegauge.api import Workspace
from tidegauge.errors import TidegaugeError
from tidegauge.measure.registry import find
from tidegauge.report import findings
from tidegauge.report.blocks import BarChart, LineChart, Picture
from tidegauge.report.charts import svg
from tidegauge.report.words import LANGUAGES
from tidegauge.result import Provenance, Result, Text
from tidegauge.vocab import Lang
from tidegauge.web.cache import read_about, write_about, write_whole
from tidegauge.web.jobs import Job, Lane
from tidegauge.web.site import Site, patient

Say = Callable[[float, str], None]
#: Width in which charts are drawn, in pixels of the drawing.
CHART_WIDTH = 600


@dataclass(frozen=True)
class Answer:
    """A question's state: an outcome (`about`, in the folder `place`), an error that stays true, or a job."""

    place: Path
    about: dict[str, Any] | None
    job: Job | None = None

    @property
    def ready(self) -> bool:
        return self.about is not None and "error" not in self.about

    @property
    def error(self) -> dict[str, str] | None:
        if self.about is not None:
            found: dict[str, str] | None = self.about.get("error")
            return found
        return self.job.error if self.job is not None and self.job.state == "failed" else None

    def drawing(self, lang: Lang, name: str = "chart") -> str:
        """The chart as SVG; empty where the rows gave none."""
        try:
            return (self.place / f"{name}-{lang}.svg").read_text(encoding="utf-8")
        except FileNotFoundError:
            return ""


def answer(
    site: Site, snapshot: int, kind: str, key: object, task: Callable[..., dict[str, Any]], *args: object,
    again: bool = False, lane: Lane = "figures",
) -> Answer:  # fmt: skip
    """The outcome of a task for a snapshot, or the job that computes it (started where there is none).

    `task(say, workspace, snapshot, place, *args)` writes its outcome to `place`. A job that failed is not started
    anew unless `again`.
    """
    place = site.cache.place(snapshot, kind, key)
    about = read_about(place)
    if about is not None:
        return Answer(place, about)
    job = site.jobs.of_key(str(place))
    if job is None or (job.over and (job.state == "done" or again)):
        job = site.jobs.submit(kind, str(place), task, str(site.path), snapshot, str(place), *args, lane=lane)
    return Answer(place, None, job)


def at_hand(site: Site, snapshot: int, kind: str, key: object) -> Answer:
    """The same without starting anything."""
    place = site.cache.place(snapshot, kind, key)
    return Answer(place, read_about(place), site.jobs.of_key(str(place)))


def measured(
    site: Site, snapshot: int, name: str, by: tuple[str, ...] = (), *, finer: bool = False, again: bool = False
) -> Answer:
    """One measure with its chart in both languages. Raises MeasureError for an unknown measure.

    `finer`: where the data are too short for the measure's usual periods, take weeks, then days.
    """
    m = find(name)
    chosen = tuple(c for c in by if c in m.by) or m.default_by
    periods = ["week", "day"] if finer and "period" in m.options else []
    key = [chosen, periods] if periods else chosen
    return answer(site, snapshot, f"measure-{name}", key, _measure, name, list(chosen), periods, again=again)


def result_of(found: Answer) -> Result:
    """The measured table of a ready answer."""
    about = found.about or {}
    p = about["provenance"]
    made = dt.datetime.fromisoformat(p["computed_at"])
    provenance = Provenance(p["engine"], p["snapshot"], tuple(p["ingests"]), p["seed"], made, tuple(p["assumed"]))
    return Result(
        about["measure"],
        tuple(about["by"]),
        pl.read_parquet(found.place / "rows.parquet"),
        provenance,
        find(about["measure"]).explanation,
        about["level"],
        tuple(Text(n["zh"], n["en"]) for n in about["notes"]),
    )


def _measure(
    say: Say, workspace: str, snapshot: int, place: str, name: str, by: list[str], periods: list[str]
) -> dict[str, Any]:
    """Run a measure and draw its chart; an error of the data is an outcome, too: it stays true for the snapshot."""
    say(0.1, name)

    def fill(folder: Path) -> None:
        try:
            result = patient(lambda: _first(Workspace(Path(workspace), snapshot), name, by, periods))
        except TidegaugeError as e:
            write_about(folder, e.as_dict())
            return
        say(0.8, name)
        result.rows.write_parquet(folder / "rows.parquet")
        block = findings.chart(result)
        for lang in LANGUAGES:
            drawn = ""
            if isinstance(block, LineChart | BarChart | Picture):
                drawn = svg(block, lang, width=CHART_WIDTH)
            (folder / f"chart-{lang}.svg").write_text(drawn, encoding="utf-8")
        about = {k: v for k, v in result.as_dict().items() if k != "rows"}
        write_about(folder, about)

    write_whole(Path(place), fill)
    return {}


def _first(ws: Workspace, name: str, by: list[str], periods: list[str]) -> Result:
    """The measure; where its data are too short, with the first of the finer periods that works, else its own error."""
    try:
        return ws.measure(name, by=by)
    except TidegaugeError:
        for period in periods:
            finer: dict[str, Any] = {"period": period}
            with contextlib.suppress(TidegaugeError):
                return ws.measure(name, by=by, **finer)
        raise
