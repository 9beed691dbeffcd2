using System.Diagnostics;
using System.Globalization;
using LicenseFunctions.Infrastructure.Database;
using LicenseFunctions.Infrastructure.Geolocation;
using LicenseFunctions.Licenses;
using LicenseFunctions.Suspicion;
using Licensing;
using Licensing.Devices;
using Licensing.Suspicion;
using Npgsql;

namespace LicenseFunctions.Validation;

/// <summary>
/// The part of a check that writes: for a device that isn't registered yet, or a license that was reactivated manually. For each license,
/// it runs for one check at a time.
/// </summary>
public sealed class AdmitDevice(
    LicenseDatabase database, SuspensionStore suspensions, LastSeen lastSeen, LicenseInvalidation invalidation, DeviceSettings settings,
    IGeolocator? geolocator = null)
{
    /// <summary>
    /// Limit for each lock of an attempt. Between two attempts, the check has no connection, so that checks of locked licenses leave the
    /// connections to the others.
    /// </summary>
    private static readonly TimeSpan LockTimeout = TimeSpan.FromMilliseconds(50);

    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(50);

    private sealed record NewDevice(Guid SubscriptionId, string TokenHash, DeviceClaim Claim, string Key, DateTimeOffset Now);

    public async Task<CheckReply> RunAsync(
        Guid subscriptionId, string tokenHash, DeviceClaim claim, DateTimeOffset now, CancellationToken cancellationToken)
    {
        var device = new NewDevice(subscriptionId, tokenHash, claim, claim.Key(settings.Policy.Identity), now);
        DatabaseScope.Enter(DatabasePool.Checks, turnKey: subscriptionId);
        var reply = await CheckWhenUnlockedAsync(device, cancellationToken);
        if (reply.IsNew)
            invalidation.Raise(subscriptionId);
        return reply;
    }

    private async Task<CheckReply> CheckWhenUnlockedAsync(NewDevice device, CancellationToken cancellationToken)
    {
        var began = Stopwatch.GetTimestamp();
        while (true)
        {
            try
            {
                return await database.InTransactionAsync(
                    (connection, token) => CheckAsync(connection, device, token), cancellationToken, LockTimeout);
            }
            catch (PostgresException locked) when (locked.SqlState == PostgresErrorCodes.LockNotAvailable
                && Stopwatch.GetElapsedTime(began) < database.LockTimeoutOfChecks)
            {
                await Task.Delay(Pause, cancellationToken);
            }
        }
    }

    private async Task<CheckReply> CheckAsync(NpgsqlConnection connection, NewDevice device, CancellationToken cancellationToken)
    {
        await suspensions.CloseIfReinstatedManuallyAsync(connection, device.SubscriptionId, cancellationToken);
        var read = await LicenseCheckStore.ReadAsync(connection, device.TokenHash, device.Key, cancellationToken);
        if (read is not null && LicenseVerdict.IsExpiryExtended(read.Facts, device.Now, settings.Grace))
        {
            await suspensions.EndForExpiryAsync(connection, device.SubscriptionId, "The expiry was extended", cancellationToken);
            read = await LicenseCheckStore.ReadAsync(connection, device.TokenHash, device.Key, cancellationToken);
        }

        if (read is not { } license)
            return new CheckReply(LicenseVerdict.NotFound, null, null, false, settings.Policy.MaxDevices, device.Now);
        var verdict = LicenseVerdict.Of(license.Facts, device.Now, settings.Grace);
        if (!verdict.IsValid)
            return Reply(device, verdict.Naming(license.RefusedEa), license);

        var stored = await DeviceStore.RegisteredAsync(connection, device.SubscriptionId, device.Now, cancellationToken);
        var registered = stored.ConvertAll(lastSeen.WithUnwritten);
        switch (await DecideAsync(connection, device, registered, cancellationToken))
        {
            case Admission.FreeSlot free:
                return await AdmitAsync(connection, device, verdict, license, free.Slot, null, cancellationToken);
            case Admission.Replacement replacement:
                return await AdmitAsync(connection, device, verdict, license, replacement.Slot, replacement.Replaced, cancellationToken);
            case Admission.BeyondLimit:
                return await AdmitAsync(connection, device, verdict, license, null, null, cancellationToken);
            case Admission.Refused refused:
                await DeviceStore.AddRefusalAlertAsync(
                    connection, device.SubscriptionId, device.TokenHash, device.Key, refused.Finding,
                    Evidence(device, registered, Measure.Refused), device.Now, cancellationToken);
                return Reply(device, verdict.DeviceLimitReached(refused.Detail), license);
            case Admission.Suspends suspends:
                return await SuspendAsync(
                    connection, device, verdict, license, suspends, Evidence(device, registered, Measure.Suspended), cancellationToken);
            default: // Known: it was registered between the first read and the lock.
                return Reply(device, verdict, license with { Device = license.Device! with { LastSeenAt = device.Now } });
        }
    }

    private async Task<Admission> DecideAsync(
        NpgsqlConnection connection, NewDevice device, List<RegisteredDevice> registered, CancellationToken cancellationToken)
    {
        var history = await DeviceStore.HistoryAsync(connection, device.SubscriptionId, device.Key, cancellationToken);
        var admission = DeviceAdmission.Decide(device.Claim, registered, history, settings.Policy, device.Now);
        return admission is Admission.FreeSlot or Admission.Replacement
            && await IsSharingSuspectedAsync(connection, device, cancellationToken)
            ? DeviceAdmission.Decide(device.Claim, registered, history with { SharingSuspected = true }, settings.Policy, device.Now)
            : admission;
    }

    private static async Task<bool> IsSharingSuspectedAsync(
        NpgsqlConnection connection, NewDevice device, CancellationToken cancellationToken) =>
        (await SuspicionStore.StateAsync(connection, device.SubscriptionId, cancellationToken))
            .Refuses(device.Claim.EaInstanceId, device.Claim.Mt5AccountNumber);

    private async Task<CheckReply> AdmitAsync(
        NpgsqlConnection connection, NewDevice device, LicenseVerdict verdict, CheckedLicense license, int? slot,
        RegisteredDevice? replaced, CancellationToken cancellationToken)
    {
        if (replaced is not null)
            await DeviceStore.RemoveAsync(connection, device.SubscriptionId, replaced.DeviceId, device.Now, cancellationToken);
        var admitted = await DeviceStore.AdmitAsync(
            connection, device.SubscriptionId, device.Key, device.Claim, slot, device.Now, cancellationToken);
        if (replaced is not null)
        {
            await DeviceStore.AddChangeAsync(
                connection, device.SubscriptionId, replaced.DeviceId, admitted.DeviceId, cancellationToken);
        }

        await AuditLog.AddAsync(connection, new AuditRow(
            Actor.System, replaced is null ? "device.admitted" : "device.replaced", device.SubscriptionId,
            admitted.DeviceId.ToString(),
            Before: replaced is null ? null : RowJson.Of(new { replaced.DeviceId, replaced.Slot }),
            After: RowJson.Of(new { admitted.DeviceId, Slot = slot })), cancellationToken);
        return new CheckReply(
            verdict,
            license with
            {
                DevicesUsed = license.DevicesUsed + (replaced is null ? 1 : 0),
                DevicesBeyondLimit = license.DevicesBeyondLimit + (slot is null ? 1 : 0),
            },
            admitted with { LastSeenAt = device.Now }, IsNew: true, settings.Policy.MaxDevices, device.Now);
    }

    private async Task<CheckReply> SuspendAsync(
        NpgsqlConnection connection, NewDevice device, LicenseVerdict verdict, CheckedLicense license, Admission.Suspends suspends,
        string evidence, CancellationToken cancellationToken)
    {
        var alertId = await DeviceStore.AddSuspensionAlertAsync(
            connection, device.SubscriptionId, device.TokenHash, suspends.Violation, evidence, device.Now, cancellationToken);
        var texts = SuspensionTexts.Automatic(suspends.Violation);
        await suspensions.SuspendAsync(connection, new NewSuspension(
            device.SubscriptionId, SuspensionCause.DeviceLimit, texts, Actor.System, evidence, device.Key, alertId,
            Summary: AlertSummary.Of(evidence)), cancellationToken);
        return Reply(device, verdict.SuspendedByDevice(texts.PausedReason).Naming(device.Claim.EaInstanceId), license);
    }

    private CheckReply Reply(NewDevice device, LicenseVerdict verdict, CheckedLicense license) =>
        new(verdict, license, license.Device, false, settings.Policy.MaxDevices, device.Now);

    private string Evidence(NewDevice device, List<RegisteredDevice> registered, Measure measure)
    {
        var location = geolocator?.LocateHere(device.Claim.Address);
        return RowJson.Of(new
        {
            Measure = EnumWords.UpperOf(measure),
            DeviceKey = device.Key,
            RefusedDevice = new
            {
                device.Claim.EaInstanceId,
                device.Claim.Mt5AccountNumber,
                IpAddress = device.Claim.Address.ToString(),
                location?.Country,
                location?.City,
                RefusedAt = device.Now,
            },
            Registered = registered.ConvertAll(other => new
            {
                other.DeviceId,
                other.EaInstanceId,
                other.Mt5AccountNumber,
                LastSeenAt = other.LastSeenAt.ToString("O", CultureInfo.InvariantCulture),
                Active = DeviceAdmission.IsActive(other, device.Now),
            }),
            DeviceLimit = settings.Policy.MaxDevices,
            LastRefusedAt = device.Now,
        });
    }
}
