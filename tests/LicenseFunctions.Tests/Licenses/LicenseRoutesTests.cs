using System.Text.Json.Nodes;
using LicenseFunctions.Tests.Support;
using Licensing.Renewals;
using Xunit;

namespace LicenseFunctions.Tests.Licenses;

/// <summary>The routes for devices, tokens and suspensions, over HTTP.</summary>
public sealed class LicenseRoutesTests(PostgresFixture postgres) : IAsyncLifetime
{
    private LicenseScene scene = null!;
    private RunningApp app = null!;

    private string License => $"/api/v1/licenses/{scene.SubscriptionId}";

    private string Owner => "Bearer " + RunningApp.Token("subscriber", scene.SubscriberId);

    private static string Operator => "Bearer " + RunningApp.Token("operator");

    public async ValueTask InitializeAsync()
    {
        scene = await LicenseScene.NewAsync(postgres);
        app = await RunningApp.StartHereAsync(scene.Database);
    }

    public async ValueTask DisposeAsync()
    {
        await app.DisposeAsync();
        await scene.DisposeAsync();
    }

    [Fact]
    public async Task Validate_ByTheEa_AnswersEveryField()
    {
        var (status, body, _) = await ValidateAsync("EA-1", 12345678, "n-1");

        Assert.Equal(200, status);
        Assert.Equal(
            [
                "valid", "code", "detail", "reasons", "entitlement", "close_only_until", "subscription_id", "status", "expires_at",
                "device", "devices", "lease", "nonce", "checked_at",
            ],
            body!.AsObject().Select(field => field.Key));
        Assert.Equal(("VALID", "ACTIVE", "n-1", true),
            ((string)body["code"]!, (string)body["status"]!, (string)body["nonce"]!, (bool)body["device"]!["is_new"]!));
        Assert.Equal((1, 2), ((int)body["devices"]!["used"]!, (int)body["devices"]!["max"]!));
        Assert.EndsWith("Z", (string)body["checked_at"]!, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Validate_UnknownToken_IsAVerdictWithEveryField()
    {
        var (status, body, _) = await app.PostAsync("/api/v1/licenses/validate", "License nobody's",
            new { ea_instance_id = "EA-1", mt5_account_number = 1 });

        Assert.Equal((200, "NOT_FOUND"), (status, (string)body!["code"]!));
        Assert.True(body.AsObject().ContainsKey("device") && body["device"] is null);
    }

    [Fact]
    public async Task Validate_ByAService_NeedsHashAndAddress()
    {
        var service = "Bearer " + RunningApp.Token("service");

        var (missing, problem, _) = await app.PostAsync("/api/v1/licenses/validate", service,
            new { ea_instance_id = "EA-1", mt5_account_number = 1 });
        var (status, body, _) = await app.PostAsync("/api/v1/licenses/validate", service, new
        {
            ea_instance_id = "EA-1",
            mt5_account_number = 1,
            token_hash = LicenseScene.Hash(LicenseScene.Token),
            ip_address = "203.0.113.9",
        });

        Assert.Equal((400, "token_hash"), (missing, (string)problem!["field"]!));
        Assert.Equal((200, "VALID"), (status, (string)body!["code"]!));
        Assert.Equal("203.0.113.9", await scene.Database.QueryAsync<string>("select host(ip_address) from license_devices"));
    }

    [Theory]
    [InlineData("?stauts=ACTIVE", "stauts")]
    [InlineData("?limit=5&=x", "")]
    [InlineData("?limit=5&sort=name", "sort")]
    public async Task List_WithAnUnknownParameter_IsRefused(string query, string field)
    {
        var (status, problem, _) = await app.GetAsync("/api/v1/licenses" + query, Operator);

        Assert.Equal(
            (400, "UNKNOWN_PARAMETER", field, "Its parameters are search, status, user_id, after, limit."),
            (status, (string)problem!["code"]!, (string)problem["field"]!, (string)problem["hint"]!));
    }

    [Theory]
    [InlineData("/api/v1/licenses?LIMIT=5")]
    [InlineData("/api/v1/licenses?code=key-of-the-host")]
    [InlineData("/api/v1/payments/refunds?status=open")] // no list with parameters
    public async Task List_WithAnotherParameterThatItMayHave_IsAnswered(string path) =>
        Assert.Equal(200, (await app.GetAsync(path, Operator)).Status);

    [Fact]
    public async Task DaysUntilExpiry_AreThoseOfTheCalendar_InEveryAnswer()
    {
        await scene.Database.ExecuteAsync(
            "update license_tokens set expires_at = date_trunc('day', now() at time zone 'UTC') at time zone 'UTC' - interval '1 day'");
        var expiresAt = await scene.Database.QueryAsync<DateTime>("select expires_at from license_tokens");
        async Task<int> DaysAsync() => RenewalWarnings.DaysLeft(expiresAt, await scene.Database.QueryAsync<DateTime>("select now()"));

        var before = await DaysAsync();
        var found = (await app.GetAsync(License, Owner)).Body!;
        var listed = (await app.GetAsync("/api/v1/licenses", Owner)).Body!["licenses"]![0]!;
        var health = (await app.GetAsync(License + "/health", Owner)).Body!;

        // -1, or -2 if midnight passes during the test.
        int[] expected = [before, await DaysAsync()];
        Assert.All([found, listed, health], answer => Assert.Contains((int)answer["days_until_expiry"]!, expected));
    }

    [Fact]
    public async Task Devices_ListRenameAndRemove_ByTheOwnerOnly()
    {
        await ValidateAsync("EA-1", 12345678);
        await scene.Database.ExecuteAsync(
            "select record_license_usage(@hash, @SubscriptionId, '198.51.100.7'::inet, 'EA-1', 12345678, 1, 0, 0, null)",
            new { hash = LicenseScene.Hash(LicenseScene.Token), scene.SubscriptionId });

        var (_, list, _) = await app.GetAsync(License + "/devices", Owner);
        var device = list!["devices"]![0]!;
        var id = (string)device["device_id"]!;
        var stranger = "Bearer " + RunningApp.Token("subscriber");

        Assert.Equal(1, (int)list["device_count"]!);
        Assert.Equal(1, (int)(await app.GetAsync(License, Owner)).Body!["device_count"]!);
        Assert.Equal((1, (int)list["max_devices"]! - 1), ((int)list["slots_used"]!, (int)list["slots_free"]!));
        Assert.Equal((1, 2), ((int)device["usage_count"]!, device["networks"]!.AsArray().Count));
        Assert.Equal(404, (await app.GetAsync(License + "/devices", stranger)).Status);
        Assert.Equal(404, (await app.SendAsync(HttpMethod.Delete, $"{License}/devices/{id}", stranger)).Status);
        Assert.Equal(204, (await app.SendAsync(HttpMethod.Patch, $"{License}/devices/{id}", Owner, new { name = "VPS" })).Status);
        Assert.Equal("VPS", (string?)(await app.GetAsync(License + "/devices", Operator)).Body!["devices"]![0]!["name"]);
        Assert.Equal(204, (await app.SendAsync(HttpMethod.Delete, $"{License}/devices/{id}", Owner)).Status);
        Assert.Equal(404, (await app.SendAsync(HttpMethod.Delete, $"{License}/devices/{id}", Owner)).Status);
        foreach (var page in (string[])[License, License + "/devices"])
            Assert.Equal(0, (int)(await app.GetAsync(page, Owner)).Body!["device_count"]!);
        Assert.Equal([(1, "false", true)], await scene.Database.QueryAllAsync<(int, string, bool)>(
            """
            select (before ->> 'slot')::int, before ->> 'beyond_limit', after ? 'removed_at'
            from audit_log where action = 'device.removed'
            """));
    }

    [Fact]
    public async Task Token_Rotated_IsShownOnceAndStoredAsAHash()
    {
        await scene.Database.ExecuteAsync("update license_tokens set last_used_at = '2026-01-02T03:04:05Z'");
        var (status, body, response) = await app.PostAsync(License + "/token", Owner, new { overlap_seconds = 0 });
        var token = (string)body!["token"]!;
        Assert.Equal("2026-01-02T03:04:05Z", (string?)(await app.GetAsync(License, Owner)).Body!["last_used_at"]);

        Assert.Equal(201, status);
        Assert.Contains("no-store", response.Headers.CacheControl!.ToString(), StringComparison.Ordinal);
        Assert.Equal(1, await scene.CountAsync($"license_tokens where token_hash = '{LicenseScene.Hash(token)}'"));
        Assert.Equal("REVOKED", (string)(await ValidateAsync("EA-1", 1)).Body!["code"]!);
        Assert.Equal(400, (await app.PostAsync(License + "/token", Owner, new { overlap_seconds = -1 })).Status);
    }

    [Theory]
    [InlineData(3600)]
    [InlineData(0)]
    public async Task Token_Rotated_ActivitySaysUntilWhenTheOldOneWorks(int overlapSeconds)
    {
        Assert.Null((await app.GetAsync(License + "/activity", Owner)).Body!["previous_token_until"]);

        var (_, rotated, _) = await app.PostAsync(License + "/token", Owner, new { overlap_seconds = overlapSeconds });

        var until = (DateTimeOffset?)(await app.GetAsync(License + "/activity", Owner)).Body!["previous_token_until"];
        Assert.Equal(overlapSeconds > 0, until is not null);
        Assert.Equal((DateTimeOffset?)rotated!["previous_valid_until"], until);
        await scene.Database.ExecuteAsync("update license_token_replacements set overlap_until = now()");
        Assert.Null((await app.GetAsync(License + "/activity", Owner)).Body!["previous_token_until"]);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(null)]
    public async Task Token_RotatedWithoutABody_EndsTheOldOne(int? length)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, License + "/token");
        request.Headers.TryAddWithoutValidation("Authorization", Owner);
        if (length is not null)
            request.Content = new ByteArrayContent([]);

        var response = await app.Client.SendAsync(request, LicenseScene.Stop);

        Assert.Equal(System.Net.HttpStatusCode.Created, response.StatusCode);
        Assert.Equal("REVOKED", (string)(await ValidateAsync("EA-1", 1)).Body!["code"]!);
    }

