using System.Collections.Frozen;
using System.Globalization;
using System.Reflection;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.RegularExpressions;
using Fluid;
using Fluid.Ast;
using Fluid.Values;

namespace LicenseFunctions.Infrastructure.Mail;

/// <summary>The mails of one language, from its folder, its formats of times and amounts, and its names of countries.</summary>
internal sealed partial class MailLanguage
{
    private const string Prefix = "mail/";
    private const string FormatsFile = "/language.json";
    private const string CountriesFile = "/countries.json";

    private MailLanguage(string name, FrozenDictionary<string, IFluidTemplate> files, TemplateOptions options) =>
        (Name, Files, Options) = (name, files, options);

    /// <summary>The name of the folder, for example de.</summary>
    public string Name { get; }

    /// <summary>The mails, and the two layouts.</summary>
    public FrozenDictionary<string, IFluidTemplate> Files { get; }

    public TemplateOptions Options { get; }

    /// <summary>
    /// Every folder with formats is a language. It is parsed when its first mail is rendered: parsing all templates takes a quarter of the
    /// start time.
    /// </summary>
    public static FrozenDictionary<string, Lazy<MailLanguage>> FindAll() => Resources()
        .Where(name => name.EndsWith(FormatsFile, StringComparison.Ordinal)).Select(name => name[Prefix.Length..^FormatsFile.Length])
        .ToFrozenDictionary(name => name, name => new Lazy<MailLanguage>(() => Read(name)));

    private static IEnumerable<string> Resources() => Assembly.GetExecutingAssembly().GetManifestResourceNames()
        .Where(name => name.StartsWith(Prefix, StringComparison.Ordinal));

    private static MailLanguage Read(string name)
    {
        var sources = new Dictionary<string, string>(StringComparer.Ordinal);
        foreach (var resource in Resources())
        {
            using var reader = new StreamReader(Assembly.GetExecutingAssembly().GetManifestResourceStream(resource)!);
            sources.Add(resource[Prefix.Length..], reader.ReadToEnd());
        }

        return Read(name, sources);
    }

    private static MailLanguage Read(string name, Dictionary<string, string> sources)
    {
        var parser = new FluidParser();
        var blocks = Parse("blocks");
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

        foreach (var (phraseName, phrase) in Parse(name + "/phrases"))
        {
            parser.RegisterEmptyTag(Path.GetFileNameWithoutExtension(phraseName), async (output, encoder, context) =>
            {
                await phrase.RenderAsync(output, encoder, context);
                return Completion.Normal;
            });
        }

        var formats = JsonSerializer.Deserialize<Formats>(sources[name + FormatsFile], Formats.Json)!;
        var countries = JsonSerializer.Deserialize<Dictionary<string, string>>(sources[name + CountriesFile])!.ToFrozenDictionary();
        return new MailLanguage(name, Parse("").Concat(Parse(name)).ToFrozenDictionary(), CreateOptions(formats, countries));

        FrozenDictionary<string, IFluidTemplate> Parse(string folder) => sources
            .Where(file => file.Key[..Math.Max(file.Key.LastIndexOf('/'), 0)] == folder
                && !file.Key.EndsWith(".json", StringComparison.Ordinal))
            .ToFrozenDictionary(file => file.Key[(file.Key.LastIndexOf('/') + 1)..], file => parser.Parse(file.Value));
    }

    /// <summary>How a language writes times and amounts. The process runs without ICU, so .NET has no cultures.</summary>
    /// <param name="Months">The names of the months as in a date.</param>
    /// <param name="Day">A format of .NET, without the year.</param>
    /// <param name="Time">A format of .NET, with the zone.</param>
    private sealed record Formats(string[] Months, string Day, string Time, string DecimalSeparator, string GroupSeparator)
    {
        public static readonly JsonSerializerOptions Json = new() { PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower };

        public CultureInfo ToCulture()
        {
            var culture = (CultureInfo)CultureInfo.InvariantCulture.Clone();
            // .NET expects a thirteenth month.
            culture.DateTimeFormat.MonthNames = culture.DateTimeFormat.MonthGenitiveNames = [.. Months, ""];
            culture.NumberFormat.NumberDecimalSeparator = DecimalSeparator;
            culture.NumberFormat.NumberGroupSeparator = GroupSeparator;
            return CultureInfo.ReadOnly(culture);
        }
    }

    /// <param name="countries">The names of countries by their codes.</param>
    private static TemplateOptions CreateOptions(Formats formats, FrozenDictionary<string, string> countries)
    {
        var culture = formats.ToCulture();
        var options = new TemplateOptions { CultureInfo = culture, TimeZone = TimeZoneInfo.Utc };
        foreach (var (filter, format) in ((string, string)[])[("utc", formats.Time), ("day", formats.Day)])
        {
            options.Filters.AddFilter(filter, (input, _, context) => input.TryGetDateTimeInput(context, out var at)
                ? new StringValue(at.ToUniversalTime().ToString(format, culture))
                : NilValue.Instance);
        }

        options.Filters.AddFilter("usd", (input, _, _) => input.IsNil()
            ? NilValue.Instance
            : new StringValue(input.ToNumberValue().ToString("#,##0.00 'USD'", culture)));
        // An amount of any currency, or a count: the decimals stay as they are.
        options.Filters.AddFilter("grouped", (number, _, _) => number.IsNil()
            ? NilValue.Instance
            : new StringValue(Grouped(number.ToStringValue(), culture)));
        // {{ minutes | count: "minute", "minutes" }}: languages with more forms need a filter of their own.
        options.Filters.AddFilter("count", (number, words, _) => new StringValue(
            $"{number.ToNumberValue().ToString("#,##0", culture)} {words.At(number.ToNumberValue() == 1 ? 0 : 1).ToStringValue()}"));
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

    [GeneratedRegex(@"\s+")]
    private static partial Regex WhiteSpace();
}
