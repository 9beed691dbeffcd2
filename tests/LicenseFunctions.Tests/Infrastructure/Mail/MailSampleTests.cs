using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using LicenseFunctions.Infrastructure.Mail;
using LicenseFunctions.Tests.Support;
using MimeKit.Text;
using Xunit;

namespace LicenseFunctions.Tests.Infrastructure.Mail;

/// <summary>
/// Every mail with realistic data. tests/dashboard/mails.test.mjs sends the same samples, and looks at them in a browser.
/// </summary>
public sealed partial class MailSampleTests
{
    private const string Site = "https://licenses.example.com";
    private const string Master = "alpine.trend";
    private const string Customer = "nora.lindqvist@example.com";

    private static readonly MailTemplates Templates = new(
        TimeSpan.FromDays(30), new Brand("Northwind Signals", "#4b3fc9", null, "help@northwind.example"), linksToInvoices: true);

    private static readonly Dictionary<string, (string Greeting, string Why)> Frames = new()
    {
        ["en"] = ("Hello,", "You receive this email because"),
        ["de"] = ("Guten Tag,", "Sie erhalten diese E-Mail, weil"),
    };

    /// <summary>Each sample in each language that it has.</summary>
    public static TheoryData<string, string> Cases =>
    [
        .. from sample in MailSamples.All
           from language in MailTemplates.Languages
           where language == "en" || !MailTemplates.IsForOperators((string)sample.Value["template"]!)
           select (sample.Key, language),
    ];

    [Fact]
    public void Samples_AreOfEveryTemplate() =>
        Assert.Equal(MailTemplates.Names.Order(), MailSamples.All.Values.Select(sample => (string)sample["template"]!).Distinct().Order());

    [Theory]
    [MemberData(nameof(Cases))]
    public void Render_Sample_NamesTheLicenseAndHasOneButton(string name, string language)
    {
        var (template, mail) = Render(name, language, Master);
        var page = Read(mail.Html);
        var visible = page.Text;
        var text = Address().Replace(mail.Text, "");

        Assert.InRange(mail.Subject.Length, 10, 78);
        Assert.InRange(Render(name, language, new string('m', 64)).Mail.Subject.Length, 10, 78);
        Assert.Contains($"<html lang=\"{language}\">", mail.Html, StringComparison.Ordinal);
        Assert.Contains($"\n{Frames[language].Greeting}\n", mail.Text, StringComparison.Ordinal);
        Assert.Contains(Frames[language].Greeting, visible, StringComparison.Ordinal);
        Assert.Contains("Northwind Signals", visible, StringComparison.Ordinal);
        Assert.Contains("help@northwind.example", visible, StringComparison.Ordinal);
        Assert.Contains(Frames[language].Why, visible, StringComparison.Ordinal);
        Assert.InRange(page.Preheader.Length, 10, 140);
        Assert.NotEqual(mail.Subject, page.Preheader);
        Assert.All([mail.Subject, page.Preheader, visible, text], part =>
        {
            Assert.DoesNotMatch(Id(), part);
            Assert.DoesNotMatch(Unfilled(), part);
        });
        if (language != "en")
            Assert.All([mail.Subject, page.Preheader, visible, text], part => Assert.DoesNotMatch(EnglishWord(), part));
        if (!MailTemplates.IsForOperators(template))
            Assert.All([mail.Subject, visible, mail.Text], part => Assert.Contains(Master, part, StringComparison.Ordinal));
        else if (mail.Html.Contains(">License<", StringComparison.Ordinal))
            Assert.All([Master, Customer], words => Assert.Contains(words, visible, StringComparison.Ordinal));

        // The words are the same and in the same order; the text has the addresses of the links in addition.
        Assert.Equal(Words(visible), Words(text));

        var button = Assert.Single(page.Links, link => link.IsButton);
        var inLanguage = MailTemplates.IsForOperators(template) ? "^$" : $@"^\?((renew|add=[0-9a-f-]+)&)?lang={language}$";
        Assert.All(page.Links.Where(link => link.Address != "mailto:help@northwind.example"), link =>
        {
            Assert.StartsWith(Site + "/app/", link.Address, StringComparison.Ordinal);
            var parts = Link.Parts().Match(link.Address[(Site.Length + 4)..]);
            Assert.True(IsRoute(parts.Groups["path"].Value), $"{link.Address} is not a page");
            Assert.Matches(inLanguage, parts.Groups["query"].Value);
        });
        Assert.Contains($": {button.Address}\n", mail.Text, StringComparison.Ordinal);
        Assert.DoesNotContain("<img", mail.Html, StringComparison.Ordinal);
    }

    public static TheoryData<string> OfAlerts =>
        [.. MailSamples.All.Where(sample => sample.Value["model"]!["alerts"] is not null).Select(sample => sample.Key)];

