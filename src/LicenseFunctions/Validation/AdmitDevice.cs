using System.Globalization;
using LicenseFunctions.Infrastructure.Database;
using LicenseFunctions.Infrastructure.Http;
using LicenseFunctions.Licenses;
using LicenseFunctions.Suspicion;
using Licensing.Devices;
using Npgsql;

namespace LicenseFunctions.Validation;

/// <summary>
/// The part of a check that changes something, one at a time for a license: a device that isn't known yet, or a license that
/// was reactivated by hand.
/// </summary>
public sealed class AdmitDevice(LicenseDatabase database, SuspensionStore suspensions, LastSeen lastSeen, LicenseInvalidation invalidation, DeviceSettings settings)
{
    // Newcomers to one license wait for each other here: at its lock each would hold a connection, and one token could take them all.
    private readonly SemaphoreSlim[] turns = [.. Enumerable.Range(0, 256).Select(_ => new SemaphoreSlim(1))];

    private sealed record Newcomer(Guid SubscriptionId, string TokenHash, DeviceClaim Claim, string Key, DateTimeOffset Now);

    public async Task<CheckReply> RunAsync(
        Guid subscriptionId, string tokenHash, DeviceClaim claim, DateTimeOffset now, CancellationToken cancellationToken)
    {
        var newcomer = new Newcomer(subscriptionId, tokenHash, claim, claim.Key(settings.Policy.Identity), now);
        var turn = turns[(uint)subscriptionId.GetHashCode() % turns.Length];
        await turn.WaitAsync(cancellationToken);
        try
        {
            var reply = await database.InTransactionAsync((connection, token) => JudgeAsync(connection, newcomer, token), cancellationToken);
            if (reply.IsNew)
                invalidation.Raise(subscriptionId);
            return reply;
        }
        finally
        {
            turn.Release();
        }
    }

    private async Task<CheckReply> JudgeAsync(NpgsqlConnection connection, Newcomer newcomer, CancellationToken cancellationToken)
    {
        await suspensions.CloseIfReinstatedByHandAsync(connection, newcomer.SubscriptionId, cancellationToken);
        if (await LicenseCheckStore.ReadAsync(connection, newcomer.TokenHash, newcomer.Key, cancellationToken) is not { } license)
            return new CheckReply(Verdict.NotFound, null, null, false, settings.Policy.MaxDevices, newcomer.Now);
        var verdict = Verdict.Of(license.Facts, newcomer.Now, settings.Grace);
        if (!verdict.IsValid)
            return Reply(newcomer, verdict, license);

        var stored = await DeviceStore.RegisteredAsync(connection, newcomer.SubscriptionId, newcomer.Now, cancellationToken);
        var registered = stored.ConvertAll(lastSeen.Bring);
        var history = await DeviceStore.HistoryAsync(connection, newcomer.SubscriptionId, newcomer.Key, newcomer.Now, cancellationToken);
        var admission = DeviceAdmission.Decide(newcomer.Claim, registered, history, settings.Policy, newcomer.Now);
        if (admission is Admission.FreeSlot or Admission.Replacement && await IsRefusedAsync(connection, newcomer, cancellationToken))
            admission = DeviceAdmission.Decide(newcomer.Claim, registered, history with { SharingSuspected = true }, settings.Policy, newcomer.Now);
        switch (admission)
        {
            case Admission.FreeSlot free:
                return await AdmitAsync(connection, newcomer, verdict, license, free.Slot, null, cancellationToken);
            case Admission.Replacement replacement:
                return await AdmitAsync(connection, newcomer, verdict, license, replacement.Slot, replacement.Leaving, cancellationToken);
            case Admission.BeyondLimit:
                return await AdmitAsync(connection, newcomer, verdict, license, null, null, cancellationToken);
            case Admission.Refused refused:
                await DeviceStore.AddRefusalAlertAsync(
                    connection, newcomer.SubscriptionId, newcomer.TokenHash, newcomer.Key, refused.Detail, Evidence(newcomer, registered),
                    newcomer.Now, cancellationToken);
                return Reply(newcomer, verdict.WithoutPlace(refused.Detail), license);
            case Admission.Suspends suspends:
                return await SuspendAsync(connection, newcomer, verdict, license, suspends, Evidence(newcomer, registered), cancellationToken);
            default: // Known: it got its place between the first read and the lock
                return Reply(newcomer, verdict, license with { Device = license.Device! with { LastSeenAt = newcomer.Now } });
        }
    }

