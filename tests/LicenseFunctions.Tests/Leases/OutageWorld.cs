using System.Buffers;
using System.Net;
using System.Text;
using System.Text.Json;
using LicenseClients;
using LicenseFunctions.Leases;
using LicenseFunctions.Validation;
using Licensing.Devices;
using Licensing.Leases;
using ClientLease = LicenseClients.Lease;
using ServerLease = Licensing.Leases.Lease;

namespace LicenseFunctions.Tests.Leases;

/// <param name="EntitledMinutes">Of all EAs in the outage: their license was paid, in grace or free, and not suspended.</param>
/// <param name="LostMinutes">Of these, those in which the EA or its ingest server did not let it open positions.</param>
/// <param name="LostWithinLease">Of these, those in which the EA had a lease that had not expired.</param>
/// <param name="Stranded">
/// Positions that were left: their EA was told that it may do nothing, or their license had ended more than a day before.
/// </param>
/// <param name="OpenedAfterEnd">Positions that were opened after the license's end.</param>
internal sealed record OutageResult(
    long EntitledMinutes, long LostMinutes, long LostWithinLease, int Opened, int Closed, int Stranded, int OpenedAfterEnd);

/// <summary>
/// A day of checks, 72 hours without the backend, and four days of checks: EAs with the C# client, and ingest servers that send signals,
/// over the backend's rules and its own JSON. A seed decides everything.
/// </summary>
internal sealed class OutageWorld : IDisposable
{
    private const string Issuer = "https://licenses.test";
    private const int Eas = 60;
    private const int Servers = 4;
    private const int Step = 15 * 60;
    private const int Outage = 72 * 3600;
    private const int Before = 24 * 3600;
    private const int After = 96 * 3600;

    private static readonly DateTimeOffset Start = new(2026, 11, 2, 0, 0, 0, TimeSpan.Zero);
    private static readonly TimeSpan Grace = TimeSpan.FromDays(3);
    private static readonly TimeSpan CloseOnly = TimeSpan.FromDays(30);

    private readonly Random random;
    private readonly LeaseSigner signer;
    private readonly string keys;
    private readonly List<Ea> eas;
    private readonly HashSet<string> revoked = [];
    private readonly HashSet<string>[] known = [.. Enumerable.Range(0, Servers).Select(_ => new HashSet<string>())];
    private long entitled, lost, lostWithinLease;
    private int opened, closed, openedAfterEnd;

    /// <param name="withLeases">False: the backend has no key, so it issues none.</param>
    private OutageWorld(int seed, bool withLeases)
    {
        random = new Random(seed);
        byte[][] seeds = withLeases ? [[.. Enumerable.Range(1, 32).Select(n => (byte)n)]] : [];
        signer = new LeaseSigner(new LeaseSettings(seeds, Issuer, TimeSpan.FromHours(72), Grace));
        keys = JsonSerializer.Serialize(new { keys = signer.PublicKeys }, JsonSerializerOptions.Web);
        eas = [.. Enumerable.Range(0, Eas).Select(NewEa)];
    }

    public static OutageResult Run(int seed, bool withLeases)
    {
        using var world = new OutageWorld(seed, withLeases);
        return world.Run();
    }

    public void Dispose() => signer.Dispose();

    private sealed class Ea
    {
        public required DeviceClaim Claim { get; init; }
        public required Guid SubscriptionId { get; init; }
        public required DateTimeOffset FirstSeenAt { get; init; }
        public required int DaysSeen { get; init; }
        public required bool IsSuspected { get; init; }
        public required int Server { get; init; }
        public required int ClockOffset { get; init; }
        public required DateTimeOffset? SuspendedAt { get; init; }
        public required LicenseFacts Facts { get; init; }
        public ServerLease? Lease { get; set; }
        public DateTimeOffset? RefusedSince { get; set; }
        public LicenseState State { get; set; } = new();
        public LicenseState SeenByServer { get; set; } = new();
        public LicenseDecision? Decision { get; set; }
        public int Positions { get; set; }
    }

    private Ea NewEa(int n)
    {
        // A quarter of the licenses end in the days of the simulation: by time, or by a suspension on the last days.
        DateTimeOffset? expires = random.Next(4) switch
        {
            0 => Start.AddHours(random.Next(-60, 150)),
            1 => null,
            _ => Start.AddDays(random.Next(9, 40)),
        };
        DateTimeOffset? suspended = random.Next(8) == 0 ? Start.AddSeconds(Before + Outage + random.Next(After / 2)) : null;
        var days = random.Next(5) == 0 ? random.Next(0, 7) : 30;
        return new Ea
        {
            Claim = new DeviceClaim($"EA-{n}", 1000 + n, IPAddress.Loopback),
            SubscriptionId = new Guid(n + 1, 0, 0, new byte[8]),
            FirstSeenAt = Start.AddDays(-days).AddMinutes(-random.Next(1440)),
            DaysSeen = days + 1,
            IsSuspected = random.Next(20) == 0,
            Server = n % Servers,
            ClockOffset = random.Next(6) == 0 ? random.Next(-90, 90) : 0,
            SuspendedAt = suspended,
            Facts = new LicenseFacts(true, null, null, expires, null, SubscriptionState.Synced, true, null, null),
        };
    }

