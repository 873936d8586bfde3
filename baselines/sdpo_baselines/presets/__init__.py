"""Settings with names; each file says where every value comes from."""

from pathlib import Path

DIRECTORY = Path(__file__).parent
