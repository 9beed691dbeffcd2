using System.Reflection;
using PdfSharp.Fonts;

namespace LicenseFunctions.Invoices;

/// <summary>The fonts of this assembly (Fonts/), so that invoices look the same on a server without fonts.</summary>
internal sealed class InvoiceFonts : IFontResolver
{
    public const string Family = "Inter";

    private const string Regular = "Inter-Regular.ttf";
    private const string SemiBold = "Inter-SemiBold.ttf";

    public FontResolverInfo? ResolveTypeface(string familyName, bool isBold, bool isItalic) =>
        familyName == Family ? new FontResolverInfo(isBold ? SemiBold : Regular) : null;

    public byte[]? GetFont(string faceName)
    {
        using var file = Assembly.GetExecutingAssembly().GetManifestResourceStream("fonts/" + faceName);
        if (file is null)
            return null;
        var font = new byte[file.Length];
        file.ReadExactly(font);
        return font;
    }
}
