"""Where today's orders stand, in one query, and the picture of it. The picture is pure geometry."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from django.db import connection

HELD, ROUTED, PICKING, ROAD, DELIVERED = 1, 2, 3, 4, 5

STAGES = {
    HELD: "Held now",
    ROUTED: "Routed, not picked",
    PICKING: "Picking and packing",
    ROAD: "Shipped, on the road",
    DELIVERED: "Delivered",
}
# What an order does in a stage while nothing is wrong with it.
MOVING = {
    "grace": "in the grace window",
    "payment": "wait for payment",
    "address": "wait for an address",
    "risk": "wait for a risk check",
    "manual": "held by a person",
    "routing": "next to route",
    "stock": "wait for stock",
    "released": "next to pick",
    "floor": "on the floor",
    "road": "on the road",
}


@dataclass(slots=True)
class Stage:
    """Orders whose slowest unit is here: those that move, by what they do, and those stuck."""

    moving: Counter[str] = field(default_factory=Counter)
    stuck: Counter[str] = field(default_factory=Counter)

    @property
    def total(self) -> int:
        return self.moving.total() + self.stuck.total()


@dataclass(slots=True)
class InFlow:
    """Every order that was open at some time since `since`."""

    stages: dict[int, Stage]
    placed_since: int

    @property
    def total(self) -> int:
        return sum(stage.total for stage in self.stages.values())

    @property
    def stuck(self) -> int:
        return sum(stage.stuck.total() for stage in self.stages.values())


def orders_in_flow(store_id: int, since: datetime) -> InFlow:
    """Count open orders and those delivered since; driven by partial indexes over open work."""
    with connection.cursor() as cursor:
        cursor.execute(_IN_FLOW, {"store": store_id, "since": since})
        rows = cursor.fetchall()
    flow = InFlow({stage: Stage() for stage in STAGES}, 0)
    for number, doing, kind, orders, placed in rows:
        stage = flow.stages[number]
        if kind:
            stage.stuck[kind] += orders
        else:
            stage.moving[doing] += orders
        flow.placed_since += placed
    return flow


# An order stands where its slowest unit stands. Its first open exception says why it is stuck.
_IN_FLOW = """
WITH waiting AS MATERIALIZED (
  SELECT order_id, bool_or(backordered > 0) AS short FROM orders_orderline
  WHERE (backordered > 0 OR open > 0) AND ships AND store_id = %(store)s GROUP BY order_id
), parcels AS MATERIALIZED (
  SELECT w.order_id, p.state = 'delivered' AS delivered
  FROM fulfillment_parcel p
  JOIN fulfillment_shipment h ON h.id = p.shipment_id
  JOIN fulfillment_fulfillmentorder w ON w.id = h.fulfillment_order_id
  WHERE p.store_id = %(store)s
    AND (p.state IN ('labelled', 'in_transit', 'out_for_delivery') OR p.delivered_at >= %(since)s)
), stages AS (
  SELECT order_id, min(stage) AS stage FROM (
    SELECT order_id, 1 AS stage FROM waiting
    UNION ALL
    SELECT order_id, CASE state WHEN 'planned' THEN 1 WHEN 'released' THEN 2 ELSE 3 END
    FROM fulfillment_fulfillmentorder
    WHERE state IN ('planned', 'released', 'picking', 'packed') AND store_id = %(store)s
    UNION ALL
    SELECT order_id, CASE WHEN delivered THEN 5 ELSE 4 END FROM parcels
  ) AS places GROUP BY order_id
), held AS (
  SELECT DISTINCT ON (order_id) order_id, kind FROM orders_hold
  WHERE released_at IS NULL AND store_id = %(store)s ORDER BY order_id, kind
), wrong AS (
  SELECT DISTINCT ON (order_id) order_id, kind FROM exceptions_exceptioncase
  WHERE closed_at IS NULL AND order_id IS NOT NULL AND store_id = %(store)s
  ORDER BY order_id, severity, due_at
)
SELECT s.stage,
  CASE s.stage
    WHEN 1 THEN coalesce(held.kind,
      CASE WHEN w.short THEN 'stock' WHEN w.order_id IS NOT NULL THEN 'routing' ELSE 'grace' END)
    WHEN 2 THEN 'released' WHEN 3 THEN 'floor' WHEN 4 THEN 'road' ELSE 'delivered' END AS doing,
  CASE WHEN s.stage < 5 THEN wrong.kind END AS kind,
  count(*), count(*) FILTER (WHERE o.placed_at >= %(since)s)
