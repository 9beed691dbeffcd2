-- The platform's own tables and functions: all of them in an empty database, only the missing ones in a platform's database.
-- Nothing of an existing platform is altered, not even an index: an object is created only if its name is free.
insert into schema_migrations (name) values ('0001_platform');

-- Identifiers default to uuid_generate_v4(). The extension may be missing, not allowed, or in a schema outside of the
-- search path. In all these cases, a function with this name calls the server's own generator.
do $do$
begin
    if to_regprocedure('uuid_generate_v4()') is null then
        begin
            create extension "uuid-ossp";
        exception when others then
            raise notice 'uuid-ossp can''t be created (%): uuid_generate_v4() is defined over gen_random_uuid()', sqlerrm;
        end;
    end if;
    if to_regprocedure('uuid_generate_v4()') is null then
        create function uuid_generate_v4() returns uuid language sql volatile parallel safe as 'select gen_random_uuid()';
    end if;
end
$do$;

do $do$
begin
    if to_regtype('subscription_state') is null then
        create type subscription_state as enum ('SYNCED', 'DEGRADED_GAP', 'LOCKED_NO_FUNDS', 'PAUSED_TOXIC', 'SUSPENDED_ADMIN');
    end if;
    if to_regtype('ledger_entry_type') is null then
        create type ledger_entry_type as enum
            ('DEPOSIT', 'WITHDRAWAL', 'FEE_PERFORMANCE', 'FEE_SUBSCRIPTION', 'REFUND', 'ADJUSTMENT_ADMIN');
    end if;
end
$do$;

do $do$
begin
    if to_regprocedure('update_updated_at_column()') is null then
        create function update_updated_at_column() returns trigger language plpgsql as $body$
        begin
            new.updated_at := now();
            return new;
        end
        $body$;
    end if;
end
$do$;

-- For append-only tables: rows can't be changed or deleted.
create or replace function refuse_change_of_evidence() returns trigger language plpgsql as $body$
begin
    raise exception '% is append-only', tg_table_name using errcode = 'restrict_violation';
end
$body$;

do $do$
begin
    if to_regclass('users') is null then
        create table users (
            user_id       uuid primary key default uuid_generate_v4(),
            email         varchar(255) not null unique,
            password_hash varchar(255),
            role          varchar(20) not null default 'subscriber',
            is_active     boolean not null default true,
            trust_score   int not null default 100,
            created_at    timestamptz not null default now(),
            updated_at    timestamptz not null default now(),
            last_login_at timestamptz,
            constraint email_is_lower_case check (email = lower(email)),
            constraint trust_score_from_0_to_100 check (trust_score between 0 and 100)
        );
        create trigger users_updated_at before update on users
            for each row execute function update_updated_at_column();
    end if;

    if to_regclass('user_wallets') is null then
        create table user_wallets (
            wallet_id         uuid primary key default uuid_generate_v4(),
            user_id           uuid not null unique references users,
            balance_usd       numeric(18,8) not null default 0,
            reserved_usd      numeric(18,8) not null default 0,
            lifetime_deposits numeric(18,8) not null default 0,
            lifetime_fees     numeric(18,8) not null default 0,
            version           bigint not null default 0,
            created_at        timestamptz not null default now(),
            updated_at        timestamptz not null default now(),
            constraint balance_not_negative check (balance_usd >= 0),
            constraint reserved_not_negative check (reserved_usd >= 0)
        );
        create trigger user_wallets_updated_at before update on user_wallets
            for each row execute function update_updated_at_column();
    end if;

    if to_regclass('subscriptions') is null then
        create table subscriptions (
            subscription_id     uuid primary key default uuid_generate_v4(),
            subscriber_id       uuid not null references users,
            master_id           uuid not null references users,
            state               subscription_state not null default 'SYNCED',
            last_sequence_id    bigint not null default 0,
            last_signal_at      timestamptz,
            high_water_mark     numeric(18,8) not null default 0,
            total_profit_usd    numeric(18,8) not null default 0,
            total_fees_paid     numeric(18,8) not null default 0,
            max_price_deviation numeric(18,8),
            max_ttl_ms          int,
            is_active           boolean not null default true,
            created_at          timestamptz not null default now(),
            updated_at          timestamptz not null default now(),
            paused_at           timestamptz,
            paused_reason       text,
            constraint one_subscription_per_master unique (subscriber_id, master_id),
            constraint nobody_subscribes_to_himself check (subscriber_id <> master_id)
        );
        create index subscriptions_master_id on subscriptions (master_id);
        create trigger subscriptions_updated_at before update on subscriptions
            for each row execute function update_updated_at_column();
    end if;

    if to_regclass('license_tokens') is null then
        create table license_tokens (
            token_id        uuid primary key default uuid_generate_v4(),
            subscription_id uuid not null references subscriptions,
            token_hash      varchar(255) not null unique,
            ea_instance_id  varchar(100),
            last_used_at    timestamptz,
            ip_address      inet,
            is_active       boolean not null default true,
            expires_at      timestamptz,
            created_at      timestamptz not null default now(),
            revoked_at      timestamptz,
            revoked_reason  text,
            constraint active_or_revoked_at check (is_active = (revoked_at is null))
        );
        create index license_tokens_subscription_id on license_tokens (subscription_id);
        create index license_tokens_expires_at on license_tokens (expires_at) where is_active;
    end if;

    if to_regclass('billing_ledger') is null then
        create table billing_ledger (
            ledger_id      uuid primary key default uuid_generate_v4(),
            user_id        uuid not null references users,
            wallet_id      uuid not null references user_wallets,
            entry_type     ledger_entry_type not null,
            amount_usd     numeric(18,8) not null,
            balance_before numeric(18,8) not null,
            balance_after  numeric(18,8) not null,
            profit_amount  numeric(18,8),
            hwm_before     numeric(18,8),
            hwm_after      numeric(18,8),
            fee_percentage numeric(5,2),
            reference_id   uuid,
            description    text,
            metadata       jsonb,
            created_at     timestamptz not null default now(),
            created_by     uuid,
            constraint amount_is_positive check (amount_usd > 0),
            constraint balances_agree_with_entry_type check (
                case
                    when entry_type in ('DEPOSIT', 'REFUND') then balance_after = balance_before + amount_usd
                    when entry_type in ('WITHDRAWAL', 'FEE_PERFORMANCE', 'FEE_SUBSCRIPTION') then balance_after = balance_before - amount_usd
                    else abs(balance_after - balance_before) = amount_usd
                end)
        );
        create index billing_ledger_user_id on billing_ledger (user_id, created_at desc);
        create index billing_ledger_reference_id on billing_ledger (reference_id) where reference_id is not null;
        create trigger billing_ledger_is_append_only before update or delete on billing_ledger
            for each row execute function refuse_change_of_evidence();
        create trigger billing_ledger_is_never_emptied before truncate on billing_ledger
            for each statement execute function refuse_change_of_evidence();
    end if;
