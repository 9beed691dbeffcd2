using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using LicenseFunctions.Infrastructure.Http;
using LicenseFunctions.Renewals;
using LicenseFunctions.Suspicion;
using LicenseFunctions.Tests.Support;

namespace FunctionsHost.Tests;

/// <summary>A good and a bad request for an HTTP function.</summary>
/// <param name="Person">Number of the demo person who is the subscriber of the request's license, 1 to 25.</param>
internal sealed record RouteInput(string Function, string Method, int Person, Input Good, Input Bad);

/// <summary>The demo data, and further rows that some functions need. Their IDs are fixed, so both sides have the same.</summary>
internal static class Demo
{
    public const string Quarantined = "00000000-0000-4000-8000-000000000901";
    public const string Discarded = "00000000-0000-4000-8000-000000000902";
    public const string Raised = "00000000-0000-4000-8000-000000000911";
    public const string Undecided = "00000000-0000-4000-8000-000000000912";
    public const string Dispute = "00000000-0000-4000-8000-000000000914";
    public const string PaymentCase = "00000000-0000-4000-8000-000000000915";
    public const string Device = "00000000-0000-4000-8000-000000000921";
    public const string Webhook = "00000000-0000-4000-8000-000000000941";
    public const string OldWebhook = "00000000-0000-4000-8000-000000000942";
    public const string Alert = "00000000-0000-4000-8000-000000000807";
    public const string Invoice = "DEMO-2026-000001";
    public const string Note = "00000000-0000-4000-8000-000000000951";

    private static readonly string[] Names =
    [
        "nora", "tunde", "mira", "jonas", "amara", "paul", "sara", "liam", "yuki", "diego", "ines", "oskar", "fatima", "george", "hana",
        "ivan", "julia", "kofi", "lena", "marco", "nadia", "peter", "quynh", "rosa", "samir",
    ];

    /// <summary>Loads the data into a new database.</summary>
    public static async Task LoadAsync(TestDatabase database)
    {
        var (code, output) = await Licensectl.RunAsync(database, "demo-data");
        if (code != 0)
            throw new InvalidOperationException(output);
        await database.ExecuteAsync($$"""
            insert into usage_quarantine (quarantine_id, source, code, detail, payload, payload_digest)
            values ('{{Quarantined}}', 'http', 'INVALID_JSON', 'no JSON', '[]', sha256('[]')),
                   ('{{Discarded}}', 'http', 'INVALID_JSON', 'no JSON', 'x', sha256('x'));
            insert into renewals
                (renewal_id, subscription_id, user_id, period_start, renewal_type, status, amount_usd, gives_up_at, intent_id,
                 unknown_since)
            select renewal::uuid, s.subscription_id, s.subscriber_id, t.expires_at, 'auto', asked.status, 29.50,
                   now() + interval '9 days', intent, case when intent is not null then now() end
            from (values ('{{Raised}}', 'awaiting_consent', '{{Subscription(19)}}', null),
                         ('{{Undecided}}', 'undecided', '{{Subscription(24)}}', 'pi_demo')) as asked (renewal, status, subscription, intent)
            join subscriptions s on s.subscription_id = asked.subscription::uuid
            join license_tokens t using (subscription_id);
            insert into renewal_attempts
                (attempt_id, renewal_id, number, provider, payment_method_id, request, first_sent_at, opens_intent, status)
            values ('00000000-0000-4000-8000-000000000913', '{{Undecided}}', 1, 'stripe', '{{Card(24)}}', '{}',
                    now() - interval '2 days', true, 'sent');
            insert into payment_reversals
                (reversal_id, provider, kind, provider_id, state, amount_minor, currency, intent_id, changed_at, renewal_id,
                 subscription_id)
            values ('{{Dispute}}', 'stripe', 'dispute', 'du_demo', 'open', 2950, 'usd', 'pi_demo', now(), '{{Undecided}}',
                    '{{Subscription(24)}}');
            insert into payment_cases (case_id, provider, reason, subject, detail)
            values ('{{PaymentCase}}', 'stripe', 'unreadable_event', 'evt_demo', 'An event that can''t be read.');
            insert into invoices
                (number, series, year, sequence, kind, renewal_id, subscription_id, user_id, booked_at, issued_at, seller, buyer,
                 tax_country, tax_percent, paid_with, lines, net_usd, tax_usd, gross_usd)
            values ('{{Invoice}}', 'DEMO', 2026, 1, 'invoice', '{{Undecided}}', '{{Subscription(24)}}', '{{User(24)}}',
                    '2026-01-02T00:00:00Z', '2026-01-02T00:05:00Z', '{"name": "Example GmbH", "country": "DE", "tax_id": "DE123456789"}',
                    '{"name": "Peter"}', 'DE', 19, 'card',
                    '[{"from": "2026-01-02T00:00:00Z", "until": "2026-02-01T00:00:00Z", "gross_usd": 11.90, "net_usd": 10.00}]',
                    10, 1.90, 11.90);
            insert into webhook_endpoints (endpoint_id, url, position) values
                ('{{Webhook}}', 'https://127.0.0.1/a', 0), ('{{OldWebhook}}', 'https://127.0.0.1/b', 0);
            insert into webhook_secrets (endpoint_id, number, key_id)
            select endpoint_id, 1, left(encode(sha256(decode(repeat('00', 32), 'hex')), 'hex'), 8) from webhook_endpoints;
            insert into customer_notes (note_id, user_id, text) values ('{{Note}}', '{{User(25)}}', 'Calls on Mondays.');
            insert into license_devices
                (device_id, subscription_id, device_key, ea_instance_id, mt5_account_number, ip_address, slot, first_seen_at, last_seen_at)
            values ('{{Device}}', '{{Subscription(10)}}', '1|EA-X', 'EA-X', 1, '192.0.2.1', 2, now(), now());
            """);
    }

