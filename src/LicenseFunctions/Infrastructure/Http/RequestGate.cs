using System.Globalization;
using LicenseFunctions.Infrastructure.Database;
using Licensing;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.Azure.Functions.Worker;
using Microsoft.Azure.Functions.Worker.Middleware;
using Npgsql;
using StandaloneHost;

namespace LicenseFunctions.Infrastructure.Http;

/// <summary>
/// Runs before every HTTP function: it checks body size, credential, role and rate, and turns exceptions into problem details.
/// </summary>
public sealed class RequestGate(
    FunctionRules rules, BearerTokens tokens, RateLimits limits, HttpSettings settings, RequestFailures failures)
    : IFunctionsWorkerMiddleware
{
    private static readonly Refusal NoCredential = new(RefusalKind.Unauthorized, "UNAUTHORIZED", "The request has no credential.",
        "Authorization", "Send 'Authorization: Bearer <token>', or 'Authorization: License <token>' from an EA.");

    private static readonly Refusal BadCredential = new(RefusalKind.Unauthorized, "UNAUTHORIZED",
        "The credential is malformed, expired, or not signed by the trusted issuer.", "Authorization", "Get a fresh token.");

    private static readonly Refusal WrongRole = new(RefusalKind.Forbidden, "FORBIDDEN", "This role may not call this route.");

    public async Task Invoke(FunctionContext context, FunctionExecutionDelegate next)
    {
        if (context.GetHttpContext() is not { } http)
        {
            await next(context);
            return;
        }

        try
        {
            var rule = rules.Find(context.FunctionDefinition.Name);
            if (await RefuseAsync(rule, http) is { } refusal)
            {
                await refusal.ToResult().ExecuteAsync(http);
                return;
            }

            if (rule!.Pool == DatabasePool.Requests)
                DatabaseScope.Enter(DatabasePool.Requests, ChangedRow(http));
            await next(context);
        }
        catch (Exception failure) when (http.IsClientGone(failure, context.CancellationToken))
        {
            // Usually the client has disconnected and gets no answer. A Functions host also cancels a run at its time limit and
            // when it stops; then an empty 200 would acknowledge work that is not done.
            if (!http.Response.HasStarted)
                http.Response.StatusCode = StatusCodes.Status503ServiceUnavailable;
        }
        catch (Exception failure) when (!http.Response.HasStarted)
        {
            await ToRefusal(context, failure).ToResult().ExecuteAsync(http);
        }
    }

    // A customer's requests that change the same license, or that change the customer, run one after another. Other IDs of a route are no
    // keys: with random ones, a caller's requests would wait for the same locked row side by side.
    private static Guid? ChangedRow(HttpContext http) =>
        HttpMethods.IsGet(http.Request.Method) || HttpMethods.IsHead(http.Request.Method) ? null
        : Guid.TryParse(http.Request.RouteValues["subscriptionId"] as string, out var license) ? license
        : http.Caller().UserId;

    private async ValueTask<Refusal?> RefuseAsync(FunctionRule? rule, HttpContext http)
    {
        http.Response.Headers.XContentTypeOptions = "nosniff";
        if (rule is null)
            return WrongRole;
        if (http.Request.ContentLength > rule.BodyLimit)
            return TooLarge(rule);
        LimitBodyWithoutContentLength(http, rule.BodyLimit);
        if (http.Request.Decode(rule.BodyLimit) is { } unsupported)
            return unsupported;

        var caller = Caller.Anonymous;
        if (!rule.Allows(CallerRole.Anonymous))
        {
            if (await tokens.ReadAsync(http.Request.Headers.Authorization.ToString()) is not { } read)
                return BadCredential;
            if (read.Role == CallerRole.Anonymous)
                return NoCredential;
            if (!rule.Allows(read.Role))
                return WrongRole;
            caller = read;
            http.SetCaller(caller);
        }

        // A service calls for all customers. The function that knows the license counts these requests by license.
        return (rule.Limited && caller.Role != CallerRole.Service ? limits.Refuse(Key(caller, http)) : null)
            ?? UnknownParameter.Find(rule, http.Request.Query);
    }

    // Kestrel also counts the framing of a chunked body, so its own limit must be larger.
    private static void LimitBodyWithoutContentLength(HttpContext http, int limit)
    {
        if (http.Request.ContentLength is not null || http.Request.HasNoBody())
            return;
        if (http.Features.Get<IHttpMaxRequestBodySizeFeature>() is { IsReadOnly: false } framed)
            framed.MaxRequestBodySize = 8L * limit;
        http.Request.Body = new LimitedBody(http.Request.Body, limit);
    }

    private string Key(Caller caller, HttpContext http) =>
        caller.TokenHash ?? caller.UserId?.ToString() ?? $"{caller.Role} {settings.ClientAddresses.AddressOf(http)}";

    private Refusal ToRefusal(FunctionContext context, Exception failure)
    {
        var function = context.FunctionDefinition.Name;
        switch (failure)
        {
            case BadHttpRequestException { StatusCode: StatusCodes.Status413PayloadTooLarge }:
                return TooLarge(rules.Find(function)!);
            case BadHttpRequestException { InnerException: InvalidDataException }:
                return new Refusal(RefusalKind.Invalid, "INVALID_GZIP", "The body is not valid gzip data.",
                    "Content-Encoding", "Compress the whole body, or send it without Content-Encoding.");
            case BadHttpRequestException:
                return new Refusal(RefusalKind.Invalid, "MALFORMED_REQUEST", "The request could not be read completely.");
            case IssuerUnavailableException:
                return failures.Report(function, context.InvocationId, failure, new Refusal(
                    RefusalKind.Unavailable, "ISSUER_UNAVAILABLE", "The issuer of bearer tokens does not answer.", Hint: "Try again."));
            case PostgresException { SqlState: PostgresErrorCodes.CharacterNotInRepertoire or PostgresErrorCodes.UntranslatableCharacter }:
                return new Refusal(RefusalKind.Invalid, "INVALID_TEXT", "The request contains U+0000, which is not allowed in texts.");
            case BusyException:
                return new Refusal(
                    RefusalKind.Unavailable, "LICENSE_BUSY", "Other requests that change the same license or customer are still running.",
                    Hint: "Try again.");
            // A read-only database: its disk is nearly full, or it is the old primary after a failover.
            case PostgresException { SqlState: PostgresErrorCodes.ReadOnlySqlTransaction or PostgresErrorCodes.QueryCanceled }:
            // The client is still connected, so the time of the request's database scope is used up.
            case OperationCanceledException:
            case var lost when ConnectionLoss.IsReportedBy(lost):
                return failures.Report(function, context.InvocationId, failure, new Refusal(
                    RefusalKind.Unavailable, "DATABASE_UNAVAILABLE", "The database does not answer.", Hint: "Try again."));
            default:
                return failures.Report(function, context.InvocationId, failure, new Refusal(
                    RefusalKind.Failed, "INTERNAL_ERROR",
                    $"Invocation {context.InvocationId} failed. The log has failures of this kind, at most one per minute."));
        }
    }

    private static Refusal TooLarge(FunctionRule rule) => new(RefusalKind.TooLarge, "BODY_TOO_LARGE",
        string.Create(CultureInfo.InvariantCulture, $"The body is larger than {rule.BodyLimit} bytes."), Hint: "Send smaller requests.");
}
