"""Rate cards with the headers that people give them."""

from __future__ import annotations

import datetime as dt

import pytest
import xlsxwriter
from file_writers import read_all, write_csv, write_xlsx

from tidegauge.errors import SourceError
from tidegauge.sources.ratecard_headers import meaning, offer
from tidegauge.vocab import Platform

XINGTU = {
    "达人昵称": "甲",
    "抖音号/达人ID": "dy001",
    "粉丝数": "120.5万",
    "内容类型/行业": "美妆",
    "1-20s视频报价": "￥12,000",
    "21-60s视频报价": "1.8万",
    "60s以上视频报价": 30000,
    "图文报价": "-",
    "预期CPM": "35",
    "预期播放量": "50万",
    "完播率": "30%",
    "互动率": "5%",
    "星图指数": "80",
    "所属机构": "某机构",
}
PUGONGYING = {
    "博主昵称": "乙",
    "小红书号": 123456789,
    "粉丝数": 80000,
    "图文报价": 3000,
    "视频报价": 5000,
    "阅读中位数": 12000,
    "互动中位数": 900,
    "内容类目": "母婴",
    "地域": "上海",
}
HUAHUO = {
    "UP主": "丙",
    "UID": 4321,
    "粉丝数": "33.3万",
    "定制视频报价": 40000,
    "植入视频报价": 20000,
    "直发动态报价": 3000,
    "平均播放": 150000,
}
WEIBO = {"微博昵称": "丁", "微博UID": "1234567890", "粉丝数": "500万+", "直发报价": 9000, "转发报价": 4000}
CHANNELS = {
    "视频号昵称": "戊",
    "视频号ID": "sph1",
    "粉丝数": "20万",
    "短视频报价(1-60s)": 8000,
    "短视频报价(60s+)": 15000,
}


def offers(done):
    return sorted(done.tables["offers"].select("creator_id", "format", "terms", "price", "expected_views").rows())


@pytest.mark.parametrize("form", ["csv", "xlsx", "gb"])
@pytest.mark.parametrize(
    ("name", "row", "expected"),
    [
        (
            "xingtu",
            XINGTU,
            [
                ("douyin:dy001", "mid_video", "60s+", 30000.0, 500_000),
                ("douyin:dy001", "short_video", "1-20s", 12000.0, 500_000),
                ("douyin:dy001", "short_video", "21-60s", 18000.0, 500_000),
            ],
        ),
        (
            "pugongying",
            PUGONGYING,
            [
                ("xiaohongshu:123456789", "image_text", "", 3000.0, 12_000),
                ("xiaohongshu:123456789", "short_video", "", 5000.0, 12_000),
            ],
        ),
        (
            "huahuo",
            HUAHUO,
            [
                ("bilibili:4321", "mid_video", "custom", 40000.0, 150_000),
                ("bilibili:4321", "mid_video", "integrated", 20000.0, 150_000),
                ("bilibili:4321", "status", "direct", 3000.0, 150_000),
            ],
        ),
        (
            "weibo_rates",
            WEIBO,
            [
                ("weibo:1234567890", "status", "direct", 9000.0, None),
                ("weibo:1234567890", "status", "repost", 4000.0, None),
            ],
        ),
        (
            "channels_rates",
            CHANNELS,
            [
                ("channels:sph1", "mid_video", "60s+", 15000.0, None),
                ("channels:sph1", "short_video", "1-60s", 8000.0, None),
            ],
        ),
    ],
)
def test_cards_of_the_platforms(tmp_path, ingest_file, name, row, expected, form):
    target = tmp_path / f"报价_2026-06-12.{'xlsx' if form == 'xlsx' else 'csv'}"
    if form == "xlsx":
        write_xlsx(target, {"Sheet1": [row]})
    else:
        write_csv(target, [row], "gb18030" if form == "gb" else "utf-8-sig")
    done = ingest_file(target)
    assert (done.reader, done.records, done.rejects.height) == (name, 1, 0)
    assert offers(done) == expected
    card = done.tables["offers"].row(0, named=True)
    assert (card["currency"], card["role"], card["valid_from"]) == ("CNY", "KOL", dt.date(2026, 6, 12))
    snapshot = done.tables["creator_snapshots"].row(0, named=True)
    assert (
        snapshot["followers"]
        == {
            "xingtu": 1_205_000,
            "pugongying": 80_000,
            "huahuo": 333_000,
            "weibo_rates": 5_000_000,
            "channels_rates": 200_000,
        }[name]
    )
    assert snapshot["censored"] == (name == "weibo_rates")
    creator = done.tables["creators"].row(0, named=True)
    assert creator["category"] == {"xingtu": "美妆", "pugongying": "母婴"}.get(name)
    assert creator["name"] == next(iter(row.values()))


