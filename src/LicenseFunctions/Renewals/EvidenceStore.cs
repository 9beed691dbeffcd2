using Dapper;
using LicenseFunctions.Infrastructure.Database;
using Licensing;
using Licensing.Renewals;

namespace LicenseFunctions.Renewals;

/// <summary>Evidence that a worker has claimed.</summary>
internal sealed record ClaimedEvidence
{
    public Guid ReversalId { get; init; }
    public string Provider { get; init; } = "";

    /// <summary>The provider's id of the dispute.</summary>
    public string ProviderId { get; init; } = "";

    public string Text { get; init; } = "";

    /// <summary>This try included; 1 for the first.</summary>
    public int Tries { get; init; }

    public DateTime RequestedAt { get; init; }

    public bool IsLate { get; init; }

    /// <summary>The deadline; null if the provider named none.</summary>
    public DateTime? DueAt { get; init; }

    public string Key => $"evidence-{ReversalId:N}-{RequestedAt.Ticks}";
}

/// <summary>Evidence that operators send for disputes; one row for each dispute.</summary>
public sealed class EvidenceStore(LicenseDatabase database)
{
    private static readonly TimeSpan Lease = TimeSpan.FromMinutes(3);

    private sealed record DisputeRow
    {
        public string Provider { get; init; } = "";
        public Guid? SubscriptionId { get; init; }
        public string State { get; init; } = "";
        public bool IsLate { get; init; }
        public string? EvidenceState { get; init; }
    }

    private const string Load = """
        select p.provider, p.subscription_id, p.state, coalesce(p.evidence_due_at <= clock_timestamp(), false) as is_late,
               e.state as evidence_state
        from payment_reversals p
        left join dispute_evidence e on e.reversal_id = p.reversal_id
        where p.reversal_id = @reversalId and p.kind = 'dispute'
        for update of p
        """;

    private const string Add = """
        insert into dispute_evidence (reversal_id, subscription_id, text, requested_by, requested_at, next_try_at)
        values (@reversalId, @SubscriptionId, @text, @by, clock_timestamp(), clock_timestamp())
        on conflict (reversal_id) do update
        set text = excluded.text, requested_by = excluded.requested_by, requested_at = excluded.requested_at, state = 'requested',
            next_try_at = excluded.next_try_at, tries = 0, code = null, detail = null, decided_at = null
        """;

    /// <summary>Stores the text before it is sent. Evidence that was refused may be replaced.</summary>
    /// <returns>Why it can't be sent; null if it is stored.</returns>
    internal Task<Refusal?> RequestAsync(
        Guid reversalId, string text, Actor by, Func<string, bool> canSend, CancellationToken cancellationToken) =>
        database.InTransactionAsync(async (connection, token) =>
        {
            var found = await connection.QuerySingleOrDefaultAsync<DisputeRow>(
                new CommandDefinition(Load, new { reversalId }, cancellationToken: token));
            if (found is not { SubscriptionId: { } subscriptionId }) return SubmitEvidence.NotFound;
            if (SubmitEvidence.Refuse(found.State, found.EvidenceState, found.IsLate) is { } refusal) return refusal;
            if (!canSend(found.Provider)) return SubmitEvidence.NoProvider;

            await connection.ExecuteAsync(new CommandDefinition(
                Add, new { reversalId, found.SubscriptionId, text, by = by.Id }, cancellationToken: token));
            await AuditLog.AddAsync(
                connection, new AuditRow(by, "payment.evidence_requested", subscriptionId, reversalId.ToString()), token);
            return null;
        }, cancellationToken);

    private const string Claim = """
        update dispute_evidence e
        set tries = tries + 1, next_try_at = clock_timestamp() + @lease
        from (select d.reversal_id, p.provider, p.provider_id, coalesce(p.evidence_due_at <= clock_timestamp(), false) as is_late,
                     p.evidence_due_at as due_at
              from dispute_evidence d
              join payment_reversals p on p.reversal_id = d.reversal_id
              where d.next_try_at <= clock_timestamp() and (@reversalId::uuid is null or d.reversal_id = @reversalId)
              order by d.next_try_at
              limit 1
              for update of d skip locked) due
        where e.reversal_id = due.reversal_id
        returning e.reversal_id, due.provider, due.provider_id, e.text, e.tries, e.requested_at, due.is_late, due.due_at
        """;

    /// <summary>Claims evidence that is due; null for none.</summary>
    /// <param name="reversalId">Only this dispute; null for all.</param>
    internal Task<ClaimedEvidence?> ClaimAsync(Guid? reversalId, CancellationToken cancellationToken) => database.InStatementAsync(
        (connection, token) => connection.QuerySingleOrDefaultAsync<ClaimedEvidence>(
            new CommandDefinition(Claim, new { reversalId, lease = Lease }, cancellationToken: token)), cancellationToken);

    private const string Decide = """
        update dispute_evidence
        set state = @state, next_try_at = null, decided_at = now(), code = @code, detail = @detail
        where reversal_id = @ReversalId and state = 'requested'
        """;

    internal Task DecideAsync(ClaimedEvidence evidence, string state, string? code, string? detail, CancellationToken cancellationToken) =>
        database.InTransactionAsync(async (connection, token) =>
        {
            await connection.ExecuteAsync(new CommandDefinition(
                Decide, new { evidence.ReversalId, state, code, detail }, cancellationToken: token));
            await PaymentCaseStore.CloseAnsweredAsync(connection, evidence.ProviderId, token);
            // The caller may no longer be waiting for the answer, so a case reports the refusal.
            if (state == "refused") await PaymentCaseStore.OpenForEvidenceAsync(connection, evidence.ReversalId, token);
        }, cancellationToken);

    /// <summary>Closes the case: the operator who sent the evidence gets the refusal as the answer.</summary>
    internal Task ShownAsync(Guid reversalId, Actor by, CancellationToken cancellationToken) => database.InTransactionAsync(
        async (connection, token) =>
        {
            var subject = await connection.ExecuteScalarAsync<string>(new CommandDefinition(
                "select provider_id from payment_reversals where reversal_id = @reversalId", new { reversalId }, cancellationToken: token));
            await PaymentCaseStore.CloseShownAsync(connection, PaymentCaseReason.EvidenceRefused, subject!, by.Id, token);
        }, cancellationToken);

    private const string Postpone = """
        update dispute_evidence set next_try_at = clock_timestamp() + @pause, code = @reason
        where reversal_id = @reversalId and state = 'requested'
        """;

    /// <summary>Postpones the next try. Opens a case if the answer stays uncertain: an operator must know before the deadline.</summary>
    internal Task PostponeAsync(Guid reversalId, string reason, TimeSpan pause, CancellationToken cancellationToken) =>
        database.InTransactionAsync(async (connection, token) =>
        {
            await connection.ExecuteAsync(new CommandDefinition(Postpone, new { reversalId, reason, pause }, cancellationToken: token));
            await PaymentCaseStore.OpenForUnansweredEvidenceAsync(connection, reversalId, token);
        }, cancellationToken);
}
