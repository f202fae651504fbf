"""Each pick's outcome and its cause: over, as promised, under, not posted; by price, views, tide or timing."""

from __future__ import annotations

import datetime as dt
from typing import Any

import numpy as np
import polars as pl

from tidegauge.plan.lookback.delivered import Delivered
from tidegauge.plan.lookback.promised import Promised
from tidegauge.plan.offers.expected import BODY, MAX_SD_IN_MEAN, Z90

#: So long after the flight's last day a pick without a post counts as not posted.
GRACE_DAYS = 7
#: A creator posts as planned within so many days of its day in the calendar.
ON_TIME_DAYS = 7
#: A price per view this much above the promise (log scale) is worth a cause.
WORTH_A_CAUSE = np.log(1.10)
#: Below this age the growth curve says more than the count.
YOUNG_DAYS = 3.0


def judged(plan: Promised, found: Delivered, tide: pl.DataFrame) -> pl.DataFrame:
    """One row per pick, with the columns of `Verification.picks` and settled, log_ratio, log_sd, promised_sd."""
    per = _per_creator(found.posts)
    rows = plan.picks.select(
        "creator_id", "name", "platform", "tier", "format", "role", "stage", "price", "publish_on",
        pl.col("views").alias("views_promised"), "views_low", "views_high",
    ).join(per, on="creator_id", how="left", maintain_order="left")  # fmt: skip
    over = _over(plan, found.now)
    sd = (pl.col("views_high").clip(1.0).log() - pl.col("views_low").clip(1.0).log()) / (2 * Z90)
    rows = rows.with_columns(
        sd.clip(0.05).alias("promised_sd"),
        pl.col("posts").fill_null(0),
        (pl.col("posts").fill_null(0) > 0).alias("posted"),
    )
    rise = (pl.min_horizontal(BODY * pl.col("promised_sd"), pl.lit(MAX_SD_IN_MEAN))) ** 2 / 2
    middle = pl.col("views_promised").log() - rise
    off = pl.col("views_delivered").log() - middle
    wide = Z90 * (pl.col("promised_sd") ** 2 + pl.col("log_sd") ** 2).sqrt()
    single = (pl.col("posts") == 1) & (pl.col("views_promised") > 0) & (pl.col("views_delivered") > 0)
    rows = rows.with_columns(
        pl.when(pl.col("views_promised") > 0).then(off).alias("log_ratio"),
        pl.when(single).then(off.abs() <= wide).alias("inside"),
        pl.when(pl.col("views_delivered") > 0)
        .then(pl.col("views_delivered") * (-Z90 * pl.col("log_sd")).exp())
        .alias("views_delivered_low"),
        pl.when(pl.col("views_delivered") > 0)
        .then(pl.col("views_delivered") * (Z90 * pl.col("log_sd")).exp())
        .alias("views_delivered_high"),
        pl.when(pl.col("views_promised") > 0)
        .then(1e3 * pl.col("price") / pl.col("views_promised"))
        .alias("cpm_promised"),
        pl.when(pl.col("views_delivered") > 0)
        .then(1e3 * pl.col("cost") / pl.col("views_delivered"))
        .alias("cpm_delivered"),
        (pl.col("published_at").dt.date() - pl.col("publish_on")).dt.total_days().alias("days_late"),
    )
    missed = ~pl.col("posted") & pl.lit(over)
    rows = rows.with_columns(
        pl.when(missed).then(pl.lit("not_posted"))
        .when(~pl.col("posted")).then(pl.lit("pending"))
        .when(pl.col("views_delivered").is_null()).then(pl.lit("unseen"))
        .when((off.abs() > wide) & (off > 0)).then(pl.lit("over"))
        .when((off.abs() > wide) & (off < 0)).then(pl.lit("under"))
        .otherwise(pl.lit("as_promised"))
        .alias("outcome"),
    ).with_columns(
        pl.when(pl.col("outcome") != "not_posted").then(pl.col("views_delivered")).otherwise(0.0)
        .alias("views_delivered"),
        pl.col("outcome").is_in(["over", "under", "as_promised", "not_posted"]).alias("settled"),
    )  # fmt: skip
    return _with_causes(_with_missing(rows), plan, tide)


def _per_creator(posts: pl.DataFrame) -> pl.DataFrame:
    """Posts of one creator together: views and engagements add up, their uncertainties as independent."""
    views = pl.col("log_views").exp()
    variance = (views * pl.col("log_sd").fill_null(0.0)).pow(2).sum().sqrt() / views.sum()
    there = pl.col("post_id").is_not_null()
    return posts.group_by("creator_id", maintain_order=True).agg(
        there.sum().alias("posts"),
        pl.when(pl.col("cost").count() > 0).then(pl.col("cost").sum()).alias("cost"),
        pl.when(pl.col("log_views").count() > 0).then(views.sum()).alias("views_delivered"),
        pl.when(pl.col("log_views").count() > 0).then(variance).alias("log_sd"),
        pl.when(pl.col("views_now").count() > 0).then(pl.col("views_now").sum()).alias("views_now"),
        pl.col("views_from").sort().last().alias("views_from"),
        pl.when(pl.col("engagements").count() > 0).then(pl.col("engagements").sum()).alias("engagements_delivered"),
        pl.when(pl.col("engagements_expected").count() > 0)
        .then(pl.col("engagements_expected").sum())
        .alias("engagements_promised"),
        pl.col("published_at").min(),
        pl.col("age_days").min(),
        pl.col("format_posted").drop_nulls().first(),
    )


