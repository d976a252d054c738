"""A small feed-forward network in numpy, trained by Adam: the features of NeuralLinear."""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from xbopt.core.arrays import FloatArray, IntArray

Product = Callable[[FloatArray, FloatArray], FloatArray]
_BETA_1, _BETA_2, _ADAM_FLOOR = 0.9, 0.999, 1e-8


@dataclass(frozen=True, slots=True)
class Gradient:
    """Loss and its derivative by every parameter, in the order of ``Network.parameters``."""

    loss: float
    parameters: list[FloatArray]


class Network:
    """Layers of ``tanh`` with one linear output an action: ``features = tanh(... tanh(x W_1 + c_1) ...)``.

    Weights begin uniform within ``sqrt(6 / (inputs + outputs))`` (Glorot & Bengio 2010, eq. 16), biases at 0.

    Args:
        sizes: Units of each layer: inputs, hidden layers, outputs.
        rng: Draws the first weights.
    """

    __slots__ = ("_first", "_second", "_steps", "parameters")

    def __init__(self, sizes: tuple[int, ...], rng: np.random.Generator) -> None:
        self.parameters: list[FloatArray] = []
        for fan_in, fan_out in pairwise(sizes):
            bound = np.sqrt(6.0 / (fan_in + fan_out))
            self.parameters += [rng.uniform(-bound, bound, (fan_in, fan_out)), np.zeros(fan_out)]
        self._first = [np.zeros_like(p) for p in self.parameters]
        self._second = [np.zeros_like(p) for p in self.parameters]
        self._steps = np.zeros(1, dtype=np.int64)

    def layers(self, context: FloatArray, product: Product = np.matmul) -> list[FloatArray]:
        """Values of every layer but the output, ``(n, units)`` each; the first is the context ``(n, d)`` itself.

        ``product`` multiplies two matrices; one that treats each row alone keeps rows free of their neighbours.
        """
        values = [context]
        for i in range(0, len(self.parameters) - 2, 2):
            values.append(np.tanh(product(values[-1], self.parameters[i]) + self.parameters[i + 1]))
        return values

    def gradient(self, context: FloatArray, action: IntArray, target: FloatArray, weight: FloatArray) -> Gradient:
        """Half the weighted mean squared error of the chosen actions' outputs, and its derivatives.

        Contexts ``(n, d)``, actions, targets and weights ``(n,)``; back-propagation (Rumelhart et al. 1986).
        """
        values = self.layers(context)
        outputs = values[-1] @ self.parameters[-2] + self.parameters[-1]
        rows = np.arange(len(action))
        error = outputs[rows, action] - target
        share = weight / max(float(weight.sum()), 1e-300)
        slope = np.zeros_like(outputs)
        slope[rows, action] = share * error
        found: list[FloatArray] = []
        for i in range(len(self.parameters) - 2, -1, -2):
            below = values[i // 2]
            found = [below.T @ slope, slope.sum(axis=0), *found]
            slope = (slope @ self.parameters[i].T) * (1.0 - below**2)
        return Gradient(loss=float(0.5 * (share * error**2).sum()), parameters=found)

    def step(self, gradient: Gradient, *, rate: float) -> None:
        """One step of Adam (Kingma & Ba 2015, Algorithm 1), in place."""
        self._steps += 1
        t = int(self._steps[0])
        for p, g, first, second in zip(self.parameters, gradient.parameters, self._first, self._second, strict=True):
            first[...] = _BETA_1 * first + (1.0 - _BETA_1) * g
            second[...] = _BETA_2 * second + (1.0 - _BETA_2) * g * g
            p[...] -= rate * (first / (1.0 - _BETA_1**t)) / (np.sqrt(second / (1.0 - _BETA_2**t)) + _ADAM_FLOOR)

    def arrays(self) -> dict[str, FloatArray | IntArray]:
        """The whole state by name; the arrays themselves, not copies."""
        named: dict[str, FloatArray | IntArray] = {"network_steps": self._steps}
        for i, (p, first, second) in enumerate(zip(self.parameters, self._first, self._second, strict=True)):
            named |= {f"network_{i}": p, f"network_first_{i}": first, f"network_second_{i}": second}
        return named
