using Dapper;
using LicenseFunctions.Infrastructure.Database;

namespace DevServices;

public sealed record DemoPerson(Guid UserId, string Email, string Role)
{
    /// <summary>What is special about the person, in the reader's language.</summary>
    public string? Story { get; init; }
}

/// <summary>Reads the persons of sql/demo, which have reserved identifiers and addresses.</summary>
public sealed class DemoPersonStore(LicenseDatabase database)
{
    private const string List = """
        select user_id, email, role
        from users
        where user_id between '00000000-0000-4000-8000-000000000001' and '00000000-0000-4000-8000-000000000199'
          and email like '%@example.com' and role in ('operator', 'subscriber')
        order by role, email
        """;

    public async Task<IReadOnlyList<DemoPerson>> ListAsync(CancellationToken cancellationToken)
    {
        await using var session = await database.OpenAsync(cancellationToken);
        (var connection, cancellationToken) = session;
        return (await connection.QueryAsync<DemoPerson>(new CommandDefinition(List, cancellationToken: cancellationToken))).AsList();
    }
}
