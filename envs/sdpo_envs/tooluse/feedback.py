"""The one template that turns a report on an answer's calls into what the model is told."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from sdpo_envs.tooluse.calls import Call
from sdpo_envs.tooluse.documentation import Complaint, ComplaintKind, Parameter, ParameterType, Tool, complaints
from sdpo_envs.tooluse.matching import CallDifference, Difference, same_value
from sdpo_envs.tooluse.parsing import Parsed, Problem, ProblemKind
from sdpo_gym.quoting import Room, quote

LEAST_CHARS = 800
_MOST_PROBLEMS, _MOST_LINES = 4, 10
_EXCERPT = Room(1, 120, 120)
_NAME_CHARS, _CHOICES_CHARS = 60, 160
# Shares of the whole; what a section does not use is left to those after it, and the gold calls come first where shown.
_REVEALED, _FORM, _DOCUMENTED, _TOOLS = 0.5, 0.45, 0.45, 0.25

_FORM_REMINDER = (
    "Write every call as the two lines below; after a call, begin all other text with Thought:, Observation: or "
    "Final Answer:\n"
    "Action: <name of the tool>\n"
    "Action Input: <one JSON object with the arguments, {} if there are none>"
)
_CUT_NOTE = "Your answer was cut off at the maximum length, so what was to follow is missing. Think more briefly."


class Outcome(StrEnum):
    """How an attempt ended."""

    ACCEPTED = "accepted"
    WRONG_TOOL = "wrong_tool"
    WRONG_ARGUMENTS = "wrong_arguments"
    WRONG_NUMBER = "wrong_number"
    WRONG_ORDER = "wrong_order"
    PAPER_FAULT = "paper_fault"  # right by comparison of the calls, wrong by the reference's rule
    NO_CALL = "no_call"
    MALFORMED_CALL = "malformed_call"
    TRUNCATED = "truncated"


class Reveal(StrEnum):
    """How much of the gold calls feedback shows: each step shows more than the one before."""

    NONE = "none"
    NAMES = "names"
    ARGUMENTS = "arguments"
    GOLD = "gold"


_TITLES = {
    Outcome.WRONG_TOOL: "Your calls are well formed, but not all of them call the right tool.",
    Outcome.WRONG_ARGUMENTS: "Your calls name the right tools, but not all arguments are right.",
    Outcome.WRONG_ORDER: "Your calls are the right ones, but in a wrong order.",
    Outcome.PAPER_FAULT: (
        "Your calls are right, but not by the rule in use here (match = paper): it reads an Action Input up to its "
        "first closing brace and a tool's name as letters, digits and underscores, takes every Action: in the text for "
        "a call, and compares values without regard to their documented types."
    ),
    Outcome.NO_CALL: "Your answer makes no call, so nothing could be compared.",
    Outcome.MALFORMED_CALL: "Your answer does not keep to the form, so it counts as wrong whatever it calls.",
    Outcome.TRUNCATED: (
        "Your answer was cut off at the maximum length before its first call was complete. Think more briefly."
    ),
}
_PROBLEMS = {
    ProblemKind.MISSING_INPUT: "this Action has no Action Input: line after it",
    ProblemKind.MISSING_ACTION: "this Action Input has no Action: line before it",
    ProblemKind.EMPTY_NAME: "this Action names no tool",
    ProblemKind.NOT_JSON: (
        "the Action Input is not valid JSON from about here on (JSON has double quotes round names and texts, "
        "no line break within a text, no comma before a closing bracket, and true, false, null in lower case)"
    ),
    ProblemKind.SINGLE_QUOTES: "the Action Input is not valid JSON: use double quotes, not single ones",
    ProblemKind.UNCLOSED: "the Action Input ends before its JSON object is closed",
    ProblemKind.NOT_OBJECT: "the Action Input must be a JSON object in braces, with the arguments by name",
    ProblemKind.DUPLICATE_KEY: "the Action Input gives the same name twice; the name",
    ProblemKind.BAD_NUMBER: "the Action Input has a number that JSON does not know, or that is too large",
    ProblemKind.TOO_DEEP: "the Action Input is nested too deeply",
    ProblemKind.TEXT_AFTER_INPUT: "there is text after the JSON object of the Action Input",
    ProblemKind.TEXT_AFTER_CALLS: "there is text after a call that belongs to no section",
}


@dataclass(frozen=True)
class Report:
    """All that feedback is made of.

    Attributes:
        outcome: how the attempt ended; not accepted.
        parsed: the answer's calls and mistakes of form.
        difference: how the calls differ from gold.
        gold: the gold calls.
        tools: what the prompt documents.
        cut: whether the answer was cut at the token limit.
    """

    outcome: Outcome
    parsed: Parsed
    difference: Difference
    gold: Sequence[Call]
    tools: Mapping[str, Tool]
    cut: bool


def render(report: Report, reveal: Reveal = Reveal.NONE, chars: int = 2000) -> str:
    """Return the feedback on an answer that is not accepted: at most ``chars`` (at least 800) characters.

    Without ``reveal`` it says nothing of the gold calls but which parts of the answer's own calls differ from them: no
    name and no value of theirs, and not how many they are. What it names comes from the answer or from the prompt.
    """
    sections = [_title(report)]
    if report.cut and report.outcome is not Outcome.TRUNCATED:
        sections.append(_CUT_NOTE)
    needs_form = not report.parsed.well_formed
    left = chars - sum(len(s) + 2 for s in sections) - (len(_FORM_REMINDER) + 2 if needs_form else 0)

    def fit(lines: Sequence[str], share: float) -> str:
        nonlocal left
        text = _fit(lines, min(left - 2, int(chars * share)))
        left -= len(text) + 2 if text else 0
        return text

    revealed = fit(_revealed(report.gold, reveal), _REVEALED)
    form = fit(_form(report.parsed.problems), _FORM)
    broken = _broken(report)
    documented = fit(_documented(report, broken), _DOCUMENTED)
    unknown = not all(_is_known(call.action, report) for call in report.parsed.calls)
    tools = fit(_tools(report.tools) if unknown else [], _TOOLS)
    differences = fit(_differences(report, broken), 1.0)
    sections += [form, _FORM_REMINDER if needs_form else "", documented, tools, differences, revealed]
    return "\n\n".join(section for section in sections if section)


def _title(report: Report) -> str:
    if report.outcome is Outcome.WRONG_NUMBER:
        many = report.difference.answered > report.difference.wanted
        return f"Your answer makes too {'many' if many else 'few'} calls."
    return _TITLES[report.outcome]


def _form(problems: Sequence[Problem]) -> list[str]:
    lines = []
    for problem in problems[:_MOST_PROBLEMS]:
        lines.append("\n".join([f"Line {problem.line}: {_PROBLEMS[problem.kind]}:", *quote(problem.excerpt, _EXCERPT)]))
    if len(problems) > _MOST_PROBLEMS:
        lines.append(f"[cut: {len(problems) - _MOST_PROBLEMS:,} more mistakes of form]")
    return lines


def _is_known(action: str, report: Report) -> bool:
    """Whether the documentation has this tool, or gold, which calls undocumented tools at times."""
    return action in report.tools or any(call.action == action for call in report.gold)


def _broken(report: Report) -> list[list[Complaint]]:
    """Return, for every call, what breaks the documentation and is not as gold has it: real gold breaks it at times."""
    found: list[list[Complaint]] = []
    for call in report.parsed.calls:
        tool = report.tools.get(call.action)
        golden = [gold for gold in report.gold if gold.action == call.action]
        told = complaints(call.arguments, tool) if tool else []
        found.append([c for c in told if not any(_as_gold_has_it(c, call, gold, tool) for gold in golden)])
    return found


def _as_gold_has_it(complaint: Complaint, call: Call, gold: Call, tool: Tool | None) -> bool:
    name = complaint.name
    match complaint.kind:
        case ComplaintKind.UNKNOWN_NAME:
            return name in gold.arguments
        case ComplaintKind.MISSING:
            return name not in gold.arguments
        case _:
            return name in gold.arguments and same_value(call.arguments[name], gold.arguments[name], tool, name)


def _documented(report: Report, broken: Sequence[Sequence[Complaint]]) -> list[str]:
    lines = []
    for number, (call, told) in enumerate(zip(report.parsed.calls, broken, strict=True), 1):
        if not _is_known(call.action, report):
            lines.append(f"Call {number}: there is no tool {_inline(call.action)}.")
        lines += [f"Call {number} ({_inline(call.action)}): {_complaint(complaint)}" for complaint in told]
    return _first(lines, "breaches of the documentation")


def _complaint(complaint: Complaint) -> str:
    name = _inline(complaint.name)
    parameter = complaint.parameter
    if parameter is None:
        return f"the tool has no parameter {name}."
    match complaint.kind:
        case ComplaintKind.MISSING:
            return f"the required argument {name} is missing."
        case ComplaintKind.WRONG_TYPE:
            return f"the argument {name} must be of type {_type(parameter)}."
        case _:
            return f"the argument {name} must be one of {_listed(parameter.choices, _CHOICES_CHARS)}."


def _type(parameter: Parameter) -> str:
    plain = parameter.items is ParameterType.UNKNOWN
    return parameter.type.value if plain else f"{parameter.type.value} of {parameter.items.value}"


def _tools(tools: Mapping[str, Tool]) -> list[str]:
    return [f"The tools are {_listed(list(tools), 400)}."] if tools else []


def _differences(report: Report, broken: Sequence[Sequence[Complaint]]) -> list[str]:
    """Say which of the answer's calls differ from gold, and in what, as far as nothing has been said of them."""
    if not report.parsed.well_formed or report.outcome in (Outcome.WRONG_ORDER, Outcome.PAPER_FAULT):
        return []
    lines = []
    for difference in report.difference.calls:
        if difference.call is None or difference.right:
            continue
        call = report.parsed.calls[difference.call - 1]
        if not difference.paired or difference.tool_wrong:
            # In the same words, whether gold has another call in its place or none: else one could count gold's calls.
            told = ["this is not a call to make here."] if _is_known(call.action, report) else []
        else:
            told = _arguments(difference, broken[difference.call - 1])
        lines += [f"Call {difference.call} ({_inline(call.action)}): {what}" for what in told]
    return _first(lines, "differences")


