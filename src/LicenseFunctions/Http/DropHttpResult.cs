using Microsoft.Azure.Functions.Worker;
using Microsoft.Azure.Functions.Worker.Middleware;
using StandaloneHost;

namespace LicenseFunctions.Http;

/// <summary>
/// Under a Functions host, outermost: the answer of an HTTP function is written by then, and the worker would send it to the host once
/// more as JSON, new tokens included. A client that left while its request was handed over is no failure of the run.
/// </summary>
public sealed class DropHttpResult : IFunctionsWorkerMiddleware
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
