using System.Net;
using LicenseFunctions.Infrastructure.Database;
using LicenseFunctions.Licenses;
using LicenseFunctions.Operations;
using LicenseFunctions.Suspicion;
using LicenseFunctions.Tests.Support;
using Licensing;
using Licensing.Devices;
using Licensing.Suspicion;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Primitives;
using Xunit;

namespace LicenseFunctions.Tests.Suspicion;

public sealed class AlertTests(PostgresFixture postgres)
{
    private static readonly Actor Operator = Actor.Operator(Guid.NewGuid());

    [Fact]
    public async Task Review_FalsePositiveWithReinstate_RestoresTheLicenseAndPreventsAnotherSuspension()
    {
        await using var scene = await SuspendedAsync();

        var reviewed = await scene.Review.RunAsync(
            await scene.AlertIdAsync(), new AlertReview("FALSE_POSITIVE", "Backup VPS", true), Operator, Stop);
        var counts = await scene.RecordAndScanAsync(scene.Hours(1, 0, 1, 2, 3));

        Assert.Equal(("FALSE_POSITIVE", false), (reviewed.Value.Alert.Status, reviewed.Value.Alert.IsSuspended));
        Assert.Empty(reviewed.Value.AlsoClosed);
        Assert.Equal("SYNCED", await scene.StateAsync());
        Assert.True(await scene.Database.QueryAsync<bool>("select bool_and(is_active) from license_tokens"));
        Assert.Equal(0, counts.Suspended);
        Assert.Contains(
            "reinstated", await scene.Database.QueryAllAsync<string>("select payload ->> 'template' from outbox where kind = 'email'"));
    }

    /// <summary>The first reply may be lost, and an undo needs all alerts.</summary>
    [Fact]
    public async Task Review_FalsePositiveWithReinstateTwice_NamesTheOtherClosedAlertsEachTime()
    {
        await using var scene = await SuspendedAsync();
        var other = await scene.AlertIdAsync();
        var reviewed = await scene.Database.QueryAsync<Guid>(
            """
            insert into suspicious_activity_alerts (subscription_id, user_id, activity_type, severity)
            select subscription_id, user_id, 'MULTIPLE_IPS', 'LOW' from suspicious_activity_alerts
            returning alert_id
            """);
        Task<Outcome<ReviewedAlert>> ReviewAsync(string notes) => scene.Review.RunAsync(
            reviewed, new AlertReview("FALSE_POSITIVE", notes, Reinstate: true), Operator, Stop);

        Assert.Equal([other], (await ReviewAsync("Backup VPS")).Value.AlsoClosed);
        Assert.Equal([other], (await ReviewAsync("Backup VPS")).Value.AlsoClosed);
        Assert.Equal([other], (await ReviewAsync("Backup VPS")).Value.AlsoClosed);
        Assert.Empty((await ReviewAsync("Another reason")).Value.AlsoClosed);
        await scene.Database.ExecuteAsync("update suspicious_activity_alerts set status = 'OPEN' where alert_id = @other", new { other });
        Assert.Empty((await ReviewAsync("Backup VPS")).Value.AlsoClosed);
    }

    [Theory]
    [InlineData("OPEN", "INVESTIGATING", null)]
    [InlineData("OPEN", "RESOLVED", null)]
    [InlineData("INVESTIGATING", "FALSE_POSITIVE", null)]
    [InlineData("RESOLVED", "OPEN", null)]
    [InlineData("FALSE_POSITIVE", "OPEN", null)]
    [InlineData("INVESTIGATING", "OPEN", null)]
    [InlineData("RESOLVED", "INVESTIGATING", "INVALID_TRANSITION")]
    [InlineData("FALSE_POSITIVE", "RESOLVED", "INVALID_TRANSITION")]
    public async Task Review_FromAStatusToAnother_FollowsTheRules(string from, string to, string? refusal)
    {
        await using var scene = await SuspicionScene.NewAsync(postgres);
        var id = await scene.Database.QueryAsync<Guid>(
            """
            insert into suspicious_activity_alerts (activity_type, severity, status) values ('MULTIPLE_IPS', 'LOW', @from)
            returning alert_id
            """, new { from });

        var reviewed = await scene.Review.RunAsync(id, new AlertReview(to, "looked at"), Operator, Stop);

        Assert.Equal(refusal, reviewed.Refusal?.Code);
        Assert.Equal(refusal is null, AlertStatus.After(from).Contains(to));
        Assert.Equal(refusal is null ? to : from, await scene.Database.QueryAsync<string>("select status from suspicious_activity_alerts"));
        Assert.Equal(
            refusal is not null ? [] : AlertStatus.AllOpen.Contains(from) ? ["alert.judged"] : ["alert.reopened"],
            await scene.Database.QueryAllAsync<string>("select action from audit_log"));
        Assert.Equal(
            refusal is null && !AlertStatus.AllOpen.Contains(from),
            await scene.Database.QueryAsync<bool>("select is_reopened from listed_alerts"));
    }

