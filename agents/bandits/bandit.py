"""What all contextual bandits share: checked settings and input, draws with exact propensities, saving."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import TypeAlias, TypeVar

import numpy as np
from numpy.typing import ArrayLike

from xbopt.agents.bandits.compiled import draw, first_bad_row
from xbopt.agents.bandits.linear_models import LinearModels
from xbopt.agents.bandits.storage import Setting, State, write_state
from xbopt.core.arrays import FloatArray, IntArray
from xbopt.core.errors import PolicyError, UsageError
from xbopt.core.learnt_rows import LearntRows
from xbopt.core.randomness import named_generator

StateArrays: TypeAlias = Mapping[str, FloatArray | IntArray]
_CHECK = "check"
Number = TypeVar("Number", int, float)


def checked_share(name: str, value: float) -> float:
    """A share within 0..1.

    Raises:
        UsageError: It is outside.
    """
    if not 0.0 <= value <= 1.0:
        raise UsageError(f"{name} is {value:g}; a share from 0 to 1 is wanted.")
    return float(value)


def checked_size(name: str, value: float) -> float:
    """A finite number of 0 or more.

    Raises:
        UsageError: It is not.
    """
    if not 0.0 <= value < np.inf:
        raise UsageError(f"{name} is {value:g}; a finite number of 0 or more is wanted.")
    return float(value)


def checked_positive(name: str, value: float) -> float:
    """A finite number above 0.

    Raises:
        UsageError: It is not.
    """
    if not 0.0 < value < np.inf:
        raise UsageError(f"{name} is {value:g}; a finite number above 0 is wanted.")
    return float(value)


def checked_count(name: str, value: int) -> int:
    """A whole number of at least 1.

    Raises:
        UsageError: It is smaller.
    """
    if value < 1:
        raise UsageError(f"{name} is {value}; a whole number of at least 1 is wanted.")
    return int(value)


def setting(default: Number, check: Callable[[str, Number], Number]) -> Number:
    """A field of a bandit with the range that its values keep."""
    return field(default=default, metadata={_CHECK: check})


@dataclass(kw_only=True, eq=False)
class Bandit(ABC):
    """A contextual bandit: it chooses among ``K`` actions by a context of ``d`` features, and learns from rewards.

    Attributes:
        n_actions: ``K``, at least 1.
        n_features: ``d``, at least 1. A constant feature has to be among them where an intercept is wanted.
        seed: Seed of the bandit's own draws, 0 or more.
        models: What is learned: linear models of features, one an action.
        learnt_on: The rows of logs that it learnt from; none of them may judge it. Rewards of its own decisions, as
            ``update`` gets them one after the other, are not among them: their propensities were those of the draw.

    Raises:
        UsageError: A setting is outside its range, or numba is not installed.
    """

    n_actions: int
    n_features: int
    seed: int = 0
    models: LinearModels = field(init=False, repr=False)
    learnt_on: LearntRows = field(init=False, repr=False, default_factory=LearntRows)

    def __post_init__(self) -> None:
        """Check every setting."""
        self.n_actions = checked_count("n_actions", self.n_actions)
        self.n_features = checked_count("n_features", self.n_features)
        for one in fields(self):
            check: Callable[[str, float], float] | None = one.metadata.get(_CHECK)
            if check is not None:
                setattr(self, one.name, check(one.name, getattr(self, one.name)))
        self._rng = named_generator(self.seed, "bandit")
        self._rows = 0

    @property
    def settings(self) -> Mapping[str, Setting]:
        """Arguments of the class by name, as they are saved."""
        return {one.name: getattr(self, one.name) for one in fields(self) if one.init} | {"seed": int(self.seed)}

    @property
    def rows_seen(self) -> int:
        """Number of rows that ``update`` was given."""
        return self._rows

    @property
    @abstractmethod
    def probability_floor(self) -> float:
        """A probability below which no action ever falls, whatever the context; 0 where none is promised."""

    @abstractmethod
    def _probabilities(self, context: FloatArray) -> FloatArray:
        """Action probabilities ``(n, K)`` of a context of the right shape; refuses values that are not finite."""

    def _features(self, context: FloatArray) -> FloatArray:
        """What the linear models read of a checked context: the context itself, unless a class says otherwise."""
        return context

    def predict(self, context: FloatArray) -> FloatArray:
        """Expected reward of every action ``(n, K)`` for contexts ``(n, d)``.

        Raises:
            PolicyError: The context has another shape, or holds a value that is no finite number.
        """
        return self.models.means(self._features(self._checked(context)))

    def uncertainty(self, context: FloatArray) -> FloatArray:
        """Standard deviation of every prediction ``(n, K)``, for rewards whose noise has a standard deviation of 1.

        Raises:
            PolicyError: The context has another shape, or holds a value that is no finite number.
        """
        return np.sqrt(self.models.variances(self._features(self._checked(context))))

    def _learn(self, context: FloatArray, action: IntArray, reward: FloatArray, weight: FloatArray) -> None:
        """Learn from checked rows."""
        self.models.learn(context, action, reward[:, None], weight)

    def arrays(self) -> StateArrays:
        """Everything that was learned, by name; the arrays themselves, not copies."""
        return self.models.arrays()

    def _restore(self, arrays: StateArrays) -> None:
        """Take over what ``arrays`` gave, of the same shapes."""
        self.models.restore(arrays)

    def probabilities(self, context: ArrayLike) -> FloatArray:
        """Probability of every action ``(n, K)`` for contexts ``(n, d)``; rows sum to 1.

        Raises:
            PolicyError: The context has another shape, or holds a value that is no finite number.
        """
        return self._probabilities(self._shaped(context))

    def act(self, context: ArrayLike, rng: np.random.Generator | None = None) -> IntArray:
        """Draw an action for each row ``(n,)``.

        Args:
            context: ``(n, d)``.
            rng: Where the draws come from; the bandit's own stream where left out.

        Raises:
            PolicyError: The context has another shape, or holds a value that is no finite number.
        """
        return self.act_with_propensity(context, rng)[0]

    def act_with_propensity(
        self, context: ArrayLike, rng: np.random.Generator | None = None
    ) -> tuple[IntArray, FloatArray]:
        """Draw an action for each row, and give the probability with which it was drawn: ``(n,)`` each.

        Raises:
            PolicyError: The context has another shape, or holds a value that is no finite number.
        """
        probabilities = self._probabilities(self._shaped(context))
        generator = self._rng if rng is None else rng
        # Arrays are made here and filled there: that is cheaper for one row than taking them back.
        rows = len(probabilities)
        uniforms, chosen, propensity = np.empty(rows), np.empty(rows, dtype=np.int64), np.empty(rows)
        generator.random(out=uniforms)
        draw(probabilities, uniforms, chosen, propensity)
        return chosen, propensity

    def update(
        self, context: ArrayLike, action: ArrayLike, reward: ArrayLike, *, weight: ArrayLike | None = None
    ) -> None:
        """Learn what actions brought.

        How rows are cut into calls does not matter, but for rounding. One row is one step of time.

        Args:
            context: ``(n, d)``.
            action: Positions of the chosen actions ``(n,)``, 0..K-1.
            reward: What they brought ``(n,)``.
            weight: How much a row counts ``(n,)``, 0 or more; 1 where left out.

        Raises:
            PolicyError: The context has another shape, or holds a value that is no finite number.
            UsageError: Actions, rewards or weights have another length, or a value outside their range.
        """
        rows = self._checked(context)
        actions, rewards = self._checked_actions(action, len(rows)), checked_row(reward, "reward", len(rows))
        self._learn(rows, actions, rewards, checked_weight(weight, len(rows)))
        self._rows += len(rows)

    def save(self, path: Path | str) -> None:
        """Write the bandit to a file; what is loaded from it continues bit for bit.

        Raises:
            UsageError: The file cannot be written there.
        """
        write_state(Path(path), self._state())

    def _state(self) -> State:
        return State(
            kind=type(self).__name__,
            settings=dict(self.settings),
            rows=self._rows,
            generator=self._rng.bit_generator.state,
            arrays=dict(self.arrays()),
            learnt_on=self.learnt_on,
        )

    def __reduce__(self) -> "tuple[Callable[[type[Bandit], State], Bandit], tuple[type[Bandit], State]]":
        """Copy and pickle as ``save`` and ``load_bandit`` do; attribute by attribute, arrays would lose their views."""
        return _revived, (type(self), self._state())

    @classmethod
    def with_settings(cls, settings: Mapping[str, Setting]) -> "Bandit":
        """A new bandit of this class from its constructor's arguments by name.

        Raises:
            UsageError: An argument is unknown, missing, or outside its range.
        """
        try:
            return cls(**settings)  # pyright: ignore[reportArgumentType] - each class checks its own
        except TypeError as error:
            raise UsageError(f"{cls.__name__}: {error}") from error

    def take_over(self, state: State, *, where: str) -> None:
        """Continue from what was saved by a bandit with the same settings.

        Raises:
            PolicyError: The state does not fit.
        """
        for name, array in self.arrays().items():
            saved = state.arrays.get(name)
            if saved is None or saved.shape != array.shape or saved.dtype != array.dtype:
                found = "missing" if saved is None else f"{saved.dtype} of shape {saved.shape}"
                raise PolicyError(f"{where}: array {name} is {found}; {array.dtype} of shape {array.shape} is wanted.")
        self._restore(state.arrays)
        self._rows = state.rows
        self.learnt_on = state.learnt_on
        try:
            self._rng.bit_generator.state = state.generator
        except (KeyError, TypeError, ValueError) as error:
            raise PolicyError(f"{where}: the state of its random generator is broken.") from error

    def _checked(self, context: ArrayLike) -> FloatArray:
        return self._finite(self._shaped(context))

    def _shaped(self, context: ArrayLike) -> FloatArray:
        try:
            rows = np.ascontiguousarray(context, dtype=np.float64)
        except (TypeError, ValueError) as error:
            raise PolicyError(f"The context is no array of numbers: {error}.") from error
        if rows.ndim != 2 or rows.shape[1] != self.n_features:
            raise PolicyError(f"The context has shape {rows.shape}; (n, {self.n_features}) is wanted.")
        return rows

    def _finite(self, context: FloatArray) -> FloatArray:
        bad = first_bad_row(context)
        if bad >= 0:
            raise not_finite(context, bad)
        return context

    def _checked_actions(self, action: ArrayLike, rows: int) -> IntArray:
        given = np.asarray(action)
        if given.shape != (rows,) or (given.dtype.kind not in "iu" and rows):
            raise UsageError(f"action is {given.dtype} of shape {given.shape}; whole numbers ({rows},) are wanted.")
        actions = np.ascontiguousarray(given, dtype=np.int64)
        if rows and not (actions.min() >= 0 and actions.max() < self.n_actions):
            bad = int(np.argmax((actions < 0) | (actions >= self.n_actions)))
            raise UsageError(f"action is {actions[bad]} at row {bad}; 0..{self.n_actions - 1} is wanted.")
        return actions


def _revived(kind: type[Bandit], state: State) -> Bandit:
    """A bandit that continues from a state, bit for bit."""
    bandit = kind.with_settings(state.settings)
    bandit.take_over(state, where=kind.__name__)
    return bandit


def not_finite(context: FloatArray, row: int) -> PolicyError:
    """The error that names a value that is no finite number, or too large to square."""
    values = context[row]
    bad = ~np.isfinite(values)
    column = int(np.argmax(bad)) if bad.any() else int(np.argmax(np.abs(values)))
    return PolicyError(
        f"The context holds {values[column]:g} at row {row}, feature {column}; "
        "finite numbers are wanted, whose squares are finite too."
    )


def checked_row(values: ArrayLike, name: str, rows: int) -> FloatArray:
    """Finite numbers ``(rows,)``.

    Raises:
        UsageError: They are of another shape, or not finite; ``name`` says which array.
    """
    try:
        array = np.ascontiguousarray(values, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise UsageError(f"{name} is no array of numbers: {error}.") from error
    if array.shape != (rows,):
        raise UsageError(f"{name} has shape {array.shape}; ({rows},) is wanted.")
    finite = np.isfinite(array)
    if not finite.all():
        bad = int(np.argmin(finite))
        raise UsageError(f"{name} is {array[bad]} at row {bad}; finite numbers are wanted.")
    return array


def checked_weight(weight: ArrayLike | None, rows: int) -> FloatArray:
    """Weights ``(rows,)`` of 0 or more; 1 where none are given.

    Raises:
        UsageError: They are of another shape, not finite, or negative.
    """
    if weight is None:
        return np.ones(rows)
    array = checked_row(weight, "weight", rows)
    if rows and array.min() < 0.0:
        raise UsageError(f"weight is {array.min():g} at row {int(array.argmin())}; 0 or more is wanted.")
    return array
