"""The workspace at a glance: what it holds and what each measurement says."""

from __future__ import annotations

from tidegauge.report import findings
from tidegauge.report.blocks import Fact, Facts, Paragraphs, Section
from tidegauge.report.content import WorkspaceReport
from tidegauge.report.figures import compact
from tidegauge.report.registry import section
from tidegauge.report.words import column_word
from tidegauge.result import Text


def workspace_headlines(content: WorkspaceReport) -> tuple[Fact, ...]:
    """The five figures of a workspace: those given, else what it holds."""
    if content.headlines:
        return content.headlines
    tables = content.status.get("tables", {})
    rejects = content.status.get("rejects", {}).get("total", 0)
    told = (
        ("creators", Text("达人", "Creators")),
        ("creator_snapshots", Text("达人快照", "Creator snapshots")),
        ("posts", Text("作品", "Posts")),
        ("post_snapshots", Text("作品快照", "Post snapshots")),
    )
    held = tuple(
        Fact(t, Text(compact(tables.get(k, 0), "zh"), compact(tables.get(k, 0), "en")), exact=tables.get(k, 0))
        for k, t in told
    )
    read = len(content.status.get("ingests", []))
    return (
        *held,
        Fact(
            Text("导入文件", "Files read"),
            Text(f"{read:,}", f"{read:,}"),
            Text(f"拒收 {rejects:,} 行，各有原因", f"{rejects:,} rows rejected, each with its reason"),
            "care" if rejects else "plain",
            read,
        ),
    )


def _told(name: str, sentence: Text) -> Text:
    measure = column_word(name)
    return Text(f"{measure.zh}：{sentence.zh}", f"{measure.en}: {sentence.en}")


@section("overview", order=5, title=Text("概览", "Overview"), needs="workspace")
def overview(content: WorkspaceReport) -> Section:
    tables = content.status.get("tables", {})
    creators, posts = tables.get("creators", 0), tables.get("posts", 0)
    told = tuple(_told(name, findings.sentence(r)) for name, r in content.results.items())
    blocks = (Facts("headlines", workspace_headlines(content)), *((Paragraphs("findings", told),) if told else ()))
    return Section(
        Text(
            f"工作区有 {compact(creators, 'zh')} 位达人、{compact(posts, 'zh')} 件作品，"
            f"完成 {len(content.results)} 项度量。",
            f"The workspace holds {compact(creators, 'en')} creators and {compact(posts, 'en')} posts; "
            f"{len(content.results)} measurements were made.",
        ),
        blocks,
    )
