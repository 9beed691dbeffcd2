using LicenseFunctions.Infrastructure.Http;
using LicenseFunctions.Infrastructure.Payments.Stripe;
using LicenseFunctions.Licenses;
using Licensing;
using Microsoft.AspNetCore.Http;
using Microsoft.Azure.Functions.Worker;

namespace LicenseFunctions.PaymentMethods;

/// <summary>The saved payment methods. Operators see those of a customer; only the customer can change them.</summary>
public sealed class PaymentMethodFunctions(PaymentMethodStore store, StartCardSetup setup, RemovePaymentMethod remove)
{
    private static readonly Refusal EnabledMissing = new(
        RefusalKind.Invalid, "ENABLED_MISSING", "enabled must be true or false.", "enabled", "Send {\"enabled\": true}.");

    [Function("StartCardSetup")]
    [Access(CallerRole.Subscriber)]
    [Operation(
        "Starts saving a card: returns what the browser needs to save it at the payment provider.",
        Reply = typeof(CardSetup), Status = StatusCodes.Status201Created)]
    public async Task<IResult> Setup(
        [HttpTrigger(AuthorizationLevel.Anonymous, "post", Route = "api/v1/payment-methods/setup")] HttpRequest request,
        CancellationToken cancellationToken)
    {
        request.HttpContext.Response.Headers.CacheControl = "no-store";
        return (await setup.RunAsync(request.HttpContext.Caller().UserId!.Value, cancellationToken)).ToResult(StatusCodes.Status201Created);
    }

    [Function("ListPaymentMethods")]
    [Access(CallerRole.Subscriber, CallerRole.Operator)]
    [Operation(
        "Lists the caller's saved payment methods, the default one first; for operators, with user_id, a customer's.",
        Reply = typeof(PaymentMethodList), Query = ["user_id"])]
    public async Task<IResult> List(
        [HttpTrigger(AuthorizationLevel.Anonymous, "get", Route = "api/v1/payment-methods")] HttpRequest request,
        CancellationToken cancellationToken)
    {
        var caller = request.HttpContext.Caller();
        return await QueriedCustomer.Of(request.Query, caller).Match(
            userId => ListAsync(userId, caller, cancellationToken), refusal => Task.FromResult(refusal.ToResult()));
    }

    private async Task<IResult> ListAsync(Guid userId, Caller caller, CancellationToken cancellationToken)
    {
        var triesNext = await store.TriesNextAsync(userId, cancellationToken);
        if (triesNext is null && caller.IsOperator)
            return CustomerNotFound.Refusal.ToResult();
        return Results.Json(
            new PaymentMethodList(await store.ListAsync(userId, cancellationToken), triesNext is true), Json.Options);
    }

    [Function("SwitchNextPaymentMethod")]
    [Access(CallerRole.Subscriber)]
    [Operation(
        "Allows, or forbids, that the next saved payment method is tried once if the default one is declined permanently.",
        Body = typeof(NextMethodSwitch), Status = StatusCodes.Status204NoContent)]
    public async Task<IResult> SwitchNext(
        [HttpTrigger(AuthorizationLevel.Anonymous, "put", Route = "api/v1/payment-methods/next")] HttpRequest request,
        CancellationToken cancellationToken)
    {
        var body = await request.ReadAsync<NextMethodSwitch>(cancellationToken);
        if (body.Refusal is { } refusal) return refusal.ToResult();
        if (body.Value.Enabled is not { } enabled) return EnabledMissing.ToResult();
        var caller = request.HttpContext.Caller();
        return await store.SetTriesNextAsync(caller.UserId!.Value, enabled, caller.ToActor(), cancellationToken)
            ? Results.NoContent()
            : CustomerNotFound.Refusal.ToResult();
    }

    [Function("MakePaymentMethodDefault")]
    [Access(CallerRole.Subscriber)]
    [Operation("Makes a saved card the default. Renewals charge the default card.", Status = StatusCodes.Status204NoContent)]
    public async Task<IResult> MakeDefault(
        [HttpTrigger(AuthorizationLevel.Anonymous, "put", "post", Route = "api/v1/payment-methods/{paymentMethodId:guid}/default")]
        HttpRequest request,
        Guid paymentMethodId, CancellationToken cancellationToken)
    {
        var caller = request.HttpContext.Caller();
        return await store.MakeDefaultAsync(caller.UserId!.Value, paymentMethodId, caller.ToActor(), cancellationToken)
            ? Results.NoContent()
            : PaymentMethodNotFound.Refusal.ToResult();
    }

    [Function("RemovePaymentMethod")]
    [Access(CallerRole.Subscriber)]
    [Operation("Removes a saved card from this backend and from the payment provider.", Status = StatusCodes.Status204NoContent)]
    public async Task<IResult> Remove(
        [HttpTrigger(AuthorizationLevel.Anonymous, "delete", Route = "api/v1/payment-methods/{paymentMethodId:guid}")] HttpRequest request,
        Guid paymentMethodId, CancellationToken cancellationToken)
    {
        var caller = request.HttpContext.Caller();
        return (await remove.RunAsync(caller.UserId!.Value, paymentMethodId, caller.ToActor(), cancellationToken))
            .Match(_ => Results.NoContent(), Problems.ToResult);
    }
}

/// <param name="TriesNextMethod">
/// Whether the next method is tried once if the default one is declined permanently; the customer has allowed it.
/// </param>
public sealed record PaymentMethodList(IReadOnlyList<SavedPaymentMethod> PaymentMethods, bool TriesNextMethod);

public sealed record NextMethodSwitch(bool? Enabled);
