"""SciKnowEval: multiple-choice questions of four sciences, judged by the key."""

from sdpo_envs.sciknoweval.judge import SciKnowEvalJudge, make_judge
from sdpo_envs.sciknoweval.source import CARD, FIXTURES, RECORDED
from sdpo_envs.sciknoweval.tasks import make_tasks
from sdpo_gym.registry import EnvSpec

SPEC = EnvSpec(
    name="SciKnowEval-v0",
    card=CARD,
    tasks=make_tasks,
    judge=make_judge,
    aliases={
        f"sciknoweval_{subject}": {"subject": subject} for subject in ("chemistry", "physics", "biology", "materials")
    },
    recorded=lambda: RECORDED,
    fixtures=lambda: FIXTURES,
)

__all__ = ["SPEC", "SciKnowEvalJudge", "make_judge", "make_tasks"]
