"""The kernel's sources give the same bits by other compilers, and on another kind of machine.

A day is stored as it came to the module, and ``replay.c`` plays it with a compiler of its own, on this machine or in an
emulator. ``EVERY_COMPILER`` skips where its programs are not installed.
"""

import re
import shutil
import subprocess
import sysconfig
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from tests.simulator.kernel.test_day import UNSURE, own_decisions
from tests.worlds import document, scenario_of
from xbopt.simulator import native_day
from xbopt.simulator.build import build_market
from xbopt.simulator.draws import MarketDraws
from xbopt.simulator.history import initial_state
from xbopt.simulator.kernel.engine import playing_with
from xbopt.simulator.step import play_day
from xbopt.simulator.worlds import draw_worlds

WORLDS, DAYS = 70, 3
EVERY_COMPILER = {
    "gcc": (("gcc",), ()),
    "clang": (("clang",), ()),
    "aarch64": (("aarch64-linux-gnu-gcc", "-static"), ("qemu-aarch64",)),
}
"""By name: how to compile, and what runs the program."""


class Recorder:
    """The module, with what its calls were given."""

    def __init__(self, module: ModuleType) -> None:
        self.module, self.calls = module, list[tuple[Any, ...]]()

    def __getattr__(self, name: str) -> Any:
        return getattr(self.module, name)

    def market(self, sizes: tuple[int, ...], arrays: tuple[Any, ...]) -> Any:
        self.sizes, self.arrays = sizes, arrays
        return self.module.market(sizes, arrays)

    def worlds(self, market: Any, arrays: tuple[Any, ...]) -> Any:
        self.factors = arrays
        return self.module.worlds(market, arrays)

    def play(self, *words: Any) -> bool:
        self.calls.append((np.array(words[5]), *words))
        return self.module.play(*words)


def whole(*numbers: int) -> bytes:
    return np.array(numbers, dtype="<i8").tobytes()


