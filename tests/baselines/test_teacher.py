from __future__ import annotations

import copy
from contextlib import contextmanager
from pathlib import Path

import pytest
import torch
from transformers import AutoModelForCausalLM

from policies.tiny_llama import make_tiny_llama
from sdpo_baselines.forward import hidden_states, output_head
from sdpo_baselines.losses import weighted_distillation_sum
from sdpo_baselines.teacher import Every, Teacher, TeacherKind
from sdpo_gym.errors import UsageError

ROWS = [((5, 6, 7), (8, 9)), ((11,), (12, 13, 14))]
HELP = [((40, 41, 5, 6, 7), (8, 9)), ((42, 11), (12, 13, 14))]
TOKENS = torch.tensor([8, 9, 12, 13, 14])


@pytest.fixture(autouse=True)
def _one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_tiny_llama(tmp_path_factory.mktemp("model"))


@pytest.fixture
def model(directory: Path):
    model = AutoModelForCausalLM.from_pretrained(directory).eval()
    model.get_decoder().register_buffer("statistics", torch.zeros(3))
    model.get_decoder().register_buffer("count", torch.tensor(0))
    model.get_decoder().register_buffer("scratch", torch.zeros(2), persistent=False)
    return model


class Adapted(torch.nn.Module):
    """What a peft model looks like from here: frozen weights, a trainable adapter, and a way to switch it off."""

    def __init__(self, base) -> None:
        super().__init__()
        self.base = base.requires_grad_(False)
        self.config = base.config
        size = base.config.hidden_size
        self.lora_a = torch.nn.Parameter(torch.randn(4, size) * 0.3)
        self.lora_b = torch.nn.Parameter(torch.randn(size, 4) * 0.3)
        self.on = True
        layer = base.get_decoder().layers[0].mlp
        layer.register_forward_hook(lambda _, args, out: out + args[0] @ self.lora_a.t() @ self.lora_b.t() * self.on)

    @contextmanager
    def disable_adapter(self):
        self.on = False
        try:
            yield
        finally:
            self.on = True

    def get_decoder(self):
        return self.base.get_decoder()

    def get_output_embeddings(self):
        return self.base.get_output_embeddings()


def logits(model, rows=HELP) -> torch.Tensor:
    with torch.no_grad():
        return hidden_states(model, rows) @ output_head(model).t()


def taught(teacher: Teacher, rows=HELP, **options) -> torch.Tensor:
    states, head = teacher.states(rows, **options)
    assert not states.requires_grad
    assert not head.requires_grad
    return states @ head.t()


