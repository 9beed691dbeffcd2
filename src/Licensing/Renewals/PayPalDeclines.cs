using System.Collections.Frozen;

namespace Licensing.Renewals;

/// <summary>
/// Decides whether a payment that PayPal refused may be tried again. Sources: the errors of
/// https://developer.paypal.com/api/orders/v2/orders-capture, and the response codes of processors in
/// https://developer.paypal.com/api/orders/v2 (processor_response). Where a bank's reason has a name of its own in
/// <see cref="CardDeclines"/>, that name is used, because mails and pages explain it.
/// </summary>
public static class PayPalDeclines
{
    /// <summary>Only the customer can change it: with another payment method, or by saving PayPal again.</summary>
    private static readonly FrozenSet<string> HardIssues = new[]
    {
        "AGREEMENT_ALREADY_CANCELLED", "BILLING_AGREEMENT_NOT_FOUND", "TOKEN_ID_NOT_FOUND", "TOKEN_EXPIRED", "REFERENCED_CARD_EXPIRED",
        "MISMATCHED_VAULT_ID_TO_PAYMENT_SOURCE", "PAYER_ACCOUNT_LOCKED_OR_CLOSED", "PAYER_ACCOUNT_RESTRICTED", "PAYER_CANNOT_PAY",
        "PAYER_ACTION_REQUIRED", "REDIRECT_PAYER_FOR_ALTERNATE_FUNDING", "ORDER_NOT_APPROVED", "COMPLIANCE_VIOLATION",
        "CARD_BRAND_NOT_SUPPORTED", "DOMESTIC_TRANSACTION_REQUIRED",
    }.ToFrozenSet();

    /// <summary>The refusal says that money may have moved before: it is looked up.</summary>
    private static readonly FrozenSet<string> PaidPerhaps = new[]
    {
        "ORDER_ALREADY_CAPTURED", "ORDER_ALREADY_COMPLETED", "ORDER_COMPLETION_IN_PROGRESS", "PREVIOUS_REQUEST_IN_PROGRESS",
    }.ToFrozenSet();

    private static readonly FrozenDictionary<string, (string Code, bool IsHard)> Processor = new Dictionary<string, (string, bool)>
    {
        ["0500"] = ("do_not_honor", false),
        ["0580"] = ("unauthorized_transaction", true),
        ["1330"] = ("invalid_account", true),
        ["1380"] = ("invalid_expiry_year", true),
        ["5100"] = ("generic_decline", false),
        ["5110"] = ("incorrect_cvc", true),
        ["5120"] = ("insufficient_funds", false),
        ["5140"] = ("invalid_account", true),
        ["5150"] = ("pickup_card", true),
        ["5160"] = ("unauthorized_user", true),
        ["5180"] = ("restricted_card", true),
        ["5400"] = ("expired_card", true),
        ["5650"] = ("payer_action_required", true),
        ["5700"] = ("transaction_not_allowed", true),
        ["9500"] = ("suspected_fraud", true),
        ["9510"] = ("security_violation", true),
        ["9520"] = ("lost_card", true),
        ["9540"] = ("restricted_card", true),
    }.ToFrozenDictionary();

    /// <summary>A refusal of a capture, by PayPal's issue. An unlisted issue is soft, as an unlisted code of a card is.</summary>
    /// <param name="issue">Such as INSTRUMENT_DECLINED.</param>
    /// <param name="detail">PayPal's sentence.</param>
    public static ChargeOutcome OfIssue(string issue, string detail) => issue switch
    {
        _ when PaidPerhaps.Contains(issue) => new ChargeOutcome.Unknown(issue.ToLowerInvariant()),
        _ when HardIssues.Contains(issue) => new ChargeOutcome.HardDeclined(issue.ToLowerInvariant(), detail),
        _ => new ChargeOutcome.SoftDeclined(issue.ToLowerInvariant(), detail),
    };

    /// <summary>A declined capture. The bank's advice counts before its code.</summary>
    /// <param name="responseCode">Of the processor; null where there is none.</param>
    /// <param name="adviceCode">03 and 21: don't try again; 02: try again later.</param>
    public static ChargeOutcome OfProcessor(string? responseCode, string? adviceCode)
    {
        var (code, isHard) = Processor.GetValueOrDefault(responseCode ?? "", ("payment_declined", false));
        isHard = adviceCode switch { "03" or "21" => true, "02" => false, _ => isHard };
        return isHard
            ? new ChargeOutcome.HardDeclined(code, "The payment was declined.")
            : new ChargeOutcome.SoftDeclined(code, "The payment was declined.");
    }
}
