using Dapper;
using LicenseFunctions.Infrastructure.Database;
using LicenseFunctions.Infrastructure.Payments;
using LicenseFunctions.Licenses;
using LicenseFunctions.Renewals;
using Licensing;
using Licensing.Home;
using Licensing.Renewals;
using Npgsql;

namespace LicenseFunctions.PaymentMethods;

/// <summary>A saved card or account, as its user sees it.</summary>
public sealed record SavedPaymentMethod
{
    public required Guid PaymentMethodId { get; init; }

    public required string PaymentProvider { get; init; }

    public string? PaymentType { get; init; }

    public string? Brand { get; init; }

    public string? LastFour { get; init; }

    public int? ExpiryMonth { get; init; }

    public int? ExpiryYear { get; init; }

    /// <summary>By the printed month: a card that expires within 30 days expires soon.</summary>
    public CardValidity Validity { get; init; }

    public required bool IsDefault { get; init; }

    public required DateTime CreatedAt { get; init; }

    public DateTime? LastUsedAt { get; init; }
}

/// <summary>
/// Table user_payment_methods. The provider's events decide which methods are active. A removed method never becomes active again, even if
/// an older event arrives later. Each change of a user's cards locks the user's row, so that exactly one card is the default. The same
/// transaction makes renewals due that wait for a card.
/// </summary>
public sealed class PaymentMethodStore(LicenseDatabase database, TimeProvider time)
{
    private const string List = """
        select m.payment_method_id, m.payment_provider, m.payment_type, m.brand, m.last_four, m.expiry_month, m.expiry_year, m.is_default,
               shown_time(m.created_at) as created_at, past_time(m.last_used_at) as last_used_at
        from user_payment_methods m
        where m.user_id = @userId and m.is_active
        order by m.is_default desc, m.created_at desc, m.payment_method_id
        """;

    public async Task<IReadOnlyList<SavedPaymentMethod>> ListAsync(Guid userId, CancellationToken cancellationToken)
    {
        await using var session = await database.OpenAsync(cancellationToken);
        (var connection, cancellationToken) = session;
        var now = time.GetUtcNow();
        var methods = await connection.QueryAsync<SavedPaymentMethod>(
            new CommandDefinition(List, new { userId }, cancellationToken: cancellationToken));
        return [.. methods.Select(one => one with { Validity = CardValidities.Of(one.ExpiryMonth, one.ExpiryYear, now) })];
    }

    private const string Customer = """
        select provider_customer_id from payment_customers where user_id = @userId and payment_provider = @provider
        """;

    // The platform saved cards of customers that it made itself.
    private const string KnownCustomer = """
        select k.provider_customer_id
        from (select provider_customer_id, 1 as source, false as is_default, created_at
              from payment_customers
              where user_id = @userId and payment_provider = @provider
              union all
              select provider_customer_id, 2, is_default, created_at
              from user_payment_methods
              where user_id = @userId and payment_provider = @provider and is_active and provider_customer_id <> '') k
        order by k.source, k.is_default desc, k.created_at desc
        limit 1
        """;

    /// <summary>
    /// The customer for a new card: the one that this backend made, otherwise that of the user's default or newest card.
    /// </summary>
    public async Task<string?> FindCustomerAsync(Guid userId, string provider, CancellationToken cancellationToken)
    {
        await using var session = await database.OpenAsync(cancellationToken);
        (var connection, cancellationToken) = session;
        return await connection.ExecuteScalarAsync<string?>(
            new CommandDefinition(KnownCustomer, new { userId, provider }, cancellationToken: cancellationToken));
    }

    // Simultaneous requests of one user add the same customer. Either of the two unique constraints may report the conflict.
    private const string AddCustomer = """
        insert into payment_customers (user_id, payment_provider, provider_customer_id)
        select user_id, @provider, @customerId from users where user_id = @userId
        on conflict do nothing
        """;