    [Fact]
    public async Task Reopen_AfterAReinstatement_SuspendsNothingAndIsNoReviewForTheDetector()
    {
        await using var scene = await SuspendedAsync();
        var alert = await scene.AlertIdAsync();
        await scene.Review.RunAsync(alert, new AlertReview("FALSE_POSITIVE", "Backup VPS", true), Operator, Stop);

        var reopened = await scene.Review.RunAsync(alert, new AlertReview("OPEN", "The wrong alert"), Operator, Stop);

        var alertNow = reopened.Value.Alert;
        Assert.Equal(("OPEN", null, false), (alertNow.Status, alertNow.ResolvedAt, alertNow.IsSuspended));
        Assert.Equal("SYNCED", await scene.StateAsync());
        Assert.Equal(
            [("alert.judged", "Backup VPS"), ("alert.reopened", "The wrong alert")],
            await scene.Database.QueryAllAsync<(string, string)>(
                "select action, reason from audit_log where action like 'alert.%' and actor_id = @Id order by audit_id", Operator));
        Assert.Equal("OPEN", await scene.Database.QueryAsync<string>(
            "select data ->> 'status' from license_events where type = 'alert.reviewed' order by event_id desc limit 1"));
    }

    // The Functions host repeats a request whose answer was lost.
    [Fact]
    public async Task Reopen_Twice_HasTheSameAnswer_AndIsRecordedOnce()
    {
        await using var scene = await SuspicionScene.NewAsync(postgres);
        var alert = await scene.Database.QueryAsync<Guid>(
            """
            insert into suspicious_activity_alerts (activity_type, severity, status) values ('MULTIPLE_IPS', 'LOW', 'RESOLVED')
            returning alert_id
            """);
        var reopen = new AlertReview("OPEN", "The wrong alert");

        var first = await scene.Review.RunAsync(alert, reopen, Operator, Stop);
        var second = await scene.Review.RunAsync(alert, reopen, Operator, Stop);

        Assert.Equal(RowJson.Of(first.Value), RowJson.Of(second.Value));
        Assert.Equal(["alert.reopened"], await scene.Database.QueryAllAsync<string>("select action from audit_log"));

        // Another request is not a repeat: its notes would be lost.
        foreach (var (again, by) in (IEnumerable<(AlertReview, Actor)>)
            [(reopen with { Notes = "Another reason" }, Operator), (reopen, Actor.Operator(Guid.NewGuid()))])
            Assert.Equal("INVALID_TRANSITION", (await scene.Review.RunAsync(alert, again, by, Stop)).Refusal?.Code);
    }

    [Fact]
    public async Task Reopen_OfANewAlert_IsRefused()
    {
        await using var scene = await SuspicionScene.NewAsync(postgres);
        var alert = await scene.Database.QueryAsync<Guid>(
            """
            insert into suspicious_activity_alerts (activity_type, severity, status) values ('MULTIPLE_IPS', 'LOW', 'OPEN')
            returning alert_id
            """);

        var refusal = (await scene.Review.RunAsync(alert, new AlertReview("OPEN", "A note"), Operator, Stop)).Refusal;

        Assert.Equal("INVALID_TRANSITION", refusal?.Code);
    }

    [Fact]
    public async Task Reopen_WithoutAReason_IsRefused()
    {
        await using var scene = await SuspicionScene.NewAsync(postgres);

        var refusal = (await scene.Review.RunAsync(Guid.NewGuid(), new AlertReview("OPEN", " "), Operator, Stop)).Refusal;

        Assert.Equal(("NOTES_MISSING", "notes"), (refusal?.Code, refusal?.Field));
    }

    [Fact]
    public async Task Reopen_WhileAnotherAlertOfTheIncidentIsOpen_IsRefused()
    {
        await using var scene = await SuspicionScene.NewAsync(postgres);
        await scene.Database.ExecuteAsync(
            """
            insert into suspicious_activity_alerts (subscription_id, activity_type, severity, incident, status)
            select @SubscriptionId, 'CONCURRENT_SESSIONS', 'HIGH', 'people', status from unnest(array['RESOLVED', 'INVESTIGATING']) status
            """, scene.License);
        var closed = await scene.Database.QueryAsync<Guid>(
            "select alert_id from suspicious_activity_alerts where status = 'RESOLVED'");

        var refusal = (await scene.Review.RunAsync(closed, new AlertReview("OPEN", "Once more"), Operator, Stop)).Refusal;

        Assert.Equal("INCIDENT_OPEN", refusal?.Code);
    }

