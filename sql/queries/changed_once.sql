-- changed_once: those of the changes with these numbers whose record has no other change among the received ones from
-- one place to another.
SELECT r.seq
FROM pg_temp.received AS r
WHERE r.seq = ANY (%(seqs)s::bigint[]) AND r.place BETWEEN %(first)s AND %(last)s
    AND NOT EXISTS (
        SELECT FROM pg_temp.received AS o
        WHERE o.place BETWEEN %(first)s AND %(last)s
            AND o.table_id = r.table_id AND o.key = r.key AND o.seq <> r.seq
    );