def test_titles_above_the_header_merged_cells_units_in_headers_and_blank_rows(tmp_path, ingest_file):
    target = tmp_path / "星图达人报价.xlsx"
    with xlsxwriter.Workbook(str(target)) as book:
        sheet = book.add_worksheet("达人")
        sheet.merge_range(0, 0, 0, 6, "2026 年二季度达人报价单（含税）")
        sheet.write(1, 0, "更新：2026-06-01")
        sheet.write_row(3, 0, ["达人昵称", "达人ID", "粉丝数（万）"])
        sheet.merge_range(3, 3, 3, 5, "视频报价（元）")
        sheet.write(3, 6, "备注")
        sheet.write_row(4, 3, ["1-20s", "21-60s", "60s以上"])
        sheet.write_row(5, 0, ["甲", "a1", 120.5, 10000, 15000, 20000, "可议"])
        sheet.write_row(7, 0, ["乙", "b2", "88.8", "面议", 0, "2万", ""])
    done = ingest_file(target)
    assert done.reader == "xingtu"
    assert [(c, t, p) for c, _, t, p, _ in offers(done)] == [
        ("douyin:a1", "60s+", 20000.0),
        ("douyin:a1", "1-20s", 10000.0),
        ("douyin:a1", "21-60s", 15000.0),
        ("douyin:b2", "60s+", 20000.0),
    ]
    assert done.tables["creator_snapshots"]["followers"].to_list() == [1_205_000, 888_000]
    ((locator, reason, raw),) = done.rejects.rows()
    assert (locator, raw) == ("达人!8", "面议")
    assert "open to negotiation" in reason


def test_international_lists(tmp_path, ingest_file):
    rows = [
        {
            "handle": "@alice",
            "Followers": "1.2M",
            "Avg Views": "250k",
            "Engagement_Rate": "3.2%",
            "Rate (USD)": "$2,500",
        },
        {"handle": "bob", "Followers": "80K", "Avg Views": "", "Engagement_Rate": "", "Rate (USD)": "on request"},
    ]
    write_csv(tmp_path / "instagram_rates.csv", rows, "utf-8")
    done = ingest_file(tmp_path / "instagram_rates.csv")
    assert done.reader == "ratecard"
    assert offers(done) == [("instagram:alice", "image_text", "", 2500.0, 250_000)]
    assert done.tables["offers"]["currency"].to_list() == ["USD"]
    assert done.rejects["locator"].to_list() == ["3"]


def test_a_platform_column_and_a_currency_column(tmp_path, ingest_file):
    rows = [
        {"platform": "YouTube", "name": "A", "channel_id": "UC1", "subscribers": 1000, "price": 100, "currency": "eur"},
        {"platform": "ig", "name": "B", "channel_id": "b", "subscribers": 2000, "price": 200, "currency": "USD"},
        {"platform": "MySpace", "name": "C", "channel_id": "c", "subscribers": 3000, "price": 300, "currency": "USD"},
    ]
    write_xlsx(tmp_path / "list.xlsx", {"all": rows})
    done = ingest_file(tmp_path / "list.xlsx")
    found = sorted(done.tables["offers"].select("creator_id", "format", "price", "currency").rows())
    assert found == [("instagram:b", "image_text", 200.0, "USD"), ("youtube:UC1", "mid_video", 100.0, "EUR")]
    assert done.rejects["reason"].to_list() == ["platform 'MySpace' is not known"]


def test_without_a_platform_a_list_is_refused_and_as_mends_it(tmp_path, context, ingest_file):
    write_csv(tmp_path / "list.csv", [{"name": "A", "followers": 10, "price": 5, "category": "x"}])
    with pytest.raises(SourceError, match="not known which platform"):
        read_all([tmp_path / "list.csv"], context)
    done = ingest_file(tmp_path / "list.csv", reader="pugongying")
    assert done.tables["offers"]["creator_id"].to_list() == ["xiaohongshu:A"]


@pytest.mark.parametrize(
    ("header", "kind"),
    [
        ("粉丝量(w)", "followers"),
        ("粉 丝 数", "followers"),
        ("Follower Count", "followers"),
        ("达人昵称*", "name"),
        ("视频报价（含税）", "price"),
        ("21-60S视频报价", "price"),
        ("engagement rate", "ignored"),
        ("完播率", "ignored"),
        ("预期CPM", "ignored"),
        ("视频播放中位数", "expected_views"),
        ("followrs", "followers"),
        ("心情", None),
        ("", None),
    ],
)
def test_headers_are_matched_by_meaning(header, kind):
    found = meaning(header)
    assert (found.kind if found else None) == kind


def test_what_a_price_column_offers_depends_on_the_platform():
    assert offer("视频报价", Platform.BILIBILI) == ("mid_video", "")
    assert offer("视频报价", Platform.XIAOHONGSHU) == ("short_video", "")
    assert offer("reel rate", Platform.INSTAGRAM) == ("short_video", "reel")
    assert offer("post price", Platform.INSTAGRAM) == ("image_text", "")
    assert offer("头条报价", Platform.WECHAT) == ("article", "first")
