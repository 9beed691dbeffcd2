using System.Collections.Frozen;
using System.Globalization;
using System.Reflection;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using Fluid;
using Fluid.Ast;
using Fluid.Values;

namespace LicenseFunctions.Infrastructure.Mail;

/// <param name="Subject">A single line.</param>
public sealed record RenderedMail(string Subject, string Text, string Html);

/// <summary>
/// The mails as Liquid templates. NAME.liquid is rendered twice, so that text and HTML say the same: a block such as {% p %} is written by
/// blocks/p.txt or blocks/p.html, and layout.txt or layout.html frames the content. A tag such as {% close_only_text %} inserts the phrase
/// with this name. A template captures its subject, and the preheader that mail programs show beside it. Values of the model are escaped in
/// the HTML. A value that is missing in the model is empty.
/// </summary>
/// <param name="closeOnly">How long EAs may close their positions after the end of a license; zero: not at all.</param>
/// <param name="hasInvoices">Whether payments have invoices.</param>
public sealed partial class MailTemplates(TimeSpan closeOnly = default, Brand? brand = null, bool hasInvoices = false)
{
    private const string Prefix = "mail/";
    private const string Extension = ".liquid";
    private const string Format = "format";
    private const string Text = "txt";
    private const string Html = "html";
    private const string Subject = "subject";

    // A master's name in a subject. Subjects of up to 78 characters are shown without a break.
    private const int LongestName = 28;

    private static readonly FrozenDictionary<string, IFluidTemplate> Files = Read();
    private static readonly TemplateOptions Options = CreateOptions();

    private readonly Brand brand = brand ?? Brand.Default;

    public static IEnumerable<string> Names =>
        Files.Keys.Where(file => file.EndsWith(Extension, StringComparison.Ordinal)).Select(file => file[..^Extension.Length]);

    /// <param name="model">
    /// The model of the outbox row. Its field licenses has the names for the IDs of licenses, as the SQL function mail_licenses returns
    /// them.
    /// </param>
    /// <param name="publicUrl">Base address of links, without a trailing slash; null for a mail without links.</param>
    /// <exception cref="KeyNotFoundException">There is no such template.</exception>
    public RenderedMail Render(string name, JsonObject model, string? publicUrl)
    {
        var template = Files[name + Extension];
        var asText = Context(name, model, publicUrl, Text);
        var text = Render(template, asText, Text, NullEncoder.Default);
        var asHtml = Context(name, model, publicUrl, Html);
        var html = Render(template, asHtml, Html, HtmlEncoder.Default, asText);
        return new RenderedMail(
            asText.GetValue(Subject).ToStringValue(), BlankLines().Replace(text, "\n\n").Trim() + "\n", html);
    }

    /// <param name="plain">The context in which subject and preheader were captured without an encoding; null for this one.</param>
    private static string Render(
        IFluidTemplate template, TemplateContext context, string format, TextEncoder encoder, TemplateContext? plain = null)
    {
        var content = template.Render(context, encoder, isolateContext: false);
        foreach (var captured in (string[])[Subject, "preheader"])
            context.SetValue(captured, new StringValue((plain ?? context).GetValue(captured).ToStringValue().Trim()));
        context.SetValue("content", new StringValue(content.Trim(), encode: false));
        return Files["layout." + format].Render(context, encoder, isolateContext: false);
    }

    private TemplateContext Context(string name, JsonObject model, string? publicUrl, string format)
    {
        var context = new TemplateContext(model, Options, allowModelMembers: false);
        context.AmbientValues[Format] = format;
        if (publicUrl is not null)
            context.SetValue("public_url", publicUrl);
        if (closeOnly > TimeSpan.Zero)
            context.SetValue("close_only_days", (int)closeOnly.TotalDays);
        context.SetValue("has_invoices", hasInvoices);
        context.SetValue("brand", new JsonObject
        {
            ["name"] = brand.Name,
            ["color"] = brand.Color,
            ["logo_url"] = brand.LogoUrl?.AbsoluteUri,
            ["support_email"] = brand.SupportEmail,
        });
        context.SetValue("is_for_operators", name.StartsWith("operator_", StringComparison.Ordinal));
        if (model["subscription_id"]?.ToString() is { } license && (model["licenses"] as JsonObject)?[license]?["master"] is { } master)
        {
            context.SetValue("master", master.ToString());
            context.SetValue("for_master", " for " + Shorten(master.ToString()));
        }

        return context;
    }

