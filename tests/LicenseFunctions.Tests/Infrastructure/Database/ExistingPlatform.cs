namespace LicenseFunctions.Tests.Infrastructure.Database;

/// <summary>An existing platform with data: the contract's columns, but other indexes, constraints and functions.</summary>
internal static class ExistingPlatform
{
    public const string Schema = """
        create extension "uuid-ossp";
        create type subscription_state as enum ('SYNCED', 'DEGRADED_GAP', 'LOCKED_NO_FUNDS', 'PAUSED_TOXIC', 'SUSPENDED_ADMIN');
        create type ledger_entry_type as enum ('DEPOSIT', 'WITHDRAWAL', 'FEE_PERFORMANCE', 'FEE_SUBSCRIPTION', 'REFUND',
            'ADJUSTMENT_ADMIN');
        create function update_updated_at_column() returns trigger language plpgsql as $$ begin new.updated_at = now(); return new; end $$;
        create table users (
            user_id uuid primary key default uuid_generate_v4(), email varchar(255) unique not null, password_hash varchar(255),
            role varchar(50) default 'subscriber', is_active boolean default true, trust_score int default 100,
            created_at timestamptz default now(), updated_at timestamptz default now(), last_login_at timestamptz);
        create table user_wallets (
            wallet_id uuid primary key default uuid_generate_v4(), user_id uuid unique references users (user_id),
            balance_usd numeric(18,8) default 0 check (balance_usd >= 0), reserved_usd numeric(18,8) default 0,
            lifetime_deposits numeric(18,8) default 0, lifetime_fees numeric(18,8) default 0, version bigint default 1,
            created_at timestamptz default now(), updated_at timestamptz default now());
        create table subscriptions (
            subscription_id uuid primary key default uuid_generate_v4(), subscriber_id uuid references users (user_id),
            master_id uuid references users (user_id), state subscription_state default 'SYNCED', last_sequence_id bigint default 0,
            last_signal_at timestamptz, high_water_mark numeric(18,8) default 0, total_profit_usd numeric(18,8) default 0,
            total_fees_paid numeric(18,8) default 0, max_price_deviation numeric(10,5), max_ttl_ms int, is_active boolean default true,
            created_at timestamptz default now(), updated_at timestamptz default now(), paused_at timestamptz, paused_reason text,
            unique (subscriber_id, master_id));
        create table license_tokens (
            token_id uuid primary key default uuid_generate_v4(), subscription_id uuid references subscriptions (subscription_id),
            token_hash varchar(255) unique not null, ea_instance_id varchar(100), last_used_at timestamptz, ip_address inet,
            is_active boolean default true, expires_at timestamptz, created_at timestamptz default now(), revoked_at timestamptz,
            revoked_reason text, check (is_active = (revoked_at is null)));
        create index tokens_of_a_subscription on license_tokens (subscription_id);
        create table billing_ledger (
            ledger_id uuid primary key default uuid_generate_v4(), user_id uuid, wallet_id uuid, entry_type ledger_entry_type not null,
            amount_usd numeric(18,8) not null, balance_before numeric(18,8), balance_after numeric(18,8), profit_amount numeric(18,8),
            hwm_before numeric(18,8), hwm_after numeric(18,8), fee_percentage numeric(5,2), reference_id uuid, description text,
            metadata jsonb, created_at timestamptz default now(), created_by uuid);
        create function credit_wallet(uuid, numeric, ledger_entry_type, text, uuid default null) returns uuid language plpgsql as
            $$ begin raise exception 'the platform''s own'; end $$;
        """;

    public const string Data = """
        insert into users (user_id, email, role) values
            ('11111111-1111-1111-1111-111111111111', 'subscriber@example.test', 'subscriber'),
            ('22222222-2222-2222-2222-222222222222', 'master@example.test', 'master');
        insert into user_wallets (user_id, balance_usd) values ('11111111-1111-1111-1111-111111111111', 42);
        insert into subscriptions (subscription_id, subscriber_id, master_id) values
            ('33333333-3333-3333-3333-333333333333', '11111111-1111-1111-1111-111111111111', '22222222-2222-2222-2222-222222222222');
        insert into license_tokens (subscription_id, token_hash, expires_at) values
            ('33333333-3333-3333-3333-333333333333', 'hash-of-the-token', now() + interval '20 days');
        insert into billing_ledger (user_id, entry_type, amount_usd, balance_before, balance_after) values
            ('11111111-1111-1111-1111-111111111111', 'DEPOSIT', 42, 0, 42);
        """;
}
