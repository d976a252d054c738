"""The decimal sign of a file: what the forms of its numbers prove, and what its columns mean.

``1.234`` is open by its form. A count is whole, and so is an amount of a currency without minor units: there the sign
can only group, which settles the file.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import polars as pl

from xbopt.core.spreadsheets.numbers import Decimal, decimal_evidence, undressed
from xbopt.imports.engine.cells import by_text, currency_code
from xbopt.imports.profile import ProfileField
from xbopt.imports.refusals import RefusedFileError, UnreadFileError

_STRAY = 0.01
"""So small a part of a column's cells may have another decimal sign; they count as unknown."""
_WHOLE_MONEY = frozenset("BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX VND VUV XAF XOF XPF".split())
"""Currencies without minor units (ISO 4217)."""
_OTHER: Mapping[Decimal, Decimal] = {".": ",", ",": "."}


@dataclass(slots=True)
class _Seen:
    """What the distinct texts of a column say.

    Attributes:
        proven: How many prove a decimal sign by their form, as 12.5 or 1,234.56.
        open: How many are open, by the sign that they hold.
        whole: How many of the open ones stand for whole numbers, so that their sign groups.
        is_ungrouped: Whether a number from a thousand on has no sign that groups.
    """

    proven: dict[Decimal, int] = field(default_factory=lambda: dict[Decimal, int]({".": 0, ",": 0}))
    open: dict[Decimal, int] = field(default_factory=lambda: dict[Decimal, int]({".": 0, ",": 0}))
    whole: dict[Decimal, int] = field(default_factory=lambda: dict[Decimal, int]({".": 0, ",": 0}))
    is_ungrouped: bool = False

    @property
    def meant(self) -> Decimal | None:
        """The decimal sign that follows from what the column holds; None where its forms prove one, or nothing does."""
        grouping: list[Decimal] = [sign for sign, texts in self.whole.items() if texts]
        if any(self.proven.values()) or self.is_ungrouped or len(grouping) != 1:
            return None
        return _OTHER[grouping[0]]


