using System.Net;
using LicenseFunctions.Infrastructure.Database;
using LicenseFunctions.Suspicion;
using LicenseFunctions.Tests.Support;
using Licensing;
using Licensing.Suspicion;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Primitives;
using Xunit;

namespace LicenseFunctions.Tests.Suspicion;

/// <summary>The question "was this you?": how it is asked, answered in the page and by the mail's link, and what follows silence.</summary>
public sealed class AnswerAlertTests(PostgresFixture postgres)
{
    private const string Known = "198.51.1.4";
    private const string Unknown = "203.0.113.200";

    [Fact]
    public async Task Scan_EvidenceThatIsLimitedToAQuestion_AsksAndSuspendsNobody()
    {
        await using var scene = await SuspicionScene.NewAsync(postgres);
        await AskAsync(scene);

        var alert = Assert.Single((await ListAsync(scene, ("measure", "ASKED"))).Value.Alerts);

        Assert.Equal(("NOTIFIED", "ASKED", "WAITING"), (alert.AutoActionTaken, alert.Measure, alert.CustomerAnswer));
        Assert.NotNull(alert.AskedAt);
        Assert.Equal("SYNCED", await scene.StateAsync());
        Assert.Equal(["ASKED"], await scene.Database.QueryAllAsync<string>(
            "select payload -> 'model' ->> 'measure' from outbox where payload ->> 'template' = 'device_alert'"));
        Assert.Equal(["ASKED"], await scene.Database.QueryAllAsync<string>(
            """
            select alert ->> 'measure' from outbox, jsonb_array_elements(payload -> 'alerts') alert
            where kind = 'alert_webhook' and alert ->> 'severity' <> 'LOW'
            """));
    }

    [Theory]
    [InlineData(Known, true)]
    [InlineData(Unknown, false)]
    public async Task Answer_Yes_ClosesTheAlertOnlyFromAnAddressWithEarlierUse(string address, bool trusted)
    {
        await using var scene = await AskedAsync();
        var alertId = await scene.AlertIdAsync();

        var first = await AnswerAsync(scene, alertId, true, address);
        var repeated = await AnswerAsync(scene, alertId, true, address);

        Assert.Equal((true, trusted), (first.Value.WasYou, first.Value.Trusted));
        Assert.Equal(first.Value, repeated.Value);
        Assert.Equal([$"{(trusted ? "RESOLVED" : "OPEN")} CONFIRMED {(trusted ? "true" : "false")}"], await StatesAsync(scene));
        Assert.Equal(["owner alert.confirmed"], await AuditAsync(scene));
    }

    [Fact]
    public async Task Answer_No_StaysOpenWhateverIsAnsweredLater()
    {
        await using var scene = await AskedAsync();
        var alertId = await scene.AlertIdAsync();

        var no = await AnswerAsync(scene, alertId, false, Known);
        var again = await AnswerAsync(scene, alertId, false, Known);
        var yes = await AnswerAsync(scene, alertId, true, Known);
        var byLink = await scene.Answer.ConfirmAsync(
            new ConfirmationRequest(LinkOf(scene, alertId)), IPAddress.Parse(Known), Stop);

        Assert.Equal((false, false), (no.Value.WasYou, no.Value.Trusted));
        Assert.Equal(no.Value, again.Value);
        Assert.False(yes.Value.Trusted);
        Assert.False(byLink.Value.Trusted);
        Assert.Equal(["OPEN DENIED false"], await StatesAsync(scene));
        Assert.Equal("SYNCED", await scene.StateAsync());
        Assert.Equal(["owner alert.denied", "owner alert.confirmed"], await AuditAsync(scene));
    }

