"""A headless Chromium for tests of pages: one per test process, which fails a test whose page asks the network.

Tests take the fixture ``browser``. What a page may load is ``file:`` and 127.0.0.1; anything else, and any error on its
console, fails the test at its end.
"""

from __future__ import annotations

import base64
import json
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit

import pytest

CHROMIUM, DRIVER = shutil.which("chromium"), shutil.which("chromedriver")
_ALLOWED_SCHEMES = {"file", "data", "blob", "about"}
_ALLOWED_HOSTS = {"127.0.0.1", "localhost"}

T = TypeVar("T")


class Browser:
    """One tab, for one test.

    Attributes:
        driver: Selenium's; ``driver.find_element(By.CSS_SELECTOR, ...)`` and so on.
    """

    def __init__(self, driver: Any) -> None:
        self.driver = driver

    def open(self, page: Path | str, fragment: str = "", *, width: int = 1200, height: int = 900, dark: bool = False):
        """Open a file, or a URL of 127.0.0.1, in a window of that size, with a light or dark colour scheme."""
        self.resize(width, height)
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self._command("Emulation.setEmulatedMedia", {"features": [scheme]})
        url = page.resolve().as_uri() if isinstance(page, Path) else page
        # by way of an empty page: a change of the fragment alone would not load anything
        self.driver.get("about:blank")
        self.driver.get(url + (f"#{fragment}" if fragment else ""))

    def resize(self, width: int, height: int = 900) -> None:
        """Set the size of the window; unlike a real one it may be as narrow as a telephone."""
        size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
        self._command("Emulation.setDeviceMetricsOverride", size)

    def run(self, script: str, *arguments: Any) -> Any:
        """Run JavaScript in the page and return what it returns."""
        return self.driver.execute_script(script, *arguments)

    def all(self, selector: str) -> list[Any]:
        """Return the elements that fit a CSS selector."""
        return self.driver.find_elements("css selector", selector)

    def one(self, selector: str) -> Any:
        """Return the one element that fits a CSS selector."""
        found = self.all(selector)
        assert len(found) == 1, f"{len(found)} elements fit {selector!r}"
        return found[0]

    def texts(self, selector: str) -> list[str]:
        """Return the texts, as they are seen, of the visible elements that fit a CSS selector."""
        script = "return [...document.querySelectorAll(arguments[0])].filter(e => e.checkVisibility())"
        return self.run(f"{script}.map(e => e.innerText)", selector)

    def press(self, *keys: str) -> None:
        """Press keys, given as in ``selenium.webdriver.Keys`` or as characters, wherever the focus is."""
        from selenium.webdriver import ActionChains

        ActionChains(self.driver).send_keys(*keys).perform()

    def wait(self, condition: Callable[[], T], seconds: float = 10) -> T:
        """Wait until ``condition`` returns something true, and return that."""
        from selenium.webdriver.support.wait import WebDriverWait

        return WebDriverWait(self.driver, seconds, poll_frequency=0.02).until(lambda _: condition())

    def overflow(self) -> int:
        """Return by how many pixels the page is wider than the window."""
        return self.run("return document.documentElement.scrollWidth - document.documentElement.clientWidth")

    def screenshot(self, path: Path, *, whole: bool = False) -> None:
        """Write a PNG of the window, or of the whole page."""
        options: dict[str, Any] = {"format": "png"}
        if whole:
            size = self._command("Page.getLayoutMetrics", {})["cssContentSize"]
            options |= {"captureBeyondViewport": True, "clip": {**size, "x": 0, "y": 0, "scale": 1}}
        path.write_bytes(base64.b64decode(self._command("Page.captureScreenshot", options)["data"]))

    def problems(self) -> list[str]:
        """Return what no page may do, since the last call: requests to elsewhere, and errors on the console."""
        found = []
        for entry in self.driver.get_log("performance"):
            message = json.loads(entry["message"])["message"]
            if message["method"] == "Network.requestWillBeSent":
                url = message["params"]["request"]["url"]
                parts = urlsplit(url)
                if parts.scheme not in _ALLOWED_SCHEMES and parts.hostname not in _ALLOWED_HOSTS:
                    found.append(f"request to {url[:200]}")
        found += [f"console: {e['message'][:500]}" for e in self.driver.get_log("browser") if e["level"] == "SEVERE"]
        return found

    def clear(self) -> None:
        """Close the page and forget what pages stored."""
        self.driver.get("about:blank")
        self._command("Storage.clearDataForOrigin", {"origin": "file://", "storageTypes": "all"})

    def _command(self, name: str, parameters: dict[str, Any]) -> Any:
        return self.driver.execute_cdp_cmd(name, parameters)


def start_chromium() -> Any:
    """Start a headless Chromium and return Selenium's driver of it; ``quit()`` ends it."""
    from selenium import webdriver

    options = webdriver.ChromeOptions()
    options.binary_location = str(CHROMIUM)
    for argument in (
        "--headless=new",
        "--disable-gpu",
        "--disable-dev-shm-usage",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
        "--no-first-run",
        "--force-color-profile=srgb",
        "--hide-scrollbars",
        "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost",
        *(["--no-sandbox"] if os.geteuid() == 0 else []),
    ):
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"performance": "ALL", "browser": "ALL"})
    return webdriver.Chrome(options=options, service=webdriver.ChromeService(executable_path=DRIVER))


@pytest.fixture(scope="session")
def chromium() -> Iterator[Any]:
    """Selenium's driver of a Chromium that runs as long as the test process."""
    if CHROMIUM is None or DRIVER is None:
        pytest.skip("no chromium or chromedriver (Debian: apt-get install chromium chromium-driver)")
    driver = start_chromium()
    yield driver
    driver.quit()


@pytest.fixture
def browser(chromium: Any) -> Iterator[Browser]:
    """A tab of the process's Chromium; at its end the test fails if a page asked the network or had an error."""
    browser = Browser(chromium)
    chromium.get("about:blank")
    browser.problems()  # forget what was before
    yield browser
    assert browser.problems() == []
    browser.clear()
