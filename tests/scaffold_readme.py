"""Doing what a scaffold's README says, with the code of its worked example."""

from __future__ import annotations

import ast
import re
from pathlib import Path

_STEP = re.compile(r"^## \d+\. [^\n`]*`(?P<file>[^`]+)`$", re.MULTILINE)
_BLOCK = re.compile(r"^```(?:json|python|toml)\n(?P<code>.*?)^```$", re.MULTILINE | re.DOTALL)


def follow(readme: Path, root: Path) -> list[str]:
    """Fill in the scaffold whose README names files from ``root`` on; return these names in the order of the steps."""
    _, *steps = re.split(r"^(?=## )", readme.read_text(encoding="utf-8"), flags=re.MULTILINE)
    filled = []
    for step in steps:
        if heading := _STEP.match(step):
            path = root / heading["file"]
            for block in _BLOCK.finditer(step):
                path.write_text(_typed_in(path, block["code"]), encoding="utf-8")
            filled.append(path.name)
    return filled


def _typed_in(path: Path, code: str) -> str:
    text = path.read_text(encoding="utf-8")
    if path.suffix == ".py":
        (function,) = (node for node in ast.parse(code).body if isinstance(node, ast.FunctionDef))
        (old,) = (n for n in ast.parse(text).body if isinstance(n, ast.FunctionDef) and n.name == function.name)
        lines = text.splitlines(keepends=True)
        return "".join([*lines[: old.lineno - 1], code, *lines[old.end_lineno :]])
    if path.suffix == ".toml":
        for line in code.splitlines():
            key = line.partition(" = ")[0]
            text, count = re.subn(rf'^{key} = "TODO[^\n]*$', lambda _, line=line: line, text, flags=re.MULTILINE)
            assert count == 1, f"{key} of the README is no TODO of {path.name}"
        return text
    return code
