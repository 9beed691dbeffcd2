using System.Collections.Frozen;
using System.Globalization;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.RegularExpressions;
using Fluid;
using Fluid.Ast;
using Fluid.Values;

namespace LicenseFunctions.Infrastructure.Mail;

/// <summary>The mails of one language, parsed.</summary>
internal sealed partial class MailLanguage
{
    private MailLanguage(
        string name, FrozenDictionary<string, IFluidTemplate> mails, FrozenDictionary<string, IFluidTemplate> layouts,
        TemplateOptions options) => (Name, Mails, Layouts, Options) = (name, mails, layouts, options);

    /// <summary>For example de.</summary>
    public string Name { get; }

    public FrozenDictionary<string, IFluidTemplate> Mails { get; }

    /// <summary>The frame of a mail, by its format: txt or html.</summary>
    public FrozenDictionary<string, IFluidTemplate> Layouts { get; }

    public TemplateOptions Options { get; }

    public static MailLanguage Of(string name, LanguageFile file)
    {
        var parser = new FluidParser();
        var blocks = Formats.SelectMany(format => Blocks.Concat(BlocksWithValue).Select(block => $"{block}.{format}"))
            .ToFrozenDictionary(block => block, block => parser.Parse(LanguageFile.ReadResource($"blocks/{block}")));
        foreach (var block in Blocks)
        {
            parser.RegisterEmptyBlock(block, (content, output, encoder, context) =>
                WriteAsync(blocks, block, null, content, output, encoder, context));
        }

        foreach (var block in BlocksWithValue)
        {
            parser.RegisterExpressionBlock(block, (value, content, output, encoder, context) =>
                WriteAsync(blocks, block, value, content, output, encoder, context));
        }

        foreach (var (phraseName, phrase) in Parse(file.All("phrase")))
        {
            parser.RegisterEmptyTag(phraseName, async (output, encoder, context) =>
            {
                await phrase.RenderAsync(output, encoder, context);
                return Completion.Normal;
            });
        }

        return new MailLanguage(
            name, Parse(file.All("mail")),
            Parse(Formats.ToDictionary(format => format, format => LanguageFile.ReadResource($"layout.{format}"))),
            CreateOptions(file.Read<LanguageFormats>("formats"), file.Read<Dictionary<string, string>>("countries").ToFrozenDictionary()));

        FrozenDictionary<string, IFluidTemplate> Parse(IReadOnlyDictionary<string, string> templates) =>
            templates.ToFrozenDictionary(template => template.Key, template => parser.Parse(template.Value));
    }

    private static readonly string[] Formats = [MailTemplates.Text, MailTemplates.Html];

    private static readonly string[] Blocks = ["p", "b", "facts", "item", "title"];

    // With a value: {% button "/app/licenses" %}, {% fact "Amount" %}.
    private static readonly string[] BlocksWithValue = ["fact", "button", "link"];

    private static CultureInfo CultureOf(LanguageFormats formats)
    {
        var culture = (CultureInfo)CultureInfo.InvariantCulture.Clone();
        // .NET expects a thirteenth month.
        culture.DateTimeFormat.MonthNames = culture.DateTimeFormat.MonthGenitiveNames = [.. formats.Months, ""];
        culture.NumberFormat.NumberDecimalSeparator = formats.DecimalSeparator;
        culture.NumberFormat.NumberGroupSeparator = formats.GroupSeparator;
        return CultureInfo.ReadOnly(culture);
    }

    /// <param name="countries">The names of countries by their codes.</param>
    private static TemplateOptions CreateOptions(LanguageFormats formats, FrozenDictionary<string, string> countries)
    {
        var culture = CultureOf(formats);
        var options = new TemplateOptions { CultureInfo = culture, TimeZone = TimeZoneInfo.Utc };
        foreach (var (filter, format) in ((string, string)[])[("utc", formats.Time), ("day", formats.Day)])
        {
            options.Filters.AddFilter(filter, (input, _, context) => input.TryGetDateTimeInput(context, out var at)
                ? new StringValue(at.ToUniversalTime().ToString(format, culture))
                : NilValue.Instance);
        }

        options.Filters.AddFilter("usd", (input, _, _) => input.IsNil()
            ? NilValue.Instance
            : new StringValue(input.ToNumberValue().ToString(formats.Usd, culture)));
        // A count, or another number: the decimals stay as they are.
        options.Filters.AddFilter("grouped", (number, _, _) => number.IsNil()
            ? NilValue.Instance
            : new StringValue(Grouped(number.ToStringValue(), culture)));
        // {{ amount | amount: currency }}: US dollars as elsewhere, another currency by its code and with the decimals that it has.
        options.Filters.AddFilter("amount", (number, currency, _) => number.IsNil() ? NilValue.Instance : new StringValue(
            currency.At(0).ToStringValue() is not "USD" and var code
                ? $"{Grouped(number.ToStringValue(), culture)} {code}"
                : number.ToNumberValue().ToString(formats.Usd, culture)));
        // {{ minutes | count: "minute", "minutes" }}, with as many forms as the language has.
        var plurals = new PluralRules(formats.Plurals.Values);
        options.Filters.AddFilter("count", (input, words, _) =>
        {
            if (words.Count != plurals.Forms)
                throw new FormatException($"count has {words.Count} forms of a word; the language has {plurals.Forms}.");
            var number = (long)Math.Round(input.ToNumberValue(), MidpointRounding.AwayFromZero);
            return new StringValue($"{number.ToString("#,##0", culture)} {words.At(plurals.FormOf(number)).ToStringValue()}");
        });
        options.Filters.AddFilter("country", (code, _, _) =>
            countries.TryGetValue(code.ToStringValue(), out var country) ? new StringValue(country) : NilValue.Instance);
        options.Filters.AddFilter("in_language", static (page, arguments, _) => arguments.At(0) is var language && language.IsNil()
            ? page
            : new StringValue(AddLanguage(page.ToStringValue(), language.ToStringValue())));
        options.Filters.AddFilter("one_line", static (input, _, _) => new StringValue(
            WhiteSpace().Replace(input.ToStringValue(), " ").Trim(), encode: false));
        options.Filters.AddFilter("lines", static (input, _, _) => new StringValue(
            LineBreaks().Replace(input.ToStringValue().Trim(), "\n"), encode: false));
        return options;
    }

    private static string Grouped(string number, CultureInfo culture)
    {
        if (!decimal.TryParse(number, NumberStyles.Number, CultureInfo.InvariantCulture, out var value))
            return number;
        var point = number.IndexOf('.', StringComparison.Ordinal);
        return value.ToString($"N{(point < 0 ? 0 : number.Length - point - 1)}", culture);
    }

    private static string AddLanguage(string page, string language)
    {
        var fragment = page.IndexOf('#', StringComparison.Ordinal) is >= 0 and var at ? at : page.Length;
        var separator = page.AsSpan(0, fragment).Contains('?') ? '&' : '?';
        return $"{page[..fragment]}{separator}lang={language}{page[fragment..]}";
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
            await blocks[$"{block}.{context.AmbientValues[MailTemplates.Format]}"].RenderAsync(output, encoder, context);
        }
        finally
        {
            context.ReleaseScope();
        }

        return end;
    }

    [GeneratedRegex(@"\s*\n\s*")]
    private static partial Regex LineBreaks();

    // Not a space that holds an amount and its currency together.
    [GeneratedRegex(@"[\s-[\u00a0]]+")]
    private static partial Regex WhiteSpace();
}
