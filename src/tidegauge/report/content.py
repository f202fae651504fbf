"""What a report is about: a plan, or a workspace with its measurements."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from tidegauge.plan.result import Plan
from tidegauge.report.blocks import Fact
from tidegauge.report.figures import clean
from tidegauge.result import Result, Text

if TYPE_CHECKING:
    from tidegauge.response.reading import Response

WORKSPACE_TITLE = Text("生态报告", "Ecosystem report")
#: The plan's name in the order of preference.
_TITLE_KEYS = ("campaign", "name", "title")


@dataclass(frozen=True)
class WorkspaceReport:
    """A workspace's measurements for one report.

    `results` maps a measure's name (or any name of the caller's) to its result, in the order in which they are told;
    `skipped` maps the measures that could not be made to the reason; `status` is `Status.as_dict()`; `plan` brings a
    plan's sections along, `responses` those of fitted responses; `headlines` stand first (where there are none, the
    report makes its own from the results).
    """

    results: dict[str, Result]
    status: dict[str, Any]
    plan: Plan | None = None
    headlines: tuple[Fact, ...] = ()
    skipped: dict[str, str] = field(default_factory=dict)
    title: Text = WORKSPACE_TITLE
    responses: tuple[Response, ...] = ()


def plan_title(plan: Plan) -> Text:
    """What the plan is called: brand and campaign of its brief."""
    brand = clean(plan.brief.get("brand") or "")
    name = next((clean(plan.brief[k]) for k in _TITLE_KEYS if plan.brief.get(k)), "")
    parts = [p for p in (brand, name) if p]
    if not parts:
        return Text("达人投放方案", "Creator plan")
    return Text("：".join(parts), ": ".join(parts))


def short(name: object, most: int = 24) -> str:
    """A name for a sentence: names from data can be a paragraph long.

    >>> short("a" * 30)
    'aaaaaaaaaaaaaaaaaaaaaaa…'
    """
    text = clean(name).strip()
    return text if len(text) <= most else text[: most - 1] + "…"
