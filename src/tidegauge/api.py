"""The public Python names: open a workspace, ingest, measure, plan, report."""

from __future__ import annotations

import contextlib
import datetime as dt
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tidegauge.errors import MeasureError, TidegaugeError, UsageError, WorkspaceError
from tidegauge.result import Result
from tidegauge.vocab import Lang
from tidegauge.workspace import ingest as ingesting
from tidegauge.workspace.batch import ReadContext, pseudonymiser
from tidegauge.workspace.lake import attach, create
from tidegauge.workspace.settings import Settings, read_salt, read_settings
from tidegauge.workspace.status import Check, Status, check, status
from tidegauge.workspace.tables import Tables, duckdb_tables

if TYPE_CHECKING:
    import polars as pl

    from tidegauge.creators import Advice, AudienceUnion, CreatorPage, Resonance, RoleFit
    from tidegauge.plan.briefs.brief import Brief
    from tidegauge.plan.compare import Comparison
    from tidegauge.plan.lookback.case_score import CaseScore
    from tidegauge.plan.lookback.verify import Verification
    from tidegauge.plan.result import Plan
    from tidegauge.plan.split.result import BudgetSplit
    from tidegauge.response.reading import Response


@dataclass(frozen=True)
class IngestReport:
    """What became of every file, in the order in which they were read."""

    files: tuple[ingesting.Ingested, ...]

    @property
    def failed(self) -> tuple[ingesting.Ingested, ...]:
        return tuple(f for f in self.files if f.state == "failed")

    def as_dict(self) -> dict[str, Any]:
        added: dict[str, int] = {}
        for f in self.files:
            for table, n in f.added.items():
                added[table] = added.get(table, 0) + n
        return {
            "files": [
                {
                    "path": f.path,
                    "reader": f.reader,
                    "state": f.state,
                    "rows": f.rows,
                    "rejected": f.rejected,
                    "added": f.added,
                    **(f.error.as_dict() if f.error else {}),
                }
                for f in self.files
            ],
            "rows": sum(f.rows for f in self.files),
            "rejected": sum(f.rejected for f in self.files),
            "added": added,
            "failed": len(self.failed),
        }


