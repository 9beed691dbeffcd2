using LicenseFunctions.Infrastructure.Http;
using Microsoft.AspNetCore.Http;
using Microsoft.Azure.Functions.Worker;

namespace LicenseFunctions.Suspicion;

/// <summary>What a customer sees of a suspicion, and answers to it.</summary>
public sealed class CustomerFunctions(AnswerSuspicion answer, HttpSettings settings)
{
    [Function("GetSuspension")]
    [Access(CallerRole.Subscriber, CallerRole.Operator)]
    [Operation("Why a license is suspended.", Reply = typeof(SuspensionView))]
    public async Task<IResult> GetSuspension(
        [HttpTrigger(AuthorizationLevel.Anonymous, "get", Route = "api/v1/licenses/{subscriptionId:guid}/suspension")] HttpRequest request,
        Guid subscriptionId, CancellationToken cancellationToken) =>
        (await answer.SeeAsync(subscriptionId, request.HttpContext.Caller().OwnerScope, cancellationToken)).ToResult();

    [Function("ListActivity")]
    [Access(CallerRole.Subscriber, CallerRole.Operator)]
    [Operation("A license's suspicious activity as its owner sees it, the newest first.", Reply = typeof(ActivityList))]
    public async Task<IResult> ListActivity(
        [HttpTrigger(AuthorizationLevel.Anonymous, "get", Route = "api/v1/licenses/{subscriptionId:guid}/activity")] HttpRequest request,
        Guid subscriptionId, CancellationToken cancellationToken) =>
        (await answer.ActivityAsync(subscriptionId, request.HttpContext.Caller().OwnerScope, cancellationToken)).ToResult();

    [Function("AppealSuspension")]
    [Access(CallerRole.Subscriber)]
    [Operation("Asks a person to look at the suspension, once for each.", Body = typeof(AppealRequest), Reply = typeof(AppealReceipt), Status = StatusCodes.Status201Created)]
    public async Task<IResult> Appeal(
        [HttpTrigger(AuthorizationLevel.Anonymous, "post", Route = "api/v1/licenses/{subscriptionId:guid}/appeal")] HttpRequest request,
        Guid subscriptionId, CancellationToken cancellationToken)
    {
        var body = await request.ReadAsync<AppealRequest>(cancellationToken);
        return body.Refusal is { } refusal
            ? refusal.ToResult()
            : (await answer.AppealAsync(subscriptionId, request.HttpContext.Caller().UserId!.Value, body.Value, cancellationToken))
                .ToResult(StatusCodes.Status201Created);
    }

    [Function("ConfirmUse")]
    [Access(CallerRole.Anonymous, CallerRole.Subscriber)]
    [Operation("\"This was me\", with the token from the mailed link's fragment.", Body = typeof(ConfirmationRequest), Reply = typeof(ConfirmationReceipt))]
    public async Task<IResult> Confirm(
        [HttpTrigger(AuthorizationLevel.Anonymous, "post", Route = "api/v1/licenses/alerts/confirm")] HttpRequest request, CancellationToken cancellationToken)
    {
        var body = await request.ReadAsync<ConfirmationRequest>(cancellationToken);
        var from = settings.ClientAddresses.Of(request.HttpContext);
        return body.Refusal is { } refusal ? refusal.ToResult() : (await answer.ConfirmAsync(body.Value, from, cancellationToken)).ToResult();
    }
}
