"""verify, case and split on the command line: errors are told as JSON with a mend, never as a traceback."""

from __future__ import annotations

import json

import pytest

import tidegauge as tg
from tidegauge.cli import main


@pytest.fixture(scope="module")
def empty(tmp_path_factory):
    ws = tg.init(tmp_path_factory.mktemp("looks") / "ws")
    (ws.path.parent / "b.toml").write_text('budget = "10万"\nbrand = "沐研"\n', encoding="utf-8")
    return ws.path


@pytest.mark.parametrize(
    ("words", "kind"),
    [
        (["verify", "nowhere"], "BriefError"),
        (["case", "--brand", "沐研"], "MeasureError"),
        (["case"], "MeasureError"),
        (["split", "b.toml"], "MeasureError"),
        (["split", "nowhere.toml"], "BriefError"),
    ],
)
def test_what_is_not_there_is_told_with_its_mend(empty, words, kind, capsys, monkeypatch):
    monkeypatch.chdir(empty.parent)
    assert main([*words, "-w", str(empty), "--json"]) == 1
    told = json.loads(capsys.readouterr().out)["error"]
    assert told["type"] == kind
    assert told["mend"]
