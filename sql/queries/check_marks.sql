-- check_marks: roles and databases whose sessions begin with the mark of replay, so that their changes are not captured.
SELECT
    CASE WHEN s.setrole = 0 THEN 'all roles' ELSE 'the role ' || quote_literal(pg_catalog.pg_get_userbyid(s.setrole)) END AS whose,
    concat(
        'ALTER ',
        CASE
            WHEN s.setrole = 0 THEN format('DATABASE %%I', d.datname)
            ELSE format('ROLE %%I', pg_catalog.pg_get_userbyid(s.setrole)) || coalesce(format(' IN DATABASE %%I', d.datname), '')
        END,
        ' RESET ucrepl.origin'
    ) AS remedy
FROM pg_catalog.pg_db_role_setting AS s
LEFT JOIN pg_catalog.pg_database AS d ON d.oid = s.setdatabase
WHERE (s.setdatabase = 0 OR d.datname = pg_catalog.current_database())
    AND EXISTS (SELECT FROM unnest(s.setconfig) AS c WHERE c ~* '^ucrepl\.origin=.')
ORDER BY whose;
