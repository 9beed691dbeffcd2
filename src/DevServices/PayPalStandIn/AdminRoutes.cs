using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using StandIns;

namespace PayPalStandIn;

/// <summary>Routes that PayPal doesn't have: they control payments, the network and the webhooks in tests.</summary>
internal static class AdminRoutes
{
    private sealed record Settlement(bool Paid = true);

    private sealed record NewDispute(string Capture, string Reason = "UNAUTHORISED");

    private sealed record Closing(bool Won);

    private sealed record Behavior(string Value);

    public static void Map(IEndpointRouteBuilder app, StandIn standIn)
    {
        var admin = Admin.Map(app, standIn.Faults, standIn.Webhooks);
        admin.MapPut("/payment_tokens/{id}/behavior", async (string id, HttpRequest request) =>
        {
            var behavior = await Admin.ReadAsync<Behavior>(request);
            return Locked(standIn, account => account.State.Behaviors[id] = behavior.Value);
        });
        admin.MapPost("/captures/{id}/settle", async (string id, HttpRequest request) =>
        {
            var settlement = await Admin.ReadAsync<Settlement>(request);
            return Locked(standIn, account => account.Settle(id, settlement.Paid));
        });
        admin.MapPost("/disputes", async (HttpRequest request) =>
        {
            var dispute = await Admin.ReadAsync<NewDispute>(request);
            lock (standIn.Account.Gate)
                return Results.Ok(new { id = standIn.Account.Dispute(dispute.Capture, dispute.Reason) });
        });
        admin.MapPost("/disputes/{id}/close", async (string id, HttpRequest request) =>
        {
            var closing = await Admin.ReadAsync<Closing>(request);
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
}
