"""MediaCrawler's files: contents, comments and creators as JSON lines, one file per platform, kind and date.

Column names are those of the older versions that still keep creator files (user_id); counts are text in the platform's
habit, times in the platform's own unit. References: docs/sources/mediacrawler.md and the exporter's storage model.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt
import polars as pl

from tidegauge.twin.accounts import REGIONS
from tidegauge.twin.ecosystem import Ecosystem
from tidegauge.twin.names import nicknames, post_titles
from tidegauge.twin.observe import bilibili_extras, epoch_s, file_date
from tidegauge.twin.posts import SECONDS_DAY
from tidegauge.twin.shown import CREATOR_HABIT, POST_HABIT, account_ids, shown_text
from tidegauge.twin.world import CATEGORIES, FORMAT_NAMES, PLATFORM_NAMES, PLATFORMS, PlatformSpec

Ints = npt.NDArray[np.int64]

_OPINIONS = (
    "学到了",
    "已收藏",
    "求链接",
    "这也太好看了",
    "第一次见",
    "支持一下",
    "有没有平替",
    "蹲一个下期",
    "真实",
    "路过",
)


def crawler_files(eco: Ecosystem, out: Path) -> Iterator[tuple[str, Path, int]]:
    """Write all files under `out`/data; yields (kind, path, rows) after each."""
    names = pl.Series(nicknames(np.arange(eco.accounts.count), eco.accounts.category, eco.accounts.role))
    titles = pl.Series(
        post_titles(eco.posts.work, eco.accounts.category[eco.posts.creator], eco.posts.emotional, eco.work_roles),
        dtype=pl.String,
    )
    for p, spec in enumerate(PLATFORMS):
        folder = out / "data" / spec.code / "jsonl"
        folder.mkdir(parents=True, exist_ok=True)
        kinds = (
            ("search_contents", _contents(eco, p, spec, names, titles), eco.observed.post_file_day),
            ("search_comments", _comments(eco, p, spec), eco.observed.comment_file_day),
            ("creator_creators", _creators(eco, p, spec, names), eco.observed.account_file_day),
        )
        for kind, (frame, rows), file_day in kinds:
            days = file_day[rows]
            for day in np.unique(days).tolist():
                part = frame.filter(pl.Series(days == day))
                path = folder / f"{kind}_{file_date(eco.world.start, day)}.jsonl"
                part.write_ndjson(path)
                yield kind.split("_")[1], path, part.height


def _text(count: Ints, habit: str) -> pl.Series:
    return pl.DataFrame({"n": count}).select(shown_text(pl.col("n"), habit)).to_series()


def _pick(series: pl.Series, rows: Ints) -> pl.Series:
    return series.gather(pl.Series(rows, dtype=pl.Int64))


_ZHIHU_KIND = {"question_answer": "answer", "article": "article", "mid_video": "zvideo"}


def _contents(
    eco: Ecosystem, p: int, spec: PlatformSpec, names: pl.Series, titles: pl.Series
) -> tuple[pl.DataFrame, Ints]:
    """The frame of all content rows of one platform, and the observation rows they stand for."""
    made, seen, start = eco.posts, eco.observed, epoch_s(eco.world.start)
    platform = PLATFORM_NAMES[p]
    rows = np.flatnonzero(eco.accounts.platform[made.creator[seen.post]] == p)
    post = seen.post[rows]
    owner = made.creator[post]
    published = start + np.rint(made.published_day[post] * SECONDS_DAY).astype(np.int64)
    crawled_ms = (start + seen.post_s[rows]) * 1000
    habit = POST_HABIT[platform]
    views = _text(seen.views[rows], habit)
    likes, comments, shares, saves = (_text(seen.engaged[rows, k], habit) for k in range(4))
    form = pl.Series(np.array(FORMAT_NAMES)[made.format[post]].tolist(), dtype=pl.String)
    video = form.str.ends_with("video")
    title, native = _pick(titles, post), _pick(eco.post_native_ids, post)
    category = pl.Series(np.array([zh for _, zh in CATEGORIES])[eco.accounts.category[owner]].tolist(), dtype=pl.String)
    said = "#" + category + " #仿真数据"
    blank = pl.Series([""] * rows.size, dtype=pl.String)
    url = {
        "xhs": "https://www.xiaohongshu.com/explore/", "dy": "https://www.douyin.com/video/",
        "ks": "https://www.kuaishou.com/short-video/", "bili": "https://www.bilibili.com/video/av",
        "wb": "https://m.weibo.cn/detail/", "zhihu": "https://www.zhihu.com/content/",
    }[spec.code] + native  # fmt: skip
    common = {
        "user_id": _pick(eco.native_ids, owner),
        "nickname": _pick(names, owner),
        "add_ts": crawled_ms,
        "last_modify_ts": crawled_ms,
        "source_keyword": category,
    }
    kind = pl.DataFrame({"f": form, "v": video})
    if spec.code == "xhs":
        own = {
            "note_id": native,
            "type": kind.select(pl.when("v").then(pl.lit("video")).otherwise(pl.lit("normal"))).to_series(),
            "title": title, "desc": said,
            "video_url": kind.select(pl.when("v").then(url).otherwise(pl.lit(""))).to_series(),
            "time": published * 1000, "last_update_time": published * 1000,
            "liked_count": likes, "collected_count": saves, "comment_count": comments, "share_count": shares,
            "image_list": blank, "tag_list": category + ",仿真数据", "note_url": url,
        }  # fmt: skip
    elif spec.code == "dy":
        own = {
            "aweme_id": native,
            "aweme_type": kind.select(pl.when("v").then(pl.lit("0")).otherwise(pl.lit("68"))).to_series(),
            "title": title, "desc": said, "create_time": published,
            "liked_count": likes, "comment_count": comments, "share_count": shares, "collected_count": saves,
            "aweme_url": url,
        }  # fmt: skip
    elif spec.code == "ks":
        own = {
            "video_id": native, "video_type": blank + "1", "title": title, "desc": said,
            "create_time": published * 1000, "liked_count": likes, "viewd_count": views, "video_url": url,
        }  # fmt: skip
    elif spec.code == "bili":
        danmaku, coins = bilibili_extras(seen.engaged[rows])
        own = {
            "video_id": native, "video_type": blank + "video", "title": title, "desc": said,
            "create_time": published, "liked_count": likes, "disliked_count": blank + "0",
            "video_play_count": views, "video_favorite_count": saves, "video_share_count": shares,
            "video_coin_count": _text(coins, habit), "video_danmaku": _text(danmaku, habit), "video_comment": comments,
            "video_url": url,
        }  # fmt: skip
    elif spec.code == "wb":
        own = {
            "note_id": native, "content": title + " " + said, "create_time": published,
            "create_date_time": _beijing_text(published),
            "liked_count": likes, "comments_count": comments, "shared_count": shares, "note_url": url,
        }  # fmt: skip
    else:
        asked = pl.format("{}", pl.lit(pl.Series(made.work[post])) + 600_000_000)
        own = {
            "content_id": native,
            "content_type": form.replace_strict(_ZHIHU_KIND, default="answer", return_dtype=pl.String),
            "title": title, "desc": said, "content_text": title, "content_url": url, "created_time": published,
            "voteup_count": seen.engaged[rows, 0], "comment_count": seen.engaged[rows, 1],
            "question_id": kind.select(
                pl.when(pl.col("f") == "question_answer").then(asked).otherwise(pl.lit(""))
            ).to_series(),
        }  # fmt: skip
    return pl.DataFrame({**own, **common}), rows


def _beijing_text(epoch: Ints) -> pl.Series:
    moment = pl.from_epoch(pl.Series(epoch), time_unit="s").dt.offset_by("8h")
    return moment.dt.strftime("%Y-%m-%d %H:%M:%S")


_ITEM_KEY = {
    "xhs": "note_id",
    "dy": "aweme_id",
    "ks": "video_id",
    "bili": "video_id",
    "wb": "note_id",
    "zhihu": "content_id",
}


def _comments(eco: Ecosystem, p: int, spec: PlatformSpec) -> tuple[pl.DataFrame, Ints]:
    """Comment rows of one platform. Commenters' ids differ from platform to platform, as they do in life."""
    made, seen, start = eco.posts, eco.observed, epoch_s(eco.world.start)
    rows = np.flatnonzero(eco.accounts.platform[made.creator[seen.comment_post]] == p)
    who = seen.commenter[rows]
    people, inverse = np.unique(who, return_inverse=True)
    ids = pl.Series(account_ids(PLATFORM_NAMES[p], people + eco.accounts.count), dtype=pl.String)
    names = pl.Series([f"仿真网友{n}" for n in people.tolist()], dtype=pl.String)
    written = start + seen.comment_s[rows]
    crawled = (start + seen.comment_seen_s[rows]) * 1000
    texts = {
        "comment_id": [str(700_000_000_000 + int(r)) for r in rows],
        "content": [_OPINIONS[int(r) % len(_OPINIONS)] for r in rows],
        "sub_comment_count": ["0"] * rows.size,
    }
    likes, no_parent = [str(int(r) * 7 % 5) for r in rows], ["0"] * rows.size
    if spec.code == "wb":
        texts |= {"comment_like_count": likes, "parent_comment_id": no_parent}
    elif spec.code != "ks":  # Kuaishou's comments carry neither
        texts |= {"like_count": likes, "parent_comment_id": no_parent}
    frame = pl.DataFrame(
        {
            **{c: pl.Series(v, dtype=pl.String) for c, v in texts.items()},
            _ITEM_KEY[spec.code]: _pick(eco.post_native_ids, seen.comment_post[rows]),
            "user_id": _pick(ids, inverse.astype(np.int64)),
            "nickname": _pick(names, inverse.astype(np.int64)),
            "create_time": written * 1000 if spec.code in {"xhs", "ks"} else written,
            "add_ts": crawled,
            "last_modify_ts": crawled,
        }
    )
    if spec.code == "zhihu":
        frame = frame.rename({"create_time": "publish_time"})
    return frame, rows


