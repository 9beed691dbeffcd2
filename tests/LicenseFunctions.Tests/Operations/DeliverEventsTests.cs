using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json.Nodes;
using LicenseFunctions.Infrastructure.Database;
using LicenseFunctions.Infrastructure.Webhooks;
using LicenseFunctions.Operations;
using LicenseFunctions.Tests.Support;
using Licensing.Webhooks;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging.Abstractions;
using Xunit;

namespace LicenseFunctions.Tests.Operations;

public sealed class DeliverEventsTests(PostgresFixture postgres) : IAsyncLifetime
{
    private static readonly byte[] Key = RandomNumberGenerator.GetBytes(32);

    private static readonly WebhookSettings Settings = new([Key], AllowPrivate: true, "ops@example.com");

    private readonly HttpClient http = WebhookHttp.ForEndpoints(allowPrivate: true);
    private TestDatabase database = null!;

    public async ValueTask InitializeAsync() => database = await postgres.NewDatabaseAsync();

    public async ValueTask DisposeAsync()
    {
        http.Dispose();
        await database.DisposeAsync();
    }

    [Fact]
    public async Task Types_OfTheRules_AreThoseOfTheTable() =>
        Assert.Equal(
            EventTypes.All.Order(StringComparer.Ordinal),
            (await database.QueryAllAsync<string>(
                """
                select (regexp_matches(pg_get_constraintdef(oid), '''([a-z_]+[.][a-z_]+)''', 'g'))[1]
                from pg_constraint where conname = 'event_type_is_known'
                """)).Order(StringComparer.Ordinal));

    [Fact]
    public async Task Deliver_Events_AreSignedMessagesWithTheFeedsEvent()
    {
        await using var listener = await LocalListener.StartAsync(_ => Results.NoContent(), Stop);
        var added = await AddAsync(listener);
        var license = Guid.NewGuid();
        await EventsAsync(license, 2);

        var counts = await Deliver().RunAsync(Stop);
        await Deliver().RunAsync(Stop);

        Assert.Equal(new DeliveryCounts(2, 0, 0), counts);
        Assert.Equal(2, listener.Requests.Count);
        var call = listener.Requests[0];
        Assert.Equal([Signature(added.Secret, call)], call.Headers["webhook-signature"].Split(' '));
        var body = JsonNode.Parse(call.Body)!;
        Assert.Equal(["type", "timestamp", "data"], body.AsObject().Select(field => field.Key));
        Assert.Equal("price.agreed", (string?)body["type"]);
        Assert.Equal((string?)body["data"]!["occurred_at"], (string?)body["timestamp"]);
        Assert.Equal(
            ["id", "type", "occurred_at", "subscription_id", "sequence", "data"], body["data"]!.AsObject().Select(field => field.Key));
        Assert.Equal(
            (1L, license, 1L),
            ((long)body["data"]!["id"]!, (Guid)body["data"]!["subscription_id"]!, (long)body["data"]!["sequence"]!));
        Assert.StartsWith("evt_1_", call.Headers["webhook-id"], StringComparison.Ordinal);
        var endpoint = Assert.Single(await Store.ListAsync(Stop));
        Assert.Equal((2L, 0L, 0, null), (endpoint.After, endpoint.Waiting, endpoint.Attempts, endpoint.LastError));
        Assert.NotNull(endpoint.LastAcceptedAt);
    }

    [Fact]
    public async Task Deliver_NewEndpoint_GetsNoEarlierEvents()
    {
        await using var listener = await LocalListener.StartAsync(_ => Results.Ok(), Stop);
        await EventsAsync(Guid.NewGuid(), 3);
        await new EventStore(database.Database).NumberAsync(Stop);
        await AddAsync(listener);
        await EventsAsync(Guid.NewGuid(), 1);

        await Deliver().RunAsync(Stop);

        Assert.Equal([4L], Ids(listener));
    }

    [Fact]
    public async Task Deliver_ChosenTypes_AreSentAndOthersLeftOut()
    {
        await using var listener = await LocalListener.StartAsync(_ => Results.Ok(), Stop);
        await AddAsync(listener, "device.added");
        await database.ExecuteAsync(
            """
            select add_license_event(gen_random_uuid(), t, '{}')
            from unnest(array['price.agreed', 'device.added', 'device.removed']) t
            """);

        await Deliver().RunAsync(Stop);

        Assert.Equal([2L], Ids(listener));
        Assert.Equal(3L, Assert.Single(await Store.ListAsync(Stop)).After);
    }

