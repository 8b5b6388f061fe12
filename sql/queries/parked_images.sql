-- parked_images: the images of a parked change, column -> value as text; null where the change has none.
SELECT
    @hstore@.hstore_to_json(p.old) AS old,
    @hstore@.hstore_to_json(p.new) AS new
FROM ucrepl.parked AS p
WHERE p.parked_id = %(id)s;
