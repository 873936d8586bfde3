"""Text environments whose sandboxed judges say why an attempt failed.

Importing this registers every installed environment with Gymnasium as ``sdpo/<name>``; nothing heavy is imported.
"""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version

from sdpo_gym.card import EnvCard
from sdpo_gym.completion import Completion
from sdpo_gym.env import FeedbackEnv
from sdpo_gym.judge import Judge, JudgeError, judge_many, judge_stream
from sdpo_gym.registry import EnvSpec, list_envs, register_declared, register_spec, resolve
from sdpo_gym.spaces import AnyText
from sdpo_gym.task import ListTaskSet, Message, Task, TaskSet
from sdpo_gym.vector import FeedbackVectorEnv
from sdpo_gym.verdict import Status, Verdict

__all__ = [
    "AnyText",
    "Completion",
    "EnvCard",
    "EnvSpec",
    "FeedbackEnv",
    "FeedbackVectorEnv",
    "Judge",
    "JudgeError",
    "ListTaskSet",
    "Message",
    "Status",
    "Task",
    "TaskSet",
    "Verdict",
    "__version__",
    "judge_many",
    "judge_stream",
    "list_envs",
    "register_spec",
    "resolve",
]

try:
    __version__ = version("sdpo-gym")
except PackageNotFoundError:  # run from a source tree that is not installed
    __version__ = "0+uninstalled"

register_declared()
