using LicenseFunctions.Infrastructure.Geolocation;
using LicenseFunctions.Infrastructure.Http;
using LicenseFunctions.Infrastructure.Telemetry;
using Licensing.Usage;
using Npgsql;

namespace LicenseFunctions.Usage;

/// <param name="Index">The record's place among all that were sent, from 0.</param>
public sealed record QuarantinedRecord(int Index, string Code, string Detail);

/// <param name="Accepted">New, and stored.</param>
/// <param name="Duplicates">Stored before, or twice in what was sent.</param>
public sealed record IngestedUsage(int Accepted, int Duplicates, IReadOnlyList<QuarantinedRecord> Quarantined)
{
    /// <summary>This and another part of what was sent, together.</summary>
    public IngestedUsage With(IngestedUsage other) =>
        new(Accepted + other.Accepted, Duplicates + other.Duplicates, [.. Quarantined.Concat(other.Quarantined).OrderBy(one => one.Index)]);
}

/// <summary>A record with the JSON that it was read from, should it be refused later.</summary>
public readonly record struct SentUsage(int Index, UsageRecord Record, ReadOnlyMemory<byte> Json)
{
    public (int Index, RejectedUsage Rejected) Reject(UsageFault fault) => (Index, RejectedUsage.Of(Json.Span, fault));
}

/// <summary>What was sent, read.</summary>
public sealed record UsageBatch(ArraySegment<SentUsage> Good, IReadOnlyList<(int Index, RejectedUsage Rejected)> Bad);

