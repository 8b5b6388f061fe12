-- ucrepl.mapped_id(peer, id, of_model, way)
--
-- Purpose:    the id that a record of a model has on the other side.
-- Parameters: the peer; an id of its (way 'make', 'known') or of this node ('back'); the name of the model.
-- Returns:    the other id; the id itself where there is no model, or none with a table, or it is 0 or less; null where the
--             model's records are not replicated. For a record in no pair: 'make' gives it an id (it is mentioned, and
--             may come), 'known' gives null (as 'make' does where the model's records are never made), 'back' the id
--             itself, or, where the peer has another record with it, the id below zero. Where ids are shared it stands
--             for itself. In a dry run ids that are not given yet are below zero.
-- Reads:      pg_temp.model, and the table identity: of pg_temp in a dry run, else of ucrepl.
-- Writes:     that table, with 'make'.
CREATE OR REPLACE FUNCTION ucrepl.mapped_id(peer integer, id bigint, of_model text, way text) RETURNS bigint
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp, ucrepl
AS $$
DECLARE
    place record;
    found bigint;
BEGIN
    IF id IS NULL OR id <= 0 OR of_model IS NULL THEN
        RETURN id;
    END IF;
    SELECT m.number, m.sequence, m.ids INTO place FROM pg_temp.model AS m WHERE m.model = of_model;
    IF place IS NULL THEN
        RETURN CASE WHEN to_regclass(format('public.%I', replace(of_model, '.', '_'))) IS NULL THEN id END;
    END IF;

    IF way = 'back' THEN
        SELECT i.remote_id INTO found
        FROM identity AS i
        WHERE i.peer_id = peer::smallint AND i.local_table = place.number AND i.local_id = id
            AND i.remote_table = place.number;
        IF found IS NULL THEN
            SELECT -i.remote_id INTO found
            FROM identity AS i
            WHERE i.peer_id = peer::smallint AND i.remote_table = place.number AND i.remote_id = id;
        END IF;
        RETURN coalesce(found, id);
    END IF;

    SELECT i.local_id INTO found
    FROM identity AS i
    WHERE i.peer_id = peer::smallint AND i.remote_table = place.number AND i.remote_id = id;
    IF found IS NULL AND place.ids = 'shared' THEN
        RETURN id;
    ELSIF found IS NULL AND way = 'make' AND place.ids <> 'never' THEN
        INSERT INTO identity (peer_id, remote_table, remote_id, local_table, local_id, shipped_xid)
        VALUES (
            peer,
            place.number,
            id,
            place.number,
            CASE WHEN place.ids = 'not given' THEN -id ELSE nextval(place.sequence::regclass) END,
            CASE WHEN place.ids = 'shipped' THEN pg_current_xact_id() END
        )
        RETURNING local_id INTO found;
    END IF;
    RETURN CASE WHEN place.ids = 'not given' AND found < 0 THEN -id ELSE found END;
END;
$$;
