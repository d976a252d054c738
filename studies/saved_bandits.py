"""A bandit that was learnt from logs and saved, as a policy that can be asked about the decisions of a log."""

from dataclasses import dataclass
from pathlib import Path

from xbopt.agents.bandits.bandit import Bandit
from xbopt.agents.bandits.kinds import load_bandit
from xbopt.core.arrays import FloatArray
from xbopt.core.decisions.policy import PolicyKind
from xbopt.core.errors import PolicyError
from xbopt.ope.logs.evaluation_log import EvaluationLog
from xbopt.ope.logs.log_policy import LogPolicy, PolicyIdentity
from xbopt.ope.logs.policies import FromContext


@dataclass(frozen=True, slots=True, kw_only=True)
class BanditFromContext:
    """A bandit that reads the context of a log as it stands there.

    Attributes:
        bandit: The bandit; its probabilities are those with which it would draw.
        name: Name in reports.
        kind: What sort of policy it is.
    """

    bandit: Bandit
    name: str
    kind: PolicyKind = "bandit"

    def probabilities_from_context(self, context: FloatArray, names: tuple[str, ...]) -> FloatArray:
        """Probability of each action ``(n, K)`` given contexts ``(n, d)`` with these names.

        Raises:
            PolicyError: The bandit reads another number of features.
        """
        if len(names) != self.bandit.n_features:
            raise PolicyError(
                f"{self.name} reads {self.bandit.n_features} features, and the log's context has {len(names)}: "
                f"{', '.join(names)}. It can be asked about logs like the one that it learnt from."
            )
        return self.bandit.probabilities(context)


def saved_bandit(path: Path, log: EvaluationLog) -> LogPolicy:
    """The policy in a file that ``Bandit.save`` wrote. The rows that it learnt from cannot judge it.

    Raises:
        PolicyError: There is no such file, it is damaged, or it is for another number of features or actions.
    """
    bandit = load_bandit(path, n_actions=len(log.action_labels), n_features=len(log.context_names))
    return FromContext(
        notes=(f"{path.name} reads the log's context in the order of its columns: {', '.join(log.context_names)}.",),
        identity=PolicyIdentity.of_path(path, "saved bandit"),
        policy=BanditFromContext(bandit=bandit, name=path.name),
        names=log.context_names,
        n_actions=len(log.action_labels),
    )
