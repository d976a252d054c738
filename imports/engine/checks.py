"""What is looked at once all rows of a file were read: was it whole, and can its figures be trusted."""

from xbopt.imports.engine.recognise import first_name
from xbopt.imports.engine.rows import FUTURE_DAY, LONG_ROW, NO_DATA, NO_DAY, RowReader, is_sum_of
from xbopt.imports.refusals import RefusedFileError

_MOST_UNREAD = 0.05
_MOST_LONG = 0.01
_STRAY = 0.01
_NO_MONEY = {
    "media": "Rows tell no spend: it is unknown there, and adds nothing.",
    "transactions": "Lines of orders tell no revenue: it is unknown there, and adds nothing.",
    "refunds": "Refunds tell no amount: it is unknown there, and adds nothing.",
}
_AS_IT_IS = "what is there is taken"


def check_columns(reader: RowReader) -> None:
    """Refuse a file that lacks a column without which nothing can be imported.

    Raises:
        RefusedFileError: It lacks one; the profile says what to do.
    """
    fit = reader.opened.fit
    for name, column in fit.profile.fields.items():
        if column.required and name not in fit.columns and column.constant is None:
            remedy = column.without or f"Export it with the column {first_name(column)!r}."
            raise RefusedFileError(reader.opened.source.name, f"missing_{name}", f"{remedy}")


def check_file(reader: RowReader) -> None:
    """Refuse a file that is cut off, or most of which cannot be read; note what a reader must know.

    Raises:
        RefusedFileError: It is; ``code`` says why.
    """
    tally, profile = reader.tally, reader.profile
    if not tally.read - sum(tally.dropped[rule] for rule in NO_DATA):
        reader.refuse("no_rows", "It has a head and no rows. Choose the right account and period, and export it again.")
    _check_formulas(reader)
    _check_head(reader)
    _check_whole(reader)
    _check_days(reader)
    if tally.dropped[LONG_ROW] > _MOST_LONG * tally.read:
        reader.refuse("shifted_cells",
            f"{tally.dropped[LONG_ROW]:,} of its rows have more cells than the head, so that cells stand under wrong "
            "names: a separator within a cell is not in quotation marks. Export it again.", "these rows are left out",
        )  # fmt: skip
    for name, unread in tally.unread.items():
        if not unread or profile.fields[name].kind in ("date", "time"):
            continue
        header = reader.values.header(name)
        if profile.fields[name].kind == "money" and unread > _MOST_UNREAD * tally.cells[name]:
            _refuse_amounts(reader, name, header)
        tally.note("unread_cells", f"Cells of the column {header!r} that cannot be read count as unknown.", unread)
    for name, broken in tally.fractions.items():
        if broken > _STRAY * tally.cells[name]:
            reader.refuse("broken_counts",
                f"{broken:,} of {tally.cells[name]:,} cells of its column {reader.values.header(name)!r} are no whole "
                "numbers, as when a spreadsheet took the sign of thousands for a decimal point. Export it anew, and do "
                "not open it in a spreadsheet before.", "they are rounded",
            )  # fmt: skip
    for name, rows in (+tally.unknown_values).items():
        # Which values they are is not said: where columns are mixed up they may be persons.
        as_what = "as pending, which is no sale" if name == "status" else "as unknown"
        header = reader.values.header(name)
        tally.note("unknown_values", f"Values of the column {header!r} that are not known count {as_what}.", rows)
    if tally.damaged:
        if reader.opened.encoding.startswith("utf"):
            tally.note(
                "damaged_letters", "Letters were damaged when it was saved again; figures are not.", tally.damaged
            )
        else:
            reader.refuse("mixed_encodings",
                f"Parts of it are in UTF-8 and others in {reader.opened.encoding}, as where files were joined. Import "
                "them one by one.", "some letters stay damaged, and figures are right",
            )  # fmt: skip
    if tally.alike:
        tally.note(
            "rows_alike",
            "Rows that are alike in every column that is read are added up. Where the file was joined from exports "
            "that overlap, import these one by one: then they count once.",
            tally.alike,
        )
    if tally.contacts:
        tally.note(
            "contacts_removed",
            "Texts that held an e-mail address or a telephone number were emptied; ids with one got a pseudonym.",
            tally.contacts,
        )
    if tally.streets:
        tally.note(
            "streets_removed", "Regions that look like a street with its number, or are too long, were emptied.",
            tally.streets,
        )  # fmt: skip
    if tally.long_numbers:
        tally.note(
            "long_numbers",
            "Numbers of 10 to 13 digits in texts may be telephone numbers; a pseudonym stands in the place of each.",
            tally.long_numbers,
        )
    for table, rows in (+tally.no_money).items():
        if rows < tally.money_rows[table]:
            tally.note("no_money", _NO_MONEY[table], rows)
    for i, trap in enumerate(profile.traps):
        rows = tally.traps[i]
        if not rows or rows <= trap.share * tally.kept:
            continue
        if trap.refuse:
            reader.refuse(trap.code, trap.sentence, trap.accepted)
        tally.note(trap.code, trap.sentence, rows)
    if len(tally.currencies) > 1:
        tally.note(
            "mixed_currencies",
            f"Amounts are in {', '.join(sorted(tally.currencies))}, each row in its own; they are added up at the rate "
            "of the day.",
        )


