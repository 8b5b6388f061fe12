-- ucrepl.is_replay()
--
-- Purpose:    says whether what is written now comes from replay, and is neither captured nor refused.
-- Parameters: none. To be called by a function with the rights of its owner (SECURITY DEFINER).
-- Returns:    true where the setting ucrepl.origin names a node, and the session was begun by a member of the role that has
--             installed ucrepl: anybody can set it. ucrepl.capture() has the same condition in place.
-- Reads:      the setting.
CREATE OR REPLACE FUNCTION ucrepl.is_replay() RETURNS boolean
LANGUAGE sql STABLE
AS $$
SELECT CASE
    WHEN pg_catalog.current_setting('ucrepl.origin', true) OPERATOR(pg_catalog.<>) ''
        THEN pg_catalog.pg_has_role(session_user, current_user, 'MEMBER')
    ELSE false
END
$$;
