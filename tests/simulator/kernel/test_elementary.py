"""The kernel's own exp, log and normal law: close to the true values, and the same bits on every instruction level."""

import math
from types import ModuleType

import numpy as np
import pytest
from scipy.special import ndtr, ndtri

from xbopt.core.arrays import FloatArray
from xbopt.core.randomness import named_generator

# Function, arguments, reference, and the largest error in units of the last place: two or three for plain functions;
# the normal law's tail carries the rounding of x^2/2, 32 at x = -8, three or four times over.
CASES = {
    "exp": ((-700.0, 700.0), np.exp, 3.0),
    "expm1": ((-3.0, 3.0), np.expm1, 4.0),
    "log": ((1e-300, 1e6), np.log, 3.0),
    "log1p": ((0.0, 40.0), np.log1p, 4.0),
    "ndtr": ((-8.0, 8.0), ndtr, 150.0),
    "ndtri": ((1e-15, 1.0 - 1e-15), ndtri, 20.0),
}
SIZE = 10_007  # no multiple of a chunk or of a vector


def evaluated(
    kernel: ModuleType, function: str, x: FloatArray, y: FloatArray | None = None, level: str = ""
) -> FloatArray:
    out = np.empty_like(x)
    kernel.evaluate(level or kernel.LEVELS[0], function, x, x if y is None else y, out)
    return out


def arguments(function: str) -> FloatArray:
    (low, high), _, _ = CASES[function]
    generator = named_generator(5, function)
    if function == "log":
        return np.exp(generator.uniform(math.log(low), math.log(high), SIZE))
    return generator.uniform(low, high, SIZE)


@pytest.mark.parametrize("function", CASES)
def test_a_function_is_within_some_units_of_the_last_place(kernel: ModuleType, function: str) -> None:
    _, reference, most = CASES[function]
    x = arguments(function)
    true = np.asarray(reference(x))
    error = np.abs(evaluated(kernel, function, x) - true) / np.spacing(np.abs(true))
    # The quantile passes 0 at a half, where its error is one of u and not of the value.
    assert error[np.abs(true) > 1e-3].max() < most


@pytest.mark.parametrize("function", [*CASES, "poisson"])
def test_every_instruction_level_gives_the_same_bits(kernel: ModuleType, function: str) -> None:
    """The baseline has no fused multiplication and emulates it."""
    assert "baseline" in kernel.LEVELS
    generator = named_generator(6, function)
    x = (2.0 * generator.integers(0, 2**52, SIZE) + 1.0) / 2.0**53 if function == "poisson" else arguments(function)
    y = np.exp(generator.uniform(-6.0, 14.0, SIZE))
    found = {evaluated(kernel, function, x, y, level).tobytes() for level in kernel.LEVELS}
    assert len(found) == 1


def test_values_that_are_known(kernel: ModuleType) -> None:
    assert evaluated(kernel, "exp", np.array([0.0, -800.0])).tolist() == [1.0, 0.0]
    assert evaluated(kernel, "expm1", np.array([0.0, 1e-17])).tolist() == [0.0, 1e-17]
    assert evaluated(kernel, "log", np.array([1.0, 0.5, 1024.0])).tolist() == [0.0, -math.log(2), 10 * math.log(2)]
    assert evaluated(kernel, "log1p", np.array([0.0, 1e-20])).tolist() == [0.0, 1e-20]
    assert evaluated(kernel, "ndtr", np.array([0.0, 40.0, -40.0])) == pytest.approx([0.5, 1.0, 0.0], abs=1e-15)
    assert evaluated(kernel, "ndtri", np.array([0.5])).tolist() == [0.0]


def test_the_quantile_reaches_the_ends_of_the_uniforms(kernel: ModuleType) -> None:
    ends = np.array([2.0**-53, 1e-12, 1.0 - 2.0**-53])
    assert evaluated(kernel, "ndtri", ends) == pytest.approx(ndtri(ends), rel=1e-14)


def test_an_unknown_function_or_level_is_refused(kernel: ModuleType) -> None:
    x = np.ones(3)
    with pytest.raises(ValueError, match="no function cosh"):
        evaluated(kernel, "cosh", x)
    with pytest.raises(ValueError, match="no instruction level mmx"):
        evaluated(kernel, "exp", x, level="mmx")
    with pytest.raises(ValueError, match="y holds 16 bytes; 24 are wanted"):
        evaluated(kernel, "exp", x, np.ones(2))
