using NpgsqlTypes;

namespace LicenseFunctions.Infrastructure.Database;

/// <summary>A read on the replica. Sessions that it opens use the replica's connections.</summary>
/// <param name="Position">The position of the primary's log that the replica must have replayed.</param>
internal sealed record ReplicaRead(ReadReplica Replica, NpgsqlLogSequenceNumber Position)
{
    private static readonly AsyncLocal<ReplicaRead?> Flow = new();

    public static ReplicaRead? Current => Flow.Value;

    /// <summary>Begins a read that ends with the calling asynchronous method.</summary>
    public static void Enter(ReplicaRead read) => Flow.Value = read;
}