/// <summary>Takes messages of usage records: the good ones are stored once, the bad ones quarantined, none fails the rest.</summary>
public sealed class IngestUsage(
    UsageStore usage, QuarantineStore quarantine, ProcessCounts counts, TimeProvider time, IGeolocator? places = null)
{
    // Records in one statement, or a message's where it has more: beyond this a statement only holds its locks for longer.
    private const int EnoughRecords = 1_000;

    /// <summary>
    /// Reads a batch while the database stores the one before. Should one fail, those before it stay stored: sent again, they are duplicates.
    /// </summary>
    /// <param name="source">Where they came from: queue, http or replay.</param>
    public async Task<IngestedUsage> RunAsync(
        IReadOnlyList<ReadOnlyMemory<byte>> messages, string source, CancellationToken cancellationToken)
    {
        var done = new IngestedUsage(0, 0, []);
        var storing = Task.FromResult(done);
        for (int message = 0, index = 0; message < messages.Count;)
        {
            var batch = Read(messages, ref message, ref index);
            done = done.With(await storing);
            storing = RunAsync(batch, source, cancellationToken);
        }

        return done.With(await storing);
    }

    public async Task<IngestedUsage> RunAsync(UsageBatch batch, string source, CancellationToken cancellationToken)
    {
        if (places is not null)
            await PlaceAsync(places, batch.Good, cancellationToken);
        var done = await SaveAsync(batch.Good, [.. batch.Bad], source, hasPartitions: false, cancellationToken);
        counts.AddRecords(done.Accepted, done.Duplicates, done.Quarantined.Count);
        if (source == "queue" && batch.Good.Count > 0)
            counts.AddBatch(time.GetUtcNow().UtcDateTime - batch.Good.Max(sent => sent.Record.LoggedAt));
        return done;
    }

    /// <summary>Fills in the place of records that came without one.</summary>
    private static async ValueTask PlaceAsync(IGeolocator places, ArraySegment<SentUsage> good, CancellationToken cancellationToken)
    {
        for (var i = 0; i < good.Count; i++)
        {
            var record = good[i].Record;
            if (record.CountryCode is not null || record.Latitude is not null || await places.LocateAsync(record.IpAddress, cancellationToken) is not { } place)
                continue;
            good[i] = good[i] with
            {
                Record = record with { CountryCode = place.Country, City = place.City, Latitude = place.Latitude, Longitude = place.Longitude },
            };
        }
    }

    public UsageBatch Read(ReadOnlyMemory<byte> message)
    {
        var (first, index) = (0, 0);
        return Read([message], ref first, ref index);
    }

    private UsageBatch Read(IReadOnlyList<ReadOnlyMemory<byte>> messages, ref int next, ref int index)
    {
        var window = UsageWindow.At(time.GetUtcNow());
        var good = new List<SentUsage>(EnoughRecords);
        var bad = new List<(int Index, RejectedUsage Rejected)>();
        var entries = new List<UsageEntry>(EnoughRecords);
        while (next < messages.Count && good.Count + bad.Count < EnoughRecords)
        {
            var message = messages[next++];
            entries.Clear();
            if (ReadUsage.Message(message.Span, window, entries) is { } fault)
                bad.Add((index++, RejectedUsage.Of(message.Span, fault)));
            foreach (var entry in entries)
            {
                var json = message.Slice(entry.Start, entry.Length);
                if (entry.Record is not null)
                    good.Add(new SentUsage(index++, entry.Record, json));
                else
                    bad.Add((index++, RejectedUsage.Of(json.Span, entry.Fault!)));
            }
        }

        return new UsageBatch(good.ToArray(), bad);
    }

    private async Task<IngestedUsage> SaveAsync(
        ArraySegment<SentUsage> good, List<(int Index, RejectedUsage Rejected)> bad, string source, bool hasPartitions, CancellationToken cancellationToken)
    {
        try
        {
            var stored = good.Count == 0
                ? new StoredUsage(0, [], [])
                : await usage.StoreAsync([.. good.Select(sent => sent.Record)], cancellationToken);
            return await QuarantineAsync(good, bad, stored, source, cancellationToken);
        }
        catch (PostgresException missing) when (!hasPartitions && LacksPartition(missing))
        {
            var times = good.Select(sent => sent.Record.LoggedAt);
            await usage.EnsurePartitionsAsync(times.Min(), times.Max(), cancellationToken);
            // Once: a table of the partition's name that isn't attached (an archive's) lets none be made.
            return await SaveAsync(good, bad, source, hasPartitions: true, cancellationToken);
        }
        catch (PostgresException refused) when (good.Count > 0 && IsOfTheData(refused))
        {
            return await SaveApartAsync(good, bad, source, refused, cancellationToken);
        }
    }

    /// <remarks>
    /// Not in the transaction of the rows: when this fails the message comes again, its good records are duplicates by then, and its
    /// bad ones are quarantined, once.
    /// </remarks>
    private async Task<IngestedUsage> QuarantineAsync(
        ArraySegment<SentUsage> good, List<(int Index, RejectedUsage Rejected)> bad, StoredUsage stored, string source, CancellationToken cancellationToken)
    {
        var rejected = bad
            .Concat(stored.UnknownTokens.Select(place => good[place].Reject(new UsageFault(
                UsageFault.UnknownToken, "no license has this token", "token_hash"))))
            .Concat(stored.ForeignTokens.Select(place => good[place].Reject(new UsageFault(
                UsageFault.SubscriptionMismatch, "the token belongs to another license", "subscription_id"))))
            .OrderBy(one => one.Index)
            .ToList();
        if (rejected.Count > 0)
            await quarantine.AddAsync(source, [.. rejected.Select(one => one.Rejected)], cancellationToken);

        return new IngestedUsage(
            stored.Accepted,
            good.Count + bad.Count - rejected.Count - stored.Accepted,
            [.. rejected.Select(one => new QuarantinedRecord(one.Index, one.Rejected.Fault.Code, one.Rejected.Fault.Detail))]);
    }

    /// <summary>The table refuses a row that all rules here let pass: halves, down to the one, so that the others are stored.</summary>
    private async Task<IngestedUsage> SaveApartAsync(
        ArraySegment<SentUsage> good, List<(int Index, RejectedUsage Rejected)> bad, string source, PostgresException refused, CancellationToken cancellationToken)
    {
        if (good.Count == 1)
        {
            var detail = $"the database refuses it: {refused.SqlState} {refused.ConstraintName}".TrimEnd();
            bad.Add(good[0].Reject(new UsageFault(UsageFault.RefusedByDatabase, detail, refused.ColumnName)));
            return await SaveAsync(ArraySegment<SentUsage>.Empty, bad, source, hasPartitions: false, cancellationToken);
        }

        var first = await SaveAsync(good[..(good.Count / 2)], bad, source, hasPartitions: false, cancellationToken);
        var second = await SaveAsync(good[(good.Count / 2)..], [], source, hasPartitions: false, cancellationToken);
        return first.With(second);
    }

    // A partition's absence is a check violation of the table itself, without a constraint's name.
    private static bool LacksPartition(PostgresException failure) =>
        failure is { SqlState: PostgresErrorCodes.CheckViolation, TableName: "license_usage_log", ConstraintName: null or "" };

    // Classes 22, data exception, and 23, integrity constraint violation.
    private static bool IsOfTheData(PostgresException failure) =>
        failure.SqlState.StartsWith("22", StringComparison.Ordinal) || failure.SqlState.StartsWith("23", StringComparison.Ordinal);
}
