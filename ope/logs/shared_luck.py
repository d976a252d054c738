"""Whether rows that have something in common share their draw or their luck, and columns that nobody gave a role.

For two rows i, j of one group, drawn one after the other, ``1(a_i = a_j) / p_j(a_j)`` has expectation at most 1 if
action j was drawn anew, whatever the propensities are, and 1 over the propensity if both took one draw. A mean far
above 1 says that arms were drawn by group.

Rewards share luck by group where the cluster-robust error of their mean is larger than the plain one (Moulton 1990,
"An illustration of a pitfall in estimating the effects of aggregate variables on micro units").
"""

# pyarrow ships without complete type information, so that much of what it returns has no known type here.
# pyright: reportUnknownVariableType=false, reportUnknownArgumentType=false, reportUnknownMemberType=false

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from xbopt.core.arrays import FloatArray, IntArray
from xbopt.core.errors import DecisionLogError
from xbopt.ope.logs.clusters import ENOUGH_CLUSTERS, ClusterCounts, ClusterRule
from xbopt.ope.logs.conversion import texts
from xbopt.ope.logs.duplicates import hashed
from xbopt.ope.logs.files import LogPart, RawBatch, read_part
from xbopt.ope.logs.rows import ForeignRows, LogRows
from xbopt.ope.results.findings import Figure, Finding

_ROWS = 50_000
"""Rows from the start of a log that are looked at: draws by group are seen in some hundred pairs."""
_ID_WORD = re.compile(
    r"(^|[_\W])(id|uid|uuid|guid|hash|customer|client|user|member|visitor|household|account|session|email|mail_address"
    r"|cookie|device|subscriber|patient|person|buyer|shopper|store|shop)s?($|[_\W])",
    re.IGNORECASE,
)
_CAMEL = re.compile(r"(?<=[a-z])(?=[A-Z])")
_FEWEST_PAIRS = 30
_FEWEST_IDS = 20
_REPEATED = 0.05  # share of rows that repeat an id, from which on it is worth a word
_AT_ONCE = 16  # columns read together, so that memory stays flat
_FAR = 4.0
_ONE_DRAW = 1.5  # one draw a group makes the mean about K; a column of any name may be moved by the action a little
_TIMES = 1.25  # factor between the two errors of the mean reward from which on it matters
_BEYOND_CHANCE = 3.0


@dataclass(frozen=True, slots=True)
class SharedDraws:
    """How often consecutive rows of one group took the same action.

    Attributes:
        pairs: Pairs of consecutive rows of one group.
        mean: Mean of 1(same action) / propensity; at most 1 where each action was drawn anew.
        z: (mean - 1) over its standard error.
    """

    pairs: int
    mean: float
    z: float

    @property
    def are_seen(self) -> bool:
        """Whether arms were clearly drawn by group."""
        return self.pairs >= _FEWEST_PAIRS and self.z > _FAR and self.mean > 1.1

    @property
    def are_excluded(self) -> bool:
        """Whether enough pairs say that actions were drawn anew."""
        return self.pairs >= 10 * _FEWEST_PAIRS and self.z < 2.0


def shared_draws(group: IntArray, action: IntArray, propensity: FloatArray) -> SharedDraws:
    """Compare rows with the one before of their group; all arguments ``(n,)`` in the order of the log."""
    order = np.argsort(group, kind="stable")
    same = group[order][1:] == group[order][:-1]
    before, after = order[:-1][same], order[1:][same]
    pairs = len(after)
    if not pairs:
        return SharedDraws(0, 0.0, 0.0)
    off = np.where(action[before] == action[after], 1.0 / propensity[after], 0.0) - 1.0
    error = float(np.sqrt(off @ off))
    return SharedDraws(pairs, 1.0 + float(off.mean()), float(off.sum()) / error if error > 0.0 else 0.0)


@dataclass(frozen=True, slots=True)
class SharedRewards:
    """How much less certain the mean reward is where rows of one group share luck.

    Attributes:
        times: Cluster-robust standard error of the mean over the plain one.
        z: The excess of the one square over the other, over its standard error.
    """

    times: float
    z: float

    @property
    def are_seen(self) -> bool:
        """Whether luck is clearly shared, and by enough to matter."""
        return self.times > _TIMES and self.z > _BEYOND_CHANCE


def shared_rewards(group: IntArray, reward: FloatArray) -> SharedRewards:
    """Compare the two errors of the mean reward; arguments ``(n,)``."""
    if not len(reward):
        return SharedRewards(1.0, 0.0)
    off = reward - reward.mean()
    off = off / max(float(np.abs(off).max()), np.finfo(np.float64).tiny)  # squares of squares stay finite
    code = np.unique(group, return_inverse=True)[1].ravel()
    plain = np.bincount(code, off * off)
    excess = np.bincount(code, off) ** 2 - plain  # a group's products of two rows; 0 on average where luck is its own
    total, error = float(plain.sum()), float(np.sqrt(excess @ excess))
    if not (total > 0.0 and error > 0.0):
        return SharedRewards(1.0, 0.0)
    together = float(excess.sum())
    return SharedRewards(float(np.sqrt(max(1.0 + together / total, 0.0))), together / error)