    [Fact]
    public async Task Device_Renamed_IsAuditedWithBothNames()
    {
        var id = (string)(await ValidateAsync("EA-1", 12345678)).Body!["device"]!["device_id"]!;

        await app.SendAsync(HttpMethod.Patch, $"{License}/devices/{id}", Owner, new { name = "VPS" });
        await app.SendAsync(HttpMethod.Patch, $"{License}/devices/{id}", Owner, new { name = "Home" });

        Assert.Equal(
            [(null, "VPS"), ("VPS", "Home")],
            await scene.Database.QueryAllAsync<(string?, string?)>(
                "select before ->> 'name', after ->> 'name' from audit_log where action = 'device.renamed' order by audit_id"));
    }

    /// <summary>A page after another subscriber's license must not tell whose address comes first.</summary>
    [Fact]
    public async Task Licenses_AfterAForeignId_AreThoseAfterAnUnknownId()
    {
        await scene.Database.ExecuteAsync(
            """
            with people as (
                insert into users (email, role) values ('a@x.test', 'subscriber'), ('z@x.test', 'subscriber') returning user_id),
            subscription as (
                insert into subscriptions (subscriber_id, master_id)
                select p.user_id, s.master_id from people p cross join subscriptions s returning subscription_id)
            insert into license_tokens (subscription_id, token_hash) select subscription_id, subscription_id::text from subscription
            """);
        var foreign = await scene.Database.QueryAllAsync<Guid>(
            "select subscription_id from subscriptions where subscription_id <> @SubscriptionId", new { scene.SubscriptionId });

        var unknown = await AfterAsync(Guid.NewGuid(), Owner);
        Assert.Equal("""{"licenses":[],"next":null}""", unknown);
        Assert.Equal(2, foreign.Count);
        foreach (var id in foreign)
            Assert.Equal(unknown, await AfterAsync(id, Owner));
        // An operator sees all licenses, so at least one of these pages isn't empty.
        Assert.Contains(
            scene.SubscriptionId.ToString(), await AfterAsync(foreign[0], Operator) + await AfterAsync(foreign[1], Operator),
            StringComparison.Ordinal);

        async Task<string> AfterAsync(Guid id, string caller) =>
            (await app.GetAsync($"/api/v1/licenses?after={id}", caller)).Body!.ToJsonString();
    }