end
$do$;

-- Both functions lock the wallet with NOWAIT. If it is locked, the caller receives lock_not_available and retries everything.
do $do$
begin
    if to_regprocedure('debit_wallet(uuid, numeric, ledger_entry_type, text, uuid)') is null then
        create function debit_wallet(
            user_id uuid, amount numeric, entry_type ledger_entry_type, description text, reference_id uuid default null)
        returns uuid language plpgsql as $body$
        #variable_conflict use_column
        declare
            wallet user_wallets;
            entry uuid;
        begin
            if amount is null or amount <= 0 then
                raise exception 'Amount must be positive: %', amount using errcode = 'invalid_parameter_value';
            end if;
            if debit_wallet.entry_type not in ('WITHDRAWAL', 'FEE_PERFORMANCE', 'FEE_SUBSCRIPTION', 'ADJUSTMENT_ADMIN') then
                raise exception '% does not debit a wallet', debit_wallet.entry_type using errcode = 'invalid_parameter_value';
            end if;
            select * into wallet from user_wallets where user_wallets.user_id = debit_wallet.user_id for update nowait;
            if not found then
                raise exception 'User % has no wallet', debit_wallet.user_id using errcode = 'no_data_found';
            end if;
            if wallet.balance_usd < amount then
                raise exception 'Insufficient balance: % of % USD', wallet.balance_usd, amount;
            end if;
            update user_wallets
            set balance_usd = balance_usd - amount,
                lifetime_fees = lifetime_fees + case when debit_wallet.entry_type in ('FEE_PERFORMANCE', 'FEE_SUBSCRIPTION') then amount else 0 end,
                version = version + 1
            where wallet_id = wallet.wallet_id;
            insert into billing_ledger
                (user_id, wallet_id, entry_type, amount_usd, balance_before, balance_after, reference_id, description)
            values (debit_wallet.user_id, wallet.wallet_id, debit_wallet.entry_type, amount,
                    wallet.balance_usd, wallet.balance_usd - amount, debit_wallet.reference_id, debit_wallet.description)
            returning ledger_id into entry;
            return entry;
        end
        $body$;
    end if;

    if to_regprocedure('credit_wallet(uuid, numeric, ledger_entry_type, text, uuid)') is null then
        create function credit_wallet(
            user_id uuid, amount numeric, entry_type ledger_entry_type, description text, reference_id uuid default null)
        returns uuid language plpgsql as $body$
        #variable_conflict use_column
        declare
            wallet user_wallets;
            entry uuid;
        begin
            if amount is null or amount <= 0 then
                raise exception 'Amount must be positive: %', amount using errcode = 'invalid_parameter_value';
            end if;
            if credit_wallet.entry_type not in ('DEPOSIT', 'REFUND', 'ADJUSTMENT_ADMIN') then
                raise exception '% does not credit a wallet', credit_wallet.entry_type using errcode = 'invalid_parameter_value';
            end if;
            select * into wallet from user_wallets where user_wallets.user_id = credit_wallet.user_id for update nowait;
            if not found then
                raise exception 'User % has no wallet', credit_wallet.user_id using errcode = 'no_data_found';
            end if;
            update user_wallets
            set balance_usd = balance_usd + amount,
                lifetime_deposits = lifetime_deposits + case when credit_wallet.entry_type = 'DEPOSIT' then amount else 0 end,
                version = version + 1
            where wallet_id = wallet.wallet_id;
            insert into billing_ledger
                (user_id, wallet_id, entry_type, amount_usd, balance_before, balance_after, reference_id, description)
            values (credit_wallet.user_id, wallet.wallet_id, credit_wallet.entry_type, amount,
                    wallet.balance_usd, wallet.balance_usd + amount, credit_wallet.reference_id, credit_wallet.description)
            returning ledger_id into entry;
            return entry;
        end
        $body$;
    end if;
end
$do$;
