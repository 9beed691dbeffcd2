using System.IO.Hashing;
using System.Net;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using LicenseFunctions.Infrastructure.Payments.PayPal;
using Licensing;
using Licensing.Renewals;
using Microsoft.Extensions.Time.Testing;
using PayPalStandIn;
using Xunit;

namespace LicenseFunctions.Tests.Infrastructure.Payments;

/// <summary>PayPal's signature, and what its events mean.</summary>
public sealed class PayPalWebhooksTests
{
    private const string Event = """{"id": "WH-1", "event_type": "BILLING.PLAN.CREATED", "create_time": "2026-11-01T10:00:00Z"}""";

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task AnEvent_IsAccepted_OnlyAsItWasSignedForThisWebhook()
    {
        await using var account = await PayPalAccount.OpenAsync();
        await using var other = await StandIn.StartAsync(cancellationToken: Cancel);
        var good = account.Sign(Event);
        account.Publish(Event);

        Assert.Equal("WH-1", (await ReadAsync(Event, good)).Value.EventId);
        Assert.IsType<PaymentFact.Ignored>((await ReadAsync(Event, good)).Value.Fact);

        await RefusedAsync(Event.Replace("WH-1", "WH-2", StringComparison.Ordinal), good); // another body
        await RefusedAsync(Event, account.Sign(Event, webhookId: "ANOTHER")); // for another webhook
        await RefusedAsync(Event, good with { Time = "2026-11-01T10:00:01Z" });
        await RefusedAsync(Event, good with { TransmissionId = Guid.NewGuid().ToString() });
        await RefusedAsync(Event, good with { Signature = Convert.ToBase64String(new byte[256]) });
        await RefusedAsync(Event, good with { Signature = "not base64" });
        await RefusedAsync(Event, good with { Signature = null });
        await RefusedAsync(Event, good with { Algorithm = "SHA1withRSA" });
        await RefusedAsync(Event, good with { CertificateUrl = null });
        // A signature that is valid with a certificate of somebody else.
        var stranger = other.Webhooks.Sign(Event);
        await RefusedAsync(Event, good with
        {
            TransmissionId = stranger["PAYPAL-TRANSMISSION-ID"],
            Time = stranger["PAYPAL-TRANSMISSION-TIME"],
            Signature = stranger["PAYPAL-TRANSMISSION-SIG"],
            CertificateUrl = stranger["PAYPAL-CERT-URL"],
        });
        // An address of PayPal that is no certificate, or is none of those of certificates.
        await RefusedAsync(Event, good with { CertificateUrl = $"{account.StandIn.BaseAddress}v1/notifications/certs/NONE" });
        await RefusedAsync(Event, good with { CertificateUrl = $"{account.StandIn.BaseAddress}v1/notifications/webhooks-events/WH-1" });

        async Task RefusedAsync(string body, PayPalSignature signature) =>
            Assert.Equal((RefusalKind.Invalid, "BAD_SIGNATURE"), await ReadAsync(body, signature) is { Refusal: { } refusal }
                ? (refusal.Kind, refusal.Code)
                : (RefusalKind.Failed, ""));

        Task<Outcome<PaymentEvent>> ReadAsync(
            string body, PayPalSignature signature) =>
            account.Webhooks.ReadAsync(Encoding.UTF8.GetBytes(body), signature, Cancel);
    }

