using System.Collections.Concurrent;
using System.Diagnostics;
using System.Security.Cryptography;
using System.Text;
using LicenseFunctions.Validation;
using Npgsql;

namespace Benchmarks.Survive;

/// <summary>
/// Runs the statement of a license check 50 times per second, without the backend: what PostgreSQL alone needs during the disturbance.
/// </summary>
internal sealed class DirectReads
{
    private readonly NpgsqlDataSource source;
    private volatile bool isStopping;
    private readonly ConcurrentQueue<TimeSpan> durations = new();
    private readonly Task reading;

    private DirectReads(NpgsqlDataSource source)
    {
        this.source = source;
        reading = ReadAsync();
    }

    public static DirectReads Start(SurviveSite site) => new(NpgsqlDataSource.Create(
        new NpgsqlConnectionStringBuilder(site.ConnectionString)
        {
            MaxPoolSize = 20,
            MaxAutoPrepare = 10,
            AutoPrepareMinUsages = 1,
            CommandTimeout = 0,
            Timeout = 300,
        }));

    /// <returns>The longest time of one statement.</returns>
    public async Task<TimeSpan> StopAsync()
    {
        isStopping = true;
        await reading;
        await source.DisposeAsync();
        return durations.Max();
    }

    private async Task ReadAsync()
    {
        var began = Stopwatch.GetTimestamp();
        var sent = new List<Task>();
        for (var n = 0; !isStopping; n++)
        {
            var due = TimeSpan.FromSeconds((double)n / CheckLoad.PerSecond);
            var early = due - Stopwatch.GetElapsedTime(began);
            if (early > TimeSpan.Zero)
                await Task.Delay(early);
            sent.Add(ReadOneAsync(began, due, 1 + n % 1_000));
        }

        await Task.WhenAll(sent);
    }

    private async Task ReadOneAsync(long began, TimeSpan due, int number)
    {
        await Task.Yield();
        await using var command = source.CreateCommand(LicenseCheckStore.Read);
        var hash = Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes($"bench-{number}")));
        command.Parameters.Add(new NpgsqlParameter<string[]> { TypedValue = [hash] });
        command.Parameters.Add(new NpgsqlParameter<string[]> { TypedValue = [$"{number}|EA-{number}"] });
        await using (var reader = await command.ExecuteReaderAsync())
        {
            while (await reader.ReadAsync())
            {
                // Only the time counts.
            }
        }

        durations.Enqueue(Stopwatch.GetElapsedTime(began) - due);
    }
}