    [Theory]
    [InlineData("OPEN", 1)]
    [InlineData("NOT_CLOSED", 2)]
    [InlineData("ALL", 4)]
    public async Task List_ByStatus_CountsWhatIsOpenAsTheSystemPageDoes(string status, int count)
    {
        await using var scene = await SuspicionScene.NewAsync(postgres);
        await scene.Database.ExecuteAsync(
            """
            insert into suspicious_activity_alerts (activity_type, severity, status)
            select 'MULTIPLE_IPS', 'LOW', status from unnest(@all) as a (status)
            """, new { all = AlertStatus.All.ToArray() });

        var page = (await ListAsync(scene, ("status", status))).Value;
        var open = (await new SystemStore(scene.Database.Database).WaitingAsync(Stop)).AlertsOpen;

        Assert.Equal((count, count), (page.Total, page.Alerts.Count));
        Assert.Equal(2, open);
    }

    [Fact]
    public async Task Open_MeansTheSameInSql()
    {
        await using var database = await postgres.NewDatabaseAsync();

        var open = await database.QueryAllAsync<string>(
            "select status from unnest(@all) as a (status) where is_alert_open(status)", new { all = AlertStatus.All.ToArray() });

        Assert.Equal(AlertStatus.AllOpen, open);
    }

    [Fact]
    public async Task Activity_ToTheSubscriber_HidesOperatorFields()
    {
        await using var scene = await SuspendedAsync();
        var owner = await OwnerAsync(scene);
        await scene.Database.ExecuteAsync("update suspicious_activity_alerts set resolution_notes = 'for operators'");

        var activity = (await scene.Answer.ActivityAsync(scene.License.SubscriptionId, owner, Stop)).Value;
        var strangers = await scene.Answer.ActivityAsync(scene.License.SubscriptionId, Guid.NewGuid(), Stop);

        Assert.Contains(activity.Alerts, alert =>
            (alert.Status, alert.AutoActionTaken) == ("OPEN", "SUSPENDED") && alert.Description is not null);
        Assert.DoesNotMatch("for operators|evidence", RowJson.Of(activity));
        Assert.Equal("LICENSE_NOT_FOUND", strangers.Refusal?.Code);
    }

    [Fact]
    public async Task List_ManyAlerts_HasStablePagesAndTheCorrectTotal()
    {
        await using var scene = await SuspicionScene.NewAsync(postgres);
        await scene.Database.ExecuteAsync(
            """
            insert into suspicious_activity_alerts (activity_type, severity, detected_at, appealed_at)
            select 'MULTIPLE_IPS', case when i % 7 = 0 then 'HIGH' else 'LOW' end, now() - (i / 3) * interval '1 minute',
                   case when i % 50 = 0 then now() end
            from generate_series(1, 250) i
            """);

        var (seen, cursor, pages) = (new List<AlertRow>(), default(string), 0);
        do
        {
            var page = (await ListAsync(scene, ("cursor", cursor), ("limit", "40"))).Value;
            seen.AddRange(page.Alerts);
            Assert.Equal(250, page.Total);
            cursor = page.Next;
            pages++;
            // New ones on top don't shift the pages.
            await scene.Database.ExecuteAsync(
                "insert into suspicious_activity_alerts (activity_type, severity, status) values ('MULTIPLE_IPS', 'LOW', 'RESOLVED')");
        }
        while (cursor is not null);

        Assert.Equal((7, 250, 250), (pages, seen.Count, seen.DistinctBy(alert => alert.AlertId).Count()));
        Assert.All(seen.Take(5), alert => Assert.NotNull(alert.AppealedAt));
        Assert.All(seen.Skip(5), alert => Assert.Null(alert.AppealedAt));
    }

    [Theory]
    [InlineData("NOT_CLOSED", "appeal denied suspended critical high medium new old")]
    [InlineData("ALL", "appeal denied suspended critical high medium new old closed")]
    [InlineData("OPEN", "appeal denied suspended critical high new old")]
    public async Task List_OfTheQueue_HasTheMostUrgentFirst_AlsoOverPages(string status, string expected)
    {
        await using var scene = await SuspicionScene.NewAsync(postgres);
        await scene.Database.ExecuteAsync(
            """
            insert into suspicious_activity_alerts
                (activity_type, description, severity, status, auto_action_taken, detected_at, appealed_at, customer_denied_at)
            values ('MULTIPLE_IPS', 'closed', 'CRITICAL', 'RESOLVED', 'SUSPENDED', now(), now(), now()),
                   ('MULTIPLE_IPS', 'old', 'LOW', 'OPEN', 'NONE', now() - interval '1 hour', null, null),
                   ('MULTIPLE_IPS', 'new', 'LOW', 'OPEN', 'NONE', now() - interval '1 minute', null, null),
                   ('MULTIPLE_IPS', 'medium', 'MEDIUM', 'INVESTIGATING', 'NOTIFIED', now() - interval '2 hours', null, null),
                   ('MULTIPLE_IPS', 'high', 'HIGH', 'OPEN', 'NOTIFIED', now() - interval '3 hours', null, null),
                   ('MULTIPLE_IPS', 'critical', 'CRITICAL', 'OPEN', 'NOTIFIED', now() - interval '4 hours', null, null),
                   ('MULTIPLE_IPS', 'suspended', 'LOW', 'OPEN', 'SUSPENDED', now() - interval '5 hours', null, null),
                   ('MULTIPLE_IPS', 'denied', 'LOW', 'OPEN', 'NOTIFIED', now() - interval '6 hours', null, now()),
                   ('MULTIPLE_IPS', 'appeal', 'LOW', 'OPEN', 'SUSPENDED', now() - interval '7 hours', now(), now())
            """);

        var (seen, cursor) = (new List<string?>(), default(string));
        do
        {
            var page = (await ListAsync(scene, ("status", status), ("cursor", cursor), ("limit", "2"))).Value;
            seen.AddRange(page.Alerts.Select(alert => alert.Description));
            cursor = page.Next;
        }
        while (cursor is not null);

        Assert.Equal(expected, string.Join(' ', seen));
    }

