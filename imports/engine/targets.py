"""Rows of a file as rows of a canonical table, with what the format and the user say where the file is silent."""

from collections.abc import Mapping
from dataclasses import dataclass

import polars as pl

from xbopt.core.errors import UsageError
from xbopt.imports.campaign_countries import countries_of
from xbopt.imports.engine.canonical import money_columns, shaped
from xbopt.imports.engine.layout import Layout
from xbopt.imports.engine.reading import Opened
from xbopt.imports.engine.tally import Tally
from xbopt.imports.profile import Profile, TableKey, Target
from xbopt.imports.provenance import source_name
from xbopt.imports.refusals import RefusedFileError, UnreadFileError

_ALIKE = (
    "Lines that are alike another one of their order in every column that is read are kept: shops write a line for "
    "each engraving or discount. If yours writes lines down twice, say alike_lines: copies in a format of your own."
)
_NO_COUNTRY = (
    "Orders that name no country belong to no market: they are kept, and no region of a scenario can be made of them."
)
_COPIES = (
    "Lines that are alike another one of their order are copies of it in this format; they have its number, and xbopt "
    "calibrate counts them once."
)


def expression(text: str) -> pl.Expr:
    """A profile's expression.

    Raises:
        UsageError: It is none.
    """
    try:
        return pl.sql_expr(text)
    except pl.exceptions.PolarsError as error:
        raise UsageError(f"The expression {text!r} of a profile cannot be read: {error}.") from None


