"""The report of a reproduction: tables, answers and what has to be said beside them, in Markdown."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from statistics import fmean
from typing import Any

from sdpo_baselines.reproduce.claims import UNSIGNED, Judged, Rule
from sdpo_baselines.reproduce.curves import Axis, Curve, Worlds, estimate, paired, paired_at, reach
from sdpo_baselines.reproduce.results import Results
from sdpo_gym.stats import Estimate

ACCURACIES: Mapping[str, Callable[[Curve], float]] = {
    "initial": lambda curve: curve.initial,
    "best": lambda curve: curve.best,
    "last": lambda curve: curve.last,
    "mean over curve": lambda curve: curve.mean,
}
_AT = {
    Axis.GENERATIONS: "generations", Axis.UPDATES: "updates", Axis.FLOPS: "TFLOPs", Axis.SECONDS: "seconds",
}  # fmt: skip
_UNITS = {Axis.FLOPS: 1e-12}

Rows = Sequence[Sequence[str]]

HOW_TO_READ = """\
A world is a seed: it fixes the hidden knowledge, the order of the tasks and the sampling, alike for every arm. Figures
are means over worlds with 95 % t intervals in brackets; differences are taken within each world first. `best` is chosen
on the held-out tasks and so is too high by some noise; `last` and `mean over curve` (the evaluations after the start)
are not chosen. Lines in plots are means over worlds; bands go from the lowest world to the highest."""

RULES = """\
With the 95 % interval of the figure's mean over worlds: *above b* is "yes" if the whole interval lies above b, "no" if
it lies at or below, otherwise "unresolved"; *below b* likewise; *within b* is "yes" if it lies in [-b, b], "no" if
wholly outside. Claims are judged one by one; the intervals are not widened for their number. Claims and rules were
written down before the runs. The same claim at equal generations, updates, FLOPs and time is four claims."""

TEACHER = """\
The teacher is asked as in training: the held-out question with what it would be told about the student's first attempt,
or the question alone if that is nothing."""

HONESTY = """\
- The tasks were designed for this: what is to be learned is absent from prompt and warm start, and the feedback reveals
  it piece by piece. How large an effect is is a property of these tasks.
- They were not designed blindly. In the experiments before this design SDPO did not beat GRPO with the feedback that
  was written first (it listed missing names only), so the feedback was made richer; rehearsal, a slower teacher and a
  warm start with more kinds of error came after SDPO had collapsed. GRPO has the same rehearsal, the same weights and
  as many learning rates tried.
- The worlds were made smaller, too. A first sweep, in `tiny_tool` worlds of 24 tools with 4 arguments, ended between
  0.14 and 0.19 for every arm, and cross-entropy on the right answers brought the same model no further than 0.24: there
  was more to learn than 5,120 generations ask for. So 8 tools with 3 arguments, before the sweep that the settings come
  from. `tiny_sci` was left as it is, has the same fault (cross-entropy: from 0.24 to 0.29), and so has no arms.
- Rich feedback states the right call or option to the teacher (never to the student): close to supervision by labels.
  Plain and null feedback stand beside it in the full profile, and GRPO with a dense scalar says how much a number would
  have given.
- "Held out" means prompts that were not trained on over the same hidden knowledge, not new knowledge.
- There is one set of warm-started weights (one seed of pre-training) and one size of model, far from that of the paper.
  How large the differences are hangs on these weights: the same design with an earlier set of them, which `make
  tiny-weights` no longer makes, ended in `tiny_tool` at 0.81 (SDPO, logit level), 0.58 (token level), 0.54 (GRPO, dense
  scalar), 0.49 (GRPO) and 0.32 (sequence level), and in `tiny_code` at 0.26, 0.06, 0.06, 0.08 and 0.05.
- Seconds are wall time with two runs at once, and other work beside the committed ones: FLOPs are the figure to trust.
- An update of SDPO costs more than one of GRPO: equal generations are not equal compute. Both are in the tables.
- Ablations have the learning rate of the arm that they change; none was tuned for itself. Where a family takes over
  another's learning rates, the table of settings says so.
