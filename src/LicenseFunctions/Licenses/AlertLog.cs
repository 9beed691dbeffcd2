using Dapper;
using Licensing;
using Licensing.Suspicion;
using Npgsql;

namespace LicenseFunctions.Licenses;

/// <summary>An alert to raise, with the values of suspicious_activity_alerts.</summary>
/// <param name="Severity">Operators get mail for all but LOW.</param>
/// <param name="Evidence">JSON.</param>
/// <param name="AutoAction">NONE, NOTIFIED or SUSPENDED.</param>
public sealed record NewAlert(
    Guid SubscriptionId, string ActivityType, AlertSeverity Severity, string? Description, string? Evidence, string AutoAction,
    DateTime DetectedAt)
{
    /// <summary>The key of an incident: while its alert is open, the same key updates that alert. Null always raises a new alert.</summary>
    public string? Incident { get; init; }

    /// <summary>The token that was used; null for the license's current one.</summary>
    public string? TokenHash { get; init; }
}

/// <param name="UserId">The license's subscriber; null when the license has none.</param>
/// <param name="IsNew">False when the open alert of the incident was updated.</param>
public sealed record RaisedAlert(Guid AlertId, Guid? UserId, bool IsNew);

/// <summary>Raises alerts. The check, the scan and appeals call it; the platform calls the same SQL function.</summary>
public static class AlertLog
{
    private const string Raise = """
        select alert_id, user_id, is_new
        from raise_alert(@SubscriptionId, @ActivityType, @severity, @Description, @Evidence::jsonb, @AutoAction,
                         @DetectedAt, @Incident, @TokenHash)
        """;

    /// <summary>Raises an alert within the caller's transaction. The next scan notifies the operators.</summary>
    public static Task<RaisedAlert> RaiseAsync(NpgsqlConnection connection, NewAlert alert, CancellationToken cancellationToken) =>
        connection.QuerySingleAsync<RaisedAlert>(new CommandDefinition(Raise, new
        {
            alert.SubscriptionId,
            alert.ActivityType,
            severity = EnumWords.UpperOf(alert.Severity),
            alert.Description,
            alert.Evidence,
            alert.AutoAction,
            alert.DetectedAt,
            alert.Incident,
            alert.TokenHash,
        }, cancellationToken: cancellationToken));
}
