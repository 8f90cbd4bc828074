"""The rows of orders as they are written: customers, orders and lines, many with one statement."""

from collections.abc import Sequence

from oms.core.sql import copy_in, execute, fetch, next_ids
from oms.orders.priority import priority_of
from oms.orders.snapshots import CustomerSnapshot, LineSnapshot, OrderSnapshot


def upsert_customers(store_id: int, customers: Sequence[CustomerSnapshot]) -> dict[int, int]:
    """Store customers in their newest words; return id by remote id."""
    distinct = {c.remote_id: c for c in customers}
    if not distinct:
        return {}
    rows = [distinct[remote_id] for remote_id in sorted(distinct)]
    execute(
        """
        INSERT INTO orders_customer AS c (store_id, remote_id, name, email, phone)
        SELECT %s, * FROM unnest(%s::bigint[], %s::text[], %s::text[], %s::text[])
        ON CONFLICT (store_id, remote_id) DO UPDATE
        SET name = excluded.name, email = excluded.email, phone = excluded.phone
        WHERE (c.name, c.email, c.phone) IS DISTINCT FROM
              (excluded.name, excluded.email, excluded.phone)
        """,
        [
            store_id,
            [c.remote_id for c in rows],
            [c.name for c in rows],
            [c.email for c in rows],
            [c.phone for c in rows],
        ],
    )
    return dict(
        fetch(
            "SELECT remote_id, id FROM orders_customer"
            " WHERE store_id = %s AND remote_id = ANY(%s::bigint[])",
            [store_id, sorted(distinct)],
        )
    )


_ORDER_COLUMNS = (
    ("remote_id", "bigint"),
    ("name", "text"),
    ("remote_updated_at", "timestamptz"),
    ("placed_at", "timestamptz"),
    ("cancelled_at", "timestamptz"),
    ("channel", "text"),
    ("customer_id", "bigint"),
    ("email", "text"),
    ("phone", "text"),
    ("currency", "text"),
    ("total", "numeric"),
    ("ship_name", "text"),
    ("ship_company", "text"),
    ("ship_address1", "text"),
    ("ship_address2", "text"),
    ("ship_city", "text"),
    ("ship_province", "text"),
    ("ship_postal_code", "text"),
    ("ship_country", "text"),
    ("ship_latitude", "float8"),
    ("ship_longitude", "float8"),
    ("shipping_method", "text"),
    ("tags", "text"),
    ("note", "text"),
    ("priority", "smallint"),
    ("cart", "text"),
    ("test", "boolean"),
    ("inbox_id", "bigint"),
)
# Tags travel as one text, since PostgreSQL cannot unnest arrays of different lengths side by side.
_TAG_SEPARATOR = "\x1f"
_NAMES = ", ".join(name for name, _ in _ORDER_COLUMNS)
_VALUES = _NAMES.replace(
    "tags", f"CASE WHEN tags = '' THEN '{{}}' ELSE string_to_array(tags, '{_TAG_SEPARATOR}') END"
)
_ARRAYS = ", ".join(f"%s::{kind}[]" for _, kind in _ORDER_COLUMNS)
_INSERT = f"""
INSERT INTO orders_order (store_id, {_NAMES})
SELECT %s, {_VALUES} FROM unnest({_ARRAYS}) AS t({_NAMES})
ON CONFLICT (store_id, remote_id) DO NOTHING RETURNING remote_id, id
"""  # noqa: S608  (names of our own columns)
_OVERWRITTEN = [n for n, _ in _ORDER_COLUMNS if n not in ("remote_id", "placed_at", "inbox_id")]
_OVERWRITE = f"""
UPDATE orders_order o SET {", ".join(f"{name} = t.{name}" for name in _OVERWRITTEN)}
FROM (SELECT {_VALUES} FROM unnest({_ARRAYS}) AS t({_NAMES}))
     AS t({_NAMES})
WHERE o.store_id = %s AND o.remote_id = t.remote_id AND o.remote_updated_at < t.remote_updated_at
"""  # noqa: S608  (names of our own columns)


