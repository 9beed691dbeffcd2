using System.Globalization;
using System.Text.Json;
using Licensing.Renewals;

namespace LicenseFunctions.Renewals;

/// <summary>What this backend knows about the customer's use of a disputed period.</summary>
public sealed record DisputeFacts
{
    public string ProviderId { get; init; } = "";
    public string? Reason { get; init; }
    public long AmountMinor { get; init; }
    public string Currency { get; init; } = "";
    public DateTime? EvidenceDueAt { get; init; }
    public Guid SubscriptionId { get; init; }
    public string RenewalType { get; init; } = "";

    /// <summary>When the customer agreed to the price; null if they weren't asked, or if the record is gone.</summary>
    public DateTime? AgreedAt { get; init; }

    public decimal? AgreedUsd { get; init; }
    public bool PriceAccepted { get; init; }
    public DateTime? PaidFrom { get; init; }
    public DateTime? PaidUntil { get; init; }
    public DateTime SubscribedAt { get; init; }
    public DateTime? ChargedAt { get; init; }
    public int Payments { get; init; }
    public int Days { get; init; }
    public long Hours { get; init; }
    public long Signals { get; init; }

    /// <summary>The use in the 30 days before the period.</summary>
    public int DaysBefore { get; init; }

    public long HoursBefore { get; init; }
    public long SignalsBefore { get; init; }
    public string DisputeState { get; init; } = "";

    /// <summary>requested, sent or refused; null before evidence is sent.</summary>
    public string? State { get; init; }

    public string? SentText { get; init; }
    public string? Code { get; init; }
    public string? Detail { get; init; }
    public DateTime? RequestedAt { get; init; }
    public DateTime? DecidedAt { get; init; }
    public bool IsLate { get; init; }
    public string Devices { get; init; } = "[]";
    public string Mails { get; init; } = "[]";
}

/// <summary>Evidence for a dispute.</summary>
/// <param name="DueAt">Until when it may be sent; null if the provider named no deadline.</param>
/// <param name="State">draft, requested (sent, without a certain answer yet), sent or refused.</param>
/// <param name="Text">The text that was sent. A draft is written from the use of the license; the operator completes it.</param>
/// <param name="CanSend">Whether evidence can be sent now.</param>
/// <param name="Code">The provider's code of a refusal or an uncertain answer; null for none.</param>
/// <param name="DecidedAt">When the provider accepted or refused it.</param>
public sealed record DisputeEvidenceReply(
    DateTime? DueAt, string State, string Text, bool CanSend, string? Code, string? Detail, DateTime? RequestedAt, DateTime? DecidedAt);

/// <summary>A text for the bank, which the operator completes and sends.</summary>
public static class DisputeEvidence
{
    public static DisputeEvidenceReply Of(DisputeFacts facts) => new(
        facts.EvidenceDueAt, facts.State ?? "draft", facts.SentText ?? Text(facts),
        SubmitEvidence.Refuse(facts.DisputeState, facts.State, facts.IsLate) is null, facts.Code, facts.Detail, facts.RequestedAt,
        facts.DecidedAt);

    private static string Text(DisputeFacts facts)
    {
        var lines = new List<string>
        {
            $"Dispute {facts.ProviderId}: {Amount(facts)}{(facts.Reason is { } reason ? $", reason: {Plain(reason)}" : "")}.",
            $"The customer has followed the subscription {facts.SubscriptionId} since {Day(facts.SubscribedAt)}"
                + $"{(facts.Payments > 0 ? $" and has made {Count(facts.Payments, "payment")} for it" : "")}.",
            $"The disputed payment of {Day(facts.ChargedAt)} is for {Day(facts.PaidFrom)} to {Day(facts.PaidUntil)}. "
                + (facts.RenewalType == "manual" ? "The customer requested this renewal." : "Auto-renewal was switched on."),
        };
        if (facts.PriceAccepted)
        {
            lines.Add(facts is { AgreedAt: { } at, AgreedUsd: { } price }
                ? string.Create(
                    CultureInfo.InvariantCulture,
                    $"The customer agreed to the price of {price:0.00} USD on {at:yyyy-MM-dd HH:mm} UTC, before the charge.")
                : "The customer agreed to the price before the charge.");
        }

        // The bank would read "no use" as an argument against the charge, so only recorded use is named. A period may be paid days before
        // it begins.
        if (facts.Days > 0)
            lines.Add($"Since the start of this period, {Use(facts.Days, facts.Hours, facts.Signals)}");
        if (facts.DaysBefore > 0)
            lines.Add($"In the 30 days before this period, {Use(facts.DaysBefore, facts.HoursBefore, facts.SignalsBefore)}");
        Add(lines, "Devices that used the license:", facts.Devices);
        Add(lines, "Mails that were sent to the customer:", facts.Mails);
        return string.Join('\n', lines);
    }

    private static string Use(int days, long hours, long signals) =>
        $"the service was used on {Count(days, "day")} for {(hours > 0 ? Count(hours, "hour") : "less than an hour")}"
        + (signals > 0
            ? $"; {Count(signals, "signal")} {(signals == 1 ? "was" : "were")} executed in the customer's trading account."
            : ".");

    private static string Count(long number, string what) => $"{number} {what}{(number == 1 ? "" : "s")}";

    private static string Plain(string code) => code.Replace('_', ' ');

    private static void Add(List<string> lines, string title, string json)
    {
        if (JsonSerializer.Deserialize<List<Listed>>(json, JsonSerializerOptions.Web) is not { Count: > 0 } rows) return;
        lines.Add(title);
        lines.AddRange(rows.Select(row => $"- {row.Text}{(row.Mail is { } name ? Mail(name) : "")}"));
    }

    private sealed record Listed(string Text, string? Mail = null);

    /// <summary>What a mail is about, by its template or, after it was emptied, by the start of its key.</summary>
    private static string Mail(string name) => name switch
    {
        "renewed" => "receipt for a renewal",
        "upcoming_renewal" or "upcoming" => "notice of the coming renewal and its price",
        "appeal_answered" => "notice that the suspension stays after an appeal",
        "price_consent" => "question whether the customer agrees to the new price",
        "action_needed" or "hard_declined" or "needs_authentication" => "request to confirm a payment or to change the card",
        "renewal_failed" or "soft_declined" => "notice that a payment was declined",
        "expiring" => "reminder that the license expires",
        "in_grace" => "reminder that the license has expired",
        "refunded" => "notice of a refund",
        "refund_failed" => "notice that a refund failed",
        "period_ended" => "notice that the paid period ended",
        "period_restored" => "notice that the paid period was restored",
        "suspended" => "notice that the license was suspended",
        "reinstated" => "notice that the license works again",
        "device_alert" or "device-alert" => "question about new devices",
        _ => "message about the license",
    };

    private static string Amount(DisputeFacts facts) =>
        $"{MinorUnits.Text(facts.AmountMinor, facts.Currency)} {facts.Currency.ToUpperInvariant()}";

    private static string Day(DateTime? at) => at?.ToString("yyyy-MM-dd", CultureInfo.InvariantCulture) ?? "an unknown day";
}