    private const string ForgetCustomer = """
        delete from payment_customers
        where user_id = @userId and payment_provider = @provider and provider_customer_id = @replaces
        """;

    private const string CardsOfCustomer = """
        select provider_payment_id from user_payment_methods
        where user_id = @userId and payment_provider = @provider and provider_customer_id = @replaces and is_active
        order by created_at
        """;

    /// <summary>
    /// Adds a customer, or replaces one that the provider doesn't know any more. The cards of the replaced one can't be charged any more,
    /// so they are removed.
    /// </summary>
    /// <returns>The ID of the customer that was added first, which must be used. Null if there is no such user.</returns>
    public Task<string?> AddCustomerAsync(
        Guid userId, string provider, string customerId, string? replaces, CancellationToken cancellationToken) =>
        database.InTransactionAsync(async (connection, token) =>
        {
            var parameters = new { userId, provider, customerId, replaces };
            await LockAsync(connection, userId, token);
            if (replaces is not null)
            {
                var unusable = await connection.QueryAsync<string>(
                    new CommandDefinition(CardsOfCustomer, parameters, cancellationToken: token));
                foreach (var paymentId in unusable.AsList())
                    await RemoveAsync(connection, Actor.System, userId, provider, paymentId, token);
                await connection.ExecuteAsync(new CommandDefinition(ForgetCustomer, parameters, cancellationToken: token));
            }

            await connection.ExecuteAsync(new CommandDefinition(AddCustomer, parameters, cancellationToken: token));
            return await connection.ExecuteScalarAsync<string?>(new CommandDefinition(Customer, parameters, cancellationToken: token));
        }, cancellationToken);

    private const string NextSetup = """
        select started.occurred_at + @within - now()
        from audit_log started
        where started.subscription_id is null and started.occurred_at > now() - @within
          and started.action = 'payment_method.setup_started' and started.actor_id = @userId
          and not exists (
              select from audit_log failed
              where failed.subscription_id is null and failed.occurred_at >= started.occurred_at
                and failed.action = 'payment_method.setup_failed' and failed.subject = started.subject)
        order by started.occurred_at desc
        offset @most - 1 limit 1
        """;

    /// <summary>Counts a setup that is about to start, in the audit log.</summary>
    /// <returns>The setup's number; the refusal if the user has reached the limit.</returns>
    public Task<Outcome<Guid>> CountSetupAsync(Guid userId, int most, TimeSpan within, CancellationToken cancellationToken) =>
        database.InTransactionAsync<Outcome<Guid>>(async (connection, token) =>
        {
            if (!await LockAsync(connection, userId, token))
                return CustomerNotFound.Refusal;
            var wait = await connection.ExecuteScalarAsync<TimeSpan?>(
                new CommandDefinition(NextSetup, new { userId, most, within }, cancellationToken: token));
            if (wait is not null)
            {
                return new Refusal(
                    RefusalKind.TooMany, "CARD_SETUP_LIMIT", $"A card can be set up {most} times per hour.", Hint: "Wait, then try again.",
                    RetryAfter: wait);
            }

            var setup = Guid.NewGuid();
            await AuditAsync(connection, Actor.Owner(userId), "payment_method.setup_started", setup, token);
            return setup;
        }, cancellationToken);

    /// <summary>The setup failed at the provider, so it doesn't count.</summary>
    public Task UncountSetupAsync(Guid userId, Guid setup, CancellationToken cancellationToken) =>
        database.InStatementAsync(async (connection, token) =>
        {
            await AuditAsync(connection, Actor.Owner(userId), "payment_method.setup_failed", setup, token);
            return true;
        }, cancellationToken);

    private const string ProviderId = """
        select payment_provider, provider_payment_id from user_payment_methods
        where user_id = @userId and payment_method_id = @paymentMethodId and is_active
        """;