@dataclass(frozen=True)
class Workspace:
    """A workspace on disk. `at` pins every reading method to one snapshot of the lake.

    >>> import tidegauge as tg                                   # doctest: +SKIP
    >>> ws = tg.open("ws"); ws.ingest("export/")                 # doctest: +SKIP
    >>> ws.measure("displacement", by="platform").rows           # doctest: +SKIP
    """

    path: Path
    at: int | None = None

    @property
    def settings(self) -> Settings:
        return read_settings(self.path)

    def ingest(
        self,
        paths: str | Path | Sequence[str | Path],
        *,
        reader: str | None = None,
        mapping: str | Path | None = None,
        keep_text: bool = False,
        wait_s: float = 60.0,
        progress: ingesting.Progress | None = None,
    ) -> IngestReport:
        """Read files or whole directories into the lake; the same file again adds nothing.

        `reader` forces a source by name, `mapping` names a mapping file, `keep_text` keeps comment texts.
        A file that cannot be read is reported in the result as failed, the others go on; what is plainly no data
        inside a directory (notes, pictures) is reported as skipped.
        """
        from tidegauge.sources import Skipped, Unreadable, open_readings

        named = [Path(p) for p in ([paths] if isinstance(paths, str | Path) else paths)]
        context = ReadContext(self.settings, pseudonymiser(read_salt(self.path)), keep_text)
        failed: list[ingesting.Ingested] = []
        skipped: list[ingesting.Ingested] = []

        def readable() -> Iterator[Any]:
            found = open_readings(named, context, reader=reader, mapping=Path(mapping) if mapping else None)
            for item in found:
                if isinstance(item, Unreadable):
                    failed.append(ingesting.Ingested(str(item.path), reader or "", "failed", error=item.error))
                elif isinstance(item, Skipped):
                    skipped.append(ingesting.Ingested(str(item.path), "", "skipped"))
                else:
                    yield item

        done = list(ingesting.ingest(self.path, readable(), wait_s=wait_s, progress=progress))
        return IngestReport((*done, *failed, *skipped))

    def load(self, frames: dict[str, pl.DataFrame], *, name: str = "frames") -> ingesting.Ingested:
        """Bring Polars frames of canonical tables into the lake, with the same checks as files."""
        return ingesting.load_frames(self.path, frames, name=name)

    @contextlib.contextmanager
    def tables(
        self, *, engine: str = "duckdb", data: str | Path | None = None, spark_conf: dict[str, str] | None = None
    ) -> Iterator[Tables]:
        """The canonical tables as Ibis tables, on DuckDB or Spark."""
        if engine not in ("duckdb", "spark"):
            raise UsageError(f"there is no engine '{engine}'", mend="engines: duckdb, spark")
        if engine == "spark":
            from tidegauge.workspace.spark import spark_tables

            yield spark_tables(Path(data) if data else self.path, at=self.at, conf=spark_conf or {})
            return
        lake = attach(self.path, at=self.at)
        try:
            yield duckdb_tables(lake)
        finally:
            lake.close()

    def status(self) -> Status:
        """Rows per table, rejects by reason, ingests, the lake's snapshot."""
        lake = attach(self.path, at=self.at)
        try:
            return status(lake)
        finally:
            lake.close()

    def check(self, *, repair: bool = False) -> Check:
        """Look for leftovers of a crash; `repair` removes them and merges small files."""
        return check(self.path, repair=repair)

    def measure(
        self,
        name: str,
        *,
        by: str | Sequence[str] = (),
        start: dt.date | str | None = None,
        end: dt.date | str | None = None,
        engine: str = "duckdb",
        data: str | Path | None = None,
        spark_conf: dict[str, str] | None = None,
        **options: Any,
    ) -> Result:
        """Run one measure; `tidegauge measure --list` names them. Dates are days in the workspace's time zone.

        `start` is inclusive, `end` exclusive. `options` are the measure's own.
        """
        from tidegauge.measure.registry import run

        segments = tuple(c.strip() for c in by.split(",") if c.strip()) if isinstance(by, str) else tuple(by)
        span = {"start": self._instant(start, "from"), "end": self._instant(end, "to")}
        with self.tables(engine=engine, data=data, spark_conf=spark_conf) as tables:
            return run(name, tables, by=segments, **span, **options)

    def creators(self, **filters: Any) -> pl.DataFrame:
        """All creators with forecast, price, costs, role, income, dependence and quality, each with its interval.

        Filters: platform, tier, category, role, price_max, horizon_days (7), sort ("views_next"), limit, seed.
        """
        from tidegauge.creators import creators_table

        with self.tables() as tables:
            return creators_table(tables, **filters)

    def creator(self, creator_id: str, *, seed: int = 0) -> CreatorPage:
        """One creator: summary, formats, prices, half-life, and where it stands among its peers."""
        from tidegauge.creators import creator_page

        with self.tables() as tables:
            return creator_page(tables, creator_id, seed=seed)

    def audience_union(self, creators: Sequence[str], *, seed: int = 0) -> AudienceUnion:
        """Different people in the commenting audiences of a set of creators, with intervals: unions, not sums."""
        from tidegauge.creators import audience_union

        with self.tables() as tables:
            return audience_union(tables, list(creators), seed=seed)

    def advise(self, creator_id: str, *, seed: int = 0) -> Advice:
        """For the creator: its standing, fair price, dependence, where others like it gained, what is crowded."""
        from tidegauge.creators import advise

        with self.tables() as tables:
            return advise(tables, creator_id, seed=seed)

    def recovery(self) -> pl.DataFrame:
        """Days until half of a platform's abrupt fall is made good, per creator, with intervals."""
        from tidegauge.creators import recovery

        with self.tables() as tables:
            return recovery(tables)

    def income(self, *, by: str | Sequence[str] = ("platform",), seed: int = 0) -> Result:
        """How a year's income from brands is spread over creators, by platform, tier or category."""
        from tidegauge.creators import income_distribution

        segments = tuple(c.strip() for c in by.split(",") if c.strip()) if isinstance(by, str) else tuple(by)
        with self.tables() as tables:
            return income_distribution(tables, by=segments, seed=seed)

    def resonance(self, *, limit: int | None = None, seed: int = 0) -> Resonance:
        """Works and topics that win on several platforms, and what emotional titles have to do with it."""
        from tidegauge.creators import resonance

        with self.tables() as tables:
            return resonance(tables, limit=limit, seed=seed)

    def role_fit(self) -> RoleFit:
        """For which stage of the funnel each role serves, per platform and industry: cited, moved by bookings.

        The table is in `rows`.
        """
        from tidegauge.creators import RoleFit, role_fit

        with self.tables() as tables:
            return RoleFit(role_fit(tables), tables.provenance())

    def plan(
        self,
        brief: str | Path | Brief,
        *,
        out: str | Path | None = None,
        lang: Lang | None = None,
        seed: int = 1,
        progress: Any = None,
    ) -> Plan:
        """Plan the roster of a brief (a file, or `parse_brief(text)`); with `out`, write its report there too."""
        from dataclasses import replace

        from tidegauge.plan.briefs.brief import read_brief
        from tidegauge.plan.run import run_plan

        parsed = read_brief(brief) if isinstance(brief, str | Path) else brief
        with self.tables() as tables:
            plan = run_plan(tables, parsed, seed=seed, progress=progress)
        if out is None:
            return plan
        from tidegauge.plan.lookback.promised import save_plan
        from tidegauge.report import write_plan

        files = write_plan(plan, Path(out), lang=lang or self.settings.language)
        made = replace(plan, files=files)
        save_plan(made, Path(out))
        return made

    def compare_plans(
        self,
        briefs: list[str | Path | Brief],
        *,
        scenarios: list[str] | None = None,
        seed: int = 1,
        progress: Any = None,
    ) -> Comparison:
        """Plan several briefs on the same virtual persons and lay the plans side by side.

        `scenarios` are changes as in `"budget=400000; limits.max_creators=20"`, each tried on every brief.
        """
        from tidegauge.plan.briefs.scenario import briefs_and_scenarios
        from tidegauge.plan.compare import compare_plans

        with self.tables() as tables:
            return compare_plans(tables, briefs_and_scenarios(briefs, scenarios or []), seed=seed, progress=progress)

    def verify(self, plan: str | Path | Plan, *, seed: int = 1) -> Verification:
        """Hold a plan (the folder or JSON that planning wrote) against what the workspace knows of its flight."""
        from tidegauge.plan.lookback.verify import verify

        with self.tables() as tables:
            return verify(tables, plan, seed=seed)

    def case_score(self, *, brand: str = "", campaign: str = "", window_days: int = 60) -> CaseScore:
        """A campaign's (or brand's, or all sponsored) posts against matched ordinary posts of the same creators."""
        from tidegauge.plan.lookback.case_score import case_score

        with self.tables() as tables:
            return case_score(tables, brand=brand, campaign=campaign, window_days=window_days)

    def respond(self, *, keep: bool = True, **options: Any) -> Response:
        """What a brand's placements did, now and through the brand (needs the extra `response`).

        Options: brand, metric ("sales"), freq, form, value_per_unit, known, folds, draws, chains, seed, progress; see
        `tidegauge.response.run.respond`. With `keep` the posterior stays in the workspace for the budget split.
        """
        from tidegauge.response.run import respond

        with self.tables() as tables:
            return respond(tables, keep=self.path if keep else None, **options)

    def split(
        self, brief: str | Path | Brief, *, refit: bool = False, seed: int = 1, progress: Any = None
    ) -> BudgetSplit:
        """Split a brief's budget over streams, and between brand and sales, by what `respond` has learned.

        The response kept in the workspace is used; `refit`, or a workspace without one, fits it first.
        """
        from tidegauge.plan.briefs.brief import Brief, read_brief
        from tidegauge.plan.split.run import split_workspace

        parsed = brief if isinstance(brief, Brief) else read_brief(Path(brief))
        with self.tables() as tables:
            return split_workspace(tables, self.path, parsed, refit=refit, seed=seed, progress=progress)

    def report(
        self, out: str | Path, *, lang: Lang | None = None, plan: Plan | None = None, progress: Any = None
    ) -> dict[str, str]:
        """Run every measure that the data allow and write one HTML page, a workbook and a deck; paths by kind.

        What `respond` found is told where its fit was kept and the data are still the same. A measure for which the
        workspace holds no data is left out, and the report says which and why.
        """
        from tidegauge.measure.registry import measures
        from tidegauge.report import write_workspace
        from tidegauge.report.content import WorkspaceReport
        from tidegauge.response.run import kept_responses

        results: dict[str, Result] = {}
        skipped: dict[str, str] = {}
        known = measures()
        with self.tables() as tables:
            for i, (name, m) in enumerate(known.items()):
                if progress is not None:
                    progress(0.8 * i / len(known), name)
                try:
                    results[name] = m.run(tables, by=m.default_by, start=None, end=None)
                except MeasureError as e:
                    skipped[name] = str(e)
            responses, stale = kept_responses(self.path, tables)
        skipped |= stale
        if progress is not None:
            progress(0.85, "writing")
        content = WorkspaceReport(
            results=results, status=self.status().as_dict(), plan=plan, skipped=skipped, responses=responses
        )
        return write_workspace(content, Path(out), lang=lang or self.settings.language)

    def export(self, out: str | Path) -> dict[str, Any]:
        """Write the snapshot as partitioned Parquet for a cluster elsewhere; what was written."""
        from tidegauge.workspace.spark import export

        lake = attach(self.path, at=self.at)
        try:
            return export(lake, Path(out))
        finally:
            lake.close()

    def _instant(self, day: dt.date | str | None, option: str) -> dt.datetime | None:
        if day is None:
            return None
        try:
            date = dt.date.fromisoformat(day) if isinstance(day, str) else day
        except ValueError:
            raise UsageError(f"--{option} '{day}' is no date", mend="write it as 2026-01-31") from None
        return dt.datetime(date.year, date.month, date.day, tzinfo=self.settings.zone).astimezone(dt.UTC)


def init(path: str | Path) -> Workspace:
    """Make a workspace (or complete an existing one) and fill in the cited reference figures."""
    from tidegauge.reference import READER, market_rows

    directory = Path(path)
    create(directory)
    done = ingesting.load_frames(directory, {"market": market_rows()}, name=READER)
    if done.error is not None:
        raise done.error
    return Workspace(directory)


def open(path: str | Path, *, at: int | None = None) -> Workspace:
    """Open a workspace; where there is none yet and the place is empty, make one."""
    directory = Path(path)
    if (directory / "tidegauge.toml").exists():
        return Workspace(directory, at)
    if at is not None:
        raise WorkspaceError("this is no Tidegauge workspace", where=str(path), mend=f"tidegauge init {path}")
    return init(directory)


__all__ = ["IngestReport", "TidegaugeError", "Workspace", "init", "open"]
