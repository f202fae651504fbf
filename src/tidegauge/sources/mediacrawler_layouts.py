"""What MediaCrawler writes for each platform: columns, keys and what they mean in the canonical tables.

Names and types as in its public table definitions (github.com/NanmiCoder/MediaCrawler, database/models.py) and its
stores; newer versions write `creator_hash` where older ones wrote `user_id`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from tidegauge.vocab import Format, Platform

_AUTHOR = "user_id creator_hash nickname avatar ip_location"
_LEDGER = "add_ts last_modify_ts source_keyword"
_COMMENT = "comment_id creator_hash user_id nickname avatar content sub_comment_count add_ts last_modify_ts"


@dataclass(frozen=True)
class Layout:
    """One table of one platform.

    `columns` are all names it is known to have (also those not read), `counts` maps canonical counts to raw columns,
    `id_form` is a pattern of its native ids, which tells platforms apart whose columns are alike.
    """

    platform: Platform
    kind: str
    table: str
    key: str
    columns: frozenset[str]
    id_form: str
    counts: Mapping[str, str] = field(default_factory=dict)
    published: tuple[str, ...] = ()
    texts: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    format_column: str = ""
    formats: Mapping[str, Format] = field(default_factory=dict)
    default_format: Format | None = None
    tags: str = ""


def _layout(platform: Platform, kind: str, table: str, key: str, names: str, id_form: str, **more: object) -> Layout:
    return Layout(platform, kind, table, key, frozenset(names.split()) | {key}, id_form, **more)  # type: ignore[arg-type]


_HEX24, _DIGITS16, _DIGITS = r"^[0-9a-f]{24}$", r"^\d{15,17}$", r"^\d+$"
_PHOTO = r"^3[a-z0-9]{10,}$"
_FOUR = {"likes": "liked_count", "comments": "comment_count", "shares": "share_count", "saves": "collected_count"}
_INTERACTION = {"followers": "fans", "following": "follows", "likes_received": "interaction"}

CONTENTS = (
    _layout(
        Platform.XIAOHONGSHU, "contents", "xhs_note", "note_id",
        f"{_AUTHOR} {_LEDGER} type title desc video_url time last_update_time liked_count collected_count "
        "comment_count share_count image_list tag_list note_url xsec_token",
        _HEX24,
        counts=_FOUR,
        published=("time",), texts={"title": ("title",), "text": ("desc",), "url": ("note_url",)},
        format_column="type", formats={"normal": Format.IMAGE_TEXT, "video": Format.SHORT_VIDEO},
        default_format=Format.IMAGE_TEXT, tags="tag_list",
    ),
    _layout(
        Platform.DOUYIN, "contents", "douyin_aweme", "aweme_id",
        f"{_AUTHOR} {_LEDGER} sec_uid short_user_id user_unique_id user_signature aweme_type title desc create_time "
        "liked_count comment_count share_count collected_count aweme_url cover_url video_download_url "
        "music_download_url note_download_url",
        r"^\d{18,20}$",
        counts=_FOUR,
        published=("create_time",), texts={"title": ("title",), "text": ("desc",), "url": ("aweme_url",)},
        format_column="aweme_type", formats={"68": Format.IMAGE_TEXT, "150": Format.IMAGE_TEXT},
        default_format=Format.SHORT_VIDEO,
    ),
    _layout(
        Platform.KUAISHOU, "contents", "kuaishou_video", "video_id",
        f"{_AUTHOR} {_LEDGER} video_type title desc create_time liked_count viewd_count video_url video_cover_url "
        "video_play_url",
        _PHOTO,
        counts={"views": "viewd_count", "likes": "liked_count"},
        published=("create_time",), texts={"title": ("title",), "text": ("desc",), "url": ("video_url",)},
        default_format=Format.SHORT_VIDEO,
    ),
    _layout(
        Platform.BILIBILI, "contents", "bilibili_video", "video_id",
        f"{_AUTHOR} {_LEDGER} video_type title desc create_time liked_count disliked_count video_play_count "
        "video_favorite_count video_share_count video_coin_count video_danmaku video_comment video_url video_cover_url",
        r"^(\d{5,15}|BV\w{10})$",
        counts={
            "views": "video_play_count", "likes": "liked_count", "comments": "video_comment",
            "shares": "video_share_count", "saves": "video_favorite_count", "danmaku": "video_danmaku",
            "coins": "video_coin_count",
        },
        published=("create_time",), texts={"title": ("title",), "text": ("desc",), "url": ("video_url",)},
        default_format=Format.MID_VIDEO,
    ),
    _layout(
        Platform.WEIBO, "contents", "weibo_note", "note_id",
        f"{_AUTHOR} {_LEDGER} gender profile_url content create_time create_date_time liked_count comments_count "
        "shared_count note_url",
        _DIGITS16,
        counts={"likes": "liked_count", "comments": "comments_count", "shares": "shared_count"},
        published=("create_time", "create_date_time"), texts={"text": ("content",), "url": ("note_url",)},
        default_format=Format.STATUS,
    ),
    _layout(
        Platform.TIEBA, "contents", "tieba_note", "note_id",
        f"creator_hash user_id {_LEDGER} title desc note_url publish_time user_link user_nickname nickname user_avatar "
        "tieba_id tieba_name tieba_link total_replay_num total_replay_page ip_location",
        r"^\d{8,12}$",
        counts={"comments": "total_replay_num"},
        published=("publish_time",), texts={"title": ("title",), "text": ("desc",), "url": ("note_url",)},
        default_format=Format.STATUS,
    ),
    _layout(
        Platform.ZHIHU, "contents", "zhihu_content", "content_id",
        f"creator_hash user_id {_LEDGER} content_type content_text content_url question_id title desc created_time "
        "updated_time voteup_count comment_count user_link user_nickname nickname user_avatar user_url_token",
        _DIGITS,
        counts={"likes": "voteup_count", "comments": "comment_count"},
        published=("created_time",),
        texts={"title": ("title",), "text": ("content_text", "desc"), "url": ("content_url",)},
        format_column="content_type",
        formats={"answer": Format.QUESTION_ANSWER, "article": Format.ARTICLE, "zvideo": Format.MID_VIDEO},
        default_format=Format.QUESTION_ANSWER,
    ),
)  # fmt: skip

DYNAMICS = (
    _layout(
        Platform.BILIBILI, "dynamics", "bilibili_up_dynamic", "dynamic_id",
        "creator_hash user_id user_name nickname text type pub_ts total_comments total_forwards total_liked "
        "add_ts last_modify_ts",
        r"^\d{15,20}$",
        counts={"likes": "total_liked", "comments": "total_comments", "shares": "total_forwards"},
        published=("pub_ts",), texts={"text": ("text",)},
        format_column="type",
        formats={
            "DRAW": Format.IMAGE_TEXT, "AV": Format.MID_VIDEO, "ARTICLE": Format.ARTICLE, "LIVE": Format.LIVE,
            "RCMD": Format.LIVE, "PGC": Format.LONG_VIDEO,
        },
        default_format=Format.STATUS,
    ),
)  # fmt: skip

_REPLY = "parent_comment_id like_count pictures"
COMMENTS = (
    _layout(Platform.XIAOHONGSHU, "comments", "xhs_note_comment", "note_id",
            f"{_COMMENT} {_REPLY} create_time ip_location", _HEX24),
    _layout(Platform.DOUYIN, "comments", "douyin_aweme_comment", "aweme_id",
            f"{_COMMENT} {_REPLY} create_time ip_location sec_uid short_user_id user_unique_id user_signature",
            r"^\d{18,20}$"),
    _layout(Platform.KUAISHOU, "comments", "kuaishou_video_comment", "video_id", f"{_COMMENT} create_time", _PHOTO),
    _layout(Platform.BILIBILI, "comments", "bilibili_video_comment", "video_id",
            f"{_COMMENT} sex sign create_time parent_comment_id like_count", r"^(\d{5,15}|BV\w{10})$"),
    _layout(Platform.WEIBO, "comments", "weibo_note_comment", "note_id",
            f"{_COMMENT} gender profile_url ip_location create_time create_date_time comment_like_count "
            "parent_comment_id", _DIGITS16),
    _layout(Platform.TIEBA, "comments", "tieba_comment", "note_id",
            "comment_id creator_hash user_id nickname content sub_comment_count add_ts last_modify_ts "
            "parent_comment_id user_link user_nickname user_avatar tieba_id tieba_name tieba_link "
            "publish_time ip_location note_url",
            r"^\d{8,12}$"),
    _layout(Platform.ZHIHU, "comments", "zhihu_comment", "content_id",
            "comment_id creator_hash user_id nickname content sub_comment_count add_ts last_modify_ts "
            "parent_comment_id publish_time create_time ip_location like_count dislike_count "
            "content_type user_link user_nickname user_avatar", _DIGITS),
)  # fmt: skip

_PROFILE = "creator_hash nickname avatar ip_location desc gender follows fans add_ts last_modify_ts"
CREATORS = (
    _layout(Platform.XIAOHONGSHU, "creators", "xhs_creator", "user_id", f"{_PROFILE} interaction tag_list", _HEX24,
            counts=_INTERACTION, tags="tag_list"),
    _layout(Platform.DOUYIN, "creators", "dy_creator", "user_id", f"{_PROFILE} interaction videos_count", _DIGITS,
            counts=_INTERACTION | {"posts": "videos_count"}),
    # its store puts the number of public works into `interaction`
    _layout(Platform.KUAISHOU, "creators", "kuaishou_creator", "user_id", f"{_PROFILE} interaction", r"^(3x)?\w{5,}$",
            counts={"followers": "fans", "following": "follows", "posts": "interaction"}),
    _layout(Platform.BILIBILI, "creators", "bilibili_up_info", "user_id",
            "creator_hash nickname sex sign avatar total_fans total_liked user_rank is_official add_ts last_modify_ts",
            _DIGITS, counts={"followers": "total_fans", "likes_received": "total_liked"}),
    _layout(Platform.WEIBO, "creators", "weibo_creator", "user_id", f"{_PROFILE} tag_list", r"^\d{8,11}$",
            counts={"followers": "fans", "following": "follows"}),
    _layout(Platform.TIEBA, "creators", "tieba_creator", "user_id",
            "creator_hash user_name nickname avatar ip_location gender follows fans registration_duration add_ts "
            "last_modify_ts", r".", counts={"followers": "fans", "following": "follows"}),
    _layout(Platform.ZHIHU, "creators", "zhihu_creator", "user_id",
            "creator_hash user_link user_nickname nickname user_avatar url_token gender ip_location follows fans "
            "anwser_count video_count question_count article_count column_count get_voteup_count add_ts last_modify_ts",
            r"^[0-9a-f]{32}$",
            counts={"followers": "fans", "following": "follows", "likes_received": "get_voteup_count"}),
)  # fmt: skip

LAYOUTS = (*CONTENTS, *DYNAMICS, *COMMENTS, *CREATORS)
#: MediaCrawler's folder names.
FOLDERS = {
    "xhs": Platform.XIAOHONGSHU, "dy": Platform.DOUYIN, "douyin": Platform.DOUYIN, "ks": Platform.KUAISHOU,
    "kuaishou": Platform.KUAISHOU, "bili": Platform.BILIBILI, "bilibili": Platform.BILIBILI, "wb": Platform.WEIBO,
    "weibo": Platform.WEIBO, "tieba": Platform.TIEBA, "zhihu": Platform.ZHIHU,
}  # fmt: skip
#: Works that a creators table counts apart.
WORK_COUNTS = ("anwser_count", "article_count", "video_count")