    [Theory]
    [InlineData("http://api.paypal.com/v1/notifications/certs/CERT-1")]
    [InlineData("https://api.paypal.com.example.com/cert")]
    [InlineData("https://paypal.com@example.com/cert")]
    [InlineData("https://notpaypal.com/cert")]
    [InlineData("https://api.paypal.com:8443/v1/notifications/certs/CERT-1")]
    [InlineData("https://www.paypal.com/v1/notifications/certs/CERT-1")]
    [InlineData("https://api.sandbox.paypal.com/v1/notifications/certs/CERT-1")]
    [InlineData("https://api.paypal.com/v1/notifications/certs/../webhooks")]
    [InlineData("https://api.paypal.com/v1/notifications/certs/a/../CERT-1")]
    [InlineData("https://api.paypal.com/v1/notifications/certs/%43ERT-1")]
    [InlineData("https://api.paypal.com/v1/notifications/certs//CERT-1")]
    [InlineData("https://api.paypal.com/v1/notifications/certs/CERT-1;a=1")]
    [InlineData("https://api.paypal.com/v1/notifications/certs/CERT-1#a")]
    [InlineData("https://api.paypal.com/v1/notifications/certs/CERT-1?a")]
    [InlineData("https://api.paypal.com/v1/notifications/certs/CERT-1/")]
    [InlineData("https://api.paypal.com/sdk/cert.pem")]
    [InlineData("file:///etc/ssl/cert.pem")]
    [InlineData("/v1/notifications/certs/CERT-1")]
    [InlineData("")]
    public async Task WithPayPalsOwnApi_OtherAddressesOfCertificates_AreNotEvenRead(string url)
    {
        // No request could be answered: the handler fails every one.
        using var http = new HttpClient(new NoNetwork());
        var settings = new PayPalSettings(
            "id", "secret", "WH", new Uri("https://api-m.paypal.com/"), new Uri("https://licenses.example.com/"));
        using var certificates = new PayPalCertificates(http, settings, TimeProvider.System);

        Assert.Null(await certificates.KeyAsync(url, Cancel));
        await Assert.ThrowsAsync<HttpRequestException>(
            () => certificates.KeyAsync("https://api.paypal.com/v1/notifications/certs/CERT-1", Cancel));
    }

    [Theory]
    [InlineData("https://api-m.sandbox.paypal.com/", "https://api.sandbox.paypal.com/v1/notifications/certs/CERT-1", true)]
    [InlineData("https://api-m.sandbox.paypal.com/", "https://api.paypal.com/v1/notifications/certs/CERT-1", false)]
    public async Task TheSandbox_ReadsItsOwnCertificates(string api, string url, bool isRead)
    {
        using var http = new HttpClient(new NoNetwork());
        var settings = new PayPalSettings("id", "secret", "WH", new Uri(api), new Uri("https://licenses.example.com/"));
        using var certificates = new PayPalCertificates(http, settings, TimeProvider.System);

        Assert.Equal(isRead, await Record.ExceptionAsync(() => certificates.KeyAsync(url, Cancel)) is HttpRequestException);
    }

    [Fact]
    public async Task AFloodOfInventedCertificates_IsNotAskedFor()
    {
        var asked = new NotFound();
        using var http = new HttpClient(asked);
        var settings = new PayPalSettings(
            "id", "secret", "WH", new Uri("https://api-m.paypal.com/"), new Uri("https://licenses.example.com/"));
        var clock = new FakeTimeProvider(TimeProvider.System.GetUtcNow());
        using var certificates = new PayPalCertificates(http, settings, clock);
        static string Address(int number) => $"https://api.paypal.com/v1/notifications/certs/CERT-{number}";

        for (var number = 0; number < 8; number++) Assert.Null(await certificates.KeyAsync(Address(number), Cancel));
        Assert.Null(await certificates.KeyAsync(Address(0), Cancel));
        await Assert.ThrowsAsync<HttpRequestException>(() => certificates.KeyAsync(Address(8), Cancel));
        Assert.Equal(8, asked.Requests);
        clock.Advance(TimeSpan.FromMinutes(2));
        Assert.Null(await certificates.KeyAsync(Address(0), Cancel));
        Assert.Null(await certificates.KeyAsync(Address(8), Cancel));
        Assert.Equal(9, asked.Requests);
        clock.Advance(TimeSpan.FromMinutes(10));
        Assert.Null(await certificates.KeyAsync(Address(0), Cancel));
        Assert.Equal(10, asked.Requests);
    }

