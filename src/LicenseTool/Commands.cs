using System.CommandLine;

namespace LicenseTool;

/// <summary>All commands of licensectl.</summary>
public static class Commands
{
    public static RootCommand Create() => new("licensectl: the license backend's tool")
    {
        MigrateCommand.Create(),
        ConvertUsageLogCommand.Create(),
        BacktestCommand.Create(),
        DemoDataCommand.Create(),
        KeysCommand.Create(),
        TokenCommand.Create(),
        ReportCommand.Create(),
        ReconcileCommand.Create(),
        QueueCommands.Create(),
        WebhookCommands.Create(),
        PersonCommands.CreateExport(),
        PersonCommands.CreateErase(),
    };
}
