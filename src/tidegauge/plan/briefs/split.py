"""What the brief says about splitting a budget over streams: the table `[split]`."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from tidegauge.plan.briefs.values import Money, Share, as_list, wrong

Weeks = Annotated[int, Field(ge=1, le=520)]


class SplitPart(BaseModel):
    """A table of the split: unknown keys are errors, values never change."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class StreamLimit(SplitPart):
    """Bounds on streams by name: `name` may hold `*`; every stream that it meets keeps them alone."""

    name: str
    spend_min: Money | None = None
    spend_max: Money | None = None
    share_min: Share | None = None
    share_max: Share | None = None
    #: Exactly so much money, whatever it brings.
    fixed: Money | None = None

    @model_validator(mode="after")
    def _whole(self) -> StreamLimit:
        bounds = ("spend_min", "spend_max", "share_min", "share_max")
        if all(getattr(self, b) is None for b in (*bounds, "fixed")):
            raise wrong("this stream has no bound", "add one of fixed, " + ", ".join(bounds))
        if self.fixed is not None and any(getattr(self, b) is not None for b in bounds):
            raise wrong("a fixed stream needs no other bound", "remove " + ", ".join(bounds), "fixed")
        for what in ("spend", "share"):
            low, high = getattr(self, f"{what}_min"), getattr(self, f"{what}_max")
            if low is not None and high is not None and low > high:
                raise wrong(f"{what}_min {low:g} is above {what}_max {high:g}", "swap them", f"{what}_min")
        return self


class LiftDesign(SplitPart):
    """The lift test whose worth is told: one stream's weekly spend times `factor` for so many weeks."""

    weeks: Weeks = 4
    factor: Annotated[float, Field(ge=0.0, le=20.0)] = 2.0
    #: Standard error of the lift in money of the outcome; none: from how much the outcome moves from week to week.
    error: Annotated[Money, Field(gt=0)] | None = None


class SplitWishes(SplitPart):
    """How to split: over which weeks the money is spent, until when returns count, what a unit of the outcome is worth.

    `margin` is the contribution margin of one unit of money of the outcome (1: revenue counts, not profit).
    `max_times_recent` caps each stream at so many times its highest four-week mean so far: beyond that the response
    curves are guesses, and the brand's part, which grows in proportion to money, would be trusted too far.
    """

    metric: str = "sales"
    flight_weeks: Weeks | None = None
    horizon_weeks: Annotated[list[Weeks], BeforeValidator(as_list)] = [52]
    margin: Annotated[float, Field(gt=0.0)] = 1.0
    max_times_recent: Annotated[float, Field(gt=0.0)] = 2.0
    stream: list[StreamLimit] = []
    test: LiftDesign = LiftDesign()
