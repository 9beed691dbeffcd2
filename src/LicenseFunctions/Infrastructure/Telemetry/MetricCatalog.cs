using Licensing;
using Licensing.Devices;
using Licensing.Renewals;
using Licensing.Suspicion;
using static LicenseFunctions.Infrastructure.Telemetry.MetricKind;

namespace LicenseFunctions.Infrastructure.Telemetry;

/// <summary>Every metric of /metrics.</summary>
public static class MetricCatalog
{
    private static readonly string[] OutboxKinds = ["email", "alert_webhook", "event"];

    // The sweeps that report rows, and the kinds of the view unusable_values.
    private static readonly string[] SkippedRows =
        ["card", "detection", "expiry", "health", "invoice", "price", "renewal", "token", "wallet"];

    private static readonly string[] Settled = ["success", "failed"];

    /// <param name="timers">The names of all timer functions.</param>
    public static IEnumerable<Metric> Of(IReadOnlyList<string> timers) =>
    [
        // Buckets end where the widget's colors change: below 50 and below 80.
        new(Histogram, "license_health_score_distribution", "Licenses by their present health score; don't use rate().", "le",
            "9", "19", "29", "39", "49", "59", "69", "79", "89", "99", "100"),
        new(Gauge, "license_health_score", "Health score of a license, 0 to 100; only with METRICS_PER_SUBSCRIPTION=true.",
            "subscription_id"),
        new(Gauge, "licenses", "Licenses by status.", "status", EnumWords.AllUpper<LicenseStatus>()),
        new(Gauge, "license_suspensions_open", "Open suspensions by this backend.", "cause", SuspensionCause.All),

        new(Counter, ProcessCounts.Checks, "License checks by code; NO_ANSWER: no answer was sent.", "code", ProcessCounts.Codes),
        new(Histogram, ProcessCounts.CheckSeconds, "Duration of a license check's decision.", "le",
            ProcessCounts.Bounds(ProcessCounts.CheckBounds)),

        new(Counter, "suspicious_activities_total", "Raised alerts without appeals; each incident counts once.", "type",
            [.. EnumWords.AllUpper<ActivityType>(), "TOO_MANY_DEVICES", "OPENED_UNDER_CLOSE_ONLY", "OTHER"]),
        new(Counter, "device_violations_total",
            "Devices beyond the limit that were refused (each once while its alert is open) or caused a suspension."),
        new(Gauge, "suspicious_activity_alerts_open", "Alerts that wait for an operator.", "severity",
            EnumWords.AllUpper<AlertSeverity>()),
        new(Gauge, "suspicious_activity_measures_open", "These alerts by the strongest measure that was taken.", "measure",
            EnumWords.AllUpper<Measure>()),
        new(Gauge, "suspicious_activity_questions_open",
            "These alerts by the customer's answer to \"was this you?\"; UNANSWERED: silence for 72 hours.", "answer",
            EnumWords.AllUpper<CustomerAnswer>()),
        new(Gauge, "shadow_alerts", "Alerts that the policy in shadow would have raised; nothing acts on them.", "measure",
            EnumWords.AllUpper<Measure>()),
        new(Gauge, "shadow_differences", "Licenses with an alert of the policy in force or in shadow, by the difference of the measures.",
            "difference", "ONLY_SHADOW", "ONLY_IN_FORCE", "STRONGER", "WEAKER", "SAME"),
        new(Gauge, "usage_arrivals_waiting", "Batches of new usage that the detector has not scanned."),
        new(Gauge, "usage_arrivals_oldest_seconds", "Age of the oldest of these batches."),

        new(Counter, "auto_renewals_total", "Attempts at automatic renewals whose outcome is known.", "status", Settled),
        new(Counter, "manual_renewals_total", "Attempts at requested renewals whose outcome is known.", "status", Settled),
        new(Gauge, "renewals_overdue", "Renewals whose next step is due and not in progress."),
        new(Gauge, "renewals_overdue_oldest_seconds", "Time since the first of these steps became due."),
        new(Gauge, "unknown_charges",
            "Charges with an unknown outcome: the backend asks the provider (unknown), or an operator must decide (undecided).", "status",
            [.. Enum.GetValues<RenewalStatus>().Where(status => status.IsChargeUnknown()).Select(status => EnumWords.Of(status))]),
        new(Gauge, "unknown_charges_oldest_seconds", "Age of the oldest of these charges."),
        new(Gauge, "payment_cases_open", "Payments that can't be applied and wait for an operator.", "reason",
            [.. Enum.GetValues<PaymentCaseReason>().Select(reason => EnumWords.Of(reason))]),
        new(Gauge, "disputes_open", "Disputes that are not decided. They stop automatic charges of their license's card."),
        new(
            Gauge, "dispute_evidence_due_seconds",
            "Time until the first deadline for evidence that was not sent for an open dispute; negative after it."),
        new(Gauge, "payment_differences",
            "Differences between the payment provider's statement and the books, on the days of the last four weeks."),

        new(Counter, ProcessCounts.RequestFailures,
            "Requests that failed in the backend, by code; the log has one line per minute for each kind.", "code",
            ProcessCounts.FailureCodes),

        new(Counter, ProcessCounts.Records, "Usage records received by queue, HTTP and record_license_usage.", "outcome",
            ProcessCounts.Outcomes),
        new(Histogram, ProcessCounts.IngestLag,
            "Age of the newest record of a queue's batch when it was stored: about the time that it waited in the queue.", "le",
            ProcessCounts.Bounds(ProcessCounts.LagBounds)),
        new(Counter, ProcessCounts.LocationFailures,
            "Failures of geolocation: damaged records or new files, and requests to the service. The locations are unknown.", "source",
            ProcessCounts.LocationSources),
        new(Gauge, "usage_quarantine_open", "Quarantined usage that waits for an operator.", "source",
            "queue", "dead_letter", "http", "replay", "sql"),
        new(Gauge, "usage_log_oldest_seconds", "Age of the oldest raw usage record that is kept."),

        new(Gauge, "retention_overdue_seconds",
            "By how much the oldest row of a part had exceeded its limit when RetainData last ended.", "part"),

        new(Gauge, "outbox_waiting", "Mails and webhooks that are due and not sent.", "kind", OutboxKinds),
        new(Gauge, "outbox_oldest_seconds", "Age of the oldest of them.", "kind", OutboxKinds),
        new(Gauge, "outbox_dead", "Mails and webhooks that were given up.", "kind", OutboxKinds),
        new(Gauge, "webhook_endpoints",
            "Webhook endpoints: disabled after failures or HTTP 410, or off (disabled by an operator).", "state",
            "active", "failing", "disabled", "off"),
        new(Gauge, "webhook_oldest_event_seconds", "Age of the oldest event that an enabled webhook endpoint has not accepted."),
        new(Counter, ProcessCounts.MailRelayFailures,
            "Runs of DrainOutbox that stopped: the mail relay was unavailable, or refused several recipients in a row.", "reason",
            ProcessCounts.RelayFailures),

        new(Gauge, "timer_last_success_timestamp_seconds", "End of the timer's last successful run; 0 if there was none.", "timer", timers),
        new(Gauge, "timer_last_duration_seconds", "Duration of the timer's last or present run.", "timer", timers),
        new(Gauge, "timer_failed", "1 if the timer's last finished run failed.", "timer", timers),
        new(Counter, "timer_fallback_runs_total", "Slices of the silent timer's work that ran after requests.", "timer", timers),
        new(Gauge, "timer_interval_seconds", "The longest time between two slots of the timer's schedule.", "timer", timers),

        new(Counter, ProcessCounts.WrongClock,
            "Readings (every 15 s) at which an instance's clock differed by over 30 s from the database's."),
        new(Gauge, "skipped_rows", "Rows that sweeps left out in the last two hours, or whose values are replaced.", "source",
            SkippedRows),

        new(Gauge, "license_schema_installed_timestamp_seconds", "Time of the metrics' installation; no timer succeeded before it."),
        new(Gauge, "database_size_bytes", "Size of the database on disk."),
        new(Counter, ProcessCounts.ReplicaReads, "Reads that may run on DATABASE_READ_URL, by the server that answered.", "server",
            ProcessCounts.ReadServers),
        new(Counter, ProcessCounts.ReplicaWarnings,
            "Readings (every 2 s) at which an instance could not use the replica of DATABASE_READ_URL.", "reason",
            ProcessCounts.ReplicaReasons),
        new(Gauge, "database_read_only", "1 if the database rejects writes, as a managed server does when its disk is full."),
    ];
}
