using Microsoft.AspNetCore.Connections;
using Microsoft.Azure.Functions.Worker;
using Microsoft.Azure.Functions.Worker.Middleware;
using Microsoft.Extensions.Logging;

namespace LicenseFunctions.Infrastructure.Http;

/// <summary>
/// The outermost middleware under a Functions host, for HTTP functions. It removes the result: the response is already written, and the
/// worker would also send the result, including new tokens, to the host as JSON. It also handles clients that disconnect while the request
/// is received or the response is sent: these are not failures of the function.
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
            // RequestGate handles exceptions of functions, so this one was thrown while the request was received or the response was sent.
            // The server has already released the request, so RequestAborted can no longer be read.
            return;
        }
        catch (TimeoutException late) when (context.GetHttpContext() is null && IsHttp(context))
        {
            // The host announces the run and forwards the request separately. If the client disconnects in between, no answer is needed.
            log.LogWarning("The request of function {Function} did not arrive; it gets no answer: {Reason}",
                context.FunctionDefinition.Name, late.Message);
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
