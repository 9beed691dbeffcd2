namespace Licensing.Usage;

/// <summary>The counters of one record: each received signal is executed, rejected, or neither.</summary>
public static class SignalCounts
{
    /// <returns>Null if the counters don't contradict each other.</returns>
    /// <remarks><c>record_license_usage</c> in SQL has the same rule.</remarks>
    public static UsageFault? Check(int received, int executed, int rejected) =>
        (long)executed + rejected > received
            ? new(UsageFault.ContradictingCounters,
                "signals_received is less than signals_executed plus signals_rejected; a missing counter is 0", "signals_received")
            : null;
}
