"""The distribution of tactics: independent choices in every cell, all cells at once.

stable-baselines3 keeps one categorical distribution an entry. A menu of four components in 24 cells is 96 of them, and
each is several small tensor operations. Cells have the same components, so one operation a component does.
"""

import torch


class CellChoices:
    """Categorical choices ``(B, A)`` from logits ``(B, P)``; entries in the order cells, components.

    Args:
        logits: ``(B, P)``, for each cell the components' logits one after the other.
        sizes: Number of choices of each component of a cell ``(D,)``.
    """

    def __init__(self, logits: torch.Tensor, sizes: tuple[int, ...]) -> None:
        by_cell = logits.reshape(len(logits), -1, sum(sizes))
        self._log = [torch.log_softmax(part, dim=2) for part in torch.split(by_cell, list(sizes), dim=2)]

    def sample(self) -> torch.Tensor:
        """Draws."""
        rows, cells, _ = self._log[0].shape
        drawn = [torch.multinomial(log.exp().flatten(0, 1), 1).reshape(rows, cells) for log in self._log]
        return torch.stack(drawn, dim=2).flatten(1)

    def mode(self) -> torch.Tensor:
        """The likeliest choices; the first of equals."""
        return torch.stack([log.argmax(dim=2) for log in self._log], dim=2).flatten(1)

    def log_prob(self, actions: torch.Tensor) -> torch.Tensor:
        """Log probability of each entry ``(B, A)``."""
        chosen = actions.long().reshape(len(actions), -1, len(self._log))
        own = [log.gather(2, chosen[:, :, d : d + 1])[:, :, 0] for d, log in enumerate(self._log)]
        return torch.stack(own, dim=2).flatten(1)

    def entropy(self) -> torch.Tensor:
        """Entropy of all entries together ``(B,)``."""
        return -torch.stack([(log.exp() * log).sum(dim=(1, 2)) for log in self._log]).sum(dim=0)
