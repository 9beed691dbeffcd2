using LicenseFunctions.Infrastructure.Http;
using LicenseFunctions.Licenses;
using Microsoft.AspNetCore.Http;
using Microsoft.Azure.Functions.Worker;

namespace LicenseFunctions.Operations;

public sealed record WebhookEndpointList(IReadOnlyList<WebhookEndpoint> Endpoints);

/// <summary>Webhook endpoints, for operators; and the timer that sends events to them.</summary>
public sealed class WebhookFunctions(WebhookEndpointStore store, EditWebhookEndpoints edit, TestWebhook test, DeliverEvents deliver)
{
    private const string Endpoints = "api/v1/webhook-endpoints";

    private const string Endpoint = Endpoints + "/{endpointId:guid}";

    [Function("ListWebhookEndpoints")]
    [Access(CallerRole.Operator)]
    [Operation(
        "Lists the webhook endpoints, how far events were sent to each, and the last error. Also as CSV.",
        Reply = typeof(WebhookEndpointList), Media = "text/csv")]
    public async Task<IResult> List(
        [HttpTrigger(AuthorizationLevel.Anonymous, "get", Route = Endpoints)] HttpRequest request, CancellationToken cancellationToken) =>
        request.Answer(new WebhookEndpointList(await store.ListAsync(cancellationToken)), reply => reply.Endpoints);

    [Function("AddWebhookEndpoint")]
    [Access(CallerRole.Operator)]
    [Operation("Adds a webhook endpoint, which gets the events of the feed from now on. Only this answer has its secret.",
        Body = typeof(NewWebhookEndpoint), Reply = typeof(WebhookEndpointSecret), Status = StatusCodes.Status201Created)]
    public async Task<IResult> Add(
        [HttpTrigger(AuthorizationLevel.Anonymous, "post", Route = Endpoints)] HttpRequest request, CancellationToken cancellationToken)
    {
        var body = await request.ReadAsync<NewWebhookEndpoint>(cancellationToken);
        return body.Refusal is { } refusal
            ? refusal.ToResult()
            : (await edit.AddAsync(body.Value, request.HttpContext.Caller().ToActor(), cancellationToken))
                .ToResult(StatusCodes.Status201Created);
    }

    [Function("ChangeWebhookEndpoint")]
    [Access(CallerRole.Operator)]
    [Operation("Changes the URL or the types of a webhook endpoint, disables it, or enables it: an enabled one gets what it missed.",
        Body = typeof(WebhookEndpointChange), Reply = typeof(WebhookEndpoint))]
    public async Task<IResult> Change(
        [HttpTrigger(AuthorizationLevel.Anonymous, "patch", Route = Endpoint)] HttpRequest request,
        Guid endpointId, CancellationToken cancellationToken)
    {
        var body = await request.ReadAsync<WebhookEndpointChange>(cancellationToken);
        return body.Refusal is { } refusal
            ? refusal.ToResult()
            : (await edit.ChangeAsync(endpointId, body.Value, request.HttpContext.Caller().ToActor(), cancellationToken)).ToResult();
    }

    [Function("RemoveWebhookEndpoint")]
    [Access(CallerRole.Operator)]
    [Operation("Removes a webhook endpoint.", Status = StatusCodes.Status204NoContent)]
    public async Task<IResult> Remove(
        [HttpTrigger(AuthorizationLevel.Anonymous, "delete", Route = Endpoint)] HttpRequest request,
        Guid endpointId, CancellationToken cancellationToken) =>
        (await edit.RemoveAsync(endpointId, request.HttpContext.Caller().ToActor(), cancellationToken))
            .Match(_ => Results.NoContent(), Problems.ToResult);

    [Function("RotateWebhookSecret")]
    [Access(CallerRole.Operator)]
    [Operation("Adds a new secret to a webhook endpoint. Older ones also sign for overlap_seconds, one day by default.",
        Body = typeof(WebhookSecretRotation), Reply = typeof(WebhookEndpointSecret), IsBodyOptional = true)]
    public async Task<IResult> Rotate(
        [HttpTrigger(AuthorizationLevel.Anonymous, "post", Route = Endpoint + "/rotate-secret")] HttpRequest request,
        Guid endpointId, CancellationToken cancellationToken)
    {
        var body = request.HasNoBody() ? new WebhookSecretRotation() : await request.ReadAsync<WebhookSecretRotation>(cancellationToken);
        return body.Refusal is { } refusal
            ? refusal.ToResult()
            : (await edit.RotateAsync(endpointId, body.Value, request.HttpContext.Caller().ToActor(), cancellationToken)).ToResult();
    }

    [Function("ReplayWebhook")]
    [Access(CallerRole.Operator)]
    [Operation("Sends the events after an id or since a time again. If that is after the last sent event, events are left out.",
        Body = typeof(WebhookReplay), Reply = typeof(WebhookEndpoint))]
    public async Task<IResult> Replay(
        [HttpTrigger(AuthorizationLevel.Anonymous, "post", Route = Endpoint + "/replay")] HttpRequest request,
        Guid endpointId, CancellationToken cancellationToken)
    {
        var body = await request.ReadAsync<WebhookReplay>(cancellationToken);
        return body.Refusal is { } refusal
            ? refusal.ToResult()
            : (await edit.ReplayAsync(endpointId, body.Value, request.HttpContext.Caller().ToActor(), cancellationToken)).ToResult();
    }

    [Function("TestWebhook")]
    [Access(CallerRole.Operator)]
    [Operation("Sends a message of the type webhook.test to a webhook endpoint now, also to a disabled one, and returns the answer.",
        Reply = typeof(WebhookTest))]
    public async Task<IResult> Test(
        [HttpTrigger(AuthorizationLevel.Anonymous, "post", Route = Endpoint + "/test")] HttpRequest request,
        Guid endpointId, CancellationToken cancellationToken) =>
        (await test.RunAsync(endpointId, cancellationToken)).ToResult();

    [Function("DeliverEvents")]
    public Task<DeliveryCounts> Deliver([TimerTrigger("%OUTBOX_SCHEDULE%")] TimerInfo timer, CancellationToken cancellationToken) =>
        deliver.RunAsync(cancellationToken);
}
