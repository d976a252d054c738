"""Train PPO for a moment and play its policy; ten minutes instead of a few seconds make it a good one.

python examples/train_and_play.py
"""

import tempfile
from pathlib import Path

import xbopt

run = Path(tempfile.mkdtemp()) / "run"
few = {"branch_worlds": 64, "validation_worlds": 64, "test_worlds": 64}
summary = xbopt.train("quickstart", "ppo", run, steps=512, seed=0, options=few)
print(f"{summary.gain_base:,.0f} above {summary.anchor} on {summary.validation_worlds} validation worlds")

played = xbopt.simulate("quickstart", str(run), runs=16)
print(f"contribution margin {played.kpis['contribution_margin'].mean:,.0f} {played.scenario.base_currency}")
