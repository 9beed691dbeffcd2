using LicenseFunctions.Infrastructure.Settings;
using LicenseFunctions.Licenses;
using Licensing.Renewals;

namespace LicenseFunctions.Renewals;

/// <param name="PriceRiseShare">Of the last price: 0.1 lets a rise of up to 10 % pass without the customer's word.</param>
/// <param name="Lanes">How many renewals one process works on at once.</param>
public sealed record RenewalSettings(bool AutoRenewal, int WarningDays, int GraceDays, decimal PriceRiseShare, int Lanes)
{
    public static RenewalSettings Read(SettingReader settings) => new(
        settings.Flag("AUTO_RENEWAL_ENABLED", true),
        settings.Whole("EXPIRY_WARNING_DAYS", 7, 1, 29),
        settings.GraceDays(),
        settings.Number("PRICE_RISE_CONSENT_SHARE", 0, 0, 10),
        settings.Whole("RENEWAL_LANES", 16, 1, 256));

    public RenewalPolicy Policy(IReadOnlyDictionary<string, TimeSpan> keyLives) =>
        new(AutoRenewal, WarningDays, GraceDays, PriceRiseShare, keyLives);
}
