using LicenseFunctions.Infrastructure.Telemetry;
using Licensing;
using Microsoft.Extensions.Logging;
using Npgsql;

namespace LicenseFunctions.Infrastructure.Http;

/// <summary>
/// Counts the requests that failed in the backend. It logs one exception per minute for each kind: function, type of the exception and
/// SQLSTATE. The next line of that kind has the number of exceptions that were not logged.
/// </summary>
public sealed class RequestFailures(ProcessCounts counts, TimeProvider time, ILogger<RequestFailures> log)
{
    private readonly LogPace pace = new(time);

    /// <returns><paramref name="refusal"/>.</returns>
    public Refusal Report(string function, string invocationId, Exception failure, Refusal refusal)
    {
        counts.AddRequestFailure(refusal.Code);
        if (pace.Admits($"{function} {refusal.Code} {failure.GetType()} {(failure as PostgresException)?.SqlState}", out var leftOut))
        {
            log.LogError(
                failure, "{Function} {Invocation} failed: {Code}; {LeftOut} more since the last line of this kind", function, invocationId,
                refusal.Code, leftOut);
        }

        return refusal;
    }
}
