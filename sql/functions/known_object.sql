-- ucrepl.known_object(peer, value, keys_in, values_in)
--
-- Purpose:    translates an object as mapped_object does, where all records in it are known: a query that the planner makes
--             part of a statement about many rows, instead of a call for each of them.
-- Parameters: the peer, the object, the numbers of the tables of keys and of values (null: they are no ids).
-- Returns:    one row with the object with the other ids; null where one of them is not known, where a key has several, and
--             of what is no object or an empty one.
-- Reads:      ucrepl.identity.
CREATE OR REPLACE FUNCTION ucrepl.known_object(peer integer, value jsonb, keys_in integer, values_in integer)
RETURNS TABLE (mapped jsonb)
LANGUAGE sql STABLE
AS $$
    SELECT CASE
        WHEN bool_and(o.key IS NOT NULL AND o.value IS NOT NULL)
            THEN jsonb_object_agg(o.key, o.value) FILTER (WHERE o.key IS NOT NULL)
    END
    FROM jsonb_each(CASE jsonb_typeof(value) WHEN 'object' THEN value END) AS e
    CROSS JOIN LATERAL (
        SELECT
            CASE
                WHEN keys_in IS NULL OR e.key !~ '^[0-9,]+$' THEN e.key
                WHEN e.key ~ '^[0-9]{1,18}$' THEN (
                    SELECT i.local_id::text
                    FROM ucrepl.identity AS i
                    WHERE i.peer_id = peer::smallint AND i.remote_table = keys_in AND i.remote_id = e.key::bigint
                )
            END AS key,
            CASE
                WHEN values_in IS NULL OR e.value::text !~ '^[0-9]{1,18}$' THEN e.value
                ELSE (
                    SELECT to_jsonb(i.local_id)
                    FROM ucrepl.identity AS i
                    WHERE i.peer_id = peer::smallint AND i.remote_table = values_in AND i.remote_id = e.value::bigint
                )
            END AS value
        OFFSET 0
    ) AS o
$$;