FROM stages s
JOIN orders_order o ON o.id = s.order_id
LEFT JOIN waiting w ON w.order_id = s.order_id
LEFT JOIN held ON held.order_id = s.order_id
LEFT JOIN wrong ON wrong.order_id = s.order_id
GROUP BY 1, 2, 3
"""

# ---- the picture: bands as high as the orders that got this far, what stays hangs off its stage --

BAND_TOP, BAND_HEIGHT, STUCK_TOP, HEIGHT = 50, 144, 240, 288
POSTS_PERCENT = (1.4, 18.0, 36.2, 54.4, 72.6, 89.6)
CAUSES_SHOWN = 2


@dataclass(slots=True)
class Cause:
    """One reason why orders are stuck, a link into the queue."""

    kind: str
    label: str
    orders: int
    baseline: int


@dataclass(slots=True)
class Post:
    """One stage as drawn: x in percent of the width, y and heights in pixels."""

    title: str
    count: int
    x: float
    width: float
    height: float
    band: float = 0
    here_top: float = 0
    here: float = 0
    notes: list[tuple[float, str]] = field(default_factory=list)
    stuck: int = 0
    red: float = 0
    causes: list[Cause] = field(default_factory=list)
    more: int = 0


def draw(flow: InFlow, labels: Mapping[str, str], days: int) -> list[Post]:
    """Lay the stages out; a band of one order is still seen."""
    scale = BAND_HEIGHT / max(flow.total, 1)
    title = "In the flow today" if days == 1 else f"In the flow, {days} days"
    first = Post(title, flow.total, POSTS_PERCENT[0], _width(0), _high(flow.total, scale))
    first.band = first.height
    before = flow.total - flow.placed_since
    when = "at midnight" if days == 1 else f"{days} days ago"
    first.notes = [
        (BAND_TOP + first.height + 20, f"{before:,} open {when}"),
        (BAND_TOP + first.height + 36, f"{flow.placed_since:,} placed since"),
    ]
    posts = [first]
    reached = flow.total
    for number, stage in flow.stages.items():
        left = reached - stage.total if number != DELIVERED else 0
        post = Post(STAGES[number], stage.total, POSTS_PERCENT[number], _width(number), 0)
        if number == DELIVERED and days == 1:
            post.title = "Delivered today"
        post.height, post.band = _high(reached, scale), _high(left, scale)
        moving = 0 if number == DELIVERED else stage.moving.total()
        post.here_top, post.here = BAND_TOP + post.band, _high(moving, scale)
        if moving:
            words = [f"{n:,} {MOVING[doing]}" for doing, n in stage.moving.most_common(2)]
            top = min(post.here_top + 12, STUCK_TOP - 26)
            post.notes = [(top + 15 * i, text) for i, text in enumerate(words)]
        post.stuck = stage.stuck.total()
        if post.stuck:
            post.red = HEIGHT - 10 - BAND_TOP
            post.causes = [
                Cause(kind, labels.get(kind, kind), orders, STUCK_TOP + 17 * (i + 1))
                for i, (kind, orders) in enumerate(stage.stuck.most_common(CAUSES_SHOWN))
            ]
            post.more = post.stuck - sum(cause.orders for cause in post.causes)
        posts.append(post)
        reached = left
    return posts


def _high(orders: int, scale: float) -> float:
    return round(max(orders * scale, 2), 1) if orders else 0


def _width(number: int) -> float:
    """Percent to the next post; the last one has no band."""
    if number + 1 == len(POSTS_PERCENT):
        return 0
    return round(POSTS_PERCENT[number + 1] - POSTS_PERCENT[number], 2)
