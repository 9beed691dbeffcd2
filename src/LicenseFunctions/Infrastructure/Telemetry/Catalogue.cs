using static LicenseFunctions.Infrastructure.Telemetry.MetricKind;

namespace LicenseFunctions.Infrastructure.Telemetry;

/// <summary>Every metric of /metrics.</summary>
public static class Catalogue
{
    private static readonly string[] Severities = ["LOW", "MEDIUM", "HIGH", "CRITICAL"];
    private static readonly string[] OutboxKinds = ["email", "alert_webhook", "event"];
    private static readonly string[] Settled = ["success", "failed"];

    /// <param name="timers">The names of all timer functions.</param>
    public static IEnumerable<Metric> Of(IReadOnlyList<string> timers) =>
    [
        // Where the widget's colours change (below 50, below 80), a bucket ends.
        new(Histogram, "license_health_score_distribution", "Licenses by their present health score; a state, so never under rate().", "le",
            "9", "19", "29", "39", "49", "59", "69", "79", "89", "99", "100"),
        new(Gauge, "license_health_score", "Health score of a license, 0 to 100; filled only with METRICS_PER_SUBSCRIPTION=true.", "subscription_id"),
        new(Gauge, "licenses", "Licenses by status.", "status", "ACTIVE", "PENDING_RENEWAL", "GRACE", "EXPIRED", "SUSPENDED", "REVOKED"),
        new(Gauge, "license_suspensions_open", "Suspensions that this backend wrote and that still stand.", "cause",
            "DEVICE_LIMIT", "DETECTOR", "EXPIRY", "OPERATOR", "DISPUTE"),

        new(Counter, ProcessCounts.Checks, "Checks of licenses by the code that they answered; NO_ANSWER where there was none.", "code", ProcessCounts.Codes),
        new(Histogram, ProcessCounts.CheckSeconds, "How long the decision of a check took.", "le", ProcessCounts.Bounds(ProcessCounts.CheckBounds)),

        new(Counter, "suspicious_activities_total", "Suspicious activities detected: alerts raised, each incident once.", "type",
            "MULTIPLE_IPS", "RAPID_IP_CHANGES", "UNUSUAL_USAGE_PATTERN", "CONCURRENT_SESSIONS", "GEOGRAPHIC_ANOMALY", "TOO_MANY_DEVICES", "OTHER"),
        new(Counter, "device_violations_total", "Devices beyond a license's limit that were refused, each once while its alert is open, or led to a suspension."),
        new(Gauge, "suspicious_activity_alerts_open", "Alerts that wait for an operator.", "severity", Severities),
        new(Gauge, "usage_arrivals_waiting", "Batches of new use that the detector has not looked at."),
        new(Gauge, "usage_arrivals_oldest_seconds", "How long the oldest of them waits."),

        new(Counter, "auto_renewals_total", "Attempts at automatic renewals whose outcome is known.", "status", Settled),
        new(Counter, "manual_renewals_total", "Attempts at renewals that were asked for and whose outcome is known.", "status", Settled),
        new(Gauge, "renewals_overdue", "Renewals whose next step is due and not under way."),
        new(Gauge, "renewals_overdue_oldest_seconds", "How long the first of them has been due."),
        new(Gauge, "unknown_charges", "Charges whose outcome is not known: the provider is asked (unknown), or a person has to decide (undecided).", "status",
            "unknown", "undecided"),
        new(Gauge, "unknown_charges_oldest_seconds", "How long the oldest of them has been so."),

        new(Counter, ProcessCounts.Records, "Usage records received by queue, HTTP and record_license_usage.", "outcome", ProcessCounts.Outcomes),
        new(Histogram, ProcessCounts.IngestLag, "Age of the newest record of a batch from the queue when it was stored: what the queue holds back.", "le",
            ProcessCounts.Bounds(ProcessCounts.LagBounds)),
        new(Gauge, "usage_quarantine_open", "Usage messages that could not be taken and wait for an operator.", "source",
            "queue", "dead_letter", "http", "replay", "sql"),
        new(Gauge, "usage_log_oldest_seconds", "Age of the oldest raw usage record that is kept."),

        new(Gauge, "outbox_waiting", "Mails and webhooks that are due and not sent.", "kind", OutboxKinds),
        new(Gauge, "outbox_oldest_seconds", "How long the oldest of them waits.", "kind", OutboxKinds),
        new(Gauge, "outbox_dead", "Mails and webhooks that were given up.", "kind", OutboxKinds),

        new(Gauge, "timer_last_success_timestamp_seconds", "When the timer's last successful run ended; 0 where there was none.", "timer", timers),
        new(Gauge, "timer_last_duration_seconds", "How long the timer's last run took, or takes so far.", "timer", timers),
        new(Gauge, "timer_failed", "1 where the timer's last finished run failed.", "timer", timers),
        new(Gauge, "timer_interval_seconds", "The longest time between two slots of the timer's schedule.", "timer", timers),

        new(Gauge, "license_schema_installed_timestamp_seconds", "When the metrics were installed: before that no timer could succeed."),
        new(Gauge, "database_size_bytes", "Size of the database on disk."),
        new(Gauge, "database_read_only", "1 where the database takes no writes, as a managed server does when its disk is full."),
    ];
}
