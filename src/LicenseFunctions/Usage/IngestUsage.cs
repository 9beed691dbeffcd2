using LicenseFunctions.Infrastructure.Database;
using LicenseFunctions.Infrastructure.Geolocation;
using LicenseFunctions.Infrastructure.Telemetry;
using Licensing.Usage;
using Npgsql;

namespace LicenseFunctions.Usage;

/// <param name="Index">Index of the record among all that were sent, from 0.</param>
public sealed record QuarantinedRecord(int Index, string Code, string Detail);

/// <param name="Accepted">New records, which are stored.</param>
/// <param name="Duplicates">Records that were stored before or were sent twice.</param>
public sealed record IngestedUsage(int Accepted, int Duplicates, IReadOnlyList<QuarantinedRecord> Quarantined)
{
    /// <summary>The sum of two results.</summary>
    public IngestedUsage With(IngestedUsage other) =>
        new(Accepted + other.Accepted, Duplicates + other.Duplicates, [.. Quarantined.Concat(other.Quarantined).OrderBy(one => one.Index)]);
}

/// <summary>A record, with its JSON in case it is quarantined later.</summary>
public readonly record struct SentUsage(int Index, UsageRecord Record, ReadOnlyMemory<byte> Json)
{
    public (int Index, RejectedUsage Rejected) Reject(UsageFault fault) => (Index, RejectedUsage.Of(Json, fault));
}

/// <summary>Parsed records and faults.</summary>
public sealed record UsageBatch(ArraySegment<SentUsage> Good, IReadOnlyList<(int Index, RejectedUsage Rejected)> Bad);

/// <summary>Where records come from.</summary>
/// <param name="Source">queue, http or replay.</param>
/// <param name="Entry">
/// The quarantined entry that is replayed, if it has a single record: a new rejection changes this entry. Null otherwise.
/// </param>
internal sealed record UsageOrigin(string Source, Guid? Entry = null);

