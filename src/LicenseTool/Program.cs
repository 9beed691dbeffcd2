using System.CommandLine;
using LicenseFunctions.Infrastructure.Settings;
using LicenseTool;
using Npgsql;

try
{
    return await Commands.Create().Parse(args).InvokeAsync(new InvocationConfiguration { EnableDefaultExceptionHandler = false });
}
catch (PostgresException locked) when (locked.SqlState == PostgresErrorCodes.LockNotAvailable)
{
    await Console.Error.WriteLineAsync("Another session has locked a row or table for too long. Run the command again.");
    return 1;
}
catch (NpgsqlException failure)
{
    await Console.Error.WriteLineAsync($"The database access failed: {failure.Message}");
    return 1;
}
catch (Exception wrong) when (wrong is SettingsException or UsageException)
{
    await Console.Error.WriteLineAsync(wrong.Message);
    return 1;
}
