"""The page of an import: never empty, narrow enough for a telephone, and without a complaint of a browser."""

import re
import subprocess
from pathlib import Path

import pytest

from tests.reports.pages import browser_complaints, outline_of
from xbopt.imports.engine.run import ImportResult, import_files
from xbopt.reports.imports import import_page
from xbopt.reports.kit.page import html_page

MEDIA = 'Day,Campaign,Currency code,Cost,Impr.,Clicks\n2026-09-03,Lamps search,EUR,"1,000.50",10000,100\n'
ORDERS = "Order,Day,Buyer,Pieces,Price\n" + "".join(f"A{n},2026-09-03,c{n},1,9.00\n" for n in range(9))
ROLES = {"order_id": "Order", "date": "Day", "customer": "Buyer", "quantity": "Pieces", "unit_price": "Price"}


@pytest.fixture
def result(tmp_path: Path) -> ImportResult:
    """Orders and media, imported one after the other."""
    orders, media = tmp_path / "orders_of_a_shop_with_a_long_name_2026.csv", tmp_path / "google_ads_campaigns.csv"
    orders.write_text(ORDERS, encoding="utf-8")
    media.write_text(MEDIA, encoding="utf-8")
    import_files([orders], into=tmp_path / "data", key=tmp_path / "key", columns=ROLES, currency="EUR", zone="UTC")
    return import_files([media], into=tmp_path / "data", zone="Europe/Berlin")


def test_all_files_of_the_folder_are_listed_and_what_is_next(result: ImportResult) -> None:
    content = import_page(result)
    (table,) = content.sections[0].tables
    assert [row[0].text for row in table.rows] == [
        "orders_of_a_shop_with_a_long_name_2026.csv",
        "google_ads_campaigns.csv",
    ]
    assert "xbopt calibrate" in content.below_verdict[-1]
    outline_of(html_page(content))


def test_a_second_import_of_the_same_files_shows_what_the_folder_holds(result: ImportResult, tmp_path: Path) -> None:
    again = import_files([tmp_path / "google_ads_campaigns.csv"], into=tmp_path / "data", zone="Europe/Berlin")
    content = import_page(again)
    assert content.verdict.startswith("Nothing new: ")
    assert all(section.tables or section.lines for section in content.sections)
    assert len(content.sections) == 3


@pytest.mark.browser
def test_the_page_fits_a_telephone(result: ImportResult, chromium: str, tmp_path: Path) -> None:
    page = html_page(import_page(result))
    assert browser_complaints(page, chromium, tmp_path) == []
    # A frame of 390 pixels says how wide what stands in it is; the page's own rules would forbid the question.
    bare = re.sub(r"<meta http-equiv=\"Content-Security-Policy\"[^>]*>", "", page)
    (tmp_path / "inner.html").write_text(bare, encoding="utf-8")
    parts = "[d.documentElement,...d.querySelectorAll('table')]"
    ask = f"let d=f.contentDocument;document.title={parts}.map(e=>e.scrollWidth)"
    frame = f'<iframe id="f" src="inner.html" style="width:390px;height:900px" onload="{ask}"></iframe>'
    (tmp_path / "outer.html").write_text(frame, encoding="utf-8")
    command = [chromium, "--headless", "--no-sandbox", "--disable-gpu", "--allow-file-access-from-files"]
    command += [f"--user-data-dir={tmp_path / 'second'}", "--virtual-time-budget=10000", "--dump-dom"]
    done = subprocess.run(
        [*command, (tmp_path / "outer.html").as_uri()], capture_output=True, text=True, timeout=120, check=True
    )
    found = re.search(r"<title>([\d,]+)</title>", done.stdout)
    assert found is not None, done.stdout[:500]
    assert max(map(int, found[1].split(","))) <= 390
