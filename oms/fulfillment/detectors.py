"""What is late on the floor or silent on the road.

Each query returns (store_id, subject, order_id, facts, at_stake); %(now)s is the time of the check.
"""

# Driven by work_on_the_floor. Released work should be picked within a day, picked and packed work
# should leave within a day of that.
WORK_LATE = """
SELECT w.store_id, 'work:' || w.id AS subject, w.order_id,
       jsonb_build_object(
           'code', w.code, 'state', w.state, 'location', p.name, 'location_id', p.id,
           'units', units.asked, 'picked', units.picked,
           'since', to_char(coalesce(w.packed_at, w.picking_at, w.released_at)
                            AT TIME ZONE s.timezone, 'Dy FMDD Mon HH24:MI')) AS facts,
       units.at_stake
FROM fulfillment_fulfillmentorder w
JOIN inventory_location p ON p.id = w.location_id
JOIN core_store s ON s.id = w.store_id
CROSS JOIN LATERAL (
    SELECT sum(f.quantity) AS asked, sum(f.picked) AS picked,
           sum(f.quantity * l.unit_price) AS at_stake
    FROM fulfillment_fulfillmentorderline f JOIN orders_orderline l ON l.id = f.line_id
    WHERE f.fulfillment_order_id = w.id
) units
WHERE w.state IN ('released', 'picking', 'packed')
  AND w.released_at <= %(now)s::timestamptz - interval '24 hours'
  AND coalesce(w.packed_at, w.picking_at, w.released_at)
      <= %(now)s::timestamptz - interval '24 hours'
"""

# Driven by parcel_on_the_road: a label never handed over for 3 days, no scan for 5 days.
PARCEL_SILENT = """
SELECT c.store_id, 'parcel:' || c.id AS subject, w.order_id,
       jsonb_build_object(
           'carrier', c.carrier, 'tracking', c.tracking_number, 'state', c.state,
           'place', coalesce(last.place, ''), 'location', p.name, 'location_id', p.id,
           'since', to_char(coalesce(c.last_scan_at, c.created_at) AT TIME ZONE s.timezone,
                            'Dy FMDD Mon')) AS facts,
       (SELECT sum(pl.quantity * l.unit_price)
        FROM fulfillment_parcelline pl
        JOIN fulfillment_fulfillmentorderline f ON f.id = pl.work_line_id
        JOIN orders_orderline l ON l.id = f.line_id
        WHERE pl.parcel_id = c.id) AS at_stake
FROM fulfillment_parcel c
JOIN fulfillment_shipment h ON h.id = c.shipment_id
JOIN fulfillment_fulfillmentorder w ON w.id = h.fulfillment_order_id
JOIN inventory_location p ON p.id = w.location_id
JOIN core_store s ON s.id = c.store_id
LEFT JOIN LATERAL (
    SELECT e.place FROM fulfillment_parcelevent e WHERE e.parcel_id = c.id
    ORDER BY e.at DESC, e.id DESC LIMIT 1
) last ON true
WHERE c.state IN ('labelled', 'in_transit', 'out_for_delivery')
  AND (c.last_scan_at <= %(now)s::timestamptz - interval '5 days'
       OR c.last_scan_at IS NULL AND c.created_at <= %(now)s::timestamptz - interval '3 days')
"""

DETECTORS = {"work_late": WORK_LATE, "parcel_silent": PARCEL_SILENT}
