"""Cursor paging: a sorted list and the four arguments become a connection."""

import base64
import json
from bisect import bisect_left, bisect_right

from oms.shopify.sandbox.errors import ShopifyError

PAGE_LIMIT = 250


def connect(items, first=None, last=None, after=None, before=None, reverse=False, key=None, **_):
    """A page of `items`. Cursors name a sort position, so rows that move do not break paging."""
    if first is None and last is None:
        raise ShopifyError("you must provide one of first or last", "BAD_REQUEST")
    for name, count in (("first", first), ("last", last)):
        if count is not None and (count < 0 or count > PAGE_LIMIT):
            raise ShopifyError(
                f"{name} must be between 0 and {PAGE_LIMIT}, but was {count}", "BAD_REQUEST"
            )
    key = key or position_by_id
    rows = sorted(((key(item), item) for item in items), key=lambda row: row[0])
    places = [place for place, _ in rows]
    # A reversed list is read from its end, so its cursors cut from the other side.
    upper, lower = (before, after) if not reverse else (after, before)
    low = bisect_right(places, read_cursor(lower, places)) if lower else 0
    high = bisect_left(places, read_cursor(upper, places)) if upper else len(rows)
    window = rows[low:high]
    if reverse:
        window.reverse()
    page = window
    if first is not None:
        page = page[:first]
    if last is not None:
        page = page[-last:] if last else []
    start = window.index(page[0]) if page else 0
    edges = [{"cursor": write_cursor(place), "node": item} for place, item in page]
    return {
        "edges": edges,
        "nodes": [item for _, item in page],
        "pageInfo": {
            "hasNextPage": start + len(page) < len(window) if page else bool(window),
            "hasPreviousPage": start > 0 or bool(after),
            "startCursor": edges[0]["cursor"] if edges else None,
            "endCursor": edges[-1]["cursor"] if edges else None,
        },
    }


def position_by_id(item):
    return (item["id"],)


def write_cursor(place):
    """Shopify's spelling: base64 of the last id and the last value of the sort key."""
    body = {"last_id": place[-1], "last_value": place[0] if len(place) > 1 else str(place[0])}
    return base64.b64encode(json.dumps(body, separators=(",", ":")).encode()).decode()


def read_cursor(text, places):
    try:
        body = json.loads(base64.b64decode(text, validate=True))
        number, value = body["last_id"], body["last_value"]
        place = (value, number) if places and len(places[0]) > 1 else (number,)
        if places:
            place < places[0]  # noqa: B015 - a cursor of another list does not compare
    except (ValueError, TypeError, KeyError) as error:
        raise ShopifyError("Invalid cursor for current pagination sort.", "BAD_REQUEST") from error
    return place
