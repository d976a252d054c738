"""The policy that wrote a log, as it drew; or the same policy with another share of exploration.

A row's draw is a mixture: with a share ``e`` any allowed action, each alike; else the policy's own choice ``c``:

    ``p(a) = (1 - e) c(a) + e / m``  for the ``m`` allowed actions, 0 for all others.

Given ``e`` and the allowed actions, ``c`` follows, and with it the policy that explores another share. A log states
both in the columns ``exploration`` and ``allowed``. Without them a least probability is taken for exploration that is
the same in all rows, for a number of possible actions, and leaves one action a row as the policy's choice. One that
moves from row to row is part of that choice, as a softmax's is, and one that leaves several actions may be a randomised
test's: then nothing tells what the policy would do without exploring.
"""

from dataclasses import dataclass, field, replace

import numpy as np

from xbopt.core.arrays import BoolArray, FloatArray, IntArray
from xbopt.core.errors import PolicyError, SupportError
from xbopt.ope.logs.evaluation_log import EvaluationLog
from xbopt.ope.logs.log_policy import Answers, LogPolicy, PolicyIdentity
from xbopt.ope.logs.rows import LogRows
from xbopt.ope.results.findings import Finding

_ALL = 1.0 - 1e-9
"""From here on a row holds nothing but exploration."""
_ROUNDING = 1e-7
"""What rounding to half the digits (float32) leaves of a probability that is 0."""
_SAME = 1e-6
"""Shares that differ by less are the same share."""
NAME_THE_COLUMN = (
    "If it explored, say with which share: a column of the role exploration (--columns exploration=NAME), and where "
    "some actions were forbidden, one of the role allowed."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class LoggedProbabilities(LogPolicy):
    """The policy that wrote the log; or the same policy with another share of exploration.

    Attributes:
        exploration: Share of uniform exploration over the allowed actions; None for that of the log.
    """

    exploration: float | None = None

    def answers(self) -> Answers:
        """What the log itself says, explored differently where that is asked."""
        return self._logged

    def _logged(self, rows: LogRows) -> FloatArray:
        """Probabilities ``(n, K)``.

        Raises:
            PolicyError: The log does not say them.
            SupportError: A row holds nothing but exploration.
        """
        table = _table(rows)
        if self.exploration is None:
            return table
        allowed, share = drawn_from(rows, table)
        count = allowed.sum(axis=1)
        # Rows that the policy did not draw stay as they are, and so do those that left no choice.
        free = ~np.isnan(share) & (count > 1)
        lost = free & (share > _ALL) & (self.exploration < _ALL)
        if lost.any():
            row = int(rows.numbers[np.argmax(lost)]) + 1
            raise SupportError(
                f"{rows.place}: row {row} was drawn uniformly from the allowed actions, so what the policy itself "
                "would have done is not known. Ask the policy: --policy RUN_DIR, or a BUNDLE that was exported with "
                "the share of exploration that you mean."
            )
        part = (share / count)[:, None]
        own = np.where(allowed, table - part, 0.0)
        own = np.where(np.abs(own) <= _ROUNDING, 0.0, own)
        left = own.sum(axis=1, keepdims=True)
        choice = np.divide(own, left, out=np.zeros_like(own), where=free[:, None] & (left > 0.0))
        mixed = (1.0 - self.exploration) * choice + self.exploration * allowed / count[:, None]
        return np.where(free[:, None], mixed, table)


def drawn_from(rows: LogRows, table: FloatArray) -> tuple[BoolArray, FloatArray]:
    """Which actions could be drawn ``(n, K)``, and the share of the draw that was uniform over them ``(n,)``.

    Without the column ``exploration`` the least probability of a possible action is the share; ``logging_policy`` has
    made sure that it may be taken for one.
    """
    allowed, share = rows.data.allowed, rows.exploration
    if share is None:
        allowed = table > 0.0 if allowed is None else allowed
        return allowed, allowed.sum(axis=1) * np.where(allowed, table, 1.0).min(axis=1)
    if allowed is None:
        # Whatever could be drawn has its part of the share; where none was explored, nothing says what was forbidden.
        allowed = (table > 0.0) | ~(share > 0.0)[:, None]
    return allowed, share


def logging_policy(log: EvaluationLog, exploration: float | None) -> LoggedProbabilities:
    """The policy that wrote a log.

    Args:
        log: The log.
        exploration: Share of uniform exploration; None for that of the log.

    Raises:
        PolicyError: The share is not within 0..1, or the log does not say the probability of every action.
        SupportError: The log does not tell what is exploration and what the policy's own choice.
    """
    if exploration is None:
        return LoggedProbabilities(name="logging", identity=PolicyIdentity.of_name("logging"))
    if not 0.0 <= exploration <= 1.0:
        raise PolicyError(f"exploration is {exploration:g}; a share from 0 to 1 is wanted.")
    name = f"logging+explore{exploration:g}"
    policy = LoggedProbabilities(name=name, exploration=exploration, identity=PolicyIdentity.of_name(name))
    if log.states_exploration:
        return policy
    shares = _Shares.of(log)
    if shares.most == 1 and exploration > 0.0:
        raise SupportError(
            f"{log.path}: in every row one action was certain, so which others the policy could explore is not known. "
            f"{NAME_THE_COLUMN}"
        )
    if not shares.by_count:
        return policy
    found = ", ".join(f"{low:.1%} over {count}" for count, (low, _) in sorted(shares.by_count.items())[:5])
    note = (
        f"The log does not state how much it explored; the least probability of every row is taken for it: {found} "
        "possible actions."
    )
    return replace(policy, findings=shares.findings, notes=() if shares.findings else (note,))


def _table(rows: LogRows) -> FloatArray:
    table = rows.data.action_probabilities
    if table is None:
        raise PolicyError(
            f"{rows.place}: the log has the probability of the action that was taken, not of the others, so the "
            "policy that wrote it is not known in full. Name the column: --columns action_probabilities=..."
        )
    return table


@dataclass(slots=True)
class _Shares:
    """Shares of exploration that least probabilities imply.

    Attributes:
        by_count: Least and greatest share by number of possible actions.
        most: The largest such number.
        leaves_several: Whether some row has several actions left when its share is taken away.
    """

    by_count: dict[int, tuple[float, float]] = field(default_factory=dict[int, tuple[float, float]])
    most: int = 1
    leaves_several: bool = False

    @classmethod
    def of(cls, log: EvaluationLog) -> "_Shares":
        """Of all rows but those drawn uniformly, which tell no share, and those with one possible action."""
        found = cls()
        for part in log.parts():
            for rows in log.rows(part):
                table = _table(rows)
                allowed, share = drawn_from(rows, table)
                count: IntArray = allowed.sum(axis=1)
                found.most = max(found.most, int(count.max()))
                mixed = (count > 1) & (share <= _ALL)
                spread = 1.0 - table.max(axis=1) - share * (count - 1) / count > _SAME
                found.leaves_several |= bool((mixed & spread).any())
                for size in np.unique(count[mixed]).tolist():
                    those = share[mixed & (count == size)]
                    low, high = found.by_count.get(size, (1.0, 0.0))
                    found.by_count[size] = min(low, float(those.min())), max(high, float(those.max()))
        return found

    @property
    def findings(self) -> tuple[Finding, ...]:
        """The reason to refuse where these are no shares of exploration."""
        low, high = min(low for low, _ in self.by_count.values()), max(high for _, high in self.by_count.values())
        differ = any(high - low > _SAME for low, high in self.by_count.values())
        if not differ and not self.leaves_several:
            return ()
        figures = {"low": low, "high": high}
        code = "share_differs" if differ else "share_leaves_several"
        return (
            Finding(code=code, level="refuse", figures=figures),
            Finding(code="state_exploration", level="advice"),
        )