- At test time, multi-turn makes no gradient step, so equal attempts are not equal compute either."""


def report(results: Results, judged: Sequence[Judged], plots: Sequence[str], sweep: Mapping[str, Any] | None) -> str:
    """Return the report of one family.

    Args:
        results: what was found.
        judged: the claims with their answers.
        plots: names of pictures in the directory ``plots`` beside the report.
        sweep: what ``sweep.json`` holds, if it is there.
    """
    sections = [_head(results), _failures(results), _main(results, plots), _needed(results), _cost(results)]
    sections += [_claims(judged)] if results.runs else []
    if "teacher" in plots:
        sections.append(f"## Student and teacher\n\n{TEACHER}\n\n{_picture('teacher')}\n\n{_teachers(results, 'main')}")
    for group in results.groups:
        if f"group_{group}" in plots:
            sections.append(_ablation(results, group))
    sections += [f"## {title}\n\n{_picture(name)}" for name, title in _MORE.items() if name in plots]
    sections += [_search(results, plots), _probe(results), _settings(results, sweep)]
    sections.append(f"## What has to be said beside this\n\n{HONESTY}")
    sections.append(_provenance(results))
    return "\n\n".join(section for section in sections if section) + "\n"


_MORE = {"length": "Length of the answers", "entropy": "Entropy"}


def summary_table(results: Results) -> str:
    """Return the headline table: every main arm's accuracy, and its difference to the first target."""
    arms = results.group("main")
    head = ["arm", "lr", "worlds", *ACCURACIES, *(f"last - {results.titles[t]}" for t in _targets(results))]
    rows = [
        [
            results.titles[arm],
            f"{results.settings[arm]['learning_rate']:g}",
            str(len(results.runs[arm])),
            *(_accuracy(results.runs[arm], measure) for measure in ACCURACIES.values()),
            *(_versus(results, arm, target, ACCURACIES["last"]) for target in _targets(results)),
        ]
        for arm in arms
    ]
    return table(head, rows)


def claims_table(judged: Sequence[Judged]) -> str:
    """Return the table of the claims."""
    rows = []
    for each in judged:
        claim = each.claim
        at = {None: "", Axis.FLOPS: "equal compute (FLOPs)"}.get(each.axis, f"equal {each.axis}")
        if claim.measure == "share" and each.axis is not None:
            at = f"in {each.axis}"
        note = f"; {each.note}" if each.note else ""
        show = _plain if claim.measure in UNSIGNED else _signed
        rule = f"{claim.measure} {'in' if claim.rule is Rule.WITHIN else claim.rule.value} " + (
            f"[{-claim.bound:g}, {claim.bound:g}]" if claim.rule is Rule.WITHIN else f"{claim.bound:g}"
        )
        rows.append([claim.says, at, f"**{each.answer}**", show(each.estimate) + note, rule, claim.source])
    return table(["claim", "at", "answer", "figure", "yes if", "source"], rows)


def table(head: Sequence[str], rows: Rows) -> str:
    """Return a Markdown table with aligned columns."""
    cells = [[cell.replace("|", "\\|") for cell in row] for row in (head, *rows)]
    widths = [max(3, *(len(row[i]) for row in cells)) for i in range(len(head))]
    lines = [
        "| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) + " |" for row in cells
    ]
    rule = "|" + "|".join("-" * (width + 2) for width in widths) + "|"
    return "\n".join([lines[0], rule, *lines[1:]])


def _head(results: Results) -> str:
    train = results.facts.get("train", {})
    trained = {world for runs in results.runs.values() for world in runs}
    worlds = sorted(trained | {probe.world for probe in results.probes})
    per_step = train.get("batch", 0) * train.get("n", 0)
    sizes = (
        f"{train['steps']} steps of {train['batch']} tasks x {train['n']} attempts "
        f"({train['steps'] * per_step:,} generations), evaluated every {train['eval_every']} steps on "
        f"{train['eval_limit']} held-out tasks, avg@{train['eval_n']}."
        if per_step
        else ""
    )
    said = f"Profile `{results.profile}`, worlds {', '.join(map(str, worlds))}. {sizes}".strip()
    return f"# {results.title}\n\n{said}\n\n{HOW_TO_READ}"


def _failures(results: Results) -> str:
    if not results.failures:
        return ""
    listed = "\n".join(f"- `{failure.job}`: {failure.error}" for failure in results.failures)
    return f"## Jobs that did not end well\n\nTheir worlds are missing from the tables.\n\n{listed}"


