-- While a step waits for a table's lock, all later statements on that table wait too, including license checks. Therefore the
-- wait is short. This runs after the journal, whose lock only other installers wait for.
set local lock_timeout = '500ms';
