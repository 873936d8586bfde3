"""``python -m sdpo_baselines.reproduce``."""

import sys

from sdpo_baselines.reproduce.command import main

if __name__ == "__main__":
    sys.exit(main())
