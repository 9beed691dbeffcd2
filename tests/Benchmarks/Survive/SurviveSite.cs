using System.Collections.Concurrent;
using System.Net.Http.Headers;
using System.Text;
using Dapper;
using LicenseFunctions.Infrastructure.Database;
using Microsoft.IdentityModel.JsonWebTokens;
using Microsoft.IdentityModel.Tokens;
using Npgsql;

namespace Benchmarks.Survive;

/// <summary>A license that a disturbance adds, with its own customer and master.</summary>
/// <param name="ExpiresIn">Negative if it has expired.</param>
/// <param name="WalletUsd">The balance; the monthly price is 49.99.</param>
internal sealed record AddedLicense(TimeSpan ExpiresIn, bool AutoRenew = false, decimal WalletUsd = 0, string? CardId = null);

/// <summary>The database of one disturbance, the two processes that use it, and what went wrong.</summary>
internal sealed class SurviveSite : IAsyncDisposable
{
    private const string Template = "bench_survive";
    private static readonly SymmetricSecurityKey SigningKey = new(new byte[32]); // that of Backend.Settings

    private readonly ConcurrentDictionary<string, int> faults = new();

    private SurviveSite(string connectionString)
    {
        ConnectionString = connectionString;
        Source = NpgsqlDataSource.Create(connectionString);
    }

    public string ConnectionString { get; }

    public NpgsqlDataSource Source { get; }

    public IReadOnlyList<ServingProcess> Processes { get; private set; } = [];

    /// <summary>Wrong answers other than those to checks.</summary>
    public IReadOnlyDictionary<string, int> Faults => faults;

    /// <summary>Creates the database that each disturbance gets a copy of.</summary>
    public static async Task MakeTemplateAsync(BenchContext context)
    {
        await using var site = await RenewalSite.MakeAsync(context, Template);
        await Customers.InsertAsync(site.Source);
    }

    public static async Task<SurviveSite> NewAsync(BenchContext context, string name)
    {
        var address = new NpgsqlConnectionStringBuilder(DatabaseSettings.FromUri(context.DatabaseUrl));
        await using (var server = NpgsqlDataSource.Create(address.ConnectionString))
        await using (var connection = await server.OpenConnectionAsync())
        {
            var copy = $"{Template}_{name.Replace('-', '_')}";
            await connection.ExecuteAsync($"drop database if exists {copy} with (force)");
            await connection.ExecuteAsync($"create database {copy} template {Template}", commandTimeout: 120);
            address.Database = copy;
        }

        return new SurviveSite(address.ConnectionString);
    }

    public async Task StartAsync(Disturbance disturbance) => Processes = await disturbance.StartAsync(this);

    public void Fault(string what) => faults.AddOrUpdate(what, 1, (_, count) => count + 1);

    public async Task ExecuteAsync(string sql, object? values = null)
    {
        await using var connection = await Source.OpenConnectionAsync();
        await connection.ExecuteAsync(sql, values, commandTimeout: 120);
    }

    public async Task<T> QueryAsync<T>(string sql, object? values = null)
    {
        await using var connection = await Source.OpenConnectionAsync();
        return await connection.QuerySingleAsync<T>(sql, values);
    }

    /// <summary>The Authorization header of an operator, of the platform (service), or of a subscriber.</summary>
    public static string Bearer(string role, Guid? userId = null) => "Bearer " + new JsonWebTokenHandler().CreateToken(
        new SecurityTokenDescriptor
        {
            Claims = new Dictionary<string, object> { ["role"] = role, ["sub"] = (userId ?? Guid.NewGuid()).ToString() },
            Expires = TimeProvider.System.GetUtcNow().UtcDateTime.AddHours(1),
            SigningCredentials = new SigningCredentials(SigningKey, SecurityAlgorithms.HmacSha256),
        });

    /// <returns>The status, 0 without an answer, and the body.</returns>
    public async Task<(int Status, string Body)> SendAsync(
        int process, HttpMethod method, string path, string authorization, string? json = null)
    {
        using var request = new HttpRequestMessage(method, path);
        request.Headers.TryAddWithoutValidation("Authorization", authorization);
        if (json is not null)
            request.Content = new StringContent(json, Encoding.UTF8, new MediaTypeHeaderValue("application/json"));
        try
        {
            using var response = await Processes[process % Processes.Count].Client.SendAsync(request);
            return ((int)response.StatusCode, await response.Content.ReadAsStringAsync());
        }
        catch (Exception failure) when (failure is HttpRequestException or OperationCanceledException or IOException)
        {
            return (0, failure.GetType().Name);
        }
    }

    /// <summary>Runs a timer in one process, as an operator does.</summary>
    public async Task RunTimerAsync(int process, string timer, string authorization)
    {
        var (status, _) = await SendAsync(process, HttpMethod.Post, $"/admin/functions/{timer}", authorization, "{}");
        if (status != 202)
            Fault($"{timer} on demand: {status}");
    }

    public Task<Guid> AddAsync(AddedLicense license) => QueryAsync<Guid>(
        """
        with subscriber as (
            insert into users (email) values ('s-' || uuid_generate_v4() || '@bench.test') returning user_id
        ), master as (
            insert into users (email, role) values ('m-' || uuid_generate_v4() || '@bench.test', 'master') returning user_id
        ), price as (
            insert into master_pricing (master_id, monthly_fee_usd) select user_id, 49.99 from master
        ), wallet as (
            insert into user_wallets (user_id, balance_usd) select user_id, @WalletUsd from subscriber
        ), card as (
            insert into user_payment_methods (user_id, payment_provider, provider_customer_id, provider_payment_id, is_default)
            select user_id, 'stripe', 'cus_1', @CardId, true from subscriber where @CardId is not null
        ), subscription as (
            insert into subscriptions (subscriber_id, master_id)
            select s.user_id, m.user_id from subscriber s, master m returning subscription_id
        )
        insert into license_tokens (subscription_id, token_hash, expires_at, metadata)
        select subscription_id, encode(sha256(subscription_id::text::bytea), 'hex'), now() + @ExpiresIn,
               jsonb_build_object('auto_renew', @AutoRenew)
        from subscription
        returning subscription_id
        """,
        license);

    public Task<Guid> OwnerAsync(Guid license) =>
        QueryAsync<Guid>("select subscriber_id from subscriptions where subscription_id = @license", new { license });

    public async ValueTask DisposeAsync()
    {
        foreach (var process in Processes)
            await process.DisposeAsync();
        await Source.DisposeAsync();
    }
}
