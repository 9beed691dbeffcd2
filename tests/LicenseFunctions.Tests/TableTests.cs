using System.Text.RegularExpressions;
using LicenseFunctions.Tests.Support;
using Xunit;

namespace LicenseFunctions.Tests;

/// <summary>
/// Each table belongs to one folder (docs/architecture.md). <see cref="ArrowTests"/> checks types only; this class checks which tables each
/// folder's statements use. Every folder may use the views and functions of sql/repeatable/.
/// </summary>
public sealed partial class TableTests
{
    private static readonly Dictionary<string, string[]> TablesByOwner = new(StringComparer.Ordinal)
    {
        // Every folder may use the platform's tables.
        ["platform"] =
        [
            "users", "subscriptions", "license_tokens", "master_pricing", "user_wallets", "billing_ledger", "user_payment_methods",
            "license_renewal_history", "license_usage_log", "suspicious_activity_alerts",
        ],
        ["Infrastructure"] =
        [
            "schema_migrations", "schema_fingerprints", "skipped_rows", "audit_log", "outbox", "customer_languages", "payment_events",
            "timer_leases",
        ],
        ["Licenses"] = ["license_states", "license_suspensions", "license_token_replacements", "license_events", "token_beginnings"],
        ["Validation"] = ["license_changes", "license_devices", "license_device_networks", "license_device_changes", "close_only_periods"],
        ["Leases"] = ["license_leases"],
        ["Usage"] = ["usage_quarantine", "usage_rollups", "unsummed_usage"],
        ["Suspicion"] = ["suspicion_states", "usage_arrivals", "license_appeals", "refused_devices", "shadow_states", "shadow_alerts"],
        ["Renewals"] =
        [
            "renewals", "renewal_attempts", "renewal_requests", "renewal_sweeps", "master_price_changes", "payment_reversals",
            "reversal_effects", "payment_cases", "payment_comparisons", "refunds", "dispute_evidence", "recurring_revenue_days",
        ],
        ["Invoices"] = ["billing_details", "invoice_series", "invoices", "invoiced_entries", "renewals_to_invoice"],
        ["PaymentMethods"] = ["payment_customers", "payment_event_reads", "payment_preferences", "unapplied_events"],
        ["Health"] = ["license_health", "license_health_days", "health_marks", "health_comparison"],
        ["Operations"] =
        [
            "customer_notes", "metric_counters", "metric_days", "metric_increments", "license_event_numbering",
            "license_event_sequences", "webhook_endpoints", "webhook_secrets", "troubles", "trouble_watch",
        ],
    };

    /// <summary>Tables of another feature that a folder reads or writes, and the reason.</summary>
    private static readonly (string Folder, string Table, string Reason)[] Allowed =
    [
        ("Health", "license_devices", "a score counts the devices"),
        ("Health", "license_device_changes", "a score counts the changes of devices"),
        ("Health", "usage_rollups", "a score counts the signals"),
        ("Leases", "license_devices", "a device's latest lease"),
        ("Licenses", "license_appeals", "a suspension that ends as a false alarm closes the alert of its appeal"),
        ("Suspicion", "close_only_periods", "positions that were opened although only closing is allowed"),
        ("Suspicion", "license_devices", "the last check that passed before such a position"),
        ("Operations", "license_health", "a metric"),
        ("Operations", "renewals", "metrics, and the System page"),
        ("Operations", "payment_cases", "a metric"),
        ("Operations", "payment_reversals", "metrics"),
        ("Operations", "dispute_evidence", "a metric"),
        ("Operations", "payment_comparisons", "a metric"),
        ("Licenses", "license_devices", "a refused device is named only while it has no slot"),
        ("Renewals", "license_devices", "evidence of a dispute"),
        ("Renewals", "invoices", "the history names the invoice of a payment"),
        ("Renewals", "unapplied_events", "the event of a dismissed case is not tried again"),
        ("Invoices", "renewals", "the periods that a payment paid for"),
        ("Invoices", "renewal_attempts", "the provider that charged it"),
        ("PaymentMethods", "payment_cases", "the event of a decided case is not kept for another try"),
        ("PaymentMethods", "renewals", "an entry of the wallet names the license"),
        ("PaymentMethods", "renewal_attempts", "an entry of the wallet says whether PayPal was charged"),
        ("Operations", "shadow_alerts", "a metric"),
        ("Operations", "usage_arrivals", "retention"),
        ("Operations", "usage_quarantine", "metrics, the System page, and retention"),
        ("Operations", "license_devices", "retention"),
        ("Operations", "license_device_networks", "retention"),
        ("Operations", "renewal_requests", "retention"),
    ];

    [Fact]
    public void Statements_UseTablesOfOtherFeatures_AsListedOnly()
    {
        var owners = TablesByOwner.SelectMany(owner => owner.Value.Select(table => (table, owner.Key))).ToDictionary();

        var foreign = Uses().Where(use =>
            owners[use.Table] is var owner && owner != use.Folder && owner is not ("platform" or "Infrastructure" or "Licenses"));

        Assert.Equal(
            Allowed.Select(use => $"{use.Folder} uses {use.Table}").Order(),
            foreign.Select(use => $"{use.Folder} uses {use.Table}").Order());
    }

    [Fact]
    public void EveryTable_HasAnOwner() =>
        Assert.Equal(Tables().Order(), TablesByOwner.SelectMany(owner => owner.Value).Order());

    private static HashSet<(string Folder, string Table)> Uses()
    {
        var tables = Tables().ToHashSet();
        var source = Path.Combine(Repository.Root, "src/LicenseFunctions");
        return
        [
            .. from file in Directory.EnumerateFiles(source, "*.cs", SearchOption.AllDirectories)
               let folder = Path.GetRelativePath(source, file).Split('/')[0]
               where folder is not ("obj" or "bin")
               from line in File.ReadLines(file)
               where !line.TrimStart().StartsWith("//", StringComparison.Ordinal)
               from Match use in TableUse().Matches(line)
               where tables.Contains(use.Groups[1].Value)
               select (folder, use.Groups[1].Value),
        ];
    }

    private static IEnumerable<string> Tables() =>
        CreatedTable().Matches(File.ReadAllText(Path.Combine(Repository.Root, "sql/schema.sql"))).Select(match => match.Groups[1].Value);

    [GeneratedRegex(@"\b(?:from|join|into|update) ([a-z_]+)")]
    private static partial Regex TableUse();

    [GeneratedRegex(@"^CREATE TABLE public\.(\w+) ", RegexOptions.Multiline)]
    private static partial Regex CreatedTable();
}
