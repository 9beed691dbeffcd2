using System.Globalization;
using LicenseFunctions.Infrastructure.Database;
using LicenseFunctions.Licenses;
using Licensing;
using Licensing.Devices;

namespace LicenseFunctions.Validation;

/// <param name="Name">1 to 100 characters; null removes the name.</param>
public sealed record DeviceName(string? Name);

/// <summary>Removes or renames a device of a license.</summary>
public sealed class ChangeDevice(LicenseDatabase database, LicenseInvalidation invalidation)
{
    internal static readonly Refusal NoSuchDevice = new(
        RefusalKind.NotFound, "DEVICE_NOT_FOUND", "This license has no device with this id.", "device_id");

    private static readonly Refusal BadName = new(
        RefusalKind.Invalid, "INVALID_FIELD", "name is blank, longer than 100 characters, or contains control characters.", "name",
        "Send \"VPS in London\", or null.");

    /// <param name="subscriberId">The subscriber that calls; null for an operator.</param>
    public async Task<Outcome<bool>> RemoveAsync(
        Guid subscriptionId, Guid deviceId, Guid? subscriberId, Actor by, CancellationToken cancellationToken)
    {
        var outcome = await database.InTransactionAsync<Outcome<bool>>(async (connection, token) =>
        {
            if (!await LicenseVisibility.IsVisibleAsync(connection, subscriptionId, subscriberId, token))
                return LicenseNotFound.Refusal;
            await SuspensionStore.LockAsync(connection, subscriptionId, token);
            if (await DeviceStore.RemovalFactsAsync(connection, subscriptionId, deviceId, token) is not var (removedAt, changes))
                return NoSuchDevice;
            if (subscriberId is not null && DeviceAdmission.NextRemoval(changes, removedAt) is { } next)
                return TooManyChanges(next, removedAt);

            var before = (await DeviceStore.RemoveAsync(connection, subscriptionId, deviceId, removedAt, token))!;
            if (subscriberId is not null)
                await DeviceStore.AddChangeAsync(connection, subscriptionId, deviceId, admitted: null, token);
            await AuditLog.AddAsync(connection, new AuditRow(
                by, "device.removed", subscriptionId, deviceId.ToString(),
                Before: RowJson.Of(new { before.Slot, before.BeyondLimit, before.LastSeenAt }),
                After: RowJson.Of(new { removedAt })), token);
            return true;
        }, cancellationToken);
        invalidation.Raise(subscriptionId);
        return outcome;
    }

    internal static Refusal TooManyChanges(DateTimeOffset next, DateTimeOffset now) => new(
        RefusalKind.TooMany, "DEVICE_CHANGE_LIMIT",
        string.Create(CultureInfo.InvariantCulture, $"A license can change devices {DeviceAdmission.MaxChanges} times in 30 days."),
        Hint: string.Create(
            CultureInfo.InvariantCulture,
            $"Wait until {next.ToUniversalTime():yyyy-MM-dd HH:mm} UTC, or ask support to remove the device."),
        RetryAfter: next - now);

    /// <param name="subscriberId">The subscriber that calls; null for an operator.</param>
    public async Task<Outcome<bool>> RenameAsync(
        Guid subscriptionId, Guid deviceId, Guid? subscriberId, DeviceName name, Actor by, CancellationToken cancellationToken)
    {
        if (name.Name is { } text && (string.IsNullOrWhiteSpace(text) || text.Length > 100 || text.Any(char.IsControl)))
            return BadName;
        name = new DeviceName(name.Name?.Trim());
        return await database.InTransactionAsync<Outcome<bool>>(async (connection, token) =>
        {
            if (!await LicenseVisibility.IsVisibleAsync(connection, subscriptionId, subscriberId, token))
                return LicenseNotFound.Refusal;
            if (await DeviceStore.RenameAsync(connection, subscriptionId, deviceId, name.Name, token) is not { } before)
                return NoSuchDevice;
            await AuditLog.AddAsync(connection, new AuditRow(
                by, "device.renamed", subscriptionId, deviceId.ToString(),
                Before: RowJson.Of(new { before.Name }), After: RowJson.Of(new { name.Name })), token);
            return true;
        }, cancellationToken);
    }
}