def _main(results: Results, plots: Sequence[str]) -> str:
    if not results.group("main"):
        return "## Main arms\n\nNone was run in these worlds, so they decide no claim."
    pictures = "\n".join(_picture(name) for name in plots if name.startswith("accuracy_"))
    parts = [f"## Main arms\n\nHeld-out accuracy.\n\n{summary_table(results)}", pictures]
    for target in _targets(results):
        parts.append(_differences(results, target, results.group("main")))
    return "\n\n".join(part for part in parts if part)


def _differences(results: Results, target: str, arms: Iterable[str]) -> str:
    others = [arm for arm in arms if arm != target]
    if not others:
        return ""
    names = ("best", "last", "mean over curve")
    head = [
        "arm",
        *names,
        *(f"at equal {_AT[axis]}" for axis in Axis if axis is not Axis.GENERATIONS),
        "last, by world",
    ]
    rows = []
    for arm in others:
        left, right = results.runs[arm], results.runs[target]
        last = paired(left, right, ACCURACIES["last"])
        rows.append(
            [
                results.titles[arm],
                *(_versus(results, arm, target, ACCURACIES[name]) for name in names),
                *(
                    _signed(estimate(paired_at(left, right, axis).values(), (-1, 1)))
                    for axis in Axis
                    if axis is not Axis.GENERATIONS
                ),
                " ".join(f"{value:+.2f}" for value in last.values()),
            ]
        )
    said = f"Difference to {results.titles[target]} in the same world; `last` is at equal generations."
    return f"{said}\n\n{table(head, rows)}"


def _needed(results: Results) -> str:
    parts = []
    for target in _targets(results):
        rows = []
        for arm in results.group("main"):
            cells = [_reach_cell(results.runs[arm], results.runs[target], axis) for axis in Axis]
            rows.append([results.titles[arm], *cells])
        head = ["arm", *(_AT[axis] for axis in Axis)]
        budget = ", ".join(
            f"{fmean(c.end(axis) for c in results.runs[target].values()) * _UNITS.get(axis, 1):,.4g} {_AT[axis]}"
            for axis in Axis
        )
        parts.append(
            f"For the last accuracy of {results.titles[target]} in the same world, which spent {budget} in all. In "
            "parentheses the mean share of that; the row of the arm itself says when its own curve first came up to "
            f"where it ended.\n\n{table(head, rows)}"
        )
    return "## What an arm needs for GRPO's final accuracy\n\n" + "\n\n".join(parts) if parts else ""


def _reach_cell(arm: Worlds, target: Worlds, axis: Axis) -> str:
    found = reach(arm, target, axis)
    said = [r for r in found.values() if r.learned]
    if not said:
        return "- (the target learned nothing)"
    needed = [r.needed for r in said if r.needed is not None]
    if not needed:
        return f"not reached (0 of {len(said)})"
    scale = _UNITS.get(axis, 1)
    text = f"{fmean(needed) * scale:,.4g}"
    if len(needed) < len(said):
        return f"{text} where reached ({len(needed)} of {len(said)})"
    return f"{text} ({fmean(r.share or 0.0 for r in said):.0%})"


def _cost(results: Results) -> str:
    rows = []
    for arm in results.group("main"):
        worlds = results.runs[arm]
        totals = [curve.totals for curve in worlds.values()]

        def mean(key: str, totals: list[Mapping[str, float]] = totals) -> str:
            values = [total[key] for total in totals if key in total]
            return f"{fmean(values):,.1f}" if values else "-"

        ends = [curve.points[-1] for curve in worlds.values()]
        rows.append(
            [
                results.titles[arm],
                f"{fmean(p.seconds for p in ends):,.1f}",
                *(
                    mean(key)
                    for key in ("seconds_generate", "seconds_judge_wait", "seconds_student", "seconds_teacher")
                ),
                f"{fmean(p.flops for p in ends) * 1e-12:,.2f}",
                f"{fmean(p.updates for p in ends):,.0f}",
                _mean_of([p.length for p in ends], "{:.1f}"),
                _mean_of([p.training.get("entropy") for p in ends], "{:.3f}"),
                _mean_of([p.training.get("bad_format_fraction") for p in ends], "{:.3f}"),
            ]
        )
    head = ["arm", "seconds", "generating", "waiting for the judge", "student", "teacher", "TFLOPs", "updates",
            "length at the end", "entropy at the end", "bad format at the end"]  # fmt: skip
    return f"## Cost\n\nOf a run, mean over worlds, without evaluations.\n\n{table(head, rows)}" if rows else ""


