"""Tables to files that a spreadsheet opens: texts from data can never become formulas there.

Source of the rule: OWASP, CSV Injection (owasp.org/www-community/attacks/CSV_Injection).
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import BinaryIO

import polars as pl

from tidegauge.report.figures import UNSAFE, clean

#: A cell whose text begins so is run as a formula by Excel, LibreOffice or Sheets (full-width forms too).
FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
_STARTS = "^[" + "".join(re.escape(c) for c in FORMULA_STARTS) + "]"
_BOM = b"\xef\xbb\xbf"


def neutral(text: object) -> str:
    """A text that stays text in a spreadsheet, also after a round trip through CSV.

    >>> neutral("=1+1"), neutral("  @x"), neutral("\\x00=1"), neutral("猫猫 -1"), neutral("-")
    ("'=1+1", "'  @x", "'=1", '猫猫 -1', '-')
    """
    raw, cleaned = str(text), clean(text)
    # A lone dash is how a missing count is written and harms nobody.
    if cleaned.strip() in ("-", ""):
        return cleaned
    dangerous = raw.startswith(FORMULA_STARTS) or cleaned.lstrip().startswith(FORMULA_STARTS)
    return f"'{cleaned}" if dangerous else cleaned


def neutralised(frame: pl.DataFrame) -> pl.DataFrame:
    """The frame with every text and every header neutral, nested values as JSON text, NaN and infinity as null."""
    columns: list[pl.Expr | pl.Series] = []
    for name, kind in frame.schema.items():
        if isinstance(kind, pl.List | pl.Array | pl.Struct | pl.Object):
            told = [
                None if v is None else neutral(json.dumps(v, ensure_ascii=False, default=str))
                for v in frame[name].to_list()
            ]
            columns.append(pl.Series(name, told, dtype=pl.String))
        elif kind in (pl.String, pl.Categorical, pl.Enum):
            columns.append(_neutral_column(pl.col(name).cast(pl.String)).alias(name))
        elif kind.is_float():
            columns.append(pl.when(pl.col(name).is_finite()).then(pl.col(name)).alias(name))
    return frame.with_columns(columns).rename({c: neutral(c) for c in frame.columns})


def _neutral_column(text: pl.Expr) -> pl.Expr:
    """`neutral` for a whole column, without leaving Polars: an export may have millions of rows."""
    cleaned = text.str.replace_all(r"[\r\n\t]", " ").str.replace_all(UNSAFE, "")
    harmless = cleaned.str.strip_chars().is_in(["-", ""])
    dangerous = text.str.contains(_STARTS) | cleaned.str.contains(rf"^\s*{_STARTS.removeprefix('^')}")
    return pl.when(dangerous & ~harmless).then(pl.concat_str(pl.lit("'"), cleaned)).otherwise(cleaned)


def write_csv(frame: pl.DataFrame, path: Path | str | BinaryIO) -> None:
    """Write UTF-8 CSV with a BOM (Excel garbles Chinese without it), texts neutral, NaN and infinity empty.

    Parameters
    ----------
    frame : any rows. path : a file, or an open binary stream such as `sys.stdout.buffer`.
    """
    body = neutralised(frame).write_csv().encode("utf-8")
    if isinstance(path, str | Path):
        Path(path).write_bytes(_BOM + body)
    else:
        path.write(_BOM + body)
        path.flush()