def _arguments(difference: CallDifference, told: Sequence[Complaint]) -> list[str]:
    known = {complaint.name for complaint in told}
    lines = [f"the value of {_inline(name)} is wrong." for name in difference.wrong if name not in known]
    lines += [f"the argument {_inline(name)} should not be there." for name in difference.extra if name not in known]
    missing = [name for name in difference.missing if name not in known]
    return lines + (["an argument is missing." if len(missing) == 1 else "arguments are missing."] if missing else [])


def _revealed(gold: Sequence[Call], reveal: Reveal) -> list[str]:
    match reveal:
        case Reveal.NONE:
            return []
        case Reveal.NAMES:
            return ["Tools to call, in this order:", *(f"{n}. {_inline(c.action)}" for n, c in enumerate(gold, 1))]
        case Reveal.ARGUMENTS:
            return ["Calls to make, with these arguments:", *(f"{n}. {_signature(c)}" for n, c in enumerate(gold, 1))]
        case Reveal.GOLD:
            return ["Expected calls:", *(_whole(call) for call in gold)]


def _signature(call: Call) -> str:
    names = ", ".join(_inline(name) for name in call.arguments)
    return f"{_inline(call.action)} with {names or 'no arguments'}"


def _whole(call: Call) -> str:
    room = Room(1, 600, 600)
    arguments = json.dumps(call.arguments, ensure_ascii=False)
    return "\n".join(quote(f"Action: {call.action}", room) + quote(f"Action Input: {arguments}", room))


