using Dapper;
using LicenseFunctions.Infrastructure.Database;
using Npgsql;

namespace LicenseFunctions.Infrastructure.Mail;

/// <param name="DedupKey">Identifies the event: the second mail about the same event is not added.</param>
/// <param name="Model">
/// Values for the template; property names are converted to snake_case. If it has the id of a payment method, its brand and last digits are
/// added.
/// </param>
public sealed record OutboxMail(string DedupKey, string Template, Guid UserId, object Model)
{
    /// <summary>How long the mail waits before it is sent. It may be removed meanwhile.</summary>
    public TimeSpan Delay { get; init; }

    internal string Payload => RowJson.Of(new { Template, UserId, Model });
}

/// <summary>
/// Adds mails to the outbox, in the transaction of the change that they report, with the customer's language at that moment. A timer sends
/// them.
/// </summary>
public static class EmailOutbox
{
    private const string Add = """
        insert into outbox (kind, dedup_key, due_at, payload)
        select 'email', m.dedup_key, now() + m.delay,
               m.payload || case when l.language is null then '{}' else jsonb_build_object('language', l.language) end
               || case when p.brand is null and p.last_four is null then '{}'
                       else jsonb_build_object('model', m.payload -> 'model'
                            || jsonb_strip_nulls(jsonb_build_object('card_brand', p.brand, 'last_four', p.last_four))) end
        from unnest(@keys, @delays, @payloads::jsonb[]) as m (dedup_key, delay, payload)
        left join customer_languages l on l.user_id = (m.payload ->> 'user_id')::uuid
        left join lateral (
            select case f.payment_provider when 'paypal' then 'paypal' else f.brand end as brand, f.last_four
            from user_payment_methods f
            where f.payment_method_id = (m.payload #>> '{model,payment_method_id}')::uuid offset 0) p on true
        on conflict (dedup_key) do nothing
        """;

    /// <inheritdoc cref="OutboxMail"/>
    public static Task AddAsync(
        NpgsqlConnection connection, string dedupKey, string template, Guid userId, object model, CancellationToken cancellationToken) =>
        AddAsync(connection, [new OutboxMail(dedupKey, template, userId, model)], cancellationToken);

    /// <returns>Whether the mail was added: false if there was one about the same event.</returns>
    public static async Task<bool> TryAddAsync(NpgsqlConnection connection, OutboxMail mail, CancellationToken cancellationToken) =>
        await AddAsync(connection, [mail], cancellationToken) == 1;

    /// <returns>How many were added.</returns>
    public static Task<int> AddAsync(
        NpgsqlConnection connection, IReadOnlyCollection<OutboxMail> mails, CancellationToken cancellationToken) =>
        AddAsync(
            connection, [.. mails.Select(mail => mail.DedupKey)], [.. mails.Select(mail => mail.Delay)],
            [.. mails.Select(mail => mail.Payload)], cancellationToken);

    /// <summary>Adds a mail to the operators' address.</summary>
    public static Task AddForOperatorsAsync(
        NpgsqlConnection connection, string dedupKey, string template, string to, object model, CancellationToken cancellationToken) =>
        AddAsync(
            connection, [dedupKey], [TimeSpan.Zero], [RowJson.Of(new { Template = template, To = to, Model = model })], cancellationToken);

    private static async Task<int> AddAsync(
        NpgsqlConnection connection, string[] keys, TimeSpan[] delays, string[] payloads, CancellationToken cancellationToken) =>
        keys.Length == 0
            ? 0
            : await connection.ExecuteAsync(new CommandDefinition(
                Add, new { keys, delays, payloads }, cancellationToken: cancellationToken));

    // Each key is looked up by itself ("offset 0"). For all keys together, PostgreSQL compares each unsent mail with each key, which takes
    // longer and longer during a run that adds many mails.
    private const string RemoveUnsent = """
        delete from outbox
        where outbox_id = any(array(
            select o.outbox_id
            from unnest(@keys) as k (dedup_key)
            cross join lateral (
                select outbox_id, sent_at, dead_at from outbox where dedup_key = k.dedup_key for update offset 0) o
            where o.sent_at is null and o.dead_at is null))
        """;