    [Fact]
    public async Task List_MoreThanAThousandAlerts_SaysAThousand()
    {
        await using var scene = await SuspicionScene.NewAsync(postgres);
        await scene.Database.ExecuteAsync(
            """
            insert into suspicious_activity_alerts (activity_type, severity, detected_at)
            select 'MULTIPLE_IPS', case when i <= 999 then 'LOW' else 'HIGH' end, now() from generate_series(1, 1001) i
            """);

        Assert.Equal(1000, (await ListAsync(scene)).Value.Total);
        Assert.Equal(999, (await ListAsync(scene, ("severity", "LOW"))).Value.Total);
    }

    // The indexes have the expressions of queue_rank and shown_time. If they differ, all alerts of the status are sorted for each page.
    [Theory]
    [InlineData("a.status = 'OPEN'", "alerts_by_status_and_rank")]
    [InlineData("is_alert_open(a.status)", "open_alerts_by_rank")]
    public async Task Queue_OfOneStatusOrOfOpenAlerts_IsReadInTheOrderOfItsIndex(string condition, string index)
    {
        await using var database = await postgres.NewDatabaseAsync();

        var plan = await database.QueryAllAsync<string>(
            $"""
            set enable_seqscan = off; set enable_bitmapscan = off;
            explain select * from listed_alerts a where {condition}
            order by a.queue_rank desc, a.detected_at desc, a.alert_id desc limit 50
            """);

        Assert.StartsWith("Limit", plan[0], StringComparison.Ordinal);
        Assert.Contains($"using {index}", plan[1], StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("status", "BROKEN")]
    [InlineData("severity", "BAD")]
    [InlineData("measure", "PUNISHED")]
    [InlineData("customer_answer", "MAYBE")]
    [InlineData("subscription_id", "1")]
    [InlineData("from", "yesterday")]
    [InlineData("to", "tomorrow")]
    [InlineData("cursor", "x")]
    [InlineData("limit", "0")]
    public async Task List_WrongQuery_NamesTheField(string field, string value)
    {
        await using var scene = await SuspicionScene.NewAsync(postgres);

        var refusal = (await ListAsync(scene, (field, value))).Refusal;
        Assert.Equal(("INVALID_QUERY", field), (refusal?.Code, refusal?.Field));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)] // the appeal gets an alert that is open
    public async Task Appeal_WhileSuspended_OnceAndFirstInTheQueue(bool isAlertClosed)
    {
        await using var scene = await SuspendedAsync();
        var owner = await OwnerAsync(scene);
        if (isAlertClosed)
            await scene.Database.ExecuteAsync("update suspicious_activity_alerts set status = 'RESOLVED'");
        await scene.Database.ExecuteAsync("update suspicious_activity_alerts set operators_told_at = now(); delete from outbox");
        var before = await scene.Answer.ShowAsync(scene.License.SubscriptionId, owner, Stop);

        var first = await AppealAsync(scene, owner);
        var second = await AppealAsync(scene, owner);
        var foreign = await AppealAsync(scene, Guid.NewGuid());
        var view = await scene.Answer.ShowAsync(scene.License.SubscriptionId, owner, Stop);
        var alert = (await ListAsync(scene)).Value.Alerts[0];

        var suspension = Assert.Single(before.Value.Suspensions);
        Assert.Equal((true, false), (suspension.CanAppeal, suspension.NeedsRenewal));
        Assert.Equal((true, true, true), (before.Value.Suspended, alert.IsSuspended, alert.CanReinstate));
        Assert.Null(first.Refusal);
        Assert.Equal(("NOTHING_TO_APPEAL", "LICENSE_NOT_FOUND"), (second.Refusal?.Code, foreign.Refusal?.Code));
        Assert.False(Assert.Single(view.Value.Suspensions).CanAppeal);
        Assert.Equal(("It is my laptop", true), (alert.Appeal, alert.AppealedAt is not null));
        // The operators are told of the appeal, even if they know the alert.
        await new SuspicionStore(scene.Database.Database).NotifyOperatorsAsync(
            "ops@x.test", webhook: false, TimeSpan.Zero, scene.Usage.Time.GetUtcNow().UtcDateTime, Stop);
        Assert.Equal([true], await scene.Database.QueryAllAsync<bool>(
            "select payload #>> '{model,alerts,0,appealed_at}' is not null from outbox where payload ->> 'template' = 'operator_alerts'"));
        // The customer's own appeal is no unusual usage of the license.
        var listed = await new AlertStore(scene.Database.Database).OfLicenseAsync(scene.License.SubscriptionId, owner, 100, Stop);
        Assert.Equal(isAlertClosed, alert.ActivityType == "APPEAL");
        Assert.DoesNotContain(listed!, one => one.ActivityType == "APPEAL");
        Assert.Equal(!isAlertClosed, listed!.Any(one => one.AlertId == alert.AlertId));
    }