/// <summary>Stores valid usage records once and quarantines invalid ones. A bad record does not affect the others.</summary>
public sealed class IngestUsage(
    UsageStore usage, QuarantineStore quarantine, ProcessCounts counts, TimeProvider time, IGeolocator? geolocator = null)
{
    // A batch ends with the message that reaches this number of records. Larger statements are not faster and hold their locks longer.
    private const int BatchSize = 1_000;

    /// <summary>Limit for finding the locations of all records of one call.</summary>
    private static readonly TimeSpan LocationTimeout = TimeSpan.FromSeconds(3);

    /// <summary>
    /// Parses a batch while the database stores the previous one. If a batch fails, the previous ones stay stored: when they are sent
    /// again, they are duplicates.
    /// </summary>
    /// <param name="source">Origin of the messages: queue or http.</param>
    public async Task<IngestedUsage> RunAsync(
        IReadOnlyList<UsageMessage> messages, string source, CancellationToken cancellationToken)
    {
        var done = new IngestedUsage(0, 0, []);
        var storing = Task.FromResult(done);
        using var deadline = new CancellationTokenSource(LocationTimeout, time);
        for (int message = 0, index = 0; message < messages.Count;)
        {
            var batch = Read(messages, ref message, ref index);
            done = done.With(await storing);
            storing = RunAsync(batch, new UsageOrigin(source), deadline.Token, cancellationToken);
        }

        return done.With(await storing);
    }

    public Task<IngestedUsage> RunAsync(UsageBatch batch, string source, CancellationToken cancellationToken) =>
        RunAsync(batch, new UsageOrigin(source), cancellationToken);

    /// <summary>
    /// Ingests a quarantined message again. If it has a single record that is still invalid, its entry gets the new fault.
    /// </summary>
    public Task<IngestedUsage> ReplayAsync(Guid quarantineId, UsageMessage message, CancellationToken cancellationToken)
    {
        var batch = Read(message);
        var isSingle = batch.Good.Count + batch.Bad.Count == 1;
        return RunAsync(batch, new UsageOrigin("replay", isSingle ? quarantineId : null), cancellationToken);
    }

    private async Task<IngestedUsage> RunAsync(UsageBatch batch, UsageOrigin origin, CancellationToken cancellationToken)
    {
        using var deadline = new CancellationTokenSource(LocationTimeout, time);
        return await RunAsync(batch, origin, deadline.Token, cancellationToken);
    }

    /// <param name="deadline">Ends the search for locations; the records are stored without those that are missing.</param>
    private async Task<IngestedUsage> RunAsync(
        UsageBatch batch, UsageOrigin origin, CancellationToken deadline, CancellationToken cancellationToken)
    {
        if (geolocator is not null)
            await LocateAsync(geolocator, batch.Good, deadline, cancellationToken);
        var done = await SaveAsync(batch.Good, [.. batch.Bad], origin, hasPartitions: false, cancellationToken);
        counts.AddRecords(done.Accepted, done.Duplicates, done.Quarantined.Count);
        if (origin.Source == "queue" && batch.Good.Count > 0)
            counts.AddBatch(time.GetUtcNow().UtcDateTime - batch.Good.Max(sent => sent.Record.LoggedAt));
        return done;
    }

    /// <summary>Adds the location to records that have none.</summary>
    private static async ValueTask LocateAsync(
        IGeolocator geolocator, ArraySegment<SentUsage> good, CancellationToken deadline, CancellationToken cancellationToken)
    {
        using var both = CancellationTokenSource.CreateLinkedTokenSource(deadline, cancellationToken);
        await geolocator.PrefetchAsync(good.Where(sent => LacksLocation(sent.Record)).Select(sent => sent.Record.IpAddress), both.Token);
        for (var i = 0; i < good.Count; i++)
        {
            if (!LacksLocation(good[i].Record) || geolocator.LocateHere(good[i].Record.IpAddress) is not { } location)
                continue;
            good[i] = good[i] with
            {
                Record = good[i].Record with
                {
                    CountryCode = location.Country,
                    City = location.City,
                    Latitude = location.Latitude,
                    Longitude = location.Longitude,
                },
            };
        }
    }

    private static bool LacksLocation(UsageRecord record) => record.CountryCode is null && record.Latitude is null;

    public UsageBatch Read(UsageMessage message)
    {
        var (first, index) = (0, 0);
        return Read([message], ref first, ref index);
    }

    private UsageBatch Read(IReadOnlyList<UsageMessage> messages, ref int next, ref int index)
    {
        var window = UsageWindow.At(time.GetUtcNow());
        var good = new List<SentUsage>(BatchSize);
        var bad = new List<(int Index, RejectedUsage Rejected)>();
        var entries = new List<UsageEntry>(BatchSize);
        while (next < messages.Count && good.Count + bad.Count < BatchSize)
        {
            var message = messages[next++];
            entries.Clear();
            if ((message.Open(out var opened) ?? ReadUsage.Message(opened.Span, window, entries)) is { } fault)
                bad.Add((index++, RejectedUsage.Of(message.Body, fault)));
            foreach (var entry in entries)
            {
                var json = opened.Slice(entry.Start, entry.Length);
                if (entry.Record is not null)
                    good.Add(new SentUsage(index++, entry.Record, json));
                else
                    bad.Add((index++, RejectedUsage.Of(json, entry.Fault!)));
            }
        }

        return new UsageBatch(good.ToArray(), bad);
    }

    private async Task<IngestedUsage> SaveAsync(
        ArraySegment<SentUsage> good, List<(int Index, RejectedUsage Rejected)> bad, UsageOrigin origin, bool hasPartitions,
        CancellationToken cancellationToken)
    {
        try
        {
            var stored = good.Count == 0
                ? new StoredUsage(0, [], [])
                : await usage.StoreAsync([.. good.Select(sent => sent.Record)], cancellationToken);
            return await QuarantineAsync(good, bad, stored, origin, cancellationToken);
        }
        catch (PostgresException missing) when (!hasPartitions && LacksPartition(missing))
        {
            var times = good.Select(sent => sent.Record.LoggedAt);
            await usage.EnsurePartitionsAsync(times.Min(), times.Max(), cancellationToken);
            // Only once: a detached table with the partition's name, such as an archive, prevents its creation.
            return await SaveAsync(good, bad, origin, hasPartitions: true, cancellationToken);
        }
        catch (PostgresException refused) when (good.Count > 0 && SkippedRows.IsCausedByData(refused))
        {
            return await SaveByBisectionAsync(good, bad, origin, refused, cancellationToken);
        }
    }

    /// <remarks>
    /// Not in the transaction of the rows: if this fails, the message is delivered again. Then its good records are duplicates, and its bad
    /// ones are quarantined once.
    /// </remarks>
    private async Task<IngestedUsage> QuarantineAsync(
        ArraySegment<SentUsage> good, List<(int Index, RejectedUsage Rejected)> bad, StoredUsage stored, UsageOrigin origin,
        CancellationToken cancellationToken)
    {
        var rejected = bad
            .Concat(stored.UnknownTokens.Select(index => good[index].Reject(new UsageFault(
                UsageFault.UnknownToken, "no license has this token", "token_hash"))))
            .Concat(stored.ForeignTokens.Select(index => good[index].Reject(new UsageFault(
                UsageFault.SubscriptionMismatch, "the token belongs to another license", "subscription_id"))))
            .OrderBy(one => one.Index)
            .ToList();
        if (rejected is [var only] && origin.Entry is { } entry)
            await quarantine.RejectAgainAsync(entry, only.Rejected.Fault, cancellationToken);
        else if (rejected.Count > 0)
            await quarantine.AddAsync(origin.Source, [.. rejected.Select(one => one.Rejected)], cancellationToken);

        return new IngestedUsage(
            stored.Accepted,
            good.Count + bad.Count - rejected.Count - stored.Accepted,
            [.. rejected.Select(one => new QuarantinedRecord(one.Index, one.Rejected.Fault.Code, one.Rejected.Fault.Detail))]);
    }

    /// <summary>
    /// The database rejects a record that passed validation. Saves the halves separately, down to the single record, so that all others are
    /// stored.
    /// </summary>
    private async Task<IngestedUsage> SaveByBisectionAsync(
        ArraySegment<SentUsage> good, List<(int Index, RejectedUsage Rejected)> bad, UsageOrigin origin, PostgresException refused,
        CancellationToken cancellationToken)
    {
        if (good.Count == 1)
        {
            var detail = $"the database rejected the record: {refused.SqlState} {refused.ConstraintName}".TrimEnd();
            bad.Add(good[0].Reject(new UsageFault(UsageFault.RefusedByDatabase, detail, refused.ColumnName)));
            return await SaveAsync(ArraySegment<SentUsage>.Empty, bad, origin, hasPartitions: false, cancellationToken);
        }

        var first = await SaveAsync(good[..(good.Count / 2)], bad, origin, hasPartitions: false, cancellationToken);
        var second = await SaveAsync(good[(good.Count / 2)..], [], origin, hasPartitions: false, cancellationToken);
        return first.With(second);
    }

    // PostgreSQL reports a missing partition as a check violation of the table, without the name of a constraint.
    private static bool LacksPartition(PostgresException failure) =>
        failure is { SqlState: PostgresErrorCodes.CheckViolation, TableName: "license_usage_log", ConstraintName: null or "" };
}