    [Fact]
    public async Task Deliver_ManyLicenses_KeepsTheOrderOfEachLicense()
    {
        await using var listener = await LocalListener.StartAsync(_ => Results.Ok(), Stop);
        await AddAsync(listener);
        for (var round = 0; round < 20; round++)
            await database.ExecuteAsync("select add_license_event(md5(n::text)::uuid, 'price.agreed', '{}') from generate_series(1, 60) n");

        var counts = await Deliver().RunAsync(Stop);

        Assert.Equal(1_200, counts.Accepted);
        var last = new Dictionary<Guid, long>();
        foreach (var data in listener.Requests.Select(call => JsonNode.Parse(call.Body)!["data"]!))
        {
            var license = (Guid)data["subscription_id"]!;
            Assert.Equal(last[license] = last.GetValueOrDefault(license) + 1, (long)data["sequence"]!);
        }
    }

    [Fact]
    public async Task Deliver_Answered500_IsSentAgainWhenDueAsTheSameMessageBeforeLaterOnes()
    {
        await using var listener = await LocalListener.StartAsync(before => before == 1 ? Results.StatusCode(500) : Results.Ok(), Stop);
        await AddAsync(listener);
        await EventsAsync(Guid.NewGuid(), 3);

        var failed = await Deliver().RunAsync(Stop);
        await Deliver().RunAsync(Stop);
        Assert.Equal([1L, 2L], Ids(listener));
        var endpoint = Assert.Single(await Store.ListAsync(Stop));
        Assert.Equal((1L, 1, "HTTP 500"), (endpoint.After, endpoint.Attempts, endpoint.LastError));
        Assert.Equal(TimeSpan.FromSeconds(10), endpoint.NextAttemptAt - endpoint.FailingSince);
        await DueAsync();
        var counts = await Deliver().RunAsync(Stop);

        Assert.Equal((new DeliveryCounts(1, 1, 0), new DeliveryCounts(2, 0, 0)), (failed, counts));
        Assert.Equal([1L, 2L, 2L, 3L], Ids(listener));
        Assert.Equal(listener.Requests[1].Body, listener.Requests[2].Body);
        Assert.Equal(listener.Requests[1].Headers["webhook-id"], listener.Requests[2].Headers["webhook-id"]);
        endpoint = Assert.Single(await Store.ListAsync(Stop));
        Assert.Equal((3L, 0, null, null), (endpoint.After, endpoint.Attempts, endpoint.FailingSince, endpoint.LastError));
    }

    [Fact]
    public async Task Deliver_ReceiverIsDown_TriesTheFirstEventOnly_AndOthersGetTheirs()
    {
        var gone = await LocalListener.StartAsync(_ => Results.Ok(), Stop);
        await AddAsync(gone);
        await gone.DisposeAsync();
        await using var listener = await LocalListener.StartAsync(_ => Results.Ok(), Stop);
        await AddAsync(listener);
        await EventsAsync(Guid.NewGuid(), 2);

        await Deliver().RunAsync(Stop);
        await DueAsync();
        await Deliver().RunAsync(Stop);

        var endpoint = (await Store.ListAsync(Stop))[0];
        Assert.Equal((0L, 2, "the connection failed"), (endpoint.After, endpoint.Attempts, endpoint.LastError));
        Assert.Equal(2, listener.Requests.Count);
    }

    [Fact]
    public async Task Deliver_WhileAReceiverIsSlow_OthersGetNewEvents()
    {
        using var patient = WebhookHttp.ForEndpoints(allowPrivate: true);
        patient.Timeout = TimeSpan.FromMinutes(1);
        using var second = new ManualResetEventSlim();
        await using var fast = await LocalListener.StartAsync(before =>
        {
            if (before == 0)
                EventsAsync(Guid.NewGuid(), 1).Wait(Stop);
            else
                second.Set();
            return Results.Ok();
        }, Stop);
        await using var slow = await LocalListener.StartAsync(_ => second.Wait(TimeSpan.FromSeconds(50), Stop)
            ? Results.Ok()
            : Results.StatusCode(500), Stop);
        await AddAsync(fast);
        await AddAsync(slow);
        await EventsAsync(Guid.NewGuid(), 1);
        var sender = new WebhookSender(Store, Settings, patient, TimeProvider.System);

        var counts = await new DeliverEvents(
            Store, new EventStore(database.Database), sender, Settings, TimeProvider.System, NullLogger<DeliverEvents>.Instance)
            .RunAsync(Stop);

        Assert.Equal((2, 0), (fast.Requests.Count, counts.Failed));
    }

