"""Sessions that no people made: click streams of machines, and rows that contradict themselves."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Literal

import polars as pl

from xbopt.calibration.customers.cleaning import in_canonical_columns
from xbopt.imports.tables import SESSIONS

SessionRule = Literal[
    "missing_date",
    "future_date",
    "exact_duplicate",
    "sessions_missing_or_negative",
    "more_orders_than_sessions",
    "robots",
]
SPIKE_FACTOR, LEAST_DAYS = 8.0, 14
"""A day with so many times the usual sessions of its country and channel, known from so many days, is looked at."""
IDLE_FACTOR = 0.25
"""It is called robots if the share of its sessions that were engaged (else: that ordered) is below so much of usual."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CleanedSessions:
    """Sessions of people.

    Attributes:
        sessions: Rows kept, canonical columns.
        rows_in: Rows given; those kept and those by rule add up to it.
        rows: Rows taken, by rule.
        sessions_of: Sessions of these rows, by rule.
    """

    sessions: pl.DataFrame
    rows_in: int
    rows: Mapping[SessionRule, int]
    sessions_of: Mapping[SessionRule, int]


def clean_sessions(sessions: pl.DataFrame, as_of: date | None = None) -> CleanedSessions:
    """Apply the rules one after the other; the order of the rows does not matter.

    Args:
        sessions: Columns of `SESSIONS`; those that are left out count as unknown.
        as_of: Last day that can have happened.

    Raises:
        CalibrationError: A column holds what its kind cannot be.
    """
    rows = in_canonical_columns(sessions, SESSIONS)
    same = [name for name in SESSIONS if name != "source"]
    count = pl.col("sessions")
    late = pl.lit(value=False) if as_of is None else pl.col("date") > as_of
    rules: Mapping[SessionRule, pl.Expr] = {
        "missing_date": pl.col("date").is_null(),
        "future_date": late,
        "exact_duplicate": ~pl.struct(same).is_first_distinct(),
        "sessions_missing_or_negative": count.is_null() | (count < 0),
        "more_orders_than_sessions": pl.col("orders") > count,
        "robots": _robots(),
    }
    given, taken, hits = rows.height, dict[SessionRule, int](), dict[SessionRule, int]()
    for rule, expression in rules.items():
        mask = rows.select(expression.fill_null(value=False)).to_series()
        taken[rule], hits[rule] = int(mask.sum()), int(rows.filter(mask)["sessions"].sum())
        rows = rows.filter(~mask)
    return CleanedSessions(sessions=rows, rows_in=given, rows=taken, sessions_of=hits)


def _robots() -> pl.Expr:
    place = ["country", "channel"]
    sessions = pl.col("sessions")
    useful = pl.coalesce("engaged", "orders")
    share = useful / sessions
    usual = useful.sum().over(place) / pl.when(useful.is_not_null()).then(sessions).sum().over(place)
    spike = (sessions > SPIKE_FACTOR * sessions.median().over(place)) & (pl.len().over(place) >= LEAST_DAYS)
    # A usual share that the spike itself drags down still lies far above the spike's own.
    return spike & (sessions > 0) & (share < IDLE_FACTOR * share.median().over(place)) & (usual > 0.0)
