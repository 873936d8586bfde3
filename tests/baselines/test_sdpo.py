from __future__ import annotations

import json
from contextlib import nullcontext
from dataclasses import replace

import pytest
import torch

from baselines.batches import batch, group, weights
from sdpo_baselines.forward import hidden_states, output_head
from sdpo_baselines.losses import Aggregation, distillation_loss
from sdpo_baselines.sdpo import Level, make
from sdpo_gym.errors import UsageError

PLAIN = {"seed": 0, "temperature": 1.0, "warmup_steps": 0, "weight_decay": 0.0, "learning_rate": 1e-3}


@pytest.fixture(autouse=True)
def _one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def logits(policy, prompt, tokens) -> torch.Tensor:
    return hidden_states(policy.model, [(tuple(prompt), tuple(tokens))]) @ output_head(policy.model).t()


def completions(groups) -> list:
    return [a.turns[-1].completion for g in groups for a in g.attempts]


def descend(agent, rate: float = 0.1) -> None:
    """Replace AdamW, whose first steps are signs, by plain descent."""
    agent.learner._optimizer = torch.optim.SGD(agent.learner.parameters, lr=rate)
    agent.learner.settings.__dict__["learning_rate"] = rate


def two_wrong(policy, name="a"):
    return [group(policy, name, ("print(3)", 0.0), ("x = 4 +", 0.0))]


@pytest.mark.parametrize("temperature", [1.0, 0.7])
@pytest.mark.parametrize("aggregation", ["token_mean", "seq_mean_token_mean"])
def test_the_step_is_that_of_the_distillation_loss(fresh, temperature, aggregation):
    policy, plain = fresh(), fresh()
    # the right answer has no sibling to be shown, so it is out: neither computed nor counted
    groups = [group(policy, "a", ("print(3)", 0.0), ("x = 4 + 5", 0.0), ("right", 1.0))]
    options = {**PLAIN, "temperature": temperature, "aggregation": aggregation}
    agent = make(policy, grad_clip=0.0, alpha=0.5, top_k=20, feedback="always", solutions=False, **options)
    descend(agent)
    figures = agent.update(groups)

    learning = completions(groups)[:2]
    prompts = [e["teacher_prompt"] for e in agent.examples()]
    assert prompts[2] is None
    width = max(len(c.token_ids) for c in learning)
    student, teacher, tokens, mask = [], [], torch.zeros(2, width, dtype=torch.long), torch.zeros(2, width)
    for i, completion in enumerate(learning):
        ids = plain.tokenizer(prompts[i], add_special_tokens=False)["input_ids"]
        size = len(completion.token_ids)
        pad = torch.nn.functional.pad
        student.append(pad(logits(plain, completion.prompt_token_ids, completion.token_ids), (0, 0, 0, width - size)))
        teacher.append(pad(logits(plain, ids, completion.token_ids).detach(), (0, 0, 0, width - size)))
        tokens[i, :size], mask[i, :size] = torch.tensor(completion.token_ids), 1
    loss = distillation_loss(
        torch.stack(student),
        torch.stack(teacher),
        tokens,
        mask,
        alpha=0.5,
        top_k=20,
        temperature=temperature,
        aggregation=Aggregation(aggregation),
    )
    loss.backward()
    assert figures["loss"] == pytest.approx(loss.item(), rel=1e-4)
    for new, old in zip(policy.model.parameters(), plain.model.parameters(), strict=True):
        torch.testing.assert_close(new, old - 0.1 * old.grad, atol=1e-6, rtol=1e-4)
    rows = [(len(c.prompt_token_ids), len(c.token_ids)) for c in learning]
    assert figures["tokens_student"] == sum(prompt + answer - 1 for prompt, answer in rows)
    assert figures["reprompt_fraction"] == pytest.approx(2 / 3)


def distributions(agent, groups, teacher: bool) -> torch.Tensor:
    """Return [N, V] log-probabilities at the sampled tokens of all attempts, of the student or of its teacher."""
    policy, found = agent.policy, []
    for example, completion in zip(agent.examples(), completions(groups), strict=True):
        prompt = completion.prompt_token_ids
        if teacher:
            prompt = policy.tokenizer(example["teacher_prompt"], add_special_tokens=False)["input_ids"]
        with torch.no_grad(), agent.teaching() if teacher else nullcontext():
            found.append(logits(policy, prompt, completion.token_ids).log_softmax(-1))
    return torch.cat(found)


