"""The method pages that ship with the package, so that whoever shows a figure can show how it is made.

In a checkout they are docs/methods; in an installed wheel they lie inside the package.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

from tidegauge.errors import MeasureError


@cache
def _folder() -> Path | None:
    here = Path(__file__).resolve()
    places = (here.parent / "methods", here.parents[2] / "docs" / "methods")
    return next((p for p in places if p.is_dir()), None)


@cache
def method_pages() -> dict[str, str]:
    """Every method page by name, with its title: {"tiers": "Tier migration", …}."""
    folder = _folder()
    files = sorted(folder.glob("*.md")) if folder is not None else []
    return {f.stem: _title(f) for f in files}


def method_page(name: str) -> str:
    """The Markdown of one page: formula, assumptions, accuracy, reference. MeasureError where there is none."""
    folder = _folder()
    # The name comes from outside: it chooses among the pages and never becomes a path of its own.
    if folder is None or name not in method_pages():
        raise MeasureError(f"there is no method page '{name}'", mend="pages: " + ", ".join(method_pages()))
    return (folder / f"{name}.md").read_text(encoding="utf-8")


def _title(file: Path) -> str:
    with file.open(encoding="utf-8") as lines:
        return next((line.lstrip("# ").strip() for line in lines if line.startswith("# ")), file.stem)
