from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

from browser import Browser
from leaderboard.made_up import draws, make_result, make_training, put, put_reproduction
from sdpo_gym.cli import main
from sdpo_gym.errors import UsageError
from sdpo_gym.leaderboard.site import build_site

HOSTILE = "<script>document.title = 'owned'</script>\"'><img src=x onerror=alert(1)>\u202e\x1b[31m"
REPORT = """# Made-up worlds

Some words, <script>document.title = "owned"</script>.

## Main arms

![accuracy](plots/accuracy.svg)

| arm | last |
|-----|------|
| SDPO | 0.9 |

## What else
"""


@pytest.fixture(scope="module")
def board(tmp_path_factory) -> Path:
    board = tmp_path_factory.mktemp("board")
    put_reproduction(board, "quiz", REPORT)
    return put(
        board,
        make_result("strong", draws(60, 0.8), model__name="Strong-7B", date="2026-03-01"),
        make_result("weak", draws(60, 0.2, seed=1), model__name="Weak-1B", date="2026-01-01"),
        make_result("weak2", draws(60, 0.2, seed=2), model__name="Weak-2B", date="2026-02-01"),
        make_result("old", draws(30, 0.5), model__name="Old-3B", data__window="2024", date="2025-01-01"),
        make_result("down", [*draws(59, 0.5), None], model__name="Down-4B"),
        make_training("trained", [0.1, 0.5, 0.4], tasks=60, model__name="Pupil-5B"),
        make_result("hostile", [1, 2], env__alias="exam", model__name=HOSTILE, note=HOSTILE, data__window=HOSTILE),
    )


@pytest.fixture(scope="module")
def site(board) -> Path:
    return build_site(board, board / "site").index.parent


class Links(HTMLParser):
    """Collects what a page refers to, and its ids."""

    def __init__(self, page: Path) -> None:
        super().__init__()
        self.found: list[str] = []
        self.ids: list[str] = []
        self.feed(page.read_text())

    def handle_starttag(self, tag, attributes):
        for name, value in attributes:
            if name in ("href", "src"):
                self.found.append(value)
            if name == "id":
                self.ids.append(value)


def test_every_link_leads_somewhere_within_the_site(site):
    pages = sorted(site.rglob("*.html"))
    assert len(pages) == 1 + 2 + 7 + 1
    for page in pages:
        links = Links(page)
        assert len(set(links.ids)) == len(links.ids)
        for link in links.found:
            if link == "data:,":
                continue
            target, _, anchor = link.partition("#")
            assert not re.match(r"[a-z]+:|//", target), link
            assert not target or (page.parent / target).is_file(), f"{page}: {link}"
            assert target or anchor in links.ids, f"{page}: {link}"


def test_bad_files_are_named_and_the_rest_is_rendered(tmp_path, capsys):
    put(tmp_path, make_result("good", [1, 2]))
    put_reproduction(tmp_path, "exam", "![x](https://example.org/x.png)")
    put_reproduction(tmp_path, "quiz", REPORT, format=7)
    (tmp_path / "results" / "quiz" / "bad.json").write_text('{"format": 1, "colour": 3}')
    assert main(["leaderboard", str(tmp_path)]) == 2
    out, err = capsys.readouterr()
    results = f"sdpo-gym: error: {tmp_path}/results"
    beginnings = [
        f"{results}/quiz/bad.json: colour: is unknown; the fields here are format, kind, name, ",
        f"{results}/exam/report.md: picture 'https://example.org/x.png' is no .svg or .png that lies in plots/",
        f"{results}/quiz/curves.json: format: is '7'; this version of sdpo_gym reads format 1",
    ]
    for line, beginning in zip(err.splitlines(), beginnings, strict=True):
        assert line.startswith(beginning)
    assert "1 runs on 1 environments, 0 reproductions; 3 bad files left out" in out
    assert "good" in (tmp_path / "site" / "envs" / "quiz.html").read_text()


def test_a_site_replaces_an_earlier_one_and_nothing_else(tmp_path):
    put(tmp_path / "board", make_result("first", [1, 2]))
    out = tmp_path / "site"
    build_site(tmp_path / "board", out)
    (tmp_path / "board" / "results" / "quiz" / "first.json").unlink()
    put(tmp_path / "board", make_result("second", [1, 2]))
    build_site(tmp_path / "board", out)
    assert [page.name for page in (out / "runs" / "quiz").iterdir()] == ["second.html"]
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").touch()
    with pytest.raises(UsageError, match="is not empty and holds no site of ours"):
        build_site(tmp_path / "board", tmp_path / "mine")
    assert [path.name for path in (tmp_path / "mine").iterdir()] == ["thesis.txt"]


