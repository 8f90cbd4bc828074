-- The door to the counters: change them and append one entry a change, with before and after.
-- Arrays run side by side, one element a change. Returns the levels as they stand afterwards.
CREATE OR REPLACE FUNCTION inventory_post(
    levels bigint[], buckets text[], deltas int[], causes text[], documents text[], actor text
) RETURNS SETOF inventory_stocklevel
LANGUAGE plpgsql
-- Without this every statement is planned anew at every call, since array lengths are unknown.
SET plan_cache_mode = force_generic_plan
AS $$
BEGIN
    PERFORM 1 FROM inventory_stocklevel v WHERE v.id = ANY(levels) ORDER BY v.id FOR UPDATE;

    INSERT INTO inventory_stockentry
           (store_id, level_id, bucket, delta, before, after, cause, actor, document)
    SELECT v.store_id, t.level_id, t.bucket, t.delta,
           t.stood + t.running - t.delta, t.stood + t.running, t.cause, inventory_post.actor,
           t.document
    FROM (
        SELECT c.*, sum(c.delta) OVER (PARTITION BY c.level_id, c.bucket ORDER BY c.n) AS running,
               CASE c.bucket WHEN 'on_hand' THEN l.on_hand WHEN 'reserved' THEN l.reserved
                             WHEN 'soft' THEN l.soft WHEN 'fenced' THEN l.fenced
                             WHEN 'safety' THEN l.safety WHEN 'buffer' THEN l.buffer
                             WHEN 'damaged' THEN l.damaged WHEN 'quality' THEN l.quality
                             WHEN 'incoming' THEN l.incoming WHEN 'in_transit' THEN l.in_transit
               END AS stood
        FROM unnest(levels, buckets, deltas, causes, documents) WITH ORDINALITY
             AS c(level_id, bucket, delta, cause, document, n)
        JOIN inventory_stocklevel l ON l.id = c.level_id
    ) t
    JOIN inventory_stocklevel v ON v.id = t.level_id
    ORDER BY t.n;

    RETURN QUERY
    UPDATE inventory_stocklevel v SET
        on_hand = v.on_hand + d.on_hand, reserved = v.reserved + d.reserved,
        soft = v.soft + d.soft, fenced = v.fenced + d.fenced, safety = v.safety + d.safety,
        buffer = v.buffer + d.buffer, damaged = v.damaged + d.damaged,
        quality = v.quality + d.quality, incoming = v.incoming + d.incoming,
        in_transit = v.in_transit + d.in_transit
    FROM (
        SELECT c.level_id,
               coalesce(sum(c.delta) FILTER (WHERE c.bucket = 'on_hand'), 0) AS on_hand,
               coalesce(sum(c.delta) FILTER (WHERE c.bucket = 'reserved'), 0) AS reserved,
               coalesce(sum(c.delta) FILTER (WHERE c.bucket = 'soft'), 0) AS soft,
               coalesce(sum(c.delta) FILTER (WHERE c.bucket = 'fenced'), 0) AS fenced,
               coalesce(sum(c.delta) FILTER (WHERE c.bucket = 'safety'), 0) AS safety,
               coalesce(sum(c.delta) FILTER (WHERE c.bucket = 'buffer'), 0) AS buffer,
               coalesce(sum(c.delta) FILTER (WHERE c.bucket = 'damaged'), 0) AS damaged,
               coalesce(sum(c.delta) FILTER (WHERE c.bucket = 'quality'), 0) AS quality,
               coalesce(sum(c.delta) FILTER (WHERE c.bucket = 'incoming'), 0) AS incoming,
               coalesce(sum(c.delta) FILTER (WHERE c.bucket = 'in_transit'), 0) AS in_transit
        FROM unnest(levels, buckets, deltas) AS c(level_id, bucket, delta) GROUP BY c.level_id
    ) d
    WHERE v.id = d.level_id
    RETURNING v.*;
END
$$;
