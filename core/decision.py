"""A day's decision, batched over worlds."""

from dataclasses import dataclass

import numpy as np

from xbopt.core.axes import FloatArray, IntArray, check_shape
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

    def check(self, *, regions: int, segments: int, channels: int, dayparts: int) -> None:
        """Check shapes and that every value is a number.

        Raises:
            DecisionError: The message names the array and what is wrong with it.
        """
        worlds = self.worlds
        check_shape("spend_base", self.spend_base, (worlds, regions, segments, channels), "B, R, S, C")
        check_shape("daypart_weights", self.daypart_weights, (worlds, regions, channels, dayparts), "B, R, C, H")
        check_shape("discount_frac", self.discount_frac, (worlds, regions, segments), "B, R, S")
        check_shape("mechanic", self.mechanic, (worlds, regions, segments), "B, R, S")
        for name, array in (
            ("spend_base", self.spend_base),
            ("daypart_weights", self.daypart_weights),
            ("discount_frac", self.discount_frac),
        ):
            # A sum is NaN or infinite when any entry is; this is several times cheaper than isfinite().all().
            if not np.isfinite(array.sum()):
                bad = np.argwhere(~np.isfinite(array))
                where = f" at {tuple(int(i) for i in bad[0])}" if len(bad) else ""
                raise DecisionError(f"{name} holds a value that is no finite number{where}.")
        if self.mechanic.size and not (self.mechanic.min() >= 0 and self.mechanic.max() < len(MECHANICS)):
            raise DecisionError(f"mechanic must hold positions 0..{len(MECHANICS) - 1} of {', '.join(MECHANICS)}.")
