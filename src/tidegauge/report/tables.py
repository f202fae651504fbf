"""Tables to files that a spreadsheet opens: texts from data can never become formulas there.

Source of the rule: OWASP, CSV Injection (owasp.org/www-community/attacks/CSV_Injection).
"""

from __future__ import annotations

from pathlib import Path
from typing import BinaryIO

import polars as pl

from tidegauge.report.figures import clean

#: A cell whose text begins so is run as a formula by Excel, LibreOffice or Sheets (full-width forms too).
FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
_BOM = b"\xef\xbb\xbf"


def neutral(text: object) -> str:
    """A text that stays text in a spreadsheet, also after a round trip through CSV.

    >>> neutral("=1+1"), neutral("  @x"), neutral("猫猫 -1"), neutral("-")
    ("'=1+1", "'  @x", '猫猫 -1', '-')
    """
    raw = str(text)
    cleaned = clean(raw)
    # A lone dash is how a missing count is written and harms nobody.
    if cleaned.strip() in ("-", ""):
        return cleaned
    return f"'{cleaned}" if raw.lstrip(" ").startswith(FORMULA_STARTS) else cleaned


def neutralised(frame: pl.DataFrame) -> pl.DataFrame:
    """The frame with every text column (also nested ones, as JSON text) and every header neutral."""
    columns = []
    for name, kind in frame.schema.items():
        column = pl.col(name)
        if isinstance(kind, pl.List | pl.Array | pl.Struct):
            column = column.map_elements(str, return_dtype=pl.String)
            columns.append(column.map_elements(neutral, return_dtype=pl.String))
        elif kind in (pl.String, pl.Categorical, pl.Enum, pl.Object):
            columns.append(column.cast(pl.String).map_elements(neutral, return_dtype=pl.String))
        elif kind.is_float():
            columns.append(pl.when(column.is_finite()).then(column).alias(name))
    out = frame.with_columns(columns) if columns else frame
    return out.rename({c: neutral(c) for c in out.columns})


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
