"""The brief: what the planner is asked for. A TOML file; every error names its line and its mend.

docs/methods/brief.md lists every key. Words may be Chinese or English, amounts '30万' or 300000, shares 0.4 or '40%'.
"""

from __future__ import annotations

import datetime as dt
import tomllib
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, PrivateAttr, ValidationError, model_validator

from tidegauge.errors import BriefError
from tidegauge.plan.briefs.errors import name_errors, syntax_error
from tidegauge.plan.briefs.split import SplitWishes
from tidegauge.plan.briefs.toml_lines import KeyPath, key_lines, line_of
from tidegauge.plan.briefs.values import (
    AgeWeights,
    CityWeights,
    Day,
    Formats,
    FormatWord,
    GenderWeights,
    InterestWeights,
    Money,
    Names,
    Platforms,
    PlatformWord,
    Roles,
    RoleWord,
    Share,
    Stages,
    StageWord,
    Tiers,
    as_list,
    wrong,
)

Whole = Annotated[int, Field(ge=0)]
Some = Annotated[int, Field(ge=1)]
#: The dimensions by which a rule may choose candidates; also those of the budget split.
RULE_DIMENSIONS = ("platform", "tier", "role", "format", "stage", "category", "mcn")


class Part(BaseModel):
    """A table of the brief: unknown keys are errors, values never change."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Goal(Part):
    """What is to be as large as possible: people reached, people reached `frequency` times, engagements, or the
    response that a budget split expects (see `Worth`)."""

    kind: Literal["reach", "frequency", "engagements", "response"] = "reach"
    frequency: Annotated[int, Field(ge=2, le=10)] = 2

    @property
    def counts_people(self) -> bool:
        """Whether people are counted once each; engagements and response simply add up."""
        return self.kind in ("reach", "frequency")


class Flight(Part):
    """First and last day on which posts may go out, days without posts, and how many posts a day at most."""

    start: Day
    end: Day
    no_posts_on: Annotated[list[Day], BeforeValidator(as_list)] = []
    posts_per_day: Some | None = None

    @model_validator(mode="after")
    def _in_order(self) -> Flight:
        if self.end < self.start:
            raise wrong(f"the flight ends on {self.end}, before it starts on {self.start}", "swap the days", "end")
        return self


class Audience(Part):
    """Who counts. A list of buckets, or a table bucket = weight between 0 and 1; nothing named means everybody."""

    gender: GenderWeights = {}
    age: AgeWeights = {}
    city_tier: CityWeights = {}
    interest: InterestWeights = {}
    #: Only people who use at least one of these platforms count.
    uses: Platforms = []


class Filters(Part):
    """Who may be a candidate at all."""

    platforms: Platforms = []
    tiers: Tiers = []
    roles: Roles = []
    formats: Formats = []
    stages: Stages = []
    categories: Names = []
    exclude_categories: Names = []
    regions: Names = []
    mcns: Names = []
    exclude_mcns: Names = []
    terms: Names = []
    verified: bool | None = None
    min_followers: Whole | None = None
    max_followers: Whole | None = None
    min_views: Whole | None = None
    min_price: Money | None = None
    max_price: Money | None = None
    max_cpm: Money | None = None
    active_within_days: Some | None = None
    max_offer_age_days: Some | None = None

    @model_validator(mode="after")
    def _in_order(self) -> Filters:
        for what in ("followers", "price"):
            low, high = getattr(self, f"min_{what}"), getattr(self, f"max_{what}")
            if low is not None and high is not None and low > high:
                raise wrong(f"min_{what} {low:g} is above max_{what} {high:g}", "swap them", f"min_{what}")
        return self


class Limits(Part):
    """Bounds on the whole roster."""

    max_creators: Some | None = None
    min_creators: Some | None = None
    max_share_per_creator: Share | None = None
    max_per_mcn: Some | None = None
    one_account_per_person: bool = True

    @model_validator(mode="after")
    def _in_order(self) -> Limits:
        low, high = self.min_creators, self.max_creators
        if low is not None and high is not None and low > high:
            raise wrong(f"min_creators {low} is above max_creators {high}", "swap them", "min_creators")
        return self


class Rule(Part):
    """A floor or a cap on part of the roster. Words within a key are alternatives, keys together narrow."""

    platform: Platforms = []
    tier: Tiers = []
    role: Roles = []
    format: Formats = []
    stage: Stages = []
    category: Names = []
    mcn: Names = []
    name: str = ""
    spend_min: Money | None = None
    spend_max: Money | None = None
    share_min: Share | None = None
    share_max: Share | None = None
    count_min: Whole | None = None
    count_max: Whole | None = None

    @model_validator(mode="after")
    def _whole(self) -> Rule:
        bounds = ("spend_min", "spend_max", "share_min", "share_max", "count_min", "count_max")
        if all(getattr(self, b) is None for b in bounds):
            raise wrong("this rule sets no bound", "add one of " + ", ".join(bounds))
        for what in ("spend", "share", "count"):
            low, high = getattr(self, f"{what}_min"), getattr(self, f"{what}_max")
            if low is not None and high is not None and low > high:
                raise wrong(f"{what}_min {low:g} is above {what}_max {high:g}", "swap them", f"{what}_min")
        return self

    def chosen(self) -> dict[str, list[str]]:
        """The dimensions that this rule names, with the words it names."""
        return {d: getattr(self, d) for d in RULE_DIMENSIONS if getattr(self, d)}


class BrandSales(Part):
    """Building the brand against selling now: the share of the budget for the brand stages, within a tolerance."""

    brand_share: Share
    tolerance: Share = 0.1
    brand_stages: Stages = ["discover", "consider", "advocate"]


class StageRule(Part):
    """Which stage a role in a format serves, where the default rule does not fit; empty role or format means any."""

    role: RoleWord | None = None
    format: FormatWord | None = None
    stage: StageWord


class Competitors(Part):
    """Who worked for one of these brands in the last days is no candidate."""

    brands: Names
    within_days: Some = 90


class Risk(Part):
    """How to weigh luck: the mean, the mean of the worst share of outcomes, or the chance to reach a goal."""

    measure: Literal["mean", "cvar", "probability"] = "mean"
    #: CVaR looks at the worst (1 - level) of the outcomes.
    level: Annotated[float, Field(gt=0, lt=1)] = 0.8
    target: Annotated[Money, Field(gt=0)] | None = None

    @model_validator(mode="after")
    def _has_target(self) -> Risk:
        if self.measure == "probability" and self.target is None:
            raise wrong("the probability to meet the goal needs the goal", "add target = 2000000 (people)", "measure")
        return self


class Prices(Part):
    """What an offer costs, and whether a missing one may be assumed from cited figures."""

    allow_assumed: bool = False
    rate_card_discount: Share = 0.0
    discounts: dict[PlatformWord, Share] = {}


class Booked(Part):
    """A pick that stays: booked already, at its own price where given."""

    creator: str
    format: FormatWord | None = None
    price: Money | None = None


class Keep(Part):
    """Picks of an earlier plan that stay (the JSON that `tidegauge plan --json` printed): all, or those named."""

    plan: str
    creators: Names = []


class Worth(Part):
    """What a unit of a stream's money returns, from a budget split; for the goal "response"."""

    platform: Platforms = []
    tier: Tiers = []
    role: Roles = []
    format: Formats = []
    stage: Stages = []
    name: str = ""
    per_unit: Annotated[float, Field(ge=0.0)]

    def chosen(self) -> dict[str, list[str]]:
        """The dimensions that it names, with their words."""
        return {d: getattr(self, d) for d in ("platform", "tier", "role", "format", "stage") if getattr(self, d)}


