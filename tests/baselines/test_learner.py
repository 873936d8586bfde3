from __future__ import annotations

import copy
import random
import resource

import pytest
import torch

from baselines.batches import Rows, batch, group, weights
from sdpo_baselines import grpo, sdpo
from sdpo_baselines.forward import hidden_states, output_head
from sdpo_baselines.learner import Learner, count, shares
from sdpo_baselines.samples import Sample
from sdpo_baselines.settings import Settings
from sdpo_baselines.test_time import TestTimeSDPO
from sdpo_gym.errors import UsageError
from sdpo_gym.policies.transformers import make
from sdpo_gym.training.checkpoints import Checkpoints

SETTINGS = {
    "learning_rate": 1e-2,
    "warmup_steps": 0,
    "weight_decay": 0.0,
    "betas": [0.9, 0.99],
    "grad_clip": 1.0,
    "mini_batch": 0,
    "micro_batch_tokens": 100_000,
    "aggregation": "token_mean",
    "rehearsal_weight": 0.1,
    "rehearsal_batch": 4,
}
FAST = {"learning_rate": 1e-2, "warmup_steps": 3, "rehearsal_batch": 4}


@pytest.fixture(autouse=True)
def _one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture
def policy(fresh):
    return fresh()


def same(left: dict, right: dict) -> bool:
    return left.keys() == right.keys() and all(torch.equal(left[name], right[name]) for name in left)


def learner(policy, rehearsal=None, **settings) -> Learner:
    return Learner(policy, Settings(**(SETTINGS | settings)), seed=0, temperature=1.0, rehearsal=rehearsal)


def sample(group: int, length: int, attempt: int = 0) -> Sample:
    return Sample(group, attempt, (5, 6), (7,) * length, None, 1.0, True)


def test_shares_are_those_of_the_whole_mini_batch():
    samples = [sample(0, 1), sample(0, 3), sample(1, 2)]
    assert [count(samples, how) for how in ("token_mean", "seq_mean_token_mean", "seq_mean_token_sum")] == [6, 3, 3]
    for how, expected in {
        "token_mean": [1 / 6] * 6,
        "seq_mean_token_mean": [1 / 3, 1 / 9, 1 / 9, 1 / 9, 1 / 6, 1 / 6],
        "seq_mean_token_sum": [1 / 3] * 6,
    }.items():
        in_parts = torch.cat([shares(part, how, count(samples, how)) for part in (samples[:1], samples[1:])])
        assert in_parts.tolist() == pytest.approx(expected)
    assert count([], "token_mean") == 1.0


def test_mini_batches_are_whole_tasks_in_random_order(policy):
    samples = [sample(group, 2, attempt) for group in range(6) for attempt in range(3)]
    assert learner(policy).mini_batches(samples) == [samples]
    assert learner(policy, mini_batch=6).mini_batches(samples) == [samples]
    cut = learner(policy, mini_batch=4).mini_batches(samples)
    assert [len(part) for part in cut] == [12, 6]
    assert sorted((s.group, s.attempt) for part in cut for s in part) == [(g, a) for g in range(6) for a in range(3)]
    assert not {s.group for s in cut[0]} & {s.group for s in cut[1]}
    drawing = learner(policy, mini_batch=1)
    orders = {tuple(part[0].group for part in drawing.mini_batches(samples)) for _ in range(5)}
    assert len(orders) > 1


def push(made: Learner, rows=(((5, 6), (7, 8)),), factor: float = 1.0) -> bool:
    with made.student(rows) as (states, head):
        loss = (states @ head.t()).log_softmax(-1)[0, 7] * factor
    made.backward(loss)
    return made.step()


