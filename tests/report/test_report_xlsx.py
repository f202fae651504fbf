"""The workbook: frozen heads, real numbers, totals, and no formula that we did not write."""

from __future__ import annotations

import re

import openpyxl
import pytest

from tidegauge.report.tables import neutral

#: openpyxl cannot read the extension that holds solid data bars, and says so.
pytestmark = pytest.mark.filterwarnings("ignore::UserWarning:openpyxl")


@pytest.fixture(scope="module")
def book(written):
    return openpyxl.load_workbook(written["xlsx"])


@pytest.fixture(scope="module")
def values(written):
    return openpyxl.load_workbook(written["xlsx"], data_only=True)


def header(sheet) -> dict[str, int]:
    """Column numbers by heading of the first table: the row above the frozen rows' end."""
    row = sheet[sheet.freeze_panes].row - 1
    return {str(c.value): c.column for c in sheet[row] if c.value is not None}


def test_sheets_are_the_sections_and_the_charts_figures_come_last(book):
    assert book.sheetnames == [
        "结论", "达人名单", "预算曲线", "还能怎样更好", "预算分配", "差一点入选", "约束", "假设", "依据", "图表数据",
    ]  # fmt: skip


def test_the_roster_is_frozen_filtered_and_complete(book, plan):
    sheet = book["达人名单"]
    heads = header(sheet)
    first = sheet[sheet.freeze_panes].row
    assert sheet.freeze_panes.startswith("B")
    assert sheet.auto_filter.ref.endswith(str(first + plan.picks.height - 1))
    prices = [sheet.cell(first + i, heads["报价（元）"]) for i in range(plan.picks.height)]
    assert [c.value for c in prices] == pytest.approx(plan.picks.get_column("price").to_list())
    assert {c.number_format for c in prices} == {"#,##0.##"}
    assert {"预计播放 下限", "预计播放 上限", "达人 ID", "报价为假设"} <= set(heads)
    lows = [sheet.cell(first + i, heads["预计播放 下限"]).value for i in range(plan.picks.height)]
    assert lows == pytest.approx(plan.picks.get_column("views_low").to_list())
    assert sheet.cell(first, heads["发布日"]).number_format == "yyyy-mm-dd"
    assert sheet.cell(first, heads["发布日"]).value.date() == plan.picks.get_column("publish_on")[0]


def test_assumed_prices_look_assumed(book, plan):
    sheet = book["达人名单"]
    first, column = sheet[sheet.freeze_panes].row, header(sheet)["报价（元）"]
    italic = [sheet.cell(first + i, column).font.i for i in range(plan.picks.height)]
    assert italic == plan.picks.get_column("price_assumed").to_list()


def test_the_total_is_the_cost_and_follows_the_filter(book, values, plan):
    sheet = book["达人名单"]
    first, column = sheet[sheet.freeze_panes].row, header(sheet)["报价（元）"]
    cell = sheet.cell(first + plan.picks.height, column)
    letter = cell.column_letter
    assert cell.value == f"=SUBTOTAL(109,{letter}{first}:{letter}{first + plan.picks.height - 1})"
    assert values["达人名单"][cell.coordinate].value == pytest.approx(plan.cost)


@pytest.mark.parametrize("which", ["written", "written_empty", "written_workspace"])
def test_no_formula_comes_from_data(which, request):
    loaded = openpyxl.load_workbook(request.getfixturevalue(which)["xlsx"])
    for sheet in loaded:
        for row in sheet.iter_rows():
            for cell in row:
                assert cell.hyperlink is None
                if cell.data_type == "f":
                    assert re.fullmatch(r"=SUBTOTAL\(109,[A-Z]+\d+:[A-Z]+\d+\)", cell.value), cell.value
                elif isinstance(cell.value, str):
                    assert not cell.value.lstrip().startswith(("=", "+", "@")), cell.value


def test_hostile_names_are_kept_readable(book, plan):
    sheet = book["达人名单"]
    first = sheet[sheet.freeze_panes].row
    names = [sheet.cell(first + i, 1).value for i in range(plan.picks.height)]
    assert names == [neutral(n) for n in plan.picks.get_column("name")]


def test_it_prints_on_landscape_pages_with_a_head(book):
    sheet = book["达人名单"]
    assert sheet.page_setup.orientation == "landscape"
    assert sheet.sheet_properties.pageSetUpPr.fitToPage
    assert sheet.print_title_rows
    assert "玉容" in sheet.oddHeader.left.text
    assert sheet.column_dimensions["A"].width > 10


def test_data_bars_and_native_charts_are_there(book, plan):
    assert len(book["达人名单"].conditional_formatting) == 1
    # openpyxl reads back native charts; the split has one per dimension.
    assert [len(book[s]._charts) for s in ("达人名单", "预算曲线", "预算分配")] == [1, 1, 5]
    curve = book["图表数据"]
    reach = [r[1] for r in curve.iter_rows(values_only=True) if isinstance(r[0], float | int) and r[2] is not None]
    assert reach == pytest.approx(plan.curve.get_column("reach").to_list())


def test_an_empty_plan_makes_a_workbook(written_empty):
    loaded = openpyxl.load_workbook(written_empty["xlsx"])
    told = [c for row in loaded["Roster"].iter_rows(values_only=True) for c in row if c]
    assert any("empty" in t for t in told)


def test_the_files_stay_in_their_directory(written_empty):
    assert written_empty["xlsx"].endswith("/空-名单-x.xlsx")
