from __future__ import annotations

import inspect
import json
from dataclasses import replace

import pytest
import torch

from baselines.batches import batch, group, weights
from sdpo_baselines import grpo
from sdpo_baselines.forward import hidden_states, output_head
from sdpo_baselines.grpo import advantages_of, make
from sdpo_baselines.samples import make_samples
from sdpo_gym.errors import UsageError

PLAIN = {"seed": 0, "temperature": 1.0, "warmup_steps": 0, "weight_decay": 0.0, "learning_rate": 1e-3}


@pytest.fixture(autouse=True)
def _one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def logprob(policy, groups, index: int, attempt: int, temperature: float = 1.0) -> float:
    completion = groups[index].attempts[attempt].turns[-1].completion
    row = (completion.prompt_token_ids, completion.token_ids)
    with torch.no_grad():
        logs = (hidden_states(policy.model, [row]) @ output_head(policy.model).t() / temperature).log_softmax(-1)
    return float(logs.gather(-1, torch.tensor(row[1])[:, None]).sum())


def test_a_rewarded_answer_becomes_likelier_and_its_siblings_less_likely(fresh):
    policy = fresh()
    groups = [group(policy, "a", ("print(3)", 1.0), ("return 4", 0.0), ("x = int()", 0.0))]
    agent = make(policy, **PLAIN)
    before = [logprob(policy, groups, 0, i) for i in range(3)]
    figures = agent.update(groups)
    after = [logprob(policy, groups, 0, i) for i in range(3)]
    assert after[0] > before[0] + 0.05
    assert after[1] + after[2] < before[1] + before[2] - 0.05
    assert figures["steps"] == 1
    assert figures["advantage_abs"] == pytest.approx((2 / 3 + 1 / 3 + 1 / 3) / 3)
    assert figures["success_fraction"] == pytest.approx(1 / 3)


def test_the_gradient_is_that_of_the_policy_gradient_over_all_valid_tokens(fresh):
    policy, plain = fresh(), fresh()
    # the second task teaches nothing, but its tokens count; the fourth attempt was not judged, so its do not
    groups = [
        group(policy, "a", ("print(3)", 1.0), ("return 4", 0.0), ("x", 0.0), ("y = 3", None)),
        group(policy, "b", ("longer than the others", 0.0), ("z", 0.0)),
    ]
    agent = make(policy, **{**PLAIN, "temperature": 0.7}, grad_clip=0.0)
    agent.learner._optimizer = torch.optim.SGD(agent.learner.parameters, lr=0.1)
    agent.learner.settings.__dict__["learning_rate"] = 0.1
    agent.update(groups)

    attempts = [(a.turns[-1].completion, a.verdict) for g in groups for a in g.attempts]
    tokens = sum(len(c.token_ids) for c, verdict in attempts if verdict)
    loss = 0.0
    for (completion, _), advantage in zip(attempts[:3], (2 / 3, -1 / 3, -1 / 3), strict=True):
        row = (completion.prompt_token_ids, completion.token_ids)
        logits = hidden_states(plain.model, [row]) @ output_head(plain.model).t() / 0.7
        loss = loss - advantage * logits.log_softmax(-1).gather(-1, torch.tensor(row[1])[:, None]).sum() / tokens
    loss.backward()
    for new, old in zip(policy.model.parameters(), plain.model.parameters(), strict=True):
        torch.testing.assert_close(new, old - 0.1 * old.grad, atol=1e-6, rtol=1e-4)


def test_on_policy_the_ratio_is_1_whatever_the_rollout_says(fresh):
    results = []
    for logprobs in (0.0, -9.0):
        policy = fresh()
        groups = [
            group(policy, "a", ("ab", 1.0), ("cd", 0.0), logprobs=None),
            group(policy, "b", ("ab", 1.0), ("cd", 0.0), logprobs=None),
        ]
        groups = [with_logprobs(g, logprobs) for g in groups]
        figures = make(policy, **PLAIN).update(groups)
        assert figures["clip_fraction"] == 0
        results.append(weights(policy))
    for name in results[0]:
        assert torch.equal(results[0][name], results[1][name])


def with_logprobs(whole, value):
    attempts = []
    for one in whole.attempts:
        turn = one.turns[-1]
        logs = None if value is None else (value,) * len(turn.completion.token_ids)
        attempts.append(replace(one, turns=(replace(turn, completion=replace(turn.completion, logprobs=logs)),)))
    return replace(whole, attempts=tuple(attempts))


def test_off_policy_the_ratio_is_to_the_rollout_and_is_clipped(fresh):
    def trained(value, **options):
        policy = fresh()
        groups = [with_logprobs(group(policy, name, ("ab", 1.0), ("cd", 0.0)), value) for name in "ab"]
        figures = make(policy, mini_batch=1, **PLAIN, **options).update(groups)
        return figures, weights(policy)

    figures, clipped = trained(-30.0)  # far likelier now than then: positive advantages are at their bound
    assert 0.3 < figures["clip_fraction"] < 0.7
    assert figures["steps"] == 2
    _, computed = trained(None)  # unknown: as they are before the first step
    own, known = fresh(), None
    groups = [group(own, name, ("ab", 1.0), ("cd", 0.0)) for name in "ab"]
    known = make(own, **PLAIN).learner.old_logprobs(make_samples(groups, own, None, None), afresh=True)
    assert float(known[0, 0].sum()) == pytest.approx(logprob(own, groups, 0, 0), abs=1e-4)
    assert not all(torch.equal(clipped[name], computed[name]) for name in clipped)
    # with a correction for the sampler the ratio is this model's own, and the sampler's enters a weight
    _, corrected = trained(-30.0, tis_clip=1.0)
    for name in corrected:
        torch.testing.assert_close(corrected[name], computed[name])


