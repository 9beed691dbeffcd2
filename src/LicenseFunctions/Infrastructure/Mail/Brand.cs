using System.Globalization;
using LicenseFunctions.Infrastructure.Settings;

namespace LicenseFunctions.Infrastructure.Mail;

/// <summary>How mails and pages present the service to customers.</summary>
/// <param name="Color">Of buttons, as #rrggbb. White text on it is readable.</param>
/// <param name="LogoUrl">Mails load it when they are opened; null: the name is shown instead.</param>
/// <param name="SupportEmail">Where customers get help; null only if neither SUPPORT_EMAIL nor MAIL_FROM is set.</param>
public sealed record Brand(string Name, string Color, Uri? LogoUrl, string? SupportEmail)
{
    public static readonly Brand Default = new("Licenses", "#0b57d0", null, null);

    // Longer names would not fit beside the menu of the pages, nor in a subject.
    private const int LongestName = 40;

    // Level AA of WCAG 2.2 for text of normal size.
    private const double LeastContrast = 4.5;

    public static Brand Read(SettingReader reader)
    {
        var name = reader.Optional("BRAND_NAME") ?? Default.Name;
        if (name.Length > LongestName || name.Any(char.IsControl) || string.IsNullOrWhiteSpace(name))
            name = reader.Fault("BRAND_NAME", $"is not a name of at most {LongestName} characters", "Example Signals", Default.Name);
        return new Brand(
            name.Trim(),
            ReadColor(reader),
            reader.Address("BRAND_LOGO_URL", "https://www.example.com/logo.png", "https"),
            ReadSupportEmail(reader));
    }

    private static string ReadColor(SettingReader reader)
    {
        const string setting = "BRAND_COLOR";
        if (reader.Optional(setting) is not { } color)
            return Default.Color;
        if (color.Length != 7 || color[0] != '#' || !color[1..].All(char.IsAsciiHexDigit))
            return reader.Fault(setting, "is not a color in the form #rrggbb", Default.Color, Default.Color);
        return ContrastToWhite(color) >= LeastContrast
            ? color.ToLowerInvariant()
            : reader.Fault(setting, "is too light: white text on it would have a contrast below 4.5:1", Default.Color, Default.Color);
    }

    /// <summary>The contrast ratio of WCAG 2.2.</summary>
    /// <param name="color">In the form #rrggbb.</param>
    private static double ContrastToWhite(string color)
    {
        double Linear(int at)
        {
            var share = int.Parse(color.AsSpan(at, 2), NumberStyles.HexNumber, CultureInfo.InvariantCulture) / 255.0;
            return share <= 0.04045 ? share / 12.92 : Math.Pow((share + 0.055) / 1.055, 2.4);
        }

        return 1.05 / (0.2126 * Linear(1) + 0.7152 * Linear(3) + 0.0722 * Linear(5) + 0.05);
    }

    private static string? ReadSupportEmail(SettingReader reader)
    {
        // MailSettings reports a wrong MAIL_FROM.
        if (reader.Optional("SUPPORT_EMAIL") is not { } support)
            return MailAddresses.TryParse(reader.Optional("MAIL_FROM"), out var sender) ? sender.Address : null;
        return MailAddresses.TryParse(support, out var address) && address.Address == support
            ? support
            : reader.Fault<string?>("SUPPORT_EMAIL", "is not a mail address without a name", "support@example.com", null);
    }
}