    /// <returns>The provider and its ID of the method; null if the user has no such method.</returns>
    public async Task<(string Provider, string PaymentId)?> FindAsync(
        Guid userId, Guid paymentMethodId, CancellationToken cancellationToken)
    {
        await using var session = await database.OpenAsync(cancellationToken);
        (var connection, cancellationToken) = session;
        return await connection.QuerySingleOrDefaultAsync<(string, string)?>(
            new CommandDefinition(ProviderId, new { userId, paymentMethodId }, cancellationToken: cancellationToken));
    }

    private const string ClearDefault = """
        update user_payment_methods set is_default = false
        where user_id = @userId and is_default and payment_method_id <> @paymentMethodId
        """;

    private const string SetDefault = """
        update user_payment_methods set is_default = true
        where user_id = @userId and payment_method_id = @paymentMethodId
        """;

    /// <returns>False if the user has no such method; then nothing is changed.</returns>
    public Task<bool> MakeDefaultAsync(Guid userId, Guid paymentMethodId, Actor by, CancellationToken cancellationToken) =>
        database.InTransactionAsync(async (connection, token) =>
        {
            await LockAsync(connection, userId, token);
            if (!await HasAsync(connection, userId, paymentMethodId, token))
                return false;
            await connection.ExecuteAsync(new CommandDefinition(ClearDefault, new { userId, paymentMethodId }, cancellationToken: token));
            await connection.ExecuteAsync(new CommandDefinition(SetDefault, new { userId, paymentMethodId }, cancellationToken: token));
            await AuditAsync(connection, by, "payment_method.made_default", paymentMethodId, token);
            await RenewalStore.CardsChangedAsync(connection, userId, time.GetUtcNow(), token);
            return true;
        }, cancellationToken);

    private const string TriesNext = """
        select exists (select from payment_preferences p where p.user_id = u.user_id and p.tries_next_method)
        from users u where u.user_id = @userId
        """;

    /// <summary>Whether the customer has allowed that the next method is tried if the default one is declined permanently.</summary>
    /// <returns>Null if there is no such user.</returns>
    public async Task<bool?> TriesNextAsync(Guid userId, CancellationToken cancellationToken)
    {
        await using var session = await database.OpenAsync(cancellationToken);
        return await session.Connection.ExecuteScalarAsync<bool?>(
            new CommandDefinition(TriesNext, new { userId }, cancellationToken: session.Token));
    }

    private const string SetTriesNext = """
        insert into payment_preferences (user_id, tries_next_method)
        select user_id, @enabled from users where user_id = @userId
        on conflict (user_id) do update set tries_next_method = excluded.tries_next_method, changed_at = now()
        """;

    /// <summary>Renewals that wait for another card may continue at once with the next method.</summary>
    /// <returns>False if there is no such user.</returns>
    public Task<bool> SetTriesNextAsync(Guid userId, bool enabled, Actor by, CancellationToken cancellationToken) =>
        database.InTransactionAsync(async (connection, token) =>
        {
            if (!await LockAsync(connection, userId, token))
                return false;
            await connection.ExecuteAsync(new CommandDefinition(SetTriesNext, new { userId, enabled }, cancellationToken: token));
            await AuditLog.AddAsync(
                connection,
                new AuditRow(
                    by, "payment_method.next_switched", SubscriptionId: null, userId.ToString(),
                    After: RowJson.Of(new { TriesNextMethod = enabled })),
                token);
            await RenewalStore.CardsChangedAsync(connection, userId, time.GetUtcNow(), token);
            return true;
        }, cancellationToken);

    private const string Deactivate = """
        update user_payment_methods set is_active = false, is_default = false
        where user_id = @userId and provider_payment_id = @paymentId and payment_provider = @provider and is_active
        returning payment_method_id
        """;

    /// <summary>Deactivates a method that the provider has removed.</summary>
    public Task RemoveAsync(Guid userId, string provider, string paymentId, Actor by, CancellationToken cancellationToken) =>
        database.InTransactionAsync(
            (connection, token) => RemoveAsync(connection, by, userId, provider, paymentId, token), cancellationToken);

