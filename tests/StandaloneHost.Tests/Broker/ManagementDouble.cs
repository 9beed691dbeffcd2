using System.Collections;
using Amqp;
using Amqp.Framing;
using Amqp.Listener;
using Amqp.Types;

namespace StandaloneHost.Tests;

/// <summary>
/// <c>queue/$management</c> (learn.microsoft.com/azure/service-bus-messaging/service-bus-amqp-request-response): renews locks, peeks, adds
/// scheduled messages to the queue immediately, and settles messages of a closed link.
/// </summary>
internal sealed class ManagementDouble(QueueDouble queue, BrokerDouble broker) : IRequestProcessor
{
    public int Credit => 100;

    public void Process(RequestContext requestContext)
    {
        var request = requestContext.Message;
        requestContext.Complete((string)request.ApplicationProperties["operation"] switch
        {
            "com.microsoft:renew-lock" => Renew((Map)request.Body),
            "com.microsoft:peek-message" => Peek((Map)request.Body),
            "com.microsoft:schedule-message" => Schedule((Map)request.Body),
            "com.microsoft:update-disposition" => Settle((Map)request.Body),
            var other => Reply(501, new Map(), $"The test double doesn't support {other}."),
        });
    }

    private Message Renew(Map request)
    {
        var until = ((Guid[])request["lock-tokens"]).Select(queue.Renew).ToArray();
        return until.All(moment => moment is not null)
            ? Reply(200, new Map { ["expirations"] = until.Select(moment => moment!.Value).ToArray() })
            : LockLost();
    }

    private Message Peek(Map request)
    {
        var found = queue.All
            .Where(message => message.SequenceNumber >= (long)request["from-sequence-number"])
            .Take((int)request["message-count"])
            .Select(message => new Map { ["message"] = Bytes(message.Encode(null)) })
            .ToList();
        return found.Count == 0 ? Reply(204, new Map()) : Reply(200, new Map { ["messages"] = found });
    }

    private Message Schedule(Map request)
    {
        if (broker.RefusesMessages)
            return Failure(403, ErrorCode.ResourceLimitExceeded, "The queue is full.");
        var numbers = ((IEnumerable)request["messages"]).Cast<Map>().Select(sent => (byte[])sent["message"])
            .Select(bytes => queue.Add(Message.Decode(new ByteBuffer(bytes, 0, bytes.Length, bytes.Length))));
        return Reply(200, new Map { ["sequence-numbers"] = numbers.ToArray() });
    }

    private Message Settle(Map request)
    {
        DeliveryState outcome = (string)request["disposition-status"] == "completed" ? new Accepted() : new Modified();
        return ((Guid[])request["lock-tokens"]).All(token => queue.Settle(token, outcome)) ? Reply(200, new Map()) : LockLost();
    }

    private static byte[] Bytes(Message message)
    {
        var buffer = message.Encode();
        return buffer.Buffer.AsSpan(buffer.Offset, buffer.Length).ToArray();
    }

    private static Message LockLost() => Failure(410, "com.microsoft:message-lock-lost", "The lock supplied is invalid.");

    private static Message Failure(int status, string condition, string description)
    {
        var reply = Reply(status, new Map(), description);
        reply.ApplicationProperties["errorCondition"] = new Symbol(condition);
        return reply;
    }

    private static Message Reply(int status, Map body, string description = "OK")
    {
        var reply = new Message { BodySection = new AmqpValue { Value = body }, ApplicationProperties = new ApplicationProperties() };
        reply.ApplicationProperties["statusCode"] = status;
        reply.ApplicationProperties["statusDescription"] = description;
        return reply;
    }
}
