-- The raw limit of a reservation: one order with two lines taken in and reserved in one call, with
-- no product around it. Its tables are as narrow as the job allows.
DROP SCHEMA IF EXISTS ceiling CASCADE;
CREATE SCHEMA ceiling;
SET search_path = ceiling;

CREATE TABLE stock (
    item int, place int, on_hand int NOT NULL, reserved int NOT NULL DEFAULT 0,
    PRIMARY KEY (item, place)
) WITH (fillfactor = 50);
CREATE TABLE orders (id bigserial PRIMARY KEY, email text, placed_at timestamptz DEFAULT now());
CREATE INDEX ON orders (email);
CREATE TABLE line (id bigserial PRIMARY KEY, order_id bigint, item int, units int);
CREATE INDEX ON line (order_id);
CREATE TABLE reservation (
    id bigserial PRIMARY KEY, order_id bigint, item int, place int, units int,
    at timestamptz DEFAULT now()
);
CREATE INDEX ON reservation (order_id);
CREATE TABLE event (
    id bigserial PRIMARY KEY, order_id bigint, kind text, at timestamptz DEFAULT now(),
    data jsonb DEFAULT '{}'
);
CREATE INDEX ON event (order_id, id);
INSERT INTO stock SELECT item, place, 2000000000
FROM generate_series(1, 10000) item, generate_series(1, 4) place;

CREATE FUNCTION reserve_one(email text, items int[], places int[], units int[]) RETURNS bigint
LANGUAGE plpgsql SET plan_cache_mode = force_generic_plan SET search_path = ceiling AS $$
DECLARE
    new_id bigint;
    short int;
BEGIN
    INSERT INTO orders (email) VALUES (reserve_one.email) RETURNING id INTO new_id;
    INSERT INTO line (order_id, item, units)
    SELECT new_id, t.item, t.units FROM unnest(items, units) AS t(item, units);
    SELECT count(*) FILTER (WHERE held.on_hand - held.reserved < held.units) INTO short FROM (
        SELECT s.on_hand, s.reserved, t.units
        FROM stock s JOIN unnest(items, places, units) AS t(item, place, units)
             ON t.item = s.item AND t.place = s.place
        ORDER BY s.item, s.place FOR UPDATE OF s
    ) held;
    IF short > 0 THEN
        INSERT INTO event (order_id, kind) VALUES (new_id, 'short');
        RETURN NULL;
    END IF;
    UPDATE stock s SET reserved = s.reserved + t.units
    FROM unnest(items, places, units) AS t(item, place, units)
    WHERE s.item = t.item AND s.place = t.place;
    INSERT INTO reservation (order_id, item, place, units)
    SELECT new_id, t.* FROM unnest(items, places, units) AS t;
    INSERT INTO event (order_id, kind) VALUES (new_id, 'reserved');
    RETURN new_id;
END
$$;

-- Many orders in one call, flat: `ord` says which order a line is of. The running demand on each row
-- of stock, under locks taken in key order, decides which orders fit.
CREATE FUNCTION reserve_set(n int, ord int[], items int[], places int[], units int[]) RETURNS void
LANGUAGE plpgsql SET search_path = ceiling AS $$
DECLARE
    ids bigint[];
BEGIN
    SELECT array_agg(nextval('orders_id_seq')) INTO ids FROM generate_series(1, n);
    PERFORM 1 FROM stock s
    WHERE (s.item, s.place) IN (SELECT * FROM unnest(items, places))
    ORDER BY s.item, s.place FOR UPDATE;
    WITH wanted AS (
        SELECT * FROM unnest(ord, items, places, units) AS t(ord, item, place, units)
    ), fit AS (
        SELECT d.*, bool_and(d.demand <= d.free) OVER (PARTITION BY d.ord) AS ok
        FROM (SELECT w.*, s.on_hand - s.reserved AS free,
                     sum(w.units) OVER (PARTITION BY w.item, w.place ORDER BY w.ord) AS demand
              FROM wanted w JOIN stock s ON s.item = w.item AND s.place = w.place) d
    ), o AS (
        INSERT INTO orders (id, email) SELECT id, 'c@example.com' FROM unnest(ids) AS id
    ), l AS (
        INSERT INTO line (order_id, item, units) SELECT ids[w.ord], w.item, w.units FROM wanted w
    ), s AS (
        UPDATE stock v SET reserved = v.reserved + d.units
        FROM (SELECT item, place, sum(f.units)::int AS units FROM fit f WHERE f.ok GROUP BY 1, 2) d
        WHERE v.item = d.item AND v.place = d.place
    ), r AS (
        INSERT INTO reservation (order_id, item, place, units)
        SELECT ids[f.ord], f.item, f.place, f.units FROM fit f WHERE f.ok
    )
    INSERT INTO event (order_id, kind)
    SELECT ids[f.ord], CASE WHEN bool_and(f.ok) THEN 'reserved' ELSE 'short' END
    FROM fit f GROUP BY f.ord;
END
$$;

-- `n` orders of two lines; with hot = 1 the first line of each wants the same units.
CREATE FUNCTION reserve_many(n int, hot int) RETURNS void
LANGUAGE sql SET search_path = ceiling AS $$
    SELECT reserve_set(n, array_agg(ord), array_agg(item), array_agg(place), array_agg(units))
    FROM (
        SELECT ord,
               CASE WHEN hot = 1 AND part = 0 THEN 1
                    ELSE 1 + part * 5000 + floor(random() * 5000)::int END AS item,
               CASE WHEN hot = 1 AND part = 0 THEN 1 ELSE 1 + floor(random() * 4)::int END AS place,
               1 + floor(random() * 3)::int AS units
        FROM generate_series(1, n) ord, generate_series(0, 1) part
    ) wanted
$$;