    /// <summary>Applies an event about a card. Its inbox row and its effect are committed in one transaction.</summary>
    /// <returns>False if the event was applied before.</returns>
    public Task<bool> ApplyAsync(PaymentEvent received, CancellationToken cancellationToken) =>
        database.InTransactionAsync(async (connection, token) =>
        {
            if (!await PaymentEventInbox.AddAsync(connection, received, token))
                return false;
            switch (received.Fact)
            {
                case PaymentFact.MethodSaved saved:
                    await SaveAsync(connection, received.Provider, saved, token);
                    break;
                case PaymentFact.MethodDetached detached:
                    foreach (var owner in await OwnersAsync(connection, received.Provider, detached.PaymentId, token))
                        await RemoveAsync(connection, Actor.Service, owner, received.Provider, detached.PaymentId, token);
                    break;
            }

            return true;
        }, cancellationToken);

    private const string Owners = """
        select user_id from user_payment_methods
        where provider_payment_id = @paymentId and payment_provider = @provider and is_active
        order by user_id
        """;

    private static async Task<IReadOnlyList<Guid>> OwnersAsync(
        NpgsqlConnection connection, string provider, string paymentId, CancellationToken cancellationToken) =>
        [.. await connection.QueryAsync<Guid>(
            new CommandDefinition(Owners, new { provider, paymentId }, cancellationToken: cancellationToken))];

    // An expired default card can't pay: a customer who adds another one wants that one to pay. A card with an impossible month or year may
    // pay, as in the view default_cards.
    private const string ReplaceExpiredDefault = """
        update user_payment_methods d set is_default = false
        where d.user_id = @userId and d.is_default and d.expiry_year between 2000 and 8999 and d.expiry_month between 1 and 12
          and (d.expiry_year, d.expiry_month)
              < (extract(year from @now at time zone 'UTC')::int, extract(month from @now at time zone 'UTC')::int)
          and not exists (select from user_payment_methods k where k.user_id = @userId and k.provider_payment_id = @PaymentId)
        """;

    private const string Save = """
        insert into user_payment_methods as m (
            user_id, payment_provider, provider_customer_id, provider_payment_id, payment_type, last_four, brand, expiry_month, expiry_year,
            is_default)
        select u.user_id, @provider, @CustomerId, @PaymentId, @PaymentType, @LastFour, @Brand, @ExpiryMonth, @ExpiryYear,
            not exists (select from user_payment_methods d where d.user_id = u.user_id and d.is_default)
        from users u where u.user_id = @userId
        on conflict (user_id, provider_payment_id) do update set
            last_four = excluded.last_four, brand = excluded.brand, expiry_month = excluded.expiry_month,
            expiry_year = excluded.expiry_year,
            details_changed_at = case
                when (m.last_four, m.brand, m.expiry_month, m.expiry_year)
                    is distinct from (excluded.last_four, excluded.brand, excluded.expiry_month, excluded.expiry_year) then @now
                else m.details_changed_at end
        returning payment_method_id
        """;

    /// <summary>Saves a card or its new details. An event without a user is about a card that is already saved.</summary>
    private async Task SaveAsync(
        NpgsqlConnection connection, string provider, PaymentFact.MethodSaved saved, CancellationToken cancellationToken)
    {
        var users = saved.UserId is { } named ? [named] : await OwnersAsync(connection, provider, saved.PaymentId, cancellationToken);
        foreach (var userId in users)
        {
            await LockAsync(connection, userId, cancellationToken);
            var parameters = new
            {
                provider,
                saved.CustomerId,
                saved.PaymentId,
                saved.PaymentType,
                saved.LastFour,
                saved.Brand,
                saved.ExpiryMonth,
                saved.ExpiryYear,
                userId,
                now = time.GetUtcNow().UtcDateTime,
            };
            var replaced = await connection.ExecuteAsync(
                new CommandDefinition(ReplaceExpiredDefault, parameters, cancellationToken: cancellationToken));
            var id = await connection.ExecuteScalarAsync<Guid?>(
                new CommandDefinition(Save, parameters, cancellationToken: cancellationToken));
            if (id is not { } paymentMethodId)
                continue;
            await AuditAsync(connection, Actor.Service, "payment_method.saved", paymentMethodId, cancellationToken);
            if (replaced > 0)
                await AuditAsync(connection, Actor.System, "payment_method.made_default", paymentMethodId, cancellationToken);
            await RenewalStore.CardsChangedAsync(connection, userId, time.GetUtcNow(), cancellationToken);
        }
    }