    /// <summary>Removes mails that are no longer true, if they were not sent yet.</summary>
    public static Task RemoveUnsentAsync(NpgsqlConnection connection, string[] keys, CancellationToken cancellationToken) =>
        connection.ExecuteAsync(new CommandDefinition(RemoveUnsent, new { keys }, cancellationToken: cancellationToken));

    // A key is its beginning plus digits, so all its keys sort below the beginning plus ':'. `offset 0` forces one index lookup for each
    // beginning; the index's condition is repeated. With the time conditions inside, PostgreSQL may read all unsent mails.
    private const string RemoveUnsentWarnings = """
        delete from outbox
        where outbox_id = any(array(
            select o.outbox_id
            from unnest(@beginnings) as b (beginning)
            cross join lateral (
                select outbox_id, sent_at, dead_at from outbox
                where dedup_key like 'expiring:%'
                  and dedup_key collate "C" >= b.beginning and dedup_key collate "C" < b.beginning || ':'
                for update offset 0) o
            where o.sent_at is null and o.dead_at is null))
        """;

    /// <summary>Removes warnings that are no longer true, if they were not sent yet.</summary>
    /// <param name="beginnings">What their keys begin with.</param>
    public static Task RemoveUnsentWarningsAsync(
        NpgsqlConnection connection, IEnumerable<string> beginnings, CancellationToken cancellationToken) =>
        connection.ExecuteAsync(new CommandDefinition(
            RemoveUnsentWarnings, new { beginnings = beginnings.ToArray() }, cancellationToken: cancellationToken));

    // The row stays, so that the warning is not added again. "offset 0" as above. The mail of the last stage, in grace, is sent.
    private const string WithdrawWarnings = """
        update outbox set sent_at = now(), payload = '{}'
        where outbox_id = any(array(
            select o.outbox_id
            from unnest(@beginnings, @notices) as b (beginning, notice)
            cross join lateral (
                select outbox_id, dedup_key, sent_at, dead_at from outbox
                where dedup_key like 'expiring:%'
                  and dedup_key collate "C" >= b.beginning and dedup_key collate "C" < b.beginning || ':'
                for update offset 0) o
            where o.sent_at is null and o.dead_at is null and o.dedup_key <> b.beginning || '0'
              and (select n.outbox_id from outbox n where n.dedup_key = b.notice offset 0) is null))
        """;

    /// <summary>
    /// Withdraws warnings before the expiry that were not sent yet, because another mail about the matter is about to be added. If that
    /// mail was added before, it is not added again: the warnings stay.
    /// </summary>
    /// <param name="warnings">What the keys of the warnings begin with, and the key of the other mail.</param>
    public static Task WithdrawWarningsAsync(
        NpgsqlConnection connection, IReadOnlyCollection<(string Beginning, string Notice)> warnings,
        CancellationToken cancellationToken) =>
        connection.ExecuteAsync(new CommandDefinition(
            WithdrawWarnings,
            new
            {
                beginnings = warnings.Select(one => one.Beginning).ToArray(),
                notices = warnings.Select(one => one.Notice).ToArray(),
            },
            cancellationToken: cancellationToken));

    private const string WithdrawAfter = """
        update outbox w set sent_at = now(), payload = '{}'
        where w.dedup_key = @dedupKey and w.sent_at is null and w.dead_at is null
          and exists (select from outbox o
                      where o.kind = 'email' and o.payload ->> 'user_id' = w.payload ->> 'user_id'
                        and o.created_at > now() - interval '1 day' and o.payload ->> 'template' = any(@templates)
                        and o.payload #>> '{model,subscription_id}' = w.payload #>> '{model,subscription_id}')
        """;

    /// <summary>Withdraws a mail if one of these was added for the customer within a day, about the same license.</summary>
    public static Task WithdrawAfterAsync(
        NpgsqlConnection connection, string dedupKey, IEnumerable<string> templates, CancellationToken cancellationToken) =>
        connection.ExecuteAsync(new CommandDefinition(
            WithdrawAfter, new { dedupKey, templates = templates.ToArray() }, cancellationToken: cancellationToken));
}