@pytest.mark.parametrize("support", ["student", "union"])
@pytest.mark.parametrize("alpha", [0.0, 0.5, 1.0])
def test_the_student_comes_nearer_to_its_teacher(fresh, alpha, support):
    policy = fresh()
    groups = two_wrong(policy)
    agent = make(policy, alpha=alpha, support=support, teacher="frozen", **PLAIN)

    def distance() -> float:
        p, q = (distributions(agent, groups, teacher) for teacher in (False, True))
        return float((q.exp() * (q - p)).sum(-1).mean())

    losses = [agent.update(groups)["loss"]]
    start = distance()
    losses += [agent.update(groups)["loss"] for _ in range(8)]
    assert losses[-1] < 0.8 * losses[0]
    assert distance() < 0.8 * start


@pytest.mark.parametrize("level", ["token", "top1", "sequence"])
def test_other_levels_move_their_tokens_the_way_of_the_gap(fresh, level):
    policy, untrained = fresh(), fresh()
    groups = [group(policy, "a", ("print(3)", 0.0))]
    agent = make(policy, level=level, teacher="frozen", **{**PLAIN, "learning_rate": 3e-4})
    agent.update(groups)
    after, its = (distributions(agent, groups, teacher) for teacher in (False, True))
    (completion,) = completions(groups)
    with torch.no_grad():
        before = logits(untrained, completion.prompt_token_ids, completion.token_ids).log_softmax(-1)
    sampled = torch.tensor(completion.token_ids)[:, None]
    chosen = before.argmax(-1, keepdim=True) if level == "top1" else sampled
    old, new, q = (logs.gather(-1, chosen)[:, 0] for logs in (before, after, its))
    credit = {"token": q - old, "top1": old.exp() * (q - old), "sequence": (q - old).mean().expand(len(q))}[level]
    assert float(((new - old) * credit).sum()) > 0
    gap = (its - before).gather(-1, sampled)
    assert agent.examples()[0]["advantage"] == pytest.approx(float(gap.mean()), abs=1e-4)


@pytest.mark.parametrize("level", ["token", "top1", "sequence"])
def test_at_other_levels_student_and_teacher_are_tempered_alike(fresh, level):
    temperature, plain, policy = 0.5, fresh(), fresh()
    groups = [group(policy, "a", ("print(3)", 0.0))]
    agent = make(policy, level=level, grad_clip=0.0, **{**PLAIN, "temperature": temperature})
    descend(agent)
    figures = agent.update(groups)
    (completion,) = completions(groups)
    ids = plain.tokenizer(agent.examples()[0]["teacher_prompt"], add_special_tokens=False)["input_ids"]
    p = (logits(plain, completion.prompt_token_ids, completion.token_ids) / temperature).log_softmax(-1)
    q = (logits(plain, ids, completion.token_ids).detach() / temperature).log_softmax(-1)
    tokens = torch.tensor(completion.token_ids)[:, None]
    chosen = p.argmax(-1, keepdim=True) if level == "top1" else tokens
    log_p, log_q = p.gather(-1, chosen)[:, 0], q.gather(-1, chosen)[:, 0]
    advantage = (log_q - log_p).detach() * (log_p.detach().exp() if level == "top1" else 1)
    (-(advantage.mean() if level == "sequence" else advantage) * log_p).mean().backward()
    for new, old in zip(policy.model.parameters(), plain.model.parameters(), strict=True):
        torch.testing.assert_close(new, old - 0.1 * old.grad, atol=2e-6, rtol=1e-3)
    gap = (q - p).gather(-1, tokens).mean()
    assert figures["teacher_gap"] == pytest.approx(gap.item(), abs=1e-4)


@pytest.mark.parametrize("level", Level)
def test_on_policy_the_importance_factor_is_1(fresh, level):
    results = []
    for value in (-0.1, -20.0):
        policy = fresh()
        groups = two_wrong(policy)
        groups = [replace(g, attempts=tuple(with_logprobs(a, value) for a in g.attempts)) for g in groups]
        make(policy, level=level, **PLAIN).update(groups)
        results.append(weights(policy))
    for name in results[0]:
        assert torch.equal(results[0][name], results[1][name])


