using LicenseFunctions.Tests.Support;
using StripeStandIn;
using Xunit;

namespace LicenseFunctions.Tests.Renewals;

/// <summary>The route for operators, and both timers, of the running backend.</summary>
public sealed class ReconciliationHttpTests(PostgresFixture postgres)
{
    private const string Route = "/api/v1/payments/reconciliation";

    private static string Operator => "Bearer " + RunningApp.Token("operator");

    [Fact]
    public async Task Reconciliation_OfTheRunningBackend_AnswersOperators()
    {
        await using var scene = await PaymentBooksScene.OpenAsync(postgres);
        await using var app = await RunningApp.StartHereAsync(
            scene.Database,
            ("STRIPE_SECRET_KEY", scene.Stripe.StandIn.Options.SecretKey),
            ("STRIPE_PUBLISHABLE_KEY", scene.Stripe.StandIn.Options.PublishableKey),
            ("STRIPE_WEBHOOK_SECRET", scene.Stripe.StandIn.Options.WebhookSecret),
            ("STRIPE_API_BASE", scene.Stripe.StandIn.BaseAddress.ToString()));
        var license = await scene.ChargeWithoutAnswerAsync();
        var now = TimeProvider.System.GetUtcNow();
        var path = $"{Route}?from={now.AddDays(-2):yyyy-MM-dd}&to={now.AddDays(1):yyyy-MM-dd}";

        var (status, report, _) = await app.GetAsync(path, Operator);
        Assert.Equal((200, 1, "CHARGE_IN_FLIGHT", license.ToString()), (
            status, (int)report!["differences_total"]!, (string)report["differences"]![0]!["kind"]!,
            (string)report["differences"]![0]!["subscription_id"]!));
        using var csv = new HttpRequestMessage(HttpMethod.Get, path);
        csv.Headers.TryAddWithoutValidation("Authorization", Operator);
        csv.Headers.TryAddWithoutValidation("Accept", "text/csv");
        var text = await (await app.Client.SendAsync(csv, TestContext.Current.CancellationToken)).Content.ReadAsStringAsync(
            TestContext.Current.CancellationToken);
        Assert.Equal(["kind", "CHARGE_IN_FLIGHT"], text.Trim().Split('\n').Select(line => line.Split(',')[0]));

        await app.RunTimerAsync(scene.Database, "FetchPaymentEvents");
        Assert.Equal("applied", await scene.StatusAsync(license));
        await app.RunTimerAsync(scene.Database, "ComparePayments");
        // Yesterday is compared from one o'clock, so it is not counted.
        Assert.Equal(27, await scene.Database.QueryAsync<int>(
            "select count(*)::int from payment_comparisons where day < (now() at time zone 'UTC')::date - 1"));
        (_, report, _) = await app.GetAsync(path, Operator);
        Assert.Equal((0, 4999, 175, 4824), (
            (int)report!["differences_total"]!, (int)report["totals"]![0]!["gross_minor"]!, (int)report["totals"]![0]!["fees_minor"]!,
            (int)report["totals"]![0]!["net_minor"]!));

        scene.Stripe.StandIn.Faults.Add(new Fault(FaultKind.RateLimit, "balance_transactions.list", Times: null));
        var (failed, problem, _) = await app.GetAsync(path, Operator);
        Assert.Equal((503, "PAYMENT_PROVIDER_UNAVAILABLE"), (failed, (string)problem!["code"]!));

        var (invalid, refusal, _) = await app.GetAsync($"{Route}?from=2026-11-01&to=2026-12-03", Operator);
        Assert.Equal((400, "INVALID_PERIOD", "to"), (invalid, (string)refusal!["code"]!, (string)refusal["field"]!));
        Assert.Equal(403, (await app.GetAsync(path, "Bearer " + RunningApp.Token("subscriber"))).Status);
        Assert.Equal(401, (await app.GetAsync(path)).Status);
    }
}
