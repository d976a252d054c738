"""Rows of a file, batch by batch: what is no data is taken out, cells are read, canonical rows are made."""

import re
from dataclasses import dataclass, field
from datetime import timedelta

import polars as pl

from xbopt.core.errors import UsageError
from xbopt.imports.engine import cells
from xbopt.imports.engine.layout import Layout, matches
from xbopt.imports.engine.other_rows import FORMULA
from xbopt.imports.engine.reading import FIRST, Opened, further
from xbopt.imports.engine.repeated_orders import without_repeated
from xbopt.imports.engine.settled import FIRST_DAY, Settled
from xbopt.imports.engine.tally import Tally
from xbopt.imports.engine.targets import TargetMaker, expression
from xbopt.imports.engine.text_rows import LONG, SHORT
from xbopt.imports.engine.values import Answers, ValueReader
from xbopt.imports.profile import Profile, Remark, TableKey
from xbopt.imports.refusals import RefusedFileError
from xbopt.imports.steps.registry import STEPS
from xbopt.imports.steps.step import StepContext

ROW = "__row"
FILE = "__file"
"""Which of the files that were joined a row is of: a new one begins with each head."""
NO_DAY, FUTURE_DAY = "no day that can be read", "a day in the future"
LONG_ROW, TOTALS = "more cells than the head", "totals"
REPEATED_ORDER = "an order that the file holds twice"
NO_DATA = (TOTALS, "no data: a remark or an explanation", "the head once more")
"""Rules for rows that were never meant as data."""
_ADDED = ("spend", "impressions", "clicks", "sessions")
_NAMED_TOTAL = (
    "Rows are called a total and are not the sum of the others: they count as a campaign. If they are totals, take "
    "them out."
)
# A cent a row is what rounding can move, and a thousandth what platforms correct while they write.
_ROUNDING, _CORRECTION = 0.01, 1e-3


def is_sum_of(stated: float, summed: float, rows: int) -> bool:
    """Whether a stated total is the sum of so many rows, but for rounding and late corrections."""
    return abs(stated - summed) <= _ROUNDING * (rows + 1) + _CORRECTION * abs(summed)


