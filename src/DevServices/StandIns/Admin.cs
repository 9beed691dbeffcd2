using System.Text.Json;
using System.Text.Json.Serialization;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;

namespace StandIns;

/// <summary>Routes that no provider has: they control the network and the webhooks in tests.</summary>
public static class Admin
{
    public static readonly JsonSerializerOptions Json = new(JsonSerializerDefaults.Web)
    {
        PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower,
        Converters = { new JsonStringEnumConverter(JsonNamingPolicy.SnakeCaseLower) },
    };

    /// <returns>The group for further routes.</returns>
    public static RouteGroupBuilder Map<TFault>(IEndpointRouteBuilder app, FaultScript<TFault> faults, WebhookSender webhooks)
        where TFault : ScriptedFault
    {
        var admin = app.MapGroup("/_standin");
        admin.MapPost("/faults", async (HttpRequest request) =>
        {
            faults.Add(await ReadAsync<TFault>(request));
            return Results.NoContent();
        });
        admin.MapDelete("/faults", () => { faults.Clear(); return Results.NoContent(); });
        admin.MapPut("/webhooks", async (HttpRequest request) =>
        {
            webhooks.Plan = await ReadAsync<WebhookPlan>(request);
            return Results.NoContent();
        });
        admin.MapPost("/events/{id}/deliver", async (string id, CancellationToken ct) => Results.Ok(
            new { status = (int)await webhooks.DeliverAsync(id, ct) }));
        return admin;
    }

    public static async Task<T> ReadAsync<T>(HttpRequest request) =>
        await request.ReadFromJsonAsync<T>(Json, request.HttpContext.RequestAborted)
        ?? throw new BadHttpRequestException("The body must be a JSON object");
}
