using LicenseFunctions.Infrastructure.Database;
using Licensing;
using Licensing.Devices;

namespace LicenseFunctions.Licenses;

/// <param name="Reason">1 to 500 characters; the customer reads it.</param>
/// <param name="Cause">OPERATOR (default), or FRAUD: the devices may not even close their positions.</param>
public sealed record SuspendRequest(string Reason, string Cause = SuspensionCause.Operator);

/// <param name="Status">SUSPENDED, or ACTIVE if no suspension of this backend is open.</param>
public sealed record SuspensionState(Guid SubscriptionId, string Status, string? Reason)
{
    /// <summary>Alerts that a reinstatement as a false alarm closed. To undo it, reopen them, then suspend the license.</summary>
    public IReadOnlyList<Guid> ClosedAlerts { get; init; } = [];
}

/// <summary>Suspends a license for an operator.</summary>
public sealed class SuspendLicense(LicenseDatabase database, SuspensionStore suspensions)
{
    private static readonly Refusal AlreadySuspended = new(
        RefusalKind.Conflict, "ALREADY_SUSPENDED", "An operator has already suspended this license.",
        Hint: "To change the reason, reinstate the license first.");

    private static readonly Refusal UnknownCause = new(
        RefusalKind.Invalid, "INVALID_FIELD", "cause must be OPERATOR or FRAUD.", "cause",
        "Leave cause out unless the devices must not even close their positions.");

    public async Task<Outcome<SuspensionState>> RunAsync(
        Guid subscriptionId, SuspendRequest request, Actor by, CancellationToken cancellationToken)
    {
        if (Reasons.Fault(request.Reason) is { } fault)
            return fault;
        if (request.Cause is not (SuspensionCause.Operator or SuspensionCause.Fraud))
            return UnknownCause;
        var texts = SuspensionTexts.ByOperator(request.Reason.Trim());
        return await database.InTransactionAsync<Outcome<SuspensionState>>(async (connection, token) =>
        {
            if (!await LicenseVisibility.IsVisibleAsync(connection, subscriptionId, null, token))
                return LicenseNotFound.Refusal;
            var suspension = new NewSuspension(subscriptionId, request.Cause, texts, by);
            return await suspensions.SuspendAsync(connection, suspension, token) is null
                ? AlreadySuspended
                : new SuspensionState(subscriptionId, "SUSPENDED", texts.PausedReason);
        }, cancellationToken);
    }
}

internal static class Reasons
{
    private const int Longest = 500;

    /// <returns>Null if the reason is acceptable.</returns>
    public static Refusal? Fault(string? reason) =>
        string.IsNullOrWhiteSpace(reason) ? Wrong("is blank")
        : reason.Length > Longest ? Wrong($"has {reason.Length} characters; {Longest} are allowed")
        : reason.Any(char.IsControl) ? Wrong("contains control characters, for example a line break")
        : null;

    private static Refusal Wrong(string why) => new(
        RefusalKind.Invalid, "INVALID_FIELD", $"reason {why}.", "reason",
        "Give a reason for the audit log, for example \"Token found in a public forum\".");
}