    [Theory]
    [InlineData("RESOLVED", "Two towns at once.")]
    [InlineData("FALSE_POSITIVE", null)]
    public async Task Review_OfAnAppeal_TellsThatTheSuspensionStays_AndAllowsAnotherAppeal(string to, string? answer)
    {
        await using var scene = await SuspendedAsync();
        var owner = await OwnerAsync(scene);
        await AppealAsync(scene, owner);
        var alert = (await ListAsync(scene)).Value.Alerts[0].AlertId;

        var waiting = await scene.Answer.ShowAsync(scene.License.SubscriptionId, owner, Stop);
        await scene.Review.RunAsync(alert, new AlertReview(to, "Looked at") { Answer = answer }, Operator, Stop);
        var answered = await scene.Answer.ShowAsync(scene.License.SubscriptionId, owner, Stop);
        var mails = await scene.Database.QueryAllAsync<string?>(
            "select payload #>> '{model,answer}' from outbox where payload ->> 'template' = 'appeal_answered'");
        var again = await AppealAsync(scene, owner);

        var (before, after) = (Assert.Single(waiting.Value.Suspensions), Assert.Single(answered.Value.Suspensions));
        Assert.Equal((false, null), (before.CanAppeal, before.AppealAnswer));
        Assert.Equal((true, answer), (after.CanAppeal, after.AppealAnswer));
        Assert.True(answered.Value.Suspended);
        Assert.Equal([answer], mails);
        Assert.Null(again.Refusal);
        // Each alert keeps the words of its own appeal.
        var all = (await ListAsync(scene, ("status", "ALL"))).Value.Alerts;
        Assert.Equal(["It is my laptop", "It is my laptop"], all.Select(one => one.Appeal));
        Assert.Equal(1, await scene.Database.QueryAsync<int>("select jsonb_array_length(earlier) from license_appeals"));
    }

    [Fact]
    public async Task Reopen_AfterAnAnswer_TakesTheMailBack_AndTheNextAnswerIsSent()
    {
        await using var scene = await SuspendedAsync();
        var owner = await OwnerAsync(scene);
        await AppealAsync(scene, owner);
        var alert = (await ListAsync(scene)).Value.Alerts[0].AlertId;
        Task<IReadOnlyList<string?>> MailsAsync() => scene.Database.QueryAllAsync<string?>(
            "select payload #>> '{model,answer}' from outbox where payload ->> 'template' = 'appeal_answered'");
        var close = new AlertReview("RESOLVED", "Looked at", Answer: "Two towns at once.");

        await scene.Review.RunAsync(alert, close, Operator, Stop);
        var repeated = await scene.Review.RunAsync(alert, close, Operator, Stop);
        var other = await scene.Review.RunAsync(alert, close with { Answer = "Something else." }, Operator, Stop);
        Assert.Equal((null, "INVALID_TRANSITION"), (repeated.Refusal?.Code, other.Refusal?.Code));
        Assert.Equal(["Two towns at once."], await MailsAsync());
        Assert.Equal(1, await scene.Database.QueryAsync<int>("select count(*)::int from outbox where due_at > now() + interval '30 s'"));

        await scene.Review.RunAsync(alert, new AlertReview("OPEN", "Once more"), Operator, Stop);
        var reopened = await scene.Answer.ShowAsync(scene.License.SubscriptionId, owner, Stop);
        Assert.False(Assert.Single(reopened.Value.Suspensions).CanAppeal);
        Assert.Empty(await MailsAsync());

        await scene.Database.ExecuteAsync("update outbox set sent_at = now()");
        await scene.Review.RunAsync(alert, close with { Answer = null }, Operator, Stop);
        var closed = await scene.Answer.ShowAsync(scene.License.SubscriptionId, owner, Stop);
        Assert.Equal("Two towns at once.", Assert.Single(closed.Value.Suspensions).AppealAnswer);
        Assert.Equal([null], await MailsAsync());
    }

