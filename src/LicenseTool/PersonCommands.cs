using System.CommandLine;
using System.Text.Json.Nodes;
using LicenseFunctions.Infrastructure.Database;
using LicenseFunctions.Operations;
using Npgsql;

namespace LicenseTool;

/// <summary>A person's rights under data protection law: the export and the erasure of the person's data.</summary>
internal static class PersonCommands
{
    public static Command CreateExport()
    {
        var (database, user, by, yes) = (new DatabaseOption(), User(), By(), Confirmation.Yes("the export"));
        var command = new Command("export", "Prints all data about a person as JSON; the export is audited") { database, user, by, yes };
        command.SetAction(async (arguments, cancellationToken) =>
        {
            await using var source = database.Open(arguments);
            var store = new PersonStore(new LicenseDatabase(source));
            if (await store.FindAsync(arguments.GetRequiredValue(user), cancellationToken) is not { } userId)
                return await UnknownAsync();
            var person = arguments.GetRequiredValue(user);
            if (!arguments.GetValue(yes) && !await Confirmation.IsGivenAsync(
                $"This prints all data about {person}: the account, licenses, devices, usage, payments and mails.", person,
                "Nothing was exported."))
                return 1;
            await using var output = Console.OpenStandardOutput();
            await PersonExport.WriteAsync(
                output, userId, store.ExportAsync(userId, Actor.Operator(arguments.GetValue(by)), cancellationToken), cancellationToken);
            return 0;
        });
        return command;
    }

    public static Command CreateErase()
    {
        var (database, user, by) = (new DatabaseOption(), User(), By());
        var reason = new Option<string>("--reason") { Description = "The reason, for the audit log", Required = true };
        var yes = Confirmation.Yes("the erasure");
        var command = new Command(
            "erase",
            "Erases the data about a person; billing records stay without the person's identity, and issued invoices as they are; audited")
        {
            database, user, by, reason, yes,
        };
        command.SetAction(async (arguments, cancellationToken) =>
        {
            await using var source = database.Open(arguments);
            var store = new PersonStore(new LicenseDatabase(source));
            if (await store.FindAsync(arguments.GetRequiredValue(user), cancellationToken) is not { } userId)
                return await UnknownAsync();
            var (operatorId, why) = (arguments.GetValue(by), arguments.GetValue(reason));
            try
            {
                if (!arguments.GetValue(yes) && !await Confirmation.IsGivenAsync(
                    $"This erases {await store.AddressAsync(userId, cancellationToken)}:\n"
                    + Rows(JsonNode.Parse(await store.PreviewErasureAsync(userId, operatorId, why, cancellationToken))!),
                    arguments.GetRequiredValue(user), "Nothing was erased."))
                    return 1;

                Console.WriteLine(await store.EraseAsync(userId, operatorId, why, cancellationToken));
                return 0;
            }
            catch (PostgresException open) when (open.SqlState == PostgresErrorCodes.ObjectInUse)
            {
                await Console.Error.WriteLineAsync(open.MessageText);
                return 1;
            }
        });
        return command;
    }

    private static string Rows(JsonNode preview) => string.Join(
        '\n',
        preview["rows"]!.AsObject().Where(table => (long)table.Value! > 0).OrderBy(table => table.Key, StringComparer.Ordinal)
            .Select(table => $"  {table.Key}: {table.Value}")
            .Append($"Invoices kept, as the law requires: {preview["kept"]!["invoices"]}"));

    private static async Task<int> UnknownAsync()
    {
        await Console.Error.WriteLineAsync("There is no such user.");
        return 1;
    }

    private static Option<string> User() => new("--user") { Description = "The person's user_id or mail address", Required = true };

    internal static Option<Guid?> By() => new("--by")
    {
        Description = "Your user_id, as an operator, for the audit log",
        Required = true,
        // The message of the standard parser names a type of .NET.
        CustomParser = result =>
        {
            if (result.Tokens is [{ Value: var text }] && Guid.TryParse(text, out var id))
                return id;
            result.AddError("--by is not a user_id. Example: --by 00000000-0000-4000-8000-000000000001");
            return null;
        },
    };
}
