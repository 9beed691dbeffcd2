using System.Reflection;
using System.Text.Json.Nodes;
using System.Text.Json.Serialization;
using LicenseFunctions.Infrastructure.Payments.Stripe;
using Stripe;
using StripeStandIn;
using Xunit;

namespace LicenseFunctions.Tests.Infrastructure.Payments;

/// <summary>
/// Compares the stand-in with Stripe.net, which is generated from Stripe's own description of its API: the stand-in has no field or
/// parameter that Stripe doesn't have.
/// </summary>
public sealed class StandInShapeTests
{
    private static readonly Assembly Sdk = typeof(StripeClient).Assembly;

    private static readonly Dictionary<string, Type> Options = new()
    {
        ["customers.create"] = typeof(CustomerCreateOptions),
        ["customers.retrieve"] = typeof(CustomerGetOptions),
        ["customers.update"] = typeof(CustomerUpdateOptions),
        ["customers.payment_methods"] = typeof(CustomerPaymentMethodListOptions),
        ["payment_methods.create"] = typeof(PaymentMethodCreateOptions),
        ["payment_methods.list"] = typeof(PaymentMethodListOptions),
        ["payment_methods.retrieve"] = typeof(PaymentMethodGetOptions),
        ["payment_methods.attach"] = typeof(PaymentMethodAttachOptions),
        ["payment_methods.detach"] = typeof(PaymentMethodDetachOptions),
        ["setup_intents.create"] = typeof(SetupIntentCreateOptions),
        ["setup_intents.retrieve"] = typeof(SetupIntentGetOptions),
        ["setup_intents.confirm"] = typeof(SetupIntentConfirmOptions),
        ["setup_intents.cancel"] = typeof(SetupIntentCancelOptions),
        ["payment_intents.create"] = typeof(PaymentIntentCreateOptions),
        ["payment_intents.list"] = typeof(PaymentIntentListOptions),
        ["payment_intents.retrieve"] = typeof(PaymentIntentGetOptions),
        ["payment_intents.confirm"] = typeof(PaymentIntentConfirmOptions),
        ["payment_intents.cancel"] = typeof(PaymentIntentCancelOptions),
        ["charges.retrieve"] = typeof(ChargeGetOptions),
        ["refunds.create"] = typeof(RefundCreateOptions),
        ["refunds.list"] = typeof(RefundListOptions),
        ["disputes.retrieve"] = typeof(DisputeGetOptions),
        ["disputes.update"] = typeof(DisputeUpdateOptions),
        ["balance_transactions.list"] = typeof(BalanceTransactionListOptions),
        ["events.list"] = typeof(EventListOptions),
        ["events.retrieve"] = typeof(EventGetOptions),
    };

    public static TheoryData<string> EndpointNames => [.. Endpoints.All.Select(endpoint => endpoint.Name)];

    [Theory]
    [MemberData(nameof(EndpointNames))]
    public void Endpoint_TakesOnlyParametersThatStripeKnows(string name)
    {
        var known = JsonNames(Options[name]);

        Assert.Empty(Endpoints.All.Single(endpoint => endpoint.Name == name).Parameters.Except(known));
    }

    [Fact]
    public async Task EveryObjectOfALife_HasOnlyFieldsThatStripeKnows()
    {
        await using var account = await StripeAccount.OpenAsync();
        var paid = await account.PayAsync(account.Charge());
        await account.PayAsync(account.Charge("pm_card_chargeDeclinedLostCard"));
        await account.PayAsync(account.Charge("pm_card_createDispute"));
        await account.Cards.StartSetupAsync(account.Charge().CustomerId, Guid.NewGuid(), TestContext.Current.CancellationToken);
        await new RefundService(PaymentsClient(account)).CreateAsync(
            new RefundCreateOptions { PaymentIntent = paid.IntentId }, cancellationToken: TestContext.Current.CancellationToken);

        var events = account.StandIn.Account.Events;

        account.StandIn.PayOut();

        Assert.All(events, made => Check(made));
        Assert.All(account.StandIn.Account.BalanceTransactions, made => Check(made));
        Assert.Superset(
            new HashSet<string?> { "payment_intent", "charge", "refund", "dispute", "setup_intent", "payment_method" },
            events.Select(made => made["data"]!["object"]!["object"]!.GetValue<string>()).ToHashSet<string?>());
    }

