"""Make the shipped weights: ``python -m sdpo_baselines.tiny.warmstart --out DIRECTORY``.

With the same CPU flags and library versions the same digest comes out, whatever the number of processes;
elsewhere ``--check`` says how far the accuracies lie apart, and whether within 0.02.
"""

from __future__ import annotations

import argparse
import gzip
import json
import logging
import platform
import random
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from sdpo_baselines.tiny import WEIGHTS, make
from sdpo_baselines.tiny.corpus import FAMILIES, Example, Mixture, corpus_digest, make_corpus, make_tokenizer, to_row
from sdpo_baselines.tiny.model import digest, new_model, save
from sdpo_baselines.tiny.probe import table
from sdpo_baselines.tiny.training import Recipe, Row, train

_log = logging.getLogger(__name__)

REHEARSAL = "rehearsal.jsonl.gz"
RECIPE = "recipe.json"
TOLERANCE = 0.02
_REHEARSAL_ROWS = 2000
_LOG_EVERY = 100


Shares = Mapping[str, Mapping[str, float]]

# The later stages dwell on what is left unlearned: options of questions, and programs from failing tests.
_SECOND: Shares = {
    "tool": {"none": 0.4, "solution": 0.4, "feedback": 0.5, "both": 0.4, "multi": 0.5},
    "code": {"none": 0.2, "solution": 0.2, "feedback": 1.0, "both": 0.5, "multi": 1.0},
    "sci": {"none": 0.5, "solution": 2.0, "feedback": 2.0, "both": 2.0, "multi": 2.0},
}
_THIRD: Shares = {
    "tool": {"none": 0.3, "solution": 0.3, "feedback": 0.5, "both": 0.3, "multi": 0.4},
    "code": {"none": 0.15, "solution": 0.15, "feedback": 1.0, "both": 0.3, "multi": 0.7},
    "sci": {"none": 4.0, "solution": 0.2, "feedback": 1.0, "both": 0.3, "multi": 0.7},
}


@dataclass(frozen=True)
class Stage:
    """A training run over the corpus or a part of it.

    Attributes:
        recipe: how it trains.
        shares: how often an example of a family and kind is taken, on average; None takes each once.
    """

    recipe: Recipe
    shares: Shares | None = None


def _stages() -> tuple[Stage, ...]:
    second = Recipe(steps=2500, warmup=25, decay=0.6, prompt_weight=0.0, muon=True, chunk=16)
    third = replace(second, steps=900, decay=0.7)
    return (Stage(Recipe()), Stage(second, _SECOND), Stage(third, _THIRD))


@dataclass(frozen=True)
class WarmStart:
    """All that decides the weights."""

    mixture: Mixture = field(default_factory=Mixture)
    stages: tuple[Stage, ...] = field(default_factory=_stages)
    longest: int = 200  # tokens of a row; longer ones are left out
    seed: int = 0


def warm_start(plan: WarmStart, out: Path, *, processes: int = 1, each: int = 100) -> dict[str, Any]:
    """Make corpus and weights, measure them, and write everything into ``out``.

    Args:
        plan: what is made.
        out: directory; is made.
        processes: 1 or 2, see :func:`train`.
        each: tasks of each world that accuracy is measured on; 0 for none.

    Returns:
        What is written to ``recipe.json``.

    Raises:
        JudgeError: a judge failed.
    """
    started = time.monotonic()
    tokenizer = make_tokenizer()
    examples = make_corpus(plan.mixture, tokenizer, plan.seed)
    rows = [to_row(example, tokenizer) for example in examples]
    made = time.monotonic()
    _log.info("corpus: %d examples, %.0f s", len(examples), made - started)
    model = new_model(tokenizer, plan.seed)
    for number, stage in enumerate(plan.stages):
        taken = take(examples, rows, stage.shares, plan.longest, plan.seed)
        _log.info("stage %d: %d rows", number + 1, len(taken))
        train(model, taken, stage.recipe, plan.seed + number, processes=processes, after_step=_progress(stage.recipe))
    weights = save(model, tokenizer, out)
    trained = time.monotonic()
    write_rehearsal(examples, out / REHEARSAL)
    accuracy = table(make(str(out)), each=each) if each else {}
    written = {
        "weights_sha256": weights,
        "corpus_sha256": corpus_digest(examples),
        "parameters": sum(p.numel() for p in model.parameters()),
        "plan": asdict(plan),
        "accuracy": accuracy,
        "accuracy_tasks_per_world": each,
        "seconds": {"corpus": round(made - started), "training": round(trained - made)},
        "versions": _versions(),
    }
    (out / RECIPE).write_text(json.dumps(written, indent=1) + "\n")
    (out / "SHA256").write_text(f"{weights}  model.safetensors\n")
    return written


