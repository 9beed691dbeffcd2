using System.Text.Json;
using System.Text.Json.Serialization;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;

namespace StripeStandIn;

/// <summary>Routes that Stripe doesn't have: they control the bank, the network and the webhooks in tests.</summary>
internal static class AdminRoutes
{
    private static readonly JsonSerializerOptions Json = new(JsonSerializerDefaults.Web)
    {
        PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower,
        Converters = { new JsonStringEnumConverter(JsonNamingPolicy.SnakeCaseLower) },
    };

    private sealed record Settlement(bool Paid = true, string DeclineCode = "generic_decline");

    private sealed record NewDispute(string PaymentIntent, string Reason = "fraudulent", long? Amount = null);

    private sealed record DisputeUpdate(long DueBy);

    private sealed record Closing(bool Won);

    private sealed record CardUpdate(int ExpMonth, int ExpYear, string? Last4 = null);

    public static void Map(IEndpointRouteBuilder app, StandIn standIn)
    {
        var admin = app.MapGroup("/_standin");
        admin.MapPost(
            "/faults", async (HttpRequest request) => { standIn.Faults.Add(await ReadAsync<Fault>(request)); return Results.NoContent(); });
        admin.MapDelete("/faults", () => { standIn.Faults.Clear(); return Results.NoContent(); });
        admin.MapPut("/webhooks", async (HttpRequest request) =>
        {
            standIn.Webhooks.Plan = await ReadAsync<WebhookPlan>(request);
            return Results.NoContent();
        });
        admin.MapPost("/events/{id}/deliver", async (string id, CancellationToken ct) => Results.Ok(
            new { status = (int)await standIn.Webhooks.DeliverAsync(id, ct) }));
        admin.MapPut("/payment_methods/{id}/behavior", async (string id, HttpRequest request) =>
        {
            standIn.Behave(id, await ReadAsync<CardBehavior>(request));
            return Results.NoContent();
        });
        admin.MapPost("/payment_methods/{id}/automatically_update", async (string id, HttpRequest request) =>
        {
            var update = await ReadAsync<CardUpdate>(request);
            standIn.AutomaticallyUpdate(id, update.ExpMonth, update.ExpYear, update.Last4);
            return Results.NoContent();
        });
        admin.MapPost("/intents/{id}/settle", async (string id, HttpRequest request) =>
        {
            var settlement = await ReadAsync<Settlement>(request);
            standIn.Settle(id, settlement.Paid, settlement.DeclineCode);
            return Results.NoContent();
        });
        admin.MapPost("/disputes", async (HttpRequest request) =>
        {
            var dispute = await ReadAsync<NewDispute>(request);
            return Results.Ok(new { id = standIn.Dispute(dispute.PaymentIntent, dispute.Reason, dispute.Amount) });
        });
        admin.MapPost("/disputes/{id}/update", async (string id, HttpRequest request) =>
        {
            standIn.UpdateDispute(id, (await ReadAsync<DisputeUpdate>(request)).DueBy);
            return Results.NoContent();
        });
        admin.MapPost("/disputes/{id}/close", async (string id, HttpRequest request) =>
        {
            standIn.CloseDispute(id, (await ReadAsync<Closing>(request)).Won);
            return Results.NoContent();
        });
        admin.MapPost("/refunds/{id}/fail", (string id) => { standIn.FailRefund(id); return Results.NoContent(); });
        admin.MapGet("/stats", () => Results.Json(standIn.Stats(), Json));
    }

    private static async Task<T> ReadAsync<T>(HttpRequest request) =>
        await request.ReadFromJsonAsync<T>(Json, request.HttpContext.RequestAborted)
        ?? throw new BadHttpRequestException("The body must be a JSON object");
}
