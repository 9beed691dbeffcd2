using Dapper;
using Licensing;
using Licensing.Renewals;
using Npgsql;

namespace LicenseFunctions.Infrastructure.Payments;

/// <summary>What waits until the events of a payment provider are read: this database may not know what happened.</summary>
internal static class UnreadEvents
{
    /// <param name="what">What is being read, and what has not happened.</param>
    /// <param name="hint">What the caller can do.</param>
    public static Refusal Refuse(string what, string hint) => new(
        RefusalKind.Unavailable, "PAYMENTS_NOT_READ", what, Hint: hint, RetryAfter: RenewalPolicy.AnotherChargeRecheck);

    private const string Await = "select awaits_events(@providers, @longest)";

    private const string Note = """
        select note_return(u.provider) from unnest(unread_providers()) as u (provider) where u.provider = any (@providers)
        """;

    /// <summary>Whether the events of one of these providers are unread.</summary>
    public static Task<bool> ExistAsync(NpgsqlConnection connection, IEnumerable<string> providers, CancellationToken cancellationToken) =>
        connection.ExecuteScalarAsync<bool>(new CommandDefinition(
            Await, new { providers = providers.ToArray(), longest = (TimeSpan?)null }, cancellationToken: cancellationToken));

    /// <summary>
    /// Whether payments or refunds of one of these providers may exist that are not known here; for
    /// <see cref="RenewalPolicy.LongestWaitForEvents"/> at most, also if the timer that reads the events is disabled.
    /// </summary>
    public static async Task<bool> AreAwaitedAsync(
        NpgsqlConnection connection, IEnumerable<string> providers, CancellationToken cancellationToken)
    {
        var wait = new { providers = providers.ToArray(), longest = RenewalPolicy.LongestWaitForEvents };
        if (!await connection.ExecuteScalarAsync<bool>(new CommandDefinition(Await, wait, cancellationToken: cancellationToken)))
            return false;
        await connection.ExecuteAsync(new CommandDefinition(Note, wait, cancellationToken: cancellationToken));
        return true;
    }
}
