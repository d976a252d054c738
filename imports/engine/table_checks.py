"""What is looked at once the tables of a file are made: can its figures, days and rates be such."""

import polars as pl

from xbopt.imports.engine.odd_figures import days_below_0, missing_days, odd_figures
from xbopt.imports.engine.rows import RowReader
from xbopt.imports.engine.turned_days import turned_days
from xbopt.imports.plausible_rates import check_rates
from xbopt.imports.profile import TableKey
from xbopt.imports.refusals import RefusedFileError

_FEWEST_CLICKS = 10
_MOST_SAID = 3
_ECB = "eurofxref-hist.zip of the European Central Bank as it is"
_NO_ROWS = (
    "They count as days without spend where fewer than seven follow each other. If advertising ran, the export lacks "
    "them: export it again."
)
_BELOW_0 = {
    "transactions": "Sold lines with fewer than 1 piece count in no panel; money below 0 lowers revenue.",
    "refunds": "They lower what was paid back.",
}


def check_media_table(reader: RowReader, media: pl.DataFrame) -> None:
    """Refuse a report with more clicks than impressions, or with a day of a channel whose spend is below 0.

    Days without a row are noted.

    Raises:
        RefusedFileError: It has; clicks over all rows that tell both.
    """
    if reader.answers.countries and reader.tally.unplaced and not reader.tally.placed:
        words = ", ".join(reader.answers.countries)
        reader.tally.note("country_map_unused", f"No campaign without a country has {words} as a word of its name.")
    for day, channel, spend in days_below_0(media).head(1).iter_rows():
        reader.refuse("negative_days",
            f"{channel} spent {spend:,.2f} on {day}: single corrections may be below 0, a whole day cannot. Correct "
            "the file.", "such days count as they stand",
        )  # fmt: skip
    if (gaps := missing_days(media["date"])).len():
        said = f"Days within the file's period without any row: {gaps.len():,}, the first {gaps[0]}. {_NO_ROWS}"
        reader.tally.note("days_without_rows", said)
    both = media.filter(pl.col("clicks").is_not_null() & (pl.col("impressions") > 0))
    clicks, shown = int(both["clicks"].sum()), int(both["impressions"].sum())
    if clicks > max(shown, _FEWEST_CLICKS):
        reader.refuse(
            "clicks_exceed_impressions",
            f"It has {clicks:,} clicks of {shown:,} impressions: one of the columns is another one, or its sign of "
            'thousands was taken for a decimal point (--decimal "," or --decimal "." says what it is).',
            "what is there is taken",
        )


def check_figures(reader: RowReader, table: TableKey, rows: pl.LazyFrame) -> None:
    """Note figures below 0; refuse such as are beyond all others of their column.

    Raises:
        RefusedFileError: A few rows hold most of a column's sum, and a thousand times what is usual.
    """
    for odd in odd_figures(table, rows):
        header = reader.values.header(odd.column)
        if odd.kind == "below_0":
            said = (
                f"Figures of the column {header!r} are below 0: {odd.rows:,}, {odd.figure:,.2f} in all, the first on "
                f"{odd.first}. {_BELOW_0.get(table, 'They count as corrections.')}"
            )
            reader.tally.note("below_0", said, odd.rows)
        else:
            reader.refuse(
                "outlying_figures",
                f"Most of the sum of {header!r} stands in {odd.rows:,} of its rows, the first on {odd.first}: "
                f"{odd.figure:,.2f}, where {odd.usual:,.2f} is much. It was mistyped, or read with the wrong decimal "
                "sign. Correct it.",
                "such figures count as they stand",
            )


def check_orders_table(reader: RowReader, orders: pl.DataFrame) -> None:
    """Refuse orders some of whose days and months were turned round.

    Args:
        reader: The file.
        orders: Columns order_id, date.

    Raises:
        RefusedFileError: The numbers of the orders say so.
    """
    if turned := turned_days(orders):
        raise RefusedFileError(
            reader.opened.source.name, "mixed_dates",
            f"The days of {turned:,} orders lie months off their numbers, and would fit with day and month the other "
            "way round: dates of both orders stand in one file, as when a spreadsheet turned some of them. Export it "
            "anew, and do not open it in a spreadsheet before.",
        )  # fmt: skip


def check_rates_table(reader: RowReader, rates: pl.DataFrame) -> None:
    """Refuse exchange rates that cannot be such.

    Raises:
        RefusedFileError: A rate is not above 0, or far from what is known of its currency and year.
    """
    check = check_rates(rates)
    zero = [doubt.sentence for doubt in check.doubts if doubt.kind == "not_positive"]
    if zero:
        raise RefusedFileError(
            reader.opened.source.name,
            "rates_not_positive",
            f"{_some(zero)} Nothing can be divided by them. Take these rows out, or use {_ECB}.",
        )
    if check.doubts:
        reader.refuse(
            "doubtful_rates",
            f"{_some([doubt.sentence for doubt in check.doubts])} Mend the table, or use {_ECB}.",
            "the table is believed",
        )
    if check.unknown:
        reader.tally.note(
            "rates_unchecked",
            f"No rate of {', '.join(check.unknown)} is known here: these rates are taken as they are.",
        )


def _some(sentences: list[str]) -> str:
    """The first sentences, and how many there are besides."""
    rest = len(sentences) - _MOST_SAID
    return " ".join(sentences[:_MOST_SAID]) + (f" And {rest:,} more such." if rest > 0 else "")