    [Fact]
    public async Task Validate_TooOftenByAService_IsLimitedByLicense()
    {
        await using var limited = await RunningApp.StartHereAsync(scene.Database, ("RATE_LIMIT_PER_MINUTE", "2"));
        var service = "Bearer " + RunningApp.Token("service");
        Task<(int Status, JsonNode? Body, HttpResponseMessage Response)> CheckAsync(string token) =>
            limited.PostAsync("/api/v1/licenses/validate", service, new
            {
                ea_instance_id = "EA-1",
                mt5_account_number = 1,
                token_hash = LicenseScene.Hash(token),
                ip_address = "203.0.113.9",
            });

        Assert.Equal((200, 200), ((await CheckAsync(LicenseScene.Token)).Status, (await CheckAsync(LicenseScene.Token)).Status));
        var (status, problem, response) = await CheckAsync(LicenseScene.Token);

        Assert.Equal((429, "RATE_LIMITED"), (status, (string)problem!["code"]!));
        Assert.InRange(response.Headers.RetryAfter!.Delta!.Value.TotalSeconds, 1, 30);
        Assert.Equal(200, (await CheckAsync("another license's")).Status);
    }

    [Fact]
    public async Task Text_WithAZeroCharacter_IsRefused()
    {
        await app.PostAsync(License + "/suspend", Operator, new { reason = "Leaked" });

        var (status, problem, _) = await app.PostAsync(License + "/appeal", Owner, new { message = "not\0me" });
        var (asked, _, _) = await app.GetAsync("/api/v1/quarantine?code=%00", Operator);

        Assert.Equal((400, "INVALID_TEXT", 400), (status, (string)problem!["code"]!, asked));
    }