class Brief(Part):
    """A validated brief. `source` is its file; `line(key)` tells where a key stands in it."""

    budget: Annotated[Money, Field(gt=0)]
    brand: str = ""
    campaign: str = ""
    category: str = ""
    currency: Annotated[str, Field(pattern=r"^[A-Z]{3}$")] = "CNY"
    goal: Goal = Goal()
    flight: Flight | None = None
    audience: Audience = Audience()
    candidates: Filters = Filters()
    limits: Limits = Limits()
    rule: list[Rule] = []
    exclusive: list[Names] = []
    must_include: Names = []
    must_exclude: Names = []
    booked: list[Booked] = []
    keep: Keep | None = None
    competitors: Competitors | None = None
    risk: Risk = Risk()
    brand_sales: BrandSales | None = None
    stage_rule: list[StageRule] = []
    prices: Prices = Prices()
    #: How `tidegauge split` is to divide the budget over streams; the roster does not look at it.
    split: SplitWishes = SplitWishes()
    worth: list[Worth] = []
    koc_below_followers: Whole | None = None
    #: Virtual persons of the planning panel; more persons, less sampling error, more time.
    panel_persons: Annotated[int, Field(ge=1_000, le=8_000_000)] | None = None

    _source: str = PrivateAttr(default="brief")
    _lines: dict[KeyPath, int] = PrivateAttr(default_factory=dict)
    _folder: Path = PrivateAttr(default_factory=Path)

    @model_validator(mode="after")
    def _consistent(self) -> Brief:
        both = sorted(set(self.must_include) & set(self.must_exclude))
        if both:
            raise wrong(f"{', '.join(both)}: both included and excluded", "remove it from one list", "must_exclude")
        return self

    def where(self, *path: str | int) -> str:
        """`brief.toml, line 12`: the place of a key, or of its nearest ancestor in the file."""
        line = line_of(self._lines, path)
        return self._source if line is None else f"{self._source}, line {line}"

    def beside(self, name: str) -> Path:
        """A file that the brief names, found from the brief's own folder."""
        return self._folder / name

    def as_dict(self) -> dict[str, Any]:
        """The brief as plain values, dates as ISO text, keys that were not set left out."""
        return self.model_dump(mode="json", exclude_defaults=True)


