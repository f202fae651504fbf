"""The command line: one command per verb; each parses, calls one public function and renders."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from tidegauge import cli_creators, cli_response, cli_split
from tidegauge.cli_options import AtOption, JsonOption, LangOption, SeedOption, WorkspaceOption
from tidegauge.console import (
    LOG,
    OUT,
    emit,
    existing,
    fail,
    headlines_table,
    ingest_progress,
    ingest_table,
    language,
    measures_table,
    pairs,
    stages,
    write_result,
)
from tidegauge.errors import TidegaugeError, UsageError

app = typer.Typer(
    name="tidegauge",
    help="Tidegauge 验潮: measure the movement, value the creators, plan the roster with a proven gap.\n\n"
    "Start with: tidegauge init ws, then: tidegauge ingest FILES -w ws",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
)
#: Commands that live in files of their own.
app.command()(cli_creators.creators)
app.command()(cli_creators.creator)
app.command()(cli_creators.income)
app.command()(cli_creators.resonance)
app.command()(cli_creators.roles)
app.command()(cli_response.respond)
app.command()(cli_split.split)


@app.command()
def init(
    workspace: Annotated[Path, typer.Argument(help="A new or empty directory.")], as_json: JsonOption = False
) -> None:
    """Make a workspace and fill in the cited reference figures. 新建工作区

    Example: tidegauge init ws
    """
    import tidegauge as tg

    ws = tg.init(workspace)
    emit(ws.status().as_dict() | {"workspace": str(workspace)}, as_json, lambda: f"Workspace ready: {workspace}")


@app.command()
def ingest(
    paths: Annotated[list[Path], typer.Argument(help="Files or directories.")],
    workspace: WorkspaceOption,
    reader: Annotated[str | None, typer.Option("--as", help="Force a reader; --readers lists them.")] = None,
    mapping: Annotated[
        Path | None, typer.Option("--map", help="A mapping file (TOML) for files of any layout.")
    ] = None,
    keep_text: Annotated[bool, typer.Option("--keep-comment-text", help="Keep comment texts (default: no).")] = False,
    wait: Annotated[float, typer.Option("--wait", help="Seconds to wait for another writer.")] = 60.0,
    as_json: JsonOption = False,
) -> None:
    """Read collected files into the workspace; the same file again adds nothing. 导入采集文件

    Examples: tidegauge ingest data/ -w ws · tidegauge ingest rates.xlsx -w ws --as xingtu ·
    tidegauge ingest panel.parquet -w ws --map panel.toml
    """
    import tidegauge as tg

    with ingest_progress() as progress:
        report = tg.open(workspace).ingest(
            paths, reader=reader, mapping=mapping, keep_text=keep_text, wait_s=wait, progress=progress
        )
    emit(report.as_dict(), as_json, lambda: ingest_table(report.as_dict()))
    if report.failed:
        raise typer.Exit(1)


@app.command()
def status(
    workspace: WorkspaceOption, at: AtOption = None, lang: LangOption = None, as_json: JsonOption = False
) -> None:
    """Rows per table, rejects with reasons, every ingest. 工作区概况

    Example: tidegauge status -w ws --json
    """
    from tidegauge.report.terminal import render_status

    ws = existing(workspace, at)
    found = ws.status().as_dict()
    emit(found, as_json, lambda: render_status(found, language(lang, ws)))


@app.command()
def check(
    workspace: WorkspaceOption,
    repair: Annotated[bool, typer.Option("--repair", help="Remove leftovers, merge small files.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Look for what a crash can leave behind. 检查工作区

    Example: tidegauge check -w ws --repair
    """
    found = existing(workspace).check(repair=repair)
    emit(found.as_dict(), as_json, lambda: "\n".join(f"{k}: {v}" for k, v in found.as_dict().items()))
    if not found.sound:
        raise typer.Exit(1)


@app.command()
def export(
    workspace: WorkspaceOption,
    out: Annotated[Path, typer.Option("-o", "--out", help="A new directory.")],
    at: AtOption = None,
    as_json: JsonOption = False,
) -> None:
    """Write partitioned Parquet for a cluster elsewhere. 导出分区 Parquet

    Example: tidegauge export -w ws -o lake-export
    """
    found = existing(workspace, at).export(out)
    emit(found, as_json, lambda: f"Exported to {out}")