def _refuse_amounts(reader: RowReader, name: str, header: str) -> None:
    """Refuse a file many of whose amounts cannot be read; what to do hangs on why."""
    tally = reader.tally
    unread, there = tally.unread[name], tally.cells[name]
    what = f"{unread:,} of {there:,} cells of its column {header!r} are no amounts"
    if 2 * tally.other_sign[name] > unread:
        raise RefusedFileError(
            reader.opened.source.name, "mixed_numbers",
            f"{what}, but would be with the other decimal sign, as when a spreadsheet saved a part of the file again. "
            "Export it anew, and do not open it in a spreadsheet before.",
        )  # fmt: skip
    if 2 * unread > there:
        raise RefusedFileError(
            reader.opened.source.name, "unreadable_numbers",
            f"{what}: another column may be meant (--columns {name}=HEADER), or the file was changed. Export it anew.",
        )  # fmt: skip
    reader.refuse("unreadable_numbers", f"{what}. Export it anew.", "they count as unknown")


def check_kept(reader: RowReader) -> None:
    """Refuse a file of which nothing was kept.

    Raises:
        RefusedFileError: Nothing was.
    """
    if not reader.tally.kept:
        rules = ", ".join(f"{rows:,} {rule}" for rule, rows in reader.tally.dropped.items())
        raise RefusedFileError(reader.opened.source.name, "no_rows", f"None of its rows can be used ({rules}).")


def _check_days(reader: RowReader) -> None:
    """Days that are no days are damage; rows that leave the day out may be headings of their own."""
    tally = reader.tally
    days = [name for name, column in reader.profile.fields.items() if column.kind in ("date", "time")]
    unread = max((tally.unread[name] for name in days if name in ("date", "time")), default=0)
    late = tally.dropped[FUTURE_DAY]
    half = 0.5 * tally.read
    if late > _MOST_UNREAD * tally.read:
        turned = any(each.startswith("Dates in") for each in reader.settled.assumed)
        reader.refuse("future_dates",
            f"{late:,} of its {tally.read:,} rows are of days that have not come yet. "
            + ("Say whether day or month comes first, --dates DMY or --dates MDY; " if turned else "Export it anew; ")
            + "and see that this machine's clock is right.",
            "these rows are left out" if late < half else "",
        )  # fmt: skip
    if unread > _MOST_UNREAD * tally.read or tally.dropped[NO_DAY] > half:
        reader.refuse("unreadable_days",
            f"{tally.dropped[NO_DAY]:,} of its {tally.read:,} rows have no day that can be read. Export it anew, "
            "with days as 2026-09-03.",
            "these rows are left out" if tally.dropped[NO_DAY] < half else "",
        )  # fmt: skip


def _check_formulas(reader: RowReader) -> None:
    unsaved = +reader.tally.unsaved
    if not unsaved:
        return
    columns = ", ".join(dict.fromkeys(repr(reader.values.header(name)) for name in unsaved))
    raise RefusedFileError(
        reader.opened.source.name,
        "formulas_unsaved",
        f"Cells of {columns} hold formulas without a result, as where a program wrote the "
        "workbook. Open it in a spreadsheet, save it, and import it again.",
    )


def _check_head(reader: RowReader) -> None:
    """Columns in whose place another one may be meant: two of one name, and such as share a head of two rows."""
    tally = reader.tally
    for name, rows in (+tally.twins).items():
        reader.refuse("column_twice",
            f"Its column {reader.values.header(name)!r} stands there more than once, and {rows:,} rows have other "
            "figures in it. Export it with the one that is meant, or give the other another name.", "the first is read",
        )  # fmt: skip
    parts = ", ".join(repr(reader.values.header(name)) for name in +tally.beside)
    if parts or tally.has_second_head:
        what = f"numbers stand beside {parts} in columns without a name" if parts else "its first row is words"
        reader.refuse("two_row_head",
            f"Its head has two rows, as where cells were merged: {what}. Export it with one name above each column.",
            "columns without a name are not read, and the first row is left out",
        )  # fmt: skip


def _check_whole(reader: RowReader) -> None:
    tally = reader.tally
    again = "Export it again."
    if tally.short_at_end and tally.short <= max(1, 0.01 * tally.read):
        reader.refuse("cut_file", f"Its last row ends in the middle: the file is cut off. {again}", _AS_IT_IS)
    data = tally.read - sum(tally.dropped[rule] for rule in NO_DATA)
    # What platforms call a row may be an order and not a line, so that fewer are declared than stand there.
    if tally.declared is not None and data < tally.declared:
        reader.refuse(
            "cut_file",
            f"It says that it has {tally.declared:,} rows, and {data:,} are there: it is cut off. {again}",
            _AS_IT_IS,
        )
    if not tally.totals:
        return
    if tally.sums and not any(tally.totals):
        tally.note("totals_unread", "Its row of totals tells no sum, so that nothing says whether rows are missing.")
        return
    names = tally.sums.keys()
    agrees = any(
        all(is_sum_of(total[name], tally.sums[name], data) for name in names if name in total) for total in tally.totals
    )
    if not agrees and names:
        shown = max(names, key=lambda name: abs(tally.sums[name]))
        stated = max((total.get(shown, 0.0) for total in tally.totals), default=0.0)
        reader.refuse(
            "totals_differ",
            f"Its row of totals says {stated:,.2f} for {reader.values.header(shown)!r}, and its rows sum up to "
            f"{tally.sums[shown]:,.2f}: rows are missing, as in a file that is cut off, or filtered. {again}",
            _AS_IT_IS,
        )
