using LicenseFunctions.Infrastructure.Database;
using LicenseFunctions.Leases;
using Licensing.Devices;

namespace LicenseFunctions.Validation;

/// <summary>Checks a license. A known device needs one read; only a check that writes opens a transaction.</summary>
public sealed class ValidateLicense(
    LicenseCheckStore checks, AdmitDevice admit, CloseOnlyStore closeOnly, IssueLease leases, LeaseSigner signer, LastSeen lastSeen,
    ValidationCache cache, DeviceSettings settings, TimeProvider time)
{
    private static readonly TimeSpan TimeForTheAnswer = TimeSpan.FromMilliseconds(100);

    /// <exception cref="TimeoutException">The database has not answered within the limit of a check.</exception>
    public async ValueTask<CheckReply> RunAsync(string tokenHash, DeviceClaim claim, CancellationToken cancellationToken)
    {
        var check = CheckAsync(tokenHash, claim, cancellationToken);
        if (check.IsCompletedSuccessfully)
            return check.Result;
        try
        {
            return await check.AsTask().WaitAsync(checks.Timeout, time, cancellationToken);
        }
        catch (Exception lost) when (cache.StaleFor > TimeSpan.Zero && !cancellationToken.IsCancellationRequested
            && (lost is OperationCanceledException || ConnectionLoss.IsReportedBy(lost))
            && Stale(tokenHash, claim) is { } stale)
        {
            return stale;
        }
    }

    // Only an acceptance, and only within the expiry and the grace that were read. A refused check may be wrong by now, so it is not
    // answered from memory.
    private CheckReply? Stale(string tokenHash, DeviceClaim claim)
    {
        var now = time.GetUtcNow();
        if (cache.FindStale(tokenHash, claim.Key(settings.Policy.Identity)) is not { Device: { } device } license)
            return null;
        var verdict = LicenseVerdict.Of(license.Facts, now, settings.Grace);
        return verdict.IsValid
            ? new CheckReply(verdict, license, device with { LastSeenAt = now }, false, settings.Policy.MaxDevices, now, IsStale: true)
            : null;
    }

    private async ValueTask<CheckReply> CheckAsync(string tokenHash, DeviceClaim claim, CancellationToken cancellationToken)
    {
        var began = time.GetTimestamp();
        var now = time.GetUtcNow();
        if (await checks.ReadAsync(tokenHash, claim.Key(settings.Policy.Identity), cancellationToken) is not { } license)
            return new CheckReply(LicenseVerdict.NotFound, null, null, false, settings.Policy.MaxDevices, now);

        var verdict = LicenseVerdict.Of(license.Facts, now, settings.Grace);
        // A suspension that is open although the license is valid must be closed, which a check with a transaction does.
        var reply = verdict.IsValid
            && license is { Device: { } known, Facts: { Suspension: null, State: not SubscriptionState.SuspendedAdmin } }
            ? new CheckReply(verdict, license, known with { LastSeenAt = now }, false, settings.Policy.MaxDevices, now)
            : verdict.IsValid || LicenseVerdict.IsReinstatedManually(license.Facts, now)
                ? await admit.RunAsync(license.SubscriptionId, tokenHash, claim, now, cancellationToken)
                : new CheckReply(
                    verdict.Naming(license.RefusedEa), license, license.Device, false, settings.Policy.MaxDevices, now);

        // A refused check doesn't count as a use of the device.
        if (reply is { Verdict.IsValid: true, Device: { } device })
        {
            var sighting = new DeviceSighting(device.DeviceId, claim.Address, now);
            if (lastSeen.Note(sighting, license.Device) && cache.IsOn)
                cache.Seen(tokenHash, claim.Key(settings.Policy.Identity), sighting);
            return signer.IsOn ? await WithLeaseAsync(reply, device, tokenHash, claim, began, cancellationToken) : reply;
        }

        if (!Entitlements.MayClose(reply.Verdict.Code))
            return reply;
        var refused = await WithCloseOnlyAsync(reply, claim, cancellationToken);
        if (license.Device?.Lease is not null && TimeLeft(began) is { Ticks: > 0 } left)
            await leases.EndAsync(license.SubscriptionId, left, cancellationToken);
        return refused;
    }

    private TimeSpan TimeLeft(long began) => checks.Timeout - time.GetElapsedTime(began) - TimeForTheAnswer;

    private async ValueTask<CheckReply> WithLeaseAsync(
        CheckReply reply, KnownDevice device, string tokenHash, DeviceClaim claim, long began, CancellationToken cancellationToken)
    {
        var license = reply.License!;
        var end = license.Facts.GraceEnd(settings.Grace);
        var lease = device.Lease;
        if (lease?.IsFresh(reply.CheckedAt, end) is not true)
        {
            lease = TimeLeft(began) is { Ticks: > 0 } left
                ? await leases.RunAsync(device.DeviceId, lease, end, reply.CheckedAt, left, cancellationToken)
                : null;
            if (lease is not null && lease != device.Lease)
                cache.Remove(tokenHash, claim.Key(settings.Policy.Identity));
        }

        return lease is null ? reply : reply with { Lease = signer.Sign(lease, license.SubscriptionId, claim) };
    }

    // If this read fails, the check fails: NONE would stop the EA from closing its positions.
    private async ValueTask<CheckReply> WithCloseOnlyAsync(CheckReply reply, DeviceClaim claim, CancellationToken cancellationToken)
    {
        var until = await closeOnly.UntilAsync(
            reply.Verdict.Code, reply.License!.SubscriptionId, claim.Key(settings.Policy.Identity), settings.CloseOnly, reply.CheckedAt,
            cancellationToken);
        return reply with { CloseOnlyUntil = until };
    }
}
