"""The prompt of a task, word for word as the paper's data has it (from ToolAlpaca, Apache-2.0), and reading it back."""

from __future__ import annotations

_FRAME = """\
Your task is to answer the user's question using available tools.\x20
You have access to the following tools:
Name: {name}
Description: {description}
Documentation:
{documentation}
Use the following format:
Thought: you should always think about what to do
Action: the action to take, should be one of the tool names.
Action Input: the input to the action, must be in JSON format. All of the action input must be \
realistic and from the user.

Begin!
Question: {question}"""
_NAME, _QUESTION = "\nName: ", "\nQuestion: "


def render_prompt(name: str, description: str, documentation: str, question: str) -> str:
    """Return the prompt that asks ``question`` of the tools of one API.

    Args:
        name: the API's name.
        description: what it is for, in a line.
        documentation: its tools in words, ToolAlpaca's ``NLDocumentation``, which ends with a line end.
        question: what the user wants; no character of it is changed.
    """
    return _FRAME.format(name=name, description=description, documentation=documentation, question=question)


def api_name(prompt: str) -> str:
    """Return the name of the API that a prompt documents.

    Raises:
        ValueError: if the prompt has no line that begins with ``Name:``.
    """
    _, found, rest = prompt.partition(_NAME)
    name = rest.partition("\n")[0].strip()
    if not found or not name:
        raise ValueError(f"has no line {_NAME.strip()!r} that names the API")
    return name


def user_question(prompt: str) -> str:
    """Return the question that a prompt asks: what follows its last line that begins with ``Question:``.

    Raises:
        ValueError: if there is no such line.
    """
    _, found, question = prompt.rpartition(_QUESTION)
    if not found or not question.strip():
        raise ValueError(f"has no line {_QUESTION.strip()!r} with a question")
    return question
