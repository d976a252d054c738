"""Ask a CSV file of decisions what a policy would have earned; any table with action, reward and propensity will do.

python examples/evaluate_your_log.py
"""

import csv
import tempfile
from pathlib import Path

import numpy as np

import xbopt

rng = np.random.default_rng(3)
log = Path(tempfile.mkdtemp()) / "banners.csv"
with log.open("w", newline="", encoding="utf-8") as file:
    rows = csv.writer(file)
    rows.writerow(["banner", "click", "p", "age"])
    for _ in range(3_000):
        banner, age = int(rng.random() < 0.3), float(rng.normal(40.0, 10.0))
        click = int(rng.random() < (0.08 if banner else 0.05))
        rows.writerow([("spring sale", "free shipping")[banner], click, (0.7, 0.3)[banner], f"{age:.0f}"])

evaluation = xbopt.evaluate(
    log, "always:free shipping", columns=["action=banner", "reward=click", "propensity=p", "context=age"]
)
result = evaluation.result
print(result.verdict, *result.reasons, sep="\n- ")
value = result.estimates[result.recommended]
print(f"{value.value:.3f} a decision ({value.low:.3f} to {value.high:.3f})")
