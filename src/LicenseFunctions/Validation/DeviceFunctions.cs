using LicenseFunctions.Infrastructure.Http;
using LicenseFunctions.Licenses;
using Microsoft.AspNetCore.Http;
using Microsoft.Azure.Functions.Worker;

namespace LicenseFunctions.Validation;

/// <summary>The devices of a license, for its subscriber and for operators.</summary>
public sealed class DeviceFunctions(ListDevices list, ChangeDevice change)
{
    [Function("ListDevices")]
    [Access(CallerRole.Subscriber, CallerRole.Operator)]
    [Operation("Lists the devices of a license with their recent networks.", Reply = typeof(DeviceList))]
    public async Task<IResult> List(
        [HttpTrigger(AuthorizationLevel.Anonymous, "get", Route = "api/v1/licenses/{subscriptionId:guid}/devices")] HttpRequest request,
        Guid subscriptionId, CancellationToken cancellationToken) =>
        (await list.RunAsync(subscriptionId, request.HttpContext.Caller().SubscriberScope, cancellationToken)).ToResult();

    [Function("RemoveDevice")]
    [Access(CallerRole.Subscriber, CallerRole.Operator)]
    [Operation("Removes a device and frees its slot.", Status = StatusCodes.Status204NoContent)]
    public async Task<IResult> Remove(
        [HttpTrigger(AuthorizationLevel.Anonymous, "delete", Route = "api/v1/licenses/{subscriptionId:guid}/devices/{deviceId:guid}")]
        HttpRequest request,
        Guid subscriptionId, Guid deviceId, CancellationToken cancellationToken)
    {
        var caller = request.HttpContext.Caller();
        var removed = await change.RemoveAsync(subscriptionId, deviceId, caller.SubscriberScope, caller.ToActor(), cancellationToken);
        return removed.Match(_ => Results.NoContent(), Problems.ToResult);
    }

    [Function("RenameDevice")]
    [Access(CallerRole.Subscriber, CallerRole.Operator)]
    [Operation("Renames a device.", Body = typeof(DeviceName), Status = StatusCodes.Status204NoContent)]
    public async Task<IResult> Rename(
        [HttpTrigger(AuthorizationLevel.Anonymous, "patch", Route = "api/v1/licenses/{subscriptionId:guid}/devices/{deviceId:guid}")]
        HttpRequest request,
        Guid subscriptionId, Guid deviceId, CancellationToken cancellationToken)
    {
        var body = await request.ReadAsync<DeviceName>(cancellationToken);
        if (body.Refusal is { } refusal)
            return refusal.ToResult();
        var caller = request.HttpContext.Caller();
        var renamed = await change.RenameAsync(
            subscriptionId, deviceId, caller.SubscriberScope, body.Value, caller.ToActor(), cancellationToken);
        return renamed.Match(_ => Results.NoContent(), Problems.ToResult);
    }
}
