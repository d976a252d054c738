"""Independent choices of ordinal levels: a discretised Gaussian for each entry of an action.

``P(k) ~ exp(-(k - mu)^2 / (2 sigma^2))`` over the levels ``k`` of an entry. Neighbours mean nearly the same, so what
is learnt of one is learnt of its neighbours; with a free logit a level each would be learnt for itself (compare the
ordinal parameterisation of Tang, Agrawal 2020, AAAI 34, 5981-5988).
"""

import torch


class OrdinalChoices:
    """Levels ``(B, A)`` from locations ``(B, A)`` and scales.

    Args:
        locations: ``mu``, in levels from 0 ``(B, A)``.
        scales: ``sigma``, in levels ``(A,)``.
        exists: 1 where an entry has a level, 0 beyond its last one ``(A, L)``.
    """

    def __init__(self, locations: torch.Tensor, scales: torch.Tensor, exists: torch.Tensor) -> None:
        level = torch.arange(exists.shape[1], dtype=locations.dtype)
        self._exists = exists > 0.0
        apart = (level - locations[..., None]) / scales[:, None]
        self._logits = torch.where(self._exists, -0.5 * apart**2, torch.full_like(apart, -torch.inf))
        self._log = torch.log_softmax(self._logits, dim=2)

    @property
    def library_logits(self) -> torch.Tensor:
        """The logits of all levels, entry after entry, as stable-baselines3 lays them out ``(B, sum of levels)``."""
        return self._logits[:, self._exists]

    def sample(self) -> torch.Tensor:
        """Draws ``(B, A)``."""
        rows, entries, _ = self._log.shape
        return torch.multinomial(self._log.exp().flatten(0, 1), 1).reshape(rows, entries)

    def mode(self) -> torch.Tensor:
        """The likeliest levels ``(B, A)``; the lower of two equals."""
        return self._log.argmax(dim=2)

    def log_prob(self, actions: torch.Tensor) -> torch.Tensor:
        """Log probability of each entry ``(B, A)``."""
        return self._log.gather(2, actions.long()[..., None])[..., 0]

    def entropy(self) -> torch.Tensor:
        """Entropy of all entries together ``(B,)``."""
        finite = torch.where(self._exists, self._log, torch.zeros_like(self._log))
        return -(self._log.exp() * finite).sum(dim=(1, 2))
