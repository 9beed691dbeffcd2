-- A step that waits for a lock makes everything wait that needs the same table, license checks included. Therefore it gives up
-- soon. This follows the journal, whose lock is that of another installer: it may take minutes and delays nobody else.
set local lock_timeout = '500ms';