def _creators(eco: Ecosystem, p: int, spec: PlatformSpec, names: pl.Series) -> tuple[pl.DataFrame, Ints]:
    """Profile rows of one platform; each platform's store names its columns in its own way."""
    book, seen, start = eco.accounts, eco.observed, epoch_s(eco.world.start)
    rows = np.flatnonzero(book.platform[seen.account] == p)
    who = seen.account[rows]
    habit = CREATOR_HABIT[PLATFORM_NAMES[p]]
    crawled = (start + seen.account_s[rows]) * 1000
    category = pl.Series(np.array([zh for _, zh in CATEGORIES])[book.category[who]].tolist(), dtype=pl.String)
    gender = pl.Series(np.where(who % 3 == 0, "男", "女").tolist(), dtype=pl.String)
    about = "仿真账号，并非真人｜" + category
    fans, follows = _text(seen.followers[rows], habit), _text(seen.following[rows], habit)
    likes, works = _text(seen.likes_total[rows], habit), _text(seen.posts_total[rows], "plain")
    region = pl.Series(np.array(REGIONS)[book.region[who]].tolist(), dtype=pl.String)
    person = {"gender": gender, "ip_location": region, "desc": about, "follows": follows, "fans": fans}
    own: dict[str, dict[str, pl.Series]] = {
        "xhs": {**person, "interaction": likes, "tag_list": category},
        "dy": {**person, "interaction": likes, "videos_count": works},
        "ks": {**person, "interaction": works},  # Kuaishou's store keeps the number of works here
        "bili": {"sex": gender, "sign": about, "total_fans": fans, "total_liked": likes},
        "wb": {**person, "tag_list": category},
        "zhihu": {
            "gender": gender, "ip_location": region, "follows": follows, "fans": fans, "anwser_count": works,
            "get_voteup_count": likes,
        },
    }  # fmt: skip
    frame = pl.DataFrame(
        {
            "user_id": _pick(eco.native_ids, who),
            "user_nickname" if spec.code == "zhihu" else "nickname": _pick(names, who),
            **own[spec.code],
            "add_ts": crawled,
            "last_modify_ts": crawled,
        }
    )
    return frame, rows