@dataclass(frozen=True, slots=True)
class FirstRows:
    """The first rows of a foreign log.

    Attributes:
        rows: Batches of them.
        raw: The same with all columns that were asked for.
    """

    rows: tuple[LogRows, ...]
    raw: tuple[RawBatch, ...]

    @classmethod
    def of(cls, parts: Sequence[LogPart], converter: ForeignRows, extra: Sequence[str] = ()) -> "FirstRows":
        """Read them; a row that is wrong is an error here as it is later."""
        rows: list[LogRows] = []
        raw: list[RawBatch] = []
        for part in parts:
            for batch in read_part(part, list(dict.fromkeys([*converter.columns, *extra]))):
                rows.append(converter.rows(batch, (), checked=False))
                raw.append(batch)
                if sum(map(len, rows)) >= _ROWS:
                    return cls(tuple(rows), tuple(raw))
        return cls(tuple(rows), tuple(raw))

    def draws(self, groups: Sequence[IntArray]) -> SharedDraws | None:
        """Whether draws are shared by group, an array a batch; None where the log has no propensities."""
        data = [rows.data for rows in self.rows]
        stated = [one.propensity for one in data if one.propensity is not None]
        if len(stated) < len(data):
            return None
        return shared_draws(
            np.concatenate(groups), np.concatenate([one.action for one in data]), np.concatenate(stated)
        )

    def rewards(self, groups: Sequence[IntArray]) -> SharedRewards:
        """Whether complete rewards share luck by group, an array a batch."""
        data = [rows.data for rows in self.rows]
        complete = [np.ones(len(one), np.bool_) if one.observed is None else one.observed for one in data]
        kept = np.concatenate(complete)
        return shared_rewards(np.concatenate(groups)[kept], np.concatenate([one.reward for one in data])[kept])

    def groups(self, name: str) -> list[IntArray] | None:
        """A number for each value of a column, an array a batch; None for moments, lists and fractions."""
        import pyarrow as pa

        if any(pa.types.is_temporal(batch.columns[name].type) for batch in self.raw):
            return None
        try:
            return [hashed(texts(batch, name, may_be_empty=True).fill_null("")) for batch in self.raw]
        except DecisionLogError:
            return None


def id_columns(names: Sequence[str]) -> list[str]:
    """Columns whose name says that they tell persons, households, sessions or the like apart."""
    return [name for name in names if _ID_WORD.search(_CAMEL.sub("_", name))]


def repeated_ids(parts: Sequence[LogPart], converter: ForeignRows, names: Sequence[str]) -> tuple[Finding, ...]:
    """What columns that play no role say of rows that count as independent.

    CAUTION where arms were drawn by one of them, whatever its name, for then neither value nor difference has a right
    interval; or where rewards share luck by one whose name says that it tells persons or the like apart (another column
    may be an outcome). Advice where the values of such a column merely repeat.
    """
    free = [name for name in names if name not in converter.columns]
    ids = id_columns(free)
    repeated: list[tuple[float, Finding]] = []
    for name, first, groups in _groupings(parts, converter, [*ids, *(name for name in free if name not in ids)]):
        rows, distinct = sum(map(len, groups)), len(np.unique(np.concatenate(groups)))
        if distinct < _FEWEST_IDS or rows - distinct < _REPEATED * rows:
            continue
        draws = first.draws(groups)
        figures: dict[str, Figure] = {"column": name, "rows": rows, "distinct": distinct}
        if draws is not None and draws.are_seen and (name in ids or draws.mean > _ONE_DRAW):
            return (Finding(code="drawn_by_id", level="caution", figures=figures), _name_it(name))
        if name not in ids:
            continue
        luck = first.rewards(groups)
        if luck.are_seen:
            caution = Finding(code="luck_by_id", level="caution", figures={**figures, "times": luck.times})
            repeated.append((luck.times, caution))
        else:
            repeated.append((0.0, Finding(code="repeated_id", level="advice", figures=figures)))
    if not repeated:
        return ()
    worst = max(repeated, key=lambda pair: pair[0])[1]
    return (worst,) if worst.level == "advice" else (worst, _name_it(str(worst.figures["column"])))


def _groupings(
    parts: Sequence[LogPart], converter: ForeignRows, names: Sequence[str]
) -> Iterator[tuple[str, FirstRows, list[IntArray]]]:
    """Columns that may tell rows apart, with the first rows and a number for each value; a few are read at once."""
    for start in range(0, len(names), _AT_ONCE):
        some = names[start : start + _AT_ONCE]
        first = FirstRows.of(parts, converter, some)
        for name in some:
            groups = first.groups(name)
            if groups is not None:
                yield name, first, groups


def _name_it(name: str) -> Finding:
    return Finding(code="name_cluster", level="advice", figures={"column": name})


def with_default_clusters(
    parts: Sequence[LogPart], converter: ForeignRows, counts: ClusterCounts
) -> tuple[ForeignRows, tuple[str, ...]]:
    """The converter with the clusters that ``xbopt.ope.logs.clusters`` finds, and the rule in a sentence."""
    candidates = list(counts.candidates())
    if not candidates:
        return converter, ()
    rule, found = candidates[0]
    why = "rows of one may share luck, and its arm may have been drawn once"
    if found < ENOUGH_CLUSTERS:
        coarse = replace(converter, cluster=rule)
        first = FirstRows.of(parts, coarse)
        draws = first.draws([rows.data.cluster for rows in first.rows if rows.data.cluster is not None])
        finer = next((one for one, number in candidates[1:] if number >= ENOUGH_CLUSTERS), None)
        if finer is not None and draws is not None and draws.are_excluded:
            why = f"of {_named(rule, converter)} there are only {found}, and actions within one were drawn anew"
            rule = finer
    words = f"Rows of one {_named(rule, converter)} count as one cluster: {why}. Another choice: --columns cluster=..."
    return replace(converter, cluster=rule), (words,)


def _named(rule: ClusterRule, converter: ForeignRows) -> str:
    return rule.name(unit=converter.roles.one("unit") or "unit")