def train(model, seed: int) -> None:
    """Something that changes weights and buffers as an optimizer step would."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.requires_grad:
                parameter += 0.02 * torch.randn(parameter.shape, generator=generator).to(parameter.dtype)
        for name, buffer in model.named_buffers():
            if name.endswith(("statistics", "count", "scratch")):
                buffer += seed + 1


def tensors(model) -> dict[str, torch.Tensor]:
    return {name: tensor.detach().clone() for name, tensor in model.state_dict(keep_vars=False).items()}


def bytes_held(teacher: Teacher) -> int:
    return sum(t.numel() * t.element_size() for t in teacher.state_dict()["weights"].values())


@pytest.mark.parametrize("kind", TeacherKind)
def test_every_teacher_starts_as_the_student(model, kind) -> None:
    torch.testing.assert_close(taught(Teacher(model, kind, rate=0.3)), logits(model), atol=1e-5, rtol=1e-5)


def test_frozen_stays_and_live_follows(model) -> None:
    frozen, live = Teacher(model, "frozen"), Teacher(model, "live")
    start = logits(model)
    for step in range(3):
        train(model, step)
        for teacher in (frozen, live):
            teacher.after_step()
            teacher.after_batch()
    torch.testing.assert_close(taught(frozen), start)
    torch.testing.assert_close(taught(live), logits(model))
    assert (logits(model) - start).abs().max() > 0.1
    assert bytes_held(live) == 0


def test_trust_region_mixes_the_logits_of_both_on_the_teachers_prompt(model) -> None:
    teacher = Teacher(model, "trust_region", rate=0.25)
    start = logits(model)
    train(model, 0)
    teacher.after_batch()
    torch.testing.assert_close(taught(teacher), torch.lerp(start, logits(model), 0.25), atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(taught(teacher, budget=6), taught(teacher), atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("every", Every)
def test_ema_is_the_average_by_hand(model, every) -> None:
    teacher = Teacher(model, "ema", rate=0.1, every=every)
    expected = tensors(model)
    for batch in range(3):
        for step in range(2):
            train(model, 2 * batch + step)
            teacher.after_step()
            if every is Every.STEP:
                expected = {name: 0.9 * expected[name] + 0.1 * t for name, t in tensors(model).items()}
        teacher.after_batch()
        if every is Every.BATCH:
            expected = {name: 0.9 * expected[name] + 0.1 * t for name, t in tensors(model).items()}
    expected["model.count"] = model.get_decoder().count  # a counter is no average
    weights = teacher.state_dict()["weights"]
    assert set(expected) - set(weights) == {"lm_head.weight"}  # tied: there once, and moved once
    assert "model.scratch" not in weights
    for name, tensor in weights.items():
        torch.testing.assert_close(tensor, expected[name], atol=1e-6, rtol=1e-5, msg=name)
        assert not tensor.requires_grad
    other = copy.deepcopy(model)
    other.load_state_dict({name: t for name, t in expected.items() if name != "lm_head.weight"}, strict=False)
    torch.testing.assert_close(taught(teacher), logits(other), atol=1e-4, rtol=1e-4)


def test_a_batch_without_a_step_moves_nothing(model) -> None:
    teacher = Teacher(model, "ema", rate=0.5, every="batch")
    train(model, 0)
    teacher.after_step()
    teacher.after_batch()
    before = taught(teacher)
    teacher.after_batch()  # every gradient was infinite
    torch.testing.assert_close(taught(teacher), before, atol=0, rtol=0)


def test_asking_a_teacher_leaves_the_student_alone(model) -> None:
    def gradient(ask) -> dict[str, torch.Tensor]:
        model.zero_grad()
        states = hidden_states(model, ROWS)
        teacher_states, head = ask()
        weighted_distillation_sum(
            states, output_head(model), teacher_states, head, TOKENS, torch.ones(5), alpha=1.0, top_k=5
        ).backward()
        return {name: p.grad.clone() for name, p in model.named_parameters()}

    for kind in ("ema", "frozen", "trust_region"):
        teacher = Teacher(model, kind, rate=0.5)
        train(model, 1)
        wanted_states, wanted_head = teacher.states(HELP)
        wanted_states, wanted_head = wanted_states.clone(), wanted_head.clone()
        before, places = tensors(model), [p.data_ptr() for p in model.parameters()]
        model.get_decoder().layers[0].train()
        wanted = gradient(lambda known=(wanted_states, wanted_head): known)
        got = gradient(lambda asked=teacher: asked.states(HELP))  # between the student's forward and its backward
        for name, expected in wanted.items():
            torch.testing.assert_close(got[name], expected, atol=0, rtol=0, msg=f"{kind} {name}")
        assert places == [p.data_ptr() for p in model.parameters()]
        assert all(torch.equal(before[name], tensor) for name, tensor in tensors(model).items())
        assert model.get_decoder().layers[0].training
        assert not model.training


@pytest.mark.parametrize("kind", TeacherKind)
def test_a_teacher_has_no_dropout(model, kind) -> None:
    for layer in model.get_decoder().layers:
        layer.self_attn.attention_dropout = 0.5
    sure = logits(model)
    model.train()
    assert (logits(model) - sure).abs().max() > 0.1
    torch.testing.assert_close(taught(Teacher(model, kind)), sure, atol=1e-5, rtol=1e-5)


def test_weights_return_if_the_forward_fails(model) -> None:
    teacher = Teacher(model, "ema", rate=0.5)
    train(model, 0)
    before = tensors(model)
    with pytest.raises(ValueError, match="at least one token"):
        teacher.states([((), (1,))])
    with pytest.raises(IndexError):
        teacher.states([((10**6,), (1,))])
    assert all(torch.equal(before[name], tensor) for name, tensor in tensors(model).items())


def test_autocast_confuses_no_weights(model) -> None:
    """It keeps casts of weights: those of the teacher must not serve the student, nor lack a gradient."""
    for kind in ("ema", "live"):
        teacher = Teacher(model, kind, rate=0.5)
        train(model, 0)
        with torch.autocast("cpu", torch.bfloat16):
            alone = hidden_states(model, ROWS)
        with torch.autocast("cpu", torch.bfloat16):
            asked_first = taught(teacher)
        with torch.autocast("cpu", torch.bfloat16):
            before = taught(teacher)
            states = hidden_states(model, ROWS)
            after = taught(teacher)
        torch.testing.assert_close(states, alone, atol=0, rtol=0)
        torch.testing.assert_close(before, asked_first, atol=0, rtol=0)
        torch.testing.assert_close(after, asked_first, atol=0, rtol=0)
        model.zero_grad()
        states.float().sum().backward()
        assert all(p.grad is not None for p in model.parameters())


@pytest.mark.parametrize("kind", TeacherKind)
def test_a_teacher_survives_resume(model, kind, tmp_path) -> None:
    teacher = Teacher(model, kind, rate=0.1, every="batch")
    train(model, 0)
    teacher.after_step()
    teacher.after_batch()
    train(model, 1)
    teacher.after_step()  # in the middle of a batch
    torch.save({"teacher": teacher.state_dict(), "model": tensors(model)}, tmp_path / "checkpoint.pt")

    saved = torch.load(tmp_path / "checkpoint.pt", weights_only=True)
    resumed_model = copy.deepcopy(model)
    for parameter in resumed_model.parameters():
        parameter.data.zero_()
    resumed_model.load_state_dict(saved["model"])
    resumed = Teacher(resumed_model, kind, rate=0.1, every="batch")
    resumed.load_state_dict(saved["teacher"])
    for step in (2, 3):
        torch.testing.assert_close(taught(resumed), taught(teacher), atol=0, rtol=0)
        for a_model, a_teacher in ((model, teacher), (resumed_model, resumed)):
            a_teacher.after_batch()
            train(a_model, step)
            a_teacher.after_step()
    torch.testing.assert_close(taught(resumed), taught(teacher), atol=0, rtol=0)


@pytest.mark.slow
def test_bfloat16_does_not_swallow_small_steps(model) -> None:
    model = model.to(torch.bfloat16)
    teacher = Teacher(model, "ema", rate=0.001, every="step")
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.fill_(1.0)
    for _ in range(3000):  # each moves by less than bfloat16 can tell apart
        teacher.after_step()
    weights = teacher.state_dict()["weights"]
    assert {t.dtype for t in weights.values()} == {torch.float32, torch.int64}
    norm = weights["model.norm.weight"]
    torch.testing.assert_close(norm, torch.ones_like(norm), atol=0.06, rtol=0)
    down = weights["model.layers.0.mlp.down_proj.weight"]
    torch.testing.assert_close(down, torch.ones_like(down), atol=0.12, rtol=0)
    states, head = teacher.states(HELP)
    assert states.dtype == head.dtype == torch.bfloat16
    assert (head.float() - weights["model.embed_tokens.weight"]).abs().max() <= 2**-8


def test_with_an_adapter_only_the_adapter_is_kept(model) -> None:
    torch.manual_seed(0)
    bare = logits(copy.deepcopy(model))
    adapted = Adapted(model)
    start = logits(adapted)
    teachers = {kind: Teacher(adapted, kind, rate=0.25, every="step") for kind in TeacherKind}
    held = {kind.value: set(teacher.state_dict()["weights"]) for kind, teacher in teachers.items()}
    buffers = {"base.model.statistics", "base.model.count"}
    assert held == {"ema": {"lora_a", "lora_b"} | buffers, "frozen": set(), "trust_region": set(), "live": set()}

    torch.testing.assert_close(taught(teachers[TeacherKind.EMA]), start)  # not the base model, as from zero
    a, b = adapted.lora_a.detach().clone(), adapted.lora_b.detach().clone()
    train(adapted, 0)
    now = logits(adapted)
    for teacher in teachers.values():
        teacher.after_step()
    torch.testing.assert_close(taught(teachers[TeacherKind.FROZEN]), bare)
    torch.testing.assert_close(taught(teachers[TeacherKind.LIVE]), now)
    states, head = teachers[TeacherKind.TRUST_REGION].states(HELP)
    assert head.data_ptr() == output_head(adapted).data_ptr()  # one head for both: no second copy
    torch.testing.assert_close(states @ head.t(), torch.lerp(bare, now, 0.25), atol=1e-5, rtol=1e-5)

    got = taught(teachers[TeacherKind.EMA])
    with torch.no_grad():
        adapted.lora_a.copy_(0.75 * a + 0.25 * adapted.lora_a)
        adapted.lora_b.copy_(0.75 * b + 0.25 * adapted.lora_b)
    torch.testing.assert_close(got, logits(adapted), atol=1e-5, rtol=1e-5)


def test_bad_input(model) -> None:
    with pytest.raises(UsageError, match="unknown teacher 'mean': use one of ema, trust_region, frozen, live"):
        Teacher(model, "mean")
    with pytest.raises(UsageError, match="unknown teacher update 'epoch': use one of step, batch"):
        Teacher(model, "ema", every="epoch")
    with pytest.raises(UsageError, match=r"rate must lie in \[0, 1\], got 1.5"):
        Teacher(model, "ema", rate=1.5)
    state = Teacher(model, "ema").state_dict()
    with pytest.raises(UsageError, match="kind 'ema', this run one of 'frozen'"):
        Teacher(model, "frozen").load_state_dict(state)
    del state["weights"]["model.norm.weight"]
    with pytest.raises(UsageError, match="another model"):
        Teacher(model, "ema").load_state_dict(state)
    with pytest.raises(UsageError, match="no trainable parameter"):
        Teacher(model.requires_grad_(False), "ema")
