using System.Globalization;
using System.Security.Cryptography;
using LicenseFunctions.Infrastructure.Database;
using LicenseFunctions.Operations;
using LicenseFunctions.Tests.Support;
using Xunit;

namespace LicenseFunctions.Tests.Operations;

public sealed class WebhookKillTests(PostgresFixture postgres)
{
    private const int Licenses = 250;

    /// <summary>KILL_TEST_EVENTS=100000 sends more than fits into each run of the tests.</summary>
    private static readonly int PerLicense =
        int.Parse(Environment.GetEnvironmentVariable("KILL_TEST_EVENTS") ?? "20000", CultureInfo.InvariantCulture) / Licenses;

    private static readonly byte[] Key = RandomNumberGenerator.GetBytes(32);

    /// <summary>The app is killed twice, and so is the receiver; it verifies each message with npm's standardwebhooks.</summary>
    [Fact]
    public async Task Webhooks_AcrossKillsOfBothSides_AreAppliedOnceInOrder()
    {
        await using var database = await postgres.NewDatabaseAsync();
        await using var receiver = new WebhookReceiver();
        await receiver.StartAsync("whsec_" + Convert.ToBase64String(Key));
        var edit = new EditWebhookEndpoints(database.Database, new WebhookSettings([Key], AllowPrivate: true, null));
        var added = await edit.AddAsync(new NewWebhookEndpoint($"http://127.0.0.1:{receiver.Port}/"), Actor.System, Stop);
        await receiver.KillAsync();
        await receiver.StartAsync(added.Value.Secret);
        await database.ExecuteAsync(
            """
            insert into license_events (subscription_id, type, data)
            select md5(l::text)::uuid, 'price.agreed', '{}'
            from generate_series(1, @PerLicense) n, generate_series(1, @Licenses) l order by n, l
            """,
            new { PerLicense, Licenses });
        var app = await StartAsync(database);
        try
        {
            foreach (var share in (double[])[0.2, 0.4, 0.6, 0.8])
            {
                while (receiver.KeptBytes < share * Licenses * PerLicense * "00000000-0000-4000-8000-000000000000 100\n".Length)
                    await Task.Delay(20, Stop);
                if (share is 0.2 or 0.6)
                {
                    await app.DisposeAsync();
                    // The time of the leases passes.
                    await database.ExecuteAsync(
                        "update timer_leases set lease_until = now(); update webhook_endpoints set lease_until = now()");
                    app = await StartAsync(database);
                }
                else
                {
                    await receiver.KillAsync();
                    while (await database.QueryAsync<int>("select attempts from webhook_endpoints") == 0)
                        await Task.Delay(20, Stop);
                    await receiver.StartAsync(added.Value.Secret);
                    await database.ExecuteAsync("update webhook_endpoints set due_at = now()");
                }
            }

            while (await database.QueryAsync<long>("select position from webhook_endpoints") < Licenses * PerLicense)
                await Task.Delay(20, Stop);
        }
        finally
        {
            await app.DisposeAsync();
        }

        Assert.Equal("", await receiver.FaultsAsync());
        var kept = await receiver.KeptAsync();
        Assert.Equal(Licenses, kept.Count);
        Assert.All(kept.Values, numbers => Assert.Equal(Enumerable.Range(1, PerLicense).Select(n => (long)n), numbers));
    }

    private static Task<RunningApp> StartAsync(TestDatabase database) => RunningApp.StartAsync(
        database, ("WEBHOOK_SECRET_KEYS", Convert.ToBase64String(Key)), ("WEBHOOK_ALLOW_PRIVATE", "true"),
        ("OUTBOX_SCHEDULE", "* * * * * *"));

    private static CancellationToken Stop => TestContext.Current.CancellationToken;
}
