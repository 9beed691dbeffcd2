using System.Globalization;
using System.Text.RegularExpressions;

namespace Licensing.Renewals;

/// <summary>What this backend books in the platform's ledger.</summary>
public enum LedgerPurpose
{
    Renewal,
    DeferredRenewals,
    Refund,
    RefundTakenBack,
    Chargeback,
    ChargebackTakenBack,
}

/// <summary>The descriptions of this backend's entries in the platform's ledger: how they are written, and what they say.</summary>
/// <param name="Day">As yyyy-MM-dd: the end of the renewal's period, or the beginning of the one whose payment went back.</param>
public sealed partial record LedgerText(LedgerPurpose Purpose, string? Day)
{
    public const string DeferredRenewals = "Deferred license renewals";

    private const string RefundWord = "Refund";
    private const string ChargebackWord = "Chargeback";
    private const string TakenBack = ", taken back";

    public static string Renewal(DateTimeOffset paidUntil) => string.Create(
        CultureInfo.InvariantCulture, $"License renewal until {paidUntil:yyyy-MM-dd}");

    /// <param name="ids">The provider's ids of the refunds; none if it named none.</param>
    /// <param name="from">The beginning of the renewal's period.</param>
    /// <param name="isTakenBack">The refund failed.</param>
    public static string Refund(IEnumerable<string> ids, DateTimeOffset from, bool isTakenBack) =>
        Reversal(RefundWord, ids, from, isTakenBack);

    /// <inheritdoc cref="Refund"/>
    public static string Chargeback(IEnumerable<string> ids, DateTimeOffset from, bool isTakenBack) =>
        Reversal(ChargebackWord, ids, from, isTakenBack);

    private static string Reversal(string what, IEnumerable<string> ids, DateTimeOffset from, bool isTakenBack) => string.Create(
        CultureInfo.InvariantCulture,
        $"{string.Join(' ', ids.Prepend(what))}, license renewal from {from:yyyy-MM-dd}{(isTakenBack ? TakenBack : "")}");

    /// <returns>Null for a description of the platform.</returns>
    public static LedgerText? Read(string? description)
    {
        if (description == DeferredRenewals)
            return new LedgerText(LedgerPurpose.DeferredRenewals, null);
        if (description is null || OfRenewal().Match(description) is not { Success: true, Groups: var found })
            return null;
        var isTakenBack = found["back"].Success;
        return new LedgerText(
            found["what"].Value switch
            {
                RefundWord => isTakenBack ? LedgerPurpose.RefundTakenBack : LedgerPurpose.Refund,
                ChargebackWord => isTakenBack ? LedgerPurpose.ChargebackTakenBack : LedgerPurpose.Chargeback,
                _ => LedgerPurpose.Renewal,
            },
            found["day"].Value);
    }

    [GeneratedRegex(
        "^(?:License renewal until|(?<what>Refund|Chargeback)[^,]*, license renewal from) (?<day>[0-9-]{10})(?<back>, taken back)?$")]
    private static partial Regex OfRenewal();
}
