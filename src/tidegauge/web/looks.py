"""Reports of other rooms as pages: computed in another process for a snapshot, kept as sections in both languages."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from tidegauge.errors import TidegaugeError
from tidegauge.report.registry import Needs, build
from tidegauge.report.words import LANGUAGES
from tidegauge.vocab import Lang
from tidegauge.web.blocks import sections_html
from tidegauge.web.cache import write_about, write_whole
from tidegauge.web.figures import Answer


def write_look(place: Path, needs: Needs, make: Callable[[], Any]) -> None:
    """Put the sections of what `make` gives into `place`; an error of the data is an outcome, too."""

    def fill(folder: Path) -> None:
        try:
            content = make()
        except TidegaugeError as e:
            write_about(folder, e.as_dict())
            return
        sections = build({needs: content})
        for lang in LANGUAGES:
            (folder / f"look-{lang}.html").write_text(sections_html(sections, lang), encoding="utf-8")
        write_about(folder, content.as_dict())

    write_whole(place, fill)


def look_of(found: Answer, lang: Lang) -> str:
    """The sections of a ready answer as HTML."""
    return (found.place / f"look-{lang}.html").read_text(encoding="utf-8") if found.ready else ""
