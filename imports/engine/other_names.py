"""The same figures under two names in files that overlap: what was renamed in between, and would count twice."""

from collections.abc import Collection, Mapping, Sequence

import polars as pl

from xbopt.imports.profile import TableKey
from xbopt.imports.refusals import RefusedFileError

SAME_FIGURES = "same_figures"
"""Code of the refusal, for ``--accept``."""
_FACT: Mapping[TableKey, Sequence[str]] = {
    "media": ("date", "hour", "platform", "country", "region", "segment", "margin", "currency"),
    "sends": ("date", "time", "platform"),
}
"""What a figure is about, beside names."""
_NAMES: Mapping[TableKey, Sequence[str]] = {
    "media": ("account", "campaign_id", "campaign", "channel", "zone", "attribution"),
    "sends": ("campaign_id", "campaign"),
}
_FIGURES: Mapping[TableKey, Sequence[str]] = {
    "media": ("spend", "impressions", "clicks"), "sends": ("recipients", "delivered", "opens", "clicks"),
}  # fmt: skip
"""The first one must be above 0: zeros are alike everywhere."""
_FEWEST = 2
_SAID = (
    "{count:,} rows of {a} and of {b} have the same figures on the same days under other names of campaigns, accounts "
    "or channels: what was renamed between two exports would count twice. Export both with the campaign's ID, or one "
    "file for the whole period into a new folder. If they are different campaigns: --accept {code}; both count."
)


def check_other_names(
    table: TableKey, rows: pl.LazyFrame, order: Sequence[str], names: Mapping[str, str], seen: Collection[str]
) -> None:
    """Refuse two sources that tell the same figures under two names on half of the days that both names have.

    Args:
        table: The table.
        rows: Its rows, every fact of one name once.
        order: Its sources as they were read.
        names: File by source.
        seen: Sources whose rows were compared with each other before.

    Raises:
        RefusedFileError: They do; ``code`` is `SAME_FIGURES`.
    """
    if table not in _FACT or len(order) < 2:
        return
    facts, figures = list(_FACT[table]), list(_FIGURES[table])
    told = rows.filter(pl.col(figures[0]) > 0)
    if table == "media":
        # Such a country is that of a word in the campaign's name.
        of_name = (pl.col("margin") == "campaign").fill_null(value=False)
        told = told.with_columns(pl.when(~of_name).then(pl.col("country")).alias("country"))
    held = (
        told.with_columns(who=pl.struct(_NAMES[table]).hash())
        .group_by("source", "who", *facts)
        .agg(pl.col(name).sum() for name in figures)
        .collect(engine="streaming")
    )
    equal = held.join(held, on=[*facts, *figures], nulls_equal=True).filter(pl.col("source") < pl.col("source_right"))
    pair = ["source", "source_right", "who", "who_right"]
    equal = equal.group_by(pair).agg(pl.len().alias("equal"))
    days = held.select("source", "who", *facts)
    both = (
        equal.join(days, on=["source", "who"])
        .join(days.rename({"source": "source_right", "who": "who_right"}), on=[*pair[1::2], *facts], nulls_equal=True)
        .group_by(pair)
        .agg(pl.len().alias("both"))
    )
    found = (
        equal.join(both, on=pair)
        .filter(2 * pl.col("equal") >= pl.col("both"))
        .filter(~(pl.col("source").is_in(list(seen)) & pl.col("source_right").is_in(list(seen))))
        .group_by("source", "source_right")
        .agg(pl.col("equal").sum())
        .filter(pl.col("equal") >= _FEWEST)
        .sort("source", "source_right")
    )
    for one, other, count in found.iter_rows():
        a, b = sorted((one, other), key=order.index)
        said = _SAID.format(count=count, a=names.get(a, a), b=names.get(b, b), code=SAME_FIGURES)
        raise RefusedFileError("", SAME_FIGURES, said)
