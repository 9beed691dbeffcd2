using System.Collections.Frozen;
using System.Globalization;
using System.Reflection;
using System.Text.Encodings.Web;
using System.Text.Json.Nodes;
using Fluid;

namespace LicenseFunctions.Infrastructure.Mail;

/// <param name="Subject">One line.</param>
public sealed record RenderedMail(string Subject, string Text, string Html);

/// <summary>
/// The mails as Liquid files: NAME.txt, whose first line is the subject, and NAME.html, which layout.html surrounds. What comes from
/// the model is escaped in the HTML; a name that a model doesn't have is empty.
/// </summary>
public sealed class MailTemplates
{
    private const string Prefix = "mail/";

    // Months and numbers as in every mail of ours, whatever the server's language is.
    private static readonly TemplateOptions Options = new() { CultureInfo = CultureInfo.InvariantCulture, TimeZone = TimeZoneInfo.Utc };

    private readonly FrozenDictionary<string, IFluidTemplate> files = Read();

    public IEnumerable<string> Names => files.Keys.Where(file => file.EndsWith(".html", StringComparison.Ordinal)).Select(file => file[..^5]).Except(["layout"]);

    /// <param name="model">What the outbox row carries.</param>
    /// <param name="publicUrl">Where links lead, without a slash at its end; null = a mail without links.</param>
    /// <exception cref="KeyNotFoundException">There is no such template.</exception>
    public RenderedMail Render(string name, JsonObject model, string? publicUrl)
    {
        // One wording of a decline for the text and the HTML of every mail that tells of one.
        var told = new JsonObject(model.Select(field => KeyValuePair.Create(field.Key, field.Value?.DeepClone())))
        {
            ["reason_text"] = Fill(files["reason.txt"], model, publicUrl, NullEncoder.Default).Trim(),
        };
        var text = Fill(files[name + ".txt"], told, publicUrl, NullEncoder.Default).TrimStart();
        var end = text.IndexOf('\n', StringComparison.Ordinal);
        var subject = text[..end].Trim();
        var html = Fill(files[name + ".html"], told, publicUrl, HtmlEncoder.Default);
        return new RenderedMail(
            subject,
            text[end..].Trim() + "\n" + Fill(files["layout.txt"], [], publicUrl, NullEncoder.Default),
            Fill(files["layout.html"], new JsonObject { ["subject"] = subject, ["content"] = html }, publicUrl, HtmlEncoder.Default));
    }

    private static string Fill(IFluidTemplate template, JsonObject model, string? publicUrl, TextEncoder encoder)
    {
        var context = new TemplateContext(model, Options, allowModelMembers: false);
        if (publicUrl is not null)
            context.SetValue("public_url", publicUrl);
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
