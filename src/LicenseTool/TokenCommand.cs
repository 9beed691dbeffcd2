using System.CommandLine;
using System.Security.Claims;
using Microsoft.IdentityModel.JsonWebTokens;
using Microsoft.IdentityModel.Tokens;

namespace LicenseTool;

/// <summary>A bearer token of the local issuer, alone on standard output, so that a shell can put it into a header.</summary>
internal static class TokenCommand
{
    // Persons of the demo data; in an empty database the default persons simply own nothing.
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
        var user = new Argument<Guid?>("user_id") { Description = "whose token it is; a person of the demo data by default", Arity = ArgumentArity.ZeroOrOne };
        // Left to itself it is parsed only when it is asked for, and then throws.
        user.Validators.Add(result =>
        {
            if (!Guid.TryParse(result.Tokens[0].Value, out _))
                result.AddError($"'{result.Tokens[0].Value}' is no user_id, e.g. {DefaultPersons["subscriber"]}");
        });
        var hours = new Option<int>("--hours") { Description = "how long it is valid", DefaultValueFactory = _ => 24 };
        var command = new Command("token", "Print a bearer token signed with AUTH_SIGNING_KEY") { role, user, hours };
        command.SetAction(parsed =>
        {
            var key = Environment.GetEnvironmentVariable("AUTH_SIGNING_KEY");
            if (string.IsNullOrEmpty(key))
            {
                Console.Error.WriteLine("AUTH_SIGNING_KEY is missing: 32 or more random bytes in base64, as the backend has it");
                return 1;
            }

            var name = parsed.GetRequiredValue(role);
            var sub = parsed.GetValue(user)?.ToString() ?? DefaultPersons[name];
            Console.Out.WriteLine(Sign(Convert.FromBase64String(key), name, sub, TimeSpan.FromHours(parsed.GetValue(hours)), TimeProvider.System));
            return 0;
        });
        return command;
    }

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
