"""Postal code to coordinates: `lookup("US", "10001")` is (40.7484, -73.9967), or None.

Pure: no database, no Django. Data: GeoNames, CC BY 4.0 (see README.md).
"""

import csv
import gzip
import re
from functools import cache
from importlib.resources import files

COUNTRIES = ("AU", "BR", "CA", "DE", "FR", "GB", "IE", "NL", "US")


def lookup(country_code, postal_code):
    """(latitude, longitude) of a code as people write it; None when it is not known."""
    country = (country_code or "").strip().upper()
    if country not in COUNTRIES or not postal_code:
        return None
    return table(country).get(normalise(country, str(postal_code)))


def normalise(country, text):
    """The spelling of a code in the tables: full codes cut, lost zeros and ZIP+4 repaired."""
    code = re.sub(r"[^0-9A-Z]", "", text.strip().upper())
    if country == "US":
        digits = re.match(r"\s*(\d+)(?:-(\d{4}))?\s*$", text)
        if digits:
            code = digits[1]
            if len(code) > 5:  # ZIP+4 written without its dash
                code = code.zfill(9)[:5]
        return code.zfill(5)
    if country in ("CA", "IE"):
        return code[:3]
    if country == "NL":
        return code[:4]
    if country == "GB":
        # A full code ends in digit, letter, letter; a bare outward code does not.
        return code[:-3] if re.search(r"\d[A-Z]{2}$", code) and len(code) > 4 else code
    if country in ("DE", "FR"):
        return code.zfill(5)
    if country == "AU":
        return code.zfill(4)
    return brazilian(code)


def brazilian(code):
    code = code.zfill(8)
    return f"{code[:5]}-{code[5:]}"


@cache
def table(country):
    """All codes of one country, read once when first asked."""
    packed = files("oms.orders.postal") / "data" / f"{country}.csv.gz"
    rows = csv.reader(gzip.decompress(packed.read_bytes()).decode().splitlines())
    return {code: (float(latitude), float(longitude)) for code, latitude, longitude in rows}