def take(examples: Sequence[Example], rows: Sequence[Row], shares: Shares | None, longest: int, seed: int) -> list[Row]:
    """Return the rows that a stage trains on: each as often as its share says, none that is too long."""
    draw = random.Random(seed)
    taken: list[Row] = []
    for example, row in zip(examples, rows, strict=True):
        share = 1.0 if shares is None else shares[example.family][example.kind.value]
        count = int(share) + (draw.random() < share % 1)
        if sum(map(len, row)) <= longest:
            taken += [row] * count
    return taken


def _progress(recipe: Recipe) -> Callable[[int, float], None]:
    started = time.monotonic()

    def after_step(step: int, loss: float) -> None:
        if step % _LOG_EVERY == 0:
            _log.info("step %d of %d: loss %.4f, %.0f s", step, recipe.steps, loss, time.monotonic() - started)

    return after_step


def write_rehearsal(examples: Sequence[Example], path: Path) -> None:
    """Write examples of all families, as many of each, as JSON lines with ``messages`` and ``completion``."""
    each = _REHEARSAL_ROWS // len(FAMILIES)
    lines = []
    for family in FAMILIES:
        for example in [e for e in examples if e.family == family][:each]:
            messages = [{"role": m.role, "content": m.content} for m in example.messages]
            lines.append(json.dumps({"messages": messages, "completion": example.answer}) + "\n")
    with path.open("wb") as file, gzip.GzipFile("", "wb", fileobj=file, mtime=0) as packed:
        packed.write("".join(lines).encode())


def check(directory: Path) -> bool:
    """Measure the weights in ``directory`` as the shipped ones were, and say whether they agree within 0.02."""
    shipped = json.loads((WEIGHTS / RECIPE).read_text())
    found = table(make(str(directory)), each=shipped["accuracy_tasks_per_world"])
    worst = 0.0
    for row, kinds in found.items():
        differences = {kind: rate - shipped["accuracy"][row][kind] for kind, rate in kinds.items()}
        worst = max([worst, *map(abs, differences.values())])
        shown = ", ".join(f"{kind} {rate:.3f} ({differences[kind]:+.3f})" for kind, rate in kinds.items())
        _log.info("%s: %s", row, shown)
    same = digest(directory) == shipped["weights_sha256"]
    _log.info("weights %s the shipped ones; largest difference %.3f", "equal" if same else "differ from", worst)
    return worst <= TOLERANCE


def _versions() -> dict[str, str]:
    import torch
    import transformers

    return {
        "python": platform.python_version(),
        "torch": torch.__version__,
        "transformers": transformers.__version__,
        "cpu": torch.backends.cpu.get_cpu_capability(),
    }


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; returns the exit code."""
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stdout)
    plan = WarmStart()
    parser = argparse.ArgumentParser(prog="python -m sdpo_baselines.tiny.warmstart", description=__doc__)
    parser.add_argument("--out", type=Path, help="where to write the weights")
    parser.add_argument("--check", type=Path, nargs="?", const=WEIGHTS, help="measure weights (the shipped ones)")
    parser.add_argument("--processes", type=int, default=2, choices=(1, 2), help="one per core; the result is the same")
    parser.add_argument("--seed", type=int, default=plan.seed)
    given = parser.parse_args(arguments)
    if given.check is not None:
        return 0 if check(given.check) else 1
    if given.out is None:
        parser.error("give --out DIRECTORY, or --check")
    plan = replace(plan, seed=given.seed)
    written = warm_start(plan, given.out, processes=given.processes)
    _log.info("weights %s", written["weights_sha256"])
    for row, kinds in written["accuracy"].items():
        _log.info("%-16s %s", row, kinds)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
