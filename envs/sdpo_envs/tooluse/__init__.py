"""Tool use: calls of documented tools, compared with the gold calls."""

from sdpo_envs.tooluse.judge import ToolUseJudge, make_judge
from sdpo_envs.tooluse.source import CARD, FIXTURES, RECORDED
from sdpo_envs.tooluse.tasks import make_tasks
from sdpo_gym.registry import EnvSpec

SPEC = EnvSpec(
    name="ToolUse-v0",
    card=CARD,
    tasks=make_tasks,
    judge=make_judge,
    aliases={"tooluse": {}},
    recorded=lambda: RECORDED,
    fixtures=lambda: FIXTURES,
)

__all__ = ["SPEC", "ToolUseJudge", "make_judge", "make_tasks"]
