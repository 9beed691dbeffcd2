using LicenseFunctions.Infrastructure.Database;
using Licensing;

namespace LicenseFunctions.Operations;

/// <param name="Messages">At most 200.</param>
/// <param name="CanRevive">How many can be revived, also those that are not listed.</param>
public sealed record DeadMessages(IReadOnlyList<DeadMessage> Messages, int CanRevive);

/// <param name="OutboxIds">At most 200; null with <paramref name="All"/>.</param>
/// <param name="All">Revives every mail and webhook that can be revived.</param>
public sealed record RevivalOrder(IReadOnlyList<Guid>? OutboxIds = null, bool All = false);

/// <param name="Revived">The rows that are due now.</param>
/// <param name="Others">The requested rows that were not given up, were emptied, or don't exist.</param>
public sealed record Revival(IReadOnlyList<Guid> Revived, IReadOnlyList<Guid> Others);

/// <summary>Makes mails and webhooks that were given up due again: the timer's next run sends them.</summary>
public sealed class ReviveOutbox(LicenseDatabase database, DeadOutboxStore store)
{
    private const int Most = 200;

    private static readonly Refusal Invalid = new(
        RefusalKind.Invalid, "INVALID_FIELD", $"outbox_ids must have 1 to {Most} ids, or all must be true.", "outbox_ids",
        "Send {\"outbox_ids\": [\"…\"]} or {\"all\": true}.");

    public async Task<DeadMessages> ListAsync(CancellationToken cancellationToken) =>
        await database.ReadLatestAsync(
            async token => new DeadMessages(await store.ListAsync(Most, token), await store.CountRevivableAsync(token)), cancellationToken);

    public async Task<Outcome<Revival>> RunAsync(RevivalOrder order, Actor by, CancellationToken cancellationToken)
    {
        if (order.All ? order.OutboxIds is not null : order.OutboxIds is null or { Count: 0 or > Most })
            return Invalid;
        var revived = await store.ReviveAsync(order.OutboxIds, by, cancellationToken);
        return new Revival(revived, [.. (order.OutboxIds ?? []).Except(revived)]);
    }
}