    // Anybody can name invented addresses, as many as they like.
    [Fact]
    public async Task AKnownCertificate_IsServed_WhateverHappensToOtherAddresses_AndWhilePayPalDoesNotAnswer()
    {
        var files = new Files();
        using var http = new HttpClient(files);
        var settings = new PayPalSettings(
            "id", "secret", "WH", new Uri("https://api-m.paypal.com/"), new Uri("https://licenses.example.com/"));
        var clock = new FakeTimeProvider(TimeProvider.System.GetUtcNow());
        using var certificates = new PayPalCertificates(http, settings, clock);
        static string Address(string name) => $"https://api.paypal.com/v1/notifications/certs/{name}";
        async Task IsKnownAsync(bool isKnown = true)
        {
            using var key = await certificates.KeyAsync(Address("CERT-1"), Cancel);
            Assert.Equal(isKnown, key is not null);
        }

        await IsKnownAsync();
        // Certificates of PayPal, too, don't replace it.
        for (var number = 2; number < 20; number++)
        {
            clock.Advance(TimeSpan.FromSeconds(10));
            using var other = await certificates.KeyAsync(Address($"CERT-{number}"), Cancel);
            Assert.NotNull(other);
        }

        // The reads of this minute are used up by addresses that don't exist, and the certificate must be read again.
        clock.Advance(TimeSpan.FromHours(13));
        for (var number = 0; number < 8; number++) Assert.Null(await certificates.KeyAsync(Address($"NONE-{number}"), Cancel));
        await Assert.ThrowsAsync<HttpRequestException>(() => certificates.KeyAsync(Address("NONE-8"), Cancel));
        files.Failure = new HttpRequestException("no network");
        await IsKnownAsync();
        var requests = files.Requests;
        await IsKnownAsync();
        Assert.Equal(requests, files.Requests);

        // PayPal withdraws it.
        (files.Failure, files.AreWithdrawn) = (null, true);
        clock.Advance(TimeSpan.FromMinutes(11));
        await IsKnownAsync(false);
    }

    /// <summary>Every address that begins with CERT has a certificate.</summary>
    private sealed class Files : HttpMessageHandler
    {
        // Making a key takes longer than the test.
        private static readonly Lazy<string> Certificate = new(NewCertificate);

        public int Requests { get; private set; }

        public Exception? Failure { get; set; }

        public bool AreWithdrawn { get; set; }

        protected override Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
        {
            Requests++;
            if (Failure is { } failure) throw failure;
            if (AreWithdrawn || !request.RequestUri!.AbsolutePath.Contains("/CERT-", StringComparison.Ordinal))
                return Task.FromResult(new HttpResponseMessage(HttpStatusCode.NotFound));
            return Task.FromResult(new HttpResponseMessage { Content = new StringContent(Certificate.Value) });
        }

        private static string NewCertificate()
        {
            using var key = RSA.Create(2048);
            using var certificate = new CertificateRequest("CN=test", key, HashAlgorithmName.SHA256, RSASignaturePadding.Pkcs1)
                .CreateSelfSigned(TimeProvider.System.GetUtcNow().AddDays(-1), TimeProvider.System.GetUtcNow().AddYears(1));
            return certificate.ExportCertificatePem();
        }
    }

    private sealed class NotFound : HttpMessageHandler
    {
        public int Requests { get; private set; }

        protected override Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
        {
            Requests++;
            return Task.FromResult(new HttpResponseMessage(HttpStatusCode.NotFound));
        }
    }

    [Theory]
    [InlineData(-4 * 24 * 60 - 1, false)]
    [InlineData(-4 * 24 * 60 + 1, true)]
    [InlineData(4, true)]
    [InlineData(6, false)]
    public async Task ASignature_CountsForSomeDays(int minutes, bool isAccepted)
    {
        var now = TimeProvider.System.GetUtcNow();
        await using var account = await PayPalAccount.OpenAsync(standInClock: new FakeTimeProvider(now.AddMinutes(minutes)));
        account.Publish(Event);
        var signature = account.Sign(Event);

        var read = await account.Webhooks.ReadAsync(Encoding.UTF8.GetBytes(Event), signature, Cancel);

        Assert.Equal(isAccepted, read.Refusal is null);
    }

