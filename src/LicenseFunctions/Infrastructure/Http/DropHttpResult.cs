using Microsoft.AspNetCore.Connections;
using Microsoft.Azure.Functions.Worker;
using Microsoft.Azure.Functions.Worker.Middleware;
using Microsoft.Extensions.Logging;

namespace LicenseFunctions.Infrastructure.Http;

/// <summary>
/// The outermost middleware under a Functions host. It does two things for HTTP functions. It removes the result: the response is already
/// written, and the worker would also send the result, including new tokens, to the host as JSON. And it handles clients that
/// disconnect while their request is received or the response is sent: these are no failures of the function.
/// </summary>
public sealed class DropHttpResult(ILogger<DropHttpResult> log) : IFunctionsWorkerMiddleware
{
    public async Task Invoke(FunctionContext context, FunctionExecutionDelegate next)
    {
        try
        {
            await next(context);
        }
        catch (Exception failure) when (IsHttp(context) && IsDisconnect(failure))
        {
            // RequestGate handles what a function throws, so this was thrown while the request was received or the response was sent. The
            // server has already released the request: RequestAborted can't be read any more.
            return;
        }
        catch (TimeoutException late) when (context.GetHttpContext() is null && IsHttp(context))
        {
            // The host announces the run and forwards the request separately. A client that disconnected in between needs no answer.
            log.LogWarning("The request of function {Function} never arrived: {Reason}", context.FunctionDefinition.Name, late.Message);
            return;
        }
        finally
        {
            if (IsHttp(context))
                context.GetInvocationResult().Value = null;
        }
    }

    private static bool IsDisconnect(Exception failure) =>
        failure is OperationCanceledException or ConnectionResetException or ConnectionAbortedException;

    private static bool IsHttp(FunctionContext context) =>
        context.FunctionDefinition.InputBindings.Values.Any(binding => binding.Type == "httpTrigger");
}
