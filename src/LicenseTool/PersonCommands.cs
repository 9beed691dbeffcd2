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
        var (database, user, by, yes) = (new DatabaseOption(), User(), OperatorOption.Create(), Confirmation.Yes("the export"));
        var command = new Command("export", "Prints all data about a person as JSON; the export is audited") { database, user, by, yes };
        command.SetAction(async (arguments, cancellationToken) =>
        {
            await using var source = database.Open(arguments);
            var actor = await arguments.OperatorAsync(by, source, cancellationToken);
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
                output, userId, store.ExportAsync(userId, actor, cancellationToken), cancellationToken);
            return 0;
        });
        return command;
    }

    public static Command CreateErase()
    {
        var (database, user, by) = (new DatabaseOption(), User(), OperatorOption.Create());
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
            var actor = await arguments.OperatorAsync(by, source, cancellationToken);
            var store = new PersonStore(new LicenseDatabase(source));
            if (await store.FindAsync(arguments.GetRequiredValue(user), cancellationToken) is not { } userId)
                return await UnknownAsync();
            var (operatorId, why) = (actor.Id, arguments.GetValue(reason));
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
}
