using LicenseFunctions.Infrastructure.Http;
using Microsoft.AspNetCore.Http;
using Microsoft.Azure.Functions.Worker;
using Microsoft.Extensions.Logging;

namespace LicenseFunctions.Health;

/// <param name="Judged">Licenses.</param>
public sealed record HealthCounts(int Judged);

public sealed class HealthFunctions(ShowHealth show, ScoreLicenses score, ILogger<HealthFunctions> log)
{
    [Function("ShowHealth")]
    [Access(CallerRole.Subscriber, CallerRole.Operator)]
    [Operation("A license's health score, what every point of it stands for, and what would win lost ones back.", Reply = typeof(HealthReply))]
    public async Task<IResult> Show(
        [HttpTrigger(AuthorizationLevel.Anonymous, "get", Route = "api/v1/licenses/{subscriptionId:guid}/health")] HttpRequest request,
        Guid subscriptionId,
        CancellationToken cancellationToken) =>
        (await show.RunAsync(request.HttpContext.Caller(), subscriptionId, cancellationToken)).ToResult();

    [Function("ScoreLicenses")]
    public async Task<HealthCounts> Score([TimerTrigger("%HEALTH_SCHEDULE%")] TimerInfo timer, CancellationToken cancellationToken)
    {
        var judged = await score.RunAsync(cancellationToken);
        if (judged > 0)
            log.LogInformation("Judged the health of {Count} licenses", judged);
        return new HealthCounts(judged);
    }
}
