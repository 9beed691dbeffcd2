using System.Collections.Concurrent;
using System.Diagnostics;
using FunctionsHost.Protocol;

namespace FunctionsHost;

/// <summary>Runs functions in the worker.</summary>
internal sealed class Invoker(WorkerChannel channel, HostJson hostJson, HostOptions options)
{
    private readonly ConcurrentDictionary<string, Task> running = new();

    /// <param name="forward">Forwards the HTTP request to the worker; returns the error, or null.</param>
    /// <param name="canceled">Canceled when the caller has disconnected or the host stops.</param>
    /// <returns>Why the run failed; null if it succeeded.</returns>
    public async Task<string?> RunAsync(
        HostFunction function, string invocationId, TypedData input, Dictionary<string, TypedData> triggerMetadata,
        Func<Task<string?>>? forward = null, CancellationToken canceled = default)
    {
        if (canceled.IsCancellationRequested && !hostJson.SendCanceledInvocationsToWorker)
            return "FunctionInvocationCanceled";
        var end = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        running[invocationId] = end.Task;
        try
        {
            // The HTTP request is sent first, because the worker waits for it after the invocation request.
            return await SendAsync(function, invocationId, input, triggerMetadata, forward?.Invoke(), canceled);
        }
        finally
        {
            running.TryRemove(invocationId, out _);
            end.SetResult();
        }
    }

    /// <summary>Ends when no function is running.</summary>
    public async Task IdleAsync(CancellationToken cancellationToken)
    {
        while (!running.IsEmpty)
            await Task.WhenAll(running.Values).WaitAsync(cancellationToken);
    }

    private async Task<string?> SendAsync(
        HostFunction function, string invocationId, TypedData input, Dictionary<string, TypedData> triggerMetadata,
        Task<string?>? forwarding, CancellationToken canceled)
    {
        var request = new InvocationRequest
        {
            InvocationId = invocationId,
            FunctionId = function.Id,
            TraceContext = new RpcTraceContext
            {
                TraceParent = Activity.Current?.Id ?? "",
                TraceState = Activity.Current?.TraceStateString ?? "",
            },
        };
        request.InputData.Add(new ParameterBinding { Name = function.TriggerName, Data = input });
        request.TriggerMetadata.Add(triggerMetadata);

        InvocationResponse? response = null;
        string? failure;
        try
        {
            var answer = channel.AskAsync(new StreamingMessage { InvocationRequest = request }, invocationId);
            await using (canceled.Register(() => channel.Cancel(invocationId)))
                response = (await answer).InvocationResponse;
            failure = Failure(response.Result) ?? (forwarding is null ? null : await forwarding);
        }
        catch (IOException gone)
        {
            failure = gone.Message;
            if (forwarding is not null)
                await forwarding;
        }

        options.OnInvocation?.Invoke(new FinishedInvocation(
            function.Name, invocationId, failure, response is { ReturnValue: not null } or { OutputData.Count: > 0 }));
        return failure;
    }

    internal static string? Failure(StatusResult result) => result.Status == StatusResult.Types.Status.Success
        ? null
        : $"{result.Status}: {result.Exception?.Type} {result.Exception?.Message ?? result.Result}";
}
