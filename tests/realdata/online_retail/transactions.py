"""From raw invoice lines to clean sales and refunds, with a ledger of every row that was left out."""

from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

IntArray = NDArray[np.int64]
FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]

NO_CUSTOMER = -1
"""Stands where an invoice line carries no customer id."""

PRODUCT_CODE = r"^([0-9]{5}[A-Za-z]{0,2}|DCGS.*|PADS)$"
"""Stock codes of goods: five digits with a colour suffix, plus the shop's own DCGS and PADS articles.

Everything else is money or paperwork: POST, DOT, C2 (carriage), M (manual), D (discount), S (samples), B (bad
debt), BANK CHARGES, AMAZONFEE, CRUK and gift vouchers.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Lines:
    """Invoice lines as columns of equal length ``(N,)``.

    Attributes:
        invoice: Code of the invoice number.
        product: Code of the stock code, upper and lower case taken as one.
        quantity: Units; negative on cancellations.
        price_gbp: Unit price in GBP.
        minute: Minutes since 1970-01-01, the shop's clock.
        customer: Customer id, or ``NO_CUSTOMER``.
        country: Code of the country.
        cancelled: The invoice number starts with C.
        is_product: The stock code is one of goods.
        duplicate: The row repeats an earlier row in all eight columns.
    """

    invoice: IntArray
    product: IntArray
    quantity: IntArray
    price_gbp: FloatArray
    minute: IntArray
    customer: IntArray
    country: IntArray
    cancelled: BoolArray
    is_product: BoolArray
    duplicate: BoolArray

    def __len__(self) -> int:
        """Count the rows."""
        return len(self.invoice)

    def take(self, mask: BoolArray) -> "Lines":
        """Keep the rows where ``mask`` is true."""
        return Lines(**{field.name: getattr(self, field.name)[mask] for field in fields(self)})

    @property
    def value_gbp(self) -> FloatArray:
        """Quantity times unit price, ``(N,)`` GBP; negative on cancellations."""
        return self.quantity * self.price_gbp

    @property
    def day(self) -> IntArray:
        """Days since 1970-01-01, ``(N,)``."""
        return self.minute // 1440


@dataclass(frozen=True, slots=True, kw_only=True)
class Book:
    """All raw lines with the names behind their codes."""

    lines: Lines
    products: tuple[str, ...]
    countries: tuple[str, ...]


def repeated_rows(columns: list[IntArray]) -> BoolArray:
    """Mark rows that equal an earlier row in every column, ``(N,)``."""
    order = np.lexsort(columns)
    same = np.ones(max(len(order) - 1, 0), dtype=np.bool_)
    for column in columns:
        same &= column[order][1:] == column[order][:-1]
    marks = np.zeros(len(order), dtype=np.bool_)
    marks[order[1:]] = same
    return marks


def _codes(column: pa.ChunkedArray) -> tuple[IntArray, tuple[str, ...]]:
    """Number the distinct texts of a column in sorted order; a missing text counts as the empty one."""
    texts = pc.fill_null(column, "")
    names, codes = np.unique(texts.to_numpy().astype(str), return_inverse=True)
    return codes.astype(np.int64), tuple(str(name) for name in names)


def read_book(folder: Path) -> Book:
    """Read ``online_retail.parquet`` from a folder."""
    table = pq.read_table(folder / "online_retail.parquet")
    invoice, _ = _codes(table["InvoiceNo"])
    raw_code, _ = _codes(table["StockCode"])
    product, products = _codes(pc.utf8_upper(table["StockCode"]))
    description, _ = _codes(table["Description"])
    country, countries = _codes(table["Country"])
    quantity = table["Quantity"].to_numpy().astype(np.int64)
    price = table["UnitPrice"].to_numpy().astype(np.float64)
    minute = table["InvoiceDate"].to_numpy().astype("datetime64[m]").astype(np.int64)
    customer = pc.fill_null(table["CustomerID"], NO_CUSTOMER).to_numpy().astype(np.int64)
    # Prices enter the comparison by their bit pattern, so that equal means equal.
    columns = [invoice, raw_code, description, quantity, minute, price.view(np.int64), customer, country]
    lines = Lines(
        invoice=invoice,
        product=product,
        quantity=quantity,
        price_gbp=price,
        minute=minute,
        customer=customer,
        country=country,
        cancelled=pc.starts_with(table["InvoiceNo"], "C").to_numpy().astype(np.bool_),
        is_product=pc.match_substring_regex(table["StockCode"], PRODUCT_CODE).to_numpy().astype(np.bool_),
        duplicate=repeated_rows(columns),
    )
    return Book(lines=lines, products=products, countries=countries)


def voided_pairs(sales: Lines, refunds: Lines) -> tuple[BoolArray, BoolArray]:
    """Mark sales that were cancelled in full on the day they were made, and the cancellations that did it.

    A pair has the same customer, product, quantity and calendar day, and the cancellation is not earlier
    than the sale. Such a pair is a typing error (80,995 paper birds, undone after 12 minutes), no demand
    and no return. Lines without a customer id cannot be paired. Each line serves in one pair at most.

    Returns:
        Masks over the sales ``(N,)`` and over the refunds ``(M,)``.
    """
    waiting: dict[tuple[int, int, int, int], list[int]] = {}
    undone = np.zeros(len(sales), dtype=np.bool_)
    undoing = np.zeros(len(refunds), dtype=np.bool_)
    sale_day, refund_day = sales.day, refunds.day
    keys = {(int(c), int(p)) for c, p in zip(refunds.customer, refunds.product, strict=True)}
    for row, key in enumerate(zip(sales.customer, sales.product, strict=True)):
        if sales.customer[row] != NO_CUSTOMER and key in keys:
            place = (int(key[0]), int(key[1]), int(sales.quantity[row]), int(sale_day[row]))
            waiting.setdefault(place, []).append(row)
    for row in np.argsort(refunds.minute, kind="stable"):
        place = (
            int(refunds.customer[row]),
            int(refunds.product[row]),
            -int(refunds.quantity[row]),
            int(refund_day[row]),
        )
        earlier = [sale for sale in waiting.get(place, []) if sales.minute[sale] <= refunds.minute[row]]
        if earlier:
            waiting[place].remove(earlier[0])
            undone[earlier[0]] = undoing[row] = True
    return undone, undoing


def clean(book: Book) -> tuple[Lines, Lines, dict[str, object]]:
    """Apply the rules in order: duplicates, non-products, cancellations, quantity, price, voided pairs.

    Exact duplicates go because nothing tells a double scan from a second purchase in the same minute; they
    carry well under one per cent of the value. Cancellations are not lost but set aside as refunds. Lines
    without a customer id stay in the sales and are counted apart: measures of customers drop them.

    Returns:
        Sales, refunds (voiding ones removed), and the ledger: rows in, removed by each rule, rows out.
    """
    rows = book.lines
    removed: list[dict[str, object]] = []

    def drop(rule: str, lines: Lines, mask: BoolArray) -> Lines:
        left = lines.take(~mask)
        gone = lines.take(mask)
        removed.append(
            {
                "rule": rule,
                "rows": len(gone),
                "value_gbp": float(gone.value_gbp.sum()),
                "without_customer": int((gone.customer == NO_CUSTOMER).sum()),
                "rows_left": len(left),
            }
        )
        return left

    rows = drop("exact_duplicate", rows, rows.duplicate)
    codes, counts = np.unique(rows.product[~rows.is_product], return_counts=True)
    rows = drop("non_product_code", rows, ~rows.is_product)
    removed[-1]["codes"] = {book.products[c]: int(n) for c, n in zip(codes, counts, strict=True)}
    refunds = rows.take(rows.cancelled)
    rows = drop("cancellation_set_aside_as_refund", rows, rows.cancelled)
    rows = drop("quantity_not_positive", rows, rows.quantity <= 0)
    rows = drop("price_not_positive", rows, rows.price_gbp <= 0)
    undone, undoing = voided_pairs(rows, refunds)
    rows = drop("voided_same_day", rows, undone)
    kept = refunds.take(~undoing)
    named = rows.customer != NO_CUSTOMER
    ledger: dict[str, object] = {
        "rows_in": len(book.lines),
        "countries_in": len(book.countries),
        "customers_in": len(np.unique(book.lines.customer[book.lines.customer != NO_CUSTOMER])),
        "rows_in_without_customer": int((book.lines.customer == NO_CUSTOMER).sum()),
        "removed": removed,
        "rows_out": len(rows),
        "rows_out_with_customer": int(named.sum()),
        "rows_out_without_customer": int((~named).sum()),
        "value_out_with_customer_gbp": float(rows.value_gbp[named].sum()),
        "value_out_without_customer_gbp": float(rows.value_gbp[~named].sum()),
        "invoices_out_without_customer": len(np.unique(rows.invoice[~named])),
        "refund_rows": {
            "set_aside": len(refunds),
            "voiding_same_day": int(undoing.sum()),
            "without_customer": int((kept.customer == NO_CUSTOMER).sum()),
            "used": int((kept.customer != NO_CUSTOMER).sum()),
        },
    }
    return rows, kept, ledger
