-- ids_differ: whether a record has another id on the peer than here.
SELECT EXISTS (SELECT FROM ucrepl.identity AS i WHERE i.peer_id = %(peer)s AND i.remote_id <> i.local_id) AS differ;
