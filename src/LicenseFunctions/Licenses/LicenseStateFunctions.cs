using LicenseFunctions.Infrastructure.Http;
using Microsoft.AspNetCore.Http;
using Microsoft.Azure.Functions.Worker;

namespace LicenseFunctions.Licenses;

/// <summary>Changes the token of a license, and suspends or reinstates it.</summary>
public sealed class LicenseStateFunctions(RotateToken rotate, SuspendLicense suspend, ReinstateLicense reinstate)
{
    [Function("RotateToken")]
    [Access(CallerRole.Subscriber, CallerRole.Operator)]
    [Operation("Creates a new token, which is shown only once; the old one ends now or after the overlap.",
        Body = typeof(TokenRotation), IsBodyOptional = true, Reply = typeof(NewToken), Status = StatusCodes.Status201Created)]
    public async Task<IResult> Rotate(
        [HttpTrigger(AuthorizationLevel.Anonymous, "post", Route = "api/v1/licenses/{subscriptionId:guid}/token")] HttpRequest request,
        Guid subscriptionId, CancellationToken cancellationToken)
    {
        var body = request.HasNoBody() ? new TokenRotation() : await request.ReadAsync<TokenRotation>(cancellationToken);
        if (body.Refusal is { } refusal)
            return refusal.ToResult();
        var caller = request.HttpContext.Caller();
        request.HttpContext.Response.Headers.CacheControl = "no-store";
        return (await rotate.RunAsync(subscriptionId, caller.SubscriberScope, body.Value, caller.ToActor(), cancellationToken))
            .ToResult(StatusCodes.Status201Created);
    }

    [Function("SuspendLicense")]
    [Access(CallerRole.Operator)]
    [Operation("Suspends a license.", Body = typeof(SuspendRequest), Reply = typeof(SuspensionState))]
    public async Task<IResult> Suspend(
        [HttpTrigger(AuthorizationLevel.Anonymous, "post", Route = "api/v1/licenses/{subscriptionId:guid}/suspend")] HttpRequest request,
        Guid subscriptionId, CancellationToken cancellationToken)
    {
        var body = await request.ReadAsync<SuspendRequest>(cancellationToken);
        return body.Refusal is { } refusal
            ? refusal.ToResult()
            : (await suspend.RunAsync(subscriptionId, body.Value, request.HttpContext.Caller().ToActor(), cancellationToken)).ToResult();
    }

    [Function("ReinstateLicense")]
    [Access(CallerRole.Operator)]
    [Operation("Lifts the suspensions of a license; the device that caused one doesn't cause another.",
        Body = typeof(ReinstateRequest), Reply = typeof(SuspensionState))]
    public async Task<IResult> Reinstate(
        [HttpTrigger(AuthorizationLevel.Anonymous, "post", Route = "api/v1/licenses/{subscriptionId:guid}/reinstate")] HttpRequest request,
        Guid subscriptionId, CancellationToken cancellationToken)
    {
        var body = await request.ReadAsync<ReinstateRequest>(cancellationToken);
        return body.Refusal is { } refusal
            ? refusal.ToResult()
            : (await reinstate.RunAsync(subscriptionId, body.Value, request.HttpContext.Caller().ToActor(), cancellationToken)).ToResult();
    }

    [Function("LiftSuspension")]
    [Access(CallerRole.Subscriber)]
    [Operation("Lifts a suspension for too many devices, for the subscriber once in 30 days; the new device is not admitted.",
        Reply = typeof(SuspensionState))]
    public async Task<IResult> Lift(
        [HttpTrigger(AuthorizationLevel.Anonymous, "post", Route = "api/v1/licenses/{subscriptionId:guid}/lift-suspension")]
        HttpRequest request,
        Guid subscriptionId, CancellationToken cancellationToken)
    {
        var caller = request.HttpContext.Caller();
        return (await reinstate.RunForSubscriberAsync(subscriptionId, caller.UserId!.Value, caller.ToActor(), cancellationToken))
            .ToResult();
    }
}
