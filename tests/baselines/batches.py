"""Groups of attempts with token ids of a tiny Llama's tokenizer, as a rollout would give them."""

from __future__ import annotations

import random

import torch

from sdpo_gym.completion import Completion
from sdpo_gym.policies.base import Request
from sdpo_gym.rollout import Attempt, Group, Turn
from sdpo_gym.task import Message, Task
from sdpo_gym.verdict import Status, Verdict

END = 1
FEEDBACK = "The answer is wrong: expected 3, got 4."


def attempt(policy, task: Task, index: int, answer: str, reward: float | None, **fields) -> Attempt:
    """Reward None: the judge was out."""
    verdict = None
    if reward is not None:
        share = {"share": fields.pop("share", reward)}
        feedback = fields.pop("feedback", f"{FEEDBACK} ({index})")
        verdict = (
            Verdict(1.0, "", Status.PASSED, "accepted", share)
            if reward == 1
            else Verdict(reward, feedback, Status.FAILED, "wrong", share)
        )
    ids = (*policy.tokenizer(answer, add_special_tokens=False)["input_ids"], END)
    values = {"prompt_token_ids": policy.render(task.messages), "token_ids": ids, "logprobs": (-1.0,) * len(ids)}
    completion = Completion(answer, **(values | fields))
    request = Request(task.messages, task.id, index)
    error = None if verdict else "JudgeError: down"
    turn = Turn(task.digest, request, completion, verdict, error, verdict is not None, 0.0, 0.0)
    return Attempt(task.digest, index, (turn,))


def group(policy, name: str, *answers: tuple[str, float | None], **fields) -> Group:
    task = Task(name, (Message("user", f"{name}?"),), {}, {})
    return Group(task, tuple(attempt(policy, task, i, text, r, **fields) for i, (text, r) in enumerate(answers)))


def batch(policy, seed: int = 0, tasks: int = 4, n: int = 4) -> list[Group]:
    """Answers of several lengths, some right, some wrong; one judge was out."""
    rng = random.Random(seed)
    groups = []
    for number in range(tasks):
        answers = [("print(" + "1+" * rng.randrange(9) + f"{i})", float(rng.random() < 0.4)) for i in range(n)]
        answers[0] = (answers[0][0], None if number == 1 else 0.0)
        answers[1] = (answers[1][0], 1.0 if number == 0 else 0.0)
        groups.append(group(policy, f"task {number}" + " and more" * number, *answers))
    return groups


def weights(policy) -> dict[str, torch.Tensor]:
    """A copy of a policy's weights."""
    return {name: tensor.clone() for name, tensor in policy.model.state_dict().items()}


class Rows:
    """Something to rehearse."""

    def __init__(self) -> None:
        self.drawn = 0

    def draw(self, rng: random.Random, count: int) -> list[tuple[tuple[int, ...], tuple[int, ...]]]:
        self.drawn += count
        return [
            (tuple(rng.randrange(5, 300) for _ in range(rng.randrange(2, 9))), (rng.randrange(5, 300), 7, END))
            for _ in range(count)
        ]