def test_an_empty_board_has_a_page_too(tmp_path, browser: Browser):
    (tmp_path / "results").mkdir()
    browser.open(build_site(tmp_path, tmp_path / "site").index)
    assert "There is no run on this board yet." in browser.one("main").text


def models(browser: Browser) -> list[str]:
    return browser.texts("#board tbody th")


def test_ranks_and_accuracies_stand_in_the_table(site, browser: Browser):
    browser.open(site / "envs" / "quiz.html", width=1600)
    cells = {row[1]: row for row in (text.split("\t") for text in browser.texts("#board tbody tr"))}
    # the newest window first, in it by rank; what has no rank comes last
    assert list(cells) == ["Strong-7B", "Pupil-5B", "Weak-1B", "Weak-2B", "Down-4B", "Old-3B"]
    assert [cells[name][0] for name in cells] == ["1", "2", "=3", "=3", "-", "1"]
    pupil = [cell.split("\n")[0].split(" ")[0] for cell in cells["Pupil-5B"]]
    assert pupil[2] == "sdpo"
    assert pupil[3] == "0.400"  # the score is the last,
    assert pupil[5:8] == ["0.500", "0.400", "0.450"]  # and best, last and mean stand beside it
    assert cells["Down-4B"][9] == "1.7 %"
    assert browser.all("svg.chart polyline")


def test_sorting_by_mouse_and_by_keyboard(site, browser: Browser):
    browser.open(site / "envs" / "quiz.html")
    score = browser.one('th[data-key="score"] button')
    score.click()
    falling = models(browser)
    assert falling[0] == "Strong-7B"
    assert falling[-1].startswith("Weak")
    assert browser.one('th[data-key="score"]').get_attribute("aria-sort") == "descending"
    score.click()
    assert models(browser) == falling[::-1]
    assert browser.one('th[data-key="score"]').get_attribute("aria-sort") == "ascending"
    # from the top of the page with Tab alone, to the header of the column "model"
    from selenium.webdriver import Keys

    browser.open(site / "envs" / "quiz.html")
    browser.press(Keys.TAB)
    assert browser.run("return document.activeElement.textContent") == "Skip to the content"
    for _ in range(40):
        browser.press(Keys.TAB)
        if browser.run("return document.activeElement.closest('th')?.dataset.key") == "model":
            break
    browser.press(Keys.ENTER)
    assert models(browser) == sorted(models(browser))
    assert browser.run("return location.hash") == "#sort=model"
    assert browser.run("return getComputedStyle(document.activeElement).outlineStyle") == "solid"


def test_what_has_no_value_is_last_in_either_order(site, browser: Browser):
    for direction in ("", "-"):
        browser.open(site / "envs" / "quiz.html", f"sort={direction}best")
        assert models(browser)[0] == "Pupil-5B"
        browser.open(site / "envs" / "quiz.html", f"sort={direction}rank")
        assert models(browser)[-1] == "Down-4B"


def test_filtering_by_window_kind_date_and_word(site, browser: Browser):
    from selenium.webdriver.support.select import Select

    browser.open(site / "envs" / "quiz.html")
    window = Select(browser.one("select[name=window]"))
    window.select_by_visible_text("2024")
    assert models(browser) == ["Old-3B"]
    assert browser.one("#count").text == "1 of 6 rows"
    window.select_by_visible_text("all")
    Select(browser.one("select[name=kind]")).select_by_visible_text("training")
    assert models(browser) == ["Pupil-5B"]
    browser.one("button[type=reset]").click()
    browser.one("input[name=q]").send_keys("weak")
    assert models(browser) == ["Weak-1B", "Weak-2B"]
    browser.run(
        "const e = document.querySelector('input[name=from]'); e.value = '2026-02-01';"
        "e.dispatchEvent(new Event('input', {bubbles: true}))"
    )
    assert models(browser) == ["Weak-2B"]
    assert browser.run("return location.hash") == "#q=weak&from=2026-02-01"


def test_a_link_shows_what_its_sender_saw(site, browser: Browser):
    browser.open(site / "envs" / "quiz.html", "q=b&kind=eval&until=2026-02-15&sort=-score")
    assert models(browser)[0] == "Old-3B"
    assert sorted(models(browser)) == ["Old-3B", "Weak-1B", "Weak-2B"]
    assert browser.one("input[name=q]").get_attribute("value") == "b"
    assert not browser.one("#notice").is_displayed()
    browser.run("location.hash = 'kind=train'")  # as the back button does
    browser.wait(lambda: models(browser) == ["Pupil-5B"])


