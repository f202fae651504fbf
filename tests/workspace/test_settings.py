"""`tidegauge.toml`: what is wrong is named with the mend; the salt is private."""

from __future__ import annotations

import stat

import polars as pl
import pytest

from tidegauge.errors import WorkspaceError
from tidegauge.vocab import Tier, thresholds
from tidegauge.workspace.batch import pseudonymiser
from tidegauge.workspace.lake import attach, create
from tidegauge.workspace.settings import read_salt, read_settings
from tidegauge.workspace.tables import duckdb_tables


def test_a_new_workspace_has_a_private_salt_of_its_own(tmp_path):
    create(tmp_path / "a")
    create(tmp_path / "b")
    assert stat.S_IMODE((tmp_path / "a" / "salt").stat().st_mode) == 0o600
    assert len(read_salt(tmp_path / "a")) == 32
    assert read_salt(tmp_path / "a") != read_salt(tmp_path / "b")


def test_init_twice_changes_nothing(tmp_path):
    create(tmp_path / "ws")
    salt = read_salt(tmp_path / "ws")
    create(tmp_path / "ws")
    assert read_salt(tmp_path / "ws") == salt


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ('currency = "yuan"', "currency"),
        ('timezone = "Beijing"', "timezone"),
        ('colour = "blue"', "colour"),
        ("currency = ", "TOML"),
        ("[tiers.myspace]\nmicro=1\nmid=2\nmacro=3\nmega=4", "myspace"),
        ("[tiers.douyin]\nmicro=5\nmid=2\nmacro=3\nmega=4", "douyin"),
        ('catalog = "mysql:x"', "catalog"),
    ],
)
def test_a_wrong_setting_is_named(tmp_path, text, named):
    create(tmp_path / "ws")
    (tmp_path / "ws" / "tidegauge.toml").write_text(text)
    with pytest.raises(WorkspaceError, match=named) as caught:
        read_settings(tmp_path / "ws")
    assert caught.value.mend
    assert "tidegauge.toml" in caught.value.where


def test_thresholds_of_the_settings_rule_the_tier_expression(tmp_path):
    create(tmp_path / "ws")
    with (tmp_path / "ws" / "tidegauge.toml").open("a") as f:
        f.write('\n[tiers."抖音"]\nmicro=1\nmid=2\nmacro=3\nmega=4\n')
    lake = attach(tmp_path / "ws")
    tables = duckdb_tables(lake)
    import ibis

    rows = pl.DataFrame(
        {
            "p": ["douyin", "douyin", "bilibili", "xiaohongshu", "weibo", "weibo"],
            "f": [4, 0, 4, 600_000, 600_000, None],
        }
    )
    t = ibis.memtable(rows)
    found = tables.frame(t.mutate(tier=tables.tier(t.p, t.f)))
    assert found["tier"].to_list() == ["mega", "nano", "nano", "mega", "macro", None]
    assert thresholds("douyin", lake.settings.tier_overrides).tier(3) is Tier.MACRO
    lake.close()


def test_a_directory_with_other_files_is_not_taken(tmp_path):
    (tmp_path / "holiday.jpg").write_bytes(b"x")
    with pytest.raises(WorkspaceError, match="other files"):
        create(tmp_path)


def test_pseudonyms_are_stable_in_a_workspace_and_useless_without_its_salt():
    ids = pl.Series("user", ["u1", None, "u2", "u1"])
    ours, theirs = pseudonymiser(b"a" * 32)(ids), pseudonymiser(b"b" * 32)(ids)
    assert ours[0] == ours[3] != ours[2]
    assert ours[1] is None
    assert set(ours.drop_nulls()) & set(theirs.drop_nulls()) == set()
    assert all(len(k) == 24 and "u1" not in k for k in ours.drop_nulls())
