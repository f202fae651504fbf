"""Few public names, each on the API page, each with a docstring."""

from pathlib import Path

import tidegauge as tg

PAGE = (Path(__file__).parents[1] / "docs" / "api.md").read_text(encoding="utf-8")


def test_every_public_name_is_on_the_api_page():
    for name in tg.__all__:
        if not name.startswith("__"):
            assert f"tg.{name}" in PAGE, name
            assert getattr(tg, name).__doc__ or name in ("Platform", "Format", "Tier", "Role", "Stage")


def test_every_public_method_of_a_workspace_is_on_the_api_page():
    for name in vars(tg.Workspace):
        if not name.startswith("_") and name not in ("path", "at"):
            assert f"`{name}" in PAGE, name


def test_an_unknown_name_is_an_attribute_error():
    assert not hasattr(tg, "nonsense")
