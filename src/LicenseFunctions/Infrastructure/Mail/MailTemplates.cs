using System.Collections.Frozen;
using System.Text.Encodings.Web;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using Fluid;
using Fluid.Values;

namespace LicenseFunctions.Infrastructure.Mail;

/// <param name="Subject">A single line.</param>
public sealed record RenderedMail(string Subject, string Text, string Html);

/// <summary>
/// The mails as Liquid templates, in one file for each language. A mail is rendered twice, so that text and HTML say the same: a block
/// such as {% p %} is written by blocks/p.txt or blocks/p.html, and layout.txt or layout.html frames the content. A tag such as
/// {% close_only_text %} inserts the language's phrase with this name. A template captures its subject, and the preheader that mail
/// programs show beside it. Values of the model are escaped in the HTML. A value that is missing in the model is empty.
/// </summary>
/// <param name="closeOnly">How long EAs may close their positions after the end of a license; zero: not at all.</param>
/// <param name="language">Of mails to customers who have not chosen one.</param>
/// <param name="linksToInvoices">Mails about payments link to the page of invoices, because these are not mailed.</param>
public sealed partial class MailTemplates(
    TimeSpan closeOnly = default, Brand? brand = null, string language = MailTemplates.English, bool linksToInvoices = false)
{
    /// <summary>The language of mails to operators.</summary>
    public const string English = "en";

    private const string ForOperators = "operator_";
    internal const string Format = "format";
    internal const string Text = "txt";
    internal const string Html = "html";
    private const string Subject = "subject";

    // A master's name in a subject. Subjects of up to 78 characters are shown without a break.
    private const int LongestName = 27;

    // A language is parsed when its first mail is rendered: parsing all templates takes a quarter of the start time.
    private static readonly FrozenDictionary<string, Lazy<MailLanguage>> ByName = LanguageFile.Languages.ToFrozenDictionary(
        name => name, name => new Lazy<MailLanguage>(() => MailLanguage.Of(name, LanguageFile.Of(name))));

    private readonly Brand brand = brand ?? Brand.Default;

    /// <summary>The languages of mails to customers.</summary>
    public static IEnumerable<string> Languages => ByName.Keys.Order();

    public static IEnumerable<string> Names => NamesIn(English);

    /// <summary>The mails of a language. English has those to operators, too.</summary>
    public static IEnumerable<string> NamesIn(string language) => ByName[language].Value.Mails.Keys;

    public static bool IsForOperators(string name) => name.StartsWith(ForOperators, StringComparison.Ordinal);

    /// <param name="model">
    /// The model of the outbox row. Its field licenses has the names for the IDs of licenses, as the SQL function mail_licenses returns
    /// them.
    /// </param>
    /// <param name="publicUrl">Base address of links, without a trailing slash; null for a mail without links.</param>
    /// <param name="chosen">The customer's language; null or an unknown one: that of the settings.</param>
    /// <exception cref="KeyNotFoundException">There is no such template.</exception>
    public RenderedMail Render(string name, JsonObject model, string? publicUrl, string? chosen = null) => Render(
        ByName[IsForOperators(name) ? English : chosen is not null && ByName.ContainsKey(chosen) ? chosen : language].Value,
        name, model, publicUrl);

    /// <summary>In the language of a file, which need not be one of this build: a translator can look at its mails.</summary>
    public RenderedMail Render(string name, JsonObject model, string? publicUrl, string inLanguage, LanguageFile file) =>
        Render(MailLanguage.Of(inLanguage, file), name, model, publicUrl);

    private RenderedMail Render(MailLanguage spoken, string name, JsonObject model, string? publicUrl)
    {
        var template = spoken.Mails[name];
        var asText = Context(spoken, name, model, publicUrl, Text);
        var text = Render(spoken, template, asText, Text, NullEncoder.Default);
        var asHtml = Context(spoken, name, model, publicUrl, Html);
        var html = Render(spoken, template, asHtml, Html, HtmlEncoder.Default, asText);
        return new RenderedMail(
            asText.GetValue(Subject).ToStringValue(), BlankLines().Replace(text, "\n\n").Trim() + "\n", html);
    }

    /// <param name="plain">The context in which subject and preheader were captured without an encoding; null for this one.</param>
    private static string Render(
        MailLanguage spoken, IFluidTemplate template, TemplateContext context, string format, TextEncoder encoder,
        TemplateContext? plain = null)
    {
        var content = template.Render(context, encoder, isolateContext: false);
        foreach (var captured in (string[])[Subject, "preheader"])
            context.SetValue(captured, new StringValue((plain ?? context).GetValue(captured).ToStringValue().Trim()));
        context.SetValue("content", new StringValue(content.Trim(), encode: false));
        return spoken.Layouts[format].Render(context, encoder, isolateContext: false);
    }

    private TemplateContext Context(MailLanguage spoken, string name, JsonObject model, string? publicUrl, string format)
    {
        var context = new TemplateContext(model, spoken.Options, allowModelMembers: false);
        context.AmbientValues[Format] = format;
        context.SetValue("language", spoken.Name);
        if (publicUrl is not null)
            context.SetValue("public_url", publicUrl);
        if (closeOnly > TimeSpan.Zero)
            context.SetValue("close_only_days", (int)closeOnly.TotalDays);
        context.SetValue("links_to_invoices", linksToInvoices);
        context.SetValue("brand", new JsonObject
        {
            ["name"] = brand.Name,
            ["color"] = brand.Color,
            ["logo_url"] = brand.LogoUrl?.AbsoluteUri,
            ["support_email"] = brand.SupportEmail,
        });
        var isForOperators = IsForOperators(name);
        context.SetValue("is_for_operators", isForOperators);
        // The page shows itself in the mail's language. The operators' pages have one language.
        if (!isForOperators)
            context.SetValue("language_of_page", spoken.Name);
        if (model["subscription_id"]?.ToString() is { } license && (model["licenses"] as JsonObject)?[license]?["master"] is { } master)
        {
            context.SetValue("master", master.ToString());
            context.SetValue("master_short", Shorten(master.ToString()));
        }

        return context;
    }

    private static string Shorten(string name) => name.Length <= LongestName ? name : name[..(LongestName - 1)].TrimEnd() + "…";

    [GeneratedRegex(@"\s*\n\s*\n\s*")]
    private static partial Regex BlankLines();
}
