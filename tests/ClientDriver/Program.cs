// Reads one JSON object per line, decides, verifies or checks with the C# client, and writes one JSON object per line, for tests/clients.
using System.Text.Json;
using ClientDriver;
using LicenseClients;

if (args is ["bridge", var url, var token])
{
    await Bridge.RunAsync(url, token, CancellationToken.None);
    return;
}

var options = new JsonSerializerOptions { PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower };
using var output = new StreamWriter(Console.OpenStandardOutput()) { AutoFlush = true };
while (Console.ReadLine() is { } text)
{
    var line = JsonSerializer.Deserialize<Line>(text, options)!;
    await output.WriteLineAsync(JsonSerializer.Serialize<object>(line.Op switch
    {
        "decide" => Decide(line),
        "check" => await CheckAsync(line),
        _ => new { Verify(line).Fault },
    }, options));
}

static (Lease? Lease, string Fault) Verify(Line line)
{
    var seen = new LicenseState(Subscription: line.Subscription, NewestIat: line.NewestIat, RefusedAt: line.RefusedAt);
    return Lease.Verify(line.Lease, new LeaseUse(line.Keys, line.Issuer, line.Device), seen, line.Now, line.Revoked?.ToHashSet());
}

static object Decide(Line line)
{
    var use = new LeaseUse(line.Keys, line.Issuer, line.Device);
    var (state, decision) = LicenseDecision.Decide(line.State, line.Answer, line.Now, line.Elapsed, use);
    return new { decision.Entitlement, decision.Message, decision.Problem, decision.Text, State = state };
}

static async Task<object> CheckAsync(Line line)
{
    var saved = line.Saved;
    var settings = new LicenseOptions(line.Url, line.Token ?? "secret-token", "EA-1", 1001, Saved: saved, Save: text =>
    {
        saved = text;
        if (line.Fails)
            throw new IOException("The disk is full.");
    });
    using var client = new LicenseClient(settings);
    var (decision, wait) = await client.CheckAsync(CancellationToken.None);
    var printed = $"{settings} {client}";
    return new
    {
        decision.Entitlement,
        decision.Message,
        decision.Problem,
        decision.Text,
        Saved = saved,
        Wait = wait.TotalSeconds,
        Printed = printed,
    };
}

internal sealed record Line(
    string Op, LicenseState State, LicenseAnswer? Answer, long Now, long Elapsed, string Keys, string Issuer, string Device, string Lease,
    string Subscription, long NewestIat, long RefusedAt, string[]? Revoked, string Url, string? Token, string? Saved, bool Fails);
