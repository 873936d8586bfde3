from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from sdpo_baselines.losses import (
    Aggregation,
    Support,
    chunked_distillation_loss,
    distillation_loss,
    importance_weights,
    sampled_token_loss,
    sequence_advantages,
    top1_token_loss,
)

ALPHAS = (0.0, 1.0, 0.5, 0.2)


def case(seed: int = 0, batch: int = 3, length: int = 5, vocab: int = 11, scale: float = 2.0, dtype=torch.float64):
    random = torch.Generator().manual_seed(seed)
    student, teacher = (
        scale * torch.randn(batch, length, vocab, generator=random, dtype=torch.float64) for _ in range(2)
    )
    tokens = torch.randint(vocab, (batch, length), generator=random)
    mask = (torch.rand(batch, length, generator=random) < 0.7).long()
    mask[0, 0] = 1
    return student.to(dtype).requires_grad_(), teacher.to(dtype), tokens, mask


def one(student: list[float], teacher: list[float], **options) -> torch.Tensor:
    """The loss at one position, from probabilities."""
    p, q = (torch.tensor([[x]], dtype=torch.float64).log() for x in (student, teacher))
    options = {"top_k": None, **options}
    return distillation_loss(p, q, torch.zeros(1, 1, dtype=torch.long), torch.ones(1, 1), **options)


P, Q = [0.7, 0.2, 0.1], [0.1, 0.6, 0.3]


def kl(p: list[float], q: list[float]) -> float:
    return sum(a * math.log(a / b) for a, b in zip(p, q, strict=True))


def test_alpha_chooses_the_direction() -> None:
    assert one(P, Q, alpha=0.0).item() == pytest.approx(kl(Q, P))
    assert one(P, Q, alpha=1.0).item() == pytest.approx(kl(P, Q))
    middle = [0.8 * p + 0.2 * q for p, q in zip(P, Q, strict=True)]
    assert one(P, Q, alpha=0.2).item() == pytest.approx(0.8 * kl(P, middle) + 0.2 * kl(Q, middle))
    assert one([1 - 1e-12, 1e-12], [1e-12, 1 - 1e-12], alpha=0.5).item() == pytest.approx(math.log(2), abs=1e-9)


def test_the_normaliser_makes_alpha_continuous() -> None:
    for end, towards in ((0.0, 1e-4), (1.0, 1 - 1e-4)):
        assert one(P, Q, alpha=towards, normalise=True).item() == pytest.approx(one(P, Q, alpha=end).item(), rel=1e-3)
        assert one(P, Q, alpha=towards).item() < 1e-3
    assert one(P, Q, alpha=0.5, normalise=True).item() == pytest.approx(4 * one(P, Q, alpha=0.5).item())


def test_buckets_of_the_students_top_tokens_and_the_rest() -> None:
    tail = one(P, Q, alpha=1.0, top_k=1).item()
    assert tail == pytest.approx(kl([0.7, 0.3], [0.1, 0.9]))
    renormalised = one(P, Q, alpha=1.0, top_k=2, tail=False).item()
    assert renormalised == pytest.approx(kl([0.7 / 0.9, 0.2 / 0.9], [0.1 / 0.7, 0.6 / 0.7]))
    # the union of {0} and {1} and the sampled token 0 leaves token 2 as the rest: all three have a bucket
    assert one(P, Q, alpha=1.0, top_k=1, support=Support.UNION).item() == pytest.approx(kl(P, Q))


def test_temperature_tempers_both() -> None:
    student, teacher, tokens, mask = case()
    cooled = distillation_loss(student, teacher, tokens, mask, alpha=1.0, top_k=4, temperature=0.5)
    doubled = distillation_loss(2 * student, 2 * teacher, tokens, mask, alpha=1.0, top_k=4)
    assert cooled.item() == pytest.approx(doubled.item())


def test_a_tail_of_a_billionth_is_exact() -> None:
    vocab, mass = 50_000, 1e-9
    logits = torch.full((1, 1, vocab), math.log(mass / (vocab - 1)))
    logits[..., 0] = math.log1p(-mass)
    teacher = torch.full((1, 1, vocab), math.log(1e-3 / (vocab - 1)))
    teacher[..., 0] = math.log1p(-1e-3)
    wanted = kl([1 - mass, mass], [1 - 1e-3, 1e-3])
    token, mask = torch.zeros(1, 1, dtype=torch.long), torch.ones(1, 1)
    assert distillation_loss(logits, teacher, token, mask, alpha=1.0, top_k=1).item() == pytest.approx(wanted, rel=1e-3)
    forward = distillation_loss(logits, teacher, token, mask, alpha=0.0, top_k=1).item()
    assert forward == pytest.approx(kl([1 - 1e-3, 1e-3], [1 - mass, mass]), rel=1e-3)


