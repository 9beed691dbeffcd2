using Microsoft.Azure.Functions.Worker;
using Microsoft.Azure.Functions.Worker.Middleware;
using Microsoft.Extensions.Logging;
using StandaloneHost;

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
        catch (OperationCanceledException) when (context.CancellationToken.IsCancellationRequested && IsHttp(context))
        {
            return;
        }
        catch (TimeoutException late) when (context.GetHttpContext() is null && IsHttp(context))
        {
            // The host tells of the run and sends the request apart from each other; a client that left between both has none to answer.
            log.LogWarning("The request of function {Function} never arrived: {Reason}", context.FunctionDefinition.Name, late.Message);
            return;
        }
        catch (Exception failure) when (context.GetHttpContext()?.IsClientGone(failure, context.CancellationToken) is true)
        {
            return;
        }
        finally
        {
            if (IsHttp(context))
                context.GetInvocationResult().Value = null;
        }
    }

    private static bool IsHttp(FunctionContext context) =>
        context.FunctionDefinition.InputBindings.Values.Any(binding => binding.Type == "httpTrigger");
}
