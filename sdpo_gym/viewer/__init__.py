"""Static pages to read the attempts of a run: an index, and a page for every task.

Pages stand for themselves: style and script are inside, nothing is loaded from anywhere, and they open from a file.
Text of models and programs reaches them through :mod:`sdpo_gym.viewer.texts` alone. Beside that, a content security
policy lets no script run but ours, which it knows by its hash.
"""

from __future__ import annotations