    [Fact]
    public async Task ADecline_IsReadByTheSdkFieldByField()
    {
        await using var account = await StripeAccount.OpenAsync();
        var charge = account.Charge("pm_card_chargeDeclinedInsufficientFunds");
        var created = await account.Gateway.CreateIntentAsync(charge, "key", TestContext.Current.CancellationToken);

        var refused = await Assert.ThrowsAsync<StripeException>(() => new PaymentIntentService(PaymentsClient(account)).ConfirmAsync(
            created.IntentId!, new PaymentIntentConfirmOptions { PaymentMethod = charge.PaymentId, OffSession = true },
            cancellationToken: TestContext.Current.CancellationToken));

        Assert.Equal(402, (int)refused.HttpStatusCode);
        Assert.Equal(("card_error", "card_declined", "insufficient_funds", "try_again_later"),
            (refused.StripeError.Type, refused.StripeError.Code, refused.StripeError.DeclineCode, refused.StripeError.AdviceCode));
        Assert.Equal("requires_payment_method", refused.StripeError.PaymentIntent.Status);
        Assert.Equal("insufficient_funds", refused.StripeError.PaymentIntent.LastPaymentError.DeclineCode);
        Assert.StartsWith("req_", refused.StripeResponse.RequestId, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("/v1/payment_intents", "amount=3000&currency=usd&color=red", 400, "parameter_unknown", "color")]
    [InlineData("/v1/payment_intents", "currency=usd", 400, "parameter_missing", "amount")]
    [InlineData("/v1/payment_intents", "amount=a&currency=usd", 400, "parameter_invalid_integer", "amount")]
    [InlineData("/v1/payment_intents", "amount=49&currency=usd", 400, "amount_too_small", "amount")]
    [InlineData("/v1/payment_intents", "amount=50&currency=usd&customer=cus_none", 404, "resource_missing", "customer")]
    [InlineData("/v1/payment_intents/pi_none/confirm", "", 404, "resource_missing", "intent")]
    public async Task AWrongRequest_IsRefusedInStripesWords(string path, string form, int status, string code, string param)
    {
        await using var account = await StripeAccount.OpenAsync();
        using var http = new HttpClient { BaseAddress = account.StandIn.BaseAddress };
        http.DefaultRequestHeaders.Authorization = new("Bearer", account.Settings.SecretKey);
        using var content = new StringContent(form, System.Text.Encoding.UTF8, "application/x-www-form-urlencoded");

        var answer = await http.PostAsync(path, content, TestContext.Current.CancellationToken);
        var error = JsonNode.Parse(await answer.Content.ReadAsStringAsync(TestContext.Current.CancellationToken))!["error"]!;

        Assert.Equal((status, "invalid_request_error", code, param),
            ((int)answer.StatusCode, error["type"]!.GetValue<string>(), error["code"]!.GetValue<string>(),
                error["param"]!.GetValue<string>()));
    }

    private static StripeClient PaymentsClient(StripeAccount account) =>
        StripeRegistration.Client(account.Settings, TimeProvider.System);

    /// <summary>Every named object in it, and its plain members one level down, against the SDK's class of that name.</summary>
    private static void Check(JsonObject subject)
    {
        var type = Sdk.GetType("Stripe." + string.Concat(
            subject["object"]!.GetValue<string>().Split('_').Select(word => char.ToUpperInvariant(word[0]) + word[1..])))!;
        Check(subject, type);
    }

    private static void Check(JsonObject subject, Type type)
    {
        var unknown = subject.Select(field => field.Key).Except(JsonNames(type)).ToList();
        Assert.True(unknown.Count == 0, $"{type.Name} has no {string.Join(", ", unknown)}");
        foreach (var (name, value) in subject)
        {
            if (value is JsonObject { Count: > 0 } child && child.ContainsKey("object"))
                Check(child.ContainsKey("id") ? child : child["object"]!.AsObject());
            else if (value is JsonObject plain && Property(type, name) is { } property
                && typeof(StripeEntity).IsAssignableFrom(property.PropertyType))
                Check(plain, property.PropertyType);
        }
    }

    private static HashSet<string> JsonNames(Type type) =>
        type.GetProperties(BindingFlags.Public | BindingFlags.NonPublic | BindingFlags.Instance)
            .Select(property => property.GetCustomAttribute<JsonPropertyNameAttribute>()?.Name).OfType<string>().ToHashSet();

    private static PropertyInfo? Property(Type type, string name) =>
        type.GetProperties().FirstOrDefault(property => property.GetCustomAttribute<JsonPropertyNameAttribute>()?.Name == name);
}
