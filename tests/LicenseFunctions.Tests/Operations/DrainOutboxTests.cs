using LicenseFunctions.Infrastructure.Database;
using LicenseFunctions.Infrastructure.Mail;
using LicenseFunctions.Infrastructure.Telemetry;
using LicenseFunctions.Operations;
using LicenseFunctions.Tests.Support;
using Microsoft.Extensions.Logging.Abstractions;
using MimeKit;
using StandaloneHost;
using Xunit;

namespace LicenseFunctions.Tests.Operations;

/// <summary>The outbox with a real database and a real SMTP server.</summary>
public sealed class DrainOutboxTests(PostgresFixture postgres)
{
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Drain_DueMail_IsSentOnce_AsTextAndHtml()
    {
        await using var database = await postgres.NewDatabaseAsync();
        await using var smtp = await SmtpCatcher.StartAsync();
        var user = await database.QueryAsync<Guid>(
            "insert into users (email, password_hash) values ('jo@example.com', 'x') returning user_id");
        var id = await PutAsync(database,
            $$$"""{"template":"renewed","user_id":"{{{user}}}","model":{"subscription_id":"L-1","amount_usd":30}}""");
        var drain = Drain(database, smtp.Port);

        Assert.Equal(new OutboxCounts(1, 0, 0), await drain.RunAsync(Cancel));
        Assert.Equal(new OutboxCounts(0, 0, 0), await drain.RunAsync(Cancel));

        var mail = Assert.Single(smtp.Mails());
        Assert.Equal("jo@example.com", mail.To.Mailboxes.Single().Address);
        Assert.Equal("licenses@example.org", mail.From.Mailboxes.Single().Address);
        Assert.Equal($"{id:N}@example.org", mail.MessageId);
        Assert.Equal("Your license is renewed", mail.Subject);
        Assert.Equal("auto-generated", mail.Headers["Auto-Submitted"]);
        Assert.Contains("$30.00", mail.TextBody, StringComparison.Ordinal);
        Assert.Contains("$30.00", mail.HtmlBody, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Drain_MailsOfCustomers_AreInTheLanguagesThatTheyChose()
    {
        await using var database = await postgres.NewDatabaseAsync();
        await using var smtp = await SmtpCatcher.StartAsync();
        var users = await database.QueryAllAsync<Guid>(
            "insert into users (email) values ('a@example.com'), ('b@example.com') returning user_id");
        var languages = new CustomerLanguages(database.Database);
        await languages.ChooseAsync(users[0], "en", ifNone: false, Cancel);
        await languages.ChooseAsync(users[0], "de", ifNone: false, Cancel);
        await languages.ChooseAsync(Guid.NewGuid(), "de", ifNone: false, Cancel); // nobody
        await database.Database.InTransactionAsync(async (connection, token) =>
        {
            await EmailOutbox.AddAsync(
                connection, [.. users.Select(user => new OutboxMail($"mail to {user}", "renewed", user, new { }))], token);
            await EmailOutbox.AddForOperatorsAsync(connection, "operators", "operator_payments", "o@example.com", new { }, token);
        }, Cancel);

        Assert.Equal(new OutboxCounts(3, 0, 0), await Drain(database, smtp.Port).RunAsync(Cancel));

        Assert.Equal(
            [
                "a@example.com Ihre Lizenz ist verlängert", "b@example.com Your license is renewed",
                "o@example.com 0 new disputes or payments to decide",
            ],
            smtp.Mails().Select(mail => $"{mail.To} {mail.Subject}").Order(StringComparer.Ordinal));
        Assert.Equal(1, await database.QueryAsync<int>("select count(*)::int from customer_languages"));
    }

    /// <summary>A renewal fails twice for the same reason: the customer gets one mail, and later the warnings.</summary>
    [Theory]
    [InlineData("reason:2", "expiring:L:1:0")]
    [InlineData("reason:1", "expiring:L:1:0 expiring:L:1:1 expiring:L:1:3")]
    public async Task WithdrawWarnings_ForAMailThatWasAddedBefore_KeepsThem(string notice, string kept)
    {
        await using var database = await postgres.NewDatabaseAsync();
        await database.ExecuteAsync(
            """
            insert into outbox (kind, dedup_key, payload, sent_at)
            values ('email', 'reason:1', '{}', now()), ('email', 'expiring:L:1:0', '{}', null), ('email', 'expiring:L:1:1', '{}', null),
                   ('email', 'expiring:L:1:3', '{}', null)
            """);

        await database.Database.InTransactionAsync(
            (connection, token) => EmailOutbox.WithdrawWarningsAsync(connection, [("expiring:L:1:", notice)], token), Cancel);

        Assert.Equal(kept, await database.QueryAsync<string>(
            "select string_agg(dedup_key, ' ' order by dedup_key) from outbox where sent_at is null"));
    }

    [Fact]
    public async Task Drain_MailWithFiles_AttachesThem_AndAFailureOfOneDelaysThatMailOnly()
    {
        await using var database = await postgres.NewDatabaseAsync();
        await using var smtp = await SmtpCatcher.StartAsync();
        foreach (var number in (string[])["ACME-2026-000001", "ACME-2026-000002", "ACME-2026-000003"])
        {
            await PutAsync(
                database, $$$"""{"template":"invoice","to":"jo@x.test","model":{"invoice_number":"{{{number}}}","amount_usd":9}}""");
        }

        Task<IReadOnlyList<MailAttachment>> FilesAsync(OutgoingMail mail, CancellationToken stop) =>
            (string)mail.Model["invoice_number"]! switch
            {
                "ACME-2026-000001" => Task.FromResult<IReadOnlyList<MailAttachment>>(
                    [new MailAttachment("ACME-2026-000001.pdf", "application/pdf", [37, 80])]),
                "ACME-2026-000002" => throw new InvalidOperationException(),
                _ => Task.FromResult<IReadOnlyList<MailAttachment>>([]),
            };

        Assert.Equal(new OutboxCounts(2, 1, 0), await Drain(database, smtp.Port, files: FilesAsync).RunAsync(Cancel));

        var mails = smtp.Mails().OrderBy(mail => mail.Subject, StringComparer.Ordinal).ToList();
        var file = Assert.IsType<MimePart>(Assert.Single(mails[0].Attachments));
        using var content = new MemoryStream();
        await file.Content!.DecodeToAsync(content, Cancel);
        Assert.Equal(("ACME-2026-000001.pdf", "application/pdf"), (file.FileName, file.ContentType.MimeType));
        Assert.Equal([37, 80], content.ToArray());
        Assert.Contains("attached as a PDF", mails[0].TextBody, StringComparison.Ordinal);
        Assert.Empty(mails[1].Attachments);
        Assert.DoesNotContain("attached", mails[1].TextBody, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Drain_RelayDown_DelaysAllMails_AndSendsThemLater()
    {
        await using var database = await postgres.NewDatabaseAsync();
        using var port = new ReservedPort();
        for (var mail = 0; mail < 25; mail++)
            await PutAsync(database, Mail($"user{mail}@example.com"));

        var away = await Drain(database, port.Number).RunAsync(Cancel);
        Assert.Equal(new OutboxCounts(0, 20, 0), away);
        Assert.Equal(0, await database.QueryAsync<int>(
            "select count(*)::int from outbox where dead_at is not null or lease_until is not null"));
        Assert.Equal(1, await database.QueryAsync<int>("select sum(attempts)::int from outbox")); // one was tried

        await using var smtp = await SmtpCatcher.StartAsync(port.Number);
        await database.ExecuteAsync("update outbox set due_at = now()");
        Assert.Equal(new OutboxCounts(25, 0, 0), await Drain(database, port.Number).RunAsync(Cancel));
        Assert.Equal(25, smtp.Mails().Select(mail => mail.To.ToString()).Distinct().Count());
    }

    [Fact]
    public async Task Drain_FailedMail_WaitsLongerEachTime()
    {
        await using var database = await postgres.NewDatabaseAsync();
        using var port = new ReservedPort();
        await PutAsync(database, Mail("jo@example.com"));
        var waits = new List<double>();
        for (var attempt = 0; attempt < 3; attempt++)
        {
            await Drain(database, port.Number).RunAsync(Cancel);
            waits.Add(await database.QueryAsync<double>("select extract(epoch from due_at - now())::float8 from outbox"));
            await database.ExecuteAsync("update outbox set due_at = now()");
        }

        Assert.Equal(waits.Order(), waits);
    }

    [Fact]
    public async Task Drain_RejectedAddress_IsGivenUp_AndTheOthersAreSent()
    {
        await using var database = await postgres.NewDatabaseAsync();
        await using var smtp = await SmtpCatcher.StartAsync();
        await PutAsync(database, Mail("550-5.1.1-nobody@example.com"));
        await PutAsync(database, Mail("refused@example.com"));
        await PutAsync(database, Mail("content@example.com"));
        await PutAsync(database, Mail("busy@example.com"));
        await PutAsync(database, """{"template":"no_such_template","to":"jo@example.com","model":{}}""");
        await PutAsync(database, """{"template":1,"to":"jo@example.com","model":{}}""");
        await PutAsync(database, $$$"""{"template":"renewed","user_id":"{{{Guid.NewGuid()}}}","model":{}}""");
        await PutAsync(database, """{"template":"renewed","user_id":"no id","model":{}}""");
        await PutAsync(database, Mail("jo@example.com"));

        Assert.Equal(new OutboxCounts(Sent: 1, Later: 5, Dead: 3), await Drain(database, smtp.Port).RunAsync(Cancel));

        Assert.Equal("jo@example.com", Assert.Single(smtp.Mails()).To.ToString());
        Assert.Equal(
            ["450 RecipientNotAccepted", "550 5.1.1 RecipientNotAccepted dead", "550 RecipientNotAccepted",
                "554 MessageNotAccepted", "can't be written: KeyNotFoundException",
                "no address dead", "no address dead", "the mail can't be rendered: the payload does not have the expected form"],
            await database.QueryAllAsync<string>(
                """
                select last_error || case when dead_at is null then '' else ' dead' end
                from outbox where sent_at is null order by last_error collate "C"
                """));
    }

    [Theory]
    [InlineData("550-5.7.1")]
    [InlineData("554-5.7.1")]
    [InlineData("550-5.1.1")]
    [InlineData("550-5.1.8")] // the sender's address
    public async Task Drain_RelayThatRefusesEveryRecipient_StopsTheRun_AndAllMailsWait(string codes)
    {
        await using var database = await postgres.NewDatabaseAsync();
        await using var smtp = await SmtpCatcher.StartAsync();
        for (var mail = 0; mail < 24; mail++)
            await PutAsync(database, Mail($"{codes}-user{mail}@example.com"));
        var counts = new ProcessCounts();

        for (var run = 0; run < 10; run++)
        {
            await Drain(database, smtp.Port, counts: counts).RunAsync(Cancel);
            await database.ExecuteAsync("update outbox set due_at = now()");
        }

        Assert.Equal(0, await database.QueryAsync<int>(
            "select count(*)::int from outbox where dead_at is not null or sent_at is not null or lease_until is not null"));
        // Only the mails that were tried have an attempt.
        var tries = codes == "550-5.1.8" ? 10 : 50;
        Assert.Equal(tries, await database.QueryAsync<int>("select sum(attempts)::int from outbox"));
        Assert.Equal(10, counts.Take().Where(one => one.Name == ProcessCounts.MailRelayFailures).Sum(one => one.Amount));

        await database.ExecuteAsync("update outbox set payload = jsonb_set(payload, '{to}', to_jsonb(outbox_id || '@example.com'))");
        Assert.Equal(new OutboxCounts(24, 0, 0), await Drain(database, smtp.Port).RunAsync(Cancel));
    }

    [Fact]
    public async Task Drain_UnknownAddressesOnly_AreGivenUpAfterManyAttempts()
    {
        await using var database = await postgres.NewDatabaseAsync();
        await using var smtp = await SmtpCatcher.StartAsync();
        for (var mail = 0; mail < 6; mail++)
            await PutAsync(database, Mail($"550-5.1.1-user{mail}@example.com"));
        await database.ExecuteAsync("update outbox set attempts = 18");

        Assert.Equal(new OutboxCounts(0, 6, 0), await Drain(database, smtp.Port).RunAsync(Cancel));
        await database.ExecuteAsync("update outbox set due_at = now() - attempts * interval '1 s'"); // those with the most attempts first
        Assert.Equal(new OutboxCounts(0, 1, 5), await Drain(database, smtp.Port).RunAsync(Cancel));
    }

    // Without enhanced codes, 550 may mean an unknown mailbox, or a relay that accepts local recipients only.
    [Fact]
    public async Task Drain_RelayThatAcceptsOnlyLocalRecipients_GivesNoMailUp()
    {
        await using var database = await postgres.NewDatabaseAsync();
        await using var smtp = await SmtpCatcher.StartAsync();
        for (var mail = 0; mail < 4; mail++)
            await PutAsync(database, Mail($"refused@host{mail}.example.com"));
        await PutAsync(database, Mail("local@example.org"));

        Assert.Equal(new OutboxCounts(1, 4, 0), await Drain(database, smtp.Port).RunAsync(Cancel));
    }

    // The relay answers each of them about one mail only, so it is not refusing everybody.
    [Theory]
    [InlineData("content")] // 554 after DATA
    [InlineData("busy")] // 450
    public async Task Drain_MailsRefusedForContentOrLoad_StopNoOtherMail(string refused)
    {
        await using var database = await postgres.NewDatabaseAsync();
        await using var smtp = await SmtpCatcher.StartAsync();
        for (var mail = 0; mail < 6; mail++)
            await PutAsync(database, Mail($"{refused}@host{mail}.example.com"));
        await PutAsync(database, Mail("jo@example.com"));

        Assert.Equal(new OutboxCounts(1, 6, 0), await Drain(database, smtp.Port).RunAsync(Cancel));
    }

    [Fact]
    public async Task Drain_OneRecipientOfSeveralMails_IsNotTheRelaysFault()
    {
        await using var database = await postgres.NewDatabaseAsync();
        await using var smtp = await SmtpCatcher.StartAsync();
        for (var mail = 0; mail < 10; mail++)
            await PutAsync(database, Mail("550-5.7.1-jo@example.com"));
        await PutAsync(database, Mail("jo@example.com"));

        Assert.Equal(new OutboxCounts(1, 10, 0), await Drain(database, smtp.Port).RunAsync(Cancel));
    }

    [Fact]
    public async Task Drain_OnlyMailHasAnUnclearRefusal_Waits()
    {
        await using var database = await postgres.NewDatabaseAsync();
        await using var smtp = await SmtpCatcher.StartAsync();
        await PutAsync(database, Mail("refused@example.com"));

        Assert.Equal(new OutboxCounts(0, 1, 0), await Drain(database, smtp.Port).RunAsync(Cancel));
    }

    [Theory]
    [InlineData("")]
    [InlineData("jo")]
    [InlineData("jo@")]
    [InlineData("@example.com")]
    [InlineData("jo@example.com, ann@example.com")]
    [InlineData("jo@example.com ann@example.com")]
    [InlineData("jo example.com")]
    public async Task Drain_AddressThatIsNotValid_IsGivenUpAtOnce(string address)
    {
        await using var database = await postgres.NewDatabaseAsync();
        await using var smtp = await SmtpCatcher.StartAsync();
        await PutAsync(database, Mail(address));
        await PutAsync(database, Mail("ann@example.com"));

        Assert.Equal(new OutboxCounts(1, 0, 1), await Drain(database, smtp.Port).RunAsync(Cancel));
        Assert.Equal(
            "the address is not valid", await database.QueryAsync<string>("select last_error from outbox where dead_at is not null"));
    }

    [Fact] // the SMTP server of the tests rejects two dots in a row even in quotation marks
    public async Task Drain_AddressWithADotBeforeTheAt_IsSentInQuotationMarks()
    {
        await using var database = await postgres.NewDatabaseAsync();
        await using var smtp = await SmtpCatcher.StartAsync();
        await PutAsync(database, Mail("jo.e.@docomo.ne.jp"));

        Assert.Equal(new OutboxCounts(1, 0, 0), await Drain(database, smtp.Port).RunAsync(Cancel));
        Assert.Equal("\"jo.e.\"@docomo.ne.jp", Assert.Single(smtp.Mails()).To.ToString());
    }

    [Fact]
    public async Task Drain_MailWithALostAnswer_IsSentAgainWithTheSameMessageId()
    {
        await using var database = await postgres.NewDatabaseAsync();
        await using var smtp = await SmtpCatcher.StartAsync();
        await PutAsync(database, Mail("lost@example.com"));

        Assert.Equal(new OutboxCounts(0, 1, 0), await Drain(database, smtp.Port).RunAsync(Cancel));
        await database.ExecuteAsync("update outbox set due_at = now()");
        await Drain(database, smtp.Port).RunAsync(Cancel);

        Assert.Equal(2, smtp.Mails().Count);
        Assert.Single(smtp.Mails().Select(mail => mail.MessageId).Distinct());
        Assert.Single(smtp.Mails().Select(mail => mail.Date).Distinct());
    }

    [Fact]
    public async Task Drain_ManyWorkersAtOnce_SendEachMailOnce()
    {
        await using var database = await postgres.NewDatabaseAsync();
        await using var smtp = await SmtpCatcher.StartAsync();
        for (var mail = 0; mail < 60; mail++)
            await PutAsync(database, Mail($"user{mail}@example.com"));

        var counts = await Task.WhenAll(Enumerable.Range(0, 4).Select(_ => Drain(database, smtp.Port).RunAsync(Cancel)));

        Assert.Equal(60, counts.Sum(count => count.Sent));
        Assert.Equal(60, smtp.Mails().Select(mail => mail.MessageId).Distinct().Count());
        Assert.Equal(60, smtp.Mails().Count);
    }

    [Fact]
    public async Task Settle_AfterTheLeaseWasTakenOver_WritesNothing()
    {
        await using var database = await postgres.NewDatabaseAsync();
        await PutAsync(database, Mail("jo@example.com"));
        var store = new OutboxStore(database.Database);
        var first = Assert.Single(await store.ClaimAsync(OutboxStore.Email, 1, TimeSpan.Zero, Cancel));
        var second = Assert.Single(await store.ClaimAsync(OutboxStore.Email, 1, TimeSpan.FromMinutes(1), Cancel));

        Assert.False(await store.MarkSentAsync(first, Cancel));
        Assert.False(await store.MarkFailedAsync(first, null, "x", Cancel));
        Assert.False(await store.MarkFailedAsync(first, TimeSpan.Zero, "x", Cancel));
        Assert.Empty(await store.ClaimAsync(OutboxStore.Email, 1, TimeSpan.FromMinutes(1), Cancel));
        Assert.True(await store.MarkSentAsync(second, Cancel));
        Assert.Equal(2, await database.QueryAsync<int>("select attempts from outbox"));
    }

    [Theory]
    [InlineData("p%40ss", 1, 0)]
    [InlineData("wrong", 0, 1)]
    public async Task Drain_RelayWithPassword_LogsIn_AndAWrongPasswordOnlyDelays(string password, int sent, int later)
    {
        await using var database = await postgres.NewDatabaseAsync();
        await using var smtp = await SmtpCatcher.StartAsync(user: "us", password: "p@ss");
        await PutAsync(database, Mail("jo@example.com"));

        Assert.Equal(new OutboxCounts(sent, later, 0), await Drain(database, smtp.Port, $"us:{password}@").RunAsync(Cancel));
    }

    [Fact]
    public async Task Drain_WithoutARelay_LeavesTheMailsInTheOutbox()
    {
        await using var database = await postgres.NewDatabaseAsync();
        await PutAsync(database, Mail("jo@example.com"));
        var settings = new MailSettings(null, new MailboxAddress("", "licenses@example.org"), null);
        var drain = new DrainOutbox(
            new OutboxStore(database.Database), () => new Mailer(settings, new MailTemplates()), new ProcessCounts(), TimeProvider.System,
            NullLogger<DrainOutbox>.Instance);

        Assert.Equal(new OutboxCounts(0, 0, 0), await drain.RunAsync(Cancel));
        Assert.Equal(0, await database.QueryAsync<int>("select attempts from outbox"));
    }

    private static string Mail(string to) => $$$"""{"template":"reinstated","to":"{{{to}}}","model":{"subscription_id":"L-1"}}""";

    private static Task<Guid> PutAsync(TestDatabase database, string payload) => database.QueryAsync<Guid>(
        "insert into outbox (kind, dedup_key, payload) values ('email', uuid_generate_v4()::text, @payload::jsonb) returning outbox_id",
            new { payload });

    private static DrainOutbox Drain(
        TestDatabase database, int port, string login = "", ProcessCounts? counts = null, FindAttachments? files = null)
    {
        var settings = new MailSettings(
            new Uri($"smtp://{login}127.0.0.1:{port}"), new MailboxAddress("Licenses", "licenses@example.org"),
                new Uri("https://licenses.example.org"));
        return new DrainOutbox(
            new OutboxStore(database.Database), () => new Mailer(settings, new MailTemplates(), files), counts ?? new ProcessCounts(),
            TimeProvider.System, NullLogger<DrainOutbox>.Instance);
    }
}