    [Theory]
    [InlineData("LOCKED_NO_FUNDS", true, "SUSPENDED", "LOCKED_NO_FUNDS")]
    [InlineData("PAUSED_TOXIC", true, "SUSPENDED", "PAUSED_TOXIC")]
    [InlineData("SYNCED", false, "SUSPENDED", "INACTIVE")]
    [InlineData("DEGRADED_GAP", true, "ACTIVE", "VALID")]
    public async Task StatusAndCode_OfAPlatformsState_AreTheSameInCheckListPageAndHealth(
        string state, bool active, string status, string code)
    {
        await scene.Database.ExecuteAsync(
            "update subscriptions set state = @state::subscription_state, is_active = @active", new { state, active });
        var caller = "Bearer " + RunningApp.Token("operator");

        var check = (await app.PostAsync(
            "/api/v1/licenses/validate", "License " + LicenseScene.Token, """{"ea_instance_id": "EA-1", "mt5_account_number": 1}""")).Body!;
        var list = (await app.GetAsync("/api/v1/licenses", caller)).Body!["licenses"]![0]!;
        var filtered = (await app.GetAsync($"/api/v1/licenses?status={status}", caller)).Body!["licenses"]!.AsArray();
        var page = (await app.GetAsync($"/api/v1/licenses/{scene.SubscriptionId}", caller)).Body!;
        var health = (await app.GetAsync($"/api/v1/licenses/{scene.SubscriptionId}/health", caller)).Body!;

        foreach (var answer in (JsonNode[])[check, list, page, health])
            Assert.Equal((status, code), ((string?)answer["status"], (string?)answer["code"]));
        Assert.Single(filtered);
        Assert.Equal(status == "ACTIVE", (int)health["health_score"]! > 60);
    }

