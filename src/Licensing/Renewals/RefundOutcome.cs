namespace Licensing.Renewals;

/// <summary>A refund to make, as it was stored before the first call. A repeat has the same values.</summary>
/// <param name="RefundId">The row's id. Sent as metadata, so that a webhook or a lookup can be assigned to it.</param>
/// <param name="IntentId">The provider's id of the intent whose charge is refunded.</param>
/// <param name="AmountMinor">Minor units of the charge's currency, greater than 0.</param>
/// <param name="ChargeId">The provider's id of the charge; null if it is not known.</param>
public sealed record RefundRequest(Guid RefundId, string IntentId, long AmountMinor, string? ChargeId = null);

/// <summary>What is known about a refund that was requested. Each gateway maps its provider's codes to these.</summary>
public abstract record RefundOutcome
{
    private RefundOutcome() { }

    /// <summary>The provider has made the refund. It may still fail later, which a webhook reports.</summary>
    /// <param name="Refund">The refund in the form in which webhooks report it.</param>
    public sealed record Made(PaymentReversal Refund) : RefundOutcome;

    /// <summary>Nothing was refunded, and a repeat would be refused again.</summary>
    /// <param name="Code">The provider's code.</param>
    /// <param name="Detail">The provider's sentence.</param>
    public sealed record Refused(string Code, string Detail) : RefundOutcome;

    /// <summary>Nothing is certain: a lost answer, a timeout, 5xx, 429, a key in use. This is not a failure.</summary>
    public sealed record Unknown(string Reason) : RefundOutcome;
}

/// <summary>What is known about evidence that was sent for a dispute.</summary>
public abstract record EvidenceOutcome
{
    private EvidenceOutcome() { }

    /// <summary>The provider has passed it to the bank, now or earlier. It can't be changed any more.</summary>
    public sealed record Sent : EvidenceOutcome;

    /// <summary>It was not accepted, for example because the dispute is closed; a repeat would be refused again.</summary>
    /// <param name="Code">The provider's code.</param>
    /// <param name="Detail">The provider's sentence.</param>
    public sealed record Refused(string Code, string Detail) : EvidenceOutcome;

    /// <summary>Nothing is certain. This is not a failure.</summary>
    public sealed record Unknown(string Reason) : EvidenceOutcome;
}
