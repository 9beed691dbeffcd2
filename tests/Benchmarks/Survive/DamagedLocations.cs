using System.Diagnostics;
using System.Globalization;
using System.Text.Json;
using LicenseFunctions.Tests.Infrastructure.Geolocation;

namespace Benchmarks.Survive;

/// <summary>The file of locations is overwritten and damaged in place four times per second, while usage of its networks arrives.</summary>
internal sealed class DamagedLocations : Disturbance
{
    private const int Records = 100;

    private readonly string folder = Directory.CreateTempSubdirectory("bench-locations-").FullName;
    private Guid license;

    public override string Name => "location-file";

    // A process loads a changed file once a minute.
    public override TimeSpan Length => TimeSpan.FromSeconds(70);

    private string Locations => Path.Combine(folder, "locations.mmdb");

    public override async Task PrepareAsync(SurviveSite site)
    {
        license = await site.AddAsync(new AddedLicense(TimeSpan.FromDays(20)));
        MaxMindFile.Write(Locations, 4, [.. Enumerable.Range(0, 200).Select(n => ($"41.{n}.0.0/16", (object)new Dictionary<string, object>
        {
            ["country_code"] = "NG",
            ["city"] = $"City {n}",
            ["latitude"] = n / 3.0,
            ["longitude"] = n / 2.0,
        }))]);
    }

    public override async Task<IReadOnlyList<ServingProcess>> StartAsync(SurviveSite site) =>
    [
        await ServingProcess.StartAsync(site, ("GEO_DATABASE", Locations)),
        await ServingProcess.StartAsync(site, ("GEO_DATABASE", Locations)),
    ];

    public override async Task<string> RunAsync(SurviveSite site, TimeSpan length)
    {
        using var enough = new CancellationTokenSource(length);
        var damage = DamageAsync(await File.ReadAllBytesAsync(Locations), enough.Token);
        var sent = await Task.WhenAll(SendAsync(site, 0, enough.Token), SendAsync(site, 1, enough.Token));
        var times = await damage;
        return string.Create(CultureInfo.InvariantCulture, $"file damaged {times} times, {sent.Sum() * Records:N0} usage records stored");
    }

    public override Task CheckAsync(SurviveSite site)
    {
        Directory.Delete(folder, recursive: true);
        return Task.CompletedTask;
    }

    private async Task<int> DamageAsync(byte[] whole, CancellationToken enough)
    {
        var random = new Random(1);
        var times = 0;
        for (; !enough.IsCancellationRequested; times++)
        {
            var bytes = whole.ToArray();
            switch (times % 4)
            {
                case 0:
                    random.NextBytes(bytes.AsSpan(bytes.Length / 2, 200));
                    break;
                case 1:
                    bytes.AsSpan().Clear();
                    break;
                case 2:
                    bytes = bytes[..(bytes.Length / 2)];
                    break;
            }

            // In place, as `cp` does.
            await using (var file = new FileStream(Locations, FileMode.Create, FileAccess.Write, FileShare.ReadWrite))
                await file.WriteAsync(bytes, CancellationToken.None);
            await Task.Delay(250, CancellationToken.None);
        }

        return times;
    }

    private async Task<int> SendAsync(SurviveSite site, int process, CancellationToken enough)
    {
        var platform = SurviveSite.Bearer("service");
        var batches = 0;
        while (!enough.IsCancellationRequested)
        {
            var began = Stopwatch.GetTimestamp();
            var (status, body) = await site.SendAsync(process, HttpMethod.Post, "/api/v1/usage", platform, Batch());
            if (status != 200)
                site.Fault($"usage: {status}");
            else if (JsonDocument.Parse(body).RootElement.GetProperty("accepted").GetInt32() != Records)
                site.Fault($"usage: {body[..Math.Min(body.Length, 200)]}");
            else
                batches++;
            if (TimeSpan.FromMilliseconds(500) - Stopwatch.GetElapsedTime(began) is { } rest && rest > TimeSpan.Zero)
                await Task.Delay(rest, CancellationToken.None);
        }

        return batches;
    }

    private string Batch() => $"[{string.Join(',', Enumerable.Range(0, Records).Select(n => UsageRecords.New(license, $"41.{n}.1.2")))}]";
}