def _claims(judged: Sequence[Judged]) -> str:
    return f"## Claims\n\n{RULES}\n\n{claims_table(judged)}" if judged else ""


def _ablation(results: Results, group: str) -> str:
    arms = results.group(group)
    first = arms[0]
    head = ["arm", "", *ACCURACIES, f"last - {results.titles[first]}", "entropy at the end"]
    rows = []
    for arm in arms:
        ends = [curve.points[-1].training.get("entropy") for curve in results.runs[arm].values()]
        rows.append(
            [
                results.titles[arm],
                results.notes.get(arm, ""),
                *(_accuracy(results.runs[arm], measure) for measure in ACCURACIES.values()),
                _versus(results, arm, first, ACCURACIES["last"]),
                _mean_of(ends, "{:.3f}"),
            ]
        )
    teachers = _teachers(results, group) if group == "teacher" else ""
    title = results.titles.get(f"group:{group}", group)
    parts = [f"## {title}", _picture(f"group_{group}"), table(head, rows), teachers]
    return "\n\n".join(part for part in parts if part)


def _teachers(results: Results, group: str) -> str:
    rows = []
    for arm in results.group(group):
        pairs = [
            (curve.points[0].teacher, curve.points[-1].teacher, curve.last) for curve in results.runs[arm].values()
        ]
        known = [(a, b, c) for a, b, c in pairs if a is not None and b is not None]
        if known:
            rows.append(
                [
                    results.titles[arm],
                    _plain(estimate((a for a, _, _ in known), (0, 1))),
                    _plain(estimate((b for _, b, _ in known), (0, 1))),
                    _signed(estimate((b - a for a, b, _ in known), (-1, 1))),
                    _plain(estimate((c for _, _, c in known), (0, 1))),
                ]
            )
    head = ["arm", "teacher at the start", "teacher at the end", "gain of the teacher", "student at the end"]
    return table(head, rows) if rows else ""


def _search(results: Results, plots: Sequence[str]) -> str:
    if not results.searches:
        return ""
    k = min(search.k for worlds in results.searches.values() for search in worlds.values())
    ks = [at for at in (1, 4, 16, 64, 256, 1024) if at < k] + [k]
    head = ["method", "worlds", "tasks", *(f"@{at}" for at in ks), "mean attempts, at most k", "seconds per attempt"]
    rows = []
    for method, worlds in sorted(results.searches.items()):
        found = list(worlds.values())
        timed = [s for s in found if s.seconds is not None]
        made = sum(s.mean_attempts * len(s.attempts) for s in timed)
        rows.append(
            [
                results.titles.get(f"search:{method}", method),
                str(len(found)),
                str(sum(len(s.attempts) for s in found)),
                *(_plain(estimate((s.found_by(at) for s in found), (0, 1))) for at in ks),
                _plain(estimate(s.mean_attempts for s in found), "{:.1f}"),
                f"{sum(s.seconds or 0.0 for s in timed) / made:.3f}" if made else "-",
            ]
        )
    screen = results.facts.get("screen", "")
    picture = _picture("discovery") if "discovery" in plots else ""
    said = f"discovery@k: the share of hard tasks solved within k attempts. {screen}".strip()
    return "\n\n".join(part for part in ("## Search at test time", said, picture, table(head, rows)) if part)


def _probe(results: Results) -> str:
    if not results.probes:
        return ""
    rows = []
    for kind, told in dict.fromkeys((p.kind, p.told) for p in results.probes):
        found = [p for p in results.probes if (p.kind, p.told) == (kind, told)]
        what = f"{kind} feedback" if told == "feedback" else f"a sibling's solution ({kind})"
        rows.append(
            [
                what,
                str(len(found)),
                _plain(estimate((p.without for p in found), (0, 1))),
                _plain(estimate((p.given for p in found), (0, 1))),
                _signed(estimate((p.given - p.without for p in found), (-1, 1))),
            ]
        )
    head = ["told", "worlds", "without", "with", "gap"]
    said = (
        "Accuracy before training, of fresh answers without and with what the teacher is told, over the attempts for "
        "which there is that to tell (`sdpo-gym probe`)."
    )
    return f"## Teacher gap\n\n{said}\n\n{table(head, rows)}"


