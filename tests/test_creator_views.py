"""Creators on the terminal and in files: intervals beside figures, texts that stay texts, every format."""

from __future__ import annotations

import datetime as dt
import io
import json

import polars as pl
import pytest
from openpyxl import load_workbook
from rich.console import Console

import tidegauge as tg
from tidegauge.cli import main
from tidegauge.creator_views import creator_view, creators_view, print_rows, write_creator, write_rows
from tidegauge.errors import UsageError

DAY = dt.datetime(2026, 3, 1, tzinfo=dt.UTC)
HOSTILE = ('=HYPERLINK("http://evil","x")', "<script>alert(1)</script>", "evil\u202egnp.exe", "[bold]+1", "@SUM(A1)")
N = 30


@pytest.fixture(scope="module")
def ws(tmp_path_factory):
    """Thirty creators with posts; the first five bear hostile names, one has no name at all."""
    ids = [f"bilibili:{i}" for i in range(N)]
    names = [*HOSTILE, None, *(f"达人{i}" for i in range(6, N))]
    posts = [f"{c}/{k}" for c in ids for k in range(3)]
    owner = [p.split("/")[0] for p in posts]
    out = [DAY + dt.timedelta(days=7 * int(p.split("/")[1])) for p in posts]
    place = tmp_path_factory.mktemp("views") / "ws"
    made = tg.init(place)
    made.load(
        {
            "creators": pl.DataFrame(
                {"creator_id": ids, "platform": "bilibili", "native_id": [str(i) for i in range(N)], "name": names,
                 "category": "科技", "first_seen_at": [DAY] * N}
            ),
            "creator_snapshots": pl.DataFrame(
                {"creator_id": ids, "observed_at": [DAY] * N, "followers": [60_000 + 1000 * i for i in range(N)]}
            ),
            "posts": pl.DataFrame(
                {"post_id": posts, "creator_id": owner, "platform": "bilibili", "published_at": out,
                 "format": "mid_video"}
            ),
            "post_snapshots": pl.DataFrame(
                {"post_id": posts, "observed_at": [t + dt.timedelta(days=20) for t in out],
                 "views": [10_000 + 3_000 * ids.index(c) + 500 * i for i, c in enumerate(owner)]}
            ),
            "offers": pl.DataFrame(
                {"creator_id": ids, "format": "mid_video", "price": [2_000.0 + 100 * i for i in range(N)],
                 "currency": "CNY", "valid_from": [DAY] * N}
            ),
        }
    )  # fmt: skip
    return made


@pytest.fixture(scope="module")
def ranked(ws):
    return ws.creators()


@pytest.fixture(scope="module")
def page(ws):
    return ws.creator("bilibili:1")


def printed(view) -> str:
    out = io.StringIO()
    Console(file=out, width=160, color_system=None).print(view)
    return out.getvalue()


@pytest.mark.parametrize("lang", ["zh", "en"])
def test_the_ranking_shows_everyone_with_intervals_and_ids(ranked, lang):
    told = printed(creators_view(ranked, lang))
    for i in range(N):
        assert f"bilibili:{i}" in told
    first = ranked.row(0, named=True)["views_next"]
    assert first["low"] < first["value"] < first["high"]
    assert told.count("[") >= 2 * N
    assert ("合理价（元）" if lang == "zh" else "Fair price (CNY)") in told


def test_names_are_text_on_the_terminal(ranked):
    told = printed(creators_view(ranked, "en"))
    assert "[bold]+1" in told  # no markup
    assert "\u202e" not in told
    assert "\x1b" not in told


def test_the_page_tells_what_comes_next_in_the_chosen_language(page):
    chinese, english = printed(creator_view(page, "zh")), printed(creator_view(page, "en"))
    for word in ("未来 7 天播放", "下一条作品", "合理价", "同层级位置"):
        assert word in chinese
    for word in ("Views in the next 7 days", "The next post", "Fair price", "Among its peers"):
        assert word in english
    assert "views_next" not in chinese + english
    assert "log_sd" not in chinese + english


def test_the_workbook_has_raw_figures_bounds_and_no_formula(ranked, tmp_path):
    write_rows(ranked, tmp_path / "r.xlsx", "zh")
    sheet = load_workbook(tmp_path / "r.xlsx").worksheets[0]
    rows = list(sheet.iter_rows(values_only=True))
    head = next(i for i, r in enumerate(rows) if r[0] == "达人" and r[1] == "平台")
    names, body = list(rows[head]), rows[head + 1 : head + 1 + N]
    views, low, high = (names.index(c) for c in ("未来 7 天播放", "未来 7 天播放 下限", "未来 7 天播放 上限"))
    assert [r[views] for r in body] == pytest.approx([v["value"] for v in ranked["views_next"]])
    assert all(r[low] <= r[views] <= r[high] for r in body)
    assert not [c for r in sheet.iter_rows() for c in r if c.data_type == "f"]
    assert not any("\u202e" in str(c) for r in rows for c in r)


def test_csv_json_and_parquet_carry_the_same_rows(ranked, tmp_path):
    for kind in ("csv", "json", "parquet"):
        write_rows(ranked, tmp_path / f"r.{kind}")
    raw = (tmp_path / "r.csv").read_bytes()
    assert raw.startswith(b"\xef\xbb\xbf")
    told = pl.read_csv(io.BytesIO(raw))
    assert told["creator_id"].to_list() == ranked["creator_id"].to_list()
    assert {"views_next", "views_next_low", "views_next_high"} <= set(told.columns)
    assert not [n for n in told["name"].drop_nulls() if n.startswith(("=", "@", "+"))]
    document = json.loads((tmp_path / "r.json").read_text(encoding="utf-8"))
    assert [r["creator_id"] for r in document["rows"]] == ranked["creator_id"].to_list()
    assert pl.read_parquet(tmp_path / "r.parquet").equals(ranked)


def test_the_page_is_written_as_html_workbook_and_deck(page, tmp_path):
    for kind in ("html", "xlsx", "pptx"):
        write_creator(page, tmp_path / f"p.{kind}", "zh")
        assert (tmp_path / f"p.{kind}").stat().st_size > 5_000
    html = (tmp_path / "p.html").read_text(encoding="utf-8")
    assert "<script>alert" not in html
    assert "&lt;script&gt;alert" in html
    assert "Half-life of a post" in html or "Fair price" in html


@pytest.mark.parametrize("name", ["r.doc", "r"])
def test_an_unknown_kind_of_file_is_refused(ranked, page, tmp_path, name):
    with pytest.raises(UsageError, match="no known kind"):
        write_rows(ranked, tmp_path / name)
    with pytest.raises(UsageError, match="no known kind"):
        write_creator(page, tmp_path / name, "en")


@pytest.mark.parametrize(("form", "says"), [("parquet", "needs a file"), ("abacus", "no format")])
def test_a_format_that_a_terminal_cannot_take(ranked, form, says):
    with pytest.raises(UsageError, match=says):
        print_rows(ranked, form)


def test_commands_print_and_write(ws, tmp_path, capsys):
    place = str(ws.path)
    assert main(["creators", "-w", place, "--format", "json", "--limit", "3"]) == 0
    assert len(json.loads(capsys.readouterr().out)["rows"]) == 3
    assert main(["creator", "bilibili:3", "-w", place, "--json", "-o", str(tmp_path / "c.html")]) == 0
    assert json.loads(capsys.readouterr().out)["creator_id"] == "bilibili:3"
    assert (tmp_path / "c.html").exists()
    assert main(["creators", "-w", place, "--format", "abacus"]) == 2
