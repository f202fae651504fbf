"""Make the page's pictures of the README and docs/web.md: serve a demo's workspace, wait for its figures, take them.

python docs/page_pictures.py [DEMO]      (DEMO: the folder of a demo that was run before; else a new one is run)
"""

import shutil
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

from playwright.sync_api import sync_playwright

from tidegauge.demo import examples, run_demo

PICTURES = Path(__file__).parent / "pictures"
FLAGS = [
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync", "--hide-scrollbars",
]  # fmt: skip
PORT = 8907
HOME = f"http://127.0.0.1:{PORT}"
#: picture, address, language, look
SHOTS = (
    ("page-tide-en.png", "/", "en", "light"),
    ("page-tide-zh.png", "/", "zh", "light"),
    ("page-creators-en.png", "/creators?platform=bilibili", "en", "light"),
    ("page-creators-zh.png", "/creators?platform=xiaohongshu", "zh", "dark"),
    ("page-platforms-en.png", "/platforms", "en", "dark"),
    ("page-data-en.png", "/data", "en", "light"),
)


def settled(page) -> None:  # noqa: ANN001
    """Until nothing on the page waits any more."""
    for _ in range(600):
        if page.locator("[data-poll]").count() == 0:
            page.wait_for_timeout(300)
            return
        page.wait_for_timeout(1000)
    raise SystemExit("the page still computes after ten minutes")


def shoot(page, name: str, address: str, lang: str, look: str) -> None:  # noqa: ANN001
    page.goto(f"{HOME}{address}{'&' if '?' in address else '?'}lang={lang}&look={look}")
    settled(page)
    page.screenshot(path=PICTURES / name)
    print(PICTURES / name)


def plan(page) -> None:  # noqa: ANN001
    """The example brief, then the same with fewer creators: a plan and a difference."""
    page.goto(f"{HOME}/plans/new?example=1&lang=en&look=light")
    page.screenshot(path=PICTURES / "page-brief-en.png")
    page.click("button[value=run]")
    page.wait_for_selector("#headline", timeout=900_000)
    page.screenshot(path=PICTURES / "page-plan-en.png")
    page.locator("#overlap").scroll_into_view_if_needed()
    page.locator("#overlap figure").screenshot(path=PICTURES / "page-overlap-en.png")
    page.click("text=Change and plan again")
    page.fill("input[name=max_creators]", "30")
    page.click("button[value=run]")
    page.wait_for_selector("#difference", timeout=900_000)
    page.screenshot(path=PICTURES / "page-difference-en.png")


def response(page) -> None:  # noqa: ANN001
    """Fit the response of the demo's brand, split a budget, look at a plan before its flight."""
    page.goto(f"{HOME}/response?lang=zh&look=light")
    page.click("form[action='/response/fit'] button")
    page.wait_for_selector("#split input[name=budget]", timeout=900_000)
    page.screenshot(path=PICTURES / "page-response-zh.png")
    page.fill("#split input[name=budget]", "300万")
    page.fill("#split input[name=margin]", "0.4")
    page.click("#split button.main")
    page.wait_for_selector("[data-slider]", timeout=900_000)
    settled(page)
    page.locator("[data-slider]").screenshot(path=PICTURES / "page-split-zh.png")
    page.goto(f"{HOME}/verify?lang=en&look=light")
    page.click("a[href^='/verify/']")
    settled(page)
    page.screenshot(path=PICTURES / "page-verify-en.png")


def main() -> None:
    examples()
    with tempfile.TemporaryDirectory() as fresh:
        home = Path(fresh) / "demo"
        if len(sys.argv) > 1:
            shutil.copytree(Path(sys.argv[1]) / "ws", home / "ws")
        else:
            run_demo(home)
        command = ["tidegauge", "serve", "-w", str(home / "ws"), "--no-browser", "--port", str(PORT)]
        server = subprocess.Popen([sys.executable, "-c", "from tidegauge.cli import main; main()", *command[1:]])
        try:
            for _ in range(120):
                try:
                    urllib.request.urlopen(f"{HOME}/static/web.css", timeout=1).close()
                    break
                except OSError:
                    time.sleep(0.5)
            with sync_playwright() as p:
                browser = p.chromium.launch(executable_path=shutil.which("chromium"), args=FLAGS)
                page = browser.new_page(viewport={"width": 1360, "height": 940})
                for shot in SHOTS:
                    shoot(page, *shot)
                plan(page)
                response(page)
                first = page.goto(f"{HOME}/creators?platform=bilibili&tier=mid&lang=en") and page.get_attribute(
                    "#results td.first a", "href"
                )
                shoot(page, "page-creator-en.png", str(first), "en", "light")
                browser.close()
        finally:
            server.terminate()
            server.wait(timeout=30)


if __name__ == "__main__":
    main()
