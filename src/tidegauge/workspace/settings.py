"""`tidegauge.toml` and the salt: what a workspace is set to."""

from __future__ import annotations

import os
import secrets
import tomllib
from functools import cache
from pathlib import Path
from typing import Annotated, Literal
from zoneinfo import ZoneInfo, available_timezones

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from tidegauge.errors import WorkspaceError
from tidegauge.vocab import TierThresholds, platform

SETTINGS_FILE, SALT_FILE = "tidegauge.toml", "salt"

_TEMPLATE = """\
# Tidegauge workspace. 验潮工作区设置。
currency = "CNY"             # ISO 4217; money in the workspace is in this currency
timezone = "Asia/Shanghai"   # of times that carry no zone of their own
language = "zh"              # of reports, unless a command says otherwise: zh or en

# Where the lake's catalogue and files are. A team can share a PostgreSQL catalogue:
# catalog = "postgres:dbname=tidegauge host=db.example"
catalog = "sqlite:catalog.sqlite"
data = "data"

# Tier thresholds (lower follower bounds) may be set per platform; `default` sets the rest.
# [tiers.xiaohongshu]
# micro = 10000
# mid = 50000
# macro = 300000
# mega = 500000
# source = "our media team, 2026"
"""


@cache
def _zones() -> frozenset[str]:
    """The names of all time zones; listing them takes longer than reading a workspace's settings."""
    return frozenset(available_timezones())


class TierSetting(BaseModel):
    model_config = ConfigDict(extra="forbid")
    micro: Annotated[int, Field(gt=0)]
    mid: int
    macro: int
    mega: int
    source: str = "tidegauge.toml"


class Settings(BaseModel):
    """The validated content of `tidegauge.toml`."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    currency: Annotated[str, Field(pattern=r"^[A-Z]{3}$")] = "CNY"
    timezone: str = "Asia/Shanghai"
    language: Literal["zh", "en"] = "zh"
    catalog: str = "sqlite:catalog.sqlite"
    data: str = "data"
    tiers: dict[str, TierSetting] = {}

    @field_validator("timezone")
    @classmethod
    def _known_zone(cls, zone: str) -> str:
        if zone not in _zones():
            raise ValueError(f"'{zone}' is no time zone name; use one such as Asia/Shanghai")
        return zone

    @field_validator("catalog")
    @classmethod
    def _known_catalog(cls, catalog: str) -> str:
        if catalog.split(":", 1)[0] not in ("sqlite", "postgres"):
            raise ValueError("must start with 'sqlite:' or 'postgres:'")
        return catalog

    @field_validator("tiers")
    @classmethod
    def _rising(cls, tiers: dict[str, TierSetting]) -> dict[str, TierSetting]:
        for name, t in tiers.items():
            if name != "default" and platform(name) is None:
                raise ValueError(f"'{name}' is no platform")
            if not t.micro <= t.mid <= t.macro <= t.mega:
                raise ValueError(f"thresholds of '{name}' must not fall from micro to mega")
        return tiers

    @property
    def zone(self) -> ZoneInfo:
        return ZoneInfo(self.timezone)

    @property
    def tier_overrides(self) -> dict[str, TierThresholds]:
        """Thresholds set in the file, keyed by canonical platform name or `default`."""
        found = {}
        for name, t in self.tiers.items():
            known = platform(name)
            found[known.value if known else name] = TierThresholds(t.micro, t.mid, t.macro, t.mega, t.source)
        return found


def read_settings(directory: Path) -> Settings:
    """Read and check `tidegauge.toml`; raises WorkspaceError that names the key and the mend."""
    file = directory / SETTINGS_FILE
    try:
        return Settings.model_validate(tomllib.loads(file.read_text(encoding="utf-8")))
    except FileNotFoundError:
        raise WorkspaceError(
            "this is no Tidegauge workspace", where=str(directory), mend=f"make one with: tidegauge init {directory}"
        ) from None
    except tomllib.TOMLDecodeError as e:
        raise WorkspaceError(f"not valid TOML: {e}", where=str(file), mend="correct that line") from None
    except ValidationError as e:
        first = e.errors()[0]
        key = ".".join(str(p) for p in first["loc"])
        raise WorkspaceError(f"{key}: {first['msg']}", where=str(file), mend="correct that key or remove it") from None


def write_new(directory: Path) -> None:
    """Write the settings template and a fresh salt (mode 600); never overwrites either."""
    settings, salt = directory / SETTINGS_FILE, directory / SALT_FILE
    if not settings.exists():
        settings.write_text(_TEMPLATE, encoding="utf-8")
    if not salt.exists():
        fd = os.open(salt, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(fd, "w") as out:
            out.write(secrets.token_hex(32))


def read_salt(directory: Path) -> bytes:
    """The workspace's secret salt; without it audience keys of old and new ingests would not match."""
    file = directory / SALT_FILE
    try:
        return bytes.fromhex(file.read_text().strip())
    except (FileNotFoundError, ValueError):
        raise WorkspaceError(
            "the salt is missing or damaged",
            where=str(file),
            mend="restore it from a backup: new audience keys need it",
        ) from None