def test_a_step_is_that_of_adamw_with_clipping_and_warm_up(policy):
    made = learner(policy, warmup_steps=4, grad_clip=0.5, weight_decay=0.1, betas=[0.8, 0.9])
    model = copy.deepcopy(policy.model)
    plain = torch.optim.AdamW(model.parameters(), lr=1e-2, betas=(0.8, 0.9), weight_decay=0.1)
    for step in range(5):
        push(made)
        (hidden_states(model, [((5, 6), (7, 8))]) @ output_head(model).t()).log_softmax(-1)[0, 7].backward()
        norm = torch.nn.utils.clip_grad_norm_(model.parameters(), 0.5)
        plain.param_groups[0]["lr"] = rate = 1e-2 * min(1, (step + 1) / 4)
        plain.step()
        plain.zero_grad()
        figures = made.figures()
        assert figures["lr"] == pytest.approx(rate)
        assert figures["grad_norm"] == pytest.approx(float(norm), rel=1e-4)
    for name, tensor in model.state_dict().items():
        torch.testing.assert_close(policy.model.state_dict()[name], tensor, atol=2e-5, rtol=1e-4)


def test_without_a_bound_the_gradient_keeps_its_size(policy):
    made = learner(policy, grad_clip=0.0)
    push(made, factor=1000.0)
    assert made.figures()["grad_norm"] > 100


def test_a_gradient_that_is_not_finite_makes_no_step(policy):
    made = learner(policy, warmup_steps=10)
    before = weights(policy)
    assert not push(made, factor=float("nan"))
    assert same(before, weights(policy))
    figures = made.figures()
    assert (figures["steps"], figures["skipped_steps"], made.steps) == (0, 1, 0)
    assert push(made)  # and nothing of it is left
    figures = made.figures()
    assert (figures["steps"], figures["skipped_steps"], figures["lr"]) == (1, 0, pytest.approx(1e-3))
    assert all(tensor.isfinite().all() for tensor in weights(policy).values())


def test_rehearsal_is_cross_entropy_per_token(policy):
    rows = Rows()
    made = learner(policy, rows, micro_batch_tokens=12, grad_clip=0.0)
    drawn = Rows().draw(random.Random(0), 4)
    with torch.no_grad():
        logs = (hidden_states(policy.model, drawn) @ output_head(policy.model).t()).log_softmax(-1)
    expected = -logs.gather(-1, torch.tensor([t for _, answer in drawn for t in answer])[:, None]).mean()
    assert made.step()
    assert made.figures()["rehearsal_loss"] == pytest.approx(float(expected), rel=1e-4)
    assert rows.drawn == 4
    losses = []
    for _ in range(30):
        made.step()
        losses.append(made.figures()["rehearsal_loss"])
    assert sum(losses[-5:]) < sum(losses[:5])  # the rows' two fixed tokens are learned


@pytest.mark.parametrize("off", [{"rehearsal_weight": 0.0}, {"rehearsal_batch": 0}])
def test_rehearsal_can_be_off(policy, off):
    rows = Rows()
    made = learner(policy, rows, **off)
    push(made)
    assert rows.drawn == 0
    assert "rehearsal_loss" not in made.figures()


def test_work_is_counted(policy):
    made = learner(policy)
    model = policy.model
    embeddings = 320 * 64  # tied, so they multiply
    layer = 64 * 64 * 2 + 64 * 32 * 2 + 3 * 64 * 128
    parameters = 2 * layer + embeddings
    assert sum(p.numel() for p in model.parameters() if p.dim() == 2) == parameters
    push(made, [((5, 6), (7, 8)), ((5, 6, 7), (8,))])
    with made.teacher([((5,) * 9, (7, 8))], networks=2):
        pass
    figures = made.figures()
    assert figures["tokens_student"] == 6
    assert figures["flops_student"] == 6 * parameters * 6
    assert figures["tokens_teacher"] == 20
    assert figures["flops_teacher"] == 2 * parameters * 20
    assert figures["seconds_student"] > 0
    assert figures["seconds_optimizer"] > 0
    assert made.figures()["tokens_student"] == 0  # begun anew