    [Fact]
    public async Task ABodyWithTheChecksumOfAnother_TellsOnlyThatThereIsAnEvent()
    {
        await using var account = await PayPalAccount.OpenAsync();
        var paid = await account.PayAsync(account.Charge());
        var real = account.Body(account.StandIn.EventsOf("PAYMENT.CAPTURE.COMPLETED")[^1]);
        var (leaked, wanted) = (account.Sign(real), Crc32.HashToUInt32(Encoding.UTF8.GetBytes(real)));

        // What PayPal never sent, with an id that it doesn't have.
        var unknown = WithChecksum(wanted, real.Replace("\"id\":\"WH-", "\"id\":\"XX-", StringComparison.Ordinal)
            .Replace("30.00", "9999.00", StringComparison.Ordinal));
        Assert.Equal("EVENT_NOT_FOUND", (await account.Webhooks.ReadAsync(unknown, leaked, Cancel)).Refusal?.Code);
        // The id of a real event with other contents: PayPal's contents count.
        var changed = WithChecksum(wanted, real.Replace("30.00", "9999.00", StringComparison.Ordinal));
        var fact = Assert.IsType<PaymentFact.IntentChanged>((await account.Webhooks.ReadAsync(changed, leaked, Cancel)).Value.Fact);
        Assert.Equal(paid.Outcome, fact.Intent.Outcome);

        account.StandIn.Faults.Add(new Fault(FaultKind.ErrorBefore, "events.get", Times: null));
        Assert.Equal(
            RefusalKind.Unavailable, (await account.Webhooks.ReadAsync(Encoding.UTF8.GetBytes(real), leaked, Cancel)).Refusal?.Kind);
    }

    // Appends spaces, tabs and line ends, which JSON ignores, until the checksum fits: a linear system of 32 equations.
    private static byte[] WithChecksum(uint wanted, string body)
    {
        const int Bits = 64;
        var start = Encoding.UTF8.GetBytes(body);
        byte[] Padded(ulong choice) =>
            [.. start, .. Enumerable.Range(0, Bits).Select(bit => (choice >> bit & 1) == 0 ? (byte)' ' : (byte)'\t')];
        var none = Crc32.HashToUInt32(Padded(0));
        // Each row is the change of the checksum by a choice of pads.
        var rows = new List<(uint Change, ulong Choice)>();
        for (var bit = 0; bit < Bits; bit++)
        {
            var (change, choice) = (Crc32.HashToUInt32(Padded(1UL << bit)) ^ none, 1UL << bit);
            foreach (var row in rows)
                if ((change ^ row.Change) < change) (change, choice) = (change ^ row.Change, choice ^ row.Choice);
            if (change != 0) rows.Add((change, choice));
            rows.Sort((one, other) => other.Change.CompareTo(one.Change));
        }

        var (left, made) = (wanted ^ none, 0UL);
        foreach (var row in rows)
            if ((left ^ row.Change) < left) (left, made) = (left ^ row.Change, made ^ row.Choice);
        Assert.Equal(0u, left);
        var forged = Padded(made);
        Assert.Equal(wanted, Crc32.HashToUInt32(forged));
        return forged;
    }

