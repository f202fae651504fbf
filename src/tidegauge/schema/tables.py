"""The canonical tables, each declared once. DDL, Arrow schema, validation and the docs page come from here.

`key` columns identify a row; the workspace adds `ingest_id` to every table. See docs/tables.md (generated).
"""

from __future__ import annotations

import dataframely as dy

from tidegauge.schema.columns import count, day, flag, instant, number, string, strings
from tidegauge.vocab import Format, Platform, Role, Stage

PLATFORMS = tuple(p.value for p in Platform)
FORMATS = tuple(f.value for f in Format)
ROLES = tuple(r.value for r in Role)
STAGES = tuple(s.value for s in Stage)
DIMENSIONS = ("gender", "age", "city_tier", "interest", "region", "device")
CONFIDENCES = ("primary", "secondary", "blog", "own")


class Creators(dy.Schema):
    """达人：每个平台账号一行 | Creators: one row per account on a platform."""

    creator_id = string("达人标识", "Creator id", key=True, note="platform:native_id")
    platform = string("平台", "Platform", required=True, among=PLATFORMS)
    native_id = string("平台内标识", "Native id", required=True)
    person_id = string("同一人标识", "Person id", note="the same person on other platforms")
    name = string("名称", "Name")
    category = string("类目", "Category")
    role = string("角色", "Role", among=ROLES)
    mcn = string("机构", "MCN")
    verified = flag("认证", "Verified")
    region = string("地域", "Region")
    first_seen_at = instant("首次见到", "First seen at", required=True)


class CreatorSnapshots(dy.Schema):
    """达人快照：某一时刻的粉丝与作品计数 | Creator snapshots: counts of an account at a time."""

    creator_id = string("达人标识", "Creator id", key=True)
    observed_at = instant("观测时间", "Observed at", key=True)
    followers = count("粉丝数", "Followers", unit="persons")
    following = count("关注数", "Following", unit="accounts")
    posts = count("作品数", "Posts", unit="posts")
    likes_received = count("获赞", "Likes received", unit="likes")
    views_total = count("总播放", "Views in all", unit="views")
    censored = flag(
        "下限值", "Censored", note="true where the source gave a floor such as 10万+ for any count of the row"
    )


class Posts(dy.Schema):
    """作品 | Posts."""

    post_id = string("作品标识", "Post id", key=True, note="platform:native_id")
    creator_id = string("达人标识", "Creator id")
    platform = string("平台", "Platform", required=True, among=PLATFORMS)
    published_at = instant("发布时间", "Published at")
    format = string("形式", "Format", among=FORMATS)
    duration_s = number("时长", "Duration", unit="s", low=0)
    title = string("标题", "Title")
    text = string("正文", "Text")
    tags = strings("标签", "Tags")
    url = string("链接", "URL")
    sponsored = flag("商单", "Sponsored")
    brand = string("品牌", "Brand")
    work_id = string("作品组标识", "Work id", note="the same work on several platforms")
    language = string("语言", "Language")


class PostSnapshots(dy.Schema):
    """作品快照：某一时刻的互动计数 | Post snapshots: counts of a post at a time."""

    post_id = string("作品标识", "Post id", key=True)
    observed_at = instant("观测时间", "Observed at", key=True)
    views = count("播放", "Views", unit="views")
    likes = count("点赞", "Likes", unit="likes")
    comments = count("评论", "Comments", unit="comments")
    shares = count("转发", "Shares", unit="shares")
    saves = count("收藏", "Saves", unit="saves")
    danmaku = count("弹幕", "Danmaku", unit="danmaku")
    coins = count("投币", "Coins", unit="coins")
    censored = flag(
        "下限值", "Censored", note="true where the source gave a floor such as 10万+ for any count of the row"
    )


class AudienceSamples(dy.Schema):
    """受众样本：评论者的加盐哈希 | Audience samples: salted hashes of commenters."""

    creator_id = string("达人标识", "Creator id", note="filled from posts where only the post is known")
    post_id = string("作品标识", "Post id", key=True)
    audience_key = string("受众键", "Audience key", key=True, note="salted hash; raw ids are never stored")
    observed_at = instant("观测时间", "Observed at", key=True)
    text = string("评论", "Comment", note="only where it was asked for (--keep-comment-text)")


class AudienceProfiles(dy.Schema):
    """受众画像 | Audience profiles of a creator or a platform."""

    creator_id = string("达人标识", "Creator id", key=True, note="empty text for a whole platform")
    platform = string("平台", "Platform", key=True, among=PLATFORMS)
    dimension = string("维度", "Dimension", key=True, among=DIMENSIONS)
    bucket = string("分段", "Bucket", key=True)
    share = number("占比", "Share", unit="ratio", required=True, low=0, high=1)


class Topics(dy.Schema):
    """热榜话题 | Topics on hot lists."""

    platform = string("平台", "Platform", key=True, among=PLATFORMS)
    topic = string("话题", "Topic", key=True)
    observed_at = instant("观测时间", "Observed at", key=True)
    rank = count("排名", "Rank")
    heat = number("热度", "Heat", unit="platform's own points")
    url = string("链接", "URL")


