using System.Collections.Concurrent;
using System.Threading.Channels;
using FunctionsHost.Protocol;
using Google.Protobuf.WellKnownTypes;
using Grpc.Core;
using Content = FunctionsHost.Protocol.StreamingMessage.ContentOneofCase;

namespace FunctionsHost;

/// <summary>The host's side of the stream: requests with an answer, notifications without one, and the worker's log.</summary>
internal sealed class WorkerChannel(Action<WorkerLog>? onLog) : FunctionRpc.FunctionRpcBase
{
    private readonly Channel<StreamingMessage> outgoing =
        Channel.CreateUnbounded<StreamingMessage>(new UnboundedChannelOptions { SingleReader = true });

    private readonly ConcurrentDictionary<string, TaskCompletionSource<StreamingMessage>> asked = new();
    private readonly TaskCompletionSource started = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private volatile bool closed;

    /// <summary>Ends when the worker has opened the stream.</summary>
    public Task Started => started.Task;

    public override async Task EventStream(
        IAsyncStreamReader<StreamingMessage> requestStream, IServerStreamWriter<StreamingMessage> responseStream, ServerCallContext context)
    {
        var sending = SendAllAsync(responseStream, context.CancellationToken);
        try
        {
            while (await requestStream.MoveNext(context.CancellationToken))
                Take(requestStream.Current);
        }
        catch (Exception gone) when (gone is IOException or OperationCanceledException or Grpc.Core.RpcException)
        {
            // The worker ended; the open requests fail below.
        }
        finally
        {
            closed = true;
            outgoing.Writer.TryComplete();
            foreach (var (_, answer) in asked)
                answer.TrySetException(Gone());
        }

        await sending;
    }

    /// <summary>Sends a request and waits for its answer. The order of requests is kept.</summary>
    /// <param name="requestId">The answer has the same ID; null for a new one.</param>
    /// <exception cref="IOException">The worker ended first.</exception>
    public async Task<StreamingMessage> AskAsync(StreamingMessage request, string? requestId = null)
    {
        request.RequestId = requestId ?? Guid.NewGuid().ToString();
        var answer = new TaskCompletionSource<StreamingMessage>(TaskCreationOptions.RunContinuationsAsynchronously);
        asked[request.RequestId] = answer;
        try
        {
            if (closed || !outgoing.Writer.TryWrite(request))
                throw Gone();
            return await answer.Task;
        }
        finally
        {
            asked.TryRemove(request.RequestId, out _);
        }
    }

    /// <summary>Informs the worker that the run is canceled.</summary>
    public void Cancel(string invocationId) =>
        outgoing.Writer.TryWrite(new StreamingMessage { InvocationCancel = new InvocationCancel { InvocationId = invocationId } });

    public void Terminate(TimeSpan grace) => outgoing.Writer.TryWrite(new StreamingMessage
    {
        WorkerTerminate = new WorkerTerminate { GracePeriod = Duration.FromTimeSpan(grace) },
    });

    private static IOException Gone() => new("The worker ended before it answered.");

    private async Task SendAllAsync(IServerStreamWriter<StreamingMessage> stream, CancellationToken cancellationToken)
    {
        try
        {
            await foreach (var message in outgoing.Reader.ReadAllAsync(cancellationToken))
                await stream.WriteAsync(message, cancellationToken);
        }
        catch (Exception gone) when (gone is IOException or OperationCanceledException or InvalidOperationException)
        {
            // The reading side handles it.
        }
    }

    private void Take(StreamingMessage message)
    {
        switch (message.ContentCase)
        {
            case Content.StartStream:
                started.TrySetResult();
                break;
            case Content.RpcLog when message.RpcLog.LogCategory != RpcLog.Types.RpcLogCategory.CustomMetric:
                var log = message.RpcLog;
                onLog?.Invoke(new WorkerLog(log.InvocationId, log.Category, log.Level.ToString(), log.Message, log.Exception?.Message));
                break;
            // The worker also answers notifications, with an empty message.
            case not Content.None when asked.TryGetValue(message.RequestId, out var answer):
                answer.TrySetResult(message);
                break;
        }
    }
}
