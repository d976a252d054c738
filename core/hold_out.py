"""Which rows of a log are kept for judging: a fixed rule by hash, the same for whoever learns and whoever evaluates.

A group of rows (a customer, an episode) is held out when the mixed hash of its name falls within the share. Nothing is
drawn: the same name falls to the same side in every log, at any time, and a larger share holds out all that a smaller
one does.
"""

# pyarrow ships without complete type information, so that much of what it returns has no known type here.
# pyright: reportUnknownVariableType=false, reportUnknownArgumentType=false, reportUnknownParameterType=false
# pyright: reportUnknownMemberType=false, reportAttributeAccessIssue=false

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from xbopt.core.arrays import BoolArray, IntArray
from xbopt.core.errors import UsageError
from xbopt.core.learnt_rows import id_hashes
from xbopt.core.text_hashes import hashed

if TYPE_CHECKING:
    import pyarrow as pa

WHOLE_EPISODES = 30
"""With fewer episodes in a log, the steps of an episode are its groups: one side would else stay empty."""
_SALT = np.uint64(0x68_6F_6C_64_2D_6F_75_74)  # the letters of "hold-out"
_FIRST, _SECOND = np.uint64(0xBF58_476D_1CE4_E5B9), np.uint64(0x94D0_49BB_1331_11EB)


def checked_hold_out(share: float) -> float:
    """A share to hold out, above 0 and below 1.

    Raises:
        UsageError: It is outside.
    """
    if not 0.0 < share < 1.0:
        raise UsageError(f"hold_out is {share:g}; a share of the rows between 0 and 1 is wanted, as in 0.5.")
    return float(share)


def held_out(names: ArrayLike, share: float) -> BoolArray:
    """Which rows are kept for judging ``(n,)``; learn from the others.

    Args:
        names: What each row belongs to, such as its customer ``(n,)``: texts or whole numbers.
        share: Share of the names to hold out, above 0 and below 1.

    Raises:
        UsageError: The share is outside.
    """
    return in_share(id_hashes(names), checked_hold_out(share))


def in_share(hashes: IntArray, share: float) -> BoolArray:
    """Which hashes of names ``(n,)`` fall within a share; mixed once more, so that no other use of them is met."""
    mixed = hashes.view(np.uint64) ^ _SALT
    for shift, factor in ((np.uint64(30), _FIRST), (np.uint64(27), _SECOND)):
        mixed = (mixed ^ (mixed >> shift)) * factor
    mixed ^= mixed >> np.uint64(31)
    # The upper 53 bits as a number in [0, 1).
    return np.asarray((mixed >> np.uint64(11)).astype(np.float64) * 2.0**-53 < share)


def held_out_decisions(episode_id: NDArray[np.str_], step: IntArray, share: float) -> BoolArray:
    """Which decisions of a decision log are kept for judging ``(n,)``, given all episodes and steps of it ``(n,)``."""
    import pyarrow as pa

    episode = pa.array(episode_id.tolist(), type=pa.string())
    return in_share(group_hashes(episode, pa.array(step), episodes=len(np.unique(episode_id))), share)


def group_hashes(episode: "pa.Array", step: "pa.Array", *, episodes: int) -> IntArray:
    """Hash of the group of each decision of a decision log ``(n,)``: its episode, or a step of it where there are few.

    Args:
        episode: Name of each decision's episode ``(n,)``.
        step: Its step ``(n,)``.
        episodes: Episodes in the whole log.
    """
    import pyarrow as pa
    from pyarrow import compute

    if episodes >= WHOLE_EPISODES:
        return hashed(episode)
    return hashed(compute.binary_join_element_wise(episode, step.cast(pa.string()), "|"))
