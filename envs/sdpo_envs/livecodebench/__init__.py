"""LiveCodeBench: competitive programming problems, judged by running the answer on tests in a sandbox."""

from sdpo_envs.livecodebench.judge import LiveCodeBenchJudge, make_judge
from sdpo_envs.livecodebench.source import CARD, FIXTURES, RECORDED, RELEASES
from sdpo_envs.livecodebench.tasks import LiveCodeBenchTasks, make_tasks
from sdpo_gym.registry import EnvSpec

SPEC = EnvSpec(
    name="LiveCodeBench-v0",
    card=CARD,
    tasks=make_tasks,
    judge=make_judge,
    aliases={
        **{
            name: {"date_from": w.begin, "date_until": w.until}
            for name, w in CARD.windows.items()
            if w.begin or w.until
        },
        **{f"release_{release}": {"release": release} for release in RELEASES},
    },
    recorded=lambda: RECORDED,
    fixtures=lambda: FIXTURES,
)

__all__ = ["SPEC", "LiveCodeBenchJudge", "LiveCodeBenchTasks", "make_judge", "make_tasks"]
