using System.Collections.Frozen;
using System.Globalization;
using System.Reflection;
using System.Text.Encodings.Web;
using System.Text.Json.Nodes;
using Fluid;

namespace LicenseFunctions.Infrastructure.Mail;

/// <param name="Subject">A single line.</param>
public sealed record RenderedMail(string Subject, string Text, string Html);

/// <summary>
/// The mails as Liquid templates: NAME.txt, whose first line is the subject, and NAME.html, which is inserted in layout.html. Values of the
/// model are escaped in the HTML. A value that is missing in the model is empty.
/// </summary>
/// <param name="closeOnly">How long EAs may close their positions after the end of a license; zero: not at all.</param>
public sealed class MailTemplates(TimeSpan closeOnly = default)
{
    private const string Prefix = "mail/";

    // The names of months and the format of numbers must not depend on the server's language.
    private static readonly TemplateOptions Options = new() { CultureInfo = CultureInfo.InvariantCulture, TimeZone = TimeZoneInfo.Utc };

    private readonly FrozenDictionary<string, IFluidTemplate> files = Read();

    public IEnumerable<string> Names =>
        files.Keys.Where(file => file.EndsWith(".html", StringComparison.Ordinal)).Select(file => file[..^5]).Except(["layout"]);

    /// <param name="model">The model of the outbox row.</param>
    /// <param name="publicUrl">Base address of links, without a trailing slash; null for a mail without links.</param>
    /// <exception cref="KeyNotFoundException">There is no such template.</exception>
    public RenderedMail Render(string name, JsonObject model, string? publicUrl)
    {
        // These explanations are the same in several mails, in text and in HTML.
        var extended = new JsonObject(model.Select(field => KeyValuePair.Create(field.Key, field.Value?.DeepClone())))
        {
            ["reason_text"] = Fill(files["reason.txt"], model, publicUrl, NullEncoder.Default).Trim(),
            ["close_only_text"] = Fill(files["close_only.txt"], model, publicUrl, NullEncoder.Default).Trim(),
        };
        var text = Fill(files[name + ".txt"], extended, publicUrl, NullEncoder.Default).TrimStart();
        var end = text.IndexOf('\n', StringComparison.Ordinal);
        var subject = text[..end].Trim();
        var html = Fill(files[name + ".html"], extended, publicUrl, HtmlEncoder.Default);
        var layout = new JsonObject { ["template"] = name, ["subject"] = subject, ["content"] = html };
        return new RenderedMail(
            subject,
            text[end..].Trim() + "\n" + Fill(files["layout.txt"], layout, publicUrl, NullEncoder.Default),
            Fill(files["layout.html"], layout, publicUrl, HtmlEncoder.Default));
    }

    private string Fill(IFluidTemplate template, JsonObject model, string? publicUrl, TextEncoder encoder)
    {
        var context = new TemplateContext(model, Options, allowModelMembers: false);
        if (publicUrl is not null)
            context.SetValue("public_url", publicUrl);
        if (closeOnly > TimeSpan.Zero)
            context.SetValue("close_only_days", (int)closeOnly.TotalDays);
        return template.Render(context, encoder);
    }

    private static FrozenDictionary<string, IFluidTemplate> Read()
    {
        var parser = new FluidParser();
        var assembly = Assembly.GetExecutingAssembly();
        return assembly.GetManifestResourceNames().Where(name => name.StartsWith(Prefix, StringComparison.Ordinal)).ToFrozenDictionary(
            name => name[Prefix.Length..],
            name =>
            {
                using var reader = new StreamReader(assembly.GetManifestResourceStream(name)!);
                return parser.Parse(reader.ReadToEnd());
            });
    }
}
