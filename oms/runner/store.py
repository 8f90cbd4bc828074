"""The control side of the local store: place orders, and ask how far it is."""

import http.client
import json
import urllib.error
import urllib.request
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

TIMEOUT_SECONDS = 5


class StoreAway(Exception):
    """The store does not answer just now."""


@dataclass(frozen=True)
class Feed:
    """Orders asked of the store, noted on disk so that a killed run is taken up where it was."""

    orders: int
    rate: float
    # How many the store had been asked for before, in all: it tells whether it heard of this feed.
    target_before: int


def status(store_url: str) -> dict[str, Any]:
    """{"placed": n, "target": n, "webhooks_pending": n, ...}"""
    return _call(urllib.request.Request(f"{store_url}/sandbox/status"))


def is_answering(store_url: str) -> bool:
    try:
        status(store_url)
    except StoreAway:
        return False
    return True


def begin_feed(store_url: str, note: Path, orders: int, rate: float) -> Feed:
    """Ask the store for orders, once: the same feed begun again after a kill only goes on."""
    target = status(store_url)["target"]
    feed = unfinished_feed(note)
    if feed is None or (feed.orders, feed.rate) != (orders, rate):
        feed = Feed(orders, rate, target)
        unfinished = note.with_suffix(".new")
        unfinished.write_text(json.dumps(asdict(feed)))
        unfinished.replace(note)
    if target < feed.target_before + feed.orders:
        _post(f"{store_url}/sandbox/orders", {"count": orders, "rate": rate})
    return feed


def unfinished_feed(note: Path) -> Feed | None:
    if not note.exists():
        return None
    return Feed(**json.loads(note.read_text()))


def make_returns(store_url: str) -> None:
    """Have the store's customers ask for what their real counterparts sent back."""
    _post(f"{store_url}/sandbox/returns", {})


def seed_facts(store_url: str) -> dict[str, Any]:
    """What an operator would type when connecting the store: address, token, secret, places."""
    return _call(urllib.request.Request(f"{store_url}/sandbox/seed"))


def export(store_url: str) -> list[dict[str, Any]]:
    """The store's own account of every order: units, money, work, parcels, refunds."""
    answer = _call(urllib.request.Request(f"{store_url}/sandbox/export?type=orders"))
    orders: list[dict[str, Any]] = answer["orders"]
    return orders


def end_feed(note: Path) -> None:
    note.unlink(missing_ok=True)


def _post(url: str, values: dict[str, Any]) -> None:
    body = json.dumps(values).encode()
    _call(urllib.request.Request(url, body, {"Content-Type": "application/json"}))


def _call(request: urllib.request.Request) -> dict[str, Any]:
    try:
        with urllib.request.urlopen(request, timeout=TIMEOUT_SECONDS) as response:
            answer: dict[str, Any] = json.load(response)
            return answer
    except urllib.error.HTTPError as error:
        raise RuntimeError(f"The local store refused: {error.read().decode()}") from error
    except (OSError, http.client.HTTPException) as error:
        raise StoreAway(str(error)) from error
