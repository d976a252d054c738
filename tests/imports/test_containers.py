"""The same table in any container gives the same rows, whatever the file is called, and however it is read."""

import gzip
import io
import json
import zipfile
from collections.abc import Callable
from datetime import date
from pathlib import Path

import polars as pl
import pytest
import xlsxwriter

from xbopt.imports.data_folder import read_data_folder
from xbopt.imports.engine import reading
from xbopt.imports.engine.run import import_files
from xbopt.imports.refusals import UnreadFileError

ROWS = [
    ("Order", "Day", "Pieces", "Price", "Article"),
    ("900719925474099", "2026-09-03", "2", "10.5", "Lamp, oak"),
    ("900719925474099", "2026-09-03", "1", "20", 'Shade "small"'),
    ("A-2", "2026-09-04", "3", "1200.25", "Zwei\nZeilen"),
]
ROLES = {"order_id": "Order", "date": "Day", "quantity": "Pieces", "unit_price": "Price", "product": "Article"}


def text(rows: list[tuple[str, ...]] = ROWS) -> str:
    return "".join(",".join('"' + cell.replace('"', '""') + '"' for cell in row) + "\n" for row in rows)


def workbook() -> bytes:
    stream = io.BytesIO()
    with xlsxwriter.Workbook(stream, {"in_memory": True}) as book:
        notes, sheet = book.add_worksheet("Read me"), book.add_worksheet("Orders")
        notes.write(0, 0, "Exported by hand")
        for r, row in enumerate(ROWS):
            for c, cell in enumerate(row):
                if r and c in (2, 3):
                    sheet.write_number(r + 2, c, float(cell))
                elif r and c == 1:
                    sheet.write_datetime(r + 2, c, date.fromisoformat(cell), book.add_format({"num_format": "d.m.yy"}))
                else:
                    sheet.write_string(r + 2, c, cell)
    return stream.getvalue()


def archive() -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as packed:
        packed.writestr("inside/orders.csv", text())
    return stream.getvalue()


def parquet() -> bytes:
    stream = io.BytesIO()
    frame = pl.DataFrame(ROWS[1:], schema=list(ROWS[0]), orient="row")
    frame.with_columns(
        pl.col("Day").str.to_date(), pl.col("Pieces").cast(pl.Int32), pl.col("Price").cast(pl.Float64)
    ).write_parquet(stream)
    return stream.getvalue()


CONTAINERS: dict[str, Callable[[], bytes]] = {
    "csv": lambda: text().encode(),
    "crlf": lambda: text().replace('"\n', '"\r\n').encode(),
    "gz": lambda: gzip.compress(text().encode("utf-16")),
    "zip": archive,
    "workbook": workbook,
    "parquet": parquet,
    "json lines": lambda: "\n".join(json.dumps(dict(zip(ROWS[0], row, strict=True))) for row in ROWS[1:]).encode(),
    "json list": lambda: json.dumps({"data": [dict(zip(ROWS[0], row, strict=True)) for row in ROWS[1:]]}).encode(),
}


def imported(tmp_path: Path, content: bytes, name: str = "any.csv") -> pl.DataFrame:
    path = tmp_path / name
    path.write_bytes(content)
    import_files(
        [path], into=tmp_path / "data", columns=ROLES, currency="EUR", zone="UTC", today=date(2026, 11, 28),
        key=tmp_path / "key", k=0,
    )  # fmt: skip
    found = read_data_folder(tmp_path / "data").table("transactions")
    assert found is not None
    return found


@pytest.mark.parametrize("kind", CONTAINERS)
def test_every_container_gives_the_same_orders(tmp_path: Path, kind: str) -> None:
    rows = imported(tmp_path, CONTAINERS[kind]())
    assert rows.select("order_id", "date", "quantity", "unit_price").rows() == [
        ("900719925474099", date(2026, 9, 3), 2.0, 10.5),
        ("900719925474099", date(2026, 9, 3), 1.0, 20.0),
        ("A-2", date(2026, 9, 4), 3.0, 1200.25),
    ]
    assert rows["product"].to_list() == ["Lamp, oak", 'Shade "small"', "Zwei\nZeilen"]


@pytest.mark.parametrize(
    "below",
    ["", "Total,,,\n", "short\n,,,,\n", '"A3"x,2026-09-05,1,2.00,y\n'],
    ids=["plain", "footer", "short", "odd"],
)
def test_the_fast_reader_reads_what_the_careful_one_reads(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, below: str
) -> None:
    content = (text() + below).encode()
    outcomes: list[object] = []
    for name, fast_from in (("fast", 0), ("careful", 1 << 60)):
        monkeypatch.setattr(reading, "FAST_FROM", fast_from)
        folder = tmp_path / name
        folder.mkdir()
        try:
            outcomes.append(imported(folder, content).rows())
        except Exception as error:  # noqa: BLE001 - both readers have to refuse alike
            outcomes.append((type(error), getattr(error, "code", "")))
    assert outcomes[0] == outcomes[1]


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (gzip.compress(text().encode())[:-12], "damaged"),
        (archive()[:-30], "damaged"),
        (workbook()[: len(workbook()) // 2], "damaged"),
        (parquet()[:-9], "damaged"),
        (b'{"Order": 1, "Day": \n{"Order"', "cut_file"),
        (b"\xd0\xcf\x11\xe0 old", "old_workbook"),
        (b"\xff\xfe" + text().encode("utf-16-le") + b"x", "encoding"),
        (b"Order \x81 Day", "encoding"),
    ],
)
def test_a_damaged_container_is_told(tmp_path: Path, content: bytes, code: str) -> None:
    with pytest.raises(UnreadFileError) as caught:
        imported(tmp_path, content)
    assert caught.value.code == code


def test_a_number_that_a_workbook_ruined_is_no_id(tmp_path: Path) -> None:
    stream = io.BytesIO()
    with xlsxwriter.Workbook(stream, {"in_memory": True}) as book:
        sheet = book.add_worksheet()
        for r, row in enumerate(ROWS[:2]):
            for c, cell in enumerate(row):
                sheet.write(r, c, 576000000000000001.0 if (r, c) == (1, 0) else cell)
    with pytest.raises(Exception, match="shortened by a spreadsheet"):
        imported(tmp_path, stream.getvalue(), "orders.xlsx")
