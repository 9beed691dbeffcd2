namespace LicenseFunctions.Infrastructure.Settings;

/// <param name="Min">Inclusive.</param>
/// <param name="Max">Inclusive.</param>
public sealed record WholeSetting(string Name, int Default, int Min, int Max);

/// <summary>Settings that several folders read, each with one default and one range.</summary>
public static class SharedSettings
{
    /// <summary>Number of slots of a license.</summary>
    public static readonly WholeSetting MaxDevicesPerLicense = new("MAX_DEVICES_PER_LICENSE", Default: 2, Min: 1, Max: 100);

    /// <summary>
    /// How many days an expired license stays valid. They must be fewer than the 30 days of a period: otherwise the period that is charged
    /// could end before its grace period.
    /// </summary>
    public static readonly WholeSetting GracePeriodDays = new("RENEWAL_GRACE_PERIOD_DAYS", Default: 3, Min: 0, Max: 29);

    public const string InvoiceSellerName = "INVOICE_SELLER_NAME";

    public static int MaxDevices(this SettingReader settings) => Read(settings, MaxDevicesPerLicense);

    public static TimeSpan GracePeriod(this SettingReader settings) => TimeSpan.FromDays(Read(settings, GracePeriodDays));

    /// <summary>How long the devices of a refused license may manage and close their positions.</summary>
    public static TimeSpan CloseOnly(this SettingReader settings) => settings.Days("CLOSE_ONLY_DAYS", 30, 0, 90);

    public static bool AutoRenewal(this SettingReader settings) => settings.Flag("AUTO_RENEWAL_ENABLED", true);

    /// <summary>Whether payments have invoices.</summary>
    public static bool HasInvoices(this SettingReader settings) => settings.Optional(InvoiceSellerName) is not null;

    /// <summary>Whether each invoice and credit note is mailed.</summary>
    public static bool AreInvoicesMailed(this SettingReader settings) => settings.HasInvoices() && settings.Flag("INVOICE_MAILS", true);

    private static int Read(SettingReader settings, WholeSetting setting) =>
        settings.Whole(setting.Name, setting.Default, setting.Min, setting.Max);
}
