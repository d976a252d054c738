"""A day's decision, batched over worlds."""

from dataclasses import dataclass

import numpy as np

from xbopt.core.arrays import FloatArray, IntArray, check_shape
from xbopt.core.errors import DecisionError

MECHANICS: tuple[str, ...] = ("percent_off", "threshold", "bundle", "member_only", "limited_time")


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """What is done on one day, in ``B`` worlds at once.

    Attributes:
        spend_base: Media spend ``(B, R, S, C)``, base currency.
        daypart_weights: How a channel's spend is spread over the day ``(B, R, C, H)``; each row sums to 1.
        discount_frac: Discount ``(B, R, S)``, 0..1.
        mechanic: Promotion mechanic ``(B, R, S)``, positions in ``MECHANICS``; 0 is percent off.
    """

    spend_base: FloatArray
    daypart_weights: FloatArray
    discount_frac: FloatArray
    mechanic: IntArray

    @property
    def worlds(self) -> int:
        """Number of worlds, ``B``."""
        return self.spend_base.shape[0]

    def repeated(self, worlds: int) -> "Decision":
        """One world's decision, ``worlds`` times over.

        Raises:
            DecisionError: It is of more than one world.
        """
        check_shape("spend_base", self.spend_base, (1, None, None, None), "B, R, S, C")
        return Decision(
            spend_base=np.repeat(self.spend_base, worlds, axis=0),
            daypart_weights=np.repeat(self.daypart_weights, worlds, axis=0),
            discount_frac=np.repeat(self.discount_frac, worlds, axis=0),
            mechanic=np.repeat(self.mechanic, worlds, axis=0),
        )

    def check(self, *, regions: int, segments: int, channels: int, dayparts: int) -> None:
        """Check shapes and that every value is a number.

        Raises:
            DecisionError: The message names the array and what is wrong with it.
        """
        worlds = self.spend_base.shape[0] if self.spend_base.ndim else None
        check_shape("spend_base", self.spend_base, (worlds, regions, segments, channels), "B, R, S, C")
        check_shape("daypart_weights", self.daypart_weights, (worlds, regions, channels, dayparts), "B, R, C, H")
        check_shape("discount_frac", self.discount_frac, (worlds, regions, segments), "B, R, S")
        check_shape("mechanic", self.mechanic, (worlds, regions, segments), "B, R, S")
        for name, array in (
            ("spend_base", self.spend_base),
            ("daypart_weights", self.daypart_weights),
            ("discount_frac", self.discount_frac),
        ):
            _check_finite(name, array)
        positions = self.mechanic
        if positions.dtype.kind not in "iu":
            raise DecisionError(f"mechanic holds {positions.dtype}; whole numbers are wanted.")
        if positions.size and not (positions.min() >= 0 and positions.max() < len(MECHANICS)):
            bad = np.argwhere((positions < 0) | (positions >= len(MECHANICS)))
            raise DecisionError(
                f"mechanic must hold positions 0..{len(MECHANICS) - 1} of {', '.join(MECHANICS)}; "
                f"it is {positions[tuple(bad[0])]} at {_place(bad[0])}."
            )


def _check_finite(name: str, array: FloatArray) -> None:
    if array.dtype.kind not in "fiu":
        raise DecisionError(f"{name} holds {array.dtype}; numbers are wanted.")
    # A sum is NaN or infinite when any entry is; this is several times cheaper than isfinite().all().
    with np.errstate(over="ignore", invalid="ignore"):
        total = array.sum()
    if not np.isfinite(total):
        bad = np.argwhere(~np.isfinite(array))
        if len(bad):
            raise DecisionError(f"{name} holds a value that is no finite number at {_place(bad[0])}.")
        raise DecisionError(f"{name} holds amounts whose sum is too large for a number.")


def _place(index: IntArray) -> tuple[int, ...]:
    return tuple(int(position) for position in index)
