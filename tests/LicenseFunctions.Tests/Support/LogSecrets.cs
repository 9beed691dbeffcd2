using System.Collections.Concurrent;
using Npgsql;

namespace LicenseFunctions.Tests.Support;

/// <summary>
/// Texts that a test's backend must never log: its tokens and keys, and the addresses and cards in its database.
/// <c>./dev test</c> searches all logs of the run for the secrets of all tests.
/// </summary>
public sealed class LogSecrets
{
    private const string Persons =
        """
        select email from users
        union select host(ip_address) from license_usage_log where not ip_address <<= '127.0.0.0/8'
        union select host(ip_address) from license_devices where not ip_address <<= '127.0.0.0/8'
        union select provider_customer_id from user_payment_methods where length(provider_customer_id) > 8
        union select provider_payment_id from user_payment_methods where length(provider_payment_id) > 8
        """;

    private readonly ConcurrentDictionary<string, bool> secrets = new();
    private readonly string? database;

    public LogSecrets((string Name, string Value)[] settings)
    {
        foreach (var (name, value) in settings)
        {
            if (name.EndsWith("_KEY", StringComparison.Ordinal) || name.EndsWith("_KEYS", StringComparison.Ordinal)
                || name.EndsWith("_SECRET", StringComparison.Ordinal) || name.EndsWith("_TOKEN", StringComparison.Ordinal))
                Add(value);
        }

        database = settings.FirstOrDefault(setting => setting.Name == "DATABASE_URL").Value;
    }

    /// <summary>Adds a secret. Texts that are too short are ignored, because any line may contain them.</summary>
    public void Add(string secret)
    {
        if (secret.Trim() is { Length: >= 8 } text && !text.Contains('\n', StringComparison.Ordinal))
            secrets.TryAdd(text, true);
    }

    /// <summary>Adds the credential of an Authorization header.</summary>
    public void AddCredential(string authorization) => Add(authorization[(authorization.IndexOf(' ', StringComparison.Ordinal) + 1)..]);

    /// <summary>Writes the log and the secrets to the folder TEST_LOGS, which <c>./dev test</c> sets.</summary>
    public async Task SaveAsync(string log)
    {
        if (Environment.GetEnvironmentVariable("TEST_LOGS") is not { Length: > 0 } folder)
            return;
        await AddPersonsAsync();
        var name = Path.Combine(folder, Guid.NewGuid().ToString("N"));
        await File.WriteAllTextAsync(name + ".log", log + "\n");
        await File.WriteAllLinesAsync(name + ".secrets", secrets.Keys);
    }

    // The test may have stopped the server, or the address may be invalid. But a test must not drop its database before this.
    private async Task AddPersonsAsync()
    {
        try
        {
            await using var source =
                NpgsqlDataSource.Create(LicenseFunctions.Infrastructure.Database.DatabaseSettings.FromUri(database ?? ""));
            await using var command = source.CreateCommand(Persons);
            await using var rows = await command.ExecuteReaderAsync();
            while (await rows.ReadAsync())
                Add(rows.GetString(0));
        }
        catch (Exception away) when (away is NpgsqlException or ArgumentException or InvalidOperationException
            && away is not PostgresException { SqlState: PostgresErrorCodes.InvalidCatalogName })
        {
            await Console.Error.WriteLineAsync(
                $"The addresses in a test's database were not read, so the logs are not searched for them: {away.Message}");
        }
    }
}