@dataclass(slots=True)
class RowReader:
    """Makes canonical rows of batches of one file, and tallies what it does."""

    opened: Opened
    settled: Settled
    answers: Answers
    tally: Tally = field(default_factory=Tally)
    values: ValueReader = field(init=False)
    targets: TargetMaker = field(init=False)
    held: list[pl.DataFrame] = field(default_factory=list[pl.DataFrame])
    day_sums: dict[tuple[str, str], float] = field(default_factory=dict[tuple[str, str], float])

    def __post_init__(self) -> None:
        self.values = ValueReader(self.opened, self.settled, self.answers, self.tally)
        self.targets = TargetMaker(self.opened, self.answers.channels, self.answers.countries, self.tally)

    @property
    def layout(self) -> Layout:
        """Tells its rows apart."""
        return Layout(self.opened)

    @property
    def profile(self) -> Profile:
        """The file's format."""
        return self.opened.fit.profile

    def tables_of(self, batch: pl.DataFrame) -> dict[TableKey, pl.DataFrame]:
        """Canonical rows of some rows of texts.

        Raises:
            RefusedFileError: The rows cannot be what they should be.
            UnreadFileError: The user has to say something first.
        """
        return self._tables(self._data_rows(batch))

    def tables_held(self) -> dict[TableKey, pl.DataFrame]:
        """Canonical rows of what was held back as a possible sum, once all rows were read.

        Raises:
            RefusedFileError: The rows cannot be what they should be.
            UnreadFileError: The user has to say something first.
        """
        if not self.held:
            return {}
        rows = pl.concat(self.held)
        is_sum = pl.Series([self._is_sum(row) for row in rows.iter_rows(named=True)], dtype=pl.Boolean)
        others = rows.filter(~is_sum)
        self.tally.drop(TOTALS, rows.height - others.height)
        if others.is_empty():
            return {}
        self.tally.note("named_total", _NAMED_TOTAL, others.height)
        self._add_sums(others)
        return self._tables(self.layout.picked(others))

    def _tables(self, texts: pl.DataFrame) -> dict[TableKey, pl.DataFrame]:
        if "transactions" in self.profile.tables and "order_id" in self.layout.bound:
            once = without_repeated(texts, "order_id", list(self.layout.bound), file=FILE)
            self.tally.drop(REPEATED_ORDER, texts.height - once.height)
            texts = once
        if "media" in self.profile.tables:
            names = list(self.layout.bound)
            self.tally.alike += texts.height - texts.n_unique(subset=names)
        rows = self.values.read(texts).with_row_index(ROW)
        rows = self._on_real_days(rows)
        for name, share in self.profile.shares.items():
            weight = expression(share.by)
            of_order = weight.sum().over(share.within)
            part = pl.when(of_order.abs() > 0).then(weight / of_order).otherwise(1.0 / pl.len().over(share.within))
            rows = rows.with_columns((pl.col(share.field).drop_nulls().first().over(share.within) * part).alias(name))
        rows = self._stepped(rows)
        for i, trap in enumerate(self.profile.traps):
            self.tally.traps[i] += rows.select(expression(trap.when).fill_null(value=False).sum()).item()
        return self._targets(rows)

    # ---- from texts to data ----------------------------------------------------------------------------------

    def _data_rows(self, batch: pl.DataFrame) -> pl.DataFrame:
        """The rows that hold data, as texts; the others are counted, and totals kept for comparison."""
        layout, tally = self.layout, self.tally
        texts = layout.texts(batch)
        tally.read += texts.height
        for remark in self.profile.remarks:
            for text in texts.filter(matches(FIRST, remark.pattern))[FIRST].to_list():
                self.read_remark(remark, text)
        texts = self._taken_out(texts, layout.is_remark(), NO_DATA[1])
        texts = texts.with_columns(layout.is_head().cum_sum().alias(FILE))
        texts = self._taken_out(texts, layout.is_head(), NO_DATA[2])
        if texts.height:
            if not tally.seen:
                tally.seen = True
                tally.has_second_head = self._is_head(texts[:1])
            tally.short_at_end = bool(texts[SHORT][-1])
            tally.short += int(texts[SHORT].sum())
        texts = self._taken_out(texts, pl.col(LONG), LONG_ROW)
        self._add_totals(texts.filter(layout.is_total()))
        rows = self._taken_out(texts, layout.is_total(), TOTALS)
        if self._sums():
            self.held += [held] if (held := rows.filter(layout.may_be_total())).height else []
            rows = rows.filter(~layout.may_be_total())
        self._add_sums(rows)
        self._count_further(rows)
        if self.opened.source.container == "workbook":
            for name in layout.bound:
                tally.unsaved[name] += int((rows[name] == FORMULA).sum())
        return layout.picked(rows)

    def _is_head(self, row: pl.DataFrame) -> bool:
        """Whether a row has words in all columns of numbers that it fills, and no day: the rest of a head."""
        bound = self.layout.bound
        filled = [name for name, column in bound.items() if column.kind in cells.NUMBER_KINDS and row[name][0]]
        dated = any(re.search(r"\d", row[name][0] or "") for name in ("date", "time") if name in bound)
        return bool(filled) and not dated and all(re.fullmatch(r"\D*\w\D*", str(row[name][0])) for name in filled)

    def _count_further(self, rows: pl.DataFrame) -> None:
        """Count figures beside those that are read: in columns of the same header, and in such without one."""
        fit = self.opened.fit
        for position in fit.further:
            name = fit.twins.get(position) or fit.beside[position]
            sign = self.settled.decimal_of(name)
            figures = cells.numbers_of(cells.texts_of(rows[further(position)]), sign)
            if position in fit.twins:
                self.tally.twins[name] += int(figures.ne_missing(cells.numbers_of(rows[name], sign)).sum())
            else:
                self.tally.beside[name] += figures.count()

    def _add_sums(self, rows: pl.DataFrame) -> None:
        """Add up what rows of totals state: over the file, and by the text of the day."""
        for name in self._sums():
            figures = cells.numbers_of(rows[name], self.settled.decimal_of(name))
            self.tally.sums[name] = self.tally.sums.get(name, 0.0) + float(figures.sum())
            if "date" in self.layout.bound:
                days = (
                    pl.DataFrame({"day": rows["date"], "sum": figures}).drop_nulls().group_by("day").agg(pl.sum("sum"))
                )
                for day, figure in days.iter_rows():
                    self.day_sums[name, day] = self.day_sums.get((name, day), 0.0) + figure

    def _is_sum(self, row: dict[str, str | None]) -> bool:
        """Whether a row states the sums of all other rows, or of those of its day."""
        stated = {name: cells.number_in(row[name], self.settled.decimal_of(name)) for name in self._sums()}
        told = {name: figure for name, figure in stated.items() if figure}
        day = row.get("date") or ""
        return bool(told) and any(
            all(is_sum_of(figure, sums.get(name, 0.0), self.tally.read) for name, figure in told.items())
            for sums in (self.tally.sums, {name: self.day_sums.get((name, day), 0.0) for name in told})
        )

    def _taken_out(self, rows: pl.DataFrame, which: pl.Expr, rule: str) -> pl.DataFrame:
        left = rows.filter(~which)
        self.tally.drop(rule, rows.height - left.height)
        return left

    def refuse(self, code: str, message: str, accepted: str = "") -> None:
        """Refuse the file, or note what was accepted.

        Args:
            code: For programs and ``--accept``.
            message: What is the matter, and what to do.
            accepted: What happens where it is accepted; empty where that mends nothing, so that nobody is led to it.

        Raises:
            RefusedFileError: The user does not accept it.
        """
        if code in self.answers.accept:
            self.tally.asked.add(f"--accept {code}")
            self.tally.note(code, f"Accepted: {message}")
            return
        remedy = f" To read it all the same: --accept {code}; {accepted}." if accepted else ""
        raise RefusedFileError(self.opened.source.name, code, f"{message}{remedy}")

    def read_remark(self, remark: Remark, text: str) -> None:
        """Take up what a line beside the table says, if it is the one."""
        match = re.search(remark.pattern, text)
        if match is None:
            return
        said = {name: value for name, value in match.groupdict().items() if value}
        if "rows" in said:
            self.tally.declared = int(re.sub(r"\D", "", said.pop("rows")) or 0)
        self.tally.stated.update(said)
        if remark.note:
            self.tally.note("remark", remark.note)

    def _sums(self) -> list[str]:
        """Fields of which a row of totals would hold the sums."""
        totals = self.profile.totals
        named = _ADDED if totals is None and not {"media", "sessions"}.isdisjoint(self.profile.tables) else ()
        return [name for name in (totals.sums if totals is not None else named) if name in self.layout.bound]

    def _add_totals(self, rows: pl.DataFrame) -> None:
        for row in rows.select(self._sums()).iter_rows(named=True):
            figures = {name: cells.number_in(text, self.settled.decimal_of(name)) for name, text in row.items()}
            self.tally.totals.append({name: value for name, value in figures.items() if value is not None})

    # ---- from values to tables -------------------------------------------------------------------------------

    def _on_real_days(self, rows: pl.DataFrame) -> pl.DataFrame:
        """Rows whose day is known and has happened."""
        if rows.is_empty():
            return rows
        tomorrow = self.answers.today + timedelta(days=1)
        known = rows.filter(pl.col("date").is_not_null())
        self.tally.drop(NO_DAY, rows.height - known.height)
        past = known.filter(pl.col("date").is_between(FIRST_DAY, tomorrow))
        self.tally.drop(FUTURE_DAY, int((known["date"] > tomorrow).sum()))
        self.tally.drop(f"a day before {FIRST_DAY.year}", int((known["date"] < FIRST_DAY).sum()))
        return past

    def _stepped(self, rows: pl.DataFrame) -> pl.DataFrame:
        if not self.profile.steps:
            return rows
        context = StepContext(profile=self.profile, prices=self.answers.prices)
        for name in self.profile.steps:
            if name not in STEPS:
                raise UsageError(f"Profile {self.profile.id}: there is no step {name!r}; known: {', '.join(STEPS)}.")
            rows = STEPS[name](rows, context)
        self.tally.asked.update({"--prices"} if context.used_prices else ())
        for rule, count in context.dropped.items():
            self.tally.drop(rule, count)
        for sentence, count in context.noted.items():
            self.tally.note("step", sentence, count)
        for code, count in context.trapped.items():
            self.tally.note(code, rows=count)
        return rows

    def _count_unknown_money(self, table: TableKey, rows: pl.DataFrame) -> None:
        if (name := _MONEY.get(table)) is not None:
            told = rows.filter(pl.col("status") == "sold") if table == "transactions" else rows
            self.tally.money_rows[table] += told.height
            self.tally.no_money[table] += told[name].null_count()

    def _targets(self, rows: pl.DataFrame) -> dict[TableKey, pl.DataFrame]:
        if self.answers.prices and self.profile.names_prices:
            self.tally.asked.add("--prices")
        made: dict[TableKey, pl.DataFrame] = {}
        used = pl.lit(value=False)
        for table, target in self.profile.tables.items():
            of_table = expression(target.where).fill_null(value=False) if target.where else pl.lit(value=True)
            made[table] = self.targets.table(table, target, rows.filter(of_table))
            if table == "transactions" and made[table]["promotion"].null_count() < made[table].height:
                # A code may be made out to somebody; which orders share one is all that is ever asked of it.
                codes = self.answers.pseudonyms_of(made[table]["promotion"])
                made[table] = made[table].with_columns(codes.alias("promotion"))
            self._count_unknown_money(table, made[table])
            made[table] = self._of_account(made[table])
            used = used | of_table
        kept = rows.filter(used)
        rules = [target.dropped for target in self.profile.tables.values() if target.dropped]
        # A step may make several rows of one, which count once.
        counted = (kept[ROW].n_unique(), rows[ROW].n_unique()) if ROW in rows.columns else (kept.height, rows.height)
        self.tally.kept += counted[0]
        self.tally.drop(rules[0] if rules else "for none of the tables", counted[1] - counted[0])
        return made

    def _of_account(self, rows: pl.DataFrame) -> pl.DataFrame:
        """Rows under the name of their account or shop: orders begin with it, media have it where they name none."""
        account = self.answers.account
        if account is None:
            return rows
        if "order_id" in rows.columns:
            self.tally.asked.add("--account")
            rows = rows.with_columns(pl.concat_str(pl.lit(f"{account}:"), "order_id").alias("order_id"))
        if "account" in rows.columns and rows["account"].null_count():
            self.tally.asked.add("--account")
            rows = rows.with_columns(pl.col("account").fill_null(pl.lit(account)))
        return rows


_MONEY = {"media": "spend", "transactions": "net_revenue", "refunds": "amount"}
"""The column without which a row of a table counts for nothing."""