def test_errored_attempts_and_equal_rewards_change_nothing(fresh):
    policy = fresh()
    agent = make(policy, **PLAIN)
    before = weights(policy)
    figures = agent.update(
        [group(policy, "a", ("ab", None), ("cd", None)), group(policy, "b", ("ab", 1.0), ("cd", None))]
    )
    assert figures["errored_fraction"] == 0.75
    assert (figures["steps"], figures["tokens_student"]) == (0, 0)
    figures = agent.update([group(policy, "a", ("ab", 0.0), ("cd", 0.0)), group(policy, "b", ("a", 1.0), ("b", 1.0))])
    assert (figures["steps"], figures["tokens_student"], figures["advantage_abs"]) == (0, 0, 0)
    assert "loss" not in figures
    assert all(torch.equal(tensor, before[name]) for name, tensor in weights(policy).items())


def test_an_errored_attempt_beside_others_changes_nothing(fresh):
    results = []
    for more in ((), (("an answer that nobody judged", None),)):
        policy = fresh()
        make(policy, **PLAIN).update([group(policy, "a", ("ab", 1.0), ("cd", 0.0), *more)])
        results.append(weights(policy))
    for name in results[0]:
        torch.testing.assert_close(results[0][name], results[1][name], atol=1e-7, rtol=0)


def test_only_what_has_an_advantage_is_computed(fresh):
    policy = fresh()
    groups = [group(policy, "a", ("ab", 1.0), ("cd", 0.0)), group(policy, "b", ("a longer answer", 0.0), ("c", 0.0))]
    figures = make(policy, **PLAIN).update(groups)
    first = [a.turns[-1].completion for a in groups[0].attempts]
    assert figures["tokens_student"] == sum(len(c.prompt_token_ids) + len(c.token_ids) - 1 for c in first)


def test_by_std(fresh):
    policy = fresh()
    samples = make_samples([group(policy, "a", ("a", 1.0), ("b", 0.0), ("c", 0.0), ("d", None))], policy, None, None)
    assert advantages_of(samples) == pytest.approx({(0, 0): 2 / 3, (0, 1): -1 / 3, (0, 2): -1 / 3})
    std = (1 / 3) ** 0.5
    assert advantages_of(samples, by_std=True) == pytest.approx(
        {(0, 0): 2 / 3 / std, (0, 1): -1 / 3 / std, (0, 2): -1 / 3 / std}, rel=1e-4
    )


def test_a_penalty_draws_back_to_the_initial_policy(fresh):
    def leaves(kl: float) -> float:
        policy = fresh()
        groups = [group(policy, "a", ("ab", 1.0), ("cd", 0.0))]
        agent = make(policy, kl=kl, **PLAIN)
        before = logprob(policy, groups, 0, 0)
        for _ in range(6):
            figures = agent.update(groups)
        assert ("tokens_teacher" in figures) == (kl > 0)
        return logprob(policy, groups, 0, 0) - before

    assert leaves(20.0) < leaves(0.0) / 2


def test_a_dense_scalar_may_be_the_reward(fresh):
    policy = fresh()
    whole = group(policy, "a", ("print(3)", 0.0), ("return 4", 0.0))
    first = group(policy, "a", ("print(3)", 0.0), share=0.75).attempts[0]
    groups = [type(whole)(whole.task, (first, whole.attempts[1]))]
    agent = make(policy, reward="share", **PLAIN)
    before = logprob(policy, groups, 0, 0)
    figures = agent.update(groups)
    assert figures["advantage_abs"] == pytest.approx(0.375)
    assert figures["success_fraction"] == 0
    assert logprob(policy, groups, 0, 0) > before
    assert [e["reward"] for e in agent.examples()] == [0.75, 0.0]
    with pytest.raises(UsageError, match="no score 'shore'; did you mean 'share'"):
        make(policy, reward="shore", **PLAIN).update(groups)


def test_figures_examples_and_description(fresh):
    policy = fresh()
    groups = batch(policy)
    agent = make(policy, mini_batch=2, **PLAIN)
    figures = agent.update(groups)
    assert {
        "loss", "grad_norm", "lr", "steps", "skipped_steps", "entropy", "tokens_student", "flops_student",
        "seconds_student", "seconds_optimizer", "advantage_abs", "clip_fraction", "length_mean", "errored_fraction",
    } <= figures.keys()  # fmt: skip
    assert not {"teacher_gap", "tokens_teacher", "rehearsal_loss"} & figures.keys()
    assert all(type(value) is float for value in figures.values())
    assert 0 < figures["entropy"] < 6
    examples = agent.examples()
    json.dumps(examples)
    assert [(e["task_id"], e["attempt"]) for e in examples] == [
        (g.task.id, a.index) for g in groups for a in g.attempts
    ]
    assert examples[4]["advantage"] is None  # not judged
    assert examples[0]["teacher_prompt"] is None
    json.dumps(agent.describe())
    assert agent.describe().items() >= {"agent": "grpo", "mini_batch": 2, "clip_high": 0.28, "temperature": 1.0}.items()
    assert agent.teaching() is None


@pytest.mark.parametrize(
    ("option", "value"), [("clip_low", 1.0), ("clip_high", -0.1), ("dual_clip", 1.0), ("kl", -1.0), ("tis_clip", -2.0)]
)
def test_values_are_checked(pristine, option, value):
    with pytest.raises(UsageError, match=f"option '{option}' must be .*got {value}"):
        make(pristine, **PLAIN, **{option: value})


def test_groups_of_one_are_refused(pristine):
    with pytest.raises(UsageError, match="n >= 2"):
        make(pristine, group_size=1, **PLAIN)


def test_options_are_explicit():
    parameters = inspect.signature(grpo.make).parameters.values()
    assert {p.kind for p in parameters} == {inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY}