    private const string Promote = """
        update user_payment_methods set is_default = true
        where payment_method_id = (
            select payment_method_id from user_payment_methods
            where user_id = @userId and is_active
              -- Not make_date, which fails for a month or year that doesn't exist.
              and (expiry_year is null or (expiry_year, coalesce(expiry_month, 12))
                  >= (extract(year from now() at time zone 'UTC'), extract(month from now() at time zone 'UTC')))
            order by created_at desc, payment_method_id
            limit 1)
          and not exists (select from user_payment_methods where user_id = @userId and is_default)
          and (@byPerson or exists (select from payment_preferences where user_id = @userId and tries_next_method))
        returning payment_method_id
        """;

    /// <summary>
    /// If the default method is removed, the newest one becomes the default, so that renewals can still be paid. If the provider removed
    /// it, for example because the customer ended the agreement there, this needs the customer's permission to charge the next method.
    /// </summary>
    private async Task RemoveAsync(
        NpgsqlConnection connection, Actor actor, Guid userId, string provider, string paymentId, CancellationToken cancellationToken)
    {
        await LockAsync(connection, userId, cancellationToken);
        var removed = await connection.ExecuteScalarAsync<Guid?>(
            new CommandDefinition(Deactivate, new { userId, provider, paymentId }, cancellationToken: cancellationToken));
        var byPerson = actor != Actor.Service && actor != Actor.System;
        if (removed is { } paymentMethodId)
            await AuditAsync(connection, actor, "payment_method.removed", paymentMethodId, cancellationToken);
        // The provider's event about a person's removal may have come first.
        else if (!byPerson)
            return;
        var newDefault = await connection.ExecuteScalarAsync<Guid?>(
            new CommandDefinition(Promote, new { userId, byPerson }, cancellationToken: cancellationToken));
        if (newDefault is not { } promoted)
            return;
        await AuditAsync(connection, Actor.System, "payment_method.made_default", promoted, cancellationToken);
        await RenewalStore.CardsChangedAsync(connection, userId, time.GetUtcNow(), cancellationToken);
    }

    private const string Has = """
        select exists (select from user_payment_methods where user_id = @userId and payment_method_id = @paymentMethodId and is_active)
        """;

    private static Task<bool> HasAsync(
        NpgsqlConnection connection, Guid userId, Guid paymentMethodId, CancellationToken cancellationToken) =>
        connection.ExecuteScalarAsync<bool>(
            new CommandDefinition(Has, new { userId, paymentMethodId }, cancellationToken: cancellationToken));

    private const string Lock = """
        select 1 from users where user_id = @userId for no key update
        """;

    /// <returns>False if there is no such user.</returns>
    private static async Task<bool> LockAsync(NpgsqlConnection connection, Guid userId, CancellationToken cancellationToken) =>
        await connection.ExecuteScalarAsync<int?>(
            new CommandDefinition(Lock, new { userId }, cancellationToken: cancellationToken)) is not null;

    private static Task AuditAsync(
        NpgsqlConnection connection, Actor actor, string action, Guid subject, CancellationToken cancellationToken) =>
        AuditLog.AddAsync(connection, new AuditRow(actor, action, SubscriptionId: null, subject.ToString()), cancellationToken);
}