@dataclass(frozen=True, slots=True)
class TargetMaker:
    """Makes the canonical tables of one file.

    Attributes:
        opened: The file.
        channels: The seller's own channel by the start of a campaign's name, or by platform.
        countries: Country by a word of a campaign's name, where a row names none.
        tally: Where period, currencies and zones are noted.
    """

    opened: Opened
    channels: Mapping[str, str]
    countries: Mapping[str, str]
    tally: Tally

    @property
    def profile(self) -> Profile:
        """The file's format."""
        return self.opened.fit.profile

    def table(self, table: TableKey, target: Target, rows: pl.DataFrame) -> pl.DataFrame:
        """The rows of one table.

        Raises:
            UnreadFileError: Currency or zone of some rows is not known.
            RefusedFileError: Orders lack the row that holds what belongs to the whole of them.
        """
        if target.once_per:
            rows = rows.unique(subset=list(target.once_per), keep="first", maintain_order=True)
        exprs = {name: expression(text) for name, text in target.columns.items()}
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
        source = source_name(profile.id, self.opened.source.sha256)
        filled: dict[str, pl.Expr] = {"source": pl.lit(source)}
        if table == "transactions":
            filled["place"] = pl.col("place").fill_null(pl.lit(profile.place or None, dtype=pl.String()))
            rows = self._with_lines(rows)
            if nowhere := rows["country"].null_count():
                self.tally.note("no_country", _NO_COUNTRY, nowhere)
            has_status = "status" in self.filled_columns(table)
            filled["status"] = pl.col("status").fill_null("pending" if has_status else "sold")
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
            if rows.select(pl.any_horizontal(pl.lit(value=False), *self._mapped().values()).any()).item():
                self.tally.asked.add("--channel-map")
            if self.countries:
                self.tally.asked.add("--country-map")
                by_name = countries_of(rows["campaign"], self.countries)
                self.tally.placed += int((rows["country"].is_null() & by_name.is_not_null()).sum())
                self.tally.unplaced += int((rows["country"].is_null() & by_name.is_null()).sum())
                filled["country"] = pl.col("country").fill_null(by_name)
        rows = rows.with_columns(**filled)
        self._check_currency(table, rows)
        self.tally.span(*rows.select(pl.col("date").min().alias("a"), pl.col("date").max().alias("b")).row(0))
        for name, seen in (("currency", self.tally.currencies), ("zone", self.tally.zones)):
            if name in rows.columns:
                self._check_zone(rows)
                seen.update(rows[name].drop_nulls().unique().to_list())
        return rows

    def _with_lines(self, rows: pl.DataFrame) -> pl.DataFrame:
        """Number the lines of each order as they stand; copies of a line have its number."""
        if rows["line"].null_count() == 0:
            return rows
        same = [
            name for name in rows.columns if name not in ("line", "source") and rows[name].null_count() < rows.height
        ]
        rows = rows.with_columns(
            line=pl.col("line").fill_null(pl.int_range(1, pl.len() + 1, dtype=pl.Int64).over("order_id"))
        )
        alike = rows.height - rows.n_unique(subset=same)
        if not alike:
            return rows
        if self.profile.alike_lines == "copies":
            self.tally.note("alike_lines_once", _COPIES, alike)
            return rows.with_columns(line=pl.col("line").first().over(same))
        self.tally.note("alike_lines", _ALIKE, alike)
        return rows

    def filled_columns(self, table: TableKey) -> set[str]:
        """The columns of a table that the file or its format fills."""
        return {*self.profile.tables[table].columns, *Layout(self.opened).bound}

    def _channel(self) -> pl.Expr:
        """The seller's own channel: by the longest start of a campaign, else by platform, else the platform itself."""
        platform = pl.col("platform").fill_null(self.profile.platform)
        channel = pl.coalesce(pl.col("channel"), platform)
        for (_, name), mapped in self._mapped().items():
            channel = pl.when(mapped).then(pl.lit(self.channels[name])).otherwise(channel)
        return channel

    def _mapped(self) -> dict[tuple[bool, str], pl.Expr]:
        """Which rows are of a platform, and which of a campaign, that the user maps; the last one counts."""
        names = sorted(self.channels, key=len)
        platform = pl.col("platform").fill_null(self.profile.platform).str.to_lowercase()
        campaign = pl.col("campaign").str.to_lowercase().fill_null("")
        return {
            **{(False, name): platform == name.casefold() for name in names},
            **{(True, name): campaign.str.starts_with(name.casefold()) for name in names},
        }

    def _check_zone(self, rows: pl.DataFrame) -> None:
        if "zone" not in rows.columns or not rows["zone"].null_count():
            return
        question = f": {self.profile.zone_question}" if self.profile.zone_question else ""
        raise UnreadFileError(
            self.opened.source.name,
            "missing_zone",
            "It does not say in which time zone its days are. Say it, as in --zone Europe/Berlin; the account's or "
            f"shop's settings name it{question}.",
        )

    def _check_currency(self, table: TableKey, rows: pl.DataFrame) -> None:
        if table == "rates" or "currency" not in rows.columns:
            return
        amounts = [pl.col(name).fill_null(0.0) != 0.0 for name in money_columns(table)]
        bare = rows.filter(pl.col("currency").is_null() & pl.any_horizontal(*amounts))
        if bare.is_empty():
            return
        column = Layout(self.opened).bound.get("currency")
        if column is not None and column.fill_down and bare.height < rows.height and not self._rest_is_told(bare):
            raise RefusedFileError(
                self.opened.source.name,
                "cut_orders",
                f"{bare.height:,} of its rows lack the row that says what belongs to their whole "
                f"{'order' if column.fill_down == 'order_id' else column.fill_down}, as its currency and total: the "
                "beginning of the file is cut off, or rows were taken out. Export it again.",
            )
        raise UnreadFileError(
            self.opened.source.name,
            "missing_currency",
            f"It does not say in which currency {'some of its' if bare.height < rows.height else 'its'} amounts are. "
            f"Say it, as in --currency {self._usual_currency(rows)}; the account's or shop's settings name it.",
        )

    def _usual_currency(self, rows: pl.DataFrame) -> str:
        """The currency of most rows that say one, for an example."""
        known = rows["currency"].drop_nulls()
        return "EUR" if known.is_empty() else str(known.mode().sort()[0])

    def _rest_is_told(self, rows: pl.DataFrame) -> bool:
        """Whether most rows know something else of what their order says once: then only its currency is left out.

        Customer and time stand on every line of some exports.
        """
        once = [
            name
            for name, column in Layout(self.opened).bound.items()
            if column.fill_down and column.kind not in ("currency", "time", "date", "customer") and name in rows.columns
        ]
        told = rows.select(pl.any_horizontal(pl.lit(value=False), *(pl.col(name).is_not_null() for name in once)).sum())
        return 2 * int(told.item()) > rows.height
