-- Promise units, all or none. Arrays run side by side, one element a promise. Levels are locked in
-- key order, and what the promises ask of each level is added up before any of it is given.
-- Returns the new reservation ids in the same order, or the first level that has too few.
CREATE OR REPLACE FUNCTION inventory_reserve(
    lines bigint[], levels bigint[], quantities int[], documents text[], actor text,
    OUT ids bigint[], OUT short_level bigint, OUT wanted bigint, OUT free int
)
LANGUAGE plpgsql
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

    WITH added AS (
        INSERT INTO inventory_reservation (store_id, line_id, level_id, quantity)
        SELECT v.store_id, t.line_id, t.level_id, t.quantity
        FROM unnest(lines, levels, quantities) WITH ORDINALITY
             AS t(line_id, level_id, quantity, n)
        JOIN inventory_stocklevel v ON v.id = t.level_id ORDER BY t.n
        RETURNING id
    ) SELECT array_agg(added.id) INTO ids FROM added;

    PERFORM inventory_post(
        levels, array_fill('reserved'::text, ARRAY[cardinality(levels)]), quantities,
        array_fill('reserve'::text, ARRAY[cardinality(levels)]), documents, actor);
END
$$;
