using System.Globalization;
using System.Text.Encodings.Web;
using System.Text.Json.Nodes;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;

namespace PayPalStandIn;

/// <summary>The part of PayPal's API that the license backend uses, and the page on which a customer approves.</summary>
internal static class Routes
{
    private static readonly TimeSpan Orders = TimeSpan.FromHours(6);
    private static readonly TimeSpan Refunds = TimeSpan.FromDays(45);
    private static readonly TimeSpan Vault = TimeSpan.FromHours(3);

    public static void Map(IEndpointRouteBuilder app, Pipeline pipeline, StandIn standIn)
    {
        void Add(
            string name, string method, string pattern, Func<PayPalCall, JsonObject?> execute, int status = 200, TimeSpan? keeps = null) =>
            app.MapMethods(pattern, [method], (RequestDelegate)(context => pipeline.RunAsync(context, name, status, keeps, execute)));

        app.MapPost("/v1/oauth2/token", (RequestDelegate)pipeline.GrantAsync);
        Add("orders.create", "POST", "/v2/checkout/orders", call => call.Account.CreateOrder(Body(call)), 201, Orders);
        Add("orders.get", "GET", "/v2/checkout/orders/{id}", call => call.Account.Order(call.Id));
        Add("orders.patch", "PATCH", "/v2/checkout/orders/{id}",
            Empty(call => call.Account.PatchOrder(call.Id, (JsonArray)call.Body!)), 204);
        Add("orders.capture", "POST", "/v2/checkout/orders/{id}/capture",
            call => call.Account.Capture(call.Id, Body(call), call.Fault), 201, Orders);
        Add("captures.get", "GET", "/v2/payments/captures/{id}", call => call.Account.CaptureById(call.Id).Capture);
        Add("captures.refund", "POST", "/v2/payments/captures/{id}/refund", call => call.Account.Refund(call.Id, Body(call)), 201, Refunds);
        Add("refunds.get", "GET", "/v2/payments/refunds/{id}", call => call.Account.RefundById(call.Id));
        Add("disputes.list", "GET", "/v1/customer/disputes",
            call => call.Account.ListDisputes(call.Request.Query["disputed_transaction_id"].ToString()));
        Add("transactions.list", "GET", "/v1/reporting/transactions", call => call.Account.SearchTransactions(
            Time(call, "start_date"), Time(call, "end_date"), Number(call, "page_size", 100), Number(call, "page", 1)));
        Add("events.list", "GET", "/v1/notifications/webhooks-events", call => call.Account.ListEvents(
            Time(call, "start_time"), Time(call, "end_time"), Number(call, "page_size", 10), Number(call, "skip", 0)));
        Add("events.get", "GET", "/v1/notifications/webhooks-events/{id}", call => call.Account.EventById(call.Id));
        Add("disputes.get", "GET", "/v1/customer/disputes/{id}", call => call.Account.DisputeById(call.Id));
        Add("disputes.provide_evidence", "POST", "/v1/customer/disputes/{id}/provide-evidence",
            call => call.Account.AddEvidence(call.Id, Body(call)["evidences"]![0]!["notes"]!.GetValue<string>()));
        Add("setup_tokens.create", "POST", "/v3/vault/setup-tokens", call => call.Account.StartSetup(Body(call)), 201, Vault);
        Add("setup_tokens.get", "GET", "/v3/vault/setup-tokens/{id}", call => call.Account.SetupToken(call.Id));
        Add("payment_tokens.create", "POST", "/v3/vault/payment-tokens", call => call.Account.CreateToken(Body(call)), 201, Vault);
        Add("payment_tokens.delete", "DELETE", "/v3/vault/payment-tokens/{id}", Empty(call => call.Account.DeleteToken(call.Id)), 204);
        app.MapGet(Webhooks.CertificatesPath + "{name}", (string name) => standIn.Webhooks.Certificate(name) is { } certificate
            ? Results.Text(certificate, "application/x-pem-file")
            : Results.NotFound());
        app.MapGet("/agreements/approve", (string approval_session_id) => Page(standIn, approval_session_id));
        app.MapPost("/agreements/approve", async (HttpRequest request) => Approve(standIn, await request.ReadFormAsync()));
    }

    private static Func<PayPalCall, JsonObject?> Empty(Action<PayPalCall> execute) => call =>
    {
        execute(call);
        return null;
    };

    private static DateTimeOffset Time(PayPalCall call, string name) => DateTimeOffset.TryParse(
        call.Request.Query[name], CultureInfo.InvariantCulture, out var time) ? time : throw PayPalErrorException.Malformed(name);

    private static int Number(PayPalCall call, string name, int otherwise) => int.TryParse(
        call.Request.Query[name], CultureInfo.InvariantCulture, out var number) ? number : otherwise;

    private static JsonObject Body(PayPalCall call) => call.Body as JsonObject ?? throw PayPalErrorException.Malformed("the body");

    private static IResult Page(StandIn standIn, string setup)
    {
        string? cancel;
        lock (standIn.Account.Gate)
        {
            if (!standIn.Account.State.SetupTokens.TryGetValue(setup, out var token)) return Results.NotFound();
            cancel = token["payment_source"]!["paypal"]!["experience_context"]!.AsObject().Text("cancel_url");
        }

        var encode = HtmlEncoder.Default;
        return Results.Content($"""
            <!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">
            <title>PayPal stand-in</title>
            <body style="font: 1rem/1.5 system-ui, sans-serif; max-width: 26rem; margin: 3rem auto; padding: 0 1rem">
            <h1>PayPal stand-in</h1><p>A test page in place of PayPal's. No money moves.</p>
            <form method="post"><input type="hidden" name="setup" value="{encode.Encode(setup)}">
            <p><label>Account <select name="behavior">
            <option value="">Payments succeed</option>
            <option value="INSTRUMENT_DECLINED">Payments are declined, and may be tried again</option>
            <option value="PAYER_ACCOUNT_RESTRICTED">Payments are refused permanently</option>
            <option value="PENDING">Payments are reviewed</option>
            </select></label></p>
            <p><button>Agree and save</button> <a href="{encode.Encode(cancel ?? "/")}">Cancel</a></p></form></body></html>
            """, "text/html; charset=utf-8");
    }

    private static IResult Approve(StandIn standIn, IFormCollection form)
    {
        var setup = form["setup"].ToString();
        string back;
        lock (standIn.Account.Gate)
        {
            standIn.Account.Approve(setup, form["behavior"].ToString());
            back = standIn.Account.SetupToken(setup)["payment_source"]!["paypal"]!["experience_context"]!.AsObject().Text("return_url")!;
        }

        standIn.Save();
        var sign = back.Contains('?', StringComparison.Ordinal) ? '&' : '?';
        return Results.Redirect($"{back}{sign}approval_token_id={setup}&approval_session_id={setup}");
    }
}