@pytest.mark.parametrize("level", Level)
def test_advantages_are_clipped(fresh, level):
    def step(clip: float | None) -> torch.Tensor:
        policy = fresh()
        before = torch.cat([t.flatten() for t in weights(policy).values()])
        agent = make(policy, level=level, alpha=1.0, top_k=0, advantage_clip=clip, grad_clip=0.0, **PLAIN)
        descend(agent, 100.0)
        agent.update([group(policy, "a", ("print(3)", 0.0))])
        return torch.cat([t.flatten() for t in weights(policy).values()]) - before

    plain = step(None)
    assert torch.equal(step(1e6), plain) or level == Level.LOGIT  # there it goes another way, rounded otherwise
    torch.testing.assert_close(step(1e6), plain, atol=1e-5, rtol=1e-3)
    # nearly all advantages are beyond such bounds, so that twice the bound makes twice the step
    small, twice = step(1e-6), step(2e-6)
    assert 0 < small.norm() < 0.1 * plain.norm()
    torch.testing.assert_close(twice, 2 * small, atol=float(0.1 * small.abs().max()), rtol=0.05)


def with_logprobs(attempt, value):
    turn = attempt.turns[-1]
    logs = (value,) * len(turn.completion.token_ids)
    return replace(attempt, turns=(replace(turn, completion=replace(turn.completion, logprobs=logs)),))


@pytest.mark.parametrize("level", ["logit", "token", "top1"])
def test_off_policy_it_is_truncated_from_above_only(fresh, level):
    def step(value: float, is_clip: float) -> torch.Tensor:
        policy = fresh()
        before = torch.cat([t.flatten() for t in weights(policy).values()])
        groups = [two_wrong(policy)[0], group(policy, "b", ("right", 1.0), ("right", 1.0))]
        groups = [replace(g, attempts=tuple(with_logprobs(a, value) for a in g.attempts)) for g in groups]
        agent = make(
            policy,
            level=level,
            mini_batch=1,
            is_clip=is_clip,
            grad_clip=0.0,
            solutions=False,
            feedback="always",
            **PLAIN,
        )
        descend(agent)
        assert agent.update(groups)["steps"] == 1
        return torch.cat([t.flatten() for t in weights(policy).values()]) - before

    plain = step(-1.0, 0.0)
    torch.testing.assert_close(step(-60.0, 2.0), 2 * plain, atol=1e-6, rtol=1e-3)  # at its bound everywhere
    small = step(-1e-3, 2.0)  # sampled as nearly certain, so much less likely now
    assert small.norm() < 0.5 * plain.norm()


def test_errored_attempts_without_siblings_success_change_nothing(fresh):
    policy = fresh()
    before = weights(policy)
    agent = make(policy, **PLAIN)
    figures = agent.update([group(policy, "a", ("ab", None), ("cd", None)), group(policy, "b", ("ef", 1.0))])
    assert (figures["steps"], figures["tokens_student"]) == (0, 0)
    assert "tokens_teacher" not in figures
    assert figures["reprompt_fraction"] == 0
    assert all(torch.equal(tensor, before[name]) for name, tensor in weights(policy).items())
    kept = agent.teacher.state_dict()["weights"]
    assert all(torch.equal(tensor, before[name]) for name, tensor in kept.items())


@pytest.mark.parametrize(("every", "moves"), [("batch", 1), ("step", 2)])
def test_the_teacher_moves_once_per_batch_or_step(fresh, every, moves):
    policy = fresh()
    start = weights(policy)
    agent = make(policy, mini_batch=1, teacher_rate=1.0 if every == "batch" else 0.5, teacher_every=every, **PLAIN)
    seen = []
    follow = agent.teacher._follow
    agent.teacher._follow = lambda: (seen.append(1), follow())
    groups = [two_wrong(policy)[0], group(policy, "b", ("y", 0.0), ("z", 0.0)), group(policy, "c", ("y", 1.0))]
    assert agent.update(groups)["steps"] == 2
    assert len(seen) == moves
    kept = agent.teacher.state_dict()["weights"]
    if every == "batch":
        after = weights(policy)
        assert all(torch.equal(tensor, after[name]) for name, tensor in kept.items())
    assert not all(torch.equal(kept[name], start[name]) for name in kept)


def test_the_teacher_does_not_follow_a_step_that_was_left_out(fresh):
    policy = fresh()
    agent = make(policy, **PLAIN)
    before = weights(policy)
    agent.learner.rng.seed(0)
    hook = policy.model.get_decoder().embed_tokens.weight.register_hook(lambda grad: grad * float("nan"))
    figures = agent.update(two_wrong(policy))
    hook.remove()
    assert (figures["steps"], figures["skipped_steps"]) == (0, 1)
    assert all(torch.equal(tensor, before[name]) for name, tensor in weights(policy).items())
    assert all(torch.equal(tensor, before[name]) for name, tensor in agent.teacher.state_dict()["weights"].items())
    assert not agent.teacher.state_dict()["moved"]


