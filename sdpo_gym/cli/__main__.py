"""``python -m sdpo_gym.cli`` is ``sdpo-gym``."""

import sys

from sdpo_gym.cli import main

if __name__ == "__main__":
    sys.exit(main())
