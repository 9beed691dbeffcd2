using System.Globalization;
using Licensing;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Mvc;

namespace LicenseFunctions.Infrastructure.Http;

/// <summary>Maps refusals to RFC 9457 problem details.</summary>
public static class Problems
{
    public static IResult ToResult<T>(this Outcome<T> outcome, int status = StatusCodes.Status200OK) =>
        outcome.Match(value => Results.Json(value, Json.Options, statusCode: status), ToResult);

    public static IResult ToResult(this Refusal refusal) => new Problem(refusal);

    public static (int Status, string Title) Describe(RefusalKind kind) => kind switch
    {
        RefusalKind.Invalid => (StatusCodes.Status400BadRequest, "Invalid request"),
        RefusalKind.Unauthorized => (StatusCodes.Status401Unauthorized, "Authentication required"),
        RefusalKind.PaymentRequired => (StatusCodes.Status402PaymentRequired, "Payment required"),
        RefusalKind.Forbidden => (StatusCodes.Status403Forbidden, "Not allowed"),
        RefusalKind.NotFound => (StatusCodes.Status404NotFound, "Not found"),
        RefusalKind.Conflict => (StatusCodes.Status409Conflict, "Conflict with the current state"),
        RefusalKind.TooLarge => (StatusCodes.Status413PayloadTooLarge, "Request body too large"),
        RefusalKind.UnsupportedMedia => (StatusCodes.Status415UnsupportedMediaType, "Unsupported content encoding"),
        RefusalKind.TooMany => (StatusCodes.Status429TooManyRequests, "Too many requests"),
        RefusalKind.Unavailable => (StatusCodes.Status503ServiceUnavailable, "Temporarily unavailable"),
        RefusalKind.Failed => (StatusCodes.Status500InternalServerError, "Internal error"),
        _ => throw new ArgumentOutOfRangeException(nameof(kind)),
    };

    private sealed class Problem(Refusal refusal) : IResult
    {
        public Task ExecuteAsync(HttpContext httpContext)
        {
            var response = httpContext.Response;
            (response.StatusCode, var title) = Describe(refusal.Kind);
            if (refusal.Kind == RefusalKind.Unauthorized)
                response.Headers.WWWAuthenticate = "Bearer";
            if (refusal.RetryAfter is { } wait)
                response.Headers.RetryAfter = Math.Max(1, Math.Ceiling(wait.TotalSeconds)).ToString(CultureInfo.InvariantCulture);
            if (refusal.Kind == RefusalKind.UnsupportedMedia)
                response.Headers.AcceptEncoding = "gzip";
            if (refusal.Kind == RefusalKind.Unavailable && response.Headers.RetryAfter.Count == 0)
                response.Headers.RetryAfter = "2";
            var details = new ProblemDetails
            {
                Type = "urn:license-functions:problem:" + refusal.Code.ToLowerInvariant().Replace('_', '-'),
                Title = title,
                Status = response.StatusCode,
                Detail = refusal.Detail,
                Extensions = { ["code"] = refusal.Code },
            };
            if (refusal.Field is not null)
                details.Extensions["field"] = refusal.Field;
            if (refusal.Hint is not null)
                details.Extensions["hint"] = refusal.Hint;
            return response.WriteAsJsonAsync(details, Json.Options, "application/problem+json", httpContext.RequestAborted);
        }
    }
}
