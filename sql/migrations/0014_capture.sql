-- Triggers that were made before go on: they call it without saying whether their images are pinned, and they are.

DROP FUNCTION IF EXISTS ucrepl.record_change(text[], "char", @hstore@.hstore, @hstore@.hstore);
DROP FUNCTION IF EXISTS ucrepl.wake_readers(xid8);
