using LicenseFunctions.Infrastructure.Database;
using Licensing;

namespace LicenseFunctions.Renewals;

/// <param name="Text">The evidence, 1 to 20,000 characters. It is sent once and can't be changed afterwards.</param>
public sealed record EvidenceBody(string? Text);

/// <summary>Sends an operator's evidence for a dispute to the bank, through the payment provider.</summary>
public sealed class SubmitEvidence(EvidenceStore store, PaymentReads reads, SendEvidence send, RenewalGateways gateways)
{
    /// <summary>Stripe's limit of one text.</summary>
    private const int LongestText = 20_000;

    private static readonly Refusal TextInvalid = new(
        RefusalKind.Invalid, "TEXT_INVALID", "text must have 1 to 20000 characters and not be blank.", "text");

    internal static readonly Refusal NotFound = new(
        RefusalKind.NotFound, "DISPUTE_NOT_FOUND", "There is no such dispute, or its charge is not known.", "reversal_id");

    internal static readonly Refusal NoProvider = new(
        RefusalKind.Conflict, "PROVIDER_NOT_CONFIGURED", "The payment provider of this dispute is not configured.", "reversal_id",
        "Send the evidence in the provider's dashboard.");

    // With the limit of a request's own database work, the caller waits at most 10 s for the database.
    private static readonly TimeSpan LongestDatabaseWait = TimeSpan.FromSeconds(3);

    /// <returns>The state of the evidence: requested if the provider gave no certain answer yet.</returns>
    public async Task<Outcome<DisputeEvidenceReply>> RunAsync(
        Guid reversalId, EvidenceBody body, Actor by, CancellationToken cancellationToken)
    {
        var text = OperatorText.Read(body.Text, LongestText, TextInvalid);
        if (text.Refusal is { } invalid) return invalid;

        var refusal = await store.RequestAsync(
            reversalId, text.Value, by, provider => gateways.Find(provider) is not null, cancellationToken);
        if (refusal is not null) return refusal;

        await SendAsync(reversalId);
        var evidence = (await reads.EvidenceAsync(reversalId, cancellationToken))!;
        if (evidence.State != "refused") return evidence;
        await store.ShownAsync(reversalId, by, cancellationToken);
        return Refused(evidence);
    }

    /// <summary>Why evidence can't be sent; null if it can.</summary>
    /// <param name="dispute">The state of the dispute.</param>
    /// <param name="evidence">The state of earlier evidence; null for none.</param>
    /// <param name="isLate">The deadline is over.</param>
    internal static Refusal? Refuse(string dispute, string? evidence, bool isLate) => (dispute, evidence, isLate) switch
    {
        (not "open", _, _) => new(
            RefusalKind.Conflict, "DISPUTE_CLOSED", "The dispute is decided, so no evidence can be sent.", "reversal_id"),
        (_, "sent", _) => new(
            RefusalKind.Conflict, "EVIDENCE_SENT", "Evidence for this dispute was sent. The provider accepts it once.", "reversal_id",
            "Wait for the bank's decision."),
        (_, "requested", _) => new(
            RefusalKind.Conflict, "EVIDENCE_PENDING", "Evidence for this dispute is being sent; the provider has not answered yet.",
            "reversal_id", "It is sent again automatically until the provider answers. Check its state later."),
        (_, _, true) => new(
            RefusalKind.Conflict, "EVIDENCE_TOO_LATE", "The deadline for evidence is over.", "reversal_id",
            "The bank decides without it."),
        _ => null,
    };

    private static Refusal Refused(DisputeEvidenceReply evidence) => evidence.Code == "already_sent"
        ? new(
            RefusalKind.Conflict, "EVIDENCE_SENT", "Evidence for this dispute was already sent in the provider's dashboard.",
            "reversal_id", "The provider accepts it once. Wait for the bank's decision.")
        : new(
            RefusalKind.Conflict, "EVIDENCE_REFUSED", $"The provider refused the evidence ({evidence.Code}): {evidence.Detail}",
            "reversal_id", "Look at the dispute in the provider's dashboard.");

    // A client that disconnects, or the time limit of a request, must not cancel the record of an answer.
    private async Task SendAsync(Guid reversalId)
    {
        var scope = DatabaseScope.Enter(DatabasePool.Background);
        var sending = send.RunAsync(reversalId, CancellationToken.None);
        if (await scope.HasEndedAsync(sending, LongestDatabaseWait)) await sending;
    }
}