    public static string Subscription(int person) => $"00000000-0000-4000-8000-0000000003{person:00}";

    public static Guid User(int person) => Guid.Parse($"00000000-0000-4000-8000-0000000001{person:00}");

    public static string Card(int person) => $"00000000-0000-4000-8000-0000000005{person:00}";

    public static string Token(int person) => "demo-" + Names[person - 1];

    public static string TokenHash(int person) => Convert.ToHexStringLower(SHA256.HashData(Encoding.ASCII.GetBytes(Token(person))));
}

/// <summary>The requests for every HTTP function.</summary>
internal static class RouteInputs
{
    private const string Broken = "{\"broken";
    private const string Unknown = "00000000-0000-4000-8000-00000000ffff";

    public static IReadOnlyList<RouteInput> All(DateTimeOffset now, string stripeSecret)
    {
        var links = new SignedLinks([new byte[32]], TimeProvider.System);
        var stripeEvent =
            """
            {"id":"evt_1","object":"event","type":"customer.created","created":1700000000,"data":{"object":{"id":"cus_1"}}}
            """;
        var signature = StripeStandIn.Webhooks.Sign(stripeEvent, stripeSecret, now.ToUnixTimeSeconds());
        var record = new
        {
            record_id = "00000000-0000-4000-8000-000000000931",
            logged_at = now.UtcDateTime,
            token_hash = Demo.TokenHash(2),
            subscription_id = Demo.Subscription(2),
            ip_address = "198.51.100.9",
            ea_instance_id = "EA-1",
            mt5_account_number = 1001,
        };
        var (from, to) = (Day(now.AddDays(-3)), Day(now.AddDays(-1)));

        return
        [
            new("AcceptPrice", "POST", 19,
                new("/api/v1/renewals/price-consent", new { token = Token(links, ConsentToPrice.Purpose, Demo.Raised, now) }),
                new("/api/v1/renewals/price-consent", Broken)),
            Of("AppealSuspension", "POST", 7, "appeal", new { message = "It was my brother." }, new { message = "" }),
            Of("GetSuspension", "GET", 7, "suspension"),
            Of("ListActivity", "GET", 7, "activity"),
            new("ConfirmUse", "POST", 7,
                new("/api/v1/licenses/alerts/confirm", new { token = Token(links, AnswerSuspicion.Purpose, Demo.Alert, now) }),
                new("/api/v1/licenses/alerts/confirm", new { token = "forged" })),
            new("AnswerAlert", "POST", 7,
                new($"/api/v1/licenses/{Demo.Subscription(7)}/alerts/{Demo.Alert}/answer", new { was_you = false }),
                new($"/api/v1/licenses/{Demo.Subscription(7)}/alerts/{Demo.Alert}/answer", new { })),
            new("ListShadowAlerts", "GET", 7, new("/api/v1/licenses/alerts/shadow?difference=ALL"),
                new("/api/v1/licenses/alerts/shadow?difference=NONE")),
            new("GetAlert", "GET", 7, new($"/api/v1/licenses/alerts/{Demo.Alert}"), new($"/api/v1/licenses/alerts/{Unknown}")),
            new("JudgeAlert", "PATCH", 8,
                new("/api/v1/licenses/alerts/00000000-0000-4000-8000-000000000808", new { status = "RESOLVED", notes = "a third machine" }),
                new("/api/v1/licenses/alerts/00000000-0000-4000-8000-000000000808", new { status = "SOMETHING" })),
            new("ListAlerts", "GET", 7, new("/api/v1/licenses/alerts?status=ALL&limit=3"), new("/api/v1/licenses/alerts?status=NONE")),
            Of("LiftSuspension", "POST", 7, "lift-suspension", new { }),
            Of("RenewLicense", "POST", 4, "renew", new { }, badHeaders: ("Idempotency-Key", new string('k', 300))),
            Of("ConfirmPayment", "POST", 4, "confirm-payment", new { }),
            Of("ListRenewals", "GET", 4, "renewals"),
            Of("ListPayments", "GET", 4, "payments"),
            Of("SwitchAutoRenew", "PUT", 4, "auto-renew", new { enabled = false }, new { enabled = "perhaps" }),
            new("PreviewRenewals", "GET", 1, new("/api/v1/renewals/preview?days=7"), new("/api/v1/renewals/preview?days=many")),
            new("CountRenewalFailures", "GET", 1, new("/api/v1/renewals/failures?days=30"), new("/api/v1/renewals/failures?days=0")),
            new("ShowReports", "GET", 1,
                new("/api/v1/reports?from=2026-01-01T00:00:00Z&to=2026-02-01T00:00:00Z"), new("/api/v1/reports?from=never")),
            new("ListUnknownCharges", "GET", 1, new("/api/v1/renewals/unknown"), new("/api/v1/renewals/unknown/")),
            new("DecideRenewal", "POST", 24,
                new($"/api/v1/renewals/{Demo.Undecided}/decision", new { paid = false, reason = "the dashboard shows nothing" }),
                new($"/api/v1/renewals/{Demo.Undecided}/decision", new { paid = "yes" })),
            new("ListPaymentCases", "GET", 1, new("/api/v1/payments/cases"), new("/api/v1/payments/cases/")),
            new("DecidePaymentCase", "POST", 1,
                new($"/api/v1/payments/cases/{Demo.PaymentCase}/decision", new { action = "dismiss", reason = "refunded" }),
                new($"/api/v1/payments/cases/{Demo.PaymentCase}/decision", new { action = "forget", reason = "x" })),
            new("ReconcilePayments", "GET", 1,
                new("/api/v1/payments/reconciliation?from=2026-11-01&to=2026-11-03"), new("/api/v1/payments/reconciliation?from=today")),
            new("ListDisputes", "GET", 1, new("/api/v1/payments/disputes"), new("/api/v1/payments/disputes/")),
            new("ShowDisputeEvidence", "GET", 1,
                new($"/api/v1/payments/disputes/{Demo.Dispute}/evidence"), new($"/api/v1/payments/disputes/{Unknown}/evidence")),
            new("SendDisputeEvidence", "POST", 1,
                new($"/api/v1/payments/disputes/{Demo.Dispute}/evidence", new { text = "The license was used daily." }),
                new($"/api/v1/payments/disputes/{Demo.Dispute}/evidence", new { text = "" })),
            new("ListRefunds", "GET", 1, new("/api/v1/payments/refunds"), new("/api/v1/payments/refunds/")),
            new("PreviewRefund", "POST", 24,
                new($"/api/v1/payments/{Demo.Undecided}/refund/preview", new { }),
                new($"/api/v1/payments/{Demo.Undecided}/refund/preview", new { period = "forever" })),
            new("RefundPayment", "POST", 24,
                new($"/api/v1/payments/{Demo.Undecided}/refund", new { reason = "asked", refundable_usd = 29.50 }),
                new($"/api/v1/payments/{Demo.Undecided}/refund", new { reason = "" })),
            new("ListPaymentMethods", "GET", 1, new("/api/v1/payment-methods"), new("/api/v1/payment-methods//")),
            new("MakePaymentMethodDefault", "PUT", 1,
                new($"/api/v1/payment-methods/{Demo.Card(1)}/default"), new("/api/v1/payment-methods/not-an-id/default")),
            new("MakePaymentMethodDefault", "POST", 1,
                new($"/api/v1/payment-methods/{Demo.Card(1)}/default"), new($"/api/v1/payment-methods/{Unknown}/default")),
            new("StartCardSetup", "POST", 20, new("/api/v1/payment-methods/setup"), new("/api/v1/payment-methods/setup", Broken)),
            new("RemovePaymentMethod", "DELETE", 22,
                new($"/api/v1/payment-methods/{Demo.Card(22)}"), new($"/api/v1/payment-methods/{Unknown}")),
            new("StartPayPalSetup", "POST", 20, new("/api/v1/payment-methods/paypal"), new("/api/v1/payment-methods/paypal", Broken)),
            new("CompletePayPalSetup", "POST", 20,
                new("/api/v1/payment-methods/paypal/complete", new { setup_token_id = "TOKEN" }),
                new("/api/v1/payment-methods/paypal/complete", Broken)),
            new("SwitchNextPaymentMethod", "PUT", 20,
                new("/api/v1/payment-methods/next", new { enabled = true }), new("/api/v1/payment-methods/next", new { enabled = "yes" })),
            new("ReceivePayPalEvent", "POST", 1,
                new("/api/v1/paypal/webhook", stripeEvent), new("/api/v1/paypal/webhook", Broken)),
            new("ReceiveStripeEvent", "POST", 1,
                new("/api/v1/stripe/webhook", stripeEvent, ("Stripe-Signature", signature)),
                new("/api/v1/stripe/webhook", stripeEvent, ("Stripe-Signature", "t=1,v1=00"))),
            new("Search", "POST", 1, new("/api/v1/search", new { text = "510101" }), new("/api/v1/search", new { text = "x" })),
            OfCustomer("GetCustomer", "GET", ""),
            OfCustomer("ListCustomerMails", "GET", "/mails"),
            OfCustomer("ListCustomerDevices", "GET", "/devices"),
            OfCustomer("AddCustomerNote", "POST", "/notes", new { text = "Asked for an invoice." }),
            OfCustomer("RemoveCustomerNote", "DELETE", $"/notes/{Demo.Note}"),
            OfCustomer("ExportCustomer", "POST", "/export", new { }),
            OfCustomer("PreviewErasure", "POST", "/erase/preview", new { }),
            OfCustomer("EraseCustomer", "POST", "/erase", new { email = "samir.patel@example.com", reason = "asked by mail" }),
            new("FindActor", "POST", 1, new("/api/v1/audit/actors", new { email = "olga.operator@example.com" }),
                new("/api/v1/audit/actors", new { email = "nobody@example.com" })),
            new("ListAudit", "GET", 1, new("/api/v1/audit?actor=system&limit=5"), new("/api/v1/audit?from=yesterday")),
            new("ShowTrends", "GET", 1, new("/api/v1/trends?days=7"), new("/api/v1/trends?days=91")),
            new("ListDeadMessages", "GET", 1, new("/api/v1/outbox/dead"), new("/api/v1/outbox/dead/")),
            new("ReviveMessages", "POST", 1, new("/api/v1/outbox/revive", new { all = true }), new("/api/v1/outbox/revive", new { })),
            new("ReviewAlerts", "POST", 7,
                new("/api/v1/licenses/alerts/review", new { alert_ids = new[] { Unknown }, status = "INVESTIGATING" }),
                new("/api/v1/licenses/alerts/review", new { alert_ids = Array.Empty<string>(), status = "INVESTIGATING" })),
            new("SettleQuarantined", "POST", 1,
                new("/api/v1/quarantine/settle", new { quarantine_ids = new[] { Unknown }, action = "discard" }),
                new("/api/v1/quarantine/settle", new { quarantine_ids = new[] { Unknown }, action = "keep" })),
            new("ListAllRenewals", "GET", 1, new("/api/v1/renewals?status=all&limit=5"), new("/api/v1/renewals?status=lost")),
            new("ListAllPayments", "GET", 1, new("/api/v1/payments?limit=5"), new("/api/v1/payments?after=x")),
            new("RetryRenewals", "POST", 24,
                new("/api/v1/renewals/retry", new { renewal_ids = new[] { Demo.Undecided }, reason = "asked by phone" }),
                new("/api/v1/renewals/retry", new { renewal_ids = new[] { Demo.Undecided }, reason = "" })),
            new("ListLicenses", "GET", 1, new("/api/v1/licenses?limit=5"), new("/api/v1/licenses?limit=-5")),
            new("GetLeaseKeys", "GET", 1, new("/.well-known/jwks.json"), new("/.well-known/jwks.json?x=1")),
            new("ListWebhookEndpoints", "GET", 1, new("/api/v1/webhook-endpoints"), new("/api/v1/webhook-endpoints/")),
            new("AddWebhookEndpoint", "POST", 1,
                new("/api/v1/webhook-endpoints", new { url = "https://hooks.example.com/" }),
                new("/api/v1/webhook-endpoints", new { url = "http://hooks.example.com/" })),
            new("ChangeWebhookEndpoint", "PATCH", 1,
                new($"/api/v1/webhook-endpoints/{Demo.Webhook}", new { types = new[] { "device.added" }, enabled = false }),
                new($"/api/v1/webhook-endpoints/{Demo.Webhook}", new { types = new[] { "device.unknown" } })),
            new("RotateWebhookSecret", "POST", 1,
                new($"/api/v1/webhook-endpoints/{Demo.Webhook}/rotate-secret", new { overlap_seconds = 60 }),
                new($"/api/v1/webhook-endpoints/{Demo.Webhook}/rotate-secret", new { overlap_seconds = -1 })),
            new("ReplayWebhook", "POST", 1,
                new($"/api/v1/webhook-endpoints/{Demo.Webhook}/replay", new { after = 0 }),
                new($"/api/v1/webhook-endpoints/{Demo.Webhook}/replay", new { })),
            new("TestWebhook", "POST", 1,
                new($"/api/v1/webhook-endpoints/{Demo.Webhook}/test"), new($"/api/v1/webhook-endpoints/{Unknown}/test")),
            new("RemoveWebhookEndpoint", "DELETE", 1,
                new($"/api/v1/webhook-endpoints/{Demo.OldWebhook}"), new($"/api/v1/webhook-endpoints/{Unknown}")),
            new("ListEvents", "GET", 1, new("/api/v1/events?limit=5"), new("/api/v1/events?wait=21")),
            new("ListRevocations", "GET", 1, new("/api/v1/revocations?after=0"), new("/api/v1/revocations?after=-1")),
            Of("GetLicense", "GET", 1, ""),
            Of("ShowHealth", "GET", 1, "health"),
            Of("ListDevices", "GET", 1, "devices"),
            Of("ListDeviceHistory", "GET", 1, "devices/history"),
            new("KeepDevice", "POST", 8,
                new($"/api/v1/licenses/{Demo.Subscription(8)}/devices/keep",
                    new { alert_id = "00000000-0000-4000-8000-000000000808", device_id = Demo.Device }),
                new($"/api/v1/licenses/{Demo.Subscription(8)}/devices/keep", new { alert_id = "x" })),
            new("GetSignedIn", "GET", 1, new("/api/v1/me"), new("/api/v1/me/")),
            new("ChooseLanguage", "PUT", 9, new("/api/v1/me/language", new { language = "de" }),
                new("/api/v1/me/language", new { language = "xx" })),
            new("ListTasks", "GET", 7, new("/api/v1/tasks"), new("/api/v1/tasks/")),
            new("ListInvoices", "GET", 24, new($"/api/v1/invoices?user_id={Demo.User(24)}"), new("/api/v1/invoices?limit=0")),
            new("GetInvoiceFile", "GET", 24,
                new($"/api/v1/invoices/{Demo.Invoice}/file?format=xml"), new($"/api/v1/invoices/{Demo.Invoice}/file?format=doc")),
            new("ExportInvoices", "GET", 1,
                new("/api/v1/invoices/export?from=2026-01-01T00:00:00Z&to=2026-02-01T00:00:00Z"), new("/api/v1/invoices/export?from=x")),
            new("GetBillingDetails", "GET", 24, new("/api/v1/billing-details"), new("/api/v1/billing-details/")),
            new("SaveBillingDetails", "PUT", 24,
                new("/api/v1/billing-details", new { name = "Peter", country = "DE" }), new("/api/v1/billing-details", new { name = "" })),
            new("ShowWallet", "GET", 1, new("/api/v1/wallet?limit=5"), new("/api/v1/wallet?limit=0")),
            new("RenameDevice", "PATCH", 10,
                new($"/api/v1/licenses/{Demo.Subscription(10)}/devices/{Demo.Device}", new { name = "Büro" }),
                new($"/api/v1/licenses/{Demo.Subscription(10)}/devices/{Demo.Device}", new { name = 7 })),
            new("RemoveDevice", "DELETE", 10,
                new($"/api/v1/licenses/{Demo.Subscription(10)}/devices/{Demo.Device}"),
                new($"/api/v1/licenses/{Demo.Subscription(10)}/devices/{Unknown}")),
            Of("RotateToken", "POST", 11, "token", new { overlap_seconds = 60 }, new { overlap_seconds = -1 }),
            Of("SuspendLicense", "POST", 12, "suspend", new { reason = "asked for by phone" }, new { reason = "" }),
            Of("ReinstateLicense", "POST", 17, "reinstate", new { reason = "settled" }, Broken),
            new("ValidateLicense", "POST", 1,
                new("/api/v1/licenses/validate", new { ea_instance_id = "EA-NORA-VPS", mt5_account_number = 510101, nonce = "n-1" },
                    ("X-Client-Address", "198.51.100.77")),
                new("/api/v1/licenses/validate", new { ea_instance_id = 5 })),
            Of("LicenseUsage", "GET", 1, $"usage?from={from}&to={to}&bucket=day", badPath: "usage?from=yesterday"),
            new("UsageSummary", "GET", 1, new($"/api/v1/usage/summary?from={from}&to={to}"), new("/api/v1/usage/summary?bucket=year")),
            new("PostUsage", "POST", 2, new("/api/v1/usage", new[] { record }), new("/api/v1/usage", "[{\"record_id\":\"x\"}]")),
            new("ListQuarantined", "GET", 1, new("/api/v1/quarantine?state=OPEN&limit=10"), new("/api/v1/quarantine?state=LOST")),
            new("GetQuarantined", "GET", 1, new($"/api/v1/quarantine/{Demo.Quarantined}"), new($"/api/v1/quarantine/{Unknown}")),
            new("ReplayQuarantined", "POST", 1,
                new($"/api/v1/quarantine/{Demo.Quarantined}/replay"), new($"/api/v1/quarantine/{Unknown}/replay")),
            new("DiscardQuarantined", "POST", 1,
                new($"/api/v1/quarantine/{Demo.Discarded}/discard"), new("/api/v1/quarantine/x/discard")),
            new("ShowSystem", "GET", 1, new("/api/v1/system"), new("/api/v1/system?x=%00")),
            new("Metrics", "GET", 1, new("/metrics"), new("/metrics/x")),
            new("Healthz", "GET", 1, new("/healthz"), new("/healthz/x")),
            new("Readyz", "GET", 1, new("/readyz"), new("/readyz?%zz")),
            new("OpenApi", "GET", 1, new("/openapi.json"), new("/openapi.json/x")),
            new("Docs", "GET", 1, new("/docs"), new("/docs/x")),
            new("Page", "GET", 1, new("/app/licenses"), new("/app/nothing.js")),
            new("GetPageConfig", "GET", 1, new("/app/config.json"), new("/app/config.json/x")),
        ];
    }

