"""What commands share: opening, options, progress on stderr, results to files."""

from __future__ import annotations

import contextlib
import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table

from tidegauge.errors import TidegaugeError, UsageError
from tidegauge.vocab import Lang

if TYPE_CHECKING:
    from tidegauge.api import Workspace
    from tidegauge.result import Result

LOG = Console(stderr=True)
OUT = Console()


def existing(path: Path, at: int | None = None) -> Workspace:
    """The workspace at a path; an error where there is none (reading commands never make one)."""
    from tidegauge.api import Workspace

    ws = Workspace(path, at)
    _ = ws.settings
    return ws


def language(lang: str | None, ws: Workspace | None = None) -> Lang:
    """The named language, else the workspace's, else zh."""
    if lang is None:
        return ws.settings.language if ws is not None else "zh"
    if lang not in ("zh", "en"):
        raise UsageError(f"there is no language '{lang}'", mend="languages: zh, en")
    return "zh" if lang == "zh" else "en"


def pairs(items: list[str] | None, option: str) -> dict[str, str]:
    """`key=value` options as a dictionary."""
    found = {}
    for item in items or []:
        k, sign, v = item.partition("=")
        if not sign or not k:
            raise UsageError(f"{option} '{item}' is not key=value", mend=f"write {option} key=value")
        found[k.strip()] = v.strip()
    return found


def emit(document: dict[str, Any], as_json: bool, render: Callable[[], Any]) -> None:
    """One JSON document on stdout, or what `render` gives for people."""
    if as_json:
        sys.stdout.write(json.dumps(document, ensure_ascii=False, default=str, allow_nan=False) + "\n")
    else:
        OUT.print(render())


def fail(error: TidegaugeError, as_json: bool) -> None:
    """Tell an error: in words on stderr, and with --json as a document on stdout."""
    if as_json:
        sys.stdout.write(json.dumps(error.as_dict(), ensure_ascii=False) + "\n")
    LOG.print(f"[bold red]error[/] {type(error).__name__}:", end=" ")
    LOG.print(str(error), markup=False, highlight=False)


def write_result(result: Result, form: str, out: Path | None, lang: Lang) -> None:
    """A measured table to the terminal, as JSON, or to a file (csv, parquet; a chart for .html, .svg, .png)."""
    from tidegauge.report.charts import save_chart
    from tidegauge.report.tables import write_csv
    from tidegauge.report.terminal import render_result

    if form not in ("table", "json", "csv", "parquet"):
        raise UsageError(f"there is no format '{form}'", mend="formats: table, json, csv, parquet")
    if out is not None and out.suffix in (".html", ".svg", ".png"):
        save_chart(result.plot(), out)
        LOG.print(f"chart written: {out}")
    if form == "json":
        emit(result.as_dict(), True, lambda: "")
    elif form == "table":
        OUT.print(render_result(result, lang))
    elif form == "csv":
        write_csv(result.rows, out if out is not None else sys.stdout.buffer)
    else:
        if out is None:
            raise UsageError("parquet needs a file", mend="name it with -o rows.parquet")
        result.rows.write_parquet(out)


@contextlib.contextmanager
def ingest_progress() -> Iterator[Callable[[Path, int, int, int], None]]:
    """A bar per file on stderr: share of bytes, records, records a second."""
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.percentage:>3.0f} %"),
        TextColumn("{task.fields[records]:,} rows, {task.fields[rate]:,.0f}/s"),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=LOG, transient=True) as bar:
        tasks: dict[Path, Any] = {}

        def show(path: Path, records: int, done: int, size: int) -> None:
            if path not in tasks:
                for old in tasks.values():
                    bar.update(old, visible=False)
                tasks[path] = bar.add_task(path.name, total=size or None, records=0, rate=0.0)
            elapsed = bar.tasks[tasks[path]].elapsed or 0.0
            rate = records / elapsed if elapsed > 0 else 0.0
            bar.update(tasks[path], completed=done, records=records, rate=rate)

        yield show


@contextlib.contextmanager
def stages() -> Iterator[Callable[[float, str], None]]:
    """A bar on stderr for work in stages: `show(share done, what is being done)`."""
    columns = (SpinnerColumn(), BarColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
    with Progress(*columns, console=LOG, transient=True) as bar:
        task = bar.add_task("…", total=1.0)

        def show(done: float, what: str) -> None:
            bar.update(task, completed=done, description=what)

        yield show


def ingest_table(document: dict[str, Any]) -> Table:
    """What became of each file; failures with their mend."""
    table = Table(title=f"{document['rows']:,} rows read, {document['rejected']:,} rejected")
    for head in ("file", "reader", "state", "rows", "rejected", "added"):
        table.add_column(head, justify="right" if head in ("rows", "rejected") else "left", overflow="fold")
    for f in document["files"]:
        added = ", ".join(f"{t} +{n:,}" for t, n in f["added"].items())
        if "error" in f:
            e = f["error"]
            added = f"{e['message']}. {e['mend']}"
        table.add_row(escape(f["path"]), f["reader"], f["state"], f"{f['rows']:,}", f"{f['rejected']:,}", escape(added))
    return table


def measures_table(known: dict[str, dict[str, Any]], lang: Lang) -> Table:
    """Every measure with its question, its segments and options."""
    heads = ("度量", "回答的问题", "可分组", "选项") if lang == "zh" else ("measure", "question", "by", "--set")
    table = Table(*heads, show_lines=True)
    for name, m in known.items():
        options = "\n".join(f"{k}: {text}" for k, text in m["options"].items())
        table.add_row(name, escape(m[lang]), ", ".join(m["by"]), escape(options))
    return table


def headlines_table(document: dict[str, Any], lang: Lang) -> Table:
    """The figures that a demo or a report ends with, and where its files are."""
    table = Table(show_header=False, title="验潮 Tidegauge")
    for line in document["headlines"]:
        table.add_row(escape(line[lang]), escape(line["figure"]))
    for kind, path in document["files"].items():
        table.add_row(kind, escape(path))
    return table
