"""Whatever programs, inputs and exceptions hold: every line of feedback is quoted, or one of ours to the letter."""

from __future__ import annotations

import re
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from sdpo_envs.livecodebench.feedback import Budget, render
from sdpo_envs.livecodebench.report import make_report
from sdpo_envs.livecodebench.selection import Selected
from sdpo_gym.sandbox.job import Case, JobResult, ProgramError, RunStatus, TestRun
from sdpo_gym.sandbox.limits import Limits

FEWER = max(1, settings.default.max_examples // 4)  # an example is a whole submission: drawing it takes 30 ms
FAILURES = [s for s in RunStatus if s not in (RunStatus.ACCEPTED, RunStatus.SKIPPED, RunStatus.COMPILE_ERROR)]
_NUMBER = r"\d[\d,]*"
_USED = rf"at most \d+(\.\d)? s, {_NUMBER} MiB"
_CLASS = "(" + "|".join(s.value.replace("_", " ") for s in RunStatus) + ")"
# All that the judge ever says, but for names of functions in frames, which are letters, digits and underscores.
OURS = [
    rf"[A-Z][a-z ]+\. {_NUMBER} of {_NUMBER} tests passed \(({_CLASS}: {_NUMBER}|not run: {_NUMBER}|, )+\)\.",
    r"The slowest test that passed took at most [\d.]+ s of CPU time\.",
    r"The code does not compile\.",
    r"Your answer was cut off at the maximum length, so the code may be incomplete\. Think more briefly\.",
    rf"Your answer had {_NUMBER} code blocks; only one of them is judged\.",
    r"The tests call `f`, which your code does not define\. Keep the name and the form of the starter code .*",
    rf"Test {_NUMBER}: {_CLASS}( \({_USED}\)| \(the limit is .* MiB\)|, stopped a.*|, ended by SIG[A-Z]+)?\.",
    r"Input( \(one JSON argument per line\))?:",
    r"(Your output|Your return value|Your output up to then|Expected|Error|Yours there|Expected there):",
    r"(Printed by your code|Standard error) \(not judged\):",
    r"\(empty\)",
    rf"\[cut: {_NUMBER} more (lines?|characters? in this line)\]",
    rf"at line {_NUMBER}( in [A-Za-z0-9_]{{1,60}})?(, again and again)?:",
    rf"line {_NUMBER}:",
    rf"(at|from) character {_NUMBER} .*",
    rf"Number of (lines|elements): yours {_NUMBER}, expected {_NUMBER}\.",
    rf"Lines that differ: {_NUMBER} of {_NUMBER}\.",
    rf"First difference: (line {_NUMBER}, character {_NUMBER}|at (\[\d+\])+, counted from 0)\.",
    rf"That line(, from character {_NUMBER})?, (yours|expected):",
    r"(The end|The beginning) of your output is right: print nothing besides the answer\.",
    r"Your output is right as far as it goes; the lines after it are missing\.",
    r"That is the right output: the program should have ended well then\.",
    r"(Only|The lines|The words|The elements|Each of your lines|Your line) [a-z ,:]+[a-z]\.",
    r"Only types differ: a text in quotes does not equal a number or another value that is written alike\.",
    r"Only rounding differs, by at most about [\de.+-]+(: [a-z ,]+)?\. Numbers are compared exactly, without .*",
    r"Your output holds .*",
    r"Your code never prints: there is no `print` in it\.",
    r"Outside of functions and classes your code has nothing but imports, so nothing calls them\.",
    r"Your return value holds tuples where lists are expected\.",
    r"Your code prints the expected value, but does not return it\.",
    r"Your function returns nothing: there is no `return` in your code\.",
    r"null is None, which a function returns that ends without a `return`\.",
    rf"Hidden tests, whose contents are not shown: {_NUMBER} of {_NUMBER} passed\.",
    rf"{_NUMBER} ended with {_CLASS}( \({_USED}\)| \(the limit is .*\))?(, at line {_NUMBER} of your code)?\.",
    r"",
]
_OURS = re.compile("|".join(f"(?:{pattern})" for pattern in OURS))

_hostile = st.one_of(
    st.text(max_size=60),
    st.text("a1 .\n[]\"',|:", max_size=30),
    st.lists(
        st.sampled_from(
            [
                "Test 1: accepted.",
                "\n\nExpected:\n",
                "Hidden tests, whose contents are not shown: 9 of 9 passed.",
                "| ",
                "\r",
                "\x85",
                "\u2028",
                "\u202eRTL",
                "\x1b[2J\x1b[1;1H",
                "```\n# Heading",
                "\x00",
                "\ud800",
                "[cut: 1 more line]",
                "x" * 70_000,
                "\x0b\x0c",
                "null",
                "[1, 2]",
            ]
        ),
        max_size=5,
    ).map("".join),
)


def quoted_or_ours(text: str) -> None:
    for line in text.split("\n"):
        assert line.startswith("| ") or _OURS.fullmatch(line), line
    assert all(char.isprintable() or char in "\t\n" for char in text)
    assert len(text.splitlines()) == len(text.split("\n"))


@st.composite
def _runs(draw: st.DrawFn, text: st.SearchStrategy[str]) -> TestRun:
    frames = draw(st.lists(st.tuples(st.integers(1, 4), text), max_size=6))
    return TestRun(
        draw(st.sampled_from(FAILURES)),
        draw(text).encode("utf-8", "surrogatepass"),
        draw(text).encode("utf-8", "surrogatepass"),
        draw(st.none() | text.map(lambda t: t.encode("utf-8", "surrogatepass"))),
        draw(st.none() | st.builds(ProgramError, text, text, st.integers(1, 5), st.just(tuple(frames)))),
        signal=9,
        nested_tuple=draw(st.booleans()),
    )


@settings(max_examples=FEWER)
@given(st.data())
def test_every_line_is_quoted_or_ours(data: st.DataObject) -> None:
    runs = data.draw(st.lists(_runs(_hostile), min_size=1, max_size=4))
    cases = [Selected(Case(data.draw(_hostile), data.draw(_hostile)), i < 3) for i in range(len(runs))]
    error = data.draw(st.none() | st.builds(ProgramError, _hostile, _hostile, st.integers(1, 5)))
    report = make_report(
        data.draw(_hostile),
        data.draw(st.sampled_from([None, "f", "Solution.f"])),
        cases,
        JobResult(tuple(runs), "none", error),
        limits=Limits(),
        blocks=data.draw(st.integers(1, 3)),
        cut=data.draw(st.booleans()),
    )
    total = data.draw(st.sampled_from([800, 2000]))
    text = render(report, Budget(total=total))
    assert len(text) <= total
    quoted_or_ours(text)


@settings(max_examples=FEWER)
@given(st.data())
def test_no_text_of_a_hidden_test_changes_the_feedback(data: st.DataObject) -> None:
    """Stronger than looking for pieces: with any other text in its place, the feedback is the same to the letter."""
    entry = data.draw(st.sampled_from([None, "f"]))
    shown = TestRun(RunStatus.WRONG_ANSWER, b"4", value=b"4")
    runs = data.draw(st.lists(_runs(_hostile), min_size=1, max_size=3))

    def feedback(*, changed: bool) -> str:
        def text(old: str) -> str:
            return data.draw(_hostile) if changed else old

        def other(run: TestRun) -> TestRun:
            error: Any = run.error
            if error is not None:
                frames = tuple((line, text(name)) for line, name in error.frames)
                error = ProgramError(text(error.type), text(error.message), error.line, frames)
            out, err = (text(held.decode("utf-8", "surrogatepass")) for held in (run.stdout, run.stderr))
            value = None if run.value is None else text(run.value.decode("utf-8", "surrogatepass"))
            held = [None if t is None else t.encode("utf-8", "surrogatepass") for t in (out, err, value)]
            return TestRun(run.status, held[0] or b"", held[1] or b"", held[2], error, signal=run.signal)

        selected = [Selected(Case("1 2", "3"), True), *(Selected(Case(text("5"), text("6")), False) for _ in runs)]
        result = JobResult((shown, *map(other, runs)), "none")
        return render(make_report("a\nb\nc\nd", entry, selected, result, limits=Limits()), Budget())

    assert feedback(changed=False) == feedback(changed=True)
