"""Rows of a file, batch by batch: what is no data is taken out, cells are read, canonical rows are made."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta

import polars as pl

from xbopt.core.errors import UsageError
from xbopt.imports.countries import country_code
from xbopt.imports.engine import cells
from xbopt.imports.engine.canonical import money_columns, shaped
from xbopt.imports.engine.layout import Layout, matches
from xbopt.imports.engine.reading import FIRST, Opened
from xbopt.imports.engine.settled import FIRST_DAY, Settled
from xbopt.imports.engine.tally import Tally
from xbopt.imports.engine.text_rows import LONG, SHORT
from xbopt.imports.profile import FieldKind, Profile, ProfileField, Remark, TableKey, Target
from xbopt.imports.refusals import RefusedFileError, UnreadFileError
from xbopt.imports.steps.registry import STEPS
from xbopt.imports.steps.step import Prices, StepContext

ROW = "__row"
_KINDS: Mapping[FieldKind, pl.DataType] = {
    "date": pl.Date(), "time": pl.Datetime("us"), "hour": pl.Int8(), "money": pl.Float64(), "number": pl.Float64(),
    "count": pl.Float64(), "flag": pl.Boolean(),
}  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Answers:
    """What the user says about a file beside its bytes.

    Attributes:
        currency: Of amounts, where the file does not say it.
        zone: Of days and hours, where the file does not say it; instants are turned into it.
        prices: Whether prices contain the tax.
        hash_of: Pseudonym of a customer.
        channels: Channel by the start of a campaign's name, or by its platform.
        accept: Codes of refusals that the user accepts.
        today: The last day that can have happened.
    """

    currency: str | None
    zone: str | None
    prices: Prices | None
    hash_of: Callable[[str], str]
    channels: Mapping[str, str]
    accept: frozenset[str]
    today: date


@dataclass(slots=True)
class RowReader:
    """Makes canonical rows of batches of one file, and tallies what it does."""

    opened: Opened
    settled: Settled
    answers: Answers
    tally: Tally = field(default_factory=Tally)

    @property
    def layout(self) -> Layout:
        """Tells its rows apart."""
        return Layout(self.opened)

    @property
    def used_currency_answer(self) -> bool:
        """Whether amounts are in the currency that the user named because the file names none."""
        return not (self.opened.fit.currency or self.tally.stated.get("currency") or self.settled.currency)

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
        rows = self._read(self._data_rows(batch)).with_row_index(ROW)
        rows = self._on_real_days(rows)
        for name, share in self.profile.shares.items():
            weight = _expression(share.by)
            of_order = weight.sum().over(share.within)
            part = pl.when(of_order.abs() > 0).then(weight / of_order).otherwise(1.0 / pl.len().over(share.within))
            rows = rows.with_columns((pl.col(share.field).drop_nulls().first().over(share.within) * part).alias(name))
        rows = self._stepped(rows)
        for i, trap in enumerate(self.profile.traps):
            self.tally.traps[i] += rows.select(_expression(trap.when).fill_null(value=False).sum()).item()
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
        texts = self._taken_out(texts, layout.is_remark(), "no data: a remark or an explanation")
        texts = self._taken_out(texts, layout.is_head(), "the head once more")
        if texts.height:
            tally.short_at_end = bool(texts[SHORT][-1])
            tally.short += int(texts[SHORT].sum())
        texts = self._taken_out(texts, pl.col(LONG), "more cells than the head")
        self._add_totals(texts.filter(layout.is_total()))
        rows = self._taken_out(texts, layout.is_total(), "totals")
        for name in self._sums():
            tally.sums[name] += float(cells.numbers_of(rows[name], self.settled.decimal).sum() or 0.0)
        return layout.picked(rows)

    def _taken_out(self, rows: pl.DataFrame, which: pl.Expr, rule: str) -> pl.DataFrame:
        left = rows.filter(~which)
        self.tally.drop(rule, rows.height - left.height)
        return left

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
        totals = self.profile.totals
        return [] if totals is None else [name for name in totals.sums if name in self.layout.bound]

    def _add_totals(self, rows: pl.DataFrame) -> None:
        for row in rows.select(self._sums()).iter_rows(named=True):
            figures = {name: cells.number_in(text, self.settled.decimal) for name, text in row.items()}
            self.tally.totals.append({name: value for name, value in figures.items() if value is not None})

    # ---- from data to values ---------------------------------------------------------------------------------

    def _read(self, texts: pl.DataFrame) -> pl.DataFrame:
        bound = self.layout.bound
        for name, column in bound.items():
            if column.fill_down and column.fill_down in texts.columns:
                filled = pl.col(name).forward_fill().over(column.fill_down)
                texts = texts.with_columns(filled)
        values: dict[str, pl.Series] = {}
        offsets: pl.Series | None = None
        for name, column in self.profile.fields.items():
            if name not in bound:
                values[name] = _constant(column, texts.height, self.settled)
            elif column.kind == "time":
                moments = cells.times_of(texts[name], self.settled.dates[name])
                values[name] = moments["time"]
                self._count_unread(name, texts[name], moments["day"])
                if name == "time" or offsets is None:
                    offsets = moments["offset_minutes"]
                if name == "time" and "date" not in self.profile.fields:
                    values["date"] = moments["day"]
            else:
                values[name] = self._values(name, column, texts[name])
        rows = pl.DataFrame(values) if values else pl.DataFrame()
        if "date" not in rows.columns:
            rows = rows.with_columns(pl.lit(None, dtype=pl.Date()).alias("date"))
        rows = self._with_zone(rows, offsets)
        return self._with_currency(rows).with_columns(pl.lit(self.answers.prices, dtype=pl.String()).alias("prices"))

    def _values(self, name: str, column: ProfileField, texts: pl.Series) -> pl.Series:
        kind = column.kind
        if column.values:
            meanings = cells.mapped(texts, column.values)
            known = {value.strip().casefold() for value in column.values}
            unknown = texts.filter(~texts.str.to_lowercase().is_in(sorted(known)) & texts.is_not_null())
            if unknown.len():
                self.tally.unknown_values.setdefault(name, type(self.tally.unread)()).update(unknown.to_list())
            texts = meanings
        if kind in cells.NUMBER_KINDS:
            numbers = cells.numbers_of(texts, self.settled.decimal)
            self._count_unread(name, texts, numbers)
            numbers = numbers * column.factor if column.factor != 1.0 else numbers
            return numbers.abs() if column.sign == "positive" else -numbers if column.sign == "negated" else numbers
        if kind == "date":
            days = cells.days_of(texts, self.settled.dates[name])
            self._count_unread(name, texts, days)
            return days
        if kind == "hour":
            hours = cells.hours_of(texts)
            self._count_unread(name, texts, hours)
            return hours
        if kind == "country":
            countries = cells.by_text(texts, country_code, pl.String)
            self._count_unread(name, texts, countries)
            return countries
        if kind == "customer":
            return cells.by_text(texts, self.answers.hash_of, pl.String)
        if kind == "flag":
            return cells.flags_of(texts)
        if kind == "currency":
            return texts.str.to_uppercase()
        if kind == "id":
            if texts.str.contains(cells.RUINED_ID).any() and "ruined_ids" not in self.answers.accept:
                raise RefusedFileError(
                    self.opened.source.name,
                    "ruined_ids",
                    f"The ids in column {self.header(name)!r} were shortened by a spreadsheet (as 5.76E+17), so that "
                    "different ones became alike. Export the file again, and do not open it in a spreadsheet before.",
                )
            texts = texts.str.replace(r"^(\d+)\.0+$", "$1")
        with_mail = cells.holds_e_mail(texts)
        if with_mail:
            self.tally.e_mails += with_mail
            texts = pl.select(cells.without_e_mails(pl.lit(texts))).to_series()
        return texts

    def header(self, name: str) -> str:
        """The header of a field's column; the field's name where the file has none."""
        return self.opened.fit.head[self.opened.fit.columns[name]] if name in self.opened.fit.columns else name

    def _count_unread(self, name: str, texts: pl.Series, read: pl.Series) -> None:
        there = texts.len() - texts.null_count()
        self.tally.cells[name] += there
        self.tally.unread[name] += there - (read.len() - read.null_count())

    def _with_zone(self, rows: pl.DataFrame, offsets: pl.Series | None) -> pl.DataFrame:
        own = pl.col("zone") if "zone" in rows.columns else pl.lit(None, dtype=pl.String())
        fixed = self.tally.stated.get("zone") or (
            self.profile.zone if self.profile.zone not in ("given", "offset") else None
        )
        asked = self.answers.zone
        if offsets is not None and offsets.null_count() < offsets.len() and "time" in rows.columns:
            rows = rows.with_columns(offsets.alias("__offset"))
            if asked:
                utc = pl.col("time") - pl.duration(minutes=pl.col("__offset"))
                moved = utc.dt.replace_time_zone("UTC").dt.convert_time_zone(asked).dt.replace_time_zone(None)
                rows = rows.with_columns(
                    pl.when(pl.col("__offset").is_not_null()).then(moved).otherwise("time").alias("time")
                )
                if "date" not in self.profile.fields:
                    rows = rows.with_columns(pl.coalesce(pl.col("time").dt.date(), "date").alias("date"))
                return rows.with_columns(pl.lit(asked).alias("zone")).drop("__offset")
            minutes = pl.col("__offset").abs()
            sign = pl.when(pl.col("__offset") < 0).then(pl.lit("-")).otherwise(pl.lit("+"))
            hours, rest = (minutes // 60).cast(pl.String).str.zfill(2), (minutes % 60).cast(pl.String).str.zfill(2)
            text = (
                pl.when(pl.col("__offset") == 0)
                .then(pl.lit("UTC"))
                .otherwise(pl.concat_str(pl.lit("UTC"), sign, hours, pl.lit(":"), rest))
            )
            return rows.with_columns(pl.coalesce(own, text, pl.lit(fixed or asked)).alias("zone")).drop("__offset")
        return rows.with_columns(pl.coalesce(own, pl.lit(fixed or asked, dtype=pl.String())).alias("zone"))

    def _with_currency(self, rows: pl.DataFrame) -> pl.DataFrame:
        stated = self.tally.stated.get("currency")
        whole = self.opened.fit.currency or stated or self.settled.currency or self.answers.currency
        own = pl.col("currency") if "currency" in rows.columns else pl.lit(None, dtype=pl.String())
        if "currency" not in self.layout.bound:
            return rows.with_columns(pl.coalesce(own, pl.lit(whole, dtype=pl.String())).alias("currency"))
        given = pl.lit(self.answers.currency, dtype=pl.String())
        return rows.with_columns(pl.coalesce(own, given).alias("currency"))

    def _on_real_days(self, rows: pl.DataFrame) -> pl.DataFrame:
        """Rows whose day is known and has happened."""
        if rows.is_empty():
            return rows
        tomorrow = self.answers.today + timedelta(days=1)
        known = rows.filter(pl.col("date").is_not_null())
        self.tally.drop("no readable day", rows.height - known.height)
        past = known.filter(pl.col("date").is_between(FIRST_DAY, tomorrow))
        self.tally.drop("a day in the future", int((known["date"] > tomorrow).sum()))
        self.tally.drop(f"a day before {FIRST_DAY.year}", int((known["date"] < FIRST_DAY).sum()))
        return past

    # ---- from values to tables -------------------------------------------------------------------------------

    def _stepped(self, rows: pl.DataFrame) -> pl.DataFrame:
        if not self.profile.steps:
            return rows
        context = StepContext(profile=self.profile, prices=self.answers.prices)
        for name in self.profile.steps:
            if name not in STEPS:
                raise UsageError(f"Profile {self.profile.id}: there is no step {name!r}; known: {', '.join(STEPS)}.")
            rows = STEPS[name](rows, context)
        for rule, count in context.dropped.items():
            self.tally.drop(rule, count)
        for sentence, count in context.noted.items():
            self.tally.note("step", sentence, count)
        for code, count in context.trapped.items():
            self.tally.note(code, rows=count)
        return rows

    def _targets(self, rows: pl.DataFrame) -> dict[TableKey, pl.DataFrame]:
        made: dict[TableKey, pl.DataFrame] = {}
        used = pl.lit(value=False)
        for table, target in self.profile.tables.items():
            of_table = _expression(target.where).fill_null(value=False) if target.where else pl.lit(value=True)
            made[table] = self._table(table, target, rows.filter(of_table))
            used = used | of_table
        kept = rows.filter(used)
        rules = [target.dropped for target in self.profile.tables.values() if target.dropped]
        # A step may make several rows of one, which count once.
        counted = (kept[ROW].n_unique(), rows[ROW].n_unique()) if ROW in rows.columns else (kept.height, rows.height)
        self.tally.kept += counted[0]
        self.tally.drop(rules[0] if rules else "for none of the tables", counted[1] - counted[0])
        return made

    def _table(self, table: TableKey, target: Target, rows: pl.DataFrame) -> pl.DataFrame:
        if target.once_per:
            rows = rows.unique(subset=list(target.once_per), keep="first", maintain_order=True)
        exprs = {name: _expression(text) for name, text in target.columns.items()}
        if target.group:
            keys = [
                exprs.get(name, pl.col(name) if name in rows.columns else pl.lit(None)).alias(f"__{name}")
                for name in target.group
            ]
            rows = (
                rows.with_columns(keys)
                .group_by([f"__{name}" for name in target.group], maintain_order=True)
                .agg(
                    *(expr.alias(name) for name, expr in exprs.items() if name not in target.group),
                    *(
                        pl.col(name).first()
                        for name in ("currency", "zone")
                        if name not in (*target.group, *exprs) and name in rows.columns
                    ),
                )
                .rename({f"__{name}": name for name in target.group})
            )
        else:
            rows = rows.with_columns(expr.alias(name) for name, expr in exprs.items())
        return self._with_defaults(table, shaped(table, rows))

    def _with_defaults(self, table: TableKey, rows: pl.DataFrame) -> pl.DataFrame:
        profile = self.profile
        source = f"{profile.id}:{self.opened.source.sha256[:8]}"
        filled: dict[str, pl.Expr] = {"source": pl.lit(source)}
        if table == "transactions":
            filled["place"] = pl.col("place").fill_null(pl.lit(profile.place or None, dtype=pl.String()))
            filled["line"] = pl.col("line").fill_null(pl.int_range(1, pl.len() + 1, dtype=pl.Int64).over("order_id"))
            if "status" not in self.filled_columns(table):
                filled["status"] = pl.lit("sold")
        if table == "refunds":
            filled["dated_by"] = pl.col("dated_by").fill_null("refund")
            filled["place"] = pl.col("place").fill_null(pl.lit(profile.place or None, dtype=pl.String()))
        if table in ("media", "sends"):
            filled["platform"] = pl.col("platform").fill_null(profile.platform)
        if table == "media":
            margin = pl.when(pl.col("hour").is_not_null()).then(pl.lit("hour")).when(pl.col("country").is_not_null())
            filled["margin"] = pl.col("margin").fill_null(margin.then(pl.lit("country")).otherwise(pl.lit("campaign")))
            window = self.opened.fit.attribution or profile.attribution or None
            filled["attribution"] = pl.col("attribution").fill_null(pl.lit(window, dtype=pl.String()))
            filled["channel"] = self._channel()
        rows = rows.with_columns(**filled)
        self._check_currency(table, rows)
        self.tally.span(*rows.select(pl.col("date").min().alias("a"), pl.col("date").max().alias("b")).row(0))
        for name, seen in (("currency", self.tally.currencies), ("zone", self.tally.zones)):
            if name in rows.columns:
                self._check_zone(rows)
                seen.update(rows[name].drop_nulls().unique().to_list())
        return rows

    def filled_columns(self, table: TableKey) -> set[str]:
        """The columns of a table that the file or its format fills."""
        return {*self.profile.tables[table].columns, *self.layout.bound}

    def _channel(self) -> pl.Expr:
        own = pl.coalesce(pl.col("channel"), pl.col("platform").fill_null(self.profile.platform))
        for start, channel in sorted(self.answers.channels.items(), key=lambda each: len(each[0])):
            small = start.casefold()
            starts = pl.col("campaign").str.to_lowercase().str.starts_with(small)
            same = pl.coalesce(pl.col("platform"), pl.lit(self.profile.platform)).str.to_lowercase() == small
            own = pl.when((starts | same).fill_null(value=False)).then(pl.lit(channel)).otherwise(own)
        return own

    def _check_zone(self, rows: pl.DataFrame) -> None:
        if "zone" not in rows.columns or not rows["zone"].null_count():
            return
        question = f" {self.profile.zone_question}." if self.profile.zone_question else ""
        raise UnreadFileError(
            self.opened.source.name,
            "missing_zone",
            "It does not say in which time zone its days are. Say it, as in --zone Europe/Berlin; the account's or "
            f"shop's settings name it.{question}",
        )

    def _check_currency(self, table: TableKey, rows: pl.DataFrame) -> None:
        if table == "rates" or "currency" not in rows.columns:
            return
        amounts = [pl.col(name).fill_null(0.0) != 0.0 for name in money_columns(table)]
        bare = rows.filter(pl.col("currency").is_null() & pl.any_horizontal(*amounts))
        if bare.is_empty():
            return
        raise UnreadFileError(
            self.opened.source.name,
            "missing_currency",
            f"It does not say in which currency {bare.height:,} of its rows are. Say it, as in --currency EUR; the "
            "account's or shop's settings name it.",
        )


def _constant(column: ProfileField, height: int, settled: Settled) -> pl.Series:
    """The same value in every row; unknown where the profile gives none."""
    kind = _KINDS.get(column.kind, pl.String())
    value: object = column.constant
    if column.kind in cells.NUMBER_KINDS:
        value = cells.number_in(column.constant, settled.decimal)
    return pl.Series([value], dtype=kind).new_from_index(0, height)


def _expression(text: str) -> pl.Expr:
    try:
        return pl.sql_expr(text)
    except pl.exceptions.PolarsError as error:
        raise UsageError(f"The expression {text!r} of a profile cannot be read: {error}.") from None