    private OutageResult Run()
    {
        for (var second = 0; second <= Before + Outage + After; second += Step)
        {
            var now = Start.AddSeconds(second);
            var isDown = second is >= Before and < Before + Outage;
            foreach (var ea in eas)
                Pass(ea, now, isDown);
            // Ingest servers poll the revocations, and keep them while the backend is down.
            if (!isDown)
                foreach (var server in known)
                    server.UnionWith(revoked);
        }

        // An EA that may close positions does so within a day.
        var aDayAgo = Start.AddSeconds(Before + Outage + After).AddDays(-1);
        return new OutageResult(
            entitled, lost, lostWithinLease, opened, closed,
            eas.Where(ea => ea.Decision!.Entitlement == "NONE" || IsEnded(ea, aDayAgo)).Sum(ea => ea.Positions), openedAfterEnd);
    }

    private void Pass(Ea ea, DateTimeOffset now, bool isDown)
    {
        var clock = now.ToUnixTimeSeconds() + ea.ClockOffset;
        var device = ClientLease.DeviceHash(ea.Claim.EaInstanceId, ea.Claim.Mt5AccountNumber);
        var use = new LeaseUse(keys, Issuer, device);
        var answer = isDown ? Failure() : new LicenseAnswer(200, Check(ea, now), "n");
        // Restarts: only the saved text is left, and elapsed time is counted from zero.
        var isRestarted = random.Next(50) == 0;
        if (isRestarted)
            ea.State = JsonSerializer.Deserialize<LicenseState>(JsonSerializer.Serialize(ea.State))!;
        (ea.State, ea.Decision) = LicenseDecision.Decide(ea.State, answer, clock, isRestarted ? -1 : Step, use);

        var isSent = IsSent(ea, now, isDown ? null : answer, use);
        var mayOpen = ea.Decision.Entitlement == "FULL" && isSent;
        var isEnded = IsEnded(ea, now);
        if (isDown && !isEnded)
        {
            entitled += Step / 60;
            lost += mayOpen ? 0 : Step / 60;
            lostWithinLease += !mayOpen && ea.Lease is { } lease && now < lease.ExpiresAt ? Step / 60 : 0;
        }

        Trade(ea, mayOpen, isEnded);
    }

    private static bool IsEnded(Ea ea, DateTimeOffset now) => now >= ea.Facts.GraceEnd(Grace) || now >= ea.SuspendedAt;

    /// <summary>A signal opens a position now and then. The EA itself closes each, some hours later.</summary>
    private void Trade(Ea ea, bool mayOpen, bool isEnded)
    {
        if (ea.Decision!.Entitlement != "NONE")
        {
            var done = Enumerable.Range(0, ea.Positions).Count(_ => random.Next(12) == 0);
            ea.Positions -= done;
            closed += done;
        }

        if (!mayOpen || random.Next(8) != 0)
            return;
        ea.Positions++;
        opened++;
        openedAfterEnd += isEnded ? 1 : 0;
    }

    private LicenseAnswer Failure() => random.Next(3) switch
    {
        0 => new LicenseAnswer(0, "", "n"),
        1 => new LicenseAnswer(502, "<html>Bad gateway</html>", "n"),
        _ => new LicenseAnswer(200, "<!DOCTYPE html><html><body>Welcome to the hotel</body></html>", "n"),
    };

    /// <summary>
    /// Whether the ingest server sends opening signals to this EA: by its last check, which counts for an hour, or by the lease that the EA
    /// shows.
    /// </summary>
    private bool IsSent(Ea ea, DateTimeOffset now, LicenseAnswer? check, LeaseUse use)
    {
        (ea.SeenByServer, var decision) = LicenseDecision.Decide(
            ea.SeenByServer with { Lease = "" }, check, now.ToUnixTimeSeconds(), Step, use);
        return decision.Entitlement == "FULL" || (check is null && decision.Message == "UNCONFIRMED" && ClientLease.Verify(
            ea.State.Lease, use, ea.SeenByServer, now.ToUnixTimeSeconds(), known[ea.Server]).Lease is not null);
    }

    /// <summary>The backend's answer, by its own rules and in its own JSON.</summary>
    private string Check(Ea ea, DateTimeOffset now)
    {
        var facts = now >= ea.SuspendedAt
            ? ea.Facts with { State = SubscriptionState.SuspendedAdmin, PausedReason = "By hand" }
            : ea.Facts;
        var verdict = LicenseVerdict.Of(facts, now, Grace);
        var license = new CheckedLicense(ea.SubscriptionId, facts, null, 1, 0);
        var reply = new CheckReply(verdict, license, null, false, 2, now);
        if (verdict.IsValid)
        {
            var end = facts.GraceEnd(Grace);
            if (signer.IsOn && ea.Lease?.IsFresh(now, end) is not true)
            {
                var seen = new LeaseFacts(ea.FirstSeenAt, ea.DaysSeen + (now - Start).Days, ea.IsSuspected);
                ea.Lease = LeaseRules.Issue(NewId(), seen, TimeSpan.FromHours(72), end, now);
            }

            reply = reply with { Lease = ea.Lease is { } lease ? signer.Sign(lease, ea.SubscriptionId, ea.Claim) : null };
        }
        else
        {
            ea.RefusedSince ??= now;
            reply = reply with
            {
                CloseOnlyUntil = Entitlements.CloseOnlyUntil(
                    verdict.Code, new CloseOnlyFacts(ea.FirstSeenAt, ea.RefusedSince.Value, ea.SuspendedAt, false), CloseOnly, now),
            };
            if (ea.Lease is { } ended)
                revoked.Add(ended.LeaseId.ToString());
            ea.Lease = null;
        }

        var text = new ArrayBufferWriter<byte>();
        using var json = new Utf8JsonWriter(text);
        reply.Write(json, "n");
        json.Flush();
        return Encoding.UTF8.GetString(text.WrittenSpan);
    }

    private Guid NewId()
    {
        var bytes = new byte[16];
        random.NextBytes(bytes);
        return new Guid(bytes);
    }
}
