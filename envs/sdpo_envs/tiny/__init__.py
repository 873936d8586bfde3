"""Tiny: worlds of hidden knowledge for a policy trained from scratch, judged by the real environments' judges."""

from pathlib import Path

from sdpo_envs.tiny.judge import TinyJudge, make_judge
from sdpo_envs.tiny.tasks import TinyTasks, make_tasks
from sdpo_gym.card import EnvCard
from sdpo_gym.registry import EnvSpec

_HERE = Path(__file__).parent

SPEC = EnvSpec(
    name="Tiny-v0",
    card=EnvCard.load(_HERE / "card.toml"),
    tasks=make_tasks,
    judge=make_judge,
    aliases={f"tiny_{family}": {"family": family} for family in ("tool", "code", "sci")},
    recorded=lambda: _HERE / "sample_completions.jsonl",
    fixtures=lambda: _HERE / "fixtures.jsonl",
)

__all__ = ["SPEC", "TinyJudge", "TinyTasks", "make_judge", "make_tasks"]