@dataclass(slots=True)
class DecimalSurvey:
    """Gathers the evidence of a file, batch by batch.

    Attributes:
        separator: What separates its columns; None for a workbook.
        currency: Of its amounts, where no column says it.
    """

    separator: str | None
    currency: str | None
    _seen: dict[str, _Seen] = field(default_factory=dict[str, _Seen])

    @property
    def is_settled(self) -> bool:
        """Whether more rows could change nothing."""
        return any(seen.proven["."] for seen in self._seen.values())

    def look(self, name: str, column: ProfileField, rows: pl.DataFrame) -> list[str]:
        """Take up a column's texts; those that no machine wrote, for who looks at signs of currencies."""
        texts = rows[name].drop_nulls().unique()
        seen = self._seen.setdefault(name, _Seen())
        pointed = texts.str.contains(r"^[+-]?\d+\.(\d{1,2}|\d{4,})$")
        plain = texts.str.contains(r"^[+-]?\d+$")
        seen.proven["."] += int(pointed.sum())
        seen.is_ungrouped = seen.is_ungrouped or bool(texts.filter(plain).str.contains(r"\d{4}").any())
        whole = frozenset(self._whole(name, column, rows).drop_nulls().unique().to_list())
        others = texts.filter(~pointed & ~plain).to_list()
        for text in others:
            evidence = decimal_evidence(text)
            if evidence == "open":
                sign: Decimal = "." if "." in undressed(text).digits else ","
                seen.open[sign] += 1
                seen.whole[sign] += text in whole
            elif evidence is not None:
                seen.proven[evidence] += 1
        return others

    def _whole(self, name: str, column: ProfileField, rows: pl.DataFrame) -> pl.Series:
        """The texts of a column that stand for whole numbers."""
        if column.kind == "count":
            return rows[name]
        if column.kind != "money":
            return rows[name].clear()
        if "currency" not in rows.columns:
            return rows[name] if self.currency in _WHOLE_MONEY else rows[name].clear()
        codes = by_text(rows["currency"], currency_code, pl.String)
        whole = codes.is_in(sorted(_WHOLE_MONEY)).fill_null(value=False)
        # Orders say their currency on one of their lines.
        return rows[name] if codes.count() and int(whole.sum()) == codes.count() else rows[name].filter(whole)

    def settle(
        self, file: str, answer: str | None, assumed: list[str], asked: set[str]
    ) -> tuple[Decimal, Mapping[str, Decimal]]:
        """The decimal sign of the file, and that of columns that have another one throughout.

        Args:
            file: Its name, for messages.
            answer: What the user says.
            assumed: Takes sentences on what was assumed.
            asked: Takes ``--decimal`` where the answer was taken.

        Raises:
            UnreadFileError: Nothing settles it.
            RefusedFileError: Numbers are written in both ways.
        """
        said: Decimal | None = None if answer is None else "," if answer == "," else "."
        signs: dict[str, Decimal] = {}
        for name, seen in self._seen.items():
            points, commas = seen.proven["."], seen.proven[","]
            if min(points, commas) > _STRAY * (points + commas):
                raise _mixed(file, (name,))
            if points + commas:
                signs[name] = "." if points > commas else ","
        meant: dict[str, Decimal] = {
            name: sign for name, seen in self._seen.items() if (sign := seen.meant) is not None
        }
        if len({*meant.values(), *signs.values()}) > 1 and len(set(signs.values())) < 2:
            # A count as 1.234 beside a price of 12.50: one of them is not what it says.
            if said is None:
                raise _contradicted(file, meant, signs)
            asked.add("--decimal")
            return said, {}
        signs |= meant
        if not signs:
            return self._open(file, said, assumed, asked), {}
        commas = [name for name, sign in signs.items() if sign == ","]
        main: Decimal = "," if 2 * len(commas) > len(signs) else "."
        others: dict[str, Decimal] = {name: sign for name, sign in signs.items() if sign != main}
        if others:
            undecided = [name for name, seen in self._seen.items() if any(seen.open.values()) and name not in signs]
            if undecided:
                raise _mixed(file, (*undecided, *others))
            names = {".": "a decimal point", ",": "a decimal comma"}
            assumed.append(f"Numbers in {', '.join(others)} have {names[_OTHER[main]]}, all others {names[main]}.")
        return main, others

    def _open(self, file: str, said: Decimal | None, assumed: list[str], asked: set[str]) -> Decimal:
        every = self._seen.values()
        points, commas = (sum(seen.open[sign] for seen in every) for sign in (".", ","))
        if not points + commas:
            return "."
        if said is not None:
            asked.add("--decimal")
            return said
        if not points and self.separator == ",":
            assumed.append("1,234 is read as a thousand and more: a file separated by commas has a decimal point.")
            return "."
        if not commas and not any(any(seen.whole.values()) for seen in every) and any(s.is_ungrouped for s in every):
            assumed.append("1.234 is read as one and a bit: numbers from a thousand on have no sign that groups.")
            return "."
        shown = "1.234" if points else "1,234"
        thousand, bit = (",", ".") if points else (".", ",")
        raise UnreadFileError(
            file,
            "open_numbers",
            f"Nothing in it tells whether {shown} is one and a bit or a thousand and more. Export more days, or as a "
            f'workbook (.xlsx); or say what the decimal sign is: --decimal "{bit}" where {shown} is one and a bit, '
            f'--decimal "{thousand}" where it is a thousand and more.',
        )


def _mixed(file: str, names: Iterable[str]) -> RefusedFileError:
    return RefusedFileError(
        file,
        "mixed_numbers",
        f"In {', '.join(names)} some numbers have a decimal comma and others a decimal point, as when a "
        "spreadsheet saved the file again. Export it anew, and do not open it in a spreadsheet before.",
    )


def _contradicted(file: str, meant: Mapping[str, Decimal], signs: Mapping[str, Decimal]) -> RefusedFileError:
    """Whole numbers with a sign that groups, which other columns have for a decimal sign."""
    sign = next(iter(signs.values()), ",")
    against = [name for name, each in meant.items() if each != sign]
    shown = f"1{sign}234"
    names = {".": "a decimal point", ",": "a decimal comma"}
    return RefusedFileError(
        file,
        "mixed_numbers",
        f"In {', '.join(against)} {shown} can only be a thousand and more, since it is a whole number; other numbers "
        f"of the file have {names[sign]}, as when a spreadsheet saved the file again. Export it anew, and do not open "
        "it in a spreadsheet before.",
    )
