using Licensing.Devices;

namespace LicenseFunctions.Validation;

/// <summary>Checks a license. A known device needs one read; only a check that writes opens a transaction.</summary>
public sealed class ValidateLicense(
    LicenseCheckStore checks, AdmitDevice admit, LastSeen lastSeen, DeviceSettings settings, TimeProvider time)
{
    public async ValueTask<CheckReply> RunAsync(string tokenHash, DeviceClaim claim, CancellationToken cancellationToken)
    {
        var now = time.GetUtcNow();
        if (await checks.ReadAsync(tokenHash, claim.Key(settings.Policy.Identity)) is not { } license)
            return new CheckReply(LicenseVerdict.NotFound, null, null, false, settings.Policy.MaxDevices, now);

        var verdict = LicenseVerdict.Of(license.Facts, now, settings.Grace);
        var reply = verdict.IsValid && license.Device is { } known
            ? new CheckReply(verdict, license, known with { LastSeenAt = now }, false, settings.Policy.MaxDevices, now)
            : verdict.IsValid || LicenseVerdict.IsReinstatedManually(license.Facts, now)
                ? await admit.RunAsync(license.SubscriptionId, tokenHash, claim, now, cancellationToken)
                : new CheckReply(verdict, license, license.Device, false, settings.Policy.MaxDevices, now);

        // A refused check doesn't count as a use of the device.
        if (reply is { Verdict.IsValid: true, Device: { } device })
            lastSeen.Note(new DeviceSighting(device.DeviceId, license.SubscriptionId, claim.Address, now));
        return reply;
    }
}
