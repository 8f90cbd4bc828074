"""The rows of a file laid out for the database: items and places found, doubles and flaws named.

Everything lives in temporary tables of the caller's transaction, so a million rows need no memory
here and nothing is left behind by a check that ends early.
"""

from collections.abc import Iterable, Iterator

from inventory import authority
from inventory.feeds.reading import SHOWN, Said
from inventory.models import Location
from oms.core.sql import copy_in, execute, fetch

CHUNK_ROWS = 5_000
# So many rows of an outcome are kept to be read by people; all are counted, none is lost: what was
# applied stands in the ledger.
MOST_KEPT = 100_000


def stage(store_id: int, rows: Iterable[Said], *, adds_up: bool) -> tuple[int, int]:
    """Copy the rows in and find what they speak of; return how many there are and the last number.

    Of rows about the same item and place, equal ones count once and differing ones not at all;
    where numbers are changes they add up.
    """
    execute(_FRESH)
    execute(_TABLE)
    # Read before the copy begins: until it ends the connection takes nothing else.
    places = places_of(store_id)
    copy_in("feed_said", _COLUMNS, _placed(places, rows))
    execute("CREATE INDEX ON feed_said (number)")
    execute("ANALYZE feed_said")
    execute(_KEYS, [store_id])
    if fetch("SELECT 1 FROM feed_key WHERE item_id IS NULL LIMIT 1"):
        execute(_BY_BARCODE, [store_id])
        execute(_BY_SMALL_LETTERS, [store_id])
    execute(_FLAWS)
    execute("ANALYZE feed_key")
    execute(_READ)
    execute("ANALYZE feed_read")
    if not adds_up:
        execute(_TWICE)
    ((count, last),) = fetch("SELECT count(*), coalesce(max(number), 0) FROM feed_said")
    return count, last


def chunk(feed_id: int) -> list[int]:
    """Lay the usable rows into chunks of the feed; return their ids in order."""
    return [row[0] for row in fetch(_CHUNKS, [CHUNK_ROWS, feed_id])]


def chunk_absent(feed_id: int, store_id: int, source: str, last: int) -> int:
    """Lay what the file does not name, and would thereby be nothing, into held chunks; how many."""
    return sum(
        row[0]
        for row in fetch(
            _ABSENT,
            {
                "feed": feed_id,
                "store": store_id,
                "source": source,
                "last": last,
                "rows": CHUNK_ROWS,
                "most": MOST_KEPT,
            },
        )
    )


def note_bad(feed_id: int) -> int:
    """Keep the rows that cannot be used, with their reasons; return how many there are."""
    ((count,),) = fetch("SELECT count(*) FROM feed_read WHERE flaw NOT IN ('', %s)", [SAME])
    if count:
        execute(_BAD, [feed_id, SAME, MOST_KEPT])
    return count


def merged() -> int:
    """How many rows said the same again."""
    return fetch("SELECT count(*) FROM feed_read WHERE flaw = %s", [SAME])[0][0]


def _placed(
    known: tuple[dict[str, int], set[str]], rows: Iterable[Said]
) -> Iterator[tuple[object, ...]]:
    """Each row with the location it means; people write code, name or Shopify's number."""
    places, doubtful = known
    for number, sku, place, said, units, safety, flaw in rows:
        location = places.get(place.casefold())
        if location is None and not flaw:
            flaw = (
                f"“{place[:60]}” is the name of several locations; use their codes."
                if place.casefold() in doubtful
                else f"Location “{place[:60]}” is not known."
            )
        said = said.replace("\x00", "\ufffd")[:SHOWN]
        yield number, sku, place, said, units, safety, flaw, location


def places_of(store_id: int) -> tuple[dict[str, int], set[str]]:
    """Every way to write a location, in small letters, to its id; and the names of several."""
    found: dict[str, int] = {}
    doubtful: set[str] = set()
    known = list(Location.objects.filter(store_id=store_id).order_by("pk"))
    for place in known:
        name = place.name.strip().casefold()
        if found.setdefault(name, place.pk) != place.pk:
            doubtful.add(name)
    for name in doubtful:
        del found[name]
    # A code means one place, whatever another place is called.
    for place in known:
        found[place.code.strip().casefold()] = place.pk
        if place.remote_id:
            found.setdefault(str(place.remote_id), place.pk)
            found.setdefault(f"gid://shopify/location/{place.remote_id}", place.pk)
    return found, doubtful - found.keys()


