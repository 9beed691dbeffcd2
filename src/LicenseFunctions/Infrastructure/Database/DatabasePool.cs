namespace LicenseFunctions.Infrastructure.Database;

/// <summary>Each pool has its own connections, so that slow work in one never delays another.</summary>
public enum DatabasePool
{
    /// <summary>Timers, queue messages and periodic writes: the default.</summary>
    Background,

    /// <summary>HTTP requests, except license checks.</summary>
    Requests,

    /// <summary>License checks, except their first read, and the readiness probe.</summary>
    Checks,

    /// <summary>The reads that every license check begins with.</summary>
    CheckReads,

    /// <summary>Reads on the replica of DATABASE_READ_URL. They have the time limit of their request.</summary>
    Reads,
}
