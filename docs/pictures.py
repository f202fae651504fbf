"""Make the pictures of the README and the docs: run the demo, open its reports in headless Chromium, take screenshots.

python docs/pictures.py [DEMO]      (DEMO: the folder of a demo that was run before; else a new one is run)
"""

import subprocess
import sys
import tempfile
from pathlib import Path

import tidegauge as tg
from tidegauge.creator_views import write_creator
from tidegauge.demo import run_demo

PICTURES = Path(__file__).parent / "pictures"
#: file of the demo, language, name of the picture, height in pixels
SHOTS = (
    ("plan/plan.html", "en", "plan-en.png", 1500),
    ("plan/plan.html", "zh", "plan-zh.png", 1500),
    ("report/report.html", "en", "report-en.png", 1500),
    ("creator/creator.html", "en", "creator-en.png", 1250),
    ("creator/creator.html", "zh", "creator-zh.png", 1250),
)
FLAGS = (
    "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
    "--disable-component-update --disable-sync --hide-scrollbars"
).split()


def shoot(page: Path, lang: str, picture: Path, height: int) -> None:
    with tempfile.TemporaryDirectory() as profile:
        subprocess.run(
            ["chromium", *FLAGS, f"--user-data-dir={profile}", f"--window-size=1280,{height}",
             f"--screenshot={picture}", f"file://{page}?lang={lang}"],
            check=True, stderr=subprocess.DEVNULL, timeout=120,
        )  # fmt: skip


def write_a_creator(home: Path) -> None:
    """The page of a creator of the demo whom a planner would look up: a mid tier one with an offer, seen most."""
    ws = tg.open(home / "ws")
    found = ws.creators(platform="bilibili", tier="mid", sort="views_next")
    chosen = found.filter(found["price"].is_not_null())
    write_creator(ws.creator(chosen["creator_id"][0]), home / "creator" / "creator.html", "zh")


def main() -> None:
    with tempfile.TemporaryDirectory() as fresh:
        home = Path(sys.argv[1]).resolve() if len(sys.argv) > 1 else Path(fresh)
        if len(sys.argv) < 2:
            run_demo(home)
        write_a_creator(home)
        for page, lang, name, height in SHOTS:
            shoot(home / page, lang, PICTURES / name, height)
            print(PICTURES / name)


if __name__ == "__main__":
    main()
