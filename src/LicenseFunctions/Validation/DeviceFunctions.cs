using LicenseFunctions.Infrastructure.Http;
using LicenseFunctions.Licenses;
using Microsoft.AspNetCore.Http;
using Microsoft.Azure.Functions.Worker;

namespace LicenseFunctions.Validation;

/// <summary>The devices of a license, for its subscriber and for operators; for operators, also those of a customer.</summary>
public sealed class DeviceFunctions(
    ListDevices list, ListCustomerDevices ofCustomer, ListDeviceHistory history, ChangeDevice change, KeepDevice keep)
{
    [Function("ListDevices")]
    [Access(CallerRole.Subscriber, CallerRole.Operator)]
    [Operation("Lists the devices of a license with their recent networks.", Reply = typeof(DeviceList))]
    public async Task<IResult> List(
        [HttpTrigger(AuthorizationLevel.Anonymous, "get", Route = "api/v1/licenses/{subscriptionId:guid}/devices")] HttpRequest request,
        Guid subscriptionId, CancellationToken cancellationToken) =>
        (await list.RunAsync(subscriptionId, request.HttpContext.Caller().SubscriberScope, cancellationToken)).ToResult();

    [Function("ListCustomerDevices")]
    [Access(CallerRole.Operator)]
    [Operation(
        "Lists the devices of a customer's licenses; limit is the number of licenses. Also as CSV.", Reply = typeof(CustomerDeviceList),
        Media = "text/csv", Query = ["after", "limit"])]
    public async Task<IResult> OfCustomer(
        [HttpTrigger(AuthorizationLevel.Anonymous, "get", Route = "api/v1/customers/{userId:guid}/devices")] HttpRequest request,
        Guid userId, CancellationToken cancellationToken) =>
        (await ofCustomer.RunAsync(userId, request.Query, request.PrefersCsv(), cancellationToken))
            .Match(found => request.Answer(found, reply => reply.Devices), Problems.ToResult);

    [Function("ListDeviceHistory")]
    [Access(CallerRole.Subscriber, CallerRole.Operator)]
    [Operation("Lists what happened to the devices of a license, and the devices that wait because they were refused.",
        Reply = typeof(DeviceHistoryList))]
    public async Task<IResult> History(
        [HttpTrigger(AuthorizationLevel.Anonymous, "get", Route = "api/v1/licenses/{subscriptionId:guid}/devices/history")]
        HttpRequest request,
        Guid subscriptionId, CancellationToken cancellationToken) =>
        (await history.RunAsync(subscriptionId, request.HttpContext.Caller().SubscriberScope, cancellationToken)).ToResult();

    [Function("KeepDevice")]
    [Access(CallerRole.Subscriber)]
    [Operation("Gives a refused device the slot of another one, which is removed. It counts as a removal.",
        Body = typeof(DeviceChoice), Reply = typeof(KeptDevice))]
    public async Task<IResult> Keep(
        [HttpTrigger(AuthorizationLevel.Anonymous, "post", Route = "api/v1/licenses/{subscriptionId:guid}/devices/keep")]
        HttpRequest request,
        Guid subscriptionId, CancellationToken cancellationToken)
    {
        var body = await request.ReadAsync<DeviceChoice>(cancellationToken);
        if (body.Refusal is { } refusal)
            return refusal.ToResult();
        var caller = request.HttpContext.Caller();
        return (await keep.RunAsync(subscriptionId, caller.UserId!.Value, body.Value, caller.ToActor(), cancellationToken)).ToResult();
    }

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
