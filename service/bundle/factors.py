"""The factors of a decision in ``schema.json``: their names, levels and places, from and to the project's own type."""

from collections.abc import Mapping, Sequence

import numpy as np

from xbopt.core.decisions.factors import FactorKind, Factors
from xbopt.core.errors import BundleError
from xbopt.service.bundle.formats import SCHEMA, Strict


class Factor(Strict, frozen=True, kw_only=True):
    """One factor of a decision; a level of each is drawn for itself.

    Attributes:
        name: Its name along the axis ``A``.
        kind: What it moves.
        labels: A readable name for each of its levels, from least to most.
        neutral: The level that leaves the anchor's decision as it is.
        region: The region that it is about; empty for all of them.
        segment: The segment; empty for all of them.
        channel: The channel; empty for all of them.
    """

    name: str
    kind: FactorKind
    labels: list[str]
    neutral: int
    region: str = ""
    segment: str = ""
    channel: str = ""


_PLACES = (("R", "region"), ("S", "segment"), ("C", "channel"))


def describe_factors(factors: Factors, axes: Mapping[str, Sequence[str]]) -> list[Factor]:
    """Factors as the schema lists them; ``axes`` names regions, segments and channels."""
    return [
        Factor(
            name=factors.names[i],
            kind=factors.kinds[i],
            labels=list(factors.labels[i]),
            neutral=int(factors.neutral[i]),
            region=_named(axes["R"], int(factors.places[i, 0])),
            segment=_named(axes["S"], int(factors.places[i, 1])),
            channel=_named(axes["C"], int(factors.places[i, 2])),
        )
        for i in range(len(factors))
    ]


def _named(names: Sequence[str], place: int) -> str:
    return names[place] if place >= 0 else ""


def read_factors(listed: Sequence[Factor], axes: Mapping[str, Sequence[str]]) -> Factors:
    """Factors from the schema's list.

    Raises:
        BundleError: They are not those of the axes ``A`` and ``L``, or name what the other axes do not.
    """
    if [one.name for one in listed] != list(axes["A"]):
        raise BundleError(f"{SCHEMA} describes other factors than it names along A.")
    places = np.full((len(listed), len(_PLACES)), -1, dtype=np.int64)
    for i, one in enumerate(listed):
        if not 2 <= len(one.labels) <= len(axes["L"]) or not 0 <= one.neutral < len(one.labels):
            raise BundleError(
                f"{SCHEMA}: the factor {one.name} has {len(one.labels)} levels and the neutral one {one.neutral}; 2 to "
                f"{len(axes['L'])} levels are possible, and a neutral one among them."
            )
        for position, (axis, word) in enumerate(_PLACES):
            name = getattr(one, word)
            if name and name not in axes[axis]:
                raise BundleError(f"{SCHEMA}: the factor {one.name} is about the {word} {name!r}, which there is not.")
            places[i, position] = list(axes[axis]).index(name) if name else -1
    levels = np.array([len(one.labels) for one in listed], dtype=np.int64)
    if levels.max() != len(axes["L"]):
        raise BundleError(f"{SCHEMA} names {len(axes['L'])} levels along L; its factors have {levels.max()} at most.")
    return Factors(
        names=tuple(one.name for one in listed),
        kinds=tuple(one.kind for one in listed),
        levels=levels,
        neutral=np.array([one.neutral for one in listed], dtype=np.int64),
        labels=tuple(tuple(one.labels) for one in listed),
        places=places,
    )
