"""Persons: keyed pseudonyms at the door, and regions and texts of goods that too few share."""

import hashlib
import hmac
import secrets
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from xbopt.core.errors import UsageError
from xbopt.core.files import replace_file
from xbopt.imports.paper_lines import PAPER_CODES, PAPER_NAMES, plain

if TYPE_CHECKING:
    import polars as pl

_KEY_BYTES, _HASH_LETTERS = 32, 32
HASHED = "^[0-9a-f]{32}$"
"""The form of a pseudonym."""


@dataclass(frozen=True, slots=True)
class Pseudonyms:
    """Names customers by HMAC-SHA256 (RFC 2104) under a key; without the key nobody can try out who is who.

    Attributes:
        key: The secret.
        file: Where it lies.
        is_new: Whether it was made just now.
    """

    key: bytes
    file: Path
    is_new: bool = False

    def of(self, customers: "pl.Series") -> "pl.Series":
        """The pseudonyms of ids or e-mail addresses, whatever their case: 32 hexadecimal letters."""
        import polars as pl

        plain = customers.str.to_lowercase()
        texts = plain.drop_nulls().unique()
        key = self.key
        hashes = [hmac.digest(key, text.encode(), "sha256").hex()[:_HASH_LETTERS] for text in texts.to_list()]
        return plain.replace_strict(texts, pl.Series(hashes, dtype=pl.String), default=None, return_dtype=pl.String)

    @property
    def fingerprint(self) -> str:
        """Tells keys apart without giving them away."""
        return hashlib.sha256(b"xbopt key fingerprint" + self.key).hexdigest()[:16]


def pseudonyms(file: Path, *, into: Path) -> Pseudonyms:
    """The key of a file; a new one, readable by its owner alone, where there is no such file.

    Args:
        file: The key file.
        into: The data folder, in which no key may lie: whoever gets the data would get it too.

    Raises:
        UsageError: The file lies in the data folder, cannot be read or made, or holds too little for a key.
    """
    if into.resolve() in file.resolve().parents:
        raise UsageError(f"--key-file {file} lies in the data folder; keep the key apart from the data.")
    if file.is_file():
        try:
            key = file.read_bytes().strip()
        except OSError as error:
            raise UsageError(f"The key file {file} cannot be read ({error.strerror}).") from None
        if len(key) < _KEY_BYTES:
            raise UsageError(f"The key file {file} holds {len(key)} bytes; a key has at least {_KEY_BYTES}.")
        return Pseudonyms(key, file)
    key = secrets.token_hex(_KEY_BYTES).encode()
    try:
        file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with replace_file(file, private=True) as temporary:
            temporary.write_bytes(key)
    except OSError as error:
        raise UsageError(
            f"The key file {file} cannot be made ({error.strerror}); name another by --key-file."
        ) from None
    return Pseudonyms(key, file, is_new=True)


@dataclass(slots=True)
class LazyKey:
    """The key of a data folder, made once a person is met.

    Attributes:
        file: The key file.
        folder: The data folder.
        made: The key; None where nobody was met.
    """

    file: Path
    folder: Path
    made: Pseudonyms | None = None

    def pseudonyms_of(self, persons: "pl.Series") -> "pl.Series":
        """Their pseudonyms."""
        if self.made is None:
            self.made = pseudonyms(self.file, into=self.folder)
        return self.made.of(persons)


@dataclass(frozen=True, slots=True)
class Coarsened:
    """Orders whose regions and texts of goods enough customers share.

    Attributes:
        rows: The orders.
        emptied: How many cells of regions were emptied.
        renamed: How many texts of goods gave way to the article's number.
        small_countries: Countries with fewer customers than that.
    """

    rows: "pl.LazyFrame"
    emptied: int
    renamed: int
    small_countries: tuple[str, ...]


def coarsened(orders: "pl.LazyFrame", k: int) -> Coarsened:
    """Empty regions that fewer than ``k`` customers share, and replace texts of goods that may be personal.

    This is k-anonymity (Sweeney 2002) of what a scenario can do without. A text that fewer bought, or that stands on
    less than half of its article's lines, may be an engraving; the article's number takes its place. Lines of paperwork
    keep theirs, since they are known by it (`PAPER_NAMES`). Money, articles and days of the row stay, so that no sum
    moves. The country stays too, since taxes and duties hang on it; countries with fewer customers are named. Where a
    customer is unknown, each order counts as one.
    """
    import polars as pl

    person = pl.coalesce("customer", "order_id").n_unique().alias("__persons")
    by_country = orders.group_by("country").agg(person).collect(engine="streaming")
    rare = by_country.filter((pl.col("__persons") < k) & pl.col("country").is_not_null())["country"].sort().to_list()
    regions = orders.group_by("country", "region").agg(person, pl.len().alias("__rows")).collect(engine="streaming")
    few = regions.filter((pl.col("__persons") < k) & pl.col("region").is_not_null())
    texts = orders.group_by("sku", "product").agg(person, pl.len().alias("__rows")).collect(engine="streaming")
    most = 2 * pl.col("__rows") >= pl.col("__rows").sum().over("sku")
    is_its_name = (pl.col("__persons") >= k) & (pl.col("sku").is_null() | most)
    is_paper = plain(pl.col("product")).is_in(list(PAPER_NAMES))
    odd = texts.filter(pl.col("product").is_not_null() & ~is_its_name & ~is_paper)
    rows = _replaced(orders, few, ("country", "region"), None)
    return Coarsened(
        rows=_replaced(rows, odd, ("sku", "product"), "sku"),
        emptied=int(few["__rows"].sum()),
        renamed=int(odd["__rows"].sum()),
        small_countries=tuple(rare),
    )


def personal_skus(lines: "pl.LazyFrame", k: int) -> "pl.Series":
    """Article numbers that hold a word of four letters or more which fewer than ``k`` customers bought.

    Codes of paperwork and pseudonyms are none.

    Args:
        lines: Columns sku, customer and order_id of all lines of orders and refunds.
        k: Fewest customers.
    """
    import polars as pl

    words = (
        lines.select("sku", pl.coalesce("customer", "order_id").alias("__person"))
        .drop_nulls()
        .unique()
        .filter(~pl.col("sku").str.contains(HASHED) & ~plain(pl.col("sku")).is_in(list(PAPER_CODES | PAPER_NAMES)))
        .with_columns(pl.col("sku").str.to_lowercase().str.extract_all(r"\p{L}{4,}").alias("__word"))
        .explode("__word")
        .drop_nulls()
        .group_by("__word")
        .agg(pl.col("__person").n_unique().alias("__persons"), pl.col("sku").unique())
        .filter(pl.col("__persons") < k)
    )
    return words.select(pl.col("sku").explode().unique().sort()).collect(engine="streaming")["sku"].drop_nulls()


def _replaced(
    rows: "pl.LazyFrame", where: "pl.DataFrame", keys: tuple[str, str], instead: str | None
) -> "pl.LazyFrame":
    """The last of the keys replaced in rows whose keys are among some: by another column, or by nothing."""
    import polars as pl

    if where.is_empty():
        return rows
    name = keys[-1]
    value = pl.lit(None, dtype=pl.String) if instead is None else pl.col(instead)
    marked = where.lazy().select(*keys, pl.lit(value=True).alias("__marked"))
    return (
        rows.join(marked, on=list(keys), how="left", nulls_equal=True, maintain_order="left")
        .with_columns(pl.when(pl.col("__marked")).then(value).otherwise(pl.col(name)).alias(name))
        .drop("__marked")
    )
