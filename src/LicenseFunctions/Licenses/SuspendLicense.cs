using LicenseFunctions.Infrastructure.Database;
using Licensing;

namespace LicenseFunctions.Licenses;

/// <param name="Reason">1 to 500 characters; the customer reads it.</param>
public sealed record SuspendRequest(string Reason);

/// <param name="Status">SUSPENDED, or ACTIVE where nothing of ours suspends the license any more.</param>
public sealed record SuspensionState(Guid SubscriptionId, string Status, string? Reason);

/// <summary>An operator suspends a license.</summary>
public sealed class SuspendLicense(LicenseDatabase database, SuspensionStore suspensions)
{
    private static readonly Refusal AlreadySuspended = new(
        RefusalKind.Conflict, "ALREADY_SUSPENDED", "An operator has suspended this license already.", Hint: "Reinstate it first, to give another reason.");

    public async Task<Outcome<SuspensionState>> RunAsync(
        Guid subscriptionId, SuspendRequest request, Actor by, CancellationToken cancellationToken)
    {
        if (Reasons.Fault(request.Reason) is { } fault)
            return fault;
        var reason = "License suspended: " + request.Reason;
        return await database.InTransactionAsync<Outcome<SuspensionState>>(async (connection, token) =>
        {
            if (!await LicenseOwners.IsVisibleAsync(connection, subscriptionId, null, token))
                return LicenseNotFound.Refusal;
            return await suspensions.SuspendAsync(
                connection, new NewSuspension(subscriptionId, SuspensionCause.Operator, reason, "Suspended: " + request.Reason, by), token) is null
                ? AlreadySuspended
                : new SuspensionState(subscriptionId, "SUSPENDED", reason);
        }, cancellationToken);
    }
}

internal static class Reasons
{
    public static Refusal? Fault(string? reason) =>
        string.IsNullOrWhiteSpace(reason) || reason.Length > 500 || reason.Any(char.IsControl)
            ? new Refusal(
                RefusalKind.Invalid, "INVALID_FIELD", "reason is missing, blank, longer than 500 characters, or holds control characters.",
                "reason", "Say why, for the audit log: \"Token found in a public forum\".")
            : null;
}
