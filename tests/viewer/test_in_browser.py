from __future__ import annotations

import math
from pathlib import Path

import pytest
from selenium.webdriver import Keys

from sdpo_gym.credit import Alternative, Credit, NoCredit, TokenCredit
from sdpo_gym.task import Message
from sdpo_gym.viewer.pages import write_pages
from sdpo_gym.viewer.reading import ReadRun
from viewer.view_runs import HOSTILE, SCRIPT, hostile_run, replayed

# Contrast ratios as WCAG 2.2 defines them, and at last the lightness of the ground.
CONTRASTS = """
  const linear = (x) => x <= 0.03928 ? x / 12.92 : ((x + 0.055) / 1.055) ** 2.4;
  const light = (colour) => {
    const [r, g, b] = colour.match(/[\\d.]+/g).map((x) => linear(x / 255));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const style = (selector) => getComputedStyle(document.querySelector(selector));
  const ratio = (selector, ground) => {
    const [more, less] = [light(style(selector).color), light(style(ground).backgroundColor)].sort((a, b) => b - a);
    return (more + 0.05) / (less + 0.05);
  };
  const onPage = ['h1', 'small', 'a', '.mark.passed', '.mark.failed', '.mark.error', '.notice'];
  return [...['pre', 'pre .esc'].map((s) => ratio(s, 'pre')), ...onPage.map((s) => ratio(s, 'body')),
    light(style('body').backgroundColor)];
"""


class TwoPictures:
    """Stands for a scorer: attempt 0 has a picture of some hostile tokens, every other one none."""

    notices = (f"scored by {SCRIPT}",)

    def of(self, task, attempts, only=None):
        tokens = [
            self.token("it", 0.0),
            self.token(" is", 1.5),
            self.token(SCRIPT, -3.0),
            self.token("\n", -0.6),
            self.token("", -0.2),
            self.token("\x1b\u202e 11", -5.0),
            TokenCredit("<|end|>", True, -1.0, -1.0, ()),
        ]
        told = (Message("user", f"TOLD {SCRIPT}"),)
        return {
            rows[0]["attempt"]: NoCredit("no reason.") if i else Credit(tuple(tokens), told)
            for i, rows in enumerate(attempts)
        }

    def token(self, text, credit):
        others = (Alternative(f"<i>{text}", math.log(0.25), math.log(0.5)), Alternative("\n", -20.0, -30.0))
        return TokenCredit(text, False, math.log(0.125), math.log(0.125) + credit, others)


@pytest.fixture(scope="module")
def hostile(tmp_path_factory) -> Path:
    directory = tmp_path_factory.mktemp("hostile")
    return write_pages(ReadRun(hostile_run(directory)), directory / "pages", credit=TwoPictures())


@pytest.fixture(scope="module")
def index(tmp_path_factory) -> Path:
    directory = tmp_path_factory.mktemp("run")
    texts = {"g0": ["it is 0"], "g1": ["it is 11", "it is 10", "OUTAGE"], "g2": ["hm ?", "it is 5", "apple 7"]}
    return write_pages(ReadRun(replayed(directory, texts)), directory / "pages")


def page_of(index: Path, browser, task: str) -> Path:
    browser.open(index)
    [link] = [a for a in browser.all("a.open") if a.text == task]
    return Path(link.get_attribute("href").removeprefix("file://"))


@pytest.mark.parametrize("width", [1200, 400])
def test_no_text_runs_as_script_makes_elements_or_breaks_the_layout(browser, hostile, width):
    sheets = [hostile, *(hostile.parent / "tasks").iterdir()]
    assert len(sheets) == 3
    for sheet in sheets:
        browser.open(sheet, width=width)
        assert browser.run("return window.pwned === undefined")
        assert browser.run("return document.querySelectorAll('img, i, b, main script:not([type])').length") == 0
        assert browser.overflow() == 0
        for summary in browser.all("details:not([open]) > summary"):
            browser.run("arguments[0].click()", summary)
        assert browser.overflow() == 0


def test_hostile_text_is_shown_with_all_that_it_holds(browser, hostile):
    browser.open(page_of(hostile, browser, "g1"))
    completions = browser.run(
        "return [...document.querySelectorAll('article')].map(a => a.querySelector('pre').textContent)"
    )
    ansi, bidi, broken, long = completions[1:5]
    assert ansi == r"\x1b[2J\x1b[31mred\x07 \x9b1m"
    assert bidi == r"user\u202e nimda \u2066x\u2069 \u200b\u200d \ufeff שלום"
    assert broken == r"nul\x00 lone\ud800 \udfff line\u2028sep \ufffe"
    assert long.startswith("yyyy")
    assert "980,010 characters left out" in long
    assert long.endswith("the end 9")
    feedback = browser.run("return document.querySelector('#attempt-0 > pre').textContent")
    assert feedback == SCRIPT
    assert len(browser.all("article")) == len(HOSTILE) + 2


def test_the_whole_of_a_cut_text_opens_as_text(browser, hostile):
    browser.open(page_of(hostile, browser, "g1"))
    links = browser.run("return [...document.querySelectorAll('#attempt-4 a')].map(a => a.href)")
    completion = next(link for link in links if link.endswith("completion.txt"))
    browser.open(completion)
    assert browser.run("return document.body.textContent.length") == 1_000_010


def test_a_script_that_got_in_would_not_run(browser, index, tmp_path):
    page = tmp_path / "page.html"
    page.write_text(
        index.read_text().replace(
            "<main>", "<main><script>window.pwned = 1</script><p id=bait onclick='window.pwned = 2'>bait</p>"
        )
    )
    browser.open(page)
    browser.one("#bait").click()
    assert browser.run("return window.pwned === undefined")
    assert any("Content Security Policy" in problem for problem in browser.problems())


