"""Hot lists: a day's JSON of titles and links, or a table of platform, topic and time."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterator
from pathlib import Path

import polars as pl

from tidegauge.errors import SourceError
from tidegauge.schema import LOCATOR
from tidegauge.sources.counts import parse_numbers
from tidegauge.sources.fields import counts_of, missing, refuse, text_of, time_of
from tidegauge.sources.records import read_records
from tidegauge.sources.registry import Sample, source
from tidegauge.sources.times import date_in_name, file_time
from tidegauge.vocab import Platform, platform
from tidegauge.workspace.batch import Batch, ReadContext

_TITLE = ("topic", "title", "word", "keyword", "话题", "标题", "热搜词")
_TIME = ("observed_at", "first_seen", "first_seen_at", "time", "timestamp", "crawl_time", "day", "date", "时间", "日期")
_HEAT = ("heat", "hot", "hotness", "score", "hot_value", "热度")
_RANK = ("rank", "position", "排名")
_PLATFORM = ("platform", "平台")
_LINK = ("url", "link", "链接")
_ALL = {
    *_TITLE,
    *_TIME,
    *_HEAT,
    *_RANK,
    *_PLATFORM,
    *_LINK,
    "index",
    "desc",
    "id",
    "mobileUrl",
    "mobile_url",
    "label",
    "tag",
}
_HOSTS = {
    "weibo.com": Platform.WEIBO, "/weibo?": Platform.WEIBO, "douyin.com": Platform.DOUYIN,
    "kuaishou.com": Platform.KUAISHOU, "bilibili.com": Platform.BILIBILI, "b23.tv": Platform.BILIBILI,
    "zhihu.com": Platform.ZHIHU, "tieba.baidu.com": Platform.TIEBA, "xiaohongshu.com": Platform.XIAOHONGSHU,
    "youtube.com": Platform.YOUTUBE, "tiktok.com": Platform.TIKTOK, "twitter.com": Platform.X, "x.com": Platform.X,
}  # fmt: skip
_SITES = {Platform.WEIBO: "https://s.weibo.com", Platform.BILIBILI: "https://www.bilibili.com"}


def _first(names: tuple[str, ...], columns: frozenset[str]) -> str | None:
    return next((n for n in names if n in columns), None)


def detect(sample: Sample) -> float:
    """Titles with links (a day's list) or with platform and time (a table), and hardly anything else."""
    columns = sample.columns
    title = _first(_TITLE, columns)
    if title is None or len(sample.parts) > 1 or len(columns - _ALL) > 2:
        return 0.0
    known = len(columns & _ALL) / len(columns)
    if _first(_PLATFORM, columns) and _first(_TIME, columns):
        return 0.9 * known
    listed = _first(_LINK, columns) or _first(_HEAT, columns)
    placed = date_in_name(sample.path) is not None or _first(_TIME, columns) or _platform_of(sample)
    return 0.9 * known if listed and placed else 0.4 * known


@source("hotlists", title_zh="热榜", title_en="Hot lists", detect=detect)
def read(path: Path, sample: Sample, context: ReadContext) -> Iterator[Batch]:
    """Batches of topics. A topic listed twice at one time (or day) is kept once, at its first place.

    A day's list says no hour: its topics are put at noon of the day in the file's name, half a day off at most.
    """
    title = _first(_TITLE, sample.columns)
    if title is None:
        raise SourceError(
            "no column with titles; there are: " + ", ".join(sorted(sample.columns)[:20]),
            where=str(path),
            mend="name it 'title' or 'topic', or map it with --map",
        )
    own = _platform_of(sample)
    if own is None and _first(_PLATFORM, sample.columns) is None:
        raise SourceError(
            "it is not known which platform's list this is",
            where=str(path),
            mend="put it into a folder named after the platform (weibo/2026-01-01.json), or map it with --map",
        )
    noon = file_time(path, context.settings.zone, dt.time(12))
    wanted = [*_TITLE, *_TIME, *_HEAT, *_RANK, *_PLATFORM, *_LINK]
    seen: pl.DataFrame | None = None
    for piece in read_records(path, wanted):
        topics, refused = _topics(piece.frame, own, context, noon)
        if seen is not None:
            topics = topics.join(seen, on=["platform", "topic", "observed_at"], how="anti", maintain_order="left")
        if sample.kind in ("json", "jsonl"):  # small files; in a table the lake's own key does the same
            seen = pl.concat([f for f in (seen, topics.select("platform", "topic", "observed_at")) if f is not None])
        yield Batch({"topics": topics}, piece.records, piece.bytes_done, pl.concat([piece.rejects, refused]))


def _topics(
    frame: pl.DataFrame, own: Platform | None, context: ReadContext, noon: dt.datetime
) -> tuple[pl.DataFrame, pl.DataFrame]:
    times = time_of(frame, "observed_at", _TIME, context.settings.zone, noon)
    rank = counts_of(frame, {"rank": _RANK})
    heat_name = next((n for n in _HEAT if n in frame.columns and frame[n].null_count() < frame.height), None)
    reasons = [*times.reasons, *rank.reasons]
    heat = pl.Series("heat", [None], dtype=pl.Float64).new_from_index(0, frame.height)
    if heat_name is not None:
        heat = parse_numbers(_digits(frame[heat_name])).value.alias("heat")
    link = text_of(frame, *_LINK)
    title = frame.select(text_of(frame, *_TITLE).alias("topic")).to_series()
    named = frame.select(text_of(frame, *_PLATFORM).alias("p")).to_series()
    known = {str(n): found.value for n in named.unique().drop_nulls() if (found := platform(str(n))) is not None}
    chosen = named.replace_strict(known, default=named, return_dtype=pl.String) if known else named
    site = _SITES.get(own, "") if own else ""
    keep, refused = refuse(frame, [*missing(title, "the title"), *reasons])
    topics = frame.select(
        pl.coalesce(pl.lit(chosen), pl.lit(own.value if own else None, pl.String)).alias("platform"),
        pl.lit(title).str.strip_chars("#").str.strip_chars().alias("topic"),
        pl.lit(times.columns["observed_at"]).fill_null(noon).alias("observed_at"),
        pl.coalesce(
            pl.lit(rank.columns["rank"]), link.str.extract(r"[?&]band_rank=(\d+)").cast(pl.Int64, strict=False)
        ).alias("rank"),
        pl.lit(heat).alias("heat"),
        pl.when(link.str.starts_with("/")).then(pl.lit(site) + link).otherwise(link).alias("url"),
        LOCATOR,
    )
    topics = topics if keep is None else topics.filter(keep)
    return topics.unique(["platform", "topic", "observed_at"], keep="first", maintain_order=True), refused


def _digits(raw: pl.Series) -> pl.Series:
    """Heat without the words around it: '热搜 123万' is 123万; heat is the platform's own score and never censored."""
    if raw.dtype != pl.String:
        return raw
    return raw.str.extract(r"([\d.,]+ ?[万亿wk]?)").fill_null("")


def _platform_of(sample: Sample) -> Platform | None:
    """The platform from the file's name, its folder, the links' host, or a folder a little further up."""
    folders = [*reversed(sample.path.absolute().parts[:-1])]
    links = [str(r.get(n, "")) for _, rows in sample.parts.values() for r in rows[:10] for n in _LINK if r.get(n)]
    return (
        _named([sample.path.stem, *folders[:1]])
        or next((p for link in links if (p := _host(link)) is not None), None)
        or _named(folders[1:3])
    )


def _named(names: list[str]) -> Platform | None:
    for name in names:
        words = re.split(r"[_\-. ]", name)
        for word in words:
            # a letter among other words (hot_x_2) is no platform's name
            found = platform(word) if len(word) > 1 or len(words) == 1 else None
            if found is not None:
                return found
    return None


def _host(link: str) -> Platform | None:
    for host, found in _HOSTS.items():
        if re.search(f"^{re.escape(host)}" if host[0] == "/" else rf"(?:^|[/.]){re.escape(host)}", link):
            return found
    return None
