"""ToolAlpaca's own files cast into rows as the paper's split has them."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sdpo_envs.tooluse.prompts import render_prompt
from sdpo_gym.data.rows import Row
from sdpo_gym.errors import UsageError

# A quoted text, which is left as it is, or a bare ${...}, which is no JSON; some lack the brace or have a stray quote.
_BARE = re.compile(r'"(?:[^"\\]|\\.)*"|\$\{[^{}",]*\}?"?')
_OPEN = re.compile(r"\$?\{[^{}]*\}?")
_TOOL = re.compile(r"^(\S+): .*\nParameters:", re.MULTILINE)


def cast_toolalpaca(path: Path) -> tuple[list[Row], str]:
    """Cast a file of ToolAlpaca's evaluation sets and return one row per instruction, with the file's sha256 (hex).

    A row has ``task_id, prompt, question, answer`` and ``gold``, which says what its gold calls hold: ``fixed`` values
    only; ``open`` ones, texts such as ``${bell from findBell}`` that stand for what only an earlier call or the
    day's date could tell; or ``undocumented`` tools, which the prompt does not name.

    Raises:
        UsageError: if the file cannot be read or a field is missing or not as it must be; it names file, API and field.
    """
    try:
        content = path.read_bytes()
        apis = json.loads(content.decode("utf-8-sig"))
    except OSError as error:
        raise UsageError(f"cannot read {path}: {error.strerror or error}; DATA must be a file or a directory") from None
    except (ValueError, RecursionError) as error:
        raise UsageError(f"{path} is not JSON ({error}); it must be one list of APIs, as ToolAlpaca has it") from None
    if not isinstance(apis, list) or not apis:
        raise UsageError(f"{path} must hold a JSON list of APIs, got {type(apis).__name__} {str(apis)[:40]!r}")
    rows = [row for number, api in enumerate(apis, 1) for row in _rows(f"{path}: API {number}", api)]
    return rows, hashlib.sha256(content).hexdigest()


def _rows(where: str, fields: Any) -> list[Row]:
    if not isinstance(fields, dict):
        raise UsageError(f"{where}: must be a JSON object, got {type(fields).__name__}")
    api = Row(where, fields)
    name, description, documentation = (api.text(key) for key in ("Name", "Description", "NLDocumentation"))
    questions, golds = (_list(api, key) for key in ("Instructions", "Golden_Answers"))
    if len(questions) != len(golds):
        raise UsageError(
            f"{where} ({name}): 'Instructions' and 'Golden_Answers' must be of one length, "
            f"got {len(questions)} and {len(golds)}"
        )
    tools = frozenset(_TOOL.findall(documentation))
    rows = []
    for number, (question, gold) in enumerate(zip(questions, golds, strict=True), 1):
        place = f"{where} ({name}), instruction {number}"
        if not isinstance(question, str) or not question.strip():
            raise UsageError(f"{place}: must be a text that is not empty, got {question!r:.80}")
        if not isinstance(gold, list) or not all(isinstance(call, dict) for call in gold):
            raise UsageError(f"{place}: its golden answer must be a list of objects, got {gold!r:.80}")
        calls = [_close(call) for call in gold]
        rows.append(
            Row(
                place,
                {
                    "task_id": f"toolalpaca-{name}-{number}",
                    "prompt": render_prompt(name, description, documentation, question),
                    "question": question,
                    "answer": json.dumps(calls, ensure_ascii=False),
                    "gold": _gold_kind(calls, tools),
                },
            )
        )
    return rows


def _list(api: Row, key: str) -> list[Any]:
    value = api.fields.get(key)
    if not isinstance(value, list):
        raise UsageError(f"{api.where}: field {key!r} must be a list, got {value!r:.80}")
    return value


def _close(call: Mapping[str, Any]) -> dict[str, Any]:
    """Return the call with every bare ``${...}`` of its input as a text, so that it is JSON."""
    given = call.get("Action_Input")
    if not isinstance(given, str):
        return dict(call)
    return {**call, "Action_Input": _BARE.sub(_quoted, given)}


def _quoted(found: re.Match[str]) -> str:
    text = found[0]
    return text if text.startswith('"') else json.dumps(text.removesuffix('"'), ensure_ascii=False)


def _gold_kind(calls: list[dict[str, Any]], tools: frozenset[str]) -> str:
    if any(call.get("Action") not in tools for call in calls):
        return "undocumented"
    inputs = "".join(str(call.get("Action_Input")) for call in calls)
    return "open" if any(_OPEN.fullmatch(text[1:-1]) for text in re.findall(r'"(?:[^"\\]|\\.)*"', inputs)) else "fixed"