# Equal rows count once: the later ones are marked and neither used nor called bad.
SAME = "="
_COLUMNS = ("number", "sku", "place", "said", "units", "safety", "flaw", "location_id")
# A caller may check several files in one transaction.
_FRESH = "DROP TABLE IF EXISTS pg_temp.feed_said, pg_temp.feed_key, pg_temp.feed_read"
_TABLE = """
CREATE TEMPORARY TABLE feed_said (
    number int NOT NULL, sku text NOT NULL, place text NOT NULL, said text NOT NULL,
    units int, safety int, flaw text NOT NULL, location_id bigint
) ON COMMIT DROP
"""
_KEYS = """
CREATE TEMPORARY TABLE feed_key ON COMMIT DROP AS
SELECT k.sku, i.id AS item_id, ''::text AS flaw
FROM (SELECT DISTINCT sku FROM feed_said WHERE sku <> '') k
LEFT JOIN catalog_item i ON i.store_id = %s AND i.sku = k.sku
"""
# A scanner's file has barcodes, and some systems shout; either counts where it means one item only.
_BY_BARCODE = """
UPDATE feed_key k SET item_id = found.id FROM (
    SELECT i.barcode, min(i.id) AS id FROM catalog_item i
    WHERE i.store_id = %s AND i.barcode IN (SELECT sku FROM feed_key WHERE item_id IS NULL)
    GROUP BY i.barcode HAVING count(*) = 1
) found WHERE k.item_id IS NULL AND k.sku = found.barcode
"""
_BY_SMALL_LETTERS = """
UPDATE feed_key k SET item_id = found.id FROM (
    SELECT lower(i.sku) AS sku, min(i.id) AS id FROM catalog_item i
    WHERE i.store_id = %s
      AND lower(i.sku) IN (SELECT lower(sku) FROM feed_key WHERE item_id IS NULL)
    GROUP BY lower(i.sku) HAVING count(*) = 1
) found WHERE k.item_id IS NULL AND lower(k.sku) = found.sku
"""
_FLAWS = """
UPDATE feed_key k SET flaw = CASE
    WHEN i.id IS NULL THEN format('SKU “%%s” is not known.', left(k.sku, 60))
    WHEN NOT i.tracked THEN 'Stock of this item is not counted.'
    ELSE 'A bundle has no stock of its own; its parts are counted.' END
FROM feed_key n LEFT JOIN catalog_item i ON i.id = n.item_id
WHERE n.sku = k.sku AND (i.id IS NULL OR NOT i.tracked
      OR EXISTS (SELECT 1 FROM catalog_bundlepart p WHERE p.bundle_id = i.id))
"""
_READ = """
CREATE TEMPORARY TABLE feed_read ON COMMIT DROP AS
SELECT s.number, k.item_id, s.location_id, s.units, s.safety,
       CASE WHEN s.flaw = '' THEN coalesce(k.flaw, '') ELSE s.flaw END AS flaw
FROM feed_said s LEFT JOIN feed_key k ON k.sku = s.sku
"""
_TWICE = """
WITH pairs AS (
    SELECT item_id, location_id FROM feed_read WHERE flaw = ''
    GROUP BY item_id, location_id HAVING count(*) > 1
), twice AS (
    SELECT r.item_id, r.location_id, min(r.number) AS first,
           count(DISTINCT (r.units, r.safety)) = 1 AS same,
           array_to_string((array_agg(r.number ORDER BY r.number))[1:5], ', ')
               || CASE WHEN count(*) > 5 THEN ' …' ELSE '' END AS numbers
    FROM feed_read r JOIN pairs p USING (item_id, location_id)
    WHERE r.flaw = '' GROUP BY r.item_id, r.location_id
)
UPDATE feed_read r SET flaw = CASE WHEN t.same THEN '=' ELSE format(
    'Rows %%s tell different numbers of the same item and place; none of them is used.',
    t.numbers) END
FROM twice t
WHERE t.item_id = r.item_id AND t.location_id = r.location_id AND r.flaw = ''
  AND NOT (t.same AND r.number = t.first)
"""
_CHUNKS = """
WITH placed AS (
    SELECT (row_number() OVER (ORDER BY number) - 1) / %s AS chunk, number, item_id, location_id,
           units, safety
    FROM feed_read WHERE flaw = ''
)
INSERT INTO inventory_feedchunk (feed_id, numbers, items, locations, units, safety)
SELECT %s, array_agg(number), array_agg(item_id), array_agg(location_id), array_agg(units),
       array_agg(safety)
FROM placed GROUP BY chunk ORDER BY chunk
RETURNING id
"""
_BAD = """
INSERT INTO inventory_feedrow (feed_id, number, sku, place, said, level_id, units, outcome, reason)
SELECT %s, s.number, s.sku, s.place, s.said, v.id, r.units, 'bad', r.flaw
FROM feed_read r JOIN feed_said s ON s.number = r.number
LEFT JOIN inventory_stocklevel v ON v.item_id = r.item_id AND v.location_id = r.location_id
WHERE r.flaw NOT IN ('', %s) ORDER BY s.number LIMIT %s
"""
# A level that any row speaks of is not absent, even if that row cannot be used.
_ABSENT = f"""
WITH absent AS (
    SELECT v.id, v.item_id, v.location_id, v.on_hand, i.sku, p.name,
           row_number() OVER (ORDER BY v.location_id, v.item_id) AS n
    FROM inventory_stocklevel v
    JOIN catalog_item i ON i.id = v.item_id
    JOIN inventory_location p ON p.id = v.location_id
    {authority.joins("on_hand", row="v")}
    WHERE v.store_id = %(store)s AND v.on_hand <> 0
      AND {authority.believed("on_hand")} = %(source)s::text
      AND v.location_id IN (SELECT DISTINCT location_id FROM feed_read WHERE flaw = '')
      AND NOT EXISTS (SELECT 1 FROM feed_read r
                      WHERE r.item_id = v.item_id AND r.location_id = v.location_id)
), noted AS (
    INSERT INTO inventory_feedrow
           (feed_id, number, sku, place, said, level_id, units, delta, outcome, reason)
    SELECT %(feed)s, %(last)s + n, sku, name, '', id, 0, -on_hand, 'held',
           format('The file does not name it, and %%s stand there.', on_hand)
    FROM absent WHERE n <= %(most)s
)
INSERT INTO inventory_feedchunk (feed_id, held, numbers, items, locations, units, safety)
SELECT %(feed)s, true, array_agg((%(last)s + n)::int), array_agg(item_id), array_agg(location_id),
       array_agg(0), array_agg(NULL::int)
FROM absent GROUP BY (n - 1) / %(rows)s
RETURNING cardinality(numbers)
"""  # noqa: S608  (names of our own columns)
