"""Numbers in place of choices, as a Gymnasium wrapper that can be pickled and made again from a specification."""

import gymnasium
import numpy as np
from gymnasium.spaces import Box, MultiDiscrete
from gymnasium.utils import RecordConstructorArgs

from xbopt.core.arrays import IntArray
from xbopt.core.errors import UsageError
from xbopt.env.actions import Actions, levels_of
from xbopt.env.features import Float32Array


class ScaledActions(
    gymnasium.ActionWrapper[Float32Array, Actions, Actions],
    RecordConstructorArgs,
):
    """Takes a number from -1 to 1 for each choice, evenly spaced; the nearest choice is played."""

    def __init__(self, env: gymnasium.Env[Float32Array, Actions]) -> None:
        """Wrap an environment of choices.

        Raises:
            UsageError: Its actions are numbers already.
        """
        RecordConstructorArgs.__init__(self)
        gymnasium.ActionWrapper.__init__(self, env)
        space = env.action_space
        if not isinstance(space, MultiDiscrete):
            raise UsageError("The actions are numbers from -1 to 1 already.")
        self._choices: IntArray = np.asarray(space.nvec, dtype=np.int64)
        self.action_space = Box(low=-1.0, high=1.0, shape=self._choices.shape, dtype=np.float32)

    def action(self, action: Actions) -> Actions:
        """The choices ``(A,)`` nearest to numbers ``(A,)``.

        Raises:
            DecisionError: A value is no number.
        """
        return levels_of(np.asarray(action, dtype=np.float64), self._choices)
