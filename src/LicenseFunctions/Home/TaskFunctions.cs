using LicenseFunctions.Infrastructure.Http;
using Microsoft.AspNetCore.Http;
using Microsoft.Azure.Functions.Worker;

namespace LicenseFunctions.Home;

/// <summary>What the customer has to do.</summary>
public sealed class TaskFunctions(ListTasks list)
{
    [Function("ListTasks")]
    [Access(CallerRole.Subscriber)]
    [Operation(
        "Lists what the customer has to do about all licenses, or about one, the most urgent first, and what is charged next.",
        Reply = typeof(TaskList), Query = ["subscription_id"])]
    public async Task<IResult> List(
        [HttpTrigger(AuthorizationLevel.Anonymous, "get", Route = "api/v1/tasks")] HttpRequest request,
        CancellationToken cancellationToken) =>
        (await list.RunAsync(request.Query, request.HttpContext.Caller().UserId!.Value, cancellationToken)).ToResult();
}
