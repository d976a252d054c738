"""Fit one table with pymc-marketing, for `bench_pymc_marketing`, which starts this where that library is installed.

It reads a job as JSON on standard input and writes what it found as JSON to the job's ``answer``. Priors, adstock
(geometric, eight weeks) and saturation (logistic) are the library's own defaults; where the table has regions, so has
the model. numpy, pandas and pymc-marketing are all it needs.
"""

import json
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
from pymc_marketing.mmm import GeometricAdstock, LogisticSaturation
from pymc_marketing.mmm.multidimensional import MMM

_ADSTOCK_WEEKS = 8
_YEARLY_MODES = 2


def main() -> None:
    job = json.load(sys.stdin)
    data = pd.read_csv(job["table"], parse_dates=["date"])
    channels, controls, regions = job["channels"], job["controls"], "region" in data.columns
    dates = np.sort(data["date"].unique())
    known, later = (
        data[part] for part in (data["date"] < dates[-job["hold_out"]], data["date"] >= dates[-job["hold_out"]])
    )
    started, wall = time.process_time(), time.perf_counter()
    model = MMM(
        date_column="date",
        channel_columns=channels,
        target_column="y",
        control_columns=controls or None,
        dims=("region",) if regions else None,
        adstock=GeometricAdstock(l_max=_ADSTOCK_WEEKS),
        saturation=LogisticSaturation(),
        yearly_seasonality=_YEARLY_MODES,
    )
    model.build_model(known.drop(columns="y"), known["y"])
    model.add_original_scale_contribution_variable(var=["channel_contribution"])
    drawn = model.fit(
        known.drop(columns="y"),
        known["y"],
        progressbar=False,
        random_seed=job["seed"],
        nuts_sampler="nutpie",
        chains=job["chains"],
        draws=job["draws"],
        tune=job["tune"],
        cores=1,
    )
    fitted = time.process_time() - started
    # Of each draw: what a channel adds on the scored days, over all regions, per unit of its spend.
    scored = pd.Timestamp(job["scored_from"])
    added = drawn.posterior["channel_contribution_original_scale"].sel(date=slice(scored, None))
    added = added.sum([name for name in added.dims if name not in ("chain", "draw", "channel")])
    spend = known.loc[known["date"] >= scored, channels].sum()
    returns = {
        channel: np.quantile(added.sel(channel=channel).to_numpy() / spend[channel], [0.025, 0.5, 0.975]).tolist()
        for channel in channels
    }
    ahead = model.sample_posterior_predictive(
        later.drop(columns="y"),
        include_last_observations=True,
        extend_idata=False,
        progressbar=False,
        random_seed=job["seed"],
    )["y"]
    ahead = (ahead * model.get_scales_as_xarray()["target_scale"]).transpose("sample", "date", ...)
    worlds = ahead.to_numpy().reshape(ahead.sizes["sample"], job["hold_out"], -1)
    answer = {
        "returns": returns,
        "regions": [str(one) for one in ahead["region"].to_numpy()] if regions else [],
        "forecast": worlds.mean(axis=0).tolist(),
        "low": np.quantile(worlds, 0.05, axis=0).tolist(),
        "high": np.quantile(worlds, 0.95, axis=0).tolist(),
        "divergences": int(drawn.sample_stats["diverging"].sum()),
        "fit_seconds": fitted,
        "seconds": time.process_time() - started,
        "wall_seconds": time.perf_counter() - wall,
    }
    Path(job["answer"]).write_text(json.dumps(answer))


if __name__ == "__main__":
    main()