@pytest.mark.parametrize("agent", [grpo, sdpo], ids=["grpo", "sdpo"])
@pytest.mark.parametrize(
    "options", [{}, {"mini_batch": 2}, {"aggregation": "seq_mean_token_mean"}], ids=["one step", "two steps", "by row"]
)
def test_how_a_batch_is_cut_into_micro_batches_changes_nothing(fresh, agent, options):
    results = []
    for budget in (64, 100_000):
        policy = fresh()
        made = agent.make(
            policy, seed=1, temperature=1.0, rehearsal=Rows(), micro_batch_tokens=budget, learning_rate=1e-3, **options
        )
        # AdamW's first steps are signs of gradients, which turn on rounding where a gradient is 0: plain descent.
        made.learner._optimizer = torch.optim.SGD(made.learner.parameters, lr=1e-3)
        figures = made.update(batch(policy))
        results.append((weights(policy), figures))
    (left, figures), (right, others) = results
    assert not same(left, weights(fresh()))
    for name in left:
        torch.testing.assert_close(left[name], right[name], atol=1e-6, rtol=0)
    for name in (
        "loss",
        "grad_norm",
        "entropy",
        "rehearsal_loss",
        "tokens_student",
        "advantage_abs",
        "reprompt_fraction",
    ):
        assert figures[name] == pytest.approx(others[name], rel=1e-4, abs=1e-6), name


VARIANTS = {
    "grpo": (grpo, {"mini_batch": 2}),
    "grpo with a penalty": (grpo, {"kl": 0.1}),
    "ema": (sdpo, {"mini_batch": 2}),
    "ema by step": (sdpo, {"mini_batch": 2, "teacher_every": "step", "teacher_rate": 0.2}),
    "trust region": (sdpo, {"teacher": "trust_region"}),
}


@pytest.mark.parametrize("variant", VARIANTS)
def test_a_resumed_run_equals_an_uninterrupted_one_bit_for_bit(fresh, pristine, tmp_path, variant):
    module, options = VARIANTS[variant]
    batches = [batch(pristine, seed) for seed in range(4)]

    def agent():
        policy = fresh()
        return module.make(policy, seed=3, temperature=1.0, rehearsal=Rows(), **FAST, **options)

    through, first = agent(), agent()
    for groups in batches:
        through.update(groups)
    for groups in batches[:2]:
        first.update(groups)
    first.save(tmp_path)
    resumed = agent()
    resumed.learner.rng.seed(99)
    resumed.load(tmp_path)
    assert same(weights(resumed.policy), weights(first.policy))
    for groups in batches[2:]:
        resumed.update(groups)
    assert same(weights(resumed.policy), weights(through.policy))
    assert not same(weights(resumed.policy), weights(first.policy))
    if module is sdpo:
        kept = [made.teacher.state_dict()["weights"] for made in (resumed, through)]
        assert same(*kept)
        assert not same(kept[0], weights(through.policy))
    assert resumed.learner.rng.random() == through.learner.rng.random()


@pytest.mark.parametrize("bound", [200_000, 700_000])
def test_a_disk_that_is_full_is_said_in_one_line(policy, tmp_path, bound):
    agent = sdpo.make(policy, seed=0, temperature=1.0)
    agent.update(batch(policy, tasks=1, n=2))  # so that there is more to save than weights
    checkpoints = Checkpoints(tmp_path / "checkpoints")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (bound, hard))  # like a disk that holds no more: the weights, the rest
    try:
        with pytest.raises(UsageError, match=r"cannot write .*step-000003: .*checkpoints before it are kept") as error:
            checkpoints.save(3, {}, agent.save)
        with pytest.raises(UsageError, match=r"cannot be kept in .*TMPDIR") as of_search:
            TestTimeSDPO(policy, agent, 2, 0, 1)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert "\n" not in str(error.value) + str(of_search.value)
    assert not list((tmp_path / "checkpoints").iterdir())


