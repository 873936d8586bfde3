"""Pin the SDPO paper's splits of SciKnowEval by content, without a word of them.

    python envs/authoring/sciknoweval/pin_splits.py DATA [--check]

reads the reference's files `DATA/{biology,chemistry,material,physics}/{train,test}.jsonl` and writes
`splits/<subject>_<split>.txt`: a line per question in the paper's order, the digest of its content (see
`Question.digest`) and its `idx`. `--check` only compares.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from sdpo_envs.sciknoweval.rows import parse_local
from sdpo_envs.sciknoweval.source import HERE, SPLITS, Subject, local_files
from sdpo_gym.data.rows import read_rows


def build(data: Path) -> dict[str, str]:
    """Return the text of every file of `splits/` by name."""
    files = {}
    for subject in Subject:
        for split in SPLITS:
            (file,) = local_files(str(data), split, (subject,))
            rows, _ = read_rows(file.path)
            lines = [f"{parse_local(row, file).question.digest} {row.fields['idx']}\n" for row in rows]
            files[f"{subject}_{split}.txt"] = "".join(lines)
    return files


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path, help="folder with a folder per subject")
    parser.add_argument("--check", action="store_true", help="write nothing; exit with 1 if a file is out of date")
    arguments = parser.parse_args()
    stale = False
    for name, text in build(arguments.data).items():
        path = HERE / "splits" / name
        if not arguments.check:
            path.parent.mkdir(exist_ok=True)
            path.write_text(text, encoding="ascii")
        elif not path.exists() or path.read_text(encoding="ascii") != text:
            print(f"{path} does not match {arguments.data}; run without --check")
            stale = True
    return int(stale)


if __name__ == "__main__":
    sys.exit(main())