def _over(plan: Promised, now: dt.datetime | None) -> bool:
    """Whether whoever has not posted by now will not."""
    return now is not None and plan.end is not None and now.date() > plan.end + dt.timedelta(days=GRACE_DAYS)


def _with_missing(rows: pl.DataFrame) -> pl.DataFrame:
    """missing_money: the views that are missing at the promised price of views; below zero where there are more."""
    missing = pl.col("views_promised") - pl.col("views_delivered")
    return rows.with_columns(pl.when("settled").then(missing * pl.col("cpm_promised") / 1e3).alias("missing_money"))


def _with_causes(rows: pl.DataFrame, plan: Promised, tide: pl.DataFrame) -> pl.DataFrame:
    """cause and its words: what makes up most of what a view cost more than promised."""
    sure = tide.filter((pl.col("low_log") > 0) | (pl.col("high_log") < 0)).select("platform", "change_log")
    rows = rows.join(sure, on="platform", how="left", maintain_order="left").with_columns(
        pl.col("change_log").fill_null(0.0)
    )
    dearer = (pl.col("cost") / pl.col("price")).log().fill_null(0.0).fill_nan(0.0)
    views = pl.col("log_ratio").fill_null(0.0)
    parts = rows.select(
        dearer.alias("price"), (-pl.col("change_log")).alias("tide"), (pl.col("change_log") - views).alias("views")
    )
    worse = (rows.select((dearer - views).alias("w"))["w"] > WORTH_A_CAUSE).to_list()
    outside = [_outside(plan, at) for at in rows["published_at"].to_list()]
    told: list[tuple[str | None, str, str]] = []
    for row, part, bad, off_flight in zip(rows.to_dicts(), parts.to_dicts(), worse, outside, strict=True):
        told.append(_cause(row, part, bad, off_flight))
    return rows.with_columns(
        pl.Series("cause", [t[0] for t in told], dtype=pl.String),
        pl.Series("reason_zh", [t[1] for t in told], dtype=pl.String),
        pl.Series("reason_en", [t[2] for t in told], dtype=pl.String),
    ).drop("change_log", "posted", "views_low", "views_high").with_columns(
        rows["views_low"].alias("views_promised_low"), rows["views_high"].alias("views_promised_high")
    )  # fmt: skip


def _outside(plan: Promised, at: dt.datetime | None) -> bool:
    if at is None or plan.start is None or plan.end is None:
        return False
    return not plan.start <= at.date() <= plan.end


_WITHOUT_VIEWS: dict[object, tuple[str | None, str, str]] = {
    "not_posted": ("not_posted", "档期已过仍未发布。", "Did not post, and the flight is over."),
    "pending": (None, "尚未发布，仍在档期内。", "Not posted yet; the flight is still on."),
    "unseen": (None, "已发布，但没有计数。", "Posted, but no counts are known."),
}


def _cause(row: dict[str, Any], part: dict[str, float], bad: bool, outside: bool) -> tuple[str | None, str, str]:
    """The cause and its sentence in zh and en."""
    if row["outcome"] in _WITHOUT_VIEWS:
        return _WITHOUT_VIEWS[row["outcome"]]
    days = int(row["days_late"] or 0)
    zh_late = f"比计划{'晚' if days > 0 else '早'} {abs(days)} 天发布"
    en_late = f"posted {abs(days)} days {'late' if days > 0 else 'early'}"
    if outside:
        return "timing", f"在档期之外发布（{zh_late}）。", f"Posted outside the flight ({en_late})."
    if not bad:
        if (row["age_days"] or 99.0) < YOUNG_DAYS:
            zh, en = "作品还很新，按增长曲线估计", "The post is young; its views are an estimate by the growth curve"
        else:
            zh, en = "每次观看的价格不高于承诺", "A view costs no more than promised"
        return None, f"{zh}。", f"{en}."
    name = max(part, key=lambda k: part[k])
    dearer, fallen = float(np.expm1(part[name])), float(-np.expm1(-part[name]))
    zh, en = {
        "price": (f"费用比报价高 {dearer:.0%}", f"Cost {dearer:.0%} more than its price in the plan"),
        "tide": (f"平台整体播放下降 {fallen:.0%}", f"Ordinary posts on the whole platform fell by {fallen:.0%}"),
        "views": (
            f"播放比预期少 {fallen:.0%}，与平台整体和价格无关",
            f"Views {fallen:.0%} below expectation, apart from the platform's tide and the price",
        ),
    }[name]
    late = abs(days) > ON_TIME_DAYS
    return name, f"{zh}{f'；{zh_late}' if late else ''}。", f"{en}{f'; {en_late}' if late else ''}."
