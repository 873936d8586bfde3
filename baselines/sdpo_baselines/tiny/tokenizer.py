"""A tokenizer for the tiny worlds: whole phrases of the frame, and every word of a world a token of its own.

Sequences are short, so that a model of half a million parameters trains on two cores: the judges' constant sentences
and the answers' frames are one token each. What a policy has to choose or copy (names, values, numbers, letters of
options) is never part of a phrase. Any other text falls to bytes, so that encoding is lossless.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from sdpo_gym.errors import MissingExtraError

try:
    from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast
except ImportError as error:
    raise MissingExtraError(error.name or "transformers", "torch") from error

PAD, END = "<|pad|>", "<|end|>"
_ROLES = ("<|system|>", "<|user|>", "<|assistant|>")
CHAT_TEMPLATE = (
    "{% for m in messages %}<|{{ m.role }}|>{{ m.content }}<|end|>{% endfor %}"
    "{% if add_generation_prompt %}<|assistant|>{% endif %}"
)
NUMBERS = 200  # numbers below it are tokens of their own
NEGATIVE = 30  # so are negative ones as small as this

# The frame of questions and answers, of `reprompt.Templates`, and of what the judges say.
PHRASES = (
    # reprompt.Templates
    "\n\nHere is a correct answer to this task:\n\n",
    "\n\nAn earlier answer to this task failed. This is what the judge said of it:\n\n",
    "\n\nNow solve the task above correctly.",
    "\n[cut: ",
    " more characters]",
    # every family
    "Your answer did not pass.",
    "\n| ",
    "\n\n",
    ": ",
    ", ",
    # tool: answers
    "Call ",
    "Action: ",
    "\nAction Input: ",
    "\nAction Input: {",
    '\nAction Input: {"',
    '": "',
    '", "',
    '"}',
    # tool: feedback
    "Your calls name the right tools, but not all arguments are right.",
    "Your calls are well formed, but not all of them call the right tool.",
    "Your calls are the right ones, but in a wrong order.",
    "Your answer makes no call, so nothing could be compared.",
    "Your answer does not keep to the form, so it counts as wrong whatever it calls.",
    "Your answer was cut off at the maximum length before its first call was complete. Think more briefly.",
    "Your answer was cut off at the maximum length, so what was to follow is missing. Think more briefly.",
    "Your answer makes too many calls.",
    "Your answer makes too few calls.",
    "Write every call as the two lines below; after a call, begin all other text with Thought:, Observation: or "
    "Final Answer:\nAction: <name of the tool>\n"
    "Action Input: <one JSON object with the arguments, {} if there are none>",
    "\n\nLine ",
    "\nLine ",
    ": this Action has no Action Input: line after it:\n| ",
    ": this Action Input has no Action: line before it:\n| ",
    ": this Action names no tool:\n| ",
    ": the Action Input is not valid JSON from about here on (JSON has double quotes round names and texts, no line "
    "break within a text, no comma before a closing bracket, and true, false, null in lower case):\n| ",
    ": the Action Input is not valid JSON: use double quotes, not single ones:\n| ",
    ": the Action Input ends before its JSON object is closed:\n| ",
    ": the Action Input must be a JSON object in braces, with the arguments by name:\n| ",
    ": the Action Input gives the same name twice; the name:\n| ",
    ": the Action Input has a number that JSON does not know, or that is too large:\n| ",
    ": the Action Input is nested too deeply:\n| ",
    ": there is text after the JSON object of the Action Input:\n| ",
    ": there is text after a call that belongs to no section:\n| ",
    "\n\nCall ",
    "\nCall ",
    "\n\nCall 1 (`",
    "\nCall 1 (`",
    " (`",
    "`): the value of `",
    "` is wrong.",
    "`): the argument `",
    "` should not be there.",
    "`): an argument is missing.",
    "`): arguments are missing.",
    "`): this is not a call to make here.",
    ": there is no tool `",
    "`.",
    "\n\nThe tools are `",
    "\n\nCalls to make, with these arguments:\n1. `",
    "Calls to make, with these arguments:\n1. `",
    "` with `",
    "`, `",
    "` with no arguments",
    # code: questions and answers
    "Write a program: ",
    "```python\nx = int(input())\n",
    "print(x)\n```",
    "```python\n",
    "x = int(input())\n",
    "print(x)",
    "\n```",
    "```",
    # code: feedback
    "Wrong answer. ",
    "Runtime error. ",
    "Time limit exceeded. ",
    "Idle limit exceeded. ",
    "Memory limit exceeded. ",
    "Output limit exceeded. ",
    "The code does not compile.",
    "The program crashed. ",
    " tests passed (wrong answer: ",
    " tests passed (runtime error: ",
    " tests passed (time limit: ",
    " tests passed (",
    ", wrong answer: ",
    ", runtime error: ",
    ", not run: ",
    ").",
    " of ",
    "\n\nTest ",
    ": wrong answer (at most ",
    ": runtime error (at most ",
    ": wrong answer (at most 0.1 s, 64 MiB).\nInput:\n| ",
    ": runtime error (at most 0.1 s, 64 MiB).\nInput:\n| ",
    ": time limit, stopped at the limit of ",
    " s of CPU time.\nInput:\n| ",
    " s, ",
    " MiB).\nInput:\n| ",
    "\nYour output:\n| ",
    "\nYour output up to then:\n| ",
    "\nYour output:\n(empty)\nExpected:\n| ",
    "\nYour output:\n(empty)",
    "0.1",
    "0.2",
    "0.3",
    "\nExpected:\n| ",
    "\nError:\n| ",
    "\nNumber of lines: yours ",
    ", expected ",
    "\nThe end of your output is right: print nothing besides the answer.",
    "\nFirst difference: line ",
    ", character ",
    "\nat line ",
    ":\n| ",
    "SyntaxError: ",
    "IndentationError: ",
    "SyntaxError: invalid syntax",
    "IndentationError: unexpected indent",
    "NameError: name '",
    "' is not defined",
    "TypeError: ",
    "unsupported operand type(s) for ",
    ": 'str' and 'int'",
    ": 'int' and 'str'",
    "EOFError: EOF when reading a line",
    "SyntaxError: '",
    "' was never closed",
    "SyntaxError: unmatched '",
    "SyntaxError: unterminated string literal",
    ", ended by SIGABRT.\nInput:\n| ",
    "ValueError: ",
    "ZeroDivisionError: ",
    "No code was found in your answer, so nothing could be judged. Put the complete program into one fenced block: a "
    "line ```python, the code, a line ```.",
    "Your answer was cut off at the maximum length before any code block had begun, so nothing could be judged. Think "
    "more briefly, and give the complete program in one ```python block.",
    "Your answer was cut off at the maximum length, so the code may be incomplete. Think more briefly.",
    "Hidden tests, whose contents are not shown: ",
    " passed.",
    " ended with wrong answer (at most 0.1 s, 64 MiB).",
    " ended with wrong answer (at most ",
    " ended with runtime error (at most ",
    " MiB).",
    " MiB), at line ",
    " of your code.",
    "\nline ",
    # sci: questions and answers
    "Which ",
    " has ",
    "?\nA: ",
    "\nB: ",
    "\nC: ",
    "\nD: ",
    "<reasoning>\n",
    "<reasoning>\nThe ",
    "\n</reasoning>\n<answer>\n",
    ".\n</reasoning>\n<answer>\n",
    "<answer>\n",
    "\n</answer>",
    "</reasoning>",
    "</answer>",
    "<answer>",
    " is ",
    # sci: feedback
    "Your answer, option ",
    ", is wrong.",
    ", is wrong. The right option is ",
    "The <answer> tag of your reply is empty, so there is no answer to judge.",
    "Your reply gives several different answers (",
    "). Decide on one.",
    "Your reply gives several different answers. Decide on one.",
    "What your reply has inside <answer> cannot be read as one of the options A, B, C or D:\n| ",
    "Your reply has no <answer> tag, so no answer could be read. A letter outside the tag does not count, nor does a "
    "tag inside <think>.",
    "Your reply was cut off at the maximum length before it gave an answer, so nothing could be judged. Reason more "
    "briefly.",
    "\nPut your reasoning between <reasoning> and </reasoning>. Then put one letter, A, B, C or D, between <answer> "
    "and </answer>, and nothing else.",
)


def build_tokenizer(
    words: Iterable[str], lines: Iterable[str] = (), syllables: Iterable[str] = ()
) -> PreTrainedTokenizerFast:
    """Make the tokenizer.

    Args:
        words: letters only; tokens where they stand alone between characters that are no letters.
        lines: further phrases, such as the lines of programs.
        syllables: of made-up names; tokens where no word is found.

    Returns:
        A fast tokenizer with padding and end token and a minimal chat template. Its vocabulary is sorted, so that the
        same input gives the same ids.
    """
    phrases = sorted({*PHRASES, *lines})
    whole = sorted(set(words))
    parts = sorted({*syllables} - {*whole})
    numbers = [str(n) for n in range(NUMBERS)]
    negative = [f"-{n}" for n in range(1, NEGATIVE)]
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    byte_level = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)

    def coded(text: str) -> str:
        return "".join(piece for piece, _ in byte_level.pre_tokenize_str(text))

    vocabulary: dict[str, int] = {}
    for token in [PAD, END, *_ROLES, *alphabet, *map(coded, [*phrases, *whole, *parts, *numbers, *negative])]:
        vocabulary.setdefault(token, len(vocabulary))
    tokenizer = Tokenizer(models.BPE(vocabulary, merges=[], ignore_merges=True))
    pattern = "|".join(
        [
            _any_of(phrases),
            f"(?<![A-Za-z])(?:{_any_of(whole)})(?![A-Za-z])",
            _any_of(parts) if parts else "(?!)",
            rf"(?<!\d)(?:{_any_of([*numbers, *negative])})(?!\d)",
            r"[\s\S]",
        ]
    )
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.Split(Regex(pattern), "isolated"), byte_level])
    tokenizer.decoder = decoders.ByteLevel()
    fast = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        pad_token=PAD,
        eos_token=END,
        additional_special_tokens=list(_ROLES),
        clean_up_tokenization_spaces=False,
    )
    fast.chat_template = CHAT_TEMPLATE
    return fast


def words_of(texts: Iterable[str], lines: Sequence[str] = ()) -> list[str]:
    """Return the words of ``texts``, sorted: runs of letters that no phrase holds."""
    phrase = re.compile(_any_of(sorted({*PHRASES, *lines})))
    found: set[str] = set()
    for text in texts:
        for piece in phrase.split(text):
            found.update(re.findall(r"[A-Za-z]{2,}", piece))
    return sorted(found)


def _any_of(texts: Iterable[str]) -> str:
    """Return a pattern for any of ``texts``, longest first, grouped by first character so that matching is quick."""
    by_first: dict[str, list[str]] = {}
    for text in sorted(texts, key=lambda t: (-len(t), t)):
        by_first.setdefault(text[0], []).append(text[1:])
    groups = (f"{_escaped(first)}(?:{'|'.join(map(_escaped, rest))})" for first, rest in sorted(by_first.items()))
    return f"(?:{'|'.join(groups)})"


def _escaped(text: str) -> str:
    return re.escape(text).replace("\\\n", "\\n")
