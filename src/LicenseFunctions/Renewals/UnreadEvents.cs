using Dapper;
using Licensing;
using Licensing.Renewals;
using Npgsql;

namespace LicenseFunctions.Renewals;

/// <summary>What can't be done before the events of a payment provider are read, because this database may not know what happened.</summary>
internal static class UnreadEvents
{
    /// <param name="what">What is being read, and what has not happened.</param>
    /// <param name="hint">What the caller can do.</param>
    public static Refusal Refuse(string what, string hint) => new(
        RefusalKind.Unavailable, "PAYMENTS_NOT_READ", what, Hint: hint, RetryAfter: RenewalPolicy.AnotherChargeRecheck);

    private const string Await = "select awaits_events(array[@provider], @longest)";

    private const string Note = "select note_return(@provider)";

    /// <summary>
    /// Whether refunds may exist that are not known here; for <see cref="RenewalPolicy.LongestWaitForEvents"/> at most, also if the timer
    /// that reads the events is switched off.
    /// </summary>
    public static async Task<bool> AreAwaitedAsync(NpgsqlConnection connection, string provider, CancellationToken cancellationToken)
    {
        var wait = new { provider, longest = RenewalPolicy.LongestWaitForEvents };
        if (!await connection.ExecuteScalarAsync<bool>(new CommandDefinition(Await, wait, cancellationToken: cancellationToken))) return false;
        await connection.ExecuteAsync(new CommandDefinition(Note, wait, cancellationToken: cancellationToken));
        return true;
    }
}
