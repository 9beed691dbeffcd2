using System.Diagnostics;
using System.Net;
using LicenseFunctions.Infrastructure.Database;
using LicenseFunctions.Infrastructure.Http;
using LicenseFunctions.Infrastructure.Telemetry;
using Licensing.Devices;
using Microsoft.AspNetCore.Http;
using Microsoft.Azure.Functions.Worker;

namespace LicenseFunctions.Validation;

public sealed class ValidateFunction(
    ValidateLicense validate, RateLimits limits, HttpSettings http, AddressWatch addresses, ProcessCounts counts)
{
    [Function("ValidateLicense")]
    [Access(CallerRole.License, CallerRole.Service), Pool(DatabasePool.Checks)]
    [Operation("Checks a license for a device; every definite verdict is a 200.",
        Body = typeof(CheckRequest), Reply = typeof(CheckAnswer))]
    public async Task<IResult> Validate(
        [HttpTrigger(AuthorizationLevel.Anonymous, "post", Route = "api/v1/licenses/validate")] HttpRequest request,
        CancellationToken cancellationToken)
    {
        var read = await CheckRequest.ReadAsync(request, cancellationToken);
        if (read.Refusal is { } malformed)
            return malformed.ToResult();
        var caller = request.HttpContext.Caller();
        if (caller.TokenHash is not { } own)
            return await AnswerServiceAsync(read.Value, request.HttpContext, cancellationToken);
        var address = http.ClientAddresses.AddressOf(request.HttpContext) ?? IPAddress.Any;
        return await AnswerAsync(read.Value, own, address, addresses, cancellationToken);
    }

    // A service checks for every customer, so its request names the license, and the rate limit counts by license.
    private async Task<IResult> AnswerServiceAsync(CheckRequest check, HttpContext context, CancellationToken cancellationToken)
    {
        var (token, address) = (check.ServiceToken(), check.ServiceAddress());
        return (token.Refusal ?? address.Refusal ?? limits.Refuse(token.Value)) is { } refusal
            ? refusal.ToResult()
            : await AnswerAsync(check, token.Value, address.Value, null, cancellationToken);
    }

    /// <param name="watch">Null if a service sent the address in the body.</param>
    private async Task<IResult> AnswerAsync(
        CheckRequest check, string tokenHash, IPAddress address, AddressWatch? watch, CancellationToken cancellationToken)
    {
        var claim = check.Claim(address);
        if (claim.Refusal is { } refusal)
            return refusal.ToResult();
        var reply = await CountedAsync(tokenHash, claim.Value, cancellationToken);
        // Only for known tokens, because anybody can send unknown ones.
        if (reply.Verdict.Code != LicenseCode.NotFound)
            watch?.Note(address);
        return new CheckResult(reply, check.Nonce);
    }

    private async ValueTask<CheckReply> CountedAsync(string tokenHash, DeviceClaim claim, CancellationToken cancellationToken)
    {
        var began = Stopwatch.GetTimestamp();
        LicenseCode? code = null;
        try
        {
            var reply = await validate.RunAsync(tokenHash, claim, cancellationToken);
            code = reply.Verdict.Code;
            return reply;
        }
        finally
        {
            counts.AddCheck(code, Stopwatch.GetElapsedTime(began));
        }
    }
}
