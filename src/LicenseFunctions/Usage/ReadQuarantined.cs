using LicenseFunctions.Infrastructure.Database;
using Licensing;

namespace LicenseFunctions.Usage;

/// <summary>Reads one quarantined message with its whole payload, which may be large. Lists have excerpts only.</summary>
public sealed class ReadQuarantined(LicenseDatabase database, QuarantineStore quarantine)
{
    internal static readonly Refusal Unknown = new(RefusalKind.NotFound, "NOT_FOUND", "The quarantine has no entry with this id.");

    public async Task<Outcome<QuarantinedMessage>> RunAsync(Guid quarantineId, CancellationToken cancellationToken) =>
        await database.ReadLatestAsync(token => quarantine.FindAsync(quarantineId, token), cancellationToken) is { } entry
            ? entry
            : Unknown;
}
