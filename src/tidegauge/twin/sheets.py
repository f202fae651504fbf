"""The other files: hot lists, rate cards, market figures, spend and outcomes, placements, profiles, register."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import polars as pl
import xlsxwriter

from tidegauge.twin.accounts import REGIONS
from tidegauge.twin.canonical import (
    audience_profiles,
    market,
    outcomes,
    placements,
    register_creators,
    register_posts,
    spend,
)
from tidegauge.twin.ecosystem import Ecosystem
from tidegauge.twin.names import nicknames
from tidegauge.twin.observe import epoch_s, file_date
from tidegauge.twin.world import CATEGORIES, PLATFORM_NAMES

Written = Iterator[tuple[str, Path, int]]


def sheet_files(eco: Ecosystem, out: Path) -> Written:
    """Write everything that is not a crawler's file; yields (kind, path, rows) after each."""
    yield from _hot_lists(eco, out / "hotlists")
    yield from _rate_cards(eco, out / "ratecards")
    tables = {
        "market/market.csv": market(eco),
        "campaign/spend.csv": spend(eco),
        "campaign/outcomes.csv": outcomes(eco),
        "campaign/placements.csv": placements(eco),
        "audience/profiles.csv": audience_profiles(eco),
        "register/creators.csv": register_creators(eco),
        "register/posts.csv": register_posts(eco),
    }
    for name, frame in tables.items():
        if frame.height:
            path = out / name
            path.parent.mkdir(parents=True, exist_ok=True)
            _write_csv(frame, path)
            yield name.removesuffix(".csv"), path, frame.height


def _write_csv(frame: pl.DataFrame, path: Path) -> None:
    """With a byte order mark, since Excel garbles Chinese without it; times in ISO 8601 with offset."""
    times = [c for c, t in frame.schema.items() if isinstance(t, pl.Datetime)]
    lists = [c for c, t in frame.schema.items() if isinstance(t, pl.List)]
    frame.with_columns(
        *(pl.col(c).dt.strftime("%Y-%m-%dT%H:%M:%SZ") for c in times), *(pl.col(c).list.join(",") for c in lists)
    ).write_csv(path, include_bom=True)


