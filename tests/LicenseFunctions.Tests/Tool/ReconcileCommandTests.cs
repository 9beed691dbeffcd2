using System.Globalization;
using System.Text.Json.Nodes;
using LicenseFunctions.Tests.Renewals;
using LicenseFunctions.Tests.Support;
using StripeStandIn;
using Xunit;

namespace LicenseFunctions.Tests.Tool;

public sealed class ReconcileCommandTests(PostgresFixture postgres) : IAsyncLifetime
{
    private readonly DateTime today = TimeProvider.System.GetUtcNow().UtcDateTime.Date;
    private PaymentBooksScene scene = null!;

    public async ValueTask InitializeAsync() => scene = await PaymentBooksScene.OpenAsync(postgres);

    public ValueTask DisposeAsync() => scene.DisposeAsync();

    [Fact]
    public async Task Reconcile_EqualBooks_PrintsOneLine()
    {
        await scene.ChargeAsync();
        scene.Stripe.StandIn.PayOut();

        var (code, output) = await RunAsync();

        Assert.Equal(
            (0, $"Nothing differs from {Day(-2)} to {Day(1)}: 1 charge, gross 49.99 USD, refunds 0.00, chargebacks 0.00, fees 1.75, "
                + "net 48.24, payouts 48.24.\n"),
            (code, output));
    }

    [Fact]
    public async Task Reconcile_AnUnknownCharge_IsNamedInEachFormat_AndHasOneCase()
    {
        var lost = await scene.ChargeAsync();
        await scene.LoseRenewalAsync(lost);

        var (code, text) = await RunAsync();
        var (jsonCode, json) = await RunAsync("--json");
        var (csvCode, csv) = await RunAsync("--csv");

        Assert.Equal((2, 2, 2), (code, jsonCode, csvCode));
        Assert.StartsWith($"1 payment differs from {Day(-2)} to {Day(1)}: 1 charge, gross 49.99 USD", text, StringComparison.Ordinal);
        Assert.Contains(
            $"UNKNOWN_RENEWAL  {ChargeId()}  {scene.IntentOf(lost)}  Stripe 49.99 USD, books none", text, StringComparison.Ordinal);
        Assert.Contains("1 payment case was opened. Decide it", text, StringComparison.Ordinal);
        var report = JsonNode.Parse(json)!;
        Assert.Equal((1, "UNKNOWN_RENEWAL", ChargeId(), 4999, lost.ToString()), (
            (int)report["differences_total"]!, (string)report["differences"]![0]!["kind"]!,
            (string)report["differences"]![0]!["provider_id"]!, (int)report["differences"]![0]!["provider_minor"]!,
            (string)report["differences"]![0]!["subscription_id"]!));
        Assert.Equal(2, csv.Trim().Split('\n').Length);
        Assert.StartsWith("kind,at,provider_id,intent_id", csv, StringComparison.Ordinal);
        Assert.Contains("UNKNOWN_RENEWAL,", csv, StringComparison.Ordinal);
        Assert.Equal(1, await scene.Database.QueryAsync<int>("select count(*)::int from payment_cases where reason = 'unknown_renewal'"));
    }

    [Fact]
    public async Task Reconcile_StripeDoesNotAnswer_FailsAndSaysNothingIsEqual()
    {
        scene.Stripe.StandIn.Faults.Add(new Fault(FaultKind.ErrorBefore, "balance_transactions.list", Times: null));

        Assert.Equal(
            (1, "The payment provider is not available. Try again in a minute; nothing was changed.\n"), await RunAsync());
    }

    [Fact]
    public async Task Reconcile_AWrongPeriodOrNoKey_IsRefused()
    {
        var (wrong, message) = await Licensectl.RunAsync(
            scene.Database, "reconcile", "--from", "2026-11-02", "--to", "2026-11-01");
        Assert.Equal(1, wrong);
        Assert.StartsWith("The last day is before the first one", message, StringComparison.Ordinal);

        var (code, output) = await Licensectl.RunAsync(scene.Database, "reconcile", "--from", "2026-11-01", "--to", "2026-11-02");
        Assert.Equal(1, code);
        Assert.Contains("STRIPE_SECRET_KEY is missing", output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Reconcile_TwoProviders_ComparesEach_OrTheChosenOne()
    {
        await scene.ChargeAsync();
        await using var payPal = await PayPalStandIn.StandIn.StartAsync(cancellationToken: TestContext.Current.CancellationToken);
        (string, string)[] both =
        [
            .. Environment, ("PAYPAL_CLIENT_ID", payPal.Options.ClientId), ("PAYPAL_CLIENT_SECRET", payPal.Options.ClientSecret),
            ("PAYPAL_API_URL", payPal.BaseAddress.ToString()),
        ];
        Task<(int Code, string Output)> Run(params string[] more) => Licensectl.RunAsync(both, [.. Period, .. more]);

        var nothing = $"PayPal: Nothing differs from {Day(-2)} to {Day(1)}: PayPal's balance has no entries.\n";
        var (code, output) = await Run();
        Assert.Equal(0, code);
        Assert.StartsWith("Stripe: Nothing differs from ", output, StringComparison.Ordinal);
        Assert.EndsWith(nothing, output, StringComparison.Ordinal);
        Assert.Equal((0, nothing), await Run("--provider", "paypal"));
        Assert.StartsWith("Two providers are configured", (await Run("--json")).Output, StringComparison.Ordinal);
        Assert.Equal("paypal", (string?)JsonNode.Parse((await Run("--provider", "paypal", "--json")).Output)!["provider"]);
    }

    private string ChargeId() => scene.Stripe.StandIn.Account.Charges.Keys.Single();

    private string Day(int days) => today.AddDays(days).ToString("yyyy-MM-dd", CultureInfo.InvariantCulture);

    private (string, string)[] Environment =>
    [
        ("DATABASE_URL", scene.Database.ConnectionString), ("STRIPE_SECRET_KEY", scene.Stripe.Settings.SecretKey!),
        ("STRIPE_API_BASE", scene.Stripe.Settings.ApiBase!.ToString()),
    ];

    private string[] Period => ["reconcile", "--from", Day(-2), "--to", Day(1)];

    private Task<(int Code, string Output)> RunAsync(params string[] more) => Licensectl.RunAsync(Environment, [.. Period, .. more]);
}
