"""What a wheel with the native module must show where it was installed: it plays, and as numpy does.

``make wheel-test`` and the workflow of wheels run this file with the Python of an environment that holds the wheel.
"""

import math

import xbopt
from xbopt.simulator.kernel.engine import chosen, playing_with

CLOSE = 1e-6  # of means over few worlds, in which a tie may fall the other way


def main() -> None:
    """End with an error where numpy plays, or the engines differ."""
    engine = chosen()
    assert engine.name == "native", engine.reason
    kpis = {}
    for name in ("native", "numpy"):
        with playing_with(name):
            kpis[name] = xbopt.simulate("quickstart", runs=8, seed=0).kpis
    for kpi, native in kpis["native"].items():
        assert math.isclose(native.mean, kpis["numpy"][kpi].mean, rel_tol=CLOSE), kpi
    print(f"the native module plays ({engine.level}), and as numpy does: {len(kpis['numpy'])} figures")


if __name__ == "__main__":
    main()
