-- unknown_records: the records of the source of which staged changes speak, and that are in no pair: table -> keys.
--
-- Parameters: peer; `tables`, `names`, `places`, `models`, `referred`, `spaces`: columns that refer to records, in parallel
-- arrays: the table, the column, its place in a key of several columns (else 0), the column with the model's name (null:
-- all refer to the table `referred`, whose ids are mapped as `spaces`); `wanted`: tables of records that may be referred
-- to by a model's name; `own`, `own_spaces`: tables whose own changed records are looked at, too; `asked`: not the changes,
-- but the rows that are staged only to be recognised.
WITH considered AS (
    SELECT c.table_id, c.op, c.key, c.new
    FROM pg_temp.change AS c
    WHERE (c.xid = '2'::xid8) = %(asked)s
),
reference AS (
    SELECT
        r.referred,
        r.space,
        @hstore@.fetchval(c.new, r.model_column) AS model,
        CASE
            WHEN c.op <> 'D' THEN @hstore@.fetchval(c.new, r.column_name)
            WHEN r.place > 0 THEN (c.key::text[])[r.place]
        END AS key
    FROM considered AS c
    JOIN unnest(
        %(tables)s::integer[], %(names)s::text[], %(places)s::integer[], %(models)s::text[], %(referred)s::integer[],
        %(spaces)s::integer[]
    ) AS r (table_id, column_name, place, model_column, referred, space) ON r.table_id = c.table_id
),
spoken_of AS (
    SELECT r.referred AS table_id, r.space, r.key
    FROM reference AS r
    WHERE r.referred IS NOT NULL AND r.key IS NOT NULL
    UNION
    SELECT m.table_id, m.number, r.key
    FROM reference AS r
    JOIN pg_temp.model AS m ON m.model = r.model
    WHERE r.referred IS NULL AND r.key <> '0' AND m.table_id = ANY (%(wanted)s::integer[])
    UNION
    SELECT o.table_id, o.space, c.key
    FROM considered AS c
    JOIN unnest(%(own)s::integer[], %(own_spaces)s::integer[]) AS o (table_id, space) ON o.table_id = c.table_id
    WHERE c.op IN ('I', 'U')
)
SELECT s.table_id, array_agg(s.key)
FROM spoken_of AS s
WHERE NOT EXISTS (
        SELECT FROM ucrepl.identity AS i
        WHERE i.peer_id = %(peer)s AND i.remote_table = s.space AND i.remote_id = s.key::bigint
    )
    AND NOT EXISTS (
        SELECT FROM pg_temp.change AS b
        WHERE b.table_id = s.table_id AND b.key = s.key AND b.op = 'I' AND (%(asked)s OR b.table_id <> ALL (%(own)s::integer[]))
    )
GROUP BY s.table_id;
