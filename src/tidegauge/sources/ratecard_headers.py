"""The words that rate cards use in their headers, and how a header is matched to a meaning."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from functools import cache

from rapidfuzz import fuzz, process

from tidegauge.vocab import Format, Platform

#: Meaning → headers, in the spelling that `_plain` makes of them. `ignored` are known figures without a table.
_WORDS: dict[str, tuple[str, ...]] = {
    "name": (
        "达人昵称", "博主昵称", "up主", "up主昵称", "up主名称", "昵称", "达人名称", "达人", "博主", "账号名称",
        "账号昵称", "账号名", "账号", "微博昵称", "微博名", "视频号名称", "视频号昵称", "视频号", "主播昵称",
        "作者昵称", "公众号名称", "公众号", "kol名称", "kol昵称", "kol", "姓名", "名称", "nickname", "name",
        "creator", "creatorname", "influencer", "influencername", "displayname", "channelname", "fullname",
        "talent",
    ),
    "native_id": (
        "抖音号达人id", "抖音号", "抖音id", "达人id", "星图id", "达人uid", "小红书号", "小红书id", "博主id", "uid",
        "up主id", "up主uid", "mid", "b站uid", "微博uid", "微博id", "快手号", "快手id", "视频号id", "账号id",
        "平台id", "用户id", "userid", "creatorid", "channelid", "id", "accountid", "influencerid", "nativeid",
    ),
    "handle": (
        "handle", "username", "account", "accountname", "ighandle", "instagramhandle", "tiktokhandle",
        "screenname",
    ),
    "followers": (
        "粉丝数", "粉丝量", "粉丝", "粉丝总数", "粉丝总量", "关注者", "关注者数", "抖音粉丝数", "小红书粉丝数",
        "微博粉丝数", "followers", "followercount", "followerscount", "numberoffollowers", "totalfollowers",
        "subscribers", "subscribercount", "fans", "audiencesize",
    ),
    "platform": ("平台", "渠道", "平台名称", "发布平台", "platform", "channel", "network", "socialnetwork"),
    "category": (
        "内容类型行业", "内容类型", "行业", "内容类目", "类目", "领域", "分类", "垂类", "赛道", "内容领域",
        "账号类型", "达人类型", "内容标签", "标签", "category", "niche", "vertical", "topic", "contentcategory",
        "industry",
    ),
    "mcn": (
        "所属机构", "机构", "mcn", "mcn机构", "签约机构", "机构名称", "所属mcn", "agency", "management",
        "network mcn",
    ),
    "region": (
        "地域", "地区", "城市", "所在地", "所在地区", "所在城市", "省份", "region", "country", "location", "city",
        "market",
    ),
    "role": ("角色", "role", "kolkoc"),
    "expected_views": (
        "预期播放量", "预期播放", "预估播放量", "预估播放", "平均播放", "平均播放量", "播放中位数", "播放量中位数",
        "阅读中位数", "阅读量中位数", "预估阅读量", "平均阅读", "平均阅读量", "预期阅读", "预估阅读", "平均播放数",
        "近30天平均播放", "平均观看", "avgviews", "averageviews", "medianviews", "expectedviews", "viewsavg",
        "meanviews", "avgvideoviews", "averageviewspervideo",
    ),
    "currency": ("币种", "货币", "currency", "ccy"),
    "valid_from": (
        "报价日期", "生效日期", "更新日期", "更新时间", "开始日期", "validfrom", "date", "asof", "updated",
        "updatedat",
    ),
    "valid_to": ("有效期", "有效期至", "失效日期", "截止日期", "到期日", "validto", "validuntil", "expires"),
    "ignored": (
        "预期cpm", "cpm", "cpe", "cpv", "cpc", "预估cpm", "预期cpe", "完播率", "互动率", "星图指数", "互动中位数",
        "平均互动", "互动量", "平均点赞", "获赞数", "作品数", "笔记数", "性别", "年龄", "备注", "序号", "主页链接",
        "链接", "等级", "简介", "返点", "配合度", "合作次数", "engagementrate", "er", "engagement",
        "completionrate", "growthrate", "conversionrate", "clickthroughrate", "ctr", "viewrate", "avglikes",
        "averagelikes", "avgcomments", "notes", "remark", "email", "contact", "url", "link", "profileurl",
        "gender", "age", "language", "no", "rank", "score", "bio",
    ),
}  # fmt: skip
_INDEX = {word: meaning for meaning, words in _WORDS.items() for word in words}
_PRICE = re.compile(r"报价|价格|刊例|单价|费用|价$|price|^rates?$|^rate|rates?$|cost|fee|quote|budget")
_NO_PRICE = re.compile(r"率|cpm|cpe|cpv|指数|engagement|completion|conversion|growth|click|viewrate|retention")
_SURE = 92
_CURRENCY = re.compile(r"usd|eur|gbp|jpy|cny|rmb|hkd|twd|krw|sgd|myr|thb|idr|inr|brl|aud|cad|mxn")
_SIGNS = {
    "$": "USD",
    "€": "EUR",
    "£": "GBP",
    "美元": "USD",
    "欧元": "EUR",
    "日元": "JPY",
    "港币": "HKD",
    "人民币": "CNY",
}

#: Price headers: pattern → (format, terms). The first that matches decides.
_OFFERS: tuple[tuple[str, Format | None, str], ...] = (
    (r"1[-~到至]20(?:s|秒)", Format.SHORT_VIDEO, "1-20s"),
    (r"2[01][-~到至]60(?:s|秒)", Format.SHORT_VIDEO, "21-60s"),
    (r"1[-~到至]60(?:s|秒)", Format.SHORT_VIDEO, "1-60s"),
    (r"(?:>|大于)?60(?:s|秒)(?:\+|以上)?|(?:>|大于)60", Format.MID_VIDEO, "60s+"),
    (r"短直种草|种草视频", Format.SHORT_VIDEO, "seeding"),
    (r"定制", Format.MID_VIDEO, "custom"),
    (r"植入", Format.MID_VIDEO, "integrated"),
    (r"直发动态|动态", Format.STATUS, "direct"),
    (r"转发|repost|retweet", Format.STATUS, "repost"),
    (r"直发", Format.STATUS, "direct"),
    (r"直播|live|livestream", Format.LIVE, ""),
    (r"短剧", Format.SHORT_DRAMA, ""),
    (r"图文|图片|笔记|image|photo|carousel|static", Format.IMAGE_TEXT, ""),
    (r"头条", Format.ARTICLE, "first"),
    (r"次条", Format.ARTICLE, "second"),
    (r"文章|长文|article|blog", Format.ARTICLE, ""),
    (r"回答|问答|answer", Format.QUESTION_ANSWER, ""),
    (r"播客|口播|podcast", Format.PODCAST, ""),
    (r"stor(?:y|ies)", Format.SHORT_VIDEO, "story"),
    (r"reels?", Format.SHORT_VIDEO, "reel"),
    (r"shorts?", Format.SHORT_VIDEO, "short"),
    (r"dedicated", Format.MID_VIDEO, "dedicated"),
    (r"integrat|mention|shoutout", Format.MID_VIDEO, "integrated"),
    (r"tweet|thread", Format.STATUS, ""),
    (r"视频|video", None, "video"),
    (r"post", None, "post"),
)  # fmt: skip
#: What a video, and what an unnamed price, is on each platform.
_VIDEO = {Platform.BILIBILI: Format.MID_VIDEO, Platform.YOUTUBE: Format.MID_VIDEO, Platform.ZHIHU: Format.MID_VIDEO}
_USUAL = {
    Platform.XIAOHONGSHU: Format.IMAGE_TEXT, Platform.WEIBO: Format.STATUS, Platform.BILIBILI: Format.MID_VIDEO,
    Platform.YOUTUBE: Format.MID_VIDEO, Platform.WECHAT: Format.ARTICLE, Platform.ZHIHU: Format.QUESTION_ANSWER,
    Platform.INSTAGRAM: Format.IMAGE_TEXT, Platform.FACEBOOK: Format.IMAGE_TEXT, Platform.X: Format.STATUS,
    Platform.TWITCH: Format.LIVE, Platform.XIAOYUZHOU: Format.PODCAST, Platform.PODCAST: Format.PODCAST,
    Platform.TIEBA: Format.STATUS,
}  # fmt: skip


@dataclass(frozen=True)
class Meaning:
    """What a header means: `kind` (a key of the words above, or price), its unit, and its currency if it names one.

    `offer` is the plain header of a price or of expected views, from which format and terms are told.
    """

    kind: str
    unit: float = 1.0
    currency: str | None = None
    offer: str = ""


def _plain(header: str) -> str:
    text = unicodedata.normalize("NFKC", header).lower()
    return re.sub(r"[\s_\-/|·:：（）()\[\]【】*#@¥￥$€£,，。.、'\"]", "", text)


@cache
def meaning(header: str) -> Meaning | None:
    """The meaning of a header cell, or None.

    >>> meaning("粉丝数（万）").unit, meaning("21-60s视频报价").kind, meaning("engagement_rate").kind
    (10000.0, 'price', 'ignored')
    """
    if not header.strip() or len(header) > 60:
        return None
    whole = unicodedata.normalize("NFKC", header).lower().strip()
    note = " ".join(re.findall(r"[(\[【](.*?)[)\]】]", whole))
    bare = re.sub(r"[(\[【].*?[)\]】]", "", whole) or whole
    unit = (
        1e4
        if re.search(r"万|^w$", note)
        else 1e3
        if re.search(r"^k$|千|thousand", note)
        else 1e6
        if note == "m"
        else 1.0
    )
    plain = _plain(bare)
    kind = _INDEX.get(_plain(whole)) or _INDEX.get(plain)
    if kind is None and _PRICE.search(plain) and not _NO_PRICE.search(plain):
        kind = "price"
    if kind is None:
        kind = _views(plain)
    if kind is None and len(plain) >= 4:
        close = process.extractOne(plain, list(_INDEX), scorer=fuzz.ratio, score_cutoff=_SURE)
        kind = _INDEX[close[0]] if close else None
    if kind is None:
        return None
    sign = next((c for s, c in _SIGNS.items() if s in whole), None)
    code = _CURRENCY.search(_plain(whole))
    currency = {"rmb": "CNY"}.get(code.group(), code.group().upper()) if code else sign
    return Meaning(kind, unit, currency if kind == "price" else None, re.sub(r"\s", "", whole))


def _views(plain: str) -> str | None:
    """Expected views of one format: 图文阅读中位数, 视频播放中位数."""
    return (
        "expected_views"
        if re.search(r"(播放|阅读|观看)量?(中位数|均值|平均)|(平均|预期|预估)(播放|阅读|观看)", plain)
        else None
    )


def offer(header: str, platform: Platform | None) -> tuple[Format, str]:
    """Format and terms that a price column offers on a platform.

    >>> offer("1-20s视频报价", Platform.DOUYIN), offer("price", Platform.INSTAGRAM)
    ((<Format.SHORT_VIDEO: 'short_video'>, '1-20s'), (<Format.IMAGE_TEXT: 'image_text'>, ''))
    """
    usual = _USUAL.get(platform, Format.SHORT_VIDEO) if platform else Format.SHORT_VIDEO
    for pattern, format_, terms in _OFFERS:
        if re.search(pattern, header):
            if format_ is not None:
                return format_, terms
            if terms == "post":
                return usual, ""
            return (_VIDEO.get(platform, Format.SHORT_VIDEO) if platform else Format.SHORT_VIDEO), ""
    left = re.sub(
        r"报价|价格|刊例价?|单价|费用|prices?|rates?|costs?|fees?|quotes?|[\d()\[\]_\-/:]|" + _CURRENCY.pattern,
        "",
        header,
    )
    return usual, left.strip()[:40]
