using Dapper;
using LicenseFunctions.Infrastructure.Database;
using LicenseFunctions.Infrastructure.Http;
using LicenseFunctions.Infrastructure.Mail;
using Licensing;

namespace LicenseFunctions.Licenses;

/// <param name="Email">Null if the platform doesn't know the user: an identity provider may have further operators.</param>
/// <param name="Role">subscriber or operator.</param>
/// <param name="Language">Of the mails to the customer; null if the customer has not chosen one.</param>
public sealed record SignedIn(Guid? UserId, string? Email, string Role, string? Language);

/// <summary>Shows who the bearer token's user is.</summary>
public sealed class ShowSignedIn(LicenseDatabase database)
{
    private const string Email = "select email from users where user_id = @UserId";

    public async Task<SignedIn> RunAsync(Caller caller, CancellationToken cancellationToken)
    {
        await using var session = await database.OpenAsync(cancellationToken);
        var email = await session.Connection.ExecuteScalarAsync<string?>(
            new CommandDefinition(Email, new { caller.UserId }, cancellationToken: session.Token));
        var language = await CustomerLanguages.FindAsync(session.Connection, caller.UserId, session.Token);
        return new SignedIn(caller.UserId, email, EnumWords.Of(caller.Role), language);
    }
}
