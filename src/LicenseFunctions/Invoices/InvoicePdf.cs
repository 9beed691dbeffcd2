using System.Globalization;
using Licensing.Invoices;
using PdfSharp;
using PdfSharp.Drawing;
using PdfSharp.Fonts;
using PdfSharp.Pdf;

namespace LicenseFunctions.Invoices;

/// <summary>Writes an invoice or credit note as a PDF, A4. Lengths are in points.</summary>
internal sealed class InvoicePdf
{
    private const double Left = 56;
    private const double Right = 539;
    private const double AmountWidth = 110;

    // Facts begin beside the address, in the right part of the page.
    private const double FactsLeft = 320;
    private const double FactValues = 425;

    private const double LastLine = 740;
    private const double Footer = 780;

    private static readonly XColor Ink = XColor.FromArgb(0x1a, 0x1f, 0x36);
    private static readonly XColor Soft = XColor.FromArgb(0x5b, 0x63, 0x77);
    private static readonly XColor Rule = XColor.FromArgb(0xd9, 0xde, 0xe7);

    private readonly Invoice invoice;
    private readonly InvoiceTexts texts;
    private readonly XColor accent;
    private readonly PdfDocument document;
    private readonly List<XGraphics> pages = [];
    private double y;

    static InvoicePdf() => GlobalFontSettings.FontResolver = new InvoiceFonts();

    private InvoicePdf(Invoice invoice, InvoiceTexts texts, string color, PdfDocument document) => (
        this.invoice, this.texts, this.document, accent) = (
        invoice, texts, document,
        XColor.FromArgb(0xff000000 | uint.Parse(color.AsSpan(1), NumberStyles.HexNumber, CultureInfo.InvariantCulture)));

    /// <param name="language">en or de.</param>
    /// <param name="color">The brand's, as #rrggbb.</param>
    public static byte[] Write(Invoice invoice, string language, string color)
    {
        using var document = new PdfDocument();
        return new InvoicePdf(invoice, InvoiceTexts.In(language), color, document).Write();
    }

    private byte[] Write()
    {
        document.Info.Title = $"{texts.Title(invoice)} {invoice.Number}";
        document.Info.Author = invoice.Seller.Name;
        document.Info.CreationDate = invoice.IssuedAt.UtcDateTime;
        document.Language = texts.Language;
        AddPage();
        Head();
        Parties();
        Lines();
        Totals();
        Closing();
        Footers();
        foreach (var page in pages)
            page.Dispose();
        using var output = new MemoryStream();
        document.Save(output, closeStream: false);
        return output.ToArray();
    }

    private XGraphics Page => pages[^1];

    private void AddPage()
    {
        var page = document.AddPage();
        page.Size = PageSize.A4;
        pages.Add(XGraphics.FromPdfPage(page));
        Page.DrawRectangle(new XSolidBrush(accent), 0, 0, page.Width.Point, 6);
        y = 64;
    }

    private void Head()
    {
        Draw(texts.Title(invoice), Left, y + 8, 24, bold: true);
        DrawRight(invoice.Seller.Name, Right, y + 4, 12, bold: true);
        y += 72;
    }

    private void Parties()
    {
        var top = y;
        Draw(texts.BilledTo, Left, y, 8.5, Soft);
        y += 16;
        foreach (var line in Wrap(invoice.Buyer.Name, FactsLeft - Left - 24, 10, bold: true))
            y = Draw(line, Left, y, 10, bold: true) + 14;
        foreach (var line in AddressOf(invoice.Buyer).SelectMany(line => Wrap(line, FactsLeft - Left - 24, 10)))
            y = Draw(line, Left, y, 10) + 14;
        if (invoice.Buyer.TaxId is { } taxId)
            y = Draw($"{texts.TaxId}: {taxId}", Left, y, 10) + 14;

        var factsEnd = Facts(top);
        y = Math.Max(y, factsEnd) + 26;
    }

    private double Facts(double at)
    {
        foreach (var (name, value) in (IEnumerable<(string, string?)>)
        [
            (texts.Number, invoice.Number.ToString()),
            (texts.Issued, texts.Day(invoice.IssuedAt)),
            (invoice.Corrects is null ? texts.Paid : texts.Returned, texts.Day(invoice.BookedAt)),
            (texts.Corrects, invoice.Corrects?.ToString()),
        ])
        {
            if (value is null)
                continue;
            Draw(name, FactsLeft, at, 9, Soft);
            Draw(value, FactValues, at, 9, bold: name == texts.Number);
            at += 16;
        }

        return at;
    }