def test_the_union_lets_the_teacher_lift_its_own_token_where_the_student_is_sure() -> None:
    random = torch.Generator().manual_seed(1)
    student = torch.randn(1, 1, 1000, generator=random, dtype=torch.float64)
    teacher = torch.randn(1, 1, 1000, generator=random, dtype=torch.float64)
    student[..., 7] += 25
    wanted = int(student.argsort(descending=True)[0, 0, 500])
    teacher[..., wanted] += 25

    def norm(**options) -> float:
        z = student.clone().requires_grad_()
        loss = distillation_loss(z, teacher, torch.tensor([[7]]), torch.ones(1, 1), alpha=0.0, **options)
        loss.backward()
        return float(z.grad.norm()), float(-z.grad[0, 0, wanted])

    full, lifted = norm(top_k=None)
    assert full > 1
    assert norm(top_k=20, support=Support.UNION) == pytest.approx((full, lifted), rel=1e-3)
    assert norm(top_k=20, support=Support.STUDENT)[1] < lifted / 100  # lifted as part of the rest only


def test_the_weight_of_a_token_is_1_on_policy_and_cut_above() -> None:
    student, teacher, tokens, mask = case()
    logprobs = student.detach().log_softmax(-1).gather(-1, tokens[..., None]).squeeze(-1)
    options = {"alpha": 1.0, "top_k": 4, "is_clip": 2.0}
    plain = distillation_loss(student, teacher, tokens, mask, alpha=1.0, top_k=4)
    same = distillation_loss(student, teacher, tokens, mask, old_logprobs=logprobs, **options)
    assert same.item() == pytest.approx(plain.item(), rel=1e-12)
    halved = distillation_loss(student, teacher, tokens, mask, old_logprobs=logprobs + math.log(2), **options)
    assert halved.item() == pytest.approx(plain.item() / 2)
    cut = distillation_loss(student, teacher, tokens, mask, old_logprobs=logprobs - 5, **options)
    assert cut.item() == pytest.approx(plain.item() * 2)
    assert torch.isfinite(importance_weights(torch.tensor([0.0]), torch.tensor([-1e4]), 1e30)).all()


def head_and_hidden(seed: int, dtype: torch.dtype, vocab: int = 13):
    random = torch.Generator().manual_seed(seed)

    def draw(*shape: int) -> torch.Tensor:
        return torch.randn(*shape, generator=random, dtype=torch.float64).to(dtype)

    hidden, head = draw(3, 5, 6).requires_grad_(), draw(vocab, 6).requires_grad_()
    teacher_hidden, teacher_head = draw(3, 5, 4), draw(vocab, 4)
    tokens = torch.randint(vocab, (3, 5), generator=random)
    mask = (torch.rand(3, 5, generator=random) < 0.6).long()
    mask[0, 0] = 1
    return hidden, head, teacher_hidden, teacher_head, tokens, mask


@pytest.mark.parametrize(("dtype", "accuracy"), [(torch.float64, 1e-10), (torch.float32, 1e-5)])
@pytest.mark.parametrize("alpha", ALPHAS)
@pytest.mark.parametrize("support", Support)
@pytest.mark.parametrize(("top_k", "tail"), [(None, True), (4, True), (4, False), (12, True), (1, True)])
def test_the_chunked_loss_has_the_same_value_and_gradient(dtype, accuracy, alpha, support, top_k, tail) -> None:
    hidden, head, teacher_hidden, teacher_head, tokens, mask = head_and_hidden(3, dtype)
    old = torch.linspace(-4, -1, 15, dtype=dtype).reshape(3, 5)
    for aggregation in Aggregation:
        options = {
            "alpha": alpha, "top_k": top_k, "tail": tail, "support": support, "temperature": 0.7,
            "old_logprobs": old, "is_clip": 2.0, "normalise": True, "aggregation": aggregation,
        }  # fmt: skip
        plain = distillation_loss(hidden @ head.t(), teacher_hidden @ teacher_head.t(), tokens, mask, **options)
        wanted = torch.autograd.grad(3 * plain, (hidden, head))
        chunked = chunked_distillation_loss(
            hidden, head, teacher_hidden, teacher_head, tokens, mask, chunk=4, **options
        )
        found = torch.autograd.grad(3 * chunked, (hidden, head))
        assert chunked.item() == pytest.approx(plain.item(), rel=accuracy, abs=accuracy)
        for a, b in zip(found, wanted, strict=True):
            assert torch.allclose(a, b, rtol=accuracy, atol=accuracy)


