"""What the model is told: the same information as LiveCodeBench's and the SDPO paper's prompts, in our words."""

from __future__ import annotations

from sdpo_envs.livecodebench.extraction import Extraction


def render_prompt(
    statement: str, starter_code: str, *, cpu_s: float, memory_mb: int, extraction: Extraction = Extraction.LAST
) -> str:
    """Return the prompt for one problem.

    Args:
        statement: the problem's text; only its line ends are normalised.
        starter_code: the signature to complete; empty for a program that reads standard input.
        cpu_s: CPU seconds that a test may take.
        memory_mb: MiB that a test may take.
        extraction: which code block counts, so that the model is told the truth.
    """
    if starter_code.strip():
        form = (
            "Complete the starter code below. Keep its names and parameters: the tests call it directly and compare "
            f"what it returns.\n\n```python\n{_newlines(starter_code).rstrip()}\n```"
        )
    else:
        form = (
            "Write a whole program. It reads the input from standard input and prints the answer, and nothing else, "
            "to standard output."
        )
    return (
        "Solve this programming problem in Python 3. Your code must be right on every test, hidden ones included.\n\n"
        f"## Problem\n\n{_newlines(statement).strip()}\n\n"
        f"## Form of the answer\n\n{form}\n\n"
        f"Each test may take up to {cpu_s:g} seconds of CPU time and {memory_mb:,} MiB of memory. "
        "You may think first. Then give the complete code in one fenced block that starts with ```python and ends with "
        f"```; if there are several blocks, the {extraction.value} one is judged."
    )


def _newlines(text: str) -> str:
    return text.replace("\r\n", "\n").replace("\r", "\n")
