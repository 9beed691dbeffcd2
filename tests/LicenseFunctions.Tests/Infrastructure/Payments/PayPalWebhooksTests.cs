using System.Text;
using LicenseFunctions.Infrastructure.Payments.PayPal;
using Licensing;
using Licensing.Renewals;
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
        // A page of PayPal that is no certificate.
        await RefusedAsync(Event, good with { CertificateUrl = new Uri(account.StandIn.BaseAddress, "/nothing").ToString() });

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
    [InlineData("https://api.paypal.com:8443/cert")]
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
    [InlineData("", "not JSON", typeof(PaymentFact.Ignored))]
    public async Task ADamagedEvent_IsIgnoredOrShownToAnOperator(string type, string resource, Type fact)
    {
        await using var account = await PayPalAccount.OpenAsync();
        var body = $$"""{"id": "WH", "event_type": {{type}}, "resource": {{resource}}}""";

        var read = await account.Webhooks.ReadAsync(Encoding.UTF8.GetBytes(body), account.Sign(body), Cancel);

        Assert.IsType(fact, read.Value.Fact);
    }
}