def _first(lines: list[str], what: str) -> list[str]:
    if len(lines) <= _MOST_LINES:
        return lines
    return [*lines[:_MOST_LINES], f"[cut: {len(lines) - _MOST_LINES:,} more {what}]"]


def _fit(lines: Sequence[str], chars: int) -> str:
    """Join as many whole lines as fit, and mark a cut."""
    text = "\n".join(lines)
    if len(text) <= chars:
        return text
    mark = "[cut: more of this section]"
    kept: list[str] = []
    left = chars - len(mark)
    for line in lines:
        left -= len(line) + 1
        if left < 0:
            break
        kept.append(line)
    return "\n".join([*kept, mark]) if len(mark) <= chars else ""


def _listed(names: Sequence[str], chars: int) -> str:
    """Return names, quoted and separated by commas, as many as fit."""
    listed: list[str] = []
    for at, name in enumerate(names):
        piece = _inline(name)
        chars -= len(piece) + 2
        if chars < 0:
            return ", ".join([*listed, f"[cut: {len(names) - at:,} more]"])
        listed.append(piece)
    return ", ".join(listed)


def _inline(text: str) -> str:
    """Quote a short text within a sentence, so that it can neither end the quote nor the line."""
    shown = "".join(
        char if char.isprintable() else char.encode("unicode_escape").decode() for char in text[:_NAME_CHARS]
    )
    cut = " [cut]" if len(text) > _NAME_CHARS else ""
    return f"`{shown.replace('`', chr(39))}`{cut}"
