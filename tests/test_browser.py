from __future__ import annotations

from browser import Browser

PAGE = "<!doctype html><title>t</title><link rel=icon href=data:,><p>text</p>"


def test_a_page_that_keeps_to_itself_has_no_problems(tmp_path, browser: Browser):
    page = tmp_path / "page.html"
    page.write_text(PAGE)
    browser.open(page, "here", width=375)
    assert browser.texts("p") == ["text"]
    assert browser.run("return [innerWidth, location.hash]") == [375, "#here"]
    assert browser.overflow() == 0
    assert browser.problems() == []


def test_requests_to_elsewhere_and_errors_are_seen(tmp_path, browser: Browser):
    page = tmp_path / "page.html"
    page.write_text(PAGE + "<img src=https://example.org/x.png><script>undefinedFunction()</script>")
    browser.open(page)
    found = browser.problems()
    assert "request to https://example.org/x.png" in found
    assert any("undefinedFunction is not defined" in problem for problem in found)


def test_the_colour_scheme_is_that_asked_for(tmp_path, browser: Browser):
    page = tmp_path / "page.html"
    page.write_text(PAGE)
    for dark in (False, True):
        browser.open(page, dark=dark)
        assert browser.run("return matchMedia('(prefers-color-scheme: dark)').matches") is dark


def test_no_test_finds_what_another_one_stored(tmp_path, browser: Browser):
    page = tmp_path / "page.html"
    page.write_text(PAGE)
    browser.open(page)
    browser.run("localStorage.setItem('key', 'value')")
    browser.clear()
    browser.open(page)
    assert browser.run("return localStorage.getItem('key')") is None