@given(st.integers(0, 10_000), st.sampled_from(ALPHAS), st.sampled_from([1, 2, 20, 60]), st.booleans())
def test_extreme_logits_give_finite_values_and_gradients(seed: int, alpha: float, scale: int, tail: bool) -> None:
    student, teacher, tokens, mask = case(seed, scale=float(scale), dtype=torch.float32)
    for support in Support:
        student.grad = None
        loss = distillation_loss(student, teacher, tokens, mask, alpha=alpha, top_k=3, tail=tail, support=support)
        loss.backward()
        assert torch.isfinite(loss)
        assert loss > -1e-5
        assert torch.isfinite(student.grad).all()
        eye = torch.eye(11)
        hidden = student.detach().clone().requires_grad_()
        chunked = chunked_distillation_loss(
            hidden, eye, teacher, eye, tokens, mask, alpha=alpha, top_k=3, tail=tail, support=support
        )
        chunked.backward()
        assert chunked.item() == pytest.approx(loss.item(), rel=1e-4, abs=1e-5)
        assert torch.allclose(hidden.grad, student.grad, rtol=1e-3, atol=1e-5)


def test_clipped_advantages_of_a_hand_computed_case() -> None:
    # log(P / Q) is log 7 = 1.95, -log 3 = -1.10 and -log 3; a bound of 1 cuts all three, one of 1.5 the first alone
    for bound, ratios in ((1.0, (1.0, -1.0, -1.0)), (1.5, (1.5, -math.log(3), -math.log(3)))):
        mean = sum(p * r for p, r in zip(P, ratios, strict=True))
        wanted = [p * (r - mean) for p, r in zip(P, ratios, strict=True)]
        student = torch.tensor([[P]], dtype=torch.float64).log().requires_grad_()
        teacher = torch.tensor([[Q]], dtype=torch.float64).log()
        token, mask = torch.zeros(1, 1, dtype=torch.long), torch.ones(1, 1)
        loss = distillation_loss(student, teacher, token, mask, alpha=1.0, top_k=None, advantage_clip=bound)
        (gradient,) = torch.autograd.grad(loss, student)
        assert loss.item() == pytest.approx(mean)
        assert gradient.flatten().tolist() == pytest.approx(wanted)
        # the same by the definition: -sum of clipped advantages times the gradient of the probability
        probabilities = student.softmax(-1)
        (gradient,) = torch.autograd.grad((probabilities * torch.tensor(ratios, dtype=torch.float64)).sum(), student)
        assert gradient.flatten().tolist() == pytest.approx(wanted)

        (gradient,) = torch.autograd.grad(top1_token_loss(student, teacher, mask, advantage_clip=bound), student)
        credit = 0.7 * ratios[0]
        assert gradient.flatten().tolist() == pytest.approx([credit * 0.3, -credit * 0.2, -credit * 0.1])
        log_p, log_q = student.log_softmax(-1)[..., 1], teacher[..., 1]
        sampled = sampled_token_loss(log_p, log_q, mask, advantage_clip=bound)
        (gradient,) = torch.autograd.grad(sampled, student)
        assert gradient.flatten().tolist() == pytest.approx([-ratios[1] * 0.7, ratios[1] * 0.8, -ratios[1] * 0.1])


