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
    PERFORM 1 FROM inventory_stocklevel v WHERE v.id = ANY(levels) ORDER BY v.id FOR UPDATE;

    -- One statement for the check and all that is written: each costs more than the rows it writes.
    WITH asked AS (
        SELECT t.*, v.store_id, v.available, v.reserved AS stood,
               sum(t.quantity) OVER (PARTITION BY t.level_id ORDER BY t.n) AS upto
        FROM unnest(lines, levels, quantities, documents) WITH ORDINALITY
             AS t(line_id, level_id, quantity, document, n)
        JOIN inventory_stocklevel v ON v.id = t.level_id
    ), short AS (
        SELECT a.level_id, max(a.upto) AS units, a.available FROM asked a
        WHERE a.upto > a.available GROUP BY a.level_id, a.available ORDER BY a.level_id LIMIT 1
    ), given AS (
        SELECT * FROM asked WHERE NOT EXISTS (SELECT FROM short)
    ), counters AS (
        UPDATE inventory_stocklevel v SET reserved = v.reserved + d.units
        FROM (SELECT g.level_id, max(g.upto) AS units FROM given g GROUP BY g.level_id) d
        WHERE v.id = d.level_id
    ), entries AS (
        INSERT INTO inventory_stockentry
               (store_id, level_id, bucket, delta, before, after, cause, actor, document)
        SELECT g.store_id, g.level_id, 'reserved', g.quantity, g.stood + g.upto - g.quantity,
               g.stood + g.upto, 'reserve', inventory_reserve.actor, g.document
        FROM given g ORDER BY g.n
    ), added AS (
        INSERT INTO inventory_reservation (store_id, line_id, level_id, quantity)
        SELECT g.store_id, g.line_id, g.level_id, g.quantity FROM given g ORDER BY g.n
        RETURNING id
    )
    SELECT (SELECT array_agg(added.id) FROM added), s.level_id, s.units, s.available
    INTO ids, short_level, wanted, free
    FROM (SELECT) AS always LEFT JOIN short s ON true;
    IF short_level IS NULL AND cardinality(ids) IS DISTINCT FROM cardinality(levels) THEN
        RAISE foreign_key_violation USING MESSAGE = 'a promise names no level';
    END IF;
END
$$;