def test_a_link_to_an_unknown_column_says_so_in_one_line(site, browser: Browser):
    browser.open(site / "envs" / "quiz.html", "sort=beauty&window=1999&size=3")
    notice = browser.one("#notice")
    assert notice.is_displayed()
    assert 'window has no value "1999"' in notice.text
    assert 'there is no column "beauty"; the columns are rank, model, kind, score' in notice.text
    assert 'there is no filter "size"' in notice.text
    assert len(models(browser)) == 6


def test_text_from_results_is_shown_and_never_obeyed(site, browser: Browser):
    for page in ("index.html", "envs/exam.html", "runs/exam/hostile.html"):
        browser.open(site / page)
        assert "owned" not in browser.run("return document.title")[:5]
        assert browser.all("img") == []
        assert "<script>document.title" in browser.run("return document.body.textContent")
    browser.open(site / "reproductions" / "quiz" / "index.html")
    assert browser.run("return document.title") == "Made-up worlds: reproduction"


def test_the_reproduction_page(site, browser: Browser):
    browser.open(site / "reproductions" / "quiz" / "index.html")
    assert browser.texts("h1") == ["Made-up worlds"]
    assert browser.texts(".report h2") == ["Main arms", "What else"]
    assert browser.texts(".report td") == ["SDPO", "0.9"]
    browser.wait(lambda: browser.run("return document.querySelector('.report img').naturalWidth > 0"))
    browser.one("nav.contents li:last-child a").click()
    assert browser.run("return location.hash") == "#section-2"


def test_a_run_says_how_it_was_made_and_how_it_compares(site, browser: Browser):
    browser.open(site / "runs" / "quiz" / "weak.html")
    facts = dict(zip(browser.texts("dt"), browser.texts("dd"), strict=True))
    assert facts["machine factor"].startswith("1.25 ")
    assert facts["isolation"] == "userns"
    assert facts["sampling"] == "n 4, temperature 0.6, top_p 0.95, max_tokens 8192"
    assert len(facts["attempts digest"].split()[0]) == 64
    rivals = {
        row.split("\t")[0]: row.split("\t")[-1] for row in browser.texts("section[aria-labelledby=rivals] tbody tr")
    }
    assert rivals == {"Strong-7B": "the other is better", "Pupil-5B (sdpo)": "the other is better", "Weak-2B": "tie"}
    assert len(browser.all("#board tbody tr")) == 60
    browser.open(site / "runs" / "quiz" / "down.html")
    assert "4 attempts (1.7 %) ended in an outage and are in no score." in browser.one("main").text


@pytest.mark.parametrize("page", ["index", "envs/quiz", "runs/quiz/trained", "envs/exam", "reproductions/quiz/index"])
def test_narrow_screens_need_no_scrolling_sideways(site, browser: Browser, page):
    browser.open(site / f"{page}.html", width=360, height=740)
    assert browser.overflow() == 0


def test_colours_follow_the_system_until_somebody_chooses(site, browser: Browser):
    def is_dark() -> bool:
        return browser.run("return getComputedStyle(document.body).backgroundColor") == "rgb(20, 24, 29)"

    page = site / "index.html"
    browser.open(page)
    assert not is_dark()
    browser.open(page, dark=True)
    assert is_dark()
    toggle = browser.one("#theme")
    toggle.click()
    assert toggle.text == "Colours: light"
    assert not is_dark()
    browser.open(site / "envs" / "quiz.html", dark=True)  # the choice holds on other pages
    assert not is_dark()


@pytest.mark.parametrize("dark", [False, True])
def test_text_has_contrast_enough(site, browser: Browser, dark):
    """The ratio of WCAG 2.1, success criterion 1.4.3: at least 4.5 for text."""
    browser.open(site / "envs" / "quiz.html", dark=dark)
    script = """
    const light = (text) => {
      const [r, g, b] = text.match(/[\\d.]+/g).map(Number).map(c => c / 255)
        .map(c => c <= 0.03928 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4);
      return 0.2126 * r + 0.7152 * g + 0.0722 * b;
    };
    const paper = light(getComputedStyle(document.body).backgroundColor);
    return [...document.querySelectorAll("p, a, th, td, .interval, label, #count, figcaption")].map(e => {
      const [a, b] = [paper, light(getComputedStyle(e).color)];
      return (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    });
    """
    assert min(browser.run(script)) >= 4.5
