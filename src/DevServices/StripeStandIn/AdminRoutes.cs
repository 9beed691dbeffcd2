using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using StandIns;

namespace StripeStandIn;

/// <summary>Routes that Stripe doesn't have: they control the bank, the network and the webhooks in tests.</summary>
internal static class AdminRoutes
{
    private sealed record Settlement(bool Paid = true, string DeclineCode = "generic_decline");

    private sealed record NewDispute(string PaymentIntent, string Reason = "fraudulent", long? Amount = null);

    private sealed record DisputeUpdate(long DueBy);

    private sealed record Closing(bool Won);

    private sealed record CardUpdate(int ExpMonth, int ExpYear, string? Last4 = null);

    public static void Map(IEndpointRouteBuilder app, StandIn standIn)
    {
        var admin = Admin.Map(app, standIn.Faults, standIn.Webhooks);
        admin.MapPut("/payment_methods/{id}/behavior", async (string id, HttpRequest request) =>
        {
            standIn.Behave(id, await Admin.ReadAsync<CardBehavior>(request));
            return Results.NoContent();
        });
        admin.MapPost("/payment_methods/{id}/automatically_update", async (string id, HttpRequest request) =>
        {
            var update = await Admin.ReadAsync<CardUpdate>(request);
            standIn.AutomaticallyUpdate(id, update.ExpMonth, update.ExpYear, update.Last4);
            return Results.NoContent();
        });
        admin.MapPost("/intents/{id}/settle", async (string id, HttpRequest request) =>
        {
            var settlement = await Admin.ReadAsync<Settlement>(request);
            standIn.Settle(id, settlement.Paid, settlement.DeclineCode);
            return Results.NoContent();
        });
        admin.MapPost("/disputes", async (HttpRequest request) =>
        {
            var dispute = await Admin.ReadAsync<NewDispute>(request);
            return Results.Ok(new { id = standIn.Dispute(dispute.PaymentIntent, dispute.Reason, dispute.Amount) });
        });
        admin.MapPost("/disputes/{id}/update", async (string id, HttpRequest request) =>
        {
            standIn.UpdateDispute(id, (await Admin.ReadAsync<DisputeUpdate>(request)).DueBy);
            return Results.NoContent();
        });
        admin.MapPost("/disputes/{id}/close", async (string id, HttpRequest request) =>
        {
            standIn.CloseDispute(id, (await Admin.ReadAsync<Closing>(request)).Won);
            return Results.NoContent();
        });
        admin.MapPost("/refunds/{id}/fail", (string id) => { standIn.FailRefund(id); return Results.NoContent(); });
        admin.MapGet("/stats", () => Results.Json(standIn.Stats(), Admin.Json));
    }
}
