"""Every view in both languages, what waits and what is told, and where each figure leads."""

from __future__ import annotations

import re
import time
from importlib import resources

import pytest

from tidegauge.web import words
from tidegauge.web.app import VIEWS
from tidegauge.web.estimates import estimated
from tidegauge.web.figures import measured, result_of
from tidegauge.web.pages import environment

CHINESE = re.compile(r"[\u4e00-\u9fff]")
PLAIN = [
    "/", "/measures", "/measures/tiers", "/methods/displacement", "/platforms", "/platforms?map=tier&profile=category",
    "/creators", "/creators/compare", "/plans", "/plans/new", "/plans/new?example=1", "/response", "/verify", "/data",
    "/data/rows/offers", "/start",
]  # fmt: skip


def settled(site, ask, seconds=120):
    """The answer of a question once it is computed."""
    for _ in range(seconds * 10):
        found = ask()
        if found.about is not None or (found.job and found.job.state == "failed"):
            return found
        time.sleep(0.1)
    raise AssertionError("not computed in time")


@pytest.mark.parametrize("path", PLAIN)
def test_every_view_speaks_both_languages(client, path):
    pages = {}
    for lang in ("zh", "en"):
        answer = client.get(path, params={"lang": lang})
        assert answer.status_code == 200
        pages[lang] = answer.text
        assert f'data-lang="{lang}"' in answer.text
        assert answer.text.count("<h1") == 1
        assert answer.headers["x-tidegauge-snapshot"].isdigit()
    for key in ("skip", "tide", "creators", "data", "look_dark"):
        assert words.said(key, "zh") in pages["zh"]
        assert words.said(key, "en").replace("&", "&amp;") in pages["en"]
    client.cookies.clear()


def test_language_and_look_are_remembered(client):
    client.get("/plans?lang=en&look=dark")
    again = client.get("/data").text
    assert 'data-lang="en"' in again
    assert 'data-theme="dark"' in again
    assert "SameSite=strict" in client.get("/plans?lang=zh").headers["set-cookie"]
    client.cookies.clear()
    assert 'data-lang="zh"' in client.get("/data?lang=fr&look=%3Cx%3E").text


def test_templates_use_known_words_and_every_word_has_both_languages():
    folder = resources.files("tidegauge.web").joinpath("templates")
    used = set()
    for file in folder.iterdir():
        text = file.read_text(encoding="utf-8")
        used |= set(re.findall(r"\bt\('([a-z_]+)'\s*[,)]", text))
        environment().get_template(file.name)
        assert not CHINESE.search(text.replace("中文", "")), f"{file.name} holds a text of its own"
        assert "style=" not in text, f"{file.name}: the policy forbids inline styles"
        assert not re.search(r"\son[a-z]+=", text), f"{file.name}: the policy forbids inline scripts"
    assert used <= words.keys()
    for key in sorted(words.keys()):
        zh, en = words.WORDS[key]
        assert zh, key
        assert en, key
        assert not CHINESE.search(en.replace("验潮", "").replace("30万", "").replace("中文", "")), key
        assert set(re.findall(r"{\w+}", zh)) == set(re.findall(r"{\w+}", en)), key


def test_a_measure_waits_then_shows_its_figures_with_method_rows_and_source(client, site):
    first = client.get("/measures/tiers?by=platform&lang=en")
    assert "Computing" in first.text
    assert "data-poll" in first.text
    assert "<noscript>" in first.text
    snapshot = site.snapshot()
    found = settled(site, lambda: measured(site, snapshot, "tiers", ("platform",)))
    result = result_of(found)
    page = client.get("/measures/tiers?by=platform&lang=en").text
    assert "data-poll" not in page
    assert "<svg" in page
    assert 'href="/methods/tiers"' in page
    assert f"snapshot {snapshot}" in page
    rows = client.get("/measures/tiers/rows.csv?by=platform").text
    assert len(rows.splitlines()) == result.rows.height + 1
    assert set(result.provenance.ingests) == {
        r["ingest_id"] for r in site.rows(snapshot, "SELECT ingest_id FROM lake.ingests")
    }


def test_a_measure_that_the_data_cannot_answer_says_why_once(client, site):
    snapshot = site.snapshot()
    found = settled(site, lambda: measured(site, snapshot, "displacement", ("brand",)))
    assert found.ready or found.error
    if found.error:
        page = client.get("/measures/displacement?by=brand&lang=en").text
        assert "What to do" in page
        assert found.error["message"].split("'")[0] in page
        jobs = len(site.jobs.recent())
        client.get("/measures/displacement?by=brand")
        assert len(site.jobs.recent()) == jobs


def test_unknown_measures_methods_tables_and_jobs_are_not_found(client):
    for path in ("/measures/x", "/methods/x", "/data/rows/x", "/jobs/x", "/data/ingests/x", "/plans/x", "/tide/x"):
        answer = client.get(path)
        assert answer.status_code == 404, path
        assert "<h1" in answer.text


def test_a_creator_shows_the_figures_of_the_creators_room_and_leads_to_its_rows(client, site):
    snapshot = site.snapshot()
    found = settled(site, lambda: estimated(site, snapshot), 240)
    assert found.ready, found
    with site.tables(snapshot) as tables:
        from tidegauge.creators import creator_page

        (me,) = [r["creator_id"] for r in site.rows(snapshot, "SELECT creator_id FROM lake.offers ORDER BY 1 LIMIT 1")]
        whole = creator_page(tables, me)
    page = client.get("/creators/one", params={"id": me, "lang": "en"}).text
    from tidegauge.report.figures import compact

    for key in ("views_next", "price_fair"):
        assert compact(whole.summary[key]["value"], "en") in page
        assert compact(whole.summary[key]["high"], "en") in page
    for row in whole.peers.to_dicts():
        assert f"{row['percentile']:.0f}" in page
    assert "data-poll" not in page
    ingest = re.search(r"/data/ingests/([^\"]+)", page).group(1)
    told = client.get(f"/data/ingests/{ingest}?lang=en").text
    assert "SHA-256" in told
    assert client.get(f"/data/rows/offers?creator_id={me}&ingest_id={ingest}").status_code == 200
    part = client.get("/creators/one/audience", params={"id": me})
    assert part.status_code == 200
    both = client.get("/creators/compare", params={"id": [me, "douyin:evil"], "lang": "en"}).text
    assert compact(whole.summary["views_next"]["value"], "en") in both


def test_an_empty_workspace_explains_itself_in_both_languages(tmp_path):
    from starlette.testclient import TestClient

    import tidegauge as tg
    from tidegauge.web.app import create_app
    from tidegauge.web.guard import Rules, known_hosts
    from tidegauge.web.site import open_site

    empty = open_site(tg.open(tmp_path / "new"))
    try:
        there = TestClient(create_app(empty, Rules(known_hosts("127.0.0.1"))), base_url="http://127.0.0.1")
        for lang in ("zh", "en"):
            page = there.get(f"/?lang={lang}").text
            assert words.said("start_demo", lang) in page
            assert words.said("start_what", lang) in page
            assert "MediaCrawler" in page
            for path in VIEWS:
                if "{" not in path and path != "/plans/compare" and not path.startswith("/creators/one"):
                    assert there.get(path).status_code == 200, path
    finally:
        empty.close()