    /// <summary>A route below a license. Without a bad body, path or header, the bad request names a license that doesn't exist.</summary>
    private static RouteInput Of(
        string function, string method, int person, string path, object? good = null, object? bad = null, string? badPath = null,
        params (string Name, string Value)[] badHeaders)
    {
        var asked = Path(Demo.Subscription(person), path);
        var askedBadly = badPath is not null ? Path(Demo.Subscription(person), badPath)
            : bad is null && badHeaders.Length == 0 ? Path(Unknown, path)
            : asked;
        return new RouteInput(function, method, person, new(asked, good), new(askedBadly, bad ?? good, badHeaders));
    }

    /// <summary>A route of the customer 25. The bad request names a customer that doesn't exist.</summary>
    private static RouteInput OfCustomer(string function, string method, string path, object? body = null) => new(
        function, method, 25, new($"/api/v1/customers/{Demo.User(25)}{path}", body), new($"/api/v1/customers/{Unknown}{path}", body));

    private static string Day(DateTimeOffset time) => time.ToString("yyyy-MM-dd", CultureInfo.InvariantCulture);

    private static string Path(string subscription, string path) => $"/api/v1/licenses/{subscription}/{path}".TrimEnd('/');

    private static string Token(SignedLinks links, string purpose, string id, DateTimeOffset now) =>
        links.Path(purpose, Guid.Parse(id), now.AddDays(1))!.Split('#')[1];
}