@app.command()
def measure(
    name: Annotated[str | None, typer.Argument(help="Which measure; --list shows them.")] = None,
    workspace: Annotated[Path | None, typer.Option("-w", "--workspace", help="The workspace directory.")] = None,
    by: Annotated[str, typer.Option("--by", help="Segment columns, with commas: platform,tier")] = "",
    start: Annotated[str | None, typer.Option("--from", help="First day, 2026-01-31.")] = None,
    end: Annotated[str | None, typer.Option("--to", help="Day after the last.")] = None,
    engine: Annotated[str, typer.Option("--engine", help="duckdb or spark")] = "duckdb",
    data: Annotated[Path | None, typer.Option("--data", help="With spark: an exported directory.")] = None,
    spark_conf: Annotated[list[str] | None, typer.Option("--spark-conf", help="key=value, repeatable")] = None,
    options: Annotated[list[str] | None, typer.Option("--set", help="A measure's own option, key=value.")] = None,
    at: AtOption = None,
    form: Annotated[str, typer.Option("--format", help="table, json, csv or parquet")] = "table",
    out: Annotated[Path | None, typer.Option("-o", "--out", help="File for csv, parquet or a chart.")] = None,
    explain: Annotated[bool, typer.Option("--explain", help="Tell the method instead of running it.")] = False,
    list_: Annotated[bool, typer.Option("--list", help="All measures with their questions.")] = False,
    lang: LangOption = None,
    as_json: JsonOption = False,
) -> None:
    """Measure the ecosystem; every figure with its interval. 度量生态

    Examples: tidegauge measure --list · tidegauge measure tiers -w ws --by platform --json ·
    tidegauge measure displacement -w ws --by platform --from 2026-06-01 -o shares.html
    """
    from tidegauge.api import Workspace

    if list_ or name is None:
        from tidegauge.measure.registry import measures

        known = {
            n: {
                "zh": m.explanation.question.zh,
                "en": m.explanation.question.en,
                "by": list(m.by),
                "options": m.options,
            }
            for n, m in measures().items()
        }
        emit({"measures": known}, as_json, lambda: measures_table(known, language(lang)))
        return
    if explain:
        from tidegauge.measure.registry import find

        OUT.print(find(name).explanation.render(language(lang)), markup=False)
        return
    if workspace is None and data is None:
        raise UsageError("which workspace?", mend="name it with -w")
    ws = existing(workspace, at) if workspace is not None else Workspace(Path("."))
    result = ws.measure(
        name,
        by=by,
        start=start,
        end=end,
        engine=engine,
        data=data,
        spark_conf=pairs(spark_conf, "--spark-conf"),
        **pairs(options, "--set"),
    )
    write_result(result, "json" if as_json else form, out, language(lang, ws if workspace is not None else None))


@app.command()
def plan(
    brief: Annotated[list[Path], typer.Argument(help="The brief (TOML); several are laid side by side.")],
    workspace: WorkspaceOption,
    out: Annotated[Path, typer.Option("-o", "--out", help="Directory for the report.")] = Path("plan"),
    changes: Annotated[
        list[str] | None, typer.Option("--set", help="A scenario beside the brief: 'budget=400000; goal.frequency=2'.")
    ] = None,
    seed: SeedOption = 1,
    at: AtOption = None,
    lang: LangOption = None,
    as_json: JsonOption = False,
) -> None:
    """Plan the roster of a brief, with a certified gap, a report and a workbook. 规划达人名单

    Example: tidegauge plan examples/brief.toml -w ws -o out
    """
    from tidegauge.report.looks import show_comparison
    from tidegauge.report.terminal import render_plan

    ws = existing(workspace, at)
    tongue = language(lang, ws)
    if len(brief) > 1 or changes:
        with stages() as progress:
            compared = ws.compare_plans(list(brief), scenarios=changes, seed=seed, progress=progress)
        document, shown = show_comparison(compared, out, tongue)
        emit(document, as_json, lambda: shown)
        return
    with stages() as progress:
        made = ws.plan(brief[0], out=out, lang=tongue, seed=seed, progress=progress)
    emit(made.as_dict(), as_json, lambda: render_plan(made, tongue))


@app.command()
def verify(
    plan: Annotated[Path, typer.Argument(help="The folder that `plan -o` wrote, or its JSON file.")],
    workspace: WorkspaceOption,
    out: Annotated[Path | None, typer.Option("-o", "--out", help="Directory for a report.")] = None,
    seed: SeedOption = 1,
    at: AtOption = None,
    lang: LangOption = None,
    as_json: JsonOption = False,
) -> None:
    """After the flight: promised against delivered, per creator and in all; were the intervals right? 投后核对

    Example: tidegauge verify out -w ws -o lookback
    """
    from tidegauge.report.looks import show_verification

    ws = existing(workspace, at)
    tongue = language(lang, ws)
    document, shown = show_verification(ws.verify(plan, seed=seed), out, tongue)
    emit(document, as_json, lambda: shown)