    [Fact]
    public async Task Confirm_ByLinkTwice_ReturnsTheSame()
    {
        await using var scene = await AskedAsync();
        var request = new ConfirmationRequest(LinkOf(scene, await scene.AlertIdAsync()));

        var first = await scene.Answer.ConfirmAsync(request, IPAddress.Parse(Known), Stop);
        var second = await scene.Answer.ConfirmAsync(request, IPAddress.Parse(Known), Stop);

        Assert.True(first.Value.Trusted);
        Assert.Equal(first.Value, second.Value);
        Assert.Equal(["service alert.confirmed_by_link"], await AuditAsync(scene));
    }

    [Fact]
    public async Task Answer_ByOthersOrAboutOtherAlerts_ChangesNothing()
    {
        await using var scene = await AskedAsync();
        var alertId = await scene.AlertIdAsync();
        var owner = await OwnerAsync(scene);
        var other = await scene.Usage.LicenseAsync();
        var otherOwner = await scene.Database.QueryAsync<Guid>(
            "select subscriber_id from subscriptions where subscription_id = @SubscriptionId", other);

        var byStranger = await AnswerAsync(scene, scene.License.SubscriptionId, alertId, otherOwner, true);
        var throughAnotherLicense = await AnswerAsync(scene, other.SubscriptionId, alertId, otherOwner, true);
        var unknownAlert = await AnswerAsync(scene, scene.License.SubscriptionId, Guid.NewGuid(), owner, false);
        var nothing = await scene.Answer.AnswerAsync(
            scene.License.SubscriptionId, alertId, owner, new AlertAnswer(null), null, Actor.Owner(owner), Stop);

        Assert.Equal("LICENSE_NOT_FOUND", byStranger.Refusal?.Code);
        Assert.Equal(("ALERT_NOT_FOUND", "ALERT_NOT_FOUND"), (throughAnotherLicense.Refusal?.Code, unknownAlert.Refusal?.Code));
        Assert.Equal(("INVALID_ANSWER", "was_you"), (nothing.Refusal?.Code, nothing.Refusal?.Field));
        Assert.Equal(["OPEN WAITING false"], await StatesAsync(scene));
        Assert.Empty(await AuditAsync(scene));
    }

    [Fact]
    public async Task Answer_NoToAClosedAlert_IsRefused()
    {
        await using var scene = await AskedAsync();
        var alertId = await scene.AlertIdAsync();
        await scene.Review.RunAsync(alertId, new AlertReview("RESOLVED", "Phoned"), Actor.Operator(Guid.NewGuid()), Stop);

        Assert.Equal("ALERT_CLOSED", (await AnswerAsync(scene, alertId, false, Known)).Refusal?.Code);
    }

    [Theory]
    [InlineData("71 hours 59 minutes", "WAITING", 0)]
    [InlineData("72 hours", "UNANSWERED", 1)]
    public async Task Silence_For72Hours_GoesToTheOperatorsAndSuspendsNobody(string ago, string answer, int mails)
    {
        await using var scene = await AskedAsync();
        await scene.Database.ExecuteAsync(
            "update suspicious_activity_alerts set asked_at = now() - @ago::interval where asked_at is not null", new { ago });
        var notify = new NotifyOfAnswers(scene.Database.Database, scene.Settings);

        await notify.RunAsync(Stop);
        await notify.RunAsync(Stop);
        await scene.Scan.RunAsync(Stop);

        Assert.Equal([$"OPEN {answer} false"], await StatesAsync(scene));
        Assert.Equal(mails, (await ListAsync(scene, ("customer_answer", "UNANSWERED"))).Value.Total);
        Assert.Equal(1 - mails, (await ListAsync(scene, ("customer_answer", "WAITING"))).Value.Total);
        Assert.Equal(mails, await scene.Database.QueryAsync<int>(
            """
            select count(*)::int from outbox
            where payload ->> 'template' = 'operator_answers' and payload ->> 'to' = 'security@example.com'
            """));
        Assert.Equal("SYNCED", await scene.StateAsync());
    }