def test_hybrid_is_the_sum_of_both(fresh):
    from sdpo_baselines import grpo

    def step(module, **options) -> torch.Tensor:
        policy = fresh()
        before = torch.cat([t.flatten() for t in weights(policy).values()])
        agent = module(policy, grad_clip=0.0, **PLAIN, **options)
        descend(agent)
        agent.update(batch(policy))
        return torch.cat([t.flatten() for t in weights(policy).values()]) - before

    mixed = step(make, lam=0.9)
    torch.testing.assert_close(mixed, 0.9 * step(grpo.make) + 0.1 * step(make), atol=2e-6, rtol=1e-3)


def test_srpo_routes_failures_to_the_teacher_and_the_rest_to_the_reward(fresh):
    policy = fresh()
    groups = [group(policy, "a", ("print(3)", 1.0), ("x = 4", 0.0), ("yes", 1.0)), two_wrong(policy, "b")[0]]
    agent = make(policy, srpo=True, micro_batch_tokens=40, **PLAIN)
    figures = agent.update(groups)
    distilled = [(e["task_id"], e["attempt"]) for e in agent.examples() if e["advantage"] is not None]
    assert distilled == [("a", 1), ("b", 0), ("b", 1)]
    assert [e["teacher_used"] for e in agent.examples()[:3]] == ["solution"] * 3
    assert figures["steps"] == 1


def test_srpos_weights_have_mean_1_over_the_whole_mini_batch(fresh):
    results = []
    for budget in (30, 100_000):
        policy = fresh()
        agent = make(policy, srpo=True, micro_batch_tokens=budget, grad_clip=0.0, **PLAIN)
        descend(agent)
        loss = agent.update(batch(policy))["loss"]
        results.append((loss, weights(policy)))
    assert results[0][0] == pytest.approx(results[1][0], rel=1e-4)
    for name in results[0][1]:
        torch.testing.assert_close(results[0][1][name], results[1][1][name], atol=1e-6, rtol=0)


def test_tasks_are_weighted_by_their_pass_rate(fresh):
    policy = fresh()
    hopeless = group(policy, "b", ("x = 4 +", 0.0), ("y", 0.0))
    half = group(policy, "a", ("print(3)", 1.0), ("x", 0.0))
    alone = make(fresh(), **PLAIN).update([half])
    both = make(fresh(), sc_weights=True, **PLAIN)
    figures = both.update([half, hopeless])
    tokens = [sum(len(c.token_ids) for c in completions([g])[i:]) for g, i in ((half, 1), (hopeless, 0))]
    # the hopeless task has weight 0, the other 2, and both tasks' tokens count
    assert figures["loss"] == pytest.approx(2 * alone["loss"] * tokens[0] / sum(tokens), rel=1e-3)


def test_teaching_puts_the_teachers_weights_in_for_a_while(fresh):
    policy = fresh()
    agent = make(policy, **PLAIN)
    start = weights(policy)
    agent.update(two_wrong(policy))
    after = weights(policy)
    with agent.teaching() as teacher:
        assert teacher is policy
        inside = weights(policy)
    assert all(torch.equal(inside[name], tensor) for name, tensor in agent.teacher.state_dict()["weights"].items())
    assert all(torch.equal(after[name], tensor) for name, tensor in weights(policy).items())
    assert not all(torch.equal(inside[name], start[name]) for name in start)
    assert make(fresh(), teacher="trust_region", **PLAIN).teaching() is None
    live = make(policy, teacher="live", **PLAIN)
    with live.teaching():
        assert all(torch.equal(after[name], tensor) for name, tensor in weights(policy).items())


def test_what_the_teacher_is_asked_can_be_seen_without_changing_anything(fresh):
    policy = fresh()
    agent = make(policy, **PLAIN)
    groups = [group(policy, "a", ("print(3)", 1.0), ("x", 0.0)), *two_wrong(policy)]
    state = agent.learner.rng.getstate()
    asked = agent.teacher_messages(groups)
    assert agent.learner.rng.getstate() == state
    assert asked[0] is None
    agent.update(groups)
    shown = [e["teacher_prompt"] for e in agent.examples()]
    assert [None if m is None else policy.tokenizer.decode(policy.render(m)) for m in asked] == shown
    assert "print(3)" in shown[1]
    assert "expected 3, got 4. (0)" in shown[2]


@pytest.mark.parametrize(("threshold", "shown"), [(None, "expected 3, got 4. (1)"), (0.5, "print(3)")])
def test_a_threshold_makes_a_success(pristine, threshold, shown):
    asked = make(pristine, threshold=threshold, **PLAIN).teacher_messages(
        [group(pristine, "a", ("print(3)", 0.6), ("x", 0.0))]
    )
    assert shown in asked[1][-1].content