    [Theory]
    [InlineData("4 days 23:59", 500, null)]
    [InlineData("5 days", 500, "failures")]
    [InlineData("1 minute", 410, "gone")]
    public async Task Deliver_FailedForFiveDays_DisablesTheEndpointWithAMail(string failing, int status, string? disabledBy)
    {
        await using var listener = await LocalListener.StartAsync(_ => Results.StatusCode(status), Stop);
        await AddAsync(listener);
        await EventsAsync(Guid.NewGuid(), 1);
        await Deliver().RunAsync(Stop);
        if (status != 410)
            await database.ExecuteAsync("update webhook_endpoints set failing_since = now() - @failing::interval", new { failing });
        await DueAsync();

        var counts = await Deliver().RunAsync(Stop);
        await DueAsync();
        await Deliver().RunAsync(Stop);

        Assert.Equal(disabledBy, Assert.Single(await Store.ListAsync(Stop)).DisabledBy);
        Assert.Equal(disabledBy switch { "failures" => 2, "gone" => 1, _ => 3 }, listener.Requests.Count);
        Assert.Equal(disabledBy == "failures" ? 1 : 0, counts.Disabled);
        var mails = await database.QueryAllAsync<string>(
            """
            select payload ->> 'to' || ' ' || (payload -> 'model' ->> 'host') || ' ' || (payload -> 'model' ->> 'error')
            from outbox where payload ->> 'template' = 'operator_webhook'
            """);
        Assert.Equal(disabledBy is null ? [] : [$"ops@example.com 127.0.0.1 HTTP {status}"], mails);
        Assert.Equal(
            disabledBy is null ? 0 : 1,
            await database.QueryAsync<long>("select count(*) from audit_log where action = 'webhook.disabled'"));
    }

    [Fact]
    public async Task Enable_AfterFailures_SendsWhatWasMissed()
    {
        var isUp = false;
        await using var listener = await LocalListener.StartAsync(_ => isUp ? Results.Ok() : Results.StatusCode(410), Stop);
        var id = (await AddAsync(listener)).Endpoint.EndpointId;
        await EventsAsync(Guid.NewGuid(), 2);
        await Deliver().RunAsync(Stop);
        isUp = true;

        var enabled = await Edit.ChangeAsync(id, new WebhookEndpointChange(Enabled: true), Actor.System, Stop);
        await Deliver().RunAsync(Stop);

        Assert.Equal((0, null, null), (enabled.Value.Attempts, enabled.Value.DisabledAt, enabled.Value.LastError));
        Assert.Equal([1L, 1L, 2L], Ids(listener));
    }

    [Fact]
    public async Task Rotate_WithOverlap_SignsWithBothSecretsUntilItEnds()
    {
        await using var listener = await LocalListener.StartAsync(_ => Results.Ok(), Stop);
        var first = await AddAsync(listener);
        var second = (await Edit.RotateAsync(
            first.Endpoint.EndpointId, new WebhookSecretRotation(3600), Actor.System, Stop)).Value;
        await EventsAsync(Guid.NewGuid(), 1);
        await Deliver().RunAsync(Stop);
        await database.ExecuteAsync("update webhook_secrets set expires_at = now() where expires_at is not null");
        await EventsAsync(Guid.NewGuid(), 1);
        await Deliver().RunAsync(Stop);
        var third = (await Edit.RotateAsync(first.Endpoint.EndpointId, new WebhookSecretRotation(0), Actor.System, Stop)).Value;
        await EventsAsync(Guid.NewGuid(), 1);
        await Deliver().RunAsync(Stop);

        var calls = listener.Requests;
        Assert.NotNull(second.Endpoint.OldSecretsUntil);
        Assert.Null(third.Endpoint.OldSecretsUntil);
        Assert.Equal(3, new[] { first.Secret, second.Secret, third.Secret }.Distinct().Count());
        Assert.Equal(
            [Signature(second.Secret, calls[0]), Signature(first.Secret, calls[0])], calls[0].Headers["webhook-signature"].Split(' '));
        Assert.Equal([Signature(second.Secret, calls[1])], calls[1].Headers["webhook-signature"].Split(' '));
        Assert.Equal([Signature(third.Secret, calls[2])], calls[2].Headers["webhook-signature"].Split(' '));
    }

