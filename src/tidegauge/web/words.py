"""The page's words in zh and in en: one catalogue; templates and views hold no text of their own."""

from __future__ import annotations

import csv
import io
from importlib import resources

from tidegauge.result import Text
from tidegauge.vocab import Lang

#: The views in the order of the navigation: path, key of the word.
VIEWS: tuple[tuple[str, str], ...] = (
    ("/", "tide"),
    ("/platforms", "platforms"),
    ("/creators", "creators"),
    ("/plans", "plans"),
    ("/response", "response"),
    ("/verify", "verify"),
    ("/data", "data"),
)


def _read() -> dict[str, tuple[str, str]]:
    table = resources.files("tidegauge.web").joinpath("words.csv").read_text(encoding="utf-8")
    return {row["key"]: (row["zh"], row["en"]) for row in csv.DictReader(io.StringIO(table))}


#: Key → (zh, en), from the table beside this file.
WORDS = _read()


def said(key: str, lang: Lang, **values: object) -> str:
    """A word or sentence of the page.

    >>> said("page_of", "en", page=2, pages=9)
    'Page 2 of 9'
    """
    text = WORDS[key][0 if lang == "zh" else 1]
    return text.format(**values) if values else text


def text(key: str, **values: object) -> Text:
    """The same in both languages."""
    return Text(said(key, "zh", **values), said(key, "en", **values))


def keys() -> frozenset[str]:
    return frozenset(WORDS)