def _order_arrays(
    batch: Sequence[tuple[OrderSnapshot, int | None]], customers: dict[int, int]
) -> list[list[object]]:
    rows = [
        (
            s.remote_id,
            s.name,
            s.updated_at,
            s.placed_at,
            s.cancelled_at,
            s.channel,
            customers.get(s.customer.remote_id) if s.customer else None,
            s.email,
            s.phone,
            s.currency,
            s.total,
            s.address.name,
            s.address.company,
            s.address.address1,
            s.address.address2,
            s.address.city,
            s.address.province,
            s.address.postal_code,
            s.address.country,
            s.address.latitude,
            s.address.longitude,
            s.shipping_method,
            _TAG_SEPARATOR.join(s.tags),
            s.note,
            priority_of(s),
            s.cart,
            s.test,
            inbox_id,
        )
        for s, inbox_id in batch
    ]
    return [list(column) for column in zip(*rows, strict=True)]


def insert_orders(
    store_id: int,
    batch: Sequence[tuple[OrderSnapshot, int | None]],
    customers: dict[int, int],
) -> dict[int, int]:
    """Insert orders that are not known yet; return id by remote id for those alone."""
    return dict(fetch(_INSERT, [store_id, *_order_arrays(batch, customers)]))


def overwrite_orders(
    store_id: int, snapshots: Sequence[OrderSnapshot], customers: dict[int, int]
) -> None:
    """Bring known orders to a newer version; one that is as new already is left."""
    rows = [(snapshot, None) for snapshot in snapshots]
    execute(_OVERWRITE, [*_order_arrays(rows, customers), store_id])


def add_lines(store_id: int, lines: Sequence[tuple[int, LineSnapshot]]) -> list[int]:
    """Append lines to their orders; a line whose SKU no item carries stays unmapped."""
    by_variant, by_sku = _items(store_id, [line for _, line in lines])
    ids = next_ids("orders_orderline", len(lines))
    positions: dict[int, int] = {}
    rows = []
    for id_, (order_id, line) in zip(ids, lines, strict=True):
        positions[order_id] = positions.get(order_id, 0) + 1
        wanted = min(line.current, line.quantity)
        item_id = by_variant.get(line.variant_id) if line.variant_id else None
        rows.append(
            (
                id_,
                store_id,
                order_id,
                line.remote_id,
                positions[order_id],
                item_id or by_sku.get(line.sku),
                line.sku,
                line.title,
                line.variant_id,
                line.ships,
                line.unit_price,
                line.discount,
                line.tax,
                line.quantity,
                wanted,
                wanted,
                line.quantity - wanted,
            )
        )
    copy_in("orders_orderline", _LINE_COLUMNS, rows)
    return ids


_LINE_COLUMNS = (
    "id",
    "store_id",
    "order_id",
    "remote_id",
    "position",
    "item_id",
    "sku",
    "title",
    "remote_variant_id",
    "ships",
    "unit_price",
    "discount",
    "tax",
    "ordered",
    "wanted",
    "open",
    "cancelled",
)


def _items(store_id: int, lines: Sequence[LineSnapshot]) -> tuple[dict[int, int], dict[str, int]]:
    """Items by variant id and by SKU. The variant decides: a SKU may be typed twice in a shop."""
    rows = fetch(
        """
        SELECT id, shopify_variant_id, sku FROM catalog_item
        WHERE store_id = %s AND (shopify_variant_id = ANY(%s::bigint[]) OR sku = ANY(%s::text[]))
        """,
        [
            store_id,
            list({line.variant_id for line in lines if line.variant_id}),
            list({line.sku for line in lines if line.sku}),
        ],
    )
    return {row[1]: row[0] for row in rows if row[1]}, {row[2]: row[0] for row in rows}
