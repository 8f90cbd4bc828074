"""Hearth & Loom: a real catalogue, real store addresses, stock sized by the real demand."""

from collections import Counter, defaultdict
from decimal import ROUND_HALF_UP, Decimal
from functools import cache
from statistics import median

from oms.shopify.sandbox.locations import add_location
from oms.shopify.sandbox.products import add_product
from oms.shopify.sandbox.seed.documents import documents, is_product
from oms.shopify.sandbox.seed.identity import shop_identity
from oms.shopify.sandbox.seed.people import number
from oms.shopify.sandbox.stock import connect_level

# Real addresses and coordinates (BestBuyAPIs/open-data-set, CC0), errors kept: Logan's ZIP lost
# its leading zero, Meyerland has ZIP+4, Jonesboro lies 1,077 km from where it stands.
PLACES = (
    ("Poplar Ave Hub", "5821 Poplar Ave", "Memphis", "TN", "38119", 35.103514, -89.867362),
    ("Spanish Springs Hub", "155 Los Altos Pkwy", "Sparks", "NV", "89436", 39.579536, -119.7412),
    ("Boston Logan", "1 Harborside Drive", "Boston", "MA", "2128", 42.363275, -71.025663),
    ("Meyerland", "100 Meyerland Plaza Mall", "Houston", "TX", "77096-1607", 29.685877, -95.45953),
    ("Jonesboro", "3000 East Highland Drive", "Jonesboro", "AR", "72401", 40.4071615, -79.830226),
    ("Coral Springs", "650 N University Dr", "Coral Springs", "FL", "33071", 26.23946, -80.25539),
    ("Federal Way", "31601 Pacific Hwy S", "Federal Way", "WA", "98003", 47.317171, -122.315237),
    ("Mall of America", "340 W Market", "Bloomington", "MN", "55425", 44.85466, -93.24565),
)
HUBS = 2
HUB_COUNTRIES = ["US", "CA", "GB", "IE", "DE", "FR", "NL", "AU"]
STORE_SHARE = (0, 0, 75, 70, 70, 70, 65, 80)  # percent of the codes a store carries
SAFETY_STOCK = (0, 0, 1, 1, 1, 1, 1, 1)


@cache
def catalogue():
    """(code, title, price, units sold) of every code that is a product, in code order."""
    prices: dict = defaultdict(list)
    titles: dict = defaultdict(Counter)
    sold: Counter = Counter()
    for document in documents():
        for line in document.lines:
            if not is_product(line.code):
                continue
            titles[line.code][line.title] += 1
            if line.price > 0:
                prices[line.code].append(line.price)
            if document.kind == "sale" and line.quantity > 0:
                sold[line.code] += line.quantity
    rows = []
    for code in sorted(titles):
        price = Decimal(median(prices[code])) if prices[code] else Decimal(0)
        price = price.quantize(Decimal("0.01"), ROUND_HALF_UP)
        title = max(titles[code].items(), key=lambda pair: (pair[0] != code, pair[1], pair[0]))[0]
        rows.append((code, title, price, sold[code]))
    return rows


def plant_real(store, salt):
    store.meta["shop"] = shop_identity(
        548380009, "Hearth & Loom", "hearth-and-loom.myshopify.com", salt
    )
    store.meta["served"] = {}
    places = plant_places(store)
    for code, title, price, units in catalogue():
        variant = {
            "sku": code,
            "price": price,
            "grams": 40 + number("grams", code) % 400 + int(min(price, 100) * 30),
        }
        product = add_product(store, title, [variant], "Hearth & Loom", handle=code.lower())
        (variant,) = store.where("ProductVariant", "product_id", product["id"])
        shelves = zip(places, stock_of(code, units, salt), SAFETY_STOCK, strict=True)
        for place, shelf, safety in shelves:
            if shelf is not None:
                kept = min(safety, shelf)
                connect_level(store, variant["item_id"], place["id"], shelf - kept, kept)


def plant_places(store):
    places = []
    for rank, (name, address1, city, state, zip_code, lat, lon) in enumerate(PLACES):
        address = {
            "address1": address1,
            "city": city,
            "provinceCode": state,
            "zip": zip_code,
            "country": "United States",
            "countryCode": "US",
            "latitude": lat,
            "longitude": lon,
        }
        place = add_location(store, name, address, rank)
        places.append(place)
        store.meta["served"][str(place["id"])] = {
            "countries": HUB_COUNTRIES if rank < HUBS else ["US"],
        }
    return places


def stock_of(code, sold, salt):
    """Units at each place; None where the code is not carried at all.

    Most codes lie at both hubs with more than the whole demand. Some lie at one hub only, so
    that orders must split, and a few are short everywhere, so that orders must wait.
    """
    dice = number("stock", code, salt) % 1000
    plenty = max(12, sold)
    if dice < 3:
        return [plenty // 8, 0] + [None] * (len(PLACES) - HUBS)
    first, second = int(plenty * 1.2), plenty
    if dice < 30:
        first, second = 0, int(plenty * 1.5)
    elif dice < 55:
        first, second = int(plenty * 1.5), 0
    shelves = []
    for rank in range(HUBS, len(PLACES)):
        carried = number("shelf", rank, code, salt) % 100 < STORE_SHARE[rank]
        shelves.append(max(3, plenty // 8) if carried and dice >= 55 else None)
    return [first, second, *shelves]
