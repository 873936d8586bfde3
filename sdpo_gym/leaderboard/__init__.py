"""Leaderboards: result files that runs are condensed to, their verification, and a static site made of them.

A board is a directory with ``results/<environment>/<run>.json``, and beside these what reproductions published.
"""

from sdpo_gym.leaderboard.results import Board, Entry, read_board, read_result
from sdpo_gym.leaderboard.site import Site, build_site
from sdpo_gym.leaderboard.submit import Submission, result_of_run, submit
from sdpo_gym.leaderboard.verify import Verification, verify

__all__ = [
    "Board",
    "Entry",
    "Site",
    "Submission",
    "Verification",
    "build_site",
    "read_board",
    "read_result",
    "result_of_run",
    "submit",
    "verify",
]
