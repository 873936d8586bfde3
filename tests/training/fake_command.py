"""``python fake_command.py ARGS``: the command ``sdpo-gym`` with the toy environment, a fake policy and fake agents."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent.parent))

import toy_env  # noqa: F401  (registers itself)
from sdpo_gym.agent import register_agent
from sdpo_gym.cli import main
from sdpo_gym.training import loop
from training.fakes import FakeAgent, FakePolicy, make_agent


class SlowAgent(FakeAgent):
    def update(self, groups: Any) -> dict[str, float]:
        time.sleep(0.02)
        return super().update(groups)


def make(policy: Any, *, seed: int, temperature: float, rehearsal: Any = None) -> FakeAgent:
    return SlowAgent(policy, seed, 0.05, None, rehearsal)


if __name__ == "__main__":
    register_agent("fake", make_agent)
    register_agent("slow", make)
    loop.load_policy = lambda *_, **__: FakePolicy()  # type: ignore[assignment]
    sys.exit(main(sys.argv[1:]))
