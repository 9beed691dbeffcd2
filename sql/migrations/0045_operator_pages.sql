-- What the operators' pages need: notes about customers, and indexes for the search, the lists and the audit log.
insert into schema_migrations (name) values ('0045_operator_pages');

create table customer_notes (
    note_id    uuid primary key default uuid_generate_v4(),
    user_id    uuid not null references users,
    text       text not null,
    written_by uuid,
    written_at timestamptz not null default now(),
    constraint note_has_a_text check (char_length(text) between 1 and 4000)
);
create index customer_notes_by_user on customer_notes (user_id, written_at desc);

-- The search finds a device by its account, by the beginning of its EA instance, and by a network that it was used from. None of these
-- columns changes when a device is used, so the times of last use are written as before.
create index license_devices_by_account on license_devices (mt5_account_number);
create index license_devices_by_ea on license_devices (lower(ea_instance_id) text_pattern_ops);
create index license_device_networks_by_network on license_device_networks (network);

create index user_payment_methods_by_customer on user_payment_methods (provider_customer_id) where provider_customer_id is not null;

-- A customer's mails. A mail is emptied a month after it was sent, and then leaves the index.
create index outbox_of_user on outbox ((payload ->> 'user_id'), created_at desc) where kind = 'email' and payload ->> 'user_id' is not null;

-- The audit log, the latest first: all, of one actor, of one action, and about one customer.
create index audit_log_by_time on audit_log (occurred_at desc, audit_id desc);
create index audit_log_by_actor on audit_log (actor_id, occurred_at desc, audit_id desc) where actor_id is not null;
create index audit_log_by_action on audit_log (action, occurred_at desc, audit_id desc);
create index audit_log_by_subject on audit_log (subject) where subject is not null;

-- Renewals of all statuses or of some, and payments, the latest first.
create index renewals_by_change on renewals (updated_at desc, renewal_id desc);
create index renewals_by_status on renewals (status, updated_at desc, renewal_id desc);
create index license_renewal_history_paid on license_renewal_history (attempted_at desc, renewal_id desc) where status = 'success';
