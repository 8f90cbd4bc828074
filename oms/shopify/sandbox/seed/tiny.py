"""The cast of the tests: shop acme, locations east, west, soho_store, items mug and shirt."""

from oms.shopify.sandbox.locations import add_location
from oms.shopify.sandbox.products import add_product
from oms.shopify.sandbox.seed.identity import shop_identity
from oms.shopify.sandbox.stock import connect_level

US = {"country": "United States", "countryCode": "US"}
PLACES = (
    ("east", "350 5th Ave", "New York", "NY", "New York", "10118", 40.7484, -73.9857),
    ("west", "1 Ferry Building", "San Francisco", "CA", "California", "94111", 37.7955, -122.3937),
    ("soho_store", "72 Greene St", "New York", "NY", "New York", "10012", 40.7233, -74.0006),
)
STOCK = {
    "mug": {"east": 10, "west": 10, "soho_store": 2},
    "shirt": {"east": 5, "west": 0},
}


def plant_empty(store, salt):
    """A shop with nothing in it."""
    store.meta["shop"] = shop_identity(90001, "Acme", "acme.myshopify.com", salt)
    store.meta["served"] = {}


def plant_tiny(store, salt):
    plant_empty(store, salt)
    places = {}
    for rank, (name, address1, city, code, province, zip_code, lat, lon) in enumerate(PLACES):
        address = US | {
            "address1": address1,
            "city": city,
            "provinceCode": code,
            "province": province,
            "zip": zip_code,
            "latitude": lat,
            "longitude": lon,
        }
        places[name] = add_location(store, name, address, rank)
        store.meta["served"][str(places[name]["id"])] = {"countries": ["US"]}
    for title, price, grams in (("mug", "12.50", 350), ("shirt", "25.00", 200)):
        product = add_product(
            store, title, [{"sku": title, "price": price, "grams": grams}], "Acme"
        )
        (variant,) = store.where("ProductVariant", "product_id", product["id"])
        for place, units in STOCK[title].items():
            connect_level(store, variant["item_id"], places[place]["id"], units)