    [Fact]
    public async Task Notify_AnswersOfManyAlerts_AreOneMailWithTheDenialsFirst()
    {
        await using var scene = await SuspicionScene.NewAsync(postgres);
        await scene.Database.ExecuteAsync(
            """
            insert into suspicious_activity_alerts
                (subscription_id, activity_type, severity, evidence, auto_action_taken, asked_at, customer_denied_at, customer_confirmed_at,
                 status)
            select @SubscriptionId, 'CONCURRENT_SESSIONS', 'HIGH', '{"measure": "ASKED"}', 'NOTIFIED', now() - asked::interval,
                   case when answer = 'no' then now() end, case when answer = 'yes' then now() end, status
            from (values ('80 hours', null, 'OPEN'), ('1 hour', 'no', 'INVESTIGATING'), ('1 hour', 'yes', 'OPEN'), ('1 hour', null, 'OPEN'),
                         ('80 hours', null, 'RESOLVED')) as a (asked, answer, status), generate_series(1, 10)
            """, scene.License);
        var notify = new NotifyOfAnswers(scene.Database.Database, scene.Settings);

        await notify.RunAsync(Stop);
        await notify.RunAsync(Stop);

        Assert.Equal(["20 10 DENIED"], await scene.Database.QueryAllAsync<string>(
            """
            select concat_ws(' ', jsonb_array_length(payload -> 'model' -> 'alerts'), payload -> 'model' ->> 'more',
                             payload -> 'model' -> 'alerts' -> 0 ->> 'customer_answer')
            from outbox where kind = 'email'
            """));
        Assert.Equal(30, await scene.Database.QueryAsync<int>(
            "select count(*)::int from suspicious_activity_alerts where escalated_at is not null"));
    }

    [Fact]
    public async Task Answer_NoAfterSilence_IsToldAgain()
    {
        await using var scene = await AskedAsync();
        await scene.Database.ExecuteAsync("update suspicious_activity_alerts set escalated_at = now() where asked_at is not null");

        await AnswerAsync(scene, await scene.AlertIdAsync(), false, Unknown);
        await new NotifyOfAnswers(scene.Database.Database, scene.Settings).RunAsync(Stop);

        Assert.Equal(1, await scene.Database.QueryAsync<int>(
            "select count(*)::int from outbox where payload ->> 'template' = 'operator_answers'"));
    }

    [Theory]
    [InlineData("REFUSED", "ASKED", "NOTIFIED", "REFUSED")]
    [InlineData("ASKED", "REFUSED", "NOTIFIED", "REFUSED")]
    [InlineData("REFUSED", null, "SUSPENDED", "SUSPENDED")]
    [InlineData("a word of the platform", null, "NOTIFIED", "NOTIFIED")]
    public async Task Measure_OfOneIncident_StaysTheStrongest(string first, string? second, string secondAction, string measure)
    {
        await using var scene = await SuspicionScene.NewAsync(postgres);

        await RaiseAsync(first, "NOTIFIED");
        await RaiseAsync(second, secondAction);

        Assert.Equal([measure], await scene.Database.QueryAllAsync<string>("select measure from suspicious_activity_alerts"));

        Task RaiseAsync(string? word, string action) => scene.Database.ExecuteAsync(
            """
            select raise_alert(@SubscriptionId, 'CONCURRENT_SESSIONS', 'HIGH', 'x', jsonb_build_object('measure', @word::text), @action,
                               incident => 'people')
            """, new { scene.License.SubscriptionId, word, action });
    }

    [Fact]
    public async Task Words_OfAnswersAndMeasures_AreThoseOfSql()
    {
        await using var database = await postgres.NewDatabaseAsync();

        Assert.Equal(
            EnumWords.AllUpper<CustomerAnswer>(),
            await database.QueryAllAsync<string>(
                """
                select customer_answer(now() - asked, yes, no)
                from (values (interval '71 hours', null::timestamptz, null::timestamptz), ('72 hours', null, null), (null, now(), null),
                             ('80 hours', now(), now())) as a (asked, yes, no)
                """));
        Assert.Equal(
            Enumerable.Range(1, 5),
            await database.QueryAllAsync<int>(
                "select measure_rank(m) from unnest(@all) as m", new { all = EnumWords.AllUpper<Measure>().ToArray() }));
    }

