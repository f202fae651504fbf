"""First run: an empty workspace explains itself. Sample data with one click, or what to export from where."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import Response

from tidegauge.api import Workspace
from tidegauge.demo import load_samples
from tidegauge.result import Text
from tidegauge.web.figures import Say
from tidegauge.web.pages import render, see
from tidegauge.web.site import Site

#: Where data come from, what to export there, what the page can tell with it.
_SOURCES: tuple[tuple[Text, Text, Text], ...] = (
    (
        Text("MediaCrawler（小红书、抖音、快手、B站、微博、贴吧、知乎）", "MediaCrawler (seven Chinese platforms)"),
        Text(
            "data/ 目录打包为 zip：作品、评论、创作者的 json、jsonl、csv、xlsx 或 sqlite",
            "its data/ folder as a zip: contents, comments and creators as json, jsonl, csv, xlsx or sqlite",
        ),
        Text("达人、作品、互动、受众重叠、预测", "creators, posts, engagement, audience overlap, forecasts"),
    ),
    (
        Text("巨量星图（抖音）", "Xingtu (Douyin)"),
        Text("达人广场 → 选择达人 → 导出报价 Excel", "creator square, select creators, export the rate card to Excel"),
        Text("报价、合理价、方案", "offers, fair prices, plans"),
    ),
    (
        Text("蒲公英（小红书）", "Pugongying (Xiaohongshu)"),
        Text("博主广场 → 导出博主列表 Excel", "creator square, export the list to Excel"),
        Text("报价、阅读中位数、方案", "offers, median reads, plans"),
    ),
    (
        Text("花火（B站）、微任务（微博）、互选（视频号）", "Huahuo (Bilibili), Weibo, Channels"),
        Text("导出 UP 主或达人报价表，Excel 或 CSV", "the creators' rate card as Excel or CSV"),
        Text("报价、方案", "offers, plans"),
    ),
    (
        Text("热榜存档（微博、抖音、快手、B站）", "Archives of hot lists (Weibo, Douyin, Kuaishou, Bilibili)"),
        Text("每天一个 JSON，文件名含日期与平台", "one JSON a day, the file named by platform and date"),
        Text("话题在平台间的流动", "topics that flow between platforms"),
    ),
    (
        Text("YouTube、Twitch、TikTok、Instagram 与其他表格", "YouTube, Twitch, TikTok, Instagram, any other table"),
        Text("CSV、Excel 或 Parquet，加一个映射文件（TOML）", "CSV, Excel or Parquet, with a mapping file (TOML)"),
        Text("同样的度量与方案", "the same measures and plans"),
    ),
    (
        Text("投放台账与经营数据", "Your campaign ledger and business figures"),
        Text(
            "每周一行：各渠道花费、销售或搜索指数（MMM 表），加映射文件",
            "one row a week: spend by channel, sales or search index (an MMM table), with a mapping file",
        ),
        Text("短期与长期效果、预算拆分", "short and long response, budget split"),
    ),
)


def page(site: Site, request: Request) -> Response:
    """The same page, also for a workspace that holds data."""
    return render(site, request, "start.html", view="start", **start_context(site, empty=False))


def start_context(site: Site, *, empty: bool) -> dict[str, Any]:
    """What the page tells: the sources, and the job of the sample data where it runs."""
    return {"sources": _SOURCES, "job": site.jobs.of_key("demo"), "empty": empty}


def make_demo(site: Site, _request: Request, _form: FormData) -> Response:
    """Load the sample data in the desk's process; a second click finds the first one's job."""
    job = site.jobs.submit("demo", "demo", _load, str(site.path), lane="desk")
    return see(f"/jobs/{job.id}")


def _load(say: Say, workspace: str) -> dict[str, Any]:
    with tempfile.TemporaryDirectory(prefix="tidegauge-demo-") as scratch:
        load_samples(Workspace(Path(workspace)), Path(scratch) / "twin", progress=say)
    return {"page": "/"}