def rows(browser) -> list[str]:
    return browser.texts("tr.item a.open")


def test_the_index_filters_by_outcome_solution_and_words_and_keeps_that_in_its_address(browser, index):
    browser.open(index)
    assert rows(browser) == ["g0", "g1", "g2"]
    browser.one("#outcome option[value=too_high]").click()
    assert rows(browser) == ["g1"]
    assert browser.one("#count").text == "1 of 3"
    browser.one("#outcome option[value='']").click()
    browser.one("#solved option[value=none]").click()
    assert rows(browser) == ["g2"]
    browser.one("#solved option[value='']").click()
    browser.press("/", "T0 easy")
    browser.wait(lambda: rows(browser) == ["g0"])
    address = browser.driver.current_url
    assert "q=T0+easy" in address
    browser.open(address)
    assert rows(browser) == ["g0"]
    browser.open(index, "outcome=error")
    assert rows(browser) == ["g1"]
    browser.open(index, "outcome=nonsense&solved=nonsense")
    assert rows(browser) == ["g0", "g1", "g2"]


def test_the_keyboard_leads_through_the_pages(browser, index):
    browser.open(index)
    browser.press("j", "j", Keys.ENTER)
    browser.wait(lambda: browser.texts("h1")[0].startswith("g1"))
    browser.press("j", "j", "k")
    assert browser.one("article.here").get_attribute("id") == "attempt-0"
    browser.press("o")
    assert browser.one("#prompt").get_attribute("open") is None
    browser.press("n")
    browser.wait(lambda: browser.texts("h1")[0].startswith("g2"))
    browser.press("p")
    browser.wait(lambda: browser.texts("h1")[0].startswith("g1"))
    browser.press("u")
    browser.wait(lambda: rows(browser) == ["g0", "g1", "g2"])
    browser.press("?")
    assert browser.one("dialog").is_displayed()
    browser.press(Keys.ESCAPE)
    browser.press("/", "j", Keys.ESCAPE)
    assert browser.one("#search").get_attribute("value") == "j"


def test_a_link_leads_to_an_attempt(browser, index):
    browser.open(page_of(index, browser, "g1"), "attempt-2")
    assert browser.one("article.here").get_attribute("id") == "attempt-2"
    browser.press("k")
    assert browser.one("article.here").get_attribute("id") == "attempt-1"


def test_a_task_page_filters_and_searches_attempts(browser, index):
    browser.open(page_of(index, browser, "g2"))
    assert len(browser.texts("article")) == 3
    browser.press("/", "APPLE")
    browser.wait(lambda: len(browser.texts("article")) == 1)
    assert "apple 7" in browser.texts("article")[0]
    browser.one("#search").clear()
    browser.open(browser.driver.current_url.partition("#")[0], "outcome=no_number")
    assert [a.split("\n")[0] for a in browser.texts("article")] == ["Attempt 0 ? no_number"]


def figures(browser) -> str:
    return "|".join(browser.texts("#attempt-0 .figures"))


def test_a_credit_picture_tells_its_figures_to_keyboard_and_mouse(browser, hostile):
    browser.open(page_of(hostile, browser, "g1"))
    assert figures(browser) == ""
    browser.press("j", "c")  # at once to what the teacher objects to most
    assert r"\x1b\u202e 11 credit −5.00 nats" in figures(browser)
    assert r"<i>\x1b\u202e 11" in figures(browser)
    assert "25.0 %" in figures(browser)
    assert "50.0 %" in figures(browser)
    assert "< 0.0001 %" in figures(browser)
    browser.press(Keys.ARROW_DOWN)
    assert "credit −3.00 nats" in figures(browser)
    browser.press(Keys.ARROW_LEFT)
    assert "is credit +1.50 nats" in figures(browser)
    browser.press(Keys.HOME, Keys.ARROW_LEFT)
    assert "it credit 0.00 nats" in figures(browser)
    browser.press(Keys.ESCAPE)
    assert figures(browser) == ""
    from selenium.webdriver import ActionChains

    ActionChains(browser.driver).move_to_element(browser.all("#attempt-0 .tok")[1]).perform()
    assert "is credit +1.50 nats" in figures(browser)
    assert browser.overflow() == 0


def test_the_sign_of_credit_is_seen_without_colours(browser, hostile):
    browser.open(page_of(hostile, browser, "g1"))
    script = """return [...document.querySelectorAll('#attempt-0 .credit .tok')].map(getComputedStyle)
      .map((style) => style.textDecorationStyle + style.textDecorationLine)"""
    assert browser.run(script) == [
        "solidnone", "dottedunderline", "wavyunderline", "wavyunderline", "wavyunderline", "wavyunderline", "solidnone",
    ]  # fmt: skip
    text = browser.run("return document.querySelector('#attempt-0 .credit pre').textContent")
    assert text == f"it is{SCRIPT}\n" + r"\x1b\u202e 11<|end|>"
    assert "No credit picture: no reason." in browser.texts("#attempt-1")[0]


@pytest.mark.parametrize("dark", [False, True])
def test_text_stands_out_from_its_ground_in_both_schemes(browser, hostile, dark):
    browser.open(page_of(hostile, browser, "g1"), dark=dark)
    *ratios, ground = browser.run(CONTRASTS)
    assert min(ratios) >= 4.5  # WCAG 2.2, 1.4.3
    assert (ground < 0.1) is dark
