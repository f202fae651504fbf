"""The page in a real browser: every view in both languages and themes, the planner's whole way, no request elsewhere.

Times are printed (pytest -s) and never asserted: machines differ.
"""

from __future__ import annotations

import io
import json
import os
import shutil
import socket
import threading
import time
import zipfile
from pathlib import Path

import pytest

playwright = pytest.importorskip("playwright.sync_api")
uvicorn = pytest.importorskip("uvicorn")
axe = pytest.importorskip("axe_playwright_python.sync_playwright")

from tidegauge.web.app import create_app  # noqa: E402
from tidegauge.web.estimates import estimated  # noqa: E402
from tidegauge.web.guard import Rules, known_hosts  # noqa: E402
from tidegauge.web.words import said  # noqa: E402

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no chromium (make chromium installs it)")
FLAGS = [
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
]  # fmt: skip
VIEWS = [
    "/", "/platforms", "/creators", "/creators/one?id=douyin:evil", "/plans", "/plans/new?example=1", "/response",
    "/verify", "/data", "/data/rows/offers", "/start", "/measures/tiers", "/methods/displacement", "/nope",
]  # fmt: skip
WAIT_MS = 240_000


@pytest.fixture(scope="module")
def address(site):
    """The page's address, served from a thread of this process."""
    bound = socket.socket()
    bound.bind(("127.0.0.1", 0))
    bound.listen(64)  # a browser that comes before the server has started waits instead of being refused
    config = uvicorn.Config(create_app(site, Rules(known_hosts("127.0.0.1"))), log_level="error", lifespan="off")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [bound]}, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{bound.getsockname()[1]}"
    server.should_exit = True
    thread.join(timeout=10)


@pytest.fixture(scope="module")
def browser():
    with playwright.sync_playwright() as p:
        opened = p.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield opened
        opened.close()


@pytest.fixture
def visit(browser, address):
    """Opens pages; afterwards nothing may have been asked of another host, said on the console, or popped up."""
    problems, contexts = [], []

    def open_page(path="/", **options):
        context = browser.new_context(viewport={"width": 1360, "height": 900}, **options)
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(WAIT_MS)
        page.on(
            "request",
            lambda r: problems.append(f"request: {r.url}") if not r.url.startswith((address, "data:")) else None,
        )
        page.on("console", lambda m: problems.append(f"{m.type}: {m.text}") if m.type in ("error", "warning") else None)
        page.on("pageerror", lambda e: problems.append(f"error: {e}"))
        page.on("dialog", lambda d: (problems.append(f"dialog: {d.message}"), d.dismiss()))
        page.goto(address + path)
        return page

    yield open_page
    for context in contexts:
        context.close()
    allowed = ("400", "404", "422")  # the browser logs an answer that is meant to be one
    assert [p for p in problems if not any(f"status of {c}" in p for c in allowed)] == []


def keep(page, name):
    """A picture for whoever looks into a failure, or for the docs."""
    folder = os.environ.get("TIDEGAUGE_PICTURES")
    if folder:
        page.screenshot(path=Path(folder) / f"{name}.png", full_page=True)


@pytest.mark.parametrize(("lang", "look"), [("zh", "light"), ("en", "dark")])
def test_no_view_has_a_serious_fault_of_access(visit, address, lang, look):
    """axe-core's serious and critical rules (contrast, names, roles, labels) on every view."""
    page = visit()
    for path in VIEWS:
        page.goto(address + path + ("&" if "?" in path else "?") + f"lang={lang}&look={look}")
        assert page.get_attribute("html", "data-lang") == lang
        found = axe.Axe().run(page, options={"resultTypes": ["violations"]}).response["violations"]
        serious = [(v["id"], v["nodes"][0]["html"][:150]) for v in found if v["impact"] in ("serious", "critical")]
        assert serious == [], f"{path} ({lang}, {look})"
        wide = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        assert wide <= 0, f"{path} runs over the window by {wide} pixels"
        keep(page, f"{path.strip('/').split('?')[0].replace('/', '-') or 'tide'}-{lang}")