def flight_days(brief: Brief) -> list[dt.date]:
    """The days of the flight on which posts may go out, in order; empty where the brief names no flight."""
    if brief.flight is None:
        return []
    length = (brief.flight.end - brief.flight.start).days + 1
    days = [brief.flight.start + dt.timedelta(days=i) for i in range(length)]
    return [d for d in days if d not in brief.flight.no_posts_on]


def read_brief(path: str | Path) -> Brief:
    """Read and check a brief.

    Returns the validated brief. Raises BriefError that names every wrong key with its line and its mend.
    """
    file = Path(path)
    try:
        raw = file.read_bytes()
    except IsADirectoryError:
        raise BriefError("this is a directory", where=str(file), mend="name a TOML file") from None
    except OSError as e:
        mend = "name an existing TOML file; examples/brief.toml is one to start from"
        raise BriefError(f"cannot be read: {e.strerror}", where=str(file), mend=mend) from None
    return parse_brief(_decode(raw, file), source=file.name, folder=file.parent)


def parse_brief(text: str, *, source: str = "brief", folder: Path | None = None) -> Brief:
    """A brief from its text; `source` is how errors call it, `folder` where the files it names are."""
    text = text.replace("\r\n", "\n")
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as e:
        raise syntax_error(e, text, source) from None
    lines = key_lines(text)
    try:
        brief = Brief.model_validate(document)
    except ValidationError as e:
        raise name_errors(e, Brief, lines, source) from None
    brief._source, brief._lines, brief._folder = source, lines, folder or Path()
    return brief


def _decode(raw: bytes, file: Path) -> str:
    """UTF-8 with or without BOM, or GB18030 as Chinese Windows editors save."""
    for encoding in ("utf-8-sig", "gb18030"):
        try:
            return raw.decode(encoding)
        except UnicodeDecodeError:
            continue
    raise BriefError("the text is neither UTF-8 nor GB18030", where=str(file), mend="save it as UTF-8")