class Offers(dy.Schema):
    """报价 | Offers: the rate card."""

    creator_id = string("达人标识", "Creator id", key=True)
    format = string("形式", "Format", key=True, among=FORMATS)
    role = string("角色", "Role", key=True, among=ROLES)
    terms = string(
        "条款", "Terms", key=True, note="what distinguishes offers of one format (1-20s, custom, repost); may be empty"
    )
    price = number("报价", "Price", unit="currency", required=True, low=0)
    currency = string("币种", "Currency", required=True, note="ISO 4217")
    valid_from = day("生效日", "Valid from", key=True)
    valid_to = day("失效日", "Valid to")
    expected_views = count("预期播放", "Expected views", unit="views", note="as the rate card states it")


class Placements(dy.Schema):
    """投放 | Placements: what was booked."""

    campaign_id = string("活动标识", "Campaign id", key=True)
    brand = string("品牌", "Brand")
    creator_id = string("达人标识", "Creator id", key=True)
    post_id = string("作品标识", "Post id", key=True, note="empty text where not published yet")
    format = string("形式", "Format", key=True, among=FORMATS)
    role = string("角色", "Role", among=ROLES)
    stage = string("阶段", "Stage", among=STAGES)
    cost = number("费用", "Cost", unit="currency", low=0)
    published_at = instant("发布时间", "Published at")


class Spend(dy.Schema):
    """花费 | Spend per stream and period."""

    brand = string("品牌", "Brand", key=True)
    stream = string("渠道流", "Stream", key=True, note="platform/tier/role/format/stage, or a channel's own name")
    period_start = day("开始日", "Period start", key=True)
    period_end = day("结束日", "Period end", required=True, note="inclusive")
    geo = string("地区", "Geo", key=True, note="empty text for national")
    cost = number("费用", "Cost", unit="currency", required=True, low=0)
    impressions = number("曝光", "Impressions", unit="impressions", low=0)


class Outcomes(dy.Schema):
    """结果序列：销售、搜索、提及等 | Outcome series: sales, search, mentions, controls."""

    brand = string("品牌", "Brand", key=True)
    metric = string(
        "指标", "Metric", key=True, note="sales, orders, search_index, mentions, awareness, or control:name"
    )
    period_start = day("开始日", "Period start", key=True)
    period_end = day("结束日", "Period end", required=True, note="inclusive")
    geo = string("地区", "Geo", key=True, note="empty text for national")
    value = number("数值", "Value", unit="metric's own", required=True)


class Market(dy.Schema):
    """市场数据：带出处的引用数字 | Market figures, each with its source."""

    platform = string("平台", "Platform", key=True, note="a platform, several with commas, or all")
    segment = string("人群或分段", "Segment", key=True)
    metric = string("指标", "Metric", key=True, note="ends in :low or :high where the source gives a range")
    period = string("时期", "Period", key=True)
    value = number("数值", "Value", unit="see unit", required=True)
    unit = string("单位", "Unit", required=True)
    source_title = string("来源", "Source title", key=True)
    source_url = string("链接", "Source URL")
    confidence = string("可信度", "Confidence", required=True, among=CONFIDENCES)


class Ingests(dy.Schema):
    """入库记录 | Ingests: the lineage."""

    ingest_id = string("入库标识", "Ingest id", key=True)
    path = string("文件", "Path", required=True)
    sha256 = string("指纹", "SHA-256", required=True, note="of the file and of the mapping that read it")
    reader = string("读取器", "Reader", required=True)
    rows = count("行数", "Rows", note="source records read")
    rejected = count("拒收", "Rejected", note="source records that landed in rejects")
    started_at = instant("开始", "Started at", required=True)
    finished_at = instant("结束", "Finished at", required=True)


class Rejects(dy.Schema):
    """拒收行 | Rejects: what could not be taken, and why."""

    ingest_id = string("入库标识", "Ingest id", required=True)
    locator = string("位置", "Locator", required=True, note="row or path inside the file")
    reason = string("原因", "Reason", required=True)
    raw = string("原文", "Raw", note="the raw record, cut at 2,000 characters; ids and nicknames of commenters removed")


#: Tables that readers fill, in the order in which they are written.
DATA_TABLES: dict[str, type[dy.Schema]] = {
    "creators": Creators,
    "creator_snapshots": CreatorSnapshots,
    "posts": Posts,
    "post_snapshots": PostSnapshots,
    "audience_samples": AudienceSamples,
    "audience_profiles": AudienceProfiles,
    "topics": Topics,
    "offers": Offers,
    "placements": Placements,
    "spend": Spend,
    "outcomes": Outcomes,
    "market": Market,
}
#: Tables that the workspace itself writes.
LEDGER_TABLES: dict[str, type[dy.Schema]] = {"ingests": Ingests, "rejects": Rejects}
TABLES: dict[str, type[dy.Schema]] = DATA_TABLES | LEDGER_TABLES

#: Entities are merged (newer attributes win, known ones are kept); all other tables keep the first row of a key.
ENTITY_TABLES = ("creators", "posts")