    [Theory]
    [MemberData(nameof(OfAlerts))]
    public void Render_AlertsToOperators_HaveALinkToEachAlert(string name)
    {
        var links = Read(Render(name, "en", Master).Mail.Html).Links.Select(link => link.Address).ToList();

        Assert.All(
            MailSamples.Model(name)["alerts"]!.AsArray(), alert => Assert.Contains($"{Site}/app/alerts/{alert!["alert_id"]}", links));
    }

    [Fact]
    public void Render_Logo_HasTheNameForReadersWithoutImages()
    {
        var brand = Brand.Default with { Name = "A & B", LogoUrl = new Uri("https://www.example.com/logo.png") };

        var mail = new MailTemplates(brand: brand).Render("renewed", [], Site);

        Assert.Contains("""src="https://www.example.com/logo.png" alt="A &amp; B" """, mail.Html, StringComparison.Ordinal);
        Assert.StartsWith("A & B\n", mail.Text, StringComparison.Ordinal);
    }

    private static (string Template, RenderedMail Mail) Render(string name, string language, string master)
    {
        var model = MailSamples.Model(name);
        model["licenses"] = new JsonObject(Id().Matches(model.ToJsonString()).Select(id => id.Value).Distinct().Select(id =>
            KeyValuePair.Create<string, JsonNode?>(id, new JsonObject { ["master"] = master, ["customer"] = Customer })));
        var template = (string)MailSamples.All[name]["template"]!;
        return (template, Templates.Render(template, model, Site, language));
    }

    private sealed partial record Link(string Address, bool IsButton)
    {
        [GeneratedRegex(@"^(?<path>[^?#]*)(?<query>\?[^#]*)?(#.*)?$")]
        public static partial Regex Parts();
    }

    private sealed record Page(string Text, string Preheader, IReadOnlyList<Link> Links);

    /// <summary>Reads what a mail program shows.</summary>
    private static Page Read(string html)
    {
        var tokens = new HtmlTokenizer(new StringReader(html)) { DecodeCharacterReferences = true };
        var (text, preheader, links) = ("", "", new List<Link>());
        var (isHidden, isPreheader, isButton) = (false, false, false);
        while (tokens.ReadNextToken(out var token))
        {
            if (token is HtmlDataToken data && token.Kind == HtmlTokenKind.Data)
            {
                if (isPreheader) preheader += data.Data;
                else if (!isHidden) text += data.Data;
                continue;
            }

            if (token is not HtmlTagToken tag)
                continue;
            string Value(string attribute) => tag.Attributes.FirstOrDefault(one => one.Name == attribute)?.Value ?? "";
            if (tag.Name is "style" or "title") isHidden = !tag.IsEndTag;
            else if (tag.Name == "div") isPreheader = !tag.IsEndTag;
            else if (tag.Name == "td" && !tag.IsEndTag) isButton = Value("class") == "button";
            else if (tag.Name == "a" && !tag.IsEndTag) links.Add(new Link(Value("href"), isButton));
            if (tag.Name is not ("strong" or "a" or "span"))
                text += "\n";
        }

        return new Page(text, preheader.Split('\u034f')[0].Trim(), links);
    }

    private static IEnumerable<string> Words(string text) => Word().Matches(text).Select(word => word.Value);

    private static bool IsRoute(string path)
    {
        var routes = Route().Matches(Repository.Read("src/dashboard/src/App.tsx")).Select(route => route.Groups[1].Value)
            .SelectMany(route => route.EndsWith("/*?", StringComparison.Ordinal)
                ? RouteOfLicense().Matches(Repository.Read("src/dashboard/src/customer/License.tsx"))
                    .Select(tab => $"{route[..^3]}{tab.Groups[1].Value}").Append(route[..^3])
                : [route])
            .Where(route => !route.Contains('*', StringComparison.Ordinal));
        var parts = path.Split('/');
        return routes.Select(route => route.Split('/')).Any(route => route.Length == parts.Length
            && route.Zip(parts).All(pair => pair.First.StartsWith(':') ? pair.Second.Length > 0 : pair.First == pair.Second));
    }

    [GeneratedRegex("path=\"([^\"]+)\"")]
    private static partial Regex Route();

    [GeneratedRegex(@"path=\{`\$\{base\}([^`]*)`\}")]
    private static partial Regex RouteOfLicense();

    [GeneratedRegex("[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")]
    private static partial Regex Id();

    // What a missing value would leave: a gap, a sign without a word before it, or a phrase that ends too early.
    [GeneratedRegex(@"\{\{|\{%|\S  +\S| [.,:;)]|\(\)|\bnull\b|\b(for|für)[.,]|[.,][.,]|: *(\n|$)")]
    private static partial Regex Unfilled();

    [GeneratedRegex(@"\b(the|your|you|and|not|please|license|renewal|card|until|on)\b", RegexOptions.IgnoreCase)]
    private static partial Regex EnglishWord();

    [GeneratedRegex(@":? ?https?://\S+")]
    private static partial Regex Address();

    [GeneratedRegex(@"[\p{L}\p{N}@.’“”-]*[\p{L}\p{N}]")]
    private static partial Regex Word();
}
