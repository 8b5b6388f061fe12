-- pin_session: gives the session the settings `names` the `settings`; names that this server does not know are left out.
SELECT pg_catalog.set_config(s.name, s.setting, false)
FROM ROWS FROM (
    pg_catalog.unnest(%(names)s::pg_catalog.text[]),
    pg_catalog.unnest(%(settings)s::pg_catalog.text[])
) AS s (name, setting)
WHERE pg_catalog.current_setting(s.name, true) IS NOT NULL;