def test_what_cannot_be_resumed_is_refused(policy, fresh, tmp_path):
    made = sdpo.make(policy, seed=0, temperature=1.0)
    made.save(tmp_path)
    with pytest.raises(UsageError, match="kind 'ema', this run one of 'live'"):
        sdpo.make(fresh(), seed=0, temperature=1.0, teacher="live").load(tmp_path)
    with pytest.raises(UsageError, match="no initial policy"):
        grpo.make(fresh(), seed=0, temperature=1.0, kl=0.1).load(tmp_path)
    (tmp_path / "agent.pt").write_bytes((tmp_path / "agent.pt").read_bytes()[:1000])
    with pytest.raises(UsageError, match="cannot be read"):
        sdpo.make(fresh(), seed=0, temperature=1.0).load(tmp_path)
    empty = tmp_path / "grpo"
    empty.mkdir()
    grpo.make(fresh(), seed=0, temperature=1.0).save(empty)
    with pytest.raises(UsageError, match="no teacher in it"):
        sdpo.make(fresh(), seed=0, temperature=1.0).load(empty)


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("learning_rate", 0.0),
        ("learning_rate", float("nan")),
        ("warmup_steps", -1),
        ("betas", 0.9),
        ("betas", [0.9]),
        ("betas", [0.9, 1.0]),
        ("betas", ["a", "b"]),
        ("mini_batch", -1),
        ("micro_batch_tokens", 0),
        ("aggregation", "mean"),
        ("rehearsal_weight", -0.1),
    ],
)
def test_values_are_checked(policy, option, value):
    for module in (grpo, sdpo):
        with pytest.raises(UsageError, match=f"option '{option}' must be .*got"):
            module.make(policy, seed=0, temperature=1.0, **{option: value})


def test_temperature_0_is_refused(policy):
    with pytest.raises(UsageError, match="'temperature' must be above 0"):
        grpo.make(policy, seed=0, temperature=0.0)


def test_a_model_with_nothing_to_train_is_refused(policy):
    policy.model.requires_grad_(False)
    with pytest.raises(UsageError, match="no trainable parameter"):
        grpo.make(policy, seed=0, temperature=1.0)


def test_bfloat16_weights_are_trained_in_float32(llama_directory):
    policy = make(str(llama_directory), device="cpu", dtype="bfloat16")
    made = sdpo.make(policy, seed=0, temperature=1.0, learning_rate=1e-6, warmup_steps=0, weight_decay=0.0)
    assert {p.dtype for p in policy.model.parameters()} == {torch.float32}
    assert made.describe()["compute_dtype"] == policy.describe()["dtype"] == "bfloat16"
    before = weights(policy)
    figures = made.update([group(policy, "a", ("x = 1", 0.0), ("y", 0.0))])
    assert figures["steps"] == 1
    after = weights(policy)
    moved = torch.cat([(after[name] - before[name]).flatten() for name in before])
    assert (moved != 0).float().mean() > 0.5  # a bfloat16 weight of 0.2 would need a step of 1e-3
    assert moved.abs().max() < 2e-6


def test_a_step_is_computed_with_dropout_off_and_leaves_the_model_as_it_was(policy):
    for layer in policy.model.get_decoder().layers:
        layer.self_attn.attention_dropout = 0.5
    groups = batch(policy)
    again = copy.deepcopy(policy)
    figures = [sdpo.make(another, seed=0, temperature=1.0).update(groups)["loss"] for another in (policy, again)]
    assert figures[0] == figures[1]
    assert not policy.model.training


@pytest.mark.parametrize("agent", [grpo, sdpo], ids=["grpo", "sdpo"])
def test_where_memory_runs_out_the_knob_is_named(policy, agent):
    def full(*_) -> None:
        raise torch.cuda.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 GiB")

    made = agent.make(policy, seed=0, temperature=1.0)
    policy.model.get_decoder().register_forward_pre_hook(full)
    with pytest.raises(UsageError, match=r"out of GPU memory: lower micro_batch_tokens \(now 16384\)"):
        made.update(batch(policy))
