using Microsoft.AspNetCore.Connections;
using Microsoft.Azure.Functions.Worker;
using Microsoft.Azure.Functions.Worker.Middleware;
using Microsoft.Extensions.Logging;

namespace LicenseFunctions.Http;

/// <summary>
/// Under a Functions host, outermost: the answer of an HTTP function is written by then, and the worker would send it to the host once
/// more as JSON, new tokens included. A client that left while its request was handed over is no failure of the run.
/// </summary>
public sealed class DropHttpResult(ILogger<DropHttpResult> log) : IFunctionsWorkerMiddleware
{
    public async Task Invoke(FunctionContext context, FunctionExecutionDelegate next)
    {
        try
        {
            await next(context);
        }
        catch (Exception failure) when (IsHttp(context) && SaysClientIsGone(failure))
        {
            // RequestGate answers what a function throws: this was thrown while the request came or the answer went. The server is done
            // with the request by now, which therefore can't be asked whether its client has left.
            return;
        }
        catch (TimeoutException late) when (context.GetHttpContext() is null && IsHttp(context))
        {
            // The host tells of the run and sends the request apart from each other. A client that left in between needs no answer.
            log.LogWarning("The request of function {Function} never arrived: {Reason}", context.FunctionDefinition.Name, late.Message);
            return;
        }
        finally
        {
            if (IsHttp(context))
                context.GetInvocationResult().Value = null;
        }
    }

    private static bool SaysClientIsGone(Exception failure) =>
        failure is OperationCanceledException or ConnectionResetException or ConnectionAbortedException;

    private static bool IsHttp(FunctionContext context) =>
        context.FunctionDefinition.InputBindings.Values.Any(binding => binding.Type == "httpTrigger");
}
