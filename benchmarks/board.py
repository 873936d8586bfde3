"""How long the leaderboards take: rendering, and opening pages in Chromium. Run it on an idle machine.

    python benchmarks/board.py

The boards are made up. "Opened" is from the start of the navigation to the end of the load event, best of five.
"""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))

from browser import Browser, start_chromium
from leaderboard.made_up import draws, make_result, put
from sdpo_gym.leaderboard.site import build_site

ENVIRONMENTS, RUNS_EACH, TASKS = 4, 50, 131
LARGE_TASKS, LARGE_N = 1055, 16


def main() -> None:
    with tempfile.TemporaryDirectory() as scratch:
        many = Path(scratch) / "many"
        for env in range(ENVIRONMENTS):
            for run in range(RUNS_EACH):
                passed = draws(TASKS, 0.2 + 0.6 * run / RUNS_EACH, seed=1000 * env + run)
                put(many, make_result(f"run-{run}", passed, env__alias=f"env{env}"))
        large = Path(scratch) / "large"
        for run in range(2):
            put(large, make_result(f"run-{run}", draws(LARGE_TASKS, 0.5, n=LARGE_N, seed=run), n=LARGE_N))
        driver = start_chromium()
        browser = Browser(driver)
        try:
            report(
                browser, many, f"{ENVIRONMENTS * RUNS_EACH} runs, {TASKS} tasks each", "index.html", "envs/env0.html"
            )
            title = f"2 runs, {LARGE_TASKS:,} tasks x {LARGE_N} attempts each"
            report(browser, large, title, "index.html", "runs/quiz/run-0.html")
        finally:
            driver.quit()


def report(browser: Browser, board: Path, title: str, *pages: str) -> None:
    began = time.perf_counter()
    site = build_site(board, board / "site")
    print(f"{title}: rendered in {time.perf_counter() - began:.2f} s")
    for page in pages:
        path = site.index.parent / page
        opened = min(open_once(browser, path) for _ in range(5))
        print(f"  {page}: {path.stat().st_size / 1e3:,.0f} kB, opened in {opened:.3f} s")


def open_once(browser: Browser, page: Path) -> float:
    browser.open(page)
    script = "return performance.getEntriesByType('navigation')[0].loadEventEnd"
    return float(browser.wait(lambda: browser.run(script))) / 1000


if __name__ == "__main__":
    main()