    [Fact]
    public async Task Activity_OfASubscriber_OffersTheQuestionWhileTheAlertIsOpen()
    {
        await using var scene = await AskedAsync();
        var owner = await OwnerAsync(scene);

        var before = (await scene.Answer.ActivityAsync(scene.License.SubscriptionId, owner, Stop)).Value.Alerts;
        await AnswerAsync(scene, await scene.AlertIdAsync(), true, Known);
        var after = (await scene.Answer.ActivityAsync(scene.License.SubscriptionId, owner, Stop)).Value.Alerts;

        Assert.Contains(before, alert => (alert.CanAnswer, alert.Measure, alert.CustomerAnswer) == (true, "ASKED", "WAITING"));
        Assert.Contains(after, alert => (alert.CanAnswer, alert.Measure, alert.CustomerAnswer) == (false, "ASKED", "CONFIRMED"));
    }

    private async Task<SuspicionScene> AskedAsync()
    {
        var scene = await SuspicionScene.NewAsync(postgres);
        await AskAsync(scene);
        return scene;
    }

    /// <summary>Three people at once, which would suspend, under a policy that only asks.</summary>
    private static async Task AskAsync(SuspicionScene scene)
    {
        await scene.RecordAndScanAsync(scene.Hours(30, 6, 1, 2));
        await scene.Usage.SendAsync([.. scene.Hours(5, 2, 1, 2, 3)]);
        await scene.ScanBy(new DetectionPolicy { ConcurrentAtMost = FindingAction.Ask, TurnsAtMost = FindingAction.Ask }).RunAsync(Stop);
    }

    private static string LinkOf(SuspicionScene scene, Guid alertId) =>
        scene.Links.Path(AnswerSuspicion.Purpose, alertId, scene.Usage.Time.GetUtcNow().AddDays(1))!.Split('#')[1];

    private static async Task<Outcome<AnswerReceipt>> AnswerAsync(SuspicionScene scene, Guid alertId, bool wasYou, string address) =>
        await AnswerAsync(scene, scene.License.SubscriptionId, alertId, await OwnerAsync(scene), wasYou, address);

    private static Task<Outcome<AnswerReceipt>> AnswerAsync(
        SuspicionScene scene, Guid subscriptionId, Guid alertId, Guid owner, bool wasYou, string address = Known) =>
        scene.Answer.AnswerAsync(
            subscriptionId, alertId, owner, new AlertAnswer(wasYou), IPAddress.Parse(address), Actor.Owner(owner), Stop);

    private static Task<Guid> OwnerAsync(SuspicionScene scene) => scene.Database.QueryAsync<Guid>(
        "select subscriber_id from subscriptions where subscription_id = @SubscriptionId", scene.License);

    private static Task<IReadOnlyList<string>> StatesAsync(SuspicionScene scene) => scene.Database.QueryAllAsync<string>(
        "select status || ' ' || customer_answer || ' ' || confirmed_from_known from listed_alerts where asked_at is not null");

    private static Task<IReadOnlyList<string>> AuditAsync(SuspicionScene scene) => scene.Database.QueryAllAsync<string>(
        "select actor_kind || ' ' || action from audit_log where action ~ '^alert[.](confirmed|denied)' order by audit_id");

    private static Task<Outcome<AlertPage>> ListAsync(SuspicionScene scene, params (string Name, string? Value)[] query) =>
        scene.Alerts.RunAsync(new QueryCollection(query.ToDictionary(pair => pair.Name, pair => new StringValues(pair.Value))), Stop);

    private static CancellationToken Stop => TestContext.Current.CancellationToken;
}
