using System.Collections.Concurrent;
using System.Text;
using System.Text.Json.Nodes;
using Microsoft.AspNetCore.Http;

namespace StripeStandIn;

/// <summary>
/// Processes a request in Stripe's order: API key, rate, parameters, idempotency key, the object's lock, execution, answer. Failures of the
/// first three steps are not stored under an idempotency key.
/// </summary>
public sealed class Pipeline(
    StandInOptions options, Account account, IdempotencyKeys keys, FaultScript faults, WriteRate rate, TimeProvider clock,
    CancellationToken stopping)
{
    private static readonly TimeSpan LockWait = TimeSpan.FromSeconds(1);
    private readonly ConcurrentDictionary<string, SemaphoreSlim> locks = [];
    private static readonly string[] Always = ["expand"];

    public async Task RunAsync(Endpoint endpoint, HttpContext context)
    {
        var requestId = Account.NewId("req");
        context.Response.Headers["Request-Id"] = requestId;
        context.Response.Headers["Stripe-Version"] = options.ApiVersion;
        try
        {
            var answer = await AnswerAsync(endpoint, context, requestId);
            if (answer is null)
                context.Abort();
            else
                await WriteAsync(context, answer);
        }
        catch (StripeErrorException refused)
        {
            if (refused.Code == "lock_timeout")
                context.Response.Headers["Stripe-Should-Retry"] = "true";
            await WriteAsync(context, new IdempotencyKeys.Answer(refused.Status, refused.ToJson()));
        }
        catch (OperationCanceledException) when (stopping.IsCancellationRequested)
        {
            context.Abort();
        }
    }

    /// <summary>Returns null if the connection must end without an answer.</summary>
    private async Task<IdempotencyKeys.Answer?> AnswerAsync(Endpoint endpoint, HttpContext context, string requestId)
    {
        var cancellationToken = context.RequestAborted;
        var id = context.Request.RouteValues["id"] as string ?? "";
        var form = await FormBody.ReadAsync(context.Request, cancellationToken);
        Authorize(endpoint, context.Request, form, id);
        if (endpoint.Writes && !rate.Take())
            throw StripeErrorException.TooMany();
        if (form.Names.FirstOrDefault(name => !endpoint.Parameters.Contains(name) && !Always.Contains(name)) is { } unknown)
            throw StripeErrorException.UnknownParameter(unknown);

        var fault = faults.Take(endpoint.Name, one => one.Match is not { } value || id == value
            || form.Canonical.Contains(Uri.EscapeDataString(value), StringComparison.Ordinal));
        switch (fault?.Kind)
        {
            case FaultKind.RateLimit:
                throw StripeErrorException.TooMany();
            case FaultKind.Refuse:
                throw StripeErrorException.UnknownParameter("description");
            case FaultKind.DropBefore:
                return null;
        }

        var key = endpoint.Writes ? context.Request.Headers["Idempotency-Key"].FirstOrDefault() : null;
        if (key is null)
            return await RunOnceAsync(new Work(endpoint, form, id, context.Request.Path, fault, requestId, null), null, cancellationToken);

        context.Response.Headers["Idempotency-Key"] = key;
        if (keys.Begin(key, context.Request.Path, form.Canonical) is { } first)
        {
            context.Response.Headers["Idempotent-Replayed"] = "true";
            return first;
        }

        return await RunOnceAsync(new Work(endpoint, form, id, context.Request.Path, fault, requestId, key), key, cancellationToken);
    }

    private sealed record Work(Endpoint Endpoint, FormBody Form, string Id, string Path, Fault? Fault, string RequestId, string? Key);

    /// <summary>Executes the request even if the client disconnects, because the bank may already have been called.</summary>
    private async Task<IdempotencyKeys.Answer?> RunOnceAsync(Work work, string? key, CancellationToken cancellationToken)
    {
        IdempotencyKeys.Answer? answer = null;
        try
        {
            if (work.Fault?.Kind == FaultKind.LockTimeout)
                throw StripeErrorException.Locked();
            await Task.Delay(options.Latency + TimeSpan.FromMilliseconds(work.Fault?.DelayMs ?? 0), clock, stopping);
            answer = await UnderLockAsync(work);
        }
        catch (StripeErrorException failure) when (failure.Kept)
        {
            answer = new IdempotencyKeys.Answer(failure.Status, failure.ToJson());
        }
        finally
        {
            if (key is not null && answer is not null)
                keys.Keep(key, answer);
            else if (key is not null)
                keys.Forget(key);
            if (options.StateFile is { } kept && work.Endpoint.Writes)
                StateFile.Save(account, kept);
        }

        return work.Fault?.Kind == FaultKind.DropAfter || cancellationToken.IsCancellationRequested ? null : answer;
    }

    private async Task<IdempotencyKeys.Answer> UnderLockAsync(Work work)
    {
        var held = work.Endpoint.Writes && work.Id.Length > 0 ? locks.GetOrAdd(work.Id, _ => new SemaphoreSlim(1)) : null;
        if (held is not null && !await held.WaitAsync(LockWait))
            throw StripeErrorException.Locked();
        try
        {
            if (work.Fault?.Kind == FaultKind.ErrorBefore)
                throw StripeErrorException.Broken();
            lock (account.Gate)
            {
                using var _ = account.Requested(work.RequestId, work.Key);
                var body = work.Endpoint.Run(new StripeCall(
                    account, work.Form, work.Id, work.Path, work.Fault is { ChangesTheBanksAnswer: true } ? work.Fault : null));
                return work.Fault?.Kind == FaultKind.ErrorAfter
                    ? throw StripeErrorException.Broken()
                    : new IdempotencyKeys.Answer(200, (JsonObject)body.DeepClone());
            }
        }
        finally
        {
            held?.Release();
        }
    }

    private void Authorize(Endpoint endpoint, HttpRequest request, FormBody form, string id)
    {
        var given = GivenKey(request.Headers.Authorization.ToString());
        if (given == options.SecretKey)
            return;
        var secret = form.Text("client_secret");
        if (given != options.PublishableKey)
            throw StripeErrorException.BadKey(given);
        if (!endpoint.Browser || secret is null || !secret.StartsWith($"{id}_secret_", StringComparison.Ordinal) || !Holds(id, secret))
        {
            throw new StripeErrorException(401, "invalid_request_error",
                "This API call cannot be made with a publishable API key. Please use a secret API key.", "secret_key_required")
            { Kept = false };
        }
    }

    private bool Holds(string id, string secret)
    {
        lock (account.Gate)
        {
            var intent = account.PaymentIntents.GetValueOrDefault(id) ?? account.SetupIntents.GetValueOrDefault(id);
            return intent?.Text("client_secret") == secret;
        }
    }

    /// <summary>Bearer, or the user name of Basic; Stripe accepts both.</summary>
    private static string? GivenKey(string header)
    {
        if (header.StartsWith("Bearer ", StringComparison.OrdinalIgnoreCase))
            return header[7..].Trim();
        if (!header.StartsWith("Basic ", StringComparison.OrdinalIgnoreCase))
            return null;
        var buffer = new byte[header.Length];
        return Convert.TryFromBase64String(header[6..].Trim(), buffer, out var length)
            ? Encoding.UTF8.GetString(buffer, 0, length).Split(':')[0]
            : null;
    }

    private static async Task WriteAsync(HttpContext context, IdempotencyKeys.Answer answer)
    {
        context.Response.StatusCode = answer.Status;
        context.Response.ContentType = "application/json";
        await context.Response.WriteAsync(answer.Body.ToJsonString(), context.RequestAborted);
    }
}
