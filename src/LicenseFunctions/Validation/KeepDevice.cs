using LicenseFunctions.Infrastructure.Database;
using LicenseFunctions.Licenses;
using LicenseFunctions.Suspicion;
using Licensing;
using Licensing.Devices;
using Licensing.Suspicion;

namespace LicenseFunctions.Validation;

/// <param name="AlertId">The alert about the refused device, from the history of the devices.</param>
/// <param name="DeviceId">The device that is removed.</param>
public sealed record DeviceChoice(Guid? AlertId, Guid? DeviceId);

/// <param name="DeviceId">The device that has the slot now.</param>
public sealed record KeptDevice(Guid DeviceId, Guid RemovedDeviceId);

/// <summary>
/// Gives a refused device the slot of another one, which the subscriber chooses. It is a removal and an admission, with the rules of both:
/// the removals of 30 days are limited, and no new device gets a slot while the detector suspects sharing. It closes the alert about the
/// refusal, but no alert about sharing: only operators close those.
/// </summary>
public sealed class KeepDevice(LicenseDatabase database, LastSeen lastSeen, LicenseInvalidation invalidation, DeviceSettings settings)
{
    /// <summary>Why the alert about the refusal is closed.</summary>
    private const string Kept = "The customer kept this device in place of another.";

    private static readonly Refusal NotRefused = new(
        RefusalKind.NotFound, "REFUSED_DEVICE_NOT_FOUND", "No device waits because of this alert.", "alert_id",
        "Take the alert_id of a device in the history of the devices.");

    private static readonly Refusal Incomplete = new(
        RefusalKind.Invalid, "INVALID_FIELD", "alert_id and device_id are required.", "device_id",
        "Send the alert of the refused device, and the device to remove.");

    public async Task<Outcome<KeptDevice>> RunAsync(
        Guid subscriptionId, Guid subscriberId, DeviceChoice choice, Actor by, CancellationToken cancellationToken)
    {
        if (choice is not { AlertId: { } alertId, DeviceId: { } leaves })
            return Incomplete;
        var outcome = await database.InTransactionAsync<Outcome<KeptDevice>>(async (connection, token) =>
        {
            if (!await LicenseVisibility.IsVisibleAsync(connection, subscriptionId, subscriberId, token))
                return LicenseNotFound.Refusal;
            await SuspensionStore.LockAsync(connection, subscriptionId, token);
            if (await DeviceStore.RemovalFactsAsync(connection, subscriptionId, leaves, token) is not var (now, changes))
                return ChangeDevice.NoSuchDevice;
            var refusals = await DeviceStore.RefusalsAsync(connection, subscriptionId, subscriberId, token);
            if (RefusedDevice.Waiting(refusals, now).FirstOrDefault(one => one.AlertId == alertId) is not { } kept)
                return NotRefused;
            if (DeviceAdmission.NextRemoval(changes, now) is { } next)
                return ChangeDevice.TooManyChanges(next, now);

            var key = kept.Claim.Key(settings.Policy.Identity);
            var registered = (await DeviceStore.RegisteredAsync(connection, subscriptionId, now, token)).ConvertAll(lastSeen.WithUnwritten);
            var history = await DeviceStore.HistoryAsync(connection, subscriptionId, key, token) with
            {
                SharingSuspected = (await SuspicionStore.StateAsync(connection, subscriptionId, token))
                    .Refuses(kept.Claim.EaInstanceId, kept.Claim.Mt5AccountNumber),
            };
            var admission = DeviceAdmission.Keep(kept.Claim, registered, leaves, history, settings.Policy, now);
            if (admission is not Admission.FreeSlot { Slot: var slot })
                return NotAdmitted(admission);

            await DeviceStore.RemoveAsync(connection, subscriptionId, leaves, now, token);
            // Last seen when it last asked: whether it runs now is not known.
            var admitted = await DeviceStore.AdmitAsync(connection, subscriptionId, key, kept.Claim, slot, kept.RefusedAt, token);
            await DeviceStore.AddChangeAsync(connection, subscriptionId, leaves, admitted: null, token);
            await AuditLog.AddAsync(connection, new AuditRow(
                by, "device.kept", subscriptionId, admitted.DeviceId.ToString(),
                Before: RowJson.Of(new { DeviceId = leaves, Slot = slot }),
                After: RowJson.Of(new { admitted.DeviceId, Slot = slot })), token);
            var closed = await DeviceStore.CloseRefusalAlertsAsync(connection, subscriptionId, key, Kept, now, token);
            await AuditLog.AddAsync(
                connection,
                [.. closed.Select(id => new AuditRow(
                    by, "alert.resolved", subscriptionId, id.ToString(), Kept,
                    After: RowJson.Of(new { Status = AlertStatus.Resolved, admitted.DeviceId })))],
                token);
            return new KeptDevice(admitted.DeviceId, leaves);
        }, cancellationToken);
        invalidation.Raise(subscriptionId);
        return outcome;
    }

    private static Refusal NotAdmitted(Admission admission) => admission is Admission.Refused { IsSuspected: true, Detail: var detail }
        ? new(RefusalKind.Conflict, "NEW_DEVICES_WAIT", detail, "alert_id", "Answer the question on the Activity page first.")
        : new(
            RefusalKind.Conflict, "NO_FREE_SLOT", "Removing that device frees no slot for this one.", "device_id",
            "Choose another device, or remove one more.");
}