def stored(array: Any) -> bytes:
    """A buffer of 8-byte numbers behind its length, as it lies in memory."""
    content = memoryview(array).tobytes(order="A")
    return whole(len(content) // 8) + content


def steps(array: np.ndarray[Any, Any]) -> tuple[int, ...]:
    """How far the entries of a parameter by world lie apart along its axes; 0 where it does not differ."""
    apart = np.cumprod((1, *array.shape), dtype=np.int64)[: array.ndim]
    found = [int(step) if length > 1 else 0 for step, length in zip(apart, array.shape, strict=True)]
    return (int(array.shape[0] > 1), *found[1:], *([0] * (5 - array.ndim)))


def lengths(recorder: Recorder, fields: Sequence[tuple[str, str]], worlds: int) -> list[int]:
    sizes = dict(zip(recorder.module.SIZES, recorder.sizes, strict=True))
    return [worlds * int(np.prod([sizes[axis] for axis in axes], dtype=np.int64)) for _, axes in fields]


def parts(recorder: Recorder, block: memoryview, worlds: int) -> list[np.ndarray[Any, Any]]:
    """The arrays of a morning that is one block."""
    ends = np.cumsum(lengths(recorder, recorder.module.STATE_FIELDS, worlds))
    return np.split(np.frombuffer(block), ends[:-1])


@pytest.fixture(scope="module")
def days(kernel: ModuleType, tmp_path_factory: pytest.TempPathFactory) -> list[tuple[Path, bytes]]:
    """Files of days, sampled and expected, and the bytes that the module wrote for each."""
    market = build_market(scenario_of(document({"uncertainty": UNSURE, "tactics": {"decide_every_days": 1}})))
    recorder, folder = Recorder(kernel), tmp_path_factory.mktemp("days")
    found: list[tuple[Path, bytes]] = []
    with pytest.MonkeyPatch.context() as patch, playing_with("native"):
        patch.setattr(native_day, "native", lambda: recorder)
        numbers = np.arange(WORLDS)
        for sampled in (True, False):
            world = draw_worlds(market.scenario, seed=2, worlds=numbers)
            draws, state = MarketDraws(market.scenario, seed=1, worlds=numbers), initial_state(market, WORLDS, world)
            for decision in own_decisions(market, WORLDS, 9)[:DAYS]:
                outcome, state = play_day(market, world, state, decision, draws.day(state.day) if sampled else None)
                outcome.attribution.sharing.details()  # plays the day again
    for before, *words in recorder.calls:
        _, _, _, _, state, window, decision, drawn, evening, outcome, _, details, number, count, _ = words
        if details is None:
            continue
        kinds = (kernel.STATE_FIELDS, kernel.OUTCOME_FIELDS, kernel.DETAIL_FIELDS)
        content = [whole(*recorder.sizes), *map(stored, recorder.arrays)]
        content += [part for array in recorder.factors for part in (whole(*steps(array)), stored(array))]
        content += [whole(count, number, len(drawn) > 0, 2)]
        content += map(stored, state if isinstance(state, tuple) else parts(recorder, state, count))
        for array in decision:
            content += [whole(len(array) == count), stored(array)]
        if drawn:
            left, right, numbers, places, normals, _ = drawn
            content += [np.array([left, right], dtype="<u8").tobytes(), whole(normals), stored(numbers), stored(places)]
            content += [whole(*lengths(recorder, kernel.DRAW_FIELDS, 1))]
        content += [stored(before), *(whole(*lengths(recorder, fields, count)) for fields in kinds)]
        path = folder / f"day{len(found)}"
        path.write_bytes(b"".join(content))
        blocks = (window, evening, outcome, details)
        found.append((path, b"".join(memoryview(block).tobytes(order="A") for block in blocks)))
    assert len(found) == 2 * DAYS
    return found


@pytest.fixture(scope="module")
def flags(repository: Path) -> list[str]:
    """Those of the build."""
    text = (repository / "setup.py").read_text(encoding="utf-8")
    found = re.search(r"FLAGS = \((.*?)\)\.split", text, re.DOTALL)
    assert found is not None
    return " ".join(re.findall(r'"(.*?)"', found[1])).split()


@pytest.mark.parametrize("name", EVERY_COMPILER)
def test_a_stored_day_gives_the_same_bits(
    name: str, days: list[tuple[Path, bytes]], flags: list[str], repository: Path, tmp_path: Path
) -> None:
    compiler, runner = EVERY_COMPILER[name]
    for program in (compiler[0], *runner):
        if shutil.which(program) is None:
            pytest.skip(f"{program} is not installed")
    kernel, driver = repository / "simulator" / "kernel", Path(__file__).with_name("replay.c")
    sources = [driver, kernel / "level_baseline.c"]
    command = [
        *compiler,
        *flags,
        "-O1",
        "-Wall",
        "-Wextra",
        "-Werror",
        f"-I{kernel}",
        *sources,
        "-o",
        tmp_path / "replay",
    ]
    made = subprocess.run(command, capture_output=True, text=True, check=False)
    assert made.returncode == 0, made.stderr
    for path, wanted in days:
        subprocess.run([*runner, tmp_path / "replay", path, tmp_path / "result"], check=True)
        assert (tmp_path / "result").read_bytes() == wanted, path.name


@pytest.mark.parametrize("compiler", ["gcc", "clang"])
def test_the_whole_module_is_c_to_both_compilers(compiler: str) -> None:
    """Days are replayed from some of the sources; the rest must compile as well."""
    if shutil.which(compiler) is None:
        pytest.skip(f"{compiler} is not installed")
    sources = sorted(Path(native_day.__file__).parent.joinpath("kernel").glob("*.c"))
    checked = ("-fsyntax-only", "-std=c11", "-pthread", "-Wall", "-Wextra", "-Werror")
    subprocess.run([compiler, *checked, f"-I{sysconfig.get_path('include')}", *map(str, sources)], check=True)
