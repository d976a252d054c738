"""A multiplier for soft constraints: the price of missing a floor, moved until the floor is met."""

from dataclasses import dataclass


@dataclass(slots=True, kw_only=True)
class PidMultiplier:
    """A Lagrange multiplier under PID control (Stooke, Achiam, Abbeel 2020, algorithm 2).

    ``lambda = max(0, kp * error + ki * integral + kd * max(0, error - last error))``; the integral never falls below 0.
    The proportional part damps the swings that a multiplier moved by its integral alone falls into.

    Attributes:
        proportional: ``kp``.
        integral_gain: ``ki``.
        derivative: ``kd``.
        largest: The multiplier stays at or below this.
        integral: Sum of past errors.
        last_error: Error of the last update.
        value: The multiplier.
    """

    proportional: float = 1.0
    integral_gain: float = 0.1
    derivative: float = 0.5
    largest: float = 20.0
    integral: float = 0.0
    last_error: float = 0.0
    value: float = 0.0

    def update(self, error: float) -> float:
        """The multiplier after one more look.

        Args:
            error: By how much the constraint is missed, relative to its scale; negative where it is kept.
        """
        self.integral = max(self.integral + error, 0.0)
        rise = max(error - self.last_error, 0.0)
        self.last_error = error
        wanted = self.proportional * error + self.integral_gain * self.integral + self.derivative * rise
        self.value = min(max(wanted, 0.0), self.largest)
        return self.value