def test_search_filter_sort_page_compare_and_shortlist(visit, site):
    while not estimated(site, site.snapshot()).ready:
        time.sleep(0.2)
    page = visit("/creators?lang=en")
    total = int(page.inner_text("#results strong").split()[0].replace(",", ""))

    def after(act, say):
        """Wait for the list that an act brings; the time is told."""
        began = time.perf_counter()
        with page.expect_response(lambda r: "/creators?" in r.url) as got:
            act()
        assert got.value.status == 200
        page.wait_for_selector("#results:not([aria-busy])")
        print(f"{say}: {1000 * (time.perf_counter() - began):.0f} ms")
        return int(page.inner_text("#results strong").split()[0].replace(",", ""))

    some = after(lambda: page.select_option("select[name=platform]", "bilibili"), "filter by platform")
    assert 0 < some < total
    assert set(page.locator("#results tbody tr td:nth-child(3)").all_inner_texts()) == {"Bilibili"}
    none = after(lambda: page.fill("input[name=q]", "没有这个人"), "search")
    assert none == 0
    assert said("no_creators", "en") in page.inner_text("#results")
    after(lambda: page.fill("input[name=q]", ""), "clear the search")
    after(lambda: page.click("#results th a:has-text('Followers')"), "sort by followers")
    assert page.get_attribute("#results th:has-text('Followers')", "aria-sort") == "descending"
    shown = page.locator("#results tbody tr td:nth-child(6)").all_inner_texts()
    sizes = [
        float(s.rstrip("kMB").replace(",", "")) * {"k": 1e3, "M": 1e6, "B": 1e9}.get(s[-1], 1)
        for s in shown
        if s != "–"
    ]
    assert sizes == sorted(sizes, reverse=True)
    assert "platform=bilibili" in page.url
    keep(page, "list-en")
    for box in page.locator("#results tbody input[type=checkbox]").all()[:3]:
        box.check()
    page.click(f"text={said('shortlist_add', 'en')}")
    page.wait_for_load_state()
    assert page.locator(".star").count() == 3
    for box in page.locator("#results tbody input[type=checkbox]").all()[:3]:
        box.check()
    page.click(f"text={said('compare_n', 'en')}")
    page.wait_for_selector("table.across")
    assert page.locator("table.across thead th").count() == 3
    keep(page, "compare-en")
    page.click("table.across thead th a >> nth=0")
    page.wait_for_selector("[data-load] table, [data-load] .empty:not([role=status])")
    assert page.locator("dl.facts .fact").count() >= 6
    keep(page, "creator-en")


def test_a_plan_is_made_changed_compared_and_exported(visit):
    page = visit("/plans/new?lang=zh")
    page.fill("input[name=budget]", "abc")
    page.click("button[value=run]")
    assert "budget" in page.inner_text("[role=alert]")
    page.fill("input[name=budget]", "8万")
    page.fill("input[name=brand]", "验潮<b>")
    page.fill("input[name=max_creators]", "8")
    page.fill("textarea[name=rest]", "panel_persons = 20000\n[prices]\nallow_assumed = true")
    page.click("button[value=run]")
    page.wait_for_selector("progress, #headline")
    page.wait_for_url("**/plans/2*")
    page.wait_for_selector("#headline")
    first = page.url
    assert page.inner_text("h1") == "验潮<b>"
    picks = page.locator("#roster tbody tr").count()
    assert 1 <= picks <= 8
    for wanted in ("#curve svg", "#overlap svg", "#roster a[href^='/creators/one']", ".downloads a"):
        assert page.locator(wanted).count() >= 1, wanted
    keep(page, "plan-zh")
    with page.expect_download() as got:
        page.click(".downloads a:has-text('工作簿')")
    book = zipfile.ZipFile(io.BytesIO(Path(got.value.path()).read_bytes()))
    assert "xl/workbook.xml" in book.namelist()
    with page.expect_download() as got:
        page.click(".downloads a:has-text('方案数据')")
    plan = json.loads(Path(got.value.path()).read_text(encoding="utf-8"))
    assert len(plan["picks"]) == picks
    page.click("text=改约束再算")
    assert page.input_value("input[name=budget]") == "8万"
    assert page.input_value("input[name=max_creators]") == "8"
    page.fill("input[name=max_creators]", "3")
    page.click("button[value=run]")
    page.wait_for_url(lambda url: "/plans/2" in url and url.split("?")[0] != first.split("?")[0])
    page.wait_for_selector("#difference")
    told = page.inner_text("#difference")
    assert "limits.max_creators" in told
    assert page.locator("#roster tbody tr").count() <= 3
    keep(page, "difference-zh")
    serious = [v["id"] for v in axe.Axe().run(page).response["violations"] if v["impact"] in ("serious", "critical")]
    assert serious == []