    [Fact]
    public async Task Rotate_WhileEventsAreSent_EndsTheRunWithTheOldSecret()
    {
        WebhookEndpointSecret? added = null;
        await using var listener = await LocalListener.StartAsync(before =>
        {
            if (before == 0)
                Edit.RotateAsync(added!.Endpoint.EndpointId, new WebhookSecretRotation(0), Actor.System, Stop).Wait(Stop);
            return Results.Ok();
        }, Stop);
        added = await AddAsync(listener);
        await EventsAsync(Guid.NewGuid(), 1);

        await Deliver().RunAsync(Stop);

        // What the receiver may have rejected is sent again, signed with the new secret.
        Assert.Equal(0L, Assert.Single(await Store.ListAsync(Stop)).After);
        await Deliver().RunAsync(Stop);
        Assert.Equal(2, listener.Requests.Count);
        Assert.NotEqual(
            Signature(added.Secret, listener.Requests[1]), listener.Requests[1].Headers["webhook-signature"]);
    }

    [Fact]
    public async Task Keys_NewOneFirst_KeepTheSecretsOfTheOldOne()
    {
        await using var listener = await LocalListener.StartAsync(_ => Results.Ok(), Stop);
        var added = await AddAsync(listener);
        await EventsAsync(Guid.NewGuid(), 2);
        byte[] newKey = [.. Key.Reverse()];

        await Deliver(Settings with { Keys = [newKey] }).RunAsync(Stop);
        var failed = Assert.Single(await Store.ListAsync(Stop));
        await DueAsync();
        await Deliver(Settings with { Keys = [newKey, Key] }).RunAsync(Stop);

        Assert.Equal((WebhookSender.NoSecret, 1), (failed.LastError, failed.Attempts));
        Assert.Equal(2, listener.Requests.Count);
        Assert.All(listener.Requests, call => Assert.Equal(Signature(added.Secret, call), call.Headers["webhook-signature"]));
    }

    [Fact]
    public async Task Replay_FromATimeOrAPlace_SendsTheSameMessagesAgain()
    {
        await using var listener = await LocalListener.StartAsync(_ => Results.Ok(), Stop);
        var id = (await AddAsync(listener)).Endpoint.EndpointId;
        await EventsAsync(Guid.NewGuid(), 4);
        await Deliver().RunAsync(Stop);
        await database.ExecuteAsync("update license_events set occurred_at = occurred_at - interval '1 hour' where position <= 2");

        await Edit.ReplayAsync(id, new WebhookReplay(After: 3), Actor.System, Stop);
        await Deliver().RunAsync(Stop);
        await Edit.ReplayAsync(id, new WebhookReplay(Since: TimeProvider.System.GetUtcNow().AddMinutes(-30)), Actor.System, Stop);
        await Deliver().RunAsync(Stop);
        await Edit.ReplayAsync(id, new WebhookReplay(Since: TimeProvider.System.GetUtcNow().AddDays(1)), Actor.System, Stop);
        await Deliver().RunAsync(Stop);

        Assert.Equal([1L, 2L, 3L, 4L, 4L, 3L, 4L], Ids(listener));
        Assert.Equal(listener.Requests[3].Headers["webhook-id"], listener.Requests[4].Headers["webhook-id"]);
    }

    [Theory]
    [InlineData(null, null)]
    [InlineData(1L, "2026-01-01")]
    [InlineData(-1L, null)]
    [InlineData(5L, null)]
    public async Task Replay_WithoutAValidPlace_ChangesNothing(long? after, string? since)
    {
        await using var listener = await LocalListener.StartAsync(_ => Results.Ok(), Stop);
        await EventsAsync(Guid.NewGuid(), 4);
        await new EventStore(database.Database).NumberAsync(Stop);
        var id = (await AddAsync(listener)).Endpoint.EndpointId;

        var replayed = await Edit.ReplayAsync(
            id, new WebhookReplay(after, since is null ? null : DateTimeOffset.Parse(since, CultureInfo.InvariantCulture)),
            Actor.System, Stop);

        Assert.Equal("after", replayed.Refusal?.Field);
        Assert.Equal(4L, Assert.Single(await Store.ListAsync(Stop)).After);
    }

    [Fact]
    public async Task Replay_WhileEventsAreSent_IsNotUndone()
    {
        await using var listener = await LocalListener.StartAsync(before =>
        {
            if (before == 3)
                database.ExecuteAsync("update webhook_endpoints set position = 0, fence = fence + 1, lease_until = null").Wait(Stop);
            return Results.Ok();
        }, Stop);
        await AddAsync(listener);
        await EventsAsync(Guid.NewGuid(), 4);

        await Deliver().RunAsync(Stop);
        Assert.Equal(0L, Assert.Single(await Store.ListAsync(Stop)).After);
        await Deliver().RunAsync(Stop);

        Assert.Equal([1L, 2L, 3L, 4L, 1L, 2L, 3L, 4L], Ids(listener));
    }

