"""What ``view`` and ``show`` share of credit pictures: their options, and the picture as text for a terminal."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Iterator
from typing import TextIO

from sdpo_gym.cli.common import key_values, policy_options, visible
from sdpo_gym.credit import Credit, CreditConfig, TokenCredit, percent
from sdpo_gym.errors import UsageError
from sdpo_gym.report import table

MARKED = 0.1  # nats from which a token is marked
_OBJECTIONS = 5
# |credit| in nats from which on a colour of the 256 is the background; black text is readable on all of them
_RED = ((4.0, 203), (2.0, 210), (1.0, 217), (0.5, 224), (MARKED, 230))
_BLUE = ((4.0, 75), (2.0, 111), (1.0, 153), (0.5, 159), (MARKED, 195))


def add_credit_options(parser: argparse.ArgumentParser) -> None:
    """Add the options that ask for credit pictures and say who scores."""
    parser.add_argument(
        "--credit",
        action="store_true",
        help="what a self-teacher thinks of each token: log teacher less log student; needs a model that runs here",
    )
    parser.add_argument("--policy", metavar="NAME[:ARG]", help="what scores (default: the run's own policy)")
    parser.add_argument("--model", help="model directory or hub id that scores (default: the run's own)")
    parser.add_argument(
        "--policy-option", action="append", default=[], metavar="KEY=VALUE", help="an option of it, such as device=cpu"
    )
    parser.add_argument(
        "--reprompt", default="sdpo", metavar="NAME", help="what makes the teacher's prompts (default: sdpo)"
    )
    parser.add_argument(
        "--reprompt-option",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help="an option of it, such as feedback=always or solutions=false",
    )


def credit_config(arguments: argparse.Namespace) -> CreditConfig | None:
    """Return who scores and what the teacher is told; None where no picture is asked for.

    Raises:
        UsageError: an option of the picture is given without ``--credit``, or is not ``KEY=VALUE``.
    """
    config = CreditConfig(
        policy=arguments.policy,
        model=arguments.model,
        policy_options=policy_options(arguments),
        reprompt=arguments.reprompt,
        reprompt_options=key_values("--reprompt-option", arguments.reprompt_option),
    )
    if arguments.credit:
        return config
    if config != CreditConfig():
        raise UsageError("options of the credit picture (--policy, --model, --reprompt ...) need --credit")
    return None


def wants_colour(stream: TextIO | None = None) -> bool:
    """Return whether colours are for this stream: a terminal, unless NO_COLOR is set (see no-color.org)."""
    return (stream or sys.stdout).isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def picture(credit: Credit, *, colour: bool) -> Iterator[str]:
    """Yield the lines of a credit picture: the completion with marked tokens, and what the teacher objects to most.

    Without colours a marked token stands in brackets behind its credit: ``[-2.3 wrong]``.
    """
    mark = _coloured if colour else _bracketed
    text = "".join(mark(token) for token in credit.tokens)
    yield text
    yield ""
    yield _legend(colour=colour)
    objections = credit.objections(_OBJECTIONS, MARKED)
    if not objections:
        yield f"The teacher objects to no token by {MARKED} nats or more."
        return
    rows = [[_name(t.text), f"{t.credit:.2f}", percent(t.student), percent(t.teacher), _instead(t)] for t in objections]
    yield ""
    yield table(["objects to", "credit", "student", "teacher", "would write"], rows, numeric=(1, 2, 3))


def _legend(*, colour: bool) -> str:
    what = "log teacher less log student, in nats"
    if not colour:
        return f"([-2.3 token]: {what}, from {MARKED} on)"
    red, blue = f"\x1b[4;30;48;5;{_RED[2][1]}m", f"\x1b[30;48;5;{_BLUE[2][1]}m"
    return f"({red}the teacher objects\x1b[0m, {blue}agrees more\x1b[0m: {what})"


def _coloured(token: TokenCredit) -> str:
    text = visible(token.text)
    if abs(token.credit) < MARKED:
        return f"\x1b[2m{text}\x1b[0m" if token.is_end else text
    scale = _RED if token.credit < 0 else _BLUE
    colour = next(number for least, number in scale if abs(token.credit) >= least)
    style = f"\x1b[{'4;' if token.credit < 0 else ''}30;48;5;{colour}m"
    # a line's end within a colour would colour the rest of the line
    return "\n".join(f"{style}{part}\x1b[0m" if part else "" for part in _lines(text))


def _lines(text: str) -> list[str]:
    parts = text.split("\n")
    return ["↵", *parts[1:]] if parts[0] == "" and not "".join(parts).strip() else parts


def _bracketed(token: TokenCredit) -> str:
    if abs(token.credit) < MARKED:
        return visible(token.text)
    return f"[{token.credit:+.1f} {visible(token.text)}]"


def _instead(token: TokenCredit) -> str:
    return ", ".join(f"{_name(a.text)} {percent(a.teacher)}" for a in token.alternatives[:3])


def _name(text: str) -> str:
    return visible(text).replace("\n", "\\n").replace("\t", "\\t") or "(rest of a character)"
