using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Microsoft.AspNetCore.Http;

namespace PayPalStandIn;

/// <summary>A request to the stand-in.</summary>
/// <param name="Id">The id in the path; empty for none.</param>
/// <param name="Body">Null without a JSON body.</param>
public sealed record PayPalCall(Account Account, string Id, JsonNode? Body, HttpRequest Request, Fault? Fault);

/// <summary>
/// Processes a request: access token, rate, PayPal-Request-Id, execution, answer. A repeated PayPal-Request-Id returns the answer of the
/// first request while PayPal keeps it, even if that answer was lost. A refusal is not kept.
/// </summary>
public sealed class Pipeline(StandIn standIn, TimeProvider clock)
{
    private readonly Lock gate = new();
    private readonly Dictionary<string, (string Request, DateTimeOffset At, int Status, JsonObject? Body)> kept = [];
    private readonly HashSet<string> tokens = [];

    /// <param name="keeps">How long a PayPal-Request-Id is kept; null if the endpoint has none.</param>
    /// <param name="status">Of a success.</param>
    public async Task RunAsync(
        HttpContext context, string name, int status, TimeSpan? keeps, Func<PayPalCall, JsonObject?> execute)
    {
        try
        {
            var fault = standIn.Faults.Take(name);
            if (fault?.Kind is FaultKind.DropBefore)
            {
                context.Abort();
                return;
            }

            var text = await new StreamReader(context.Request.Body).ReadToEndAsync(context.RequestAborted);
            Authorize(context.Request, fault);
            if (fault?.Kind is FaultKind.RateLimit) throw PayPalErrorException.TooMany();
            if (fault?.Kind is FaultKind.Refuse) throw PayPalErrorException.Malformed("a field");
            if (fault?.Kind is FaultKind.ErrorBefore) throw PayPalErrorException.Broken();
            if (fault?.Kind is FaultKind.InProgress) throw PayPalErrorException.Unprocessable("PREVIOUS_REQUEST_IN_PROGRESS");
            await Task.Delay(standIn.Options.Latency + TimeSpan.FromMilliseconds(fault?.DelayMs ?? 0), clock, standIn.Stopping);
            var id = context.Request.RouteValues["id"] as string ?? "";
            var (code, body) = Answer(context.Request, name, id, text, status, keeps, execute, fault);
            if (context.Request.Method != "GET") standIn.Save();
            if (fault?.Kind is FaultKind.ErrorAfter) throw PayPalErrorException.Broken();
            if (fault?.Kind is FaultKind.DropAfter) context.Abort();
            else await WriteAsync(context, code, body);
        }
        catch (PayPalErrorException refused)
        {
            if (refused.Status == 429) context.Response.Headers.RetryAfter = "7";
            await WriteAsync(context, refused.Status, refused.ToJson());
        }
        catch (OperationCanceledException) when (standIn.Stopping.IsCancellationRequested)
        {
            context.Abort();
        }
    }

    private (int Status, JsonObject? Body) Answer(
        HttpRequest request, string name, string id, string text, int status, TimeSpan? keeps, Func<PayPalCall, JsonObject?> execute,
        Fault? fault)
    {
        var key = keeps is null ? null : request.Headers["PayPal-Request-Id"].FirstOrDefault();
        lock (gate)
        {
            if (key is not null && kept.TryGetValue(key, out var first) && clock.GetUtcNow() - first.At < keeps)
            {
                return first.Request == $"{name} {id} {text}"
                    ? (200, first.Body)
                    : throw PayPalErrorException.Unprocessable("DUPLICATE_REQUEST_ID", "PayPal-Request-Id was used for another request.");
            }

            lock (standIn.Account.Gate)
            {
                var parsed = text.Length > 0 && request.HasJsonContentType() ? Parse(text) : null;
                var made = execute(new PayPalCall(standIn.Account, id, parsed ?? Part(request, text), request,
                    fault is { ChangesThePayment: true } ? fault : null));
                var copy = made?.DeepClone().AsObject();
                if (key is not null) kept[key] = ($"{name} {id} {text}", clock.GetUtcNow(), status, copy);
                return (status, copy);
            }
        }
    }

    private static JsonNode? Parse(string text)
    {
        try
        {
            return JsonNode.Parse(text);
        }
        catch (JsonException)
        {
            throw new PayPalErrorException(400, "INVALID_REQUEST", "MALFORMED_REQUEST_JSON", "The request JSON is not well formed.");
        }
    }

    // Evidence is a form, whose part "input" is JSON.
    private static JsonNode? Part(HttpRequest request, string text)
    {
        if (!(request.ContentType ?? "").StartsWith("multipart/form-data", StringComparison.Ordinal)) return null;
        var from = text.IndexOf('{', StringComparison.Ordinal);
        return from < 0 ? null : Parse(text[from..(text.LastIndexOf('}') + 1)]);
    }

    /// <summary>POST /v1/oauth2/token.</summary>
    public async Task GrantAsync(HttpContext context)
    {
        var expected = Convert.ToBase64String(Encoding.UTF8.GetBytes($"{standIn.Options.ClientId}:{standIn.Options.ClientSecret}"));
        if (context.Request.Headers.Authorization != $"Basic {expected}")
        {
            var refused = new JsonObject { ["error"] = "invalid_client", ["error_description"] = "Client Authentication failed" };
            await WriteAsync(context, 401, refused);
            return;
        }

        var token = $"A21AA{Random.Shared.GetHexString(90)}";
        lock (gate) tokens.Add(token);
        await WriteAsync(context, 200, new JsonObject
        {
            ["access_token"] = token,
            ["token_type"] = "Bearer",
            ["expires_in"] = 32_400,
        });
    }

    private void Authorize(HttpRequest request, Fault? fault)
    {
        lock (gate)
        {
            var given = request.Headers.Authorization.ToString();
            var token = given.StartsWith("Bearer ", StringComparison.Ordinal) ? given[7..] : "";
            if (fault?.Kind is FaultKind.Unauthorized) tokens.Remove(token);
            if (!tokens.Contains(token)) throw PayPalErrorException.Unauthorized();
        }
    }

    private static async Task WriteAsync(HttpContext context, int status, JsonObject? body)
    {
        context.Response.StatusCode = status;
        if (body is null) return;
        context.Response.ContentType = "application/json";
        await context.Response.WriteAsync(body.ToJsonString(), context.RequestAborted);
    }
}
