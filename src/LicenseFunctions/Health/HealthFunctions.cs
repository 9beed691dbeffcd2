using System.Text.Json.Serialization;
using LicenseFunctions.Infrastructure.Http;
using Microsoft.AspNetCore.Http;
using Microsoft.Azure.Functions.Worker;
using Microsoft.Extensions.Logging;

namespace LicenseFunctions.Health;

/// <param name="Scored">Licenses that were scored.</param>
public sealed record HealthCounts([property: JsonPropertyName("judged")] int Scored); // stored runs already contain this name

public sealed class HealthFunctions(ShowHealth show, ScoreLicenses score, ILogger<HealthFunctions> log)
{
    [Function("ShowHealth")]
    [Access(CallerRole.Subscriber, CallerRole.Operator)]
    [Operation("The health score of a license, its contributions, and how to regain lost points.", Reply = typeof(HealthReply))]
    public async Task<IResult> Show(
        [HttpTrigger(AuthorizationLevel.Anonymous, "get", Route = "api/v1/licenses/{subscriptionId:guid}/health")] HttpRequest request,
        Guid subscriptionId,
        CancellationToken cancellationToken) =>
        (await show.RunAsync(request.HttpContext.Caller(), subscriptionId, cancellationToken)).ToResult();

    [Function("ScoreLicenses")]
    public async Task<HealthCounts> Score([TimerTrigger("%HEALTH_SCHEDULE%")] TimerInfo timer, CancellationToken cancellationToken)
    {
        var scored = await score.RunAsync(cancellationToken);
        if (scored > 0)
            log.LogInformation("Scored the health of {Count} licenses", scored);
        return new HealthCounts(scored);
    }
}
