"""Which column of a table is which: headings as the world writes them, matched loosely."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

# Letters and digits of a heading, small; the first name of a field that is found wins.
NAMES: dict[str, tuple[str, ...]] = {
    "sku": (
        "sku", "item", "itemsku", "itemcode", "itemno", "itemnumber", "itemid", "article",
        "articleno", "articlenumber", "articlecode", "artikel", "artikelnummer", "product",
        "productcode", "productid", "partno", "partnumber", "material", "variantsku", "stockcode",
        "barcode", "ean", "upc", "gtin",
    ),
    "place": (
        "location", "locationcode", "locationname", "locationid", "warehouse", "warehousecode",
        "warehouseid", "store", "storecode", "shop", "site", "branch", "depot", "plant", "lager",
        "destination", "whs", "place",
    ),
    "units": (
        "quantity", "qty", "onhand", "onhandqty", "onhandquantity", "qtyonhand",
        "quantityonhand", "stock", "stocklevel", "stockqty", "stockonhand", "count", "units",
        "menge", "bestand", "instock", "physical",
    ),
    "change": (
        "change", "delta", "difference", "adjustment", "movement", "changeqty", "qtychange",
        "quantitychange",
    ),
    "safety": ("safety", "safetystock", "minstock", "minimumstock", "reserve", "bufferstock"),
}  # fmt: skip
SHOWN = {
    "sku": "sku, item, article or barcode",
    "place": "location, warehouse or store",
    "units": "quantity, on_hand or qty",
    "change": "change, delta or quantity",
}
_NOISE = re.compile(r"[\W_]+")


@dataclass(slots=True, frozen=True)
class Columns:
    """Where each field stands in a row, and how many values a row has; -1: not in this table."""

    sku: int
    place: int
    units: int
    safety: int
    width: int
    headings: tuple[str, ...]

    @property
    def named(self) -> dict[str, str]:
        """Field to the heading it was found under, for the report."""
        found = {"sku": self.sku, "place": self.place, "units": self.units, "safety": self.safety}
        return {field: self.headings[at] for field, at in found.items() if at >= 0}


def find(headings: Sequence[str], *, changes: bool) -> Columns | None:
    """The columns of a heading; None when it does not name an item and a number."""
    written = [plain(heading) for heading in headings]
    at = {field: _position(written, names) for field, names in NAMES.items()}
    units = at["change"] if changes and at["change"] >= 0 else at["units"]
    if at["sku"] < 0 or (units < 0 and at["safety"] < 0):
        return None
    return Columns(
        at["sku"], at["place"], units, at["safety"], len(headings), tuple(map(str, headings))
    )


def plain(heading: str) -> str:
    """A heading as names are compared: small letters and digits."""
    return _NOISE.sub("", heading.lower())


def missing(headings: Sequence[str], *, changes: bool) -> str:
    """What is not there, in a sentence for the person who made the file."""
    words = ", ".join(f"“{str(heading)[:40]}”" for heading in headings[:12] if str(heading).strip())
    wanted = [SHOWN["sku"], SHOWN["change" if changes else "units"]]
    return (
        f"The first row must name the columns: one called {wanted[0]}, one called {wanted[1]}"
        f" (and {SHOWN['place']}). " + (f"Found: {words}." if words else "It is empty.")
    )


def _position(written: Sequence[str], names: Sequence[str]) -> int:
    for name in names:
        if name in written:
            return written.index(name)
    return -1
