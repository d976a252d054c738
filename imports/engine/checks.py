"""What is looked at once all rows of a file were read: was it whole, and can its figures be trusted."""

from xbopt.imports.engine.recognise import first_name
from xbopt.imports.engine.rows import RowReader
from xbopt.imports.refusals import RefusedFileError

# A cent a row is what rounding can move, and a thousandth what platforms correct while they write.
_ROUNDING, _CORRECTION = 0.01, 1e-3
_MOST_UNREAD = 0.05
_MOST_QUOTED = 8


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
    if not tally.read - sum(tally.dropped[rule] for rule in ("totals", "no data: a remark or an explanation")):
        _refuse(
            reader, "no_rows", "It has a head and no rows. Choose the right account and period, and export it again."
        )
    _check_whole(reader)
    bad_days = sum(count for rule, count in tally.dropped.items() if "day" in rule)
    if bad_days > _MOST_UNREAD * tally.read:
        code = "future_dates" if tally.dropped["a day in the future"] * 2 > bad_days else "unreadable_days"
        _refuse(reader, code, f"{bad_days:,} of its {tally.read:,} rows have no day that can be read and has happened.")
    for name, unread in tally.unread.items():
        if not unread or profile.fields[name].kind in ("date", "time"):
            continue
        header = reader.header(name)
        if profile.fields[name].kind == "money" and unread > _MOST_UNREAD * tally.cells[name]:
            _refuse(
                reader, "unreadable_numbers",
                f"{unread:,} of {tally.cells[name]:,} cells of its column {header!r} are no amounts.",
            )  # fmt: skip
        tally.note("unread_cells", f"Cells of the column {header!r} that cannot be read count as unknown.", unread)
    for name, values in tally.unknown_values.items():
        shown = ", ".join(repr(value[:40]) for value, _ in values.most_common(_MOST_QUOTED))
        tally.note(
            "unknown_values",
            f"Values of the column {reader.header(name)!r} that are not known: {shown}.",
            values.total(),
        )
    if tally.e_mails:
        tally.note("e_mails_removed", "Texts that held an e-mail address were emptied.", tally.e_mails)
    for i, trap in enumerate(profile.traps):
        rows = tally.traps[i]
        if not rows or rows <= trap.share * tally.kept:
            continue
        if trap.refuse:
            _refuse(reader, trap.code, trap.sentence)
        tally.note(trap.code, trap.sentence, rows)
    if len(tally.currencies) > 1:
        tally.note(
            "mixed_currencies",
            f"Amounts are in {', '.join(sorted(tally.currencies))}, each row in its own; they are never added up without "
            "exchange rates (--rates FILE).",
        )


def _check_whole(reader: RowReader) -> None:
    tally = reader.tally
    again = "Export it again."
    if tally.short_at_end and tally.short <= max(1, 0.01 * tally.read):
        _refuse(reader, "cut_file", f"Its last row ends in the middle: the file is cut off. {again}")
    data = tally.read - sum(
        tally.dropped[rule] for rule in ("totals", "no data: a remark or an explanation", "the head once more")
    )
    # What platforms call a row may be an order and not a line, so that fewer are declared than stand there.
    if tally.declared is not None and data < tally.declared:
        _refuse(
            reader,
            "cut_file",
            f"It says that it has {tally.declared:,} rows, and {data:,} are there: it is cut off. {again}",
        )
    if not tally.totals:
        return
    names = tally.sums.keys()
    slack = {name: _ROUNDING * (data + 1) + _CORRECTION * abs(tally.sums[name]) for name in names}
    agrees = any(
        all(abs(total[name] - tally.sums[name]) <= slack[name] for name in names if name in total)
        for total in tally.totals
    )
    if not agrees and names:
        shown = max(names, key=lambda name: abs(tally.sums[name]))
        stated = max((total.get(shown, 0.0) for total in tally.totals), default=0.0)
        _refuse(
            reader,
            "totals_differ",
            f"Its row of totals says {stated:,.2f} for {reader.header(shown)!r}, and its rows sum up to "
            f"{tally.sums[shown]:,.2f}: rows are missing, as in a file that is cut off, or filtered. {again}",
        )


def _refuse(reader: RowReader, code: str, message: str) -> None:
    """Refuse, or note what was accepted."""
    if code in reader.answers.accept:
        reader.tally.note(code, f"Accepted: {message}")
        return
    remedy = "" if code in ("no_rows",) else f" To read it all the same: --accept {code}."
    raise RefusedFileError(reader.opened.source.name, code, f"{message}{remedy}")
