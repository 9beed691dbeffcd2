using LicenseFunctions.Infrastructure.Http;
using LicenseFunctions.Licenses;
using Microsoft.AspNetCore.Http;
using Microsoft.Azure.Functions.Worker;

namespace LicenseFunctions.Suspicion;

/// <summary>Suspicious activity, for customers.</summary>
public sealed class CustomerFunctions(AnswerSuspicion answer, HttpSettings settings)
{
    [Function("GetSuspension")]
    [Access(CallerRole.Subscriber, CallerRole.Operator)]
    [Operation("Returns why a license is suspended.", Reply = typeof(SuspensionView))]
    public async Task<IResult> GetSuspension(
        [HttpTrigger(AuthorizationLevel.Anonymous, "get", Route = "api/v1/licenses/{subscriptionId:guid}/suspension")] HttpRequest request,
        Guid subscriptionId, CancellationToken cancellationToken) =>
        (await answer.ShowAsync(subscriptionId, request.HttpContext.Caller().SubscriberScope, cancellationToken)).ToResult();

    [Function("ListActivity")]
    [Access(CallerRole.Subscriber, CallerRole.Operator)]
    [Operation("Lists a license's suspicious activity as its subscriber sees it, the newest first.", Reply = typeof(ActivityList))]
    public async Task<IResult> ListActivity(
        [HttpTrigger(AuthorizationLevel.Anonymous, "get", Route = "api/v1/licenses/{subscriptionId:guid}/activity")] HttpRequest request,
        Guid subscriptionId, CancellationToken cancellationToken) =>
        (await answer.ActivityAsync(subscriptionId, request.HttpContext.Caller().SubscriberScope, cancellationToken)).ToResult();

    [Function("AppealSuspension")]
    [Access(CallerRole.Subscriber)]
    [Operation("Sends an appeal against a suspension; an operator reviews the appeal. Another appeal is possible after the review.",
        Body = typeof(AppealRequest), Reply = typeof(AppealReceipt), Status = StatusCodes.Status201Created)]
    public async Task<IResult> Appeal(
        [HttpTrigger(AuthorizationLevel.Anonymous, "post", Route = "api/v1/licenses/{subscriptionId:guid}/appeal")] HttpRequest request,
        Guid subscriptionId, CancellationToken cancellationToken)
    {
        var body = await request.ReadAsync<AppealRequest>(cancellationToken);
        var caller = request.HttpContext.Caller();
        return body.Refusal is { } refusal
            ? refusal.ToResult()
            : (await answer.AppealAsync(subscriptionId, caller.UserId!.Value, body.Value, caller.ToActor(), cancellationToken))
                .ToResult(StatusCodes.Status201Created);
    }

    [Function("ConfirmUse")]
    [Access(CallerRole.Anonymous, CallerRole.Subscriber)]
    [Operation("Confirms that the customer used the license, with the token from the fragment of the link in the mail. With confirm = "
        + "false it only shows what was seen.",
        Body = typeof(ConfirmationRequest), Reply = typeof(ConfirmationReceipt))]
    public async Task<IResult> Confirm(
        [HttpTrigger(AuthorizationLevel.Anonymous, "post", Route = "api/v1/licenses/alerts/confirm")] HttpRequest request,
        CancellationToken cancellationToken)
    {
        var body = await request.ReadAsync<ConfirmationRequest>(cancellationToken);
        var from = settings.ClientAddresses.AddressOf(request.HttpContext);
        return body.Refusal is { } refusal
            ? refusal.ToResult()
            : (await answer.ConfirmAsync(body.Value, from, cancellationToken)).ToResult();
    }

    [Function("AnswerAlert")]
    [Access(CallerRole.Subscriber)]
    [Operation("Answers the question \"was this you?\" of an alert, as the license's subscriber.",
        Body = typeof(AlertAnswer), Reply = typeof(AnswerReceipt))]
    public async Task<IResult> Answer(
        [HttpTrigger(AuthorizationLevel.Anonymous, "post", Route = "api/v1/licenses/{subscriptionId:guid}/alerts/{alertId:guid}/answer")]
        HttpRequest request,
        Guid subscriptionId, Guid alertId, CancellationToken cancellationToken)
    {
        var body = await request.ReadAsync<AlertAnswer>(cancellationToken);
        var (caller, from) = (request.HttpContext.Caller(), settings.ClientAddresses.AddressOf(request.HttpContext));
        return body.Refusal is { } refusal
            ? refusal.ToResult()
            : (await answer.AnswerAsync(
                subscriptionId, alertId, caller.UserId!.Value, body.Value, from, caller.ToActor(), cancellationToken)).ToResult();
    }
}