    private void Lines()
    {
        LineHead();
        foreach (var line in invoice.Lines)
        {
            var item = Wrap(texts.Item(line), Right - AmountWidth - Left, 10).ToList();
            if (y + 14 * item.Count + 24 > LastLine)
            {
                AddPage();
                LineHead();
            }

            DrawRight(texts.Usd(line.NetUsd), Right, y, 10);
            foreach (var text in item)
                y = Draw(text, Left, y, 10) + 14;
            Draw(texts.Period(line), Left, y, 9, Soft);
            y += 12;
            Line(Rule, 0.6);
            y += 20;
        }
    }

    private void LineHead()
    {
        Draw(texts.Description, Left, y, 8.5, Soft);
        DrawRight(texts.Amount, Right, y, 8.5, color: Soft);
        y += 8;
        Line(Ink, 0.9);
        y += 20;
    }

    private void Totals()
    {
        if (y + 80 > LastLine)
            AddPage();
        Total(texts.Net, invoice.NetUsd, 10);
        Total(texts.Percent(invoice.TaxPercent) + (invoice.TaxPercent > 0 ? $" ({invoice.TaxCountry})" : ""), invoice.TaxUsd, 10);
        y += 2;
        Page.DrawLine(new XPen(Ink, 0.9), FactsLeft, y - 8, Right, y - 8);
        y += 10;
        Total(invoice.Kind is InvoiceKind.CreditNote ? texts.TotalCredit : texts.Total, invoice.GrossUsd, 12, bold: true);
    }

    private void Total(string name, decimal amount, double size, bool bold = false)
    {
        Draw(name, FactsLeft, y, size, bold ? Ink : Soft, bold);
        DrawRight(texts.Usd(amount), Right, y, size, bold);
        y += 18;
    }

    private void Closing()
    {
        y += 22;
        foreach (var text in (string[])[texts.Settlement(invoice), texts.Included])
        {
            foreach (var line in Wrap(text, Right - Left, 9.5))
            {
                if (y > LastLine)
                    AddPage();
                y = Draw(line, Left, y, 9.5, text == texts.Included ? Soft : Ink) + 15;
            }
        }
    }

    private void Footers()
    {
        var seller = string.Join(
            " · ", AddressOf(invoice.Seller).Prepend(invoice.Seller.Name).Append($"{texts.TaxId} {invoice.Seller.TaxId}"));
        foreach (var (index, page) in pages.Index())
        {
            page.DrawLine(new XPen(Rule, 0.6), Left, Footer - 14, Right, Footer - 14);
            var at = Footer;
            foreach (var line in Wrap(seller, Right - Left - 70, 8).Take(3))
            {
                page.DrawString(line, Font(8), new XSolidBrush(Soft), Left, at);
                at += 11;
            }

            var number = string.Format(CultureInfo.InvariantCulture, texts.Page, index + 1, pages.Count);
            page.DrawString(number, Font(8), new XSolidBrush(Soft), Right - page.MeasureString(number, Font(8)).Width, Footer);
        }
    }

    private static string[] AddressOf(InvoiceParty party) =>
        [.. party.Address?.Split('\n') ?? [], .. party.Country is { } country ? (string[])[country] : []];

    /// <summary>Breaks at spaces, and within words that are longer than a line.</summary>
    private IEnumerable<string> Wrap(string text, double width, double size, bool bold = false)
    {
        var line = "";
        foreach (var word in text.Split(' ', StringSplitOptions.RemoveEmptyEntries))
        {
            var rest = line.Length == 0 ? word : $"{line} {word}";
            if (line.Length > 0 && Width(rest) > width)
            {
                yield return line;
                rest = word;
            }

            while (rest.Length > 1 && Width(rest) > width)
            {
                var fits = Enumerable.Range(1, rest.Length - 1).Last(length => length == 1 || Width(rest[..length]) <= width);
                yield return rest[..fits];
                rest = rest[fits..];
            }

            line = rest;
        }

        if (line.Length > 0)
            yield return line;

        double Width(string part) => Page.MeasureString(part, Font(size, bold)).Width;
    }

    private static XFont Font(double size, bool bold = false) => new(
        InvoiceFonts.Family, size, bold ? XFontStyleEx.Bold : XFontStyleEx.Regular, XPdfFontOptions.UnicodeDefault);

    private void Line(XColor color, double width) => Page.DrawLine(new XPen(color, width), Left, y, Right, y);

    private double Draw(string text, double x, double at, double size, bool bold = false) => Draw(text, x, at, size, Ink, bold);

    /// <returns><paramref name="at"/>, the base line.</returns>
    private double Draw(string text, double x, double at, double size, XColor color, bool bold = false)
    {
        Page.DrawString(text, Font(size, bold), new XSolidBrush(color), x, at);
        return at;
    }

    private void DrawRight(string text, double right, double at, double size, bool bold = false, XColor? color = null) =>
        Draw(text, right - Page.MeasureString(text, Font(size, bold)).Width, at, size, color ?? Ink, bold);
}