def test_figures_examples_and_description(fresh):
    policy = fresh()
    agent = make(policy, **PLAIN)
    figures = agent.update(batch(policy))
    assert {
        "loss", "grad_norm", "lr", "steps", "skipped_steps", "entropy", "tokens_student", "tokens_teacher",
        "flops_student", "flops_teacher", "seconds_student", "seconds_teacher", "seconds_optimizer", "teacher_gap",
        "advantage_abs", "reprompt_fraction", "feedback_used_fraction", "solution_used_fraction",
    } <= figures.keys()  # fmt: skip
    assert all(type(value) is float for value in figures.values())
    json.dumps(agent.examples())
    described = agent.describe()
    json.dumps(described)
    assert (
        described.items()
        >= {"agent": "sdpo", "level": "logit", "teacher": "ema", "feedback": "without_solution"}.items()
    )
    network = make(fresh(), teacher="trust_region", **PLAIN).update(batch(policy))
    assert network["tokens_teacher"] == 2 * figures["tokens_teacher"]


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("level", "tokens"),
        ("support", "teacher"),
        ("alpha", 1.5),
        ("top_k", -1),
        ("is_clip", -1.0),
        ("advantage_clip", 0.0),
        ("lam", 1.1),
        ("feedback", "sometimes"),
        ("demonstration", "best"),
        ("reprompt_budget", -5),
    ],
)
def test_values_are_checked(pristine, option, value):
    with pytest.raises(UsageError, match=f"option '?{option}'? must be .*got {value!r}"):
        make(pristine, **PLAIN, **{option: value})


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"solutions": False, "feedback": "never"}, "told nothing"),
        ({"group_size": 1, "feedback": "never"}, "n >= 2"),
        ({"group_size": 1, "lam": 0.5}, "n >= 2"),
        ({"lam": 0.5, "srpo": True}, "set one"),
        ({"advantage_clip": 5.0}, "set alpha to 1"),
        ({"teacher": "student"}, "unknown teacher 'student'"),
        ({"teacher_rate": 1.5}, r"rate must lie in \[0, 1\]"),
        ({"feedback_template": "no body"}, "must hold {body}"),
    ],
)
def test_what_cannot_work_is_refused(pristine, options, message):
    with pytest.raises(UsageError, match=message):
        make(pristine, **PLAIN, **options)


def test_groups_of_one_learn_from_feedback(fresh):
    policy = fresh()
    agent = make(policy, group_size=1, **PLAIN)
    assert agent.update([group(policy, "a", ("print(3)", 0.0))])["steps"] == 1


def test_a_budget_smaller_than_the_frame_is_one_line(fresh):
    policy = fresh()
    with pytest.raises(UsageError, match="smaller than the frame"):
        make(policy, reprompt_budget=3, **PLAIN).update(two_wrong(policy))


@pytest.mark.parametrize("options", [{}, {"srpo": True}, {"lam": 0.5}, {"level": "sequence"}, {"mini_batch": 1}])
def test_identical_attempts_are_computed_once_and_count_as_often_as_they_are(fresh, monkeypatch, options):
    answers = [("print(3)", 0.0), ("x", 1.0), ("print(3)", 0.0), ("print(3)", 0.0), ("y = 4", 0.0), ("y = 4", 0.0)]
    results = []
    for once in (True, False):
        policy = fresh()
        groups = [group(policy, name, *answers, feedback="wrong") for name in "ab"]
        agent = make(policy, grad_clip=0.0, **PLAIN, **options)
        descend(agent)
        if not once:
            counter = iter(range(1000))
            monkeypatch.setattr("sdpo_baselines.learner.identity", lambda sample, apart, counter=counter: next(counter))
        figures = agent.update(groups)
        results.append((weights(policy), figures, [e["advantage"] for e in agent.examples()]))
    (merged, figures, advantages), (apart, others, of_each) = results
    for name in merged:
        torch.testing.assert_close(merged[name], apart[name], atol=1e-6, rtol=1e-5)
    for name in ("loss", "teacher_gap", "entropy", "advantage_abs"):
        assert figures[name] == pytest.approx(others[name], rel=1e-4, abs=1e-6), name
    assert figures["tokens_student"] < 0.7 * others["tokens_student"]
    assert figures["tokens_teacher"] < 0.7 * others["tokens_teacher"]
    assert [a is None for a in advantages] == [a is None for a in of_each]