    /// <summary>An appeal that arrives while an operator closes its alert is answered, not closed unread.</summary>
    [Fact]
    public async Task Review_WhileAnAppealIsSent_WaitsForIt_AndAnswersIt()
    {
        await using var scene = await SuspendedAsync();
        var owner = await OwnerAsync(scene);
        var alert = await scene.AlertIdAsync();
        var license = scene.License.SubscriptionId;

        Task<Outcome<ReviewedAlert>>? review = null;
        await scene.Database.Database.InTransactionAsync(
            async (connection, token) =>
            {
                await SuspensionStore.LockAsync(connection, license, token);
                review = scene.Review.RunAsync(alert, new AlertReview("RESOLVED", "Looked at"), Operator, Stop);
                while (await scene.Database.QueryAsync<int>(
                    "select count(*)::int from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'") == 0)
                    await Task.Delay(20, token);
                await AlertStore.AppealAsync(
                    connection, license, Assert.Single(await SuspensionStore.OpenAsync(connection, license, token)), "It is my laptop",
                    owner, scene.Usage.Time.GetUtcNow().UtcDateTime, token);
            },
            Stop);
        Assert.Null((await review!).Refusal);

        Assert.Equal(1, await scene.Database.QueryAsync<int>(
            "select count(*)::int from outbox where payload ->> 'template' = 'appeal_answered'"));
    }

    /// <summary>After the undo of a reinstatement, the appeal is about the new suspension, and can be answered.</summary>
    [Fact]
    public async Task Suspend_AgainWhileTheAppealIsOpen_MovesTheAppeal()
    {
        await using var scene = await SuspendedAsync();
        var owner = await OwnerAsync(scene);
        await AppealAsync(scene, owner);
        var alert = (await ListAsync(scene)).Value.Alerts[0].AlertId;
        var license = scene.License.SubscriptionId;
        var cause = Assert.Single(await scene.Suspensions.OpenAsync(license, Stop)).Cause;

        await scene.Review.RunAsync(alert, new AlertReview("FALSE_POSITIVE", "Backup VPS", true), Operator, Stop);
        await scene.Review.RunAsync(alert, new AlertReview("OPEN", "A mistake"), Operator, Stop);
        await scene.Database.Database.InTransactionAsync(
            (connection, token) => scene.Suspensions.SuspendAsync(
                connection, new NewSuspension(license, cause, SuspensionTexts.ByOperator("A mistake"), Operator), token),
            Stop);

        var again = Assert.Single((await scene.Answer.ShowAsync(license, owner, Stop)).Value.Suspensions);
        Assert.Equal((false, true), (again.CanAppeal, again.AppealedAt is not null));
        Assert.True(Assert.Single((await ListAsync(scene)).Value.Alerts, one => one.AlertId == alert).HasOpenAppeal);
    }

    [Fact]
    public async Task Review_OfAnAppeal_ThatReinstates_SendsNoAnswer()
    {
        await using var scene = await SuspendedAsync();
        await AppealAsync(scene, await OwnerAsync(scene));
        var alert = (await ListAsync(scene)).Value.Alerts[0].AlertId;

        await scene.Review.RunAsync(alert, new AlertReview("FALSE_POSITIVE", "Backup VPS", true), Operator, Stop);

        Assert.Equal(0, await scene.Database.QueryAsync<int>(
            "select count(*)::int from outbox where payload ->> 'template' = 'appeal_answered'"));
    }

    [Theory]
    [InlineData("RESOLVED", false, "NO_APPEAL")]
    [InlineData("INVESTIGATING", false, "ANSWER_NOT_SENT")]
    [InlineData("FALSE_POSITIVE", true, "ANSWER_NOT_SENT")]
    public async Task Review_AnswerThatNobodyWouldRead_IsRefused_AndChangesNothing(string to, bool reinstate, string code)
    {
        await using var scene = await SuspendedAsync();
        var alert = await scene.AlertIdAsync();

        var refusal = (await scene.Review.RunAsync(
            alert, new AlertReview(to, "Looked at", reinstate, "Two towns at once."), Operator, Stop)).Refusal;

        Assert.Equal((code, "answer"), (refusal?.Code, refusal?.Field));
        Assert.Equal("OPEN", await scene.Database.QueryAsync<string>(
            "select status from suspicious_activity_alerts where alert_id = @alert", new { alert }));
    }

