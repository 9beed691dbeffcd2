using Dapper;
using LicenseFunctions.Infrastructure.Database;

namespace LicenseFunctions.Operations;

/// <summary>A customer, as the operators' page shows them.</summary>
public sealed record Customer
{
    public Guid UserId { get; init; }
    public string Email { get; init; } = "";

    /// <summary>The platform's role: for example, subscriber or master.</summary>
    public string Role { get; init; } = "";

    public bool IsActive { get; init; }
    public DateTime? CreatedAt { get; init; }
    public DateTime? LastLoginAt { get; init; }

    /// <summary>What the wallet can pay; null without a wallet.</summary>
    public decimal? WalletUsd { get; init; }

    public int Licenses { get; init; }
}

/// <summary>A mail to a customer. A body is kept for 30 days after the mail was added.</summary>
public sealed record CustomerMail
{
    public Guid OutboxId { get; init; }
    public string Template { get; init; } = "";
    public string Subject { get; init; } = "";

    /// <summary>The text without links; "" if it can't be rendered.</summary>
    public string Text { get; init; } = "";

    /// <summary>sent, waiting or dead (given up).</summary>
    public string State { get; init; } = "";

    public DateTime CreatedAt { get; init; }
    public DateTime? SentAt { get; init; }

    /// <summary>The next attempt of a mail that waits.</summary>
    public DateTime? DueAt { get; init; }

    public int Attempts { get; init; }
    public string? LastError { get; init; }
}

/// <param name="Payload">JSON.</param>
public sealed record CustomerMailRow(
    Guid OutboxId, string Payload, string? Licenses, DateTime CreatedAt, DateTime DueAt, int Attempts, DateTime? SentAt, DateTime? DeadAt,
    string? LastError);

/// <summary>A note of an operator about a customer. The customer's erasure deletes it.</summary>
/// <param name="Author">The operator's mail address; null if it is not known.</param>
public sealed record CustomerNote(Guid NoteId, string Text, DateTime WrittenAt, Guid? WrittenBy, string? Author);

/// <summary>Reads a customer, the mails to them and the notes about them.</summary>
public sealed class CustomerStore(LicenseDatabase database)
{
    private const string Find = """
        select u.user_id, u.email, u.role, u.is_active, past_time(u.created_at) as created_at, past_time(u.last_login_at) as last_login_at,
               (select available_usd(w.balance_usd, w.reserved_usd) from user_wallets w where w.user_id = u.user_id) as wallet_usd,
               (select count(*)::int from subscriptions s where s.subscriber_id = u.user_id) as licenses
        from users u
        where u.user_id = @userId
        """;

    public async Task<Customer?> FindAsync(Guid userId, CancellationToken cancellationToken)
    {
        await using var session = await database.OpenAsync(cancellationToken);
        return await session.Connection.QuerySingleOrDefaultAsync<Customer>(
            new CommandDefinition(Find, new { userId }, cancellationToken: session.Token));
    }

    private const string Licenses = "select subscription_id from subscriptions where subscriber_id = @userId";

    public async Task<IReadOnlyList<Guid>> LicensesAsync(Guid userId, CancellationToken cancellationToken)
    {
        await using var session = await database.OpenAsync(cancellationToken);
        return (await session.Connection.QueryAsync<Guid>(
            new CommandDefinition(Licenses, new { userId }, cancellationToken: session.Token))).AsList();
    }

    private const string Mails = """
        select outbox_id, payload::text as payload, mail_licenses(payload -> 'model')::text as licenses, created_at, due_at, attempts,
               sent_at, dead_at, last_error
        from outbox
        where kind = 'email' and payload ->> 'user_id' = @userId::text
        order by created_at desc
        limit @limit
        """;

    /// <summary>The mails to a customer that were not emptied yet, the latest first.</summary>
    public async Task<IReadOnlyList<CustomerMailRow>> MailsAsync(Guid userId, int limit, CancellationToken cancellationToken)
    {
        await using var session = await database.OpenAsync(cancellationToken);
        return (await session.Connection.QueryAsync<CustomerMailRow>(
            new CommandDefinition(Mails, new { userId, limit }, cancellationToken: session.Token))).AsList();
    }

    private const string Notes = """
        select n.note_id, n.text, n.written_at, n.written_by, u.email as author
        from customer_notes n
        left join users u on u.user_id = n.written_by
        where n.user_id = @userId
        order by n.written_at desc, n.note_id
        limit @limit
        """;

    /// <summary>The latest first.</summary>
    public async Task<IReadOnlyList<CustomerNote>> NotesAsync(Guid userId, int limit, CancellationToken cancellationToken)
    {
        await using var session = await database.OpenAsync(cancellationToken);
        return (await session.Connection.QueryAsync<CustomerNote>(
            new CommandDefinition(Notes, new { userId, limit }, cancellationToken: session.Token))).AsList();
    }

    // The user's row is locked, so that a note can't be added while the customer is erased.
    private const string AddNote = """
        with customer as (
            select user_id from users where user_id = @userId for share
        ), added as (
            insert into customer_notes (user_id, text, written_by)
            select user_id, @text, @Id from customer
            returning note_id, text, written_at, written_by
        )
        select a.note_id, a.text, a.written_at, a.written_by, u.email as author
        from added a
        left join users u on u.user_id = a.written_by
        """;

    /// <summary>Adds a note. The audit row has only its ID, because the audit log keeps its rows after an erasure.</summary>
    /// <returns>Null if there is no such customer.</returns>
    public Task<CustomerNote?> AddNoteAsync(Guid userId, string text, Actor by, CancellationToken cancellationToken) =>
        database.InTransactionAsync(async (connection, token) =>
        {
            var note = await connection.QuerySingleOrDefaultAsync<CustomerNote>(
                new CommandDefinition(AddNote, new { userId, text, by.Id }, cancellationToken: token));
            if (note is not null)
            {
                await AuditLog.AddAsync(connection, new AuditRow(
                    by, "customer.note_added", null, userId.ToString(), After: RowJson.Of(new { note.NoteId })), token);
            }

            return note;
        }, cancellationToken);

    private const string RemoveNote = "delete from customer_notes where user_id = @userId and note_id = @noteId";

    /// <returns>False if there is no such note.</returns>
    public Task<bool> RemoveNoteAsync(Guid userId, Guid noteId, Actor by, CancellationToken cancellationToken) =>
        database.InTransactionAsync(async (connection, token) =>
        {
            if (await connection.ExecuteAsync(new CommandDefinition(RemoveNote, new { userId, noteId }, cancellationToken: token)) == 0)
                return false;
            await AuditLog.AddAsync(connection, new AuditRow(
                by, "customer.note_removed", null, userId.ToString(), Before: RowJson.Of(new { noteId })), token);
            return true;
        }, cancellationToken);
}