def _hot_lists(eco: Ecosystem, folder: Path) -> Written:
    frame = eco.topics.with_columns((pl.col("first_seen_s") // 86_400).alias("day"))
    if eco.world.hotlist_form == "table":
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / "hotlists.csv"
        seen = pl.from_epoch(pl.col("first_seen_s") + epoch_s(eco.world.start), time_unit="s").dt.offset_by("8h")
        table = frame.with_columns(
            pl.col("heat").rank("ordinal", descending=True).over("platform", "day").alias("rank"),
            seen.dt.strftime("%Y-%m-%d %H:%M:%S").alias("observed_at"),
        ).select("platform", pl.col("title").alias("topic"), "observed_at", "rank", pl.col("heat").cast(pl.Int64))
        _write_csv(table, path)
        yield "hotlists", path, table.height
        return
    again = frame.filter("returned").with_columns(pl.col("day") + 1).filter(pl.col("day") < eco.days)
    both = pl.concat([frame, again]).sort("platform", "day", "heat", "topic", descending=[False, False, True, False])
    for (platform, day), part in both.group_by(["platform", "day"], maintain_order=True):
        path = folder / str(platform) / f"{file_date(eco.world.start, int(str(day)))}.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        items = [
            {"title": t, "url": f"https://example.invalid/{platform}/{k}", "hot": int(h)}
            for t, k, h in part.select("title", "topic", "heat").iter_rows()
        ]
        path.write_text(json.dumps(items, ensure_ascii=False, indent=1), encoding="utf-8")
        yield "hotlists", path, len(items)


def _rate_cards(eco: Ecosystem, folder: Path) -> Written:
    """One file per platform; a few prices are only told on request (面议)."""
    book = eco.accounts
    names = nicknames(np.arange(book.count), book.category, book.role)
    day = file_date(eco.world.start, eco.days - 1)
    fans = book.followers[:, -1]
    folder.mkdir(parents=True, exist_ok=True)
    for platform, (stem, builder) in _BUILDERS.items():
        wide = _wide(eco, platform)
        if not wide:
            continue
        rows = []
        for account, prices in wide.items():
            base = {
                "name": names[account], "id": eco.native_ids[account], "fans": int(fans[account]),
                "category": CATEGORIES[int(book.category[account])][1], "region": REGIONS[int(book.region[account])],
                "mcn": f"仿真机构{int(book.mcn[account]):02d}" if book.mcn[account] >= 0 else "",
            }  # fmt: skip
            rows.append(builder(base, prices, account))
        path = folder / f"{stem}_{day}.{'xlsx' if platform in _EXCEL else 'csv'}"
        if platform in _EXCEL:
            _write_xlsx(rows, path)
        else:
            pl.DataFrame(rows).write_csv(path, include_bom=True)
        yield "ratecards", path, len(rows)


Prices = dict[tuple[str, str], tuple[int, int]]
Row = dict[str, object]


def _wide(eco: Ecosystem, platform: str) -> dict[int, Prices]:
    """account → (format, terms) → (list price, expected views), for one platform."""
    on = eco.accounts.platform == PLATFORM_NAMES.index(platform)
    out: dict[int, Prices] = {}
    for account, form, terms, price, views in eco.offers.select(
        "account", "format", "terms", "list_price", "expected_views"
    ).iter_rows():
        if on[account]:
            out.setdefault(account, {})[form, terms] = (int(price), int(views))
    return out


def _xingtu(base: Row, prices: Prices, account: int) -> Row:
    views = prices["short_video", "21-60s"][1]
    price = prices["short_video", "21-60s"][0]
    asked: Row = {
        "1-20s视频报价": prices["short_video", "1-20s"][0], "21-60s视频报价": price,
        "60s以上视频报价": prices["mid_video", "60s+"][0], "图文报价": prices["image_text", ""][0],
    }  # fmt: skip
    if account % 37 == 5:
        asked["60s以上视频报价"] = "面议"
    return {
        "达人昵称": base["name"], "达人ID": base["id"], "粉丝数": base["fans"], "内容类型": base["category"], **asked,
        "预期CPM": round(1000 * price / max(views, 1), 1), "预期播放量": views, "完播率": f"{20 + account % 30}%",
        "互动率": f"{1 + account % 7}.{account % 10}%", "星图指数": 50 + account % 50, "所属机构": base["mcn"],
    }  # fmt: skip


def _pugongying(base: Row, prices: Prices, account: int) -> Row:
    views = prices["image_text", ""][1]
    return {
        "博主昵称": base["name"], "小红书号": base["id"], "粉丝数": base["fans"],
        "图文报价": prices["image_text", ""][0],
        "视频报价": "面议" if account % 41 == 3 else prices["short_video", ""][0], "阅读中位数": views,
        "互动中位数": views // 15, "内容类目": base["category"], "地域": base["region"],
    }  # fmt: skip


def _huahuo(base: Row, prices: Prices, account: int) -> Row:
    del account
    return {
        "UP主": base["name"], "UID": base["id"], "粉丝数": base["fans"],
        "定制视频报价": prices["mid_video", "custom"][0],
        "植入视频报价": prices["mid_video", "placement"][0], "直发动态报价": prices["status", "dynamic"][0],
        "平均播放": prices["mid_video", "custom"][1],
    }  # fmt: skip


def _weibo(base: Row, prices: Prices, account: int) -> Row:
    del account
    return {
        "昵称": base["name"], "UID": base["id"], "粉丝数": base["fans"], "直发报价": prices["status", "direct"][0],
        "转发报价": prices["status", "repost"][0],
    }  # fmt: skip


def _kuaishou(base: Row, prices: Prices, account: int) -> Row:
    price, views = prices["short_video", ""]
    return {
        "platform": "kuaishou", "handle": base["id"], "name": base["name"], "followers": base["fans"],
        "avg_views": views,
        "engagement_rate": 0.02 + (account % 5) / 100, "price": price, "currency": "CNY",
    }  # fmt: skip


_BUILDERS = {
    "douyin": ("xingtu", _xingtu),
    "xiaohongshu": ("pugongying", _pugongying),
    "bilibili": ("huahuo", _huahuo),
    "weibo": ("weibo", _weibo),
    "kuaishou": ("kuaishou", _kuaishou),
}
_EXCEL = ("douyin", "xiaohongshu", "bilibili")


def _write_xlsx(rows: list[Row], path: Path) -> None:
    book = xlsxwriter.Workbook(str(path), {"strings_to_formulas": False, "strings_to_urls": False})
    # A fixed date keeps the bytes the same from run to run.
    book.set_properties({"created": datetime(2026, 1, 1, tzinfo=UTC), "comments": "仿真数据 artificial data"})
    sheet = book.add_worksheet("报价")
    header = list(rows[0])
    sheet.write_row(0, 0, header)
    for r, row in enumerate(rows, start=1):
        sheet.write_row(r, 0, [row[c] for c in header])
    book.close()
