"""Checking an environment: what ``sdpo-gym check`` finds."""

from sdpo_gym.checking.report import Mark, Report, Result
from sdpo_gym.checking.run import check_env

__all__ = ["Mark", "Report", "Result", "check_env"]