@app.command()
def case(
    workspace: WorkspaceOption,
    brand: Annotated[str, typer.Option("--brand", help="As placements or posts name it.")] = "",
    campaign: Annotated[str, typer.Option("--campaign", help="As placements name it.")] = "",
    window: Annotated[int, typer.Option("--window", help="Days around a post to match within.", min=1)] = 60,
    out: Annotated[Path | None, typer.Option("-o", "--out", help="Directory for a report.")] = None,
    at: AtOption = None,
    lang: LangOption = None,
    as_json: JsonOption = False,
) -> None:
    """Score a campaign's posts against matched ordinary posts of the same creators. 案例评分

    Example: tidegauge case -w ws --brand 拟海奶茶
    """
    from tidegauge.report.looks import show_case

    ws = existing(workspace, at)
    tongue = language(lang, ws)
    scored = ws.case_score(brand=brand, campaign=campaign, window_days=window)
    document, shown = show_case(scored, out, tongue)
    emit(document, as_json, lambda: shown)


@app.command()
def report(
    workspace: WorkspaceOption,
    out: Annotated[Path, typer.Option("-o", "--out", help="Directory for the report.")] = Path("report"),
    at: AtOption = None,
    lang: LangOption = None,
    as_json: JsonOption = False,
) -> None:
    """Measure the workspace and write one offline HTML report, a workbook and a deck. 写报告

    Example: tidegauge report -w ws -o out --lang en
    """
    ws = existing(workspace, at)
    with stages() as progress:
        files = ws.report(out, lang=language(lang, ws), progress=progress)
    emit({"files": files}, as_json, lambda: "\n".join(files.values()))


@app.command()
def mcp(workspace: WorkspaceOption, at: AtOption = None, lang: LangOption = None) -> None:
    """Answer an assistant (MCP over stdio): read-only, every figure with interval and source. 供智能助手查询

    Example: tidegauge mcp -w ws        (docs/assistants.md shows how to enter it in an assistant)
    """
    from tidegauge.assistants import serve_assistants

    ws = existing(workspace, at)
    serve_assistants(workspace, at=at, lang=language(lang, ws))


@app.command()
def serve(
    workspace: WorkspaceOption,
    port: Annotated[int, typer.Option("--port", help="0 takes a free one.", min=0, max=65535)] = 8765,
    host: Annotated[
        str, typer.Option("--host", help="Anything but this machine itself asks visitors for the printed token.")
    ] = "127.0.0.1",
    browser: Annotated[bool, typer.Option("--browser/--no-browser", help="Open the page in the browser.")] = True,
) -> None:
    """Open the page: trends, creators, plans, data; on this machine only unless --host says otherwise. 打开网页

    Example: tidegauge serve -w ws
    """
    import tidegauge as tg
    from tidegauge.web import serve as serve_page

    serve_page(tg.open(workspace), host=host, port=port, open_browser=browser, say=OUT.print)


@app.command()
def twin(
    out: Annotated[Path, typer.Argument(help="A new directory.")],
    creators: Annotated[int, typer.Option(help="How many creators.", min=1)] = 2000,
    days: Annotated[int, typer.Option(help="How many days.", min=1)] = 90,
    seed: SeedOption = 1,
    as_json: JsonOption = False,
) -> None:
    """Write an artificial ecosystem with known truth, as the files that collectors write. 生成人工生态

    Example: tidegauge twin t --creators 20000 --days 90 --seed 1
    """
    from tidegauge.twin import write_twin

    with stages() as progress:
        summary = write_twin(out, creators=creators, days=days, seed=seed, progress=progress)
    emit(summary.as_dict(), as_json, lambda: "\n".join(f"{k}: {v}" for k, v in summary.as_dict().items()))


@app.command()
def demo(
    out: Annotated[Path, typer.Option("-o", "--out", help="A new directory.")] = Path("demo"),
    lang: LangOption = None,
    as_json: JsonOption = False,
) -> None:
    """Build a workspace from real and artificial data, measure it, plan a brief, write the report. 演示

    Example: tidegauge demo -o demo
    """
    from tidegauge.demo import run_demo

    with stages() as progress:
        done = run_demo(out, lang=language(lang), progress=progress)
    emit(done.as_dict(), as_json, lambda: headlines_table(done.as_dict(), language(lang)))


def main(argv: list[str] | None = None) -> int:
    """Run the command line; errors are told without a traceback. Returns the exit code: 0, 1 or 2."""
    args = sys.argv[1:] if argv is None else argv
    as_json = "--json" in args
    try:
        code = app(args=args, standalone_mode=False)
        return code if isinstance(code, int) else 0
    except TidegaugeError as e:
        fail(e, as_json)
        return e.exit_code
    except typer.TyperException as e:
        if not e.format_message():  # no command at all: the help has been shown
            return 2
        fail(UsageError(e.format_message(), mend="tidegauge --help shows how"), as_json)
        return 2
    except (KeyboardInterrupt, typer.Abort):
        LOG.print("stopped; nothing was half-written")
        return 1
