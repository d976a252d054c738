"""What is settled once for a whole file: its decimal sign, the order of day and month, the signs of money."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta

import polars as pl

from xbopt.core.spreadsheets.dates import FORMS, DateForm, possible_forms
from xbopt.core.spreadsheets.numbers import Decimal, currencies_of
from xbopt.imports.engine.cells import NUMBER_KINDS, day_texts
from xbopt.imports.engine.decimals import DecimalSurvey
from xbopt.imports.profile import Profile
from xbopt.imports.refusals import RefusedFileError, UnreadFileError

FIRST_DAY = date(1995, 1, 1)
# Which of day and month comes first where a currency is used.
_ORDER_BY_CURRENCY: Mapping[str, str] = {
    "USD": "MM/DD/YYYY",
    "PHP": "MM/DD/YYYY",
    **dict.fromkeys(
        "EUR GBP CHF AUD NZD INR SGD MYR THB IDR VND BRL MXN ARS TRY PLN CZK HUF RON DKK NOK SEK ILS AED SAR".split(),
        "DD/MM/YYYY",
    ),
}
_SERIALS = frozenset({"days since 1900", "days since 1904"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Settled:
    """How the cells of a file are to be read.

    Attributes:
        decimal: The decimal sign of most columns.
        decimals: That of columns that have another one throughout, as where a spreadsheet took a part for texts.
        dates: The form of each field of days or times.
        currency: The currency that signs in the amounts prove; None where they prove none.
        assumed: What was assumed for it, as sentences.
        asked: Options of the command line whose answer was taken.
    """

    decimal: Decimal
    decimals: Mapping[str, Decimal]
    dates: Mapping[str, DateForm]
    currency: str | None
    assumed: tuple[str, ...] = ()
    asked: frozenset[str] = frozenset()

    def decimal_of(self, name: str) -> Decimal:
        """The decimal sign of a field's column."""
        return self.decimals.get(name, self.decimal)


@dataclass(slots=True)
class Survey:
    """Gathers evidence batch by batch until more of it could change nothing."""

    profile: Profile
    separator: str | None
    today: date
    currency: str | None = None
    signs: set[frozenset[str]] = field(default_factory=set[frozenset[str]])
    days: dict[str, set[str]] = field(default_factory=dict[str, set[str]])
    halves: bool = False
    _numbers: DecimalSurvey = field(init=False)

    def __post_init__(self) -> None:
        self._numbers = DecimalSurvey(self.separator, self.currency)

    def look(self, rows: pl.DataFrame) -> bool:
        """Take up the texts of some rows, one column a field; True once everything is settled."""
        for name, column in self.profile.fields.items():
            if name not in rows.columns:
                continue
            if column.kind in NUMBER_KINDS:
                unplain = self._numbers.look(name, column, rows)
                if column.kind == "money":
                    self.signs.update(codes for text in unplain if (codes := currencies_of(text)))
            elif column.kind in ("date", "time"):
                self.halves = self.halves or bool(rows[name].str.contains(r"(?i)\d\s*[ap]\.?m\.?\b").any())
                self.days.setdefault(name, set()).update(day_texts(rows[name]).drop_nulls().unique().to_list())
        one_form = all(len(self._forms(texts)) <= 1 for texts in self.days.values())
        return one_form and (self.profile.decimal is not None or self._numbers.is_settled)

    def _forms(self, texts: Iterable[str]) -> Sequence[DateForm]:
        return possible_forms(sorted(texts), FIRST_DAY, self.today + timedelta(days=1))

    def settle(self, file: str, *, machine_numbers: bool, decimal: str | None, dates: str | None) -> Settled:
        """What the evidence says; what it leaves open follows from the profile, the user's word, or the currency.

        Raises:
            UnreadFileError: Nothing settles how numbers or dates are to be read.
            RefusedFileError: The file mixes currencies, or forms of dates.
        """
        assumed: list[str] = []
        asked: set[str] = set()
        proven = self._currency(file)
        fixed: Decimal | None = "." if machine_numbers else self.profile.decimal
        one_sign: Mapping[str, Decimal] = {}
        main, others = (fixed, one_sign) if fixed is not None else self._numbers.settle(file, decimal, assumed, asked)
        return Settled(
            decimal=main,
            decimals=others,
            dates={
                name: self._date_form(file, name, self.currency or proven, dates, assumed, asked) for name in self.days
            },
            currency=proven,
            assumed=tuple(assumed),
            asked=frozenset(asked),
        )

    def _currency(self, file: str) -> str | None:
        if not self.signs:
            return None
        first, *others = self.signs
        common = first.intersection(*others)
        if not common and "currency" not in self.profile.fields:
            raise RefusedFileError(
                file,
                "mixed_currencies",
                "Its amounts carry signs of several currencies, and no column says which is which. Export one file a "
                "currency, or with a column of currency codes.",
            )
        return next(iter(common)) if len(common) == 1 else None

    def _date_form(
        self, file: str, name: str, currency: str | None, order: str | None, assumed: list[str], asked: set[str]
    ) -> DateForm:
        texts = self.days[name]
        if not texts:
            return FORMS[0]
        forms = self._forms(texts)
        if not forms:
            return self._main_form(file, name, texts)
        if len(forms) == 1:
            return forms[0]
        fixed = self.profile.date_order or (self.profile.date_order_12h if self.halves else None)
        if {form.name for form in forms} <= _SERIALS:
            assumed.append(f"Numbers in {name} are read as days since 1900, as Excel counts them on Windows.")
            return forms[0]
        if order is not None:
            asked.add("--dates")
        wanted = {"DMY": "DD/MM/YYYY", "MDY": "MM/DD/YYYY"}.get(order or fixed or "")
        if order is None and fixed is not None:
            assumed.append(f"Dates in {name} are read as {wanted}, as is usual in files of {self.profile.title}.")
        # AM and PM speak for the month first, so that a currency that speaks for the day proves nothing.
        usual = _ORDER_BY_CURRENCY.get(currency or "")
        if wanted is None and usual is not None and (usual == "MM/DD/YYYY" or not self.halves):
            wanted = usual
            asked.add("--currency")
            assumed.append(f"Dates in {name} are read as {wanted}, as is usual where {currency} is paid.")
        found = [form for form in forms if form.name == wanted]
        if not found:
            raise UnreadFileError(
                file,
                "open_dates",
                f"Nothing in it tells day and month of {name} apart: it can be "
                f"{' or '.join(form.name for form in forms)}. Say --dates DMY or --dates MDY.",
            )
        return found[0]

    def _main_form(self, file: str, name: str, texts: set[str]) -> DateForm:
        """The form of most texts, where some are no dates at all; two forms side by side are no accident."""
        readable = [[form.read(text) is not None for text in sorted(texts)] for form in FORMS]
        best = max(range(len(FORMS)), key=lambda i: sum(readable[i]))
        rest = [i for i, fits in enumerate(readable[best]) if not fits]
        others = [form.name for form, fits in zip(FORMS, readable, strict=True) if any(fits[i] for i in rest)]
        if others and sum(readable[best]):
            both = " and ".join(dict.fromkeys((FORMS[best].name, others[0])))
            raise RefusedFileError(
                file,
                "mixed_dates",
                f"The days in {name} are written in two forms ({both}), as when a spreadsheet saved the file again and "
                "turned some of them round. Export it anew, and do not open it in a spreadsheet before.",
            )
        if not sum(readable[best]):
            raise RefusedFileError(
                file, "no_dates", f"No day in {name} can be read as a date. Export it with days as 2026-09-03."
            )
        return FORMS[best]
