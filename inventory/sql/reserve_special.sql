-- Promise units, all or none. Arrays run side by side, one element a promise. Levels are locked in
-- key order, and what the promises ask of each level is added up before any of it is given.
-- Returns the new reservation ids in the same order, or the first level that has too few.
--
-- `special` has one object a promise: kind, holder, expires_at, channel and, for a bundle, parts:
-- [[level of the part, units a bundle], ...]. Plain promises have a quicker door, reserve.sql.
CREATE OR REPLACE FUNCTION inventory_reserve_special(
    lines bigint[], levels bigint[], quantities int[], documents text[], actor text,
    special jsonb,
    OUT ids bigint[], OUT short_level bigint, OUT wanted bigint, OUT free bigint
)
LANGUAGE plpgsql
SET plan_cache_mode = force_generic_plan
AS $$
DECLARE
    -- What is taken from each level: one element a promise, or a part of a bundle.
    promise int[];
    source bigint[];
    taken int[];
    kinds text[];
    parts boolean[];
    fence bigint[];
    from_fence int[];
BEGIN
    SELECT array_agg(t.n ORDER BY t.n, t.k), array_agg(t.level_id ORDER BY t.n, t.k),
           array_agg(t.units ORDER BY t.n, t.k), array_agg(t.kind ORDER BY t.n, t.k),
           array_agg(t.k > 0 ORDER BY t.n, t.k)
    INTO promise, source, taken, kinds, parts
    FROM (
        SELECT a.n, coalesce(p.k, 0) AS k, a.more->>'kind' AS kind,
               coalesce((p.part->>0)::bigint, a.level_id) AS level_id,
               a.quantity * coalesce((p.part->>1)::int, 1) AS units
        FROM ROWS FROM (unnest(levels), unnest(quantities), jsonb_array_elements(special))
             WITH ORDINALITY AS a(level_id, quantity, more, n)
        LEFT JOIN LATERAL jsonb_array_elements(nullif(a.more->'parts', 'null'))
             WITH ORDINALITY AS p(part, k) ON true
    ) t;

    PERFORM 1 FROM inventory_ringfence f
    WHERE f.level_id = ANY(source) AND f.ended_at IS NULL
      AND f.channel IN (SELECT more->>'channel' FROM jsonb_array_elements(special) AS more)
    ORDER BY f.id FOR UPDATE;
    -- A bundle's own level too: the row of the promise will name it.
    PERFORM 1 FROM inventory_stocklevel v
    WHERE v.id = ANY(source || levels) ORDER BY v.id FOR UPDATE;

    -- First from the channel's own fence, as far as it reaches; a bundle's parts never.
    SELECT array_agg(t.fence ORDER BY t.n), array_agg(t.from_fence ORDER BY t.n)
    INTO fence, from_fence
    FROM (
        SELECT c.n, f.id AS fence,
               CASE WHEN f.id IS NULL OR c.part THEN 0
                    ELSE least(c.units, greatest(0, f.units + c.units
                         - sum(c.units) OVER (PARTITION BY f.id, c.part ORDER BY c.n)))
               END AS from_fence
        FROM unnest(promise, source, taken, parts) WITH ORDINALITY
             AS c(promise, level_id, units, part, n)
        LEFT JOIN inventory_ringfence f
               ON f.level_id = c.level_id AND f.channel = special->(c.promise - 1)->>'channel'
              AND f.ended_at IS NULL
    ) t;

    SELECT v.id, asked.units,
           CASE WHEN v.frozen THEN 0
                ELSE asked.fenced + CASE WHEN asked.only_fence THEN 0 ELSE v.available END END
    INTO short_level, wanted, free
    FROM inventory_stocklevel v
    JOIN (SELECT c.level_id, sum(c.units) AS units, sum(c.from_fence) AS fenced,
                 bool_or(c.units > c.from_fence AND NOT coalesce(f.overflow, true)) AS only_fence
          FROM unnest(source, taken, fence, from_fence) AS c(level_id, units, fence, from_fence)
          LEFT JOIN inventory_ringfence f ON f.id = c.fence
          GROUP BY c.level_id) asked ON asked.level_id = v.id
    WHERE v.frozen OR asked.only_fence
       OR asked.units - asked.fenced > greatest(v.available, 0)
       -- Fewer on the shelf than are kept: the fence cannot give what is not there.
       OR asked.units > v.available + v.fenced
    ORDER BY v.id LIMIT 1;
    IF FOUND THEN
        RETURN;
    END IF;

    WITH added AS (
        INSERT INTO inventory_reservation
               (store_id, line_id, level_id, quantity, kind, holder, expires_at, parts,
                fence_id, fenced)
        SELECT v.store_id, a.line_id, a.level_id, a.quantity, a.more->>'kind', a.more->>'holder',
               (a.more->>'expires_at')::timestamptz, nullif(a.more->'parts', 'null'),
               c.fence, coalesce(c.from_fence, 0)
        FROM ROWS FROM (unnest(lines), unnest(levels), unnest(quantities),
                        jsonb_array_elements(special))
             WITH ORDINALITY AS a(line_id, level_id, quantity, more, n)
        JOIN inventory_stocklevel v ON v.id = a.level_id
        LEFT JOIN unnest(promise, fence, from_fence) AS c(promise, fence, from_fence)
               ON c.promise = a.n AND c.from_fence > 0
        ORDER BY a.n
        RETURNING id
    ) SELECT array_agg(added.id) INTO ids FROM added;

    IF cardinality(ids) IS DISTINCT FROM cardinality(levels)
       OR EXISTS (SELECT 1 FROM unnest(source) AS s(id)
                  WHERE NOT EXISTS (SELECT 1 FROM inventory_stocklevel v WHERE v.id = s.id)) THEN
        RAISE foreign_key_violation USING MESSAGE = 'a promise names no level';
    END IF;

    UPDATE inventory_ringfence f SET units = f.units - t.units
    FROM (SELECT c.fence, sum(c.from_fence) AS units
          FROM unnest(fence, from_fence) AS c(fence, from_fence) GROUP BY c.fence) t
    WHERE f.id = t.fence AND t.units > 0;

    PERFORM inventory_post(
        array_agg(t.level_id), array_agg(t.bucket), array_agg(t.delta),
        array_agg('reserve'::text), array_agg(t.document), inventory_reserve_special.actor)
    FROM (
        SELECT c.level_id, b.bucket, b.delta, documents[c.promise] AS document
        FROM unnest(promise, source, taken, from_fence, kinds) WITH ORDINALITY
             AS c(promise, level_id, units, from_fence, kind, n)
        CROSS JOIN LATERAL (VALUES
            (0, 'fenced', - c.from_fence),
            (1, CASE c.kind WHEN 'soft' THEN 'soft' ELSE 'reserved' END, c.units)
        ) AS b(k, bucket, delta)
        WHERE b.delta <> 0
        ORDER BY c.n, b.k
    ) t;
END
$$;
