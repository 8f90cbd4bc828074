"""The sample bodies of every topic, and variants of the sample order."""

import gzip
import json
from functools import cache
from pathlib import Path
from typing import Any

DATA = Path(__file__).parent.parent / "data"


@cache
def samples() -> dict[str, bytes]:
    """Topic to raw body: 112 of them."""
    with gzip.open(DATA / "shopify_webhooks.json.gz", "rt") as file:
        return {topic: body.encode() for topic, body in json.load(file).items()}


def sample(topic: str) -> dict[str, Any]:
    """A fresh copy of a sample, to be changed and sent."""
    return json.loads(samples()[topic])


def order_with(line: dict[str, Any] | None = None, **fields: Any) -> bytes:
    """The sample order with fields replaced, and its first line's fields too."""
    order = sample("orders/create")
    order["line_items"][0].update(line or {})
    return json.dumps({**order, **fields}).encode()


def order_with_raw_quantity(text: str) -> bytes:
    """The sample order with anything at all in place of the first quantity, JSON or not."""
    return order_with({"quantity": "PLACE"}).replace(b'"PLACE"', text.encode())