    [Fact]
    public async Task Deliver_ClaimedByAKilledProcess_WaitsForTheEndOfTheLease()
    {
        await using var listener = await LocalListener.StartAsync(_ => Results.Ok(), Stop);
        var id = (await AddAsync(listener)).Endpoint.EndpointId;
        await EventsAsync(Guid.NewGuid(), 1);
        await new EventStore(database.Database).NumberAsync(Stop);
        var killed = await Store.ClaimAsync(id, TimeSpan.FromMinutes(1), Stop);

        await Deliver().RunAsync(Stop);
        Assert.Empty(listener.Requests);
        Assert.Null(await Store.ClaimAsync(id, TimeSpan.FromMinutes(1), Stop));
        await database.ExecuteAsync("update webhook_endpoints set lease_until = now()");
        await Deliver().RunAsync(Stop);

        Assert.Single(listener.Requests);
        Assert.False(await Store.AdvanceAsync(killed!, 0, 0, TimeSpan.FromMinutes(1), Stop));
    }

    [Fact]
    public async Task Deliver_ProcessStops_StoresWhatWasAcceptedAndEndsItsClaim()
    {
        using var stopping = CancellationTokenSource.CreateLinkedTokenSource(Stop);
        await using var listener = await LocalListener.StartAsync(before =>
        {
            if (before == 2)
                stopping.Cancel();
            return Results.Ok();
        }, Stop);
        await AddAsync(listener);
        await EventsAsync(Guid.NewGuid(), 10);

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => Deliver().RunAsync(stopping.Token));

        var endpoint = Assert.Single(await Store.ListAsync(Stop));
        Assert.InRange(endpoint.After, 2, 3);
        Assert.Equal(0, endpoint.Attempts);
        await Deliver().RunAsync(Stop);
        Assert.Equal(10L, Assert.Single(await Store.ListAsync(Stop)).After);
    }

    [Fact]
    public async Task Deliver_WhileAReceiverIsCalled_NoTransactionIsOpen()
    {
        var open = -1L;
        await using var listener = await LocalListener.StartAsync(_ =>
        {
            open = database.QueryAsync<long>(
                "select count(*) from pg_stat_activity where datname = current_database() and state like 'idle in transaction%'").Result;
            return Results.Ok();
        }, Stop);
        await AddAsync(listener);
        await EventsAsync(Guid.NewGuid(), 1);

        await Deliver().RunAsync(Stop);

        Assert.Equal(0L, open);
    }

    private WebhookEndpointStore Store => new(database.Database);

    private EditWebhookEndpoints Edit => new(database.Database, Settings);

    private DeliverEvents Deliver(WebhookSettings? settings = null) => new(
        Store, new EventStore(database.Database), new WebhookSender(Store, settings ?? Settings, http, TimeProvider.System),
        settings ?? Settings, TimeProvider.System, NullLogger<DeliverEvents>.Instance);

    private async Task<WebhookEndpointSecret> AddAsync(LocalListener listener, params string[] types) =>
        (await Edit.AddAsync(
            new NewWebhookEndpoint(listener.Address.ToString(), types is [] ? null : types), Actor.System, Stop)).Value;

    private Task<int> EventsAsync(Guid license, int count) => database.ExecuteAsync(
        "select add_license_event(@license, 'price.agreed', jsonb_build_object('n', n)) from generate_series(1, @count) n",
        new { license, count });

    private Task<int> DueAsync() => database.ExecuteAsync("update webhook_endpoints set due_at = now()");

    private static IEnumerable<long> Ids(LocalListener listener) =>
        listener.Requests.Select(call => (long)JsonNode.Parse(call.Body)!["data"]!["id"]!);

    /// <summary>As the convention says, without the package.</summary>
    private static string Signature(string secret, ReceivedRequest call)
    {
        var signed = $"{call.Headers["webhook-id"]}.{call.Headers["webhook-timestamp"]}.{call.Body}";
        return "v1," + Convert.ToBase64String(
            HMACSHA256.HashData(Convert.FromBase64String(secret["whsec_".Length..]), Encoding.UTF8.GetBytes(signed)));
    }

    private static CancellationToken Stop => TestContext.Current.CancellationToken;
}
