"""A calibrated scenario as files: the YAML, and beside it what was done before the first day and joint draws."""

import tempfile
from pathlib import Path
from typing import cast

import polars as pl
import yaml

from xbopt.calibration.fit.draws import write_draws
from xbopt.calibration.scenario.calibration import Calibration
from xbopt.calibration.scenario.draft import Plain
from xbopt.core.files import replace_file
from xbopt.core.scenario.history import PastRow
from xbopt.core.scenario.loading import load_scenario
from xbopt.core.scenario.scenario import Scenario

_HEAD = """\
# Made by xbopt calibrate. Every number has its source under provenance: M is measured in the data, E an estimate to
# look at. Change what you know better, then: xbopt scenario validate, and: xbopt plan.
"""


def write_calibration(calibration: Calibration, path: Path) -> Scenario:
    """Write the scenario, and ``NAME.past.parquet`` and ``NAME.draws.parquet`` beside it; read it back as it is used.

    Raises:
        UsageError: A file cannot be written there.
    """
    data = dict(cast("Plain", calibration.document.data))
    with tempfile.TemporaryDirectory(dir=path.parent, prefix=".xbopt.") as folder:
        beside: list[tuple[Path, Path]] = []
        if calibration.past:
            past = path.with_suffix(".past.parquet")
            data["history"] = {**cast("Plain", data["history"]), "before": {"file": past.name}}
            _past_frame(calibration).write_parquet(Path(folder) / past.name, compression="zstd")
            beside.append((Path(folder) / past.name, past))
        if calibration.draws is not None:
            draws = path.with_suffix(".draws.parquet")
            uncertainty = cast("Plain", data.get("uncertainty", {}))
            data["uncertainty"] = {"draws": draws.name, **uncertainty}
            write_draws(Path(folder) / draws.name, calibration.draws)
            beside.append((Path(folder) / draws.name, draws))
        trial = Path(folder) / path.name
        trial.write_text(scenario_yaml(data), encoding="utf-8")
        load_scenario(trial)  # nothing appears under its name that cannot be loaded
        for made, target in (*beside, (trial, path)):
            with replace_file(target) as temporary:
                temporary.write_bytes(made.read_bytes())
    return load_scenario(path)


def scenario_yaml(data: Plain) -> str:
    """The text of the file: short mappings and lists on one line each."""
    return _HEAD + yaml.safe_dump(data, sort_keys=False, allow_unicode=True, width=118, default_flow_style=None)


def _past_frame(calibration: Calibration) -> pl.DataFrame:
    frame = pl.DataFrame(list(calibration.past), infer_schema_length=None)
    return frame.select(name for name in PastRow.model_fields if name in frame.columns)