    private static string Shorten(string name) => name.Length <= LongestName ? name : name[..(LongestName - 1)].TrimEnd() + "…";

    private static TemplateOptions CreateOptions()
    {
        // The names of months and the format of numbers must not depend on the server's language.
        var options = new TemplateOptions { CultureInfo = CultureInfo.InvariantCulture, TimeZone = TimeZoneInfo.Utc };
        options.Filters.AddFilter("utc", static (input, _, context) => input.TryGetDateTimeInput(context, out var at)
            ? new StringValue(at.ToUniversalTime().ToString("MMMM d, yyyy, HH:mm 'UTC'", CultureInfo.InvariantCulture))
            : NilValue.Instance);
        options.Filters.AddFilter("usd", static (input, _, _) => input.IsNil()
            ? NilValue.Instance
            : new StringValue(input.ToNumberValue().ToString("0.00 'USD'", CultureInfo.InvariantCulture)));
        options.Filters.AddFilter("one_line", static (input, _, _) => new StringValue(
            WhiteSpace().Replace(input.ToStringValue(), " ").Trim(), encode: false));
        options.Filters.AddFilter("lines", static (input, _, _) => new StringValue(
            LineBreaks().Replace(input.ToStringValue().Trim(), "\n"), encode: false));
        return options;
    }

    private static FrozenDictionary<string, IFluidTemplate> Read()
    {
        var sources = new Dictionary<string, string>(StringComparer.Ordinal);
        var assembly = Assembly.GetExecutingAssembly();
        foreach (var name in assembly.GetManifestResourceNames().Where(name => name.StartsWith(Prefix, StringComparison.Ordinal)))
        {
            using var reader = new StreamReader(assembly.GetManifestResourceStream(name)!);
            sources.Add(name[Prefix.Length..], reader.ReadToEnd());
        }

        var parser = new FluidParser();
        var blocks = Parse("blocks/");
        foreach (var block in (string[])["p", "b", "facts", "item", "title"])
        {
            parser.RegisterEmptyBlock(block, (content, output, encoder, context) =>
                WriteAsync(blocks, block, null, content, output, encoder, context));
        }

        // With a value: {% button "/app/licenses" %}, {% fact "Amount" %}.
        foreach (var block in (string[])["fact", "button", "link"])
        {
            parser.RegisterExpressionBlock(block, (value, content, output, encoder, context) =>
                WriteAsync(blocks, block, value, content, output, encoder, context));
        }

        foreach (var (name, phrase) in Parse("phrases/"))
        {
            parser.RegisterEmptyTag(Path.GetFileNameWithoutExtension(name), async (output, encoder, context) =>
            {
                await phrase.RenderAsync(output, encoder, context);
                return Completion.Normal;
            });
        }

        return Parse("");

        FrozenDictionary<string, IFluidTemplate> Parse(string folder) => sources
            .Where(file => Path.GetDirectoryName(file.Key) == folder.TrimEnd('/'))
            .ToFrozenDictionary(file => file.Key[folder.Length..], file => parser.Parse(file.Value));
    }

    private static async ValueTask<Completion> WriteAsync(
        FrozenDictionary<string, IFluidTemplate> blocks, string block, Expression? value, IReadOnlyList<Statement> content,
        TextWriter output, TextEncoder encoder, TemplateContext context)
    {
        await using var inner = new StringWriter(new StringBuilder(), CultureInfo.InvariantCulture);
        var end = await content.RenderStatementsAsync(inner, encoder, context);
        context.EnterChildScope();
        try
        {
            context.SetValue("content", new StringValue(inner.ToString().Trim(), encode: false));
            context.SetValue("value", value is null ? NilValue.Instance : await value.EvaluateAsync(context));
            await blocks[$"{block}.{context.AmbientValues[Format]}"].RenderAsync(output, encoder, context);
        }
        finally
        {
            context.ReleaseScope();
        }

        return end;
    }

    [GeneratedRegex(@"\s*\n\s*\n\s*")]
    private static partial Regex BlankLines();

    [GeneratedRegex(@"\s*\n\s*")]
    private static partial Regex LineBreaks();

    [GeneratedRegex(@"\s+")]
    private static partial Regex WhiteSpace();
}
