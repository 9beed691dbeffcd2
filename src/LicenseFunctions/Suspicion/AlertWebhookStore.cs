using Dapper;
using LicenseFunctions.Infrastructure.Database;

namespace LicenseFunctions.Suspicion;

/// <summary>A claimed call of the alert webhook.</summary>
/// <param name="Fence">Only who holds it may settle the row.</param>
public sealed record WebhookCall(Guid OutboxId, string Payload, int Attempts, long Fence);

/// <summary>The outbox's calls of the alert webhook: claim, then settle.</summary>
public sealed class AlertWebhookStore(LicenseDatabase database)
{
    private const string Claim = """
        update outbox o set lease_until = now() + interval '2 minutes', fence = o.fence + 1, attempts = o.attempts + 1
        where o.outbox_id = (
            select outbox_id from outbox
            where kind = 'alert_webhook' and sent_at is null and dead_at is null
              and due_at <= now() and (lease_until is null or lease_until <= now())
            order by due_at, outbox_id
            limit 1
            for update skip locked)
        returning o.outbox_id, o.payload::text as payload, o.attempts, o.fence
        """;

    public async Task<WebhookCall?> ClaimAsync(CancellationToken cancellationToken)
    {
        await using var connection = await database.OpenAsync(cancellationToken);
        return await connection.QuerySingleOrDefaultAsync<WebhookCall>(new CommandDefinition(Claim, cancellationToken: cancellationToken));
    }

    private const string Settle = """
        update outbox
        set sent_at = case when @error::text is null then now() end,
            dead_at = case when @error is not null and attempts >= @mostAttempts then now() end,
            due_at = now() + least(interval '1 hour', interval '10 seconds' * 2 ^ attempts),
            lease_until = null, last_error = @error
        where outbox_id = @OutboxId and fence = @Fence and sent_at is null
        """;

    /// <param name="error">Null where the call was taken.</param>
    public async Task SettleAsync(WebhookCall call, string? error, CancellationToken cancellationToken)
    {
        await using var connection = await database.OpenAsync(cancellationToken);
        await connection.ExecuteAsync(new CommandDefinition(
            Settle, new { call.OutboxId, call.Fence, error, mostAttempts = 12 }, cancellationToken: cancellationToken));
    }
}