@pytest.mark.parametrize("support", Support)
@pytest.mark.parametrize(("top_k", "tail"), [(None, True), (4, True), (4, False)])
def test_clipped_advantages_are_alike_in_chunks_and_without_effect_where_none_is_so_large(support, top_k, tail) -> None:
    hidden, head, teacher_hidden, teacher_head, tokens, mask = head_and_hidden(3, torch.float64)
    old = torch.linspace(-4, -1, 15, dtype=torch.float64).reshape(3, 5)

    def both(clip: float | None) -> list[torch.Tensor]:
        options = {
            "alpha": 1.0, "top_k": top_k, "tail": tail, "support": support, "temperature": 0.7, "old_logprobs": old,
            "is_clip": 2.0, "advantage_clip": clip,
        }  # fmt: skip
        plain = distillation_loss(hidden @ head.t(), teacher_hidden @ teacher_head.t(), tokens, mask, **options)
        chunked = chunked_distillation_loss(
            hidden, head, teacher_hidden, teacher_head, tokens, mask, chunk=4, **options
        )
        found = [(loss, *torch.autograd.grad(3 * loss, (hidden, head))) for loss in (plain, chunked)]
        for a, b in zip(*found, strict=True):
            torch.testing.assert_close(a, b, rtol=1e-10, atol=1e-10)
        return found[0]

    unclipped = both(None)
    for a, b in zip(unclipped, both(1e3), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-10, atol=1e-10)
    assert not torch.allclose(both(0.5)[1], unclipped[1], rtol=0.1)


def test_what_the_mask_leaves_out_has_no_influence() -> None:
    student, teacher, tokens, mask = case()
    spoilt = student.detach().clone()
    spoilt[mask == 0] = float("nan")
    spoilt.requires_grad_()
    wanted = distillation_loss(student, teacher, tokens, mask, alpha=0.5, top_k=4)
    assert distillation_loss(spoilt, teacher, tokens, mask, alpha=0.5, top_k=4).item() == pytest.approx(wanted.item())
    nothing = distillation_loss(student, teacher, tokens, torch.zeros_like(mask), alpha=0.5, top_k=4)
    assert nothing.item() == 0


def test_no_gradient_reaches_the_teacher() -> None:
    student, teacher, tokens, mask = case()
    teacher.requires_grad_()
    loss = distillation_loss(student, teacher, tokens, mask) + top1_token_loss(student, teacher, mask)
    loss.backward()
    assert teacher.grad is None
    assert student.grad.abs().sum() > 0


def test_the_sampled_token_loss_has_the_reverse_kls_gradient_on_average() -> None:
    student, teacher, _, _ = case(batch=1, length=1, vocab=5)
    wanted = torch.autograd.grad(
        distillation_loss(student, teacher, torch.zeros(1, 1, dtype=torch.long), torch.ones(1, 1), alpha=1.0), student
    )[0]
    mean = torch.zeros_like(student)
    for token in range(5):
        log_p, log_q = student.log_softmax(-1)[..., token], teacher.log_softmax(-1)[..., token]
        (gradient,) = torch.autograd.grad(sampled_token_loss(log_p, log_q, torch.ones(1, 1)), student)
        mean += log_p.detach().exp() * gradient
    assert torch.allclose(mean, wanted, atol=1e-12)


def test_the_top_token_alone_is_one_term_of_the_gradient() -> None:
    student = torch.tensor([[P]], dtype=torch.float64).log().requires_grad_()
    teacher = torch.tensor([[Q]], dtype=torch.float64).log()
    (gradient,) = torch.autograd.grad(top1_token_loss(student, teacher, torch.ones(1, 1)), student)
    credit = 0.7 * math.log(0.7 / 0.1)
    assert gradient.flatten().tolist() == pytest.approx([credit * 0.3, -credit * 0.2, -credit * 0.1])


def test_a_sequences_advantage_is_the_mean_gap_over_its_tokens() -> None:
    logprobs = torch.tensor([[-1.0, -2.0, -3.0], [-1.0, -1.0, -1.0]])
    teacher = torch.tensor([[-0.5, -4.0, float("nan")], [0.0, 0.0, 0.0]])
    mask = torch.tensor([[1, 1, 0], [0, 0, 0]])
    assert sequence_advantages(logprobs, teacher, mask).tolist() == [(0.5 - 2.0) / 2, 0.0]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"alpha": 1.1}, "alpha must lie"),
        ({"top_k": 0}, "top_k must be"),
        ({"temperature": 0.0}, "temperature must be"),
        ({"is_clip": 2.0}, "needs old_logprobs"),
        ({"advantage_clip": 5.0, "alpha": 0.5}, "needs alpha = 1"),
        ({"advantage_clip": 0.0, "alpha": 1.0}, "advantage_clip must be"),
    ],
)
def test_options_out_of_range_are_named(options: dict, words: str) -> None:
    student, teacher, tokens, mask = case()
    with pytest.raises(ValueError, match=words):
        distillation_loss(student, teacher, tokens, mask, **options)
    with pytest.raises(ValueError, match=words):
        chunked_distillation_loss(student, torch.eye(11), teacher, torch.eye(11), tokens, mask, **options)
