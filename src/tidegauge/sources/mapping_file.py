"""The mapping file: what a TOML file may say about a layout that no source knows, and whether it says it rightly."""

from __future__ import annotations

import tomllib
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Literal, Self
from zoneinfo import available_timezones

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from tidegauge.errors import MappingError
from tidegauge.schema import DATA_TABLES

#: Columns that a mapping may set although no table has them: `seen_at` says when an entity's attributes were true.
SEEN = "seen_at"


class Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Lookup(Strict):
    """Another data file in which `column`'s value stands under `key`; its `value` is taken in its place.

    `file` is looked for beside the file that is read, and in the directories above it.
    """

    file: str
    key: str
    value: str


class ColumnRule(Strict):
    """One canonical column: from a source column (with changes), a template of several, or a constant.

    `multiply` and `days` change numbers and dates, `translate` changes words (others fall to `default`, or stay),
    `zone` is the time zone of local times, `format` a strptime pattern for odd ones, `split` the separator of lists,
    `end_of` moves a date to the end of its week (Sunday), month, quarter or year, `lookup` takes the value from another
    file, `prefix` goes before what was found.
    """

    column: str | None = None
    template: str | None = None
    value: str | int | float | bool | None = None
    multiply: float | None = None
    days: int | None = None
    end_of: Literal["week", "month", "quarter", "year"] | None = None
    translate: dict[str, str] = {}
    default: str | int | float | bool | None = None
    zone: str | None = None
    format: str | None = None
    split: str | None = None
    lookup: Lookup | None = None
    prefix: str = ""

    @model_validator(mode="before")
    @classmethod
    def _short_form(cls, raw: Any) -> Any:
        return {"column": raw} if isinstance(raw, str) else raw

    @model_validator(mode="after")
    def _one_origin(self) -> Self:
        origins = [o for o in (self.column, self.template, self.value) if o is not None]
        if len(origins) != 1:
            raise ValueError("give exactly one of column, template, value")
        return self

    @field_validator("zone")
    @classmethod
    def _known_zone(cls, zone: str | None) -> str | None:
        if zone is not None and zone not in available_timezones():
            near = get_close_matches(zone, available_timezones(), 1)
            raise ValueError(f"'{zone}' is no time zone" + (f"; did you mean '{near[0]}'?" if near else ""))
        return zone

    def sources(self) -> set[str]:
        """The source columns this rule reads."""
        if self.column is not None:
            return {self.column}
        return set(template_fields(self.template)) if self.template else set()


class Unpivot(Strict):
    """A wide table made long: `into` receives the names, each of `values` a canonical column from name → column."""

    into: str
    values: dict[str, dict[str, str]] = Field(min_length=1)


class TableRule(Strict):
    """One canonical table filled from a file. `require` names source columns without which a row has none of it."""

    name: str
    columns: dict[str, ColumnRule] = {}
    require: list[str] = []
    unpivot: Unpivot | None = None

    @model_validator(mode="after")
    def _known_names(self) -> Self:
        if self.name not in DATA_TABLES:
            raise ValueError(f"there is no table '{self.name}'" + _near(self.name, list(DATA_TABLES)))
        known = [*DATA_TABLES[self.name].column_names(), SEEN]
        asked = [*self.columns, *([self.unpivot.into, *self.unpivot.values] if self.unpivot else [])]
        for column in asked:
            if column not in known:
                raise ValueError(f"table '{self.name}' has no column '{column}'" + _near(column, known))
        if not asked:
            raise ValueError(f"table '{self.name}' is given no columns")
        return self

    def sources(self) -> set[str]:
        found = {c for rule in self.columns.values() for c in rule.sources()} | set(self.require)
        if self.unpivot:
            found |= {c for names in self.unpivot.values.values() for c in names.values()}
        return found


class Match(Strict):
    """Which files an entry is for: a glob on the path's end, columns that must be there, a sheet or table name."""

    path: str | None = None
    columns: list[str] = []
    part: str | None = None


class MapEntry(Strict):
    name: str
    match: Match = Match()
    zone: str | None = None
    table: list[TableRule] = Field(min_length=1)

    _zone = field_validator("zone")(ColumnRule._known_zone.__func__)  # type: ignore[attr-defined]


class MappingFile(Strict):
    map: list[MapEntry] = Field(min_length=1)

    @model_validator(mode="after")
    def _told_apart(self) -> Self:
        names = [e.name for e in self.map]
        twice = {n for n in names if names.count(n) > 1}
        if twice:
            raise ValueError(f"two entries are named '{twice.pop()}'")
        return self


def template_fields(template: str) -> list[str]:
    """The column names between braces."""
    return [piece.split("}", 1)[0] for piece in template.split("{")[1:]]


def _near(name: str, known: list[str]) -> str:
    near = get_close_matches(name, known, 1, cutoff=0.4)
    return f"; did you mean '{near[0]}'?" if near else "; there are: " + ", ".join(known)


def load(file: Path) -> tuple[MappingFile, bytes]:
    """Read and check a mapping file; raises MappingError that names the file, the key and the nearest valid name."""
    where = str(file)
    try:
        raw = file.read_bytes()
        parsed = tomllib.loads(raw.decode("utf-8-sig"))
    except FileNotFoundError:
        raise MappingError("there is no such mapping file", where=where, mend="check the path after --map") from None
    except (OSError, UnicodeDecodeError) as e:
        raise MappingError(f"cannot be read: {e}", where=where, mend="save it as UTF-8 text") from None
    except tomllib.TOMLDecodeError as e:
        raise MappingError(f"not valid TOML: {e}", where=where, mend="correct that line") from None
    try:
        return MappingFile.model_validate(parsed), raw
    except ValidationError as e:
        first = e.errors()[0]
        key = _key(parsed, first["loc"])
        message = first["msg"].removeprefix("Value error, ")
        if first["type"] == "extra_forbidden":
            message = "unknown key" + _near(str(first["loc"][-1]), _keys_at(first["loc"]))
        raise MappingError(f"{key}: {message}", where=where, mend="see docs/sources/mapping.md for the keys") from None


def _key(parsed: dict[str, Any], loc: tuple[int | str, ...]) -> str:
    """The place as a person finds it: entries and tables by their names instead of by number."""
    out: list[str] = []
    node: Any = parsed
    for step in loc:
        node = node[step] if _has(node, step) else None
        if isinstance(step, int) and isinstance(node, dict) and "name" in node:
            out[-1] += f"[{node['name']}]"
        elif isinstance(step, int):
            out[-1] += f"[{step + 1}]"
        else:
            out.append(str(step))
    return ".".join(out) or "the file"


def _has(node: Any, step: int | str) -> bool:
    return (isinstance(node, list) and isinstance(step, int) and step < len(node)) or (
        isinstance(node, dict) and step in node
    )


def _keys_at(loc: tuple[int | str, ...]) -> list[str]:
    words = [s for s in loc if isinstance(s, str)]
    owner = next((w for w in reversed(words[:-1]) if w in ("match", "unpivot", "columns", "table", "map")), "")
    models: dict[str, type[BaseModel]] = {
        "match": Match, "unpivot": Unpivot, "columns": ColumnRule, "table": TableRule, "map": MapEntry,
    }  # fmt: skip
    return list(models.get(owner, MappingFile).model_fields)
