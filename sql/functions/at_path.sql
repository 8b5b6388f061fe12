-- ucrepl.at_path(value, path)
--
-- Purpose:    one of the values in a column that is merged key by key.
-- Parameters: the column's value; the path of the member: {key}, or {} for what holds the keys.
-- Returns:    the value of the key, null where there is none. For {}: an empty object, or what stands in its place.
-- Reads, writes: nothing.
--
-- Merged changes (coalesce) can have begun with another thing than an object and have old values of keys all the same: that
-- thing stands in a list under the key chr(31) then.
CREATE OR REPLACE FUNCTION ucrepl.at_path(value jsonb, path text[]) RETURNS jsonb
LANGUAGE sql IMMUTABLE
AS $$
    SELECT CASE
        WHEN path = '{}' AND value ? E'\x1f' THEN value -> E'\x1f' -> 0
        WHEN path = '{}' THEN CASE jsonb_typeof(value) WHEN 'object' THEN '{}' ELSE value END
        WHEN jsonb_typeof(value) = 'object' THEN value -> path[1]
    END
$$;
