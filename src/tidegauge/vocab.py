"""The field's words: platforms, tiers, roles, formats, stages; their labels in zh and en; tier thresholds.

Nothing here computes. Every threshold names its source, and `tidegauge.toml` may override it.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Literal

Lang = Literal["zh", "en"]


class Platform(StrEnum):
    WEIBO = "weibo"
    WECHAT = "wechat"
    CHANNELS = "channels"
    DOUYIN = "douyin"
    KUAISHOU = "kuaishou"
    XIAOHONGSHU = "xiaohongshu"
    BILIBILI = "bilibili"
    ZHIHU = "zhihu"
    TIEBA = "tieba"
    XIAOYUZHOU = "xiaoyuzhou"
    PODCAST = "podcast"
    YOUTUBE = "youtube"
    TWITCH = "twitch"
    TIKTOK = "tiktok"
    INSTAGRAM = "instagram"
    FACEBOOK = "facebook"
    X = "x"


class Format(StrEnum):
    SHORT_VIDEO = "short_video"
    MID_VIDEO = "mid_video"
    LONG_VIDEO = "long_video"
    LIVE = "live"
    IMAGE_TEXT = "image_text"
    LIVE_PHOTO = "live_photo"
    ARTICLE = "article"
    SHORT_DRAMA = "short_drama"
    PODCAST = "podcast"
    QUESTION_ANSWER = "question_answer"
    STATUS = "status"


class Tier(StrEnum):
    NANO = "nano"
    MICRO = "micro"
    MID = "mid"
    MACRO = "macro"
    MEGA = "mega"


class Role(StrEnum):
    KOL = "KOL"
    KOC = "KOC"
    KOS = "KOS"
    KOE = "KOE"
    KOB = "KOB"


class Stage(StrEnum):
    DISCOVER = "discover"
    CONSIDER = "consider"
    PURCHASE = "purchase"
    ADVOCATE = "advocate"


LABELS: dict[str, tuple[str, str]] = {
    "weibo": ("微博", "Weibo"),
    "wechat": ("微信公众号", "WeChat"),
    "channels": ("视频号", "WeChat Channels"),
    "douyin": ("抖音", "Douyin"),
    "kuaishou": ("快手", "Kuaishou"),
    "xiaohongshu": ("小红书", "Xiaohongshu"),
    "bilibili": ("哔哩哔哩", "Bilibili"),
    "zhihu": ("知乎", "Zhihu"),
    "tieba": ("贴吧", "Tieba"),
    "xiaoyuzhou": ("小宇宙", "Xiaoyuzhou"),
    "podcast": ("播客", "Podcast"),
    "youtube": ("YouTube", "YouTube"),
    "twitch": ("Twitch", "Twitch"),
    "tiktok": ("TikTok", "TikTok"),
    "instagram": ("Instagram", "Instagram"),
    "facebook": ("Facebook", "Facebook"),
    "x": ("X", "X"),
    "short_video": ("短视频", "Short video"),
    "mid_video": ("中视频", "Mid-length video"),
    "long_video": ("长视频", "Long video"),
    "live": ("直播", "Live"),
    "image_text": ("图文", "Image and text"),
    "live_photo": ("实况图", "Live photo"),
    "article": ("文章", "Article"),
    "short_drama": ("短剧", "Short drama"),
    "question_answer": ("问答", "Question and answer"),
    "status": ("动态", "Status"),
    "nano": ("尾部", "Nano"),
    "micro": ("初级", "Micro"),
    "mid": ("腰部", "Mid"),
    "macro": ("肩部", "Macro"),
    "mega": ("头部", "Mega"),
    "KOL": ("意见领袖 KOL", "KOL, opinion leader"),
    "KOC": ("消费者 KOC", "KOC, consumer"),
    "KOS": ("销售 KOS", "KOS, sales"),
    "KOE": ("员工 KOE", "KOE, employee"),
    "KOB": ("品牌 KOB", "KOB, brand's own voice"),
    "discover": ("认知", "Discover"),
    "consider": ("种草", "Consider"),
    "purchase": ("转化", "Purchase"),
    "advocate": ("口碑", "Advocate"),
}

PLATFORM_ALIASES: dict[str, Platform] = {
    "wb": Platform.WEIBO,
    "dy": Platform.DOUYIN,
    "ks": Platform.KUAISHOU,
    "xhs": Platform.XIAOHONGSHU,
    "rednote": Platform.XIAOHONGSHU,
    "red": Platform.XIAOHONGSHU,
    "bili": Platform.BILIBILI,
    "b站": Platform.BILIBILI,
    "微信视频号": Platform.CHANNELS,
    "公众号": Platform.WECHAT,
    "ig": Platform.INSTAGRAM,
    "yt": Platform.YOUTUBE,
    "twitter": Platform.X,
}


def label(word: str, lang: Lang) -> str:
    """A word as a person reads it.

    >>> label("mid", "zh"), label("mid", "en"), label("unknown", "en")
    ('腰部', 'Mid', 'unknown')
    """
    pair = LABELS.get(word)
    return word if pair is None else pair[0 if lang == "zh" else 1]


def platform(name: str) -> Platform | None:
    """The platform meant by a name, an alias or a label; None when unknown.

    >>> platform("xhs"), platform("小红书"), platform("MySpace")
    (<Platform.XIAOHONGSHU: 'xiaohongshu'>, <Platform.XIAOHONGSHU: 'xiaohongshu'>, None)
    """
    key = name.strip().lower()
    if key in PLATFORM_ALIASES:
        return PLATFORM_ALIASES[key]
    for p in Platform:
        if key in (p.value, LABELS[p.value][0].lower(), LABELS[p.value][1].lower()):
            return p
    return None


@dataclass(frozen=True)
class TierThresholds:
    """Lower follower bounds (inclusive) of micro, mid, macro, mega; below `micro` is nano."""

    micro: int
    mid: int
    macro: int
    mega: int
    source: str

    def bounds(self) -> tuple[tuple[Tier, int], ...]:
        """Tiers from the lowest up with their inclusive lower follower bound."""
        return (
            (Tier.NANO, 0),
            (Tier.MICRO, self.micro),
            (Tier.MID, self.mid),
            (Tier.MACRO, self.macro),
            (Tier.MEGA, self.mega),
        )

    def tier(self, followers: int) -> Tier:
        """
        >>> DEFAULT_THRESHOLDS.tier(50_000)
        <Tier.MID: 'mid'>
        """
        return [t for t, low in self.bounds() if followers >= low][-1]


_EAC = "Influencer Matrix, eac-consulting.de/tag/consumer-goods-china-influencer-marketing (2021, secondary)"
_IJUNJUN = "小红书KOL报价, ijunjun.com/xinmeiti/xiaohongshu/36488.html (2025, blog): mega from 500k"

DEFAULT_THRESHOLDS = TierThresholds(10_000, 50_000, 500_000, 1_000_000, source=_EAC)
TIER_THRESHOLDS: dict[Platform, TierThresholds] = {
    # Xiaohongshu's mid tier reaches up to its head tier (500k): the source knows no macro tier, so it stays empty.
    Platform.XIAOHONGSHU: TierThresholds(10_000, 50_000, 500_000, 500_000, source=_IJUNJUN),
}


def thresholds(platform_name: str, overrides: dict[str, TierThresholds] | None = None) -> TierThresholds:
    """The thresholds of one platform: the workspace's override, else the cited default."""
    if overrides and platform_name in overrides:
        return overrides[platform_name]
    if overrides and "default" in overrides:
        return overrides["default"]
    known = platform(platform_name)
    return TIER_THRESHOLDS.get(known, DEFAULT_THRESHOLDS) if known else DEFAULT_THRESHOLDS