    [Theory]
    [InlineData("-1 hour", null, 71)]
    [InlineData("-1 hour", "80 hours", 80)]
    [InlineData("1 hour", "80 hours", null)]
    [InlineData("-100 hours", null, null)]
    public async Task GraceUntil_OfALicense_IsItsEndWhileItLasts(string expiry, string? chargeOpenFor, int? left)
    {
        await scene.Database.ExecuteAsync(
            """
            update license_tokens set expires_at = now() + @expiry::interval;
            insert into license_states (subscription_id, grace_until) values (@SubscriptionId, now() + @chargeOpenFor::interval)
            on conflict (subscription_id) do update set grace_until = excluded.grace_until
            """, new { expiry, chargeOpenFor, scene.SubscriptionId });

        var page = (await app.GetAsync(License, Owner)).Body!;
        var list = (await app.GetAsync("/api/v1/licenses", Owner)).Body!["licenses"]![0]!;

        Assert.Equal(left is null, page["grace_until"] is null);
        Assert.Equal((string?)page["grace_until"], (string?)list["grace_until"]);
        if (left is not null)
            Assert.Equal(left, await scene.Database.QueryAsync<int?>(
                "select round(extract(epoch from @until::timestamptz - now()) / 3600)::int", new { until = (string?)page["grace_until"] }));
    }

    [Fact]
    public async Task SuspendThenReinstate_ByAnOperator_IsAudited()
    {
        var operatorId = Guid.NewGuid();
        var caller = "Bearer " + RunningApp.Token("operator", operatorId);

        Assert.Equal(400, (await app.PostAsync(License + "/suspend", caller, new { reason = "" })).Status);
        Assert.Equal("SUSPENDED", (string)(await app.PostAsync(License + "/suspend", caller, new { reason = "Leaked" })).Body!["status"]!);
        var reason = (await app.GetAsync(License + "/suspension", Owner)).Body!["suspensions"]![0]!;
        Assert.Equal(("OPERATOR", "Leaked"), ((string)reason["cause"]!, (string)reason["note"]!));
        var refused = (await ValidateAsync("EA-1", 1)).Body!;
        Assert.Equal(("SUSPENDED", "License suspended: Leaked"), ((string)refused["code"]!, (string)refused["detail"]!));
        Assert.Equal(409, (await app.PostAsync(License + "/suspend", caller, new { reason = "Leaked" })).Status);
        Assert.Equal(409, (await app.PostAsync(License + "/lift-suspension", Owner)).Status);
        Assert.Equal("ACTIVE", (string)(await app.PostAsync(License + "/reinstate", caller, new { reason = "Rotated" })).Body!["status"]!);
        Assert.Equal("VALID", (string)(await ValidateAsync("EA-1", 1)).Body!["code"]!);
        Assert.Equal(2, await scene.CountAsync(
            $"audit_log where actor_kind = 'operator' and actor_id = '{operatorId}' and reason is not null"));
        Assert.Equal(404, (await app.PostAsync($"/api/v1/licenses/{Guid.NewGuid()}/suspend", caller, new { reason = "Leaked" })).Status);
    }

    private Task<(int Status, JsonNode? Body, HttpResponseMessage Response)> ValidateAsync(string ea, long account, string? nonce = null) =>
        app.PostAsync(
            "/api/v1/licenses/validate", "License " + LicenseScene.Token, new { ea_instance_id = ea, mt5_account_number = account, nonce });
}
