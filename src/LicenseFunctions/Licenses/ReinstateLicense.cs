using System.Globalization;
using LicenseFunctions.Infrastructure.Database;
using Licensing;
using Licensing.Devices;
using Npgsql;

namespace LicenseFunctions.Licenses;

/// <param name="Reason">1 to 500 characters, for the audit log.</param>
/// <param name="FalsePositive">
/// The alert was wrong: it is closed as FALSE_POSITIVE, and the device that caused the suspension is admitted, beyond the limit if needed.
/// </param>
public sealed record ReinstateRequest(string Reason, bool FalsePositive = false);

/// <summary>Lifts suspensions. Operators lift those for every cause except expiry, subscribers those for too many devices.</summary>
public sealed class ReinstateLicense(LicenseDatabase database, SuspensionStore suspensions, TimeProvider time)
{
    private static readonly Refusal NotSuspended = new(
        RefusalKind.Conflict, "NOT_SUSPENDED", "This license has no open suspension that can be lifted here.",
        Hint: "Renew a license that is suspended for its expiry. Reinstate a license that the platform suspended on the platform.");

    public Task<Outcome<SuspensionState>> RunAsync(
        Guid subscriptionId, ReinstateRequest request, Actor by, CancellationToken cancellationToken) =>
        Reasons.Fault(request.Reason) is { } fault
            ? Task.FromResult<Outcome<SuspensionState>>(fault)
            : database.InTransactionAsync(async (connection, token) =>
            {
                var how = request.FalsePositive ? ClosedHow.FalsePositive : ClosedHow.Reinstated;
                return await LiftAsync(
                    connection, null, new Reinstatement(subscriptionId, SuspensionCause.Liftable, how, by, request.Reason.Trim()), token);
            }, cancellationToken);

    public Task<Outcome<SuspensionState>> RunForSubscriberAsync(
        Guid subscriptionId, Guid subscriberId, Actor by, CancellationToken cancellationToken) =>
        database.InTransactionAsync(async (connection, token) =>
        {
            await SuspensionStore.LockAsync(connection, subscriptionId, token);
            var lastLift = await SuspensionStore.LastSubscriberLiftAsync(connection, subscriptionId, token);
            if (SubscriberLift.NotBefore(lastLift, time.GetUtcNow()) is { } notBefore
                && await LicenseVisibility.IsVisibleAsync(connection, subscriptionId, subscriberId, token))
                return LiftedRecently(notBefore);
            return await LiftAsync(
                connection, subscriberId,
                new Reinstatement(subscriptionId, [SuspensionCause.DeviceLimit], ClosedHow.Owner, by, "Lifted by the subscriber"),
                token);
        }, cancellationToken);

    private async Task<Outcome<SuspensionState>> LiftAsync(
        NpgsqlConnection connection, Guid? subscriberId, Reinstatement reinstatement, CancellationToken cancellationToken)
    {
        if (!await LicenseVisibility.IsVisibleAsync(connection, reinstatement.SubscriptionId, subscriberId, cancellationToken))
            return LicenseNotFound.Refusal;
        var result = await suspensions.ReinstateAsync(connection, reinstatement, cancellationToken);
        if (result.Lifted.Count == 0)
            return NotSuspended;
        var state = result.StillOpen is { } left
            ? new SuspensionState(reinstatement.SubscriptionId, "SUSPENDED", left.Reason)
            : new SuspensionState(reinstatement.SubscriptionId, "ACTIVE", null);
        return state with { ClosedAlerts = result.ClosedAlerts };
    }

    private static Refusal LiftedRecently(DateTimeOffset notBefore) => new(
        RefusalKind.Conflict, "LIFTED_RECENTLY",
        $"You lifted a suspension of this license within the last {SubscriberLift.Interval.Days} days.",
        Hint: string.Create(CultureInfo.InvariantCulture, $"Send an appeal, or wait until {notBefore.UtcDateTime:yyyy-MM-dd HH:mm} UTC."));
}