    [Fact]
    public async Task Appeal_OfAnExpiredLicense_IsNotOffered_BecauseARenewalReinstatesIt()
    {
        await using var scene = await SuspendedAsync();
        await scene.Database.ExecuteAsync(
            """
            update license_suspensions set cause = 'EXPIRY', reason = 'License expired';
            update subscriptions set paused_reason = 'License expired' where state = 'SUSPENDED_ADMIN';
            """);
        var owner = await OwnerAsync(scene);

        var view = await scene.Answer.ShowAsync(scene.License.SubscriptionId, owner, Stop);
        var appeal = await AppealAsync(scene, owner);

        var alert = (await ListAsync(scene)).Value.Alerts[0];

        var suspension = Assert.Single(view.Value.Suspensions);
        Assert.Equal((false, true), (suspension.CanAppeal, suspension.NeedsRenewal));
        Assert.Equal((false, false, false), (view.Value.Suspended, alert.IsSuspended, alert.CanReinstate));
        Assert.Equal("NOTHING_TO_APPEAL", appeal.Refusal?.Code);
    }

    [Theory]
    [InlineData("198.51.1.4", true)]
    [InlineData("203.0.113.200", false)]
    public async Task Confirm_ByLink_UsesThePreviousLocation(string address, bool trusted)
    {
        await using var scene = await SuspicionScene.NewAsync(postgres);
        await scene.RecordAndScanAsync(scene.Hours(30, 4, 1, 2));
        var alertId = await scene.Database.QueryAsync<Guid>(
            """
            insert into suspicious_activity_alerts (subscription_id, activity_type, severity, incident, detected_at)
            values (@SubscriptionId, 'CONCURRENT_SESSIONS', 'HIGH', 'people', now()) returning alert_id
            """, scene.License);

        var link = scene.Links.Path(AnswerSuspicion.Purpose, alertId, scene.Usage.Time.GetUtcNow().AddDays(1))!;
        var receipt = await scene.Answer.ConfirmAsync(new ConfirmationRequest(link.Split('#')[1]), IPAddress.Parse(address), Stop);

        Assert.Equal(trusted, receipt.Value.Trusted);
        Assert.Equal(trusted ? "RESOLVED" : "OPEN", await scene.Database.QueryAsync<string>(
            "select status from suspicious_activity_alerts where alert_id = @alertId", new { alertId }));
    }

    [Fact]
    public async Task Find_OfAnIncident_HasTheSessionsInItsTimeAndTheCustomer()
    {
        await using var scene = await SuspendedAsync();
        await scene.RecordAndScanAsync(scene.Hours(1, 1, 4));
        await scene.Database.ExecuteAsync(
            "update users set email = 'owner@x.test' where user_id = (select subscriber_id from subscriptions)");

        var detail = (await scene.Alerts.FindAsync(await scene.AlertIdAsync(), Stop)).Value;

        var evidence = detail.Alert.Evidence!.Value;
        Assert.Equal(evidence.GetProperty("from").GetDateTimeOffset().UtcDateTime, detail.SessionsFrom);
        Assert.Equal(evidence.GetProperty("to").GetDateTimeOffset().UtcDateTime, detail.SessionsTo);
        // One session per device: the records of one follow each other within 10 minutes. The fourth device came later.
        Assert.Equal(["EA-1", "EA-2", "EA-3"], detail.Sessions.Select(session => session.EaInstanceId).Order(StringComparer.Ordinal));
        Assert.All(detail.Sessions, session => Assert.True(detail.SessionsFrom <= session.From && session.To <= detail.SessionsTo));
        Assert.All(detail.Sessions, session => Assert.True(session.To - session.From > TimeSpan.FromHours(2)));
        Assert.Equal("owner@x.test", detail.Alert.OwnerEmail);
    }

    [Theory]
    [InlineData("{}")]
    [InlineData("""["from"]""")]
    [InlineData("""{"from": "yesterday", "to": 5}""")]
    [InlineData("""{"from": "9999-12-31T00:00:00Z", "to": "9999-12-31T01:00:00Z"}""")]
    public async Task Find_WithoutTimesInTheEvidence_HasTheSessionsOfTheDayBefore(string evidence)
    {
        await using var scene = await SuspicionScene.NewAsync(postgres);
        await scene.RecordAndScanAsync(scene.Hours(30, 26, 1).Concat(scene.Hours(4, 2, 1)).Concat(scene.Hours(8, 8, 1)));
        var id = await scene.Database.QueryAsync<Guid>(
            """
            insert into suspicious_activity_alerts (subscription_id, activity_type, severity, detected_at, evidence)
            values (@SubscriptionId, 'CONCURRENT_SESSIONS', 'HIGH', now(), @evidence::jsonb) returning alert_id
            """, new { scene.License.SubscriptionId, evidence });

        var detail = (await scene.Alerts.FindAsync(id, Stop)).Value;

        Assert.Equal(TimeSpan.FromDays(1), detail.SessionsTo - detail.SessionsFrom);
        Assert.Equal(2, detail.Sessions.Count);
    }