    private static async Task<bool> IsRefusedAsync(NpgsqlConnection connection, Newcomer newcomer, CancellationToken cancellationToken) =>
        (await SuspicionStore.StateAsync(connection, newcomer.SubscriptionId, cancellationToken))
            .Refuses(newcomer.Claim.EaInstanceId, newcomer.Claim.Mt5AccountNumber);

    private async Task<CheckReply> AdmitAsync(
        NpgsqlConnection connection, Newcomer newcomer, Verdict verdict, CheckedLicense license, int? slot, RegisteredDevice? leaving,
        CancellationToken cancellationToken)
    {
        if (leaving is not null)
            await DeviceStore.RemoveAsync(connection, newcomer.SubscriptionId, leaving.DeviceId, newcomer.Now, cancellationToken);
        var device = await DeviceStore.AdmitAsync(
            connection, newcomer.SubscriptionId, newcomer.Key, newcomer.Claim, slot, newcomer.Now, cancellationToken);
        if (leaving is not null)
        {
            await DeviceStore.AddChangeAsync(
                connection, newcomer.SubscriptionId, leaving.DeviceId, device.DeviceId, newcomer.Now, cancellationToken);
        }

        await AuditLog.AddAsync(connection, new AuditRow(
            Actor.System, leaving is null ? "device.admitted" : "device.replaced", newcomer.SubscriptionId,
            device.DeviceId.ToString(),
            Before: leaving is null ? null : RowJson.Of(new { leaving.DeviceId, leaving.Slot }),
            After: RowJson.Of(new { device.DeviceId, Slot = slot })), cancellationToken);
        return new CheckReply(
            verdict,
            license with
            {
                DevicesUsed = license.DevicesUsed + (leaving is null ? 1 : 0),
                PlacesBeyondLimit = license.PlacesBeyondLimit + (slot is null ? 1 : 0),
            },
            device with { LastSeenAt = newcomer.Now }, IsNew: true, settings.Policy.MaxDevices, newcomer.Now);
    }

    private async Task<CheckReply> SuspendAsync(
        NpgsqlConnection connection, Newcomer newcomer, Verdict verdict, CheckedLicense license, Admission.Suspends suspends, string evidence,
        CancellationToken cancellationToken)
    {
        var alertId = await DeviceStore.AddSuspensionAlertAsync(
            connection, newcomer.SubscriptionId, newcomer.TokenHash, suspends.Violation, evidence, newcomer.Now, cancellationToken);
        var reason = "License suspended: " + suspends.Violation;
        await suspensions.SuspendAsync(connection, new NewSuspension(
            newcomer.SubscriptionId, SuspensionCause.DeviceLimit, reason, "Auto-suspended: " + suspends.Violation, Actor.System,
            evidence, newcomer.Key, alertId), cancellationToken);
        return Reply(newcomer, verdict.SuspendedByDevice(reason), license);
    }

    private CheckReply Reply(Newcomer newcomer, Verdict verdict, CheckedLicense license) =>
        new(verdict, license, license.Device, false, settings.Policy.MaxDevices, newcomer.Now);

    private string Evidence(Newcomer newcomer, List<RegisteredDevice> registered) => RowJson.Of(new
    {
        DeviceKey = newcomer.Key,
        Newcomer = new
        {
            newcomer.Claim.EaInstanceId,
            newcomer.Claim.Mt5AccountNumber,
            IpAddress = newcomer.Claim.Address.ToString(),
        },
        Registered = registered.ConvertAll(device => new
        {
            device.DeviceId,
            device.EaInstanceId,
            device.Mt5AccountNumber,
            LastSeenAt = device.LastSeenAt.ToString("O", CultureInfo.InvariantCulture),
            Active = DeviceAdmission.IsActive(device, newcomer.Now),
        }),
        settings.Policy.MaxDevices,
        LastRefusedAt = newcomer.Now,
    });
}
