"""CSV: Chinese opens in Excel, names never become formulas, numbers stay numbers."""

from __future__ import annotations

import csv
import io

import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from tidegauge.report.tables import FORMULA_STARTS, neutral, neutralised, write_csv


@given(st.text())
def test_neutral_text_never_starts_a_formula(text):
    told = neutral(text)
    assert told in ("-", "") or not told.strip().startswith(FORMULA_STARTS) or told.strip() == "-"


TRICKY = st.text(alphabet=st.sampled_from("=+-@＝ \t\r\n\x00\u202e\u3000\ufeffa猫1")) | st.text(
    alphabet=st.characters(exclude_categories=("Cs",))
)


@given(st.lists(TRICKY, min_size=1, max_size=20))
def test_a_column_is_neutralised_like_its_cells(texts):
    told = neutralised(pl.DataFrame({"t": texts})).get_column("t").to_list()
    assert told == [neutral(t) for t in texts]
    assert not [t for t in told if t.lstrip().startswith(FORMULA_STARTS) and t.strip() != "-"]


@given(st.text(alphabet=st.characters(codec="utf-8", categories=("L", "N")), min_size=1))
def test_ordinary_names_are_left_as_they_are(text):
    assert neutral(text) == text


def test_the_file_has_a_mark_of_order_neutral_texts_and_no_nan(tmp_path):
    frame = pl.DataFrame(
        {
            "=name": ["=1+1", "猫", None],
            "value": [1.5, float("nan"), float("inf")],
            "n": [-3, 2, None],
            "tags": [["=x", "b"], [], None],
        }
    )
    path = tmp_path / "rows.csv"
    write_csv(frame, path)
    raw = path.read_bytes()
    assert raw.startswith(b"\xef\xbb\xbf")
    head, *rows = list(csv.reader(io.StringIO(raw.decode("utf-8-sig"))))
    assert head == ["'=name", "value", "n", "tags"]
    assert [r[0] for r in rows] == ["'=1+1", "猫", ""]
    assert [r[1] for r in rows] == ["1.5", "", ""]
    assert [r[2] for r in rows] == ["-3", "2", ""]
    assert [r[3] for r in rows] == ['["=x", "b"]', "[]", ""]


def test_it_writes_to_an_open_stream_too():
    stream = io.BytesIO()
    write_csv(pl.DataFrame({"a": ["@x"]}), stream)
    assert stream.getvalue().decode("utf-8-sig").splitlines() == ["a", "'@x"]
