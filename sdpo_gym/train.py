"""Training: an agent learns from groups of attempts, watched, measured on held-out tasks, and resumable at any time."""

from sdpo_gym.training.config import Settings, TrainConfig, WatchMode, settings_of
from sdpo_gym.training.loop import TrainObserver, train
from sdpo_gym.training.seeds import derive
from sdpo_gym.training.summary import TrainSummary

__all__ = ["Settings", "TrainConfig", "TrainObserver", "TrainSummary", "WatchMode", "derive", "settings_of", "train"]
