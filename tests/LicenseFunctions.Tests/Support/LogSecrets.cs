using System.Collections.Concurrent;
using LicenseFunctions.Infrastructure.Database;
using LicenseFunctions.Infrastructure.Http;
using Npgsql;

namespace LicenseFunctions.Tests.Support;

/// <summary>
/// What a test's backend must never log: the tokens and keys that it was given, and the addresses and cards in its database.
/// <c>./dev test</c> greps every log of the run for every test's.
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

    /// <summary>Remembers a secret; what is so short that it may stand in any line is none.</summary>
    public void Add(string secret)
    {
        if (secret.Trim() is { Length: >= 8 } told && !told.Contains('\n', StringComparison.Ordinal))
            secrets.TryAdd(told, true);
    }

    /// <summary>Remembers the credential of an Authorization header.</summary>
    public void AddCredential(string authorization) => Add(authorization[(authorization.IndexOf(' ', StringComparison.Ordinal) + 1)..]);

    /// <summary>Leaves the log and the secrets where <c>./dev test</c> asks for them, by TEST_LOGS.</summary>
    public async Task SaveAsync(string log)
    {
        if (Environment.GetEnvironmentVariable("TEST_LOGS") is not { Length: > 0 } folder)
            return;
        await AddPersonsAsync();
        var name = Path.Combine(folder, Guid.NewGuid().ToString("N"));
        await File.WriteAllTextAsync(name + ".log", log + "\n");
        await File.WriteAllLinesAsync(name + ".secrets", secrets.Keys);
    }

    // The server may be one that the test stopped, or the address none.
    private async Task AddPersonsAsync()
    {
        try
        {
            await using var source = NpgsqlDataSource.Create(LicenseFunctions.Infrastructure.Database.DatabaseSettings.FromUri(database ?? ""));
            await using var command = source.CreateCommand(Persons);
            await using var rows = await command.ExecuteReaderAsync();
            while (await rows.ReadAsync())
                Add(rows.GetString(0));
        }
        catch (Exception away) when (away is NpgsqlException or ArgumentException or InvalidOperationException)
        {
            await Console.Error.WriteLineAsync($"A test's database is gone before its addresses were read: {away.Message}");
        }
    }
}
