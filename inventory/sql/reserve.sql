-- Promise units to order lines, all or none. Arrays run side by side, one element a promise. Levels
-- are locked in key order, and what the promises ask of each is added up before any of it is given.
-- Returns the new reservation ids in the same order, or the first level that has too few.
CREATE OR REPLACE FUNCTION inventory_reserve(
    lines bigint[], levels bigint[], quantities int[], documents text[], actor text,
    OUT ids bigint[], OUT short_level bigint, OUT wanted bigint, OUT free bigint
)
LANGUAGE plpgsql
-- Without this every statement is planned anew at every call, since array lengths are unknown.
SET plan_cache_mode = force_generic_plan
AS $$
BEGIN
    SELECT held.id, asked.units, held.available INTO short_level, wanted, free
    FROM (SELECT v.id, v.available FROM inventory_stocklevel v
          WHERE v.id = ANY(levels) ORDER BY v.id FOR UPDATE) held
    JOIN (SELECT t.level_id, sum(t.quantity) AS units
          FROM unnest(levels, quantities) AS t(level_id, quantity) GROUP BY t.level_id) asked
         ON asked.level_id = held.id
    WHERE asked.units > held.available
    ORDER BY held.id LIMIT 1;
    IF FOUND THEN
        RETURN;
    END IF;

    WITH asked AS (
        SELECT t.*, v.store_id, v.reserved AS stood,
               sum(t.quantity) OVER (PARTITION BY t.level_id ORDER BY t.n) AS upto
        FROM unnest(lines, levels, quantities, documents) WITH ORDINALITY
             AS t(line_id, level_id, quantity, document, n)
        JOIN inventory_stocklevel v ON v.id = t.level_id
    ), counters AS (
        UPDATE inventory_stocklevel v SET reserved = v.reserved + d.units
        FROM (SELECT a.level_id, max(a.upto) AS units FROM asked a GROUP BY a.level_id) d
        WHERE v.id = d.level_id
    ), entries AS (
        INSERT INTO inventory_stockentry
               (store_id, level_id, bucket, delta, before, after, cause, actor, document)
        SELECT a.store_id, a.level_id, 'reserved', a.quantity, a.stood + a.upto - a.quantity,
               a.stood + a.upto, 'reserve', inventory_reserve.actor, a.document
        FROM asked a ORDER BY a.n
    ), added AS (
        INSERT INTO inventory_reservation (store_id, line_id, level_id, quantity)
        SELECT a.store_id, a.line_id, a.level_id, a.quantity FROM asked a ORDER BY a.n
        RETURNING id
    ) SELECT array_agg(added.id) INTO ids FROM added;
    IF cardinality(ids) IS DISTINCT FROM cardinality(levels) THEN
        RAISE foreign_key_violation USING MESSAGE = 'a promise names no level';
    END IF;
END
$$;