def test_limits_that_clash_are_told_by_line(visit):
    page = visit("/plans/new?lang=en")
    page.fill("input[name=budget]", "8万")
    page.fill("input[name=min_creators]", "50")
    rule = "[[rule]]\nplatform = ['抖音']\n"
    page.fill("textarea[name=rest]", f"panel_persons = 20000\n{rule}count_max = 1\n{rule}count_min = 2")
    page.click("button[value=run]")
    page.wait_for_selector("[role=alert]")
    assert "line" in page.inner_text("[role=alert]")


def test_a_bad_file_and_a_good_one_from_the_browser(visit, address, tmp_path):
    page = visit("/data?lang=en")
    bad, good = tmp_path / "broken.xlsx", tmp_path / "weibo-2026-09-05.json"
    bad.write_bytes(b"PK\x03\x04 no workbook")
    good.write_text(json.dumps([{"title": "浏览器上传的话题", "url": "https://s.weibo.com/x"}]), encoding="utf-8")
    page.set_input_files("input[name=file]", [bad])
    page.click(f"text={said('upload_go', 'en')}")
    page.wait_for_selector("[role=alert], #job table")
    assert said("mend", "en", text="").strip() in page.inner_text("main")
    keep(page, "bad-file-en")
    page.goto(address + "/data?lang=en")
    page.set_input_files("input[name=file]", [good])
    page.click(f"text={said('upload_go', 'en')}")
    page.wait_for_selector("#job table")
    assert said("state_done", "en") in page.inner_text("#job")
    page.goto(address + "/data/rows/topics?lang=en&platform=weibo")
    assert page.locator("main table").count() == 1
    text = tmp_path / "note.exe"
    text.write_bytes(b"MZ")
    page.goto(address + "/data?lang=en")
    page.set_input_files("input[name=file]", [text])
    with page.expect_response("**/data/upload") as got:
        page.click(f"text={said('upload_go', 'en')}")
    assert got.value.status in (400, 422)


def test_the_list_works_without_scripts(visit):
    page = visit("/creators?lang=en", java_script_enabled=False)
    page.select_option("select[name=platform]", "kuaishou")
    page.click(f"text={said('apply', 'en')}")
    assert set(page.locator("#results tbody tr td:nth-child(3)").all_inner_texts()) == {"Kuaishou"}


def test_the_keyboard_reaches_the_content_and_the_theme_follows_the_reader(visit, address):
    page = visit("/creators?lang=en", color_scheme="dark")
    dark = page.evaluate("getComputedStyle(document.body).backgroundColor")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.closest('main') !== null")
    page.click("text=Light")
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") != dark
    page.set_viewport_size({"width": 390, "height": 800})
    for path in ("/", "/creators", "/plans/new", "/data"):
        page.goto(address + path)
        assert page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth"), path
