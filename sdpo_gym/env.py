"""The Gymnasium environment: a thin shell around a task set and a judge."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import gymnasium as gym

from sdpo_gym.card import EnvCard
from sdpo_gym.completion import Completion
from sdpo_gym.errors import UsageError
from sdpo_gym.judge import Judge, JudgeError, judge_many
from sdpo_gym.options import suggestion
from sdpo_gym.registry import resolve
from sdpo_gym.spaces import AnyText
from sdpo_gym.task import Message, Task, TaskSet
from sdpo_gym.verdict import Verdict

# Gymnasium warns of a renderer without a frame rate; a transcript has none.
_METADATA: dict[str, Any] = {"render_modes": ["ansi"], "render_fps": 1}


class FeedbackEnv(gym.Env[str, str]):
    """Ask a question, judge the answer, say what was wrong with it.

    The observation of :meth:`reset` is the task's chat as text; that of :meth:`step` is the judge's feedback, or empty
    once the episode has terminated. An episode terminates when the answer passes, and always after the only turn of a
    one-turn environment; with more turns it is truncated when they run out. ``info`` has the keys ``task_id``,
    ``feedback``, ``status`` (all ``str``) and ``scores`` (``dict[str, float]`` with the card's keys), always.

    Attributes:
        tasks: the task set.
        judge: the judge; :meth:`close` closes it if it can be closed.
        card: the environment's card; a verdict that does not keep to it is a JudgeError.
        max_turns: most answers per episode.
        last_verdict: the full verdict on the last answer; None after a reset.

    Raises:
        UsageError: if the task set is empty, or max_turns or render_mode is not possible.
    """

    metadata = _METADATA

    def __init__(
        self, tasks: TaskSet, judge: Judge, card: EnvCard, max_turns: int = 1, render_mode: str | None = None
    ) -> None:
        if not len(tasks):
            raise UsageError(f"task set {tasks.name!r} is empty; choose another window, split or data")
        if max_turns < 1:
            raise UsageError(f"max_turns must be at least 1, got {max_turns}")
        if render_mode not in (None, "ansi"):
            raise UsageError(f"render_mode must be 'ansi' or None, got {render_mode!r}")
        self.tasks, self.judge, self.card = tasks, judge, card
        self.max_turns = max_turns
        self.render_mode = render_mode
        self.observation_space = AnyText()
        self.action_space = AnyText()
        self.last_verdict: Verdict | None = None
        self._task: Task | None = None
        self._messages: tuple[Message, ...] = ()
        self._turn = 0
        self._over = True
        self._closed = False

    @property
    def messages(self) -> tuple[Message, ...]:
        """The chat so far: the task's messages, the answers, and the feedback between them."""
        return self._messages

    @property
    def needs_reset(self) -> bool:
        """Whether the next call must be :meth:`reset`: no episode was begun, or it is over."""
        return self._over

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[str, dict[str, Any]]:
        """Begin an episode with the task ``options["task_id"]``, or with one drawn by ``self.np_random``.

        Raises:
            UsageError: if there is no such task, or another option is given.
        """
        super().reset(seed=seed)
        task_id = _only_task_id(options or {})
        if task_id is None:
            task = self.tasks[int(self.np_random.integers(len(self.tasks)))]
        elif task_id in self.tasks.ids:
            task = self.tasks.by_id(task_id)
        else:
            near = suggestion(task_id, self.tasks.ids)
            raise UsageError(f"task set {self.tasks.name!r} has no task {task_id!r}{near}")
        self._task, self._messages = task, task.messages
        self._turn, self._over = 0, False
        self.last_verdict = None
        return chat_text(task.messages), self._info()

    def step(self, action: str) -> tuple[str, float, bool, bool, dict[str, Any]]:
        """Judge the answer ``action``.

        Raises:
            JudgeError: on an outage; the turn is not used up, and the same answer may be given again.
            gymnasium.error.ResetNeeded: if the episode is over or was never begun.
            UsageError: if the action is no text.
        """
        task, completion = self.question(action)
        (result,) = judge_many(self.judge, [(task, completion)])
        if isinstance(result, JudgeError):
            raise result
        return self.settle(completion, result)

    def question(self, action: str) -> tuple[Task, Completion]:
        """Return what the judge is to be asked about ``action``; the first half of :meth:`step`, changes nothing."""
        if self._over or self._task is None:
            raise gym.error.ResetNeeded("this episode is over or was never begun; call reset() before step()")
        if not isinstance(action, str):
            raise UsageError(f"an action is the text of a completion (str), got {type(action).__name__}: {action!r}")
        return self._task, Completion(action)

    def settle(self, completion: Completion, verdict: Verdict) -> tuple[str, float, bool, bool, dict[str, Any]]:
        """Take in the verdict on ``completion``; the second half of :meth:`step`, which returns the same.

        Raises:
            JudgeError: if the verdict does not keep to the card; nothing has changed then.
        """
        self.card.check(verdict)
        self.last_verdict = verdict
        self._turn += 1
        terminated = verdict.passed or self.max_turns == 1
        truncated = not terminated and self._turn >= self.max_turns
        self._over = terminated or truncated
        self._messages += (Message("assistant", completion.text),)
        if not terminated:
            self._messages += (Message("user", verdict.feedback),)
        observation = "" if terminated else verdict.feedback
        return observation, float(verdict.reward), terminated, truncated, self._info()

    def abandon(self) -> dict[str, Any]:
        """End the episode without a verdict, after an outage that will not be waited for; returns the info."""
        self._over = True
        self.last_verdict = None
        return self._info()

    @property
    def transcript(self) -> str:
        """The chat so far as readable text, with the last verdict below."""
        chat = "\n\n".join(f"[{message.role}]\n{message.content}" for message in self._messages)
        if (verdict := self.last_verdict) is None:
            return chat
        chat += f"\n\n[verdict] {verdict.status.value}, {verdict.outcome}, reward {verdict.reward:g}"
        is_shown = self._messages[-1].role == "user"
        return chat if is_shown or not verdict.feedback else f"{chat}\n{verdict.feedback}"

    def render(self) -> str | None:
        """Return the transcript with render mode ``ansi``, else None."""
        return self.transcript if self.render_mode == "ansi" else None

    def close(self) -> None:
        """Close the judge, if it can be closed; may be called twice."""
        if not self._closed:
            self._closed = True
            close_judge(self.judge)

    def _info(self) -> dict[str, Any]:
        verdict = self.last_verdict
        return {
            "task_id": self._task.id if self._task else "",
            "feedback": verdict.feedback if verdict else "",
            "status": verdict.status.value if verdict else "",
            "scores": {key: float(verdict.scores[key]) if verdict else 0.0 for key in self.card.scores},
        }


def chat_text(messages: Sequence[Message]) -> str:
    """Return a chat as plain text: a lone message as it is, several under their roles."""
    if len(messages) == 1:
        return messages[0].content
    return "\n\n".join(f"{message.role}:\n{message.content}" for message in messages)


def close_judge(judge: Judge) -> None:
    """Close a judge that holds something (it then has ``close``); others need no closing."""
    close = getattr(judge, "close", None)
    if close is not None:
        close()


def make_env(
    name: str,
    data: str = "sample",
    split: str | None = None,
    max_turns: int | None = None,
    render_mode: str | None = None,
    **options: object,
) -> FeedbackEnv:
    """Make an environment by alias or Gymnasium name; ``gymnasium.make("sdpo/...")`` ends here.

    Args:
        name: such as ``lcb_v6`` or ``LiveCodeBench-v0``.
        data: ``sample``, ``hub`` or a path.
        split: which part of the data; None is the environment's default.
        max_turns: most answers per episode; None is the card's default.
        render_mode: ``ansi`` or None.
        options: further options of the environment's tasks and judge.

    Raises:
        UsageError: if there is no such environment or option.
    """
    tasks, judge, card = make_parts(name, data, split, options)
    return FeedbackEnv(tasks, judge, card, card.max_turns if max_turns is None else max_turns, render_mode)


# Gymnasium reads the render modes of an entry point here; without them `render_mode="ansi_list"` is not understood.
make_env.__dict__["metadata"] = FeedbackEnv.metadata


def make_parts(
    name: str, data: str, split: str | None, options: Mapping[str, object]
) -> tuple[TaskSet, Judge, EnvCard]:
    """Return task set, judge and card of the environment ``name``; the arguments are those of :func:`make_env`."""
    env = resolve(name)
    tasks = env.tasks(split, data, **options)
    return tasks, env.judge(**{**options, "split": tasks.split, "data": data}), env.spec.card


def _only_task_id(options: Mapping[str, Any]) -> str | None:
    for option in options:
        if option != "task_id":
            raise UsageError(f"reset() knows the option 'task_id' only, got {option!r}")
    task_id = options.get("task_id")
    if task_id is not None and not isinstance(task_id, str):
        raise UsageError(f"the reset option 'task_id' must be a str, got {task_id!r}")
    return task_id
