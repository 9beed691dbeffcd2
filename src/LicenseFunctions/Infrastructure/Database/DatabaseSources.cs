using Npgsql;

namespace LicenseFunctions.Infrastructure.Database;

/// <summary>The connections of a process: one data source per lane.</summary>
/// <param name="IsPooled">
/// A pooler in transaction mode is in between. Limits of a session don't survive there, so each transaction sets its own.
/// </param>
public sealed record DatabaseSources(NpgsqlDataSource Checks, NpgsqlDataSource Requests, NpgsqlDataSource Background, bool IsPooled)
    : IAsyncDisposable
{
    public NpgsqlDataSource this[DatabaseLane lane] => lane switch
    {
        DatabaseLane.Checks => Checks,
        DatabaseLane.Requests => Requests,
        _ => Background,
    };

    public async ValueTask DisposeAsync()
    {
        await Checks.DisposeAsync();
        await Requests.DisposeAsync();
        await Background.DisposeAsync();
    }
}