def _settings(results: Results, sweep: Mapping[str, Any] | None) -> str:
    rows = []
    for arm, setting in results.settings.items():
        own = setting["chosen_in"] == results.family
        source = f"sweep on {setting['chosen_in']}" + ("" if own else ", taken over")
        source += "" if setting["chosen_for"] == arm else f", chosen for {setting['chosen_for']}"
        options = ", ".join(f"{key} = {value}" for key, value in setting["options"].items())
        rows.append([results.titles[arm], f"{setting['learning_rate']:g}", source, options or "-"])
    parts = ["## Settings", table(["arm", "learning rate", "from", "options of its own"], rows)]
    if sweep:
        parts.append(sweep_text(sweep, results.titles))
    return "\n\n".join(parts)


def sweep_text(sweep: Mapping[str, Any], titles: Mapping[str, str]) -> str:
    """Return what was tried on the tuning worlds, as a table."""
    rates = sorted({float(point["learning_rate"]) for points in sweep["arms"].values() for point in points})
    rows = []
    for arm, points in sweep["arms"].items():
        by_rate = {float(point["learning_rate"]): point for point in points}
        chosen = sweep["chosen"].get(arm, {}).get("learning_rate")
        cells = []
        for rate in rates:
            value = by_rate[rate]["value"] if rate in by_rate else None
            text = "-" if value is None else f"{value:.3f}"
            cells.append(f"**{text}**" if rate == chosen else text)
        rows.append([titles.get(arm, arm), *cells])
    effort = sweep["effort"]
    said = (
        f"The sweep: {effort['points']} learning rates x {effort['worlds']} tuning worlds "
        f"({', '.join(map(str, sweep['worlds']))}) for every arm, {effort['generations']:,} generations each; "
        f"chosen by `{sweep['select']}` (bold), of equal ones the lower."
    )
    return f"{said}\n\n{table(['arm', *(f'{rate:g}' for rate in rates)], rows)}"


def _provenance(results: Results) -> str:
    facts = results.facts
    if not facts:
        return ""
    machine, versions = facts.get("machine", {}), facts.get("versions", {})
    lines = [
        f"- Machine: {machine.get('processor') or 'unknown processor'}, {machine.get('cores')} cores; each run on one.",
        "- Versions: " + ", ".join(f"{name} {number}" for name, number in versions.items()) + ".",
        f"- Weights at the start: sha256 {facts.get('weights') or 'unknown'}.",
        *(f"- {name}: sha256 {digest}." for name, digest in facts.get("design", {}).items()),
    ]
    return "## Provenance\n\n" + "\n".join(lines)


def _targets(results: Results) -> list[str]:
    """Return the arms that the others are compared with: those that are named, and the best GRPO if it is another."""
    targets = [target for target in results.targets if results.runs.get(target)]
    if variants := results.group("grpo"):
        best = max(variants, key=lambda arm: fmean(curve.last for curve in results.runs[arm].values()))
        targets += [best] if best not in targets else []
    return targets


def _versus(results: Results, arm: str, other: str, measure: Callable[[Curve], float]) -> str:
    if arm == other:
        return "-"
    return _signed(estimate(paired(results.runs[arm], results.runs[other], measure).values(), (-1, 1)))


def _accuracy(worlds: Worlds, measure: Callable[[Curve], float]) -> str:
    return _plain(estimate((measure(curve) for curve in worlds.values()), (0, 1)))


def _plain(found: Estimate | None, form: str = "{:.3f}") -> str:
    if found is None:
        return "-"
    if found.low is None or found.high is None:
        return form.format(found.value)
    return f"{form.format(found.value)} [{form.format(found.low)}, {form.format(found.high)}]"


def _signed(found: Estimate | None) -> str:
    if found is None:
        return "-"
    text = f"{found.value:+.3f}"
    if found.low is None or found.high is None:
        return text
    return f"{text} [{found.low:+.3f}, {found.high:+.3f}]"


def _mean_of(values: Iterable[float | None], form: str) -> str:
    known = [value for value in values if value is not None]
    return form.format(fmean(known)) if known else "-"


def _picture(name: str) -> str:
    return f"![{name.replace('_', ' ')}](plots/{name}.svg)"
