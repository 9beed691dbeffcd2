using LicenseFunctions.Infrastructure.Settings;
using Licensing.Renewals;

namespace LicenseFunctions.Renewals;

/// <param name="Warning">EXPIRY_WARNING_DAYS, 1 to 29 days.</param>
/// <param name="Grace">RENEWAL_GRACE_PERIOD_DAYS, 0 to 29 days.</param>
/// <param name="PriceRiseShare">PRICE_RISE_CONSENT_SHARE, 0 to 10: at 0.1, a rise of up to 10 % of the last price needs no consent.</param>
/// <param name="RenewsPaused">RENEW_PAUSED_LICENSES: whether licenses are renewed that the platform paused or locked.</param>
/// <param name="AlertEmail">ALERT_EMAIL: the operators' address; null for no mail. SuspicionSettings validates it.</param>
/// <param name="Lanes">RENEWAL_LANES, 1 to 256: how many renewals one process works on at the same time.</param>
public sealed record RenewalSettings(
    bool AutoRenewal, TimeSpan Warning, TimeSpan Grace, decimal PriceRiseShare, bool RenewsPaused, string? AlertEmail, int Lanes)
{
    public static RenewalSettings Read(SettingReader settings) => new(
        settings.AutoRenewal(),
        settings.Days("EXPIRY_WARNING_DAYS", 7, 1, RenewalPolicy.LongestWarningDays),
        settings.GracePeriod(),
        settings.Number("PRICE_RISE_CONSENT_SHARE", 0, 0, 10),
        settings.Flag("RENEW_PAUSED_LICENSES", false),
        settings.Optional("ALERT_EMAIL"),
        settings.Whole("RENEWAL_LANES", 16, 1, 256));

    public RenewalPolicy Policy(IReadOnlyDictionary<string, TimeSpan> keyLifetimes) =>
        new(AutoRenewal, Warning, Grace, PriceRiseShare, keyLifetimes) { RenewsPaused = RenewsPaused };
}
