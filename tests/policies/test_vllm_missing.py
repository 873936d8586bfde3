from __future__ import annotations

import subprocess
import sys

COMMAND = "import sys; sys.modules['vllm'] = None; from sdpo_gym.cli import main; sys.exit(main(sys.argv[1:]))"


def test_without_vllm_one_line_names_the_extra():
    command = [sys.executable, "-c", COMMAND, "eval", "lcb_v6", "--data=sample"]
    ended = subprocess.run([*command, "--policy=vllm", "--model=some/model"], capture_output=True, text=True)
    assert ended.returncode == 2
    (line,) = ended.stderr.splitlines()
    assert "needs vllm" in line
    assert "make setup EXTRAS=vllm" in line
