"""Invented but fixed people and addresses: the same number always gives the same person."""

import csv
import gzip
import hashlib
from functools import cache
from importlib.resources import files

FIRST_WORDS = """
Ada Alan Alice Amir Ana Ben Carla Chen Clara Dana David Elena Emil Fatima Felix Grace Hana
Hugo Ines Ivan Jack Jane Jonas Julia Kai Karim Lara Leo Lena Liam Maria Maya Milan Nadia
Nina Noah Olive Omar Oscar Paula Priya Ravi Rosa Ruth Sami Sara Simon Sofia Tara Theo Tom
Vera Victor Wanda Yara Yusuf Zoe
"""
FIRST = FIRST_WORDS.split()
LAST_WORDS = """
Abbott Bauer Bennett Blake Brooks Carter Castillo Chapman Clarke Cohen Cole Costa Cruz
Dawson Diaz Ellis Evans Fischer Fletcher Foster Garcia Gibson Grant Green Hall Hansen
Harper Hayes Hughes Ito Jensen Jordan Keller Kim Knight Lambert Lopez Marsh Martin Meyer
Moore Murphy Nguyen Novak Owens Palmer Park Patel Perry Reed Rivera Rossi Russell Sato
Schmidt Shaw Silva Stone Tanaka Turner Vega Walsh Weber West Wolf Young
"""
LAST = LAST_WORDS.split()
STREETS = [
    "Oak St",
    "Maple Ave",
    "Main St",
    "Cedar Ln",
    "Park Ave",
    "Elm St",
    "Lake Dr",
    "Hill Rd",
    "Washington St",
    "Pine St",
    "Church St",
    "River Rd",
    "Sunset Blvd",
    "Mill Rd",
    "Spring St",
    "Station Rd",
]
LETTERS = "ABCDEFGHJKLMNPRSTUVWXYZ"


def number(*parts):
    """A fixed large number from any words."""
    text = "\0".join(map(str, parts))
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big")


@cache
def postal_rows():
    packed = files("oms.shopify.sandbox.seed") / "data" / "ship_to.csv.gz"
    rows: dict = {}
    for row in csv.DictReader(gzip.decompress(packed.read_bytes()).decode().splitlines()):
        rows.setdefault(row["country_code"], []).append(row)
    return rows


def person(key, salt):
    """First name, last name, e-mail. All at example.com."""
    dice = number("person", key, salt)
    first, last = FIRST[dice % len(FIRST)], LAST[dice // 97 % len(LAST)]
    return first, last, f"{first}.{last}.{key}@example.com".lower()


def address(key, country, salt):
    """A MailingAddressInput: a real postal code and place, an invented street."""
    first, last, _ = person(key, salt)
    dice = number("address", key, salt)
    given = {
        "firstName": first,
        "lastName": last,
        "address1": f"{dice % 9800 + 1} {STREETS[dice // 11 % len(STREETS)]}",
    }
    if country is None:
        return given
    given["countryCode"] = country
    rows = postal_rows().get(country)
    if not rows:
        return given
    row = rows[dice // 7 % len(rows)]
    given["city"] = row["place"]
    given["zip"] = full_code(country, row["postal_code"], dice)
    if country in ("US", "CA", "AU") and row["state_code"]:
        given["provinceCode"] = row["state_code"]
    return given


def full_code(country, code, dice):
    """The tables hold cut codes for some countries; people write whole ones."""
    if country == "US" and dice % 50 == 0:
        return f"{code}-{dice // 50 % 9999 + 1:04d}"
    letters = "".join(LETTERS[dice // step % len(LETTERS)] for step in (1, 23, 529, 12167))
    if country == "IE":
        return f"{code} {letters[0]}{dice % 10}{letters[1]}{dice // 10 % 10}"
    if country == "NL":
        return f"{code} {letters[:2]}"
    if country == "GB":
        return f"{code} {dice % 9 + 1}{letters[:2]}"
    return code