    [Theory]
    [InlineData(500, false)]
    [InlineData(501, true)]
    public async Task Find_ManySessions_HasTheFirst500AndSaysWhetherThereAreMore(int sessions, bool hasMore)
    {
        await using var scene = await SuspicionScene.NewAsync(postgres);
        var id = await scene.Database.QueryAsync<Guid>(
            """
            insert into license_usage_log (subscription_id, token_hash, ea_instance_id, mt5_account_number, logged_at,
                                           session_duration_sec)
            select @SubscriptionId, 'x', 'EA-1', 1001, now() - interval '1 hour' - n * interval '12 minutes', 60
            from generate_series(1, @sessions) n;
            insert into suspicious_activity_alerts (subscription_id, activity_type, severity, evidence)
            values (@SubscriptionId, 'MULTIPLE_IPS', 'LOW', jsonb_build_object('from', now() - interval '6 days', 'to', now()))
            returning alert_id
            """, new { scene.License.SubscriptionId, sessions });

        var detail = (await scene.Alerts.FindAsync(id, Stop)).Value;

        Assert.Equal((500, hasMore), (detail.Sessions.Count, detail.HasMoreSessions));
    }

    [Theory]
    [InlineData("DEVICE_LIMIT", "1003|EA|3", "EA|3")]
    [InlineData("DEVICE_LIMIT", "2001:db8::7|1003|EA|3", "EA|3")]
    [InlineData("DEVICE_LIMIT", null, null)]
    [InlineData("DETECTOR", "1003|EA|3", null)]
    public async Task Show_OfASuspension_NamesTheDeviceThatStaysOut(string cause, string? key, string? ea)
    {
        await using var scene = await SuspendedAsync();
        await scene.Database.ExecuteAsync("update license_suspensions set cause = @cause, device_key = @key", new { cause, key });

        var view = await scene.Answer.ShowAsync(scene.License.SubscriptionId, null, Stop);

        var device = Assert.Single(view.Value.Suspensions).RefusedDevice;
        Assert.Equal((ea, ea is null ? null : 1003L), (device?.EaInstanceId, device?.Mt5AccountNumber));
    }

    [Theory]
    [InlineData("PAUSED_TOXIC", "Spread too wide", "Spread too wide")]
    [InlineData("LOCKED_NO_FUNDS", "Wallet below the minimum", "Wallet below the minimum")]
    [InlineData("SUSPENDED_ADMIN", "Asked by the master", "Asked by the master")]
    [InlineData("PAUSED_TOXIC", " ", null)]
    [InlineData("SYNCED", "An old reason", null)]
    public async Task Show_OfALicenseThatThePlatformStopped_HasThePlatformsReason(string state, string reason, string? shown)
    {
        await using var scene = await SuspicionScene.NewAsync(postgres);
        await scene.Database.ExecuteAsync(
            "update subscriptions set state = @state::subscription_state, paused_reason = @reason", new { state, reason });

        var view = await scene.Answer.ShowAsync(scene.License.SubscriptionId, null, Stop);

        Assert.Empty(view.Value.Suspensions);
        Assert.Equal(shown, view.Value.PlatformReason);
    }

    [Fact]
    public async Task Show_OfASuspension_HasNoReasonOfThePlatform()
    {
        await using var scene = await SuspendedAsync();

        var view = await scene.Answer.ShowAsync(scene.License.SubscriptionId, null, Stop);

        Assert.Null(view.Value.PlatformReason);
    }

    private async Task<SuspicionScene> SuspendedAsync()
    {
        var scene = await SuspicionScene.NewAsync(postgres);
        await scene.RecordAndScanAsync(scene.Hours(30, 6, 1, 2));
        await scene.RecordAndScanAsync(scene.Hours(5, 2, 1, 2, 3));
        Assert.Equal("SUSPENDED_ADMIN", await scene.StateAsync());
        return scene;
    }

    private static Task<Guid> OwnerAsync(SuspicionScene scene) =>
        scene.Database.QueryAsync<Guid>("select subscriber_id from subscriptions");

    private static Task<Outcome<AppealReceipt>> AppealAsync(SuspicionScene scene, Guid owner) => scene.Answer.AppealAsync(
        scene.License.SubscriptionId, owner, new AppealRequest("It is my laptop"), Actor.Owner(owner), Stop);

    private static Task<Outcome<AlertPage>> ListAsync(SuspicionScene scene, params (string Name, string? Value)[] query) =>
        scene.Alerts.RunAsync(new QueryCollection(query.ToDictionary(pair => pair.Name, pair => new StringValues(pair.Value))), Stop);

    private static CancellationToken Stop => TestContext.Current.CancellationToken;
}
