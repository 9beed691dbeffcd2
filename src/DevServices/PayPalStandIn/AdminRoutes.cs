using System.Text.Json;
using System.Text.Json.Serialization;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;

namespace PayPalStandIn;

/// <summary>Routes that PayPal doesn't have: they control payments, the network and the webhooks in tests.</summary>
internal static class AdminRoutes
{
    private static readonly JsonSerializerOptions Json = new(JsonSerializerDefaults.Web)
    {
        PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower,
        Converters = { new JsonStringEnumConverter(JsonNamingPolicy.SnakeCaseLower) },
    };

    private sealed record Settlement(bool Paid = true);

    private sealed record NewDispute(string Capture, string Reason = "UNAUTHORISED");

    private sealed record Closing(bool Won);

    private sealed record Behavior(string Value);

    public static void Map(IEndpointRouteBuilder app, StandIn standIn)
    {
        var admin = app.MapGroup("/_standin");
        admin.MapPost("/faults", async (HttpRequest request) =>
        {
            standIn.Faults.Add(await ReadAsync<Fault>(request));
            return Results.NoContent();
        });
        admin.MapDelete("/faults", () => { standIn.Faults.Clear(); return Results.NoContent(); });
        admin.MapPut("/webhooks", async (HttpRequest request) =>
        {
            standIn.Webhooks.Plan = await ReadAsync<WebhookPlan>(request);
            return Results.NoContent();
        });
        admin.MapPost("/events/{id}/deliver", async (string id, CancellationToken ct) => Results.Ok(
            new { status = (int)await standIn.Webhooks.DeliverAsync(id, ct) }));
        admin.MapPut("/payment_tokens/{id}/behavior", async (string id, HttpRequest request) =>
        {
            var behavior = await ReadAsync<Behavior>(request);
            return Locked(standIn, account => account.State.Behaviors[id] = behavior.Value);
        });
        admin.MapPost("/captures/{id}/settle", async (string id, HttpRequest request) =>
        {
            var settlement = await ReadAsync<Settlement>(request);
            return Locked(standIn, account => account.Settle(id, settlement.Paid));
        });
        admin.MapPost("/disputes", async (HttpRequest request) =>
        {
            var dispute = await ReadAsync<NewDispute>(request);
            lock (standIn.Account.Gate)
                return Results.Ok(new { id = standIn.Account.Dispute(dispute.Capture, dispute.Reason) });
        });
        admin.MapPost("/disputes/{id}/close", async (string id, HttpRequest request) =>
        {
            var closing = await ReadAsync<Closing>(request);
            return Locked(standIn, account => account.CloseDispute(id, closing.Won));
        });
        admin.MapPost("/refunds/{id}/fail", (string id) => Locked(standIn, account => account.FailRefund(id)));
        admin.MapGet("/stats", () => Results.Ok(new { paid = standIn.Paid }));
    }

    private static IResult Locked(StandIn standIn, Action<Account> change)
    {
        lock (standIn.Account.Gate)
            change(standIn.Account);
        standIn.Save();
        return Results.NoContent();
    }

    private static async Task<T> ReadAsync<T>(HttpRequest request) =>
        await request.ReadFromJsonAsync<T>(Json, request.HttpContext.RequestAborted)
        ?? throw new BadHttpRequestException("The body must be a JSON object");
}
