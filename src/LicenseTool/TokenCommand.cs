using System.CommandLine;
using System.Security.Claims;
using LicenseFunctions.Infrastructure.Settings;
using Microsoft.IdentityModel.JsonWebTokens;
using Microsoft.IdentityModel.Tokens;

namespace LicenseTool;

/// <summary>Prints a bearer token of the local issuer and nothing else, so that a shell can put it in a header.</summary>
internal static class TokenCommand
{
    private static readonly TimeSpan MaxLifetime = TimeSpan.FromDays(365);

    // Persons of the demo data. In a database without demo data they have no rows.
    private static readonly Dictionary<string, string> DefaultPersons = new(StringComparer.Ordinal)
    {
        ["operator"] = "00000000-0000-4000-8000-000000000001",
        ["service"] = "00000000-0000-4000-8000-000000000002",
        ["subscriber"] = "00000000-0000-4000-8000-000000000101",
    };

    public static Command Create()
    {
        var role = new Argument<string>("role") { Description = "operator, service or subscriber" };
        role.AcceptOnlyFromAmong([.. DefaultPersons.Keys]);
        var user = Values.IdArgument(
            "user_id", "User of the token; default: a person of the demo data", "a user_id", $"Example: {DefaultPersons["subscriber"]}");
        user.Arity = ArgumentArity.ZeroOrOne;
        var maxHours = (int)MaxLifetime.TotalHours;
        var hours = Values.Number("--hours", $"Lifetime of the token, 1 to {maxHours}", 1, maxHours, 24);
        var command = new Command("token", "Prints a bearer token that is signed with AUTH_SIGNING_KEY") { role, user, hours };
        command.SetAction(parsed =>
        {
            if (Key() is not { } key)
            {
                Console.Error.WriteLine("AUTH_SIGNING_KEY must be the backend's key: at least 32 random bytes in base64. " +
                    "Example: AUTH_SIGNING_KEY=(the output of: openssl rand -base64 32)");
                return 1;
            }

            var name = parsed.GetRequiredValue(role);
            var sub = parsed.GetResult(user) is { Tokens.Count: > 0 } ? parsed.GetValue(user).ToString() : DefaultPersons[name];
            Console.Out.WriteLine(Sign(key, name, sub, TimeSpan.FromHours(parsed.GetValue(hours)), TimeProvider.System));
            return 0;
        });
        return command;
    }

    /// <returns>Null if the setting is missing or invalid.</returns>
    private static byte[]? Key() => SettingReader.TryParseKey(Environment.GetEnvironmentVariable("AUTH_SIGNING_KEY") ?? "");

    internal static string Sign(byte[] key, string role, string sub, TimeSpan validFor, TimeProvider clock)
    {
        var now = clock.GetUtcNow().UtcDateTime;
        return new JsonWebTokenHandler { SetDefaultTimesOnTokenCreation = false }.CreateToken(new SecurityTokenDescriptor
        {
            Subject = new ClaimsIdentity([new Claim("sub", sub), new Claim("role", role)]),
            IssuedAt = now,
            Expires = now + validFor,
            SigningCredentials = new SigningCredentials(new SymmetricSecurityKey(key), SecurityAlgorithms.HmacSha256),
        });
    }
}