    private sealed class NoNetwork : HttpMessageHandler
    {
        protected override Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken) =>
            throw new HttpRequestException("no network");
    }

    [Fact]
    public async Task Captures_NameTheirOrderAndRenewal()
    {
        await using var account = await PayPalAccount.OpenAsync();
        var charge = account.Charge();
        var paid = await account.PayAsync(charge);
        await account.PayAsync(account.Charge("DECLINED:5120"));
        await account.PayAsync(account.Charge("PENDING"));

        var completed = Assert.IsType<PaymentFact.IntentChanged>((await account.LatestAsync("PAYMENT.CAPTURE.COMPLETED")).Fact);
        Assert.Equal(
            new PaymentFact.IntentChanged(
                new IntentSnapshot(paid.IntentId, paid.Outcome), charge.RenewalId, charge.SubscriptionId, charge.UserId, 50),
            completed);
        Assert.IsType<ChargeOutcome.SoftDeclined>(Outcome(await account.LatestAsync("PAYMENT.CAPTURE.DECLINED")));
        Assert.IsType<ChargeOutcome.Processing>(Outcome(await account.LatestAsync("PAYMENT.CAPTURE.PENDING")));

        static ChargeOutcome Outcome(PaymentEvent received) => ((PaymentFact.IntentChanged)received.Fact).Intent.Outcome;
    }

    [Fact]
    public async Task RefundsAndDisputes_NameTheirCapture()
    {
        await using var account = await PayPalAccount.OpenAsync();
        var paid = await account.PayAsync(account.Charge());
        var capture = ((ChargeOutcome.Succeeded)paid.Outcome).TransactionId;
        var refundId = Guid.NewGuid();
        await account.Gateway.RefundAsync(new RefundRequest(refundId, paid.IntentId!, 1000, capture), "key", Cancel);

        var refund = Reversal(await account.LatestAsync("PAYMENT.CAPTURE.REFUNDED"));
        Assert.Equal(
            (ReversalKind.Refund, ReversalState.Succeeded, 1000, "usd", capture, refundId),
            (refund.Kind, refund.State, refund.AmountMinor, refund.Currency, refund.ChargeId, refund.RefundId));
        account.StandIn.Account.FailRefund(refund.ProviderId);
        Assert.Equal(ReversalState.Failed, Reversal(await account.LatestAsync("PAYMENT.REFUND.FAILED")).State);

        var dispute = account.StandIn.Account.Dispute(capture, "UNAUTHORISED");
        var opened = Reversal(await account.LatestAsync("CUSTOMER.DISPUTE.CREATED"));
        Assert.Equal(
            (ReversalKind.Dispute, dispute, ReversalState.Open, 3000, capture, "unauthorised", true),
            (opened.Kind, opened.ProviderId, opened.State, opened.AmountMinor, opened.ChargeId, opened.Reason,
                opened.EvidenceDueAt > opened.ChangedAt));
        account.StandIn.Account.CloseDispute(dispute, won: false);
        var lost = Reversal(await account.LatestAsync("CUSTOMER.DISPUTE.RESOLVED"));
        Assert.Equal((ReversalState.Lost, 3000), (lost.State, lost.AmountMinor));
        account.StandIn.Account.CloseDispute(dispute, won: true);
        Assert.Equal(ReversalState.Won, Reversal(await account.LatestAsync("CUSTOMER.DISPUTE.RESOLVED")).State);

        account.StandIn.Account.TakeBack(capture);
        var taken = Reversal(await account.LatestAsync("PAYMENT.CAPTURE.REVERSED"));
        Assert.Equal(
            (ReversalState.Lost, 3000, capture, true, null),
            (taken.State, taken.AmountMinor, taken.ChargeId, taken.IsTakenBack, taken.RefundId));

        static PaymentReversal Reversal(PaymentEvent received) => ((PaymentFact.Reversed)received.Fact).Reversal;
    }

    [Theory]
    [InlineData("\"PAYMENT.CAPTURE.COMPLETED\"", """{"id": "CAP", "status": "COMPLETED"}""", typeof(PaymentFact.Ignored))]
    [InlineData("\"PAYMENT.CAPTURE.REFUNDED\"", """{"id": "REF"}""", typeof(PaymentFact.Unreadable))]
    [InlineData("\"PAYMENT.CAPTURE.REVERSED\"", """{"id": "CAP"}""", typeof(PaymentFact.Unreadable))]
    [InlineData("\"CUSTOMER.DISPUTE.CREATED\"", """{"dispute_id": "PP-D-1"}""", typeof(PaymentFact.Unreadable))]
    [InlineData("\"VAULT.PAYMENT-TOKEN.CREATED\"", """{"id": "tok"}""", typeof(PaymentFact.Ignored))]
    [InlineData("\"VAULT.PAYMENT-TOKEN.DELETED\"", """{"id": "tok"}""", typeof(PaymentFact.MethodDetached))]
    [InlineData("7", "null", typeof(PaymentFact.Ignored))]
    public async Task ADamagedEvent_IsIgnoredOrShownToAnOperator(string type, string resource, Type fact)
    {
        await using var account = await PayPalAccount.OpenAsync();
        var body = $$"""{"id": "WH", "event_type": {{type}}, "resource": {{resource}}}""";

        account.Publish(body);

        var read = await account.Webhooks.ReadAsync(Encoding.UTF8.GetBytes(body), account.Sign(body), Cancel);

        Assert.IsType(fact, read.Value.Fact);
    }
}
