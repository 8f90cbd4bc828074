"""The real sale documents, read once: sales, cancellations, stock corrections, in file order."""

import csv
import gzip
import re
from dataclasses import dataclass, field
from decimal import ROUND_HALF_UP, Decimal
from functools import cache
from importlib.resources import files

PRODUCT_CODE = re.compile(r"^\d{5}[A-Za-z]{0,2}$")
# Codes that are no goods: postage, bank charges, discounts, marketplace fees, corrections.
NOT_GOODS = frozenset(["POST", "DOT", "C2", "D", "BANK CHARGES", "AMAZONFEE", "ADJUST"])
COUNTRY_CODES = {
    "United Kingdom": "US",  # the shop moved over: its home customers live in the United States
    "USA": "US",
    "Germany": "DE",
    "EIRE": "IE",
    "France": "FR",
    "Spain": "ES",
    "Netherlands": "NL",
    "Sweden": "SE",
    "Belgium": "BE",
    "Denmark": "DK",
    "Cyprus": "CY",
    "United Arab Emirates": "AE",
    "Australia": "AU",
    "Portugal": "PT",
    "Japan": "JP",
    "Austria": "AT",
    "Finland": "FI",
    "Channel Islands": "JE",
    "Greece": "GR",
    "Italy": "IT",
    "Malta": "MT",
    "Nigeria": "NG",
    "Switzerland": "CH",
    "Poland": "PL",
    "Norway": "NO",
    "Bahrain": "BH",
    "RSA": "ZA",
    "Unspecified": None,
}


@dataclass
class Line:
    code: str
    title: str
    quantity: int
    price: Decimal


@dataclass
class Document:
    invoice: str
    customer: str
    country: str | None
    position: int
    kind: str = "sale"
    lines: list = field(default_factory=list)


def is_product(code):
    return PRODUCT_CODE.match(code) is not None


@cache
def documents():
    """All documents in file order. A document keeps one line a row, as it was written."""
    packed = files("oms.shopify.sandbox.seed") / "data" / "sale_lines.csv.gz"
    found: dict = {}
    for row in csv.DictReader(gzip.decompress(packed.read_bytes()).decode().splitlines()):
        document = found.get(row["invoice"])
        if document is None:
            document = found[row["invoice"]] = Document(
                row["invoice"],
                row["customer_id"],
                COUNTRY_CODES[row["country"]],
                len(found),
            )
        price = Decimal(row["price"]).quantize(Decimal("0.01"), ROUND_HALF_UP)
        title = row["description"] or row["stock_code"]
        document.lines.append(Line(row["stock_code"], title, int(row["quantity"]), price))
    for document in found.values():
        document.kind = kind_of(document)
    return list(found.values())


def kind_of(document):
    """A document is a cancellation, a stock correction (nobody bought, no price) or a sale."""
    if document.invoice.startswith("C"):
        return "cancellation"
    sold = any(
        line.quantity > 0 and (line.price > 0 or document.customer) for line in document.lines
    )
    return "sale" if sold else "correction"
