"""The rollout buffer of stable-baselines3, shuffled from a stream of ours instead of numpy's global generator."""

from collections.abc import Generator

import numpy as np
from stable_baselines3.common.buffers import RolloutBuffer
from stable_baselines3.common.type_aliases import RolloutBufferSamples


class SeededRolloutBuffer(RolloutBuffer):
    """A rollout buffer whose order of minibatches depends on ``shuffler`` alone."""

    shuffler: np.random.Generator

    def get(self, batch_size: int | None = None) -> Generator[RolloutBufferSamples]:
        """Minibatches in random order; a last short one is dropped, since its gradient would weigh too much."""
        assert self.full, "a rollout comes first"
        if not self.generator_ready:
            for name in ("observations", "actions", "values", "log_probs", "advantages", "returns"):
                setattr(self, name, self.swap_and_flatten(getattr(self, name)))
            self.generator_ready = True
        rows = self.buffer_size * self.n_envs
        size = min(batch_size or rows, rows)
        order = self.shuffler.permutation(rows)
        for start in range(0, rows - size + 1, size):
            yield self._get_samples(order[start : start + size])
