using System.Globalization;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using LicenseFunctions.Infrastructure.Mail;
using LicenseFunctions.Tests.Support;
using Licensing;
using Licensing.Invoices;
using Licensing.Suspicion;
using Licensing.Troubles;
using Xunit;

namespace LicenseFunctions.Tests.Infrastructure.Mail;

public sealed partial class MailTemplatesTests
{
    private static readonly MailTemplates Templates = new();

    public static TheoryData<string, string> Mails =>
        [.. MailTemplates.Languages.SelectMany(language => MailTemplates.NamesIn(language).Select(name => (name, language)))];

    [Theory]
    [MemberData(nameof(Mails))]
    public void Render_WithAnEmptyModel_ContainsNoTemplateSyntaxAndNoLink(string name, string language)
    {
        var mail = Templates.Render(name, [], publicUrl: null, language);

        Assert.InRange(mail.Subject.Length, 5, 78);
        Assert.All([mail.Subject, mail.Text, mail.Html], part =>
        {
            Assert.DoesNotContain("{{", part, StringComparison.Ordinal);
            Assert.DoesNotContain("{%", part, StringComparison.Ordinal);
            Assert.DoesNotContain("href=", part, StringComparison.Ordinal);
        });
    }

    [Theory]
    [MemberData(nameof(Mails))]
    public void Render_TextOfCustomers_IsEscapedInHtmlAndUnchangedInText(string name, string language)
    {
        const string evil = "<script>alert('x')</script>";
        var model = new JsonObject
        {
            ["subscription_id"] = "L-1",
            ["licenses"] = Licenses("L-1", evil),
            ["host"] = evil,
            ["reason"] = evil,
            ["note"] = evil,
            ["description"] = evil,
            ["error"] = evil,
            ["link"] = "/app/#" + evil,
            ["last_four"] = evil,
            ["amount_usd"] = 30m,
            ["old_amount_usd"] = 20m,
            ["days"] = 3,
            ["alerts"] = new JsonArray(new JsonObject
            {
                ["severity"] = "HIGH",
                ["activity_type"] = "X",
                ["subscription_id"] = "L-1",
                ["description"] = evil,
            }),
            ["troubles"] = new JsonArray(new JsonObject { ["cause"] = "TIMER_LATE", ["subject"] = evil }),
            ["payments"] = new JsonArray(new JsonObject { ["reason"] = "dispute", ["subject"] = evil, ["subscription_id"] = "L-1" }),
        };

        var mail = Templates.Render(name, model, "https://licenses.example.com", language);

        Assert.DoesNotContain("<script>", mail.Html, StringComparison.Ordinal);
        Assert.Contains("&lt;script&gt;", mail.Html, StringComparison.Ordinal);
        Assert.Contains(evil, mail.Text, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("suspended", "OPERATOR", 30, "Expert advisors that have used this license for more than a day can still manage")]
    [InlineData("suspended", "EXPIRY", 30, "and close their open positions, for 30 days from the next license check. They can’t")]
    [InlineData("suspended", "FRAUD", 30, "Your expert advisors can no longer trade. Close open positions yourself")]
    [InlineData("suspended", "OPERATOR", 0, "Your expert advisors can no longer trade. Close open positions yourself")]
    [InlineData("in_grace", null, 30, "for 30 days from the first license check after the license ends. They can’t")]
    [InlineData("expiring", null, 30, "for 30 days from the first license check after the license ends. They can’t")]
    [InlineData("period_ended", null, 30, "for 30 days from the first license check after the license ends. They can’t")]
    [InlineData("refunded", null, 30, "for 30 days from the first license check after the license ends. They can’t")]
    [InlineData("expiring", null, 0, "Your expert advisors can no longer trade after the license ends. Close open positions yourself")]
    public void Render_OfAnEnd_SaysWhatExpertAdvisorsMayStillDo(string name, string? cause, int days, string expected)
    {
        var mail = new MailTemplates(TimeSpan.FromDays(days)).Render(
            name, new JsonObject { ["cause"] = cause, ["reason"] = "end" }, publicUrl: null);

        Assert.Contains(expected, mail.Text, StringComparison.Ordinal);
        Assert.Contains(expected, mail.Html, StringComparison.Ordinal);
    }

    [Fact]
    public void Render_RenewalPaidByCard_StatesExpiryAndAmount()
    {
        var mail = Templates.Render("renewed", new JsonObject
        {
            ["subscription_id"] = "L-1",
            ["licenses"] = Licenses("L-1", "alpine.trend"),
            ["expires_at"] = "2026-12-24T23:30:00+00:00",
            ["amount_usd"] = 30.1m,
            ["paid_with"] = "card",
            ["last_four"] = "4242",
        }, "https://licenses.example.com");

        Assert.Equal("Your license for alpine.trend is renewed", mail.Subject);
        Assert.Contains(
            "Your license for alpine.trend is renewed until December 24, 2026, 23:30 UTC.", mail.Text, StringComparison.Ordinal);
        Assert.Contains("Paid: $30.10\nPaid with: your card ending in 4242\n", mail.Text, StringComparison.Ordinal);
        Assert.Contains("https://licenses.example.com/app/licenses/L-1/renewals", mail.Html, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("de", null)]
    [InlineData("en", "de")]
    [InlineData("de", "xx")]
    public void Render_InGerman_WritesTimesAmountsAndLinksInGerman(string ofSettings, string? chosen)
    {
        var templates = new MailTemplates(language: ofSettings);
        var model = new JsonObject
        {
            ["subscription_id"] = "L-1",
            ["licenses"] = Licenses("L-1", "alpine.trend"),
            ["expires_at"] = "2026-03-04T23:30:00+00:00",
            ["amount_usd"] = 1234.5m,
            ["paid_with"] = "wallet",
        };

        var mail = templates.Render("renewed", model, "https://licenses.example.com", chosen);

        Assert.Equal("Ihre Lizenz für alpine.trend ist verlängert", mail.Subject);
        Assert.Contains("bis 4. März 2026, 23:30 UTC verlängert.", mail.Text, StringComparison.Ordinal);
        Assert.Contains("Bezahlt: 1.234,50\u00a0$\nZahlungsart: Ihr Guthaben\n", mail.Text, StringComparison.Ordinal);
        Assert.Contains("https://licenses.example.com/app/licenses/L-1/renewals?lang=de\n", mail.Text, StringComparison.Ordinal);
        Assert.Contains(
            "https://licenses.example.com/app/price?lang=de#abc\n",
            templates.Render("price_consent", new JsonObject { ["link"] = "/app/price#abc" }, "https://licenses.example.com", chosen).Text,
            StringComparison.Ordinal);
        Assert.Contains(
            "https://licenses.example.com/app/licenses/L-1/renewals?renew&lang=de\n",
            templates.Render("in_grace", new JsonObject { ["subscription_id"] = "L-1" }, "https://licenses.example.com", chosen).Text,
            StringComparison.Ordinal);
    }

    [Fact]
    public void Render_ToOperators_IsInEnglish() => Assert.Contains(
        "An operator must act.",
        new MailTemplates(language: "de").Render("operator_payments", [], publicUrl: null, "de").Text, StringComparison.Ordinal);

    public static TheoryData<TroubleCause> Causes => [.. Enum.GetValues<TroubleCause>()];

    /// <summary>Mails to operators and their pages are in English only.</summary>
    [Theory]
    [MemberData(nameof(Causes))]
    public void Render_ATrouble_SaysInItsOwnWordsWhatItIsAndWhatToDo(TroubleCause cause)
    {
        string[] Said(TroubleCause of)
        {
            var trouble = new JsonObject
            {
                ["cause"] = EnumWords.UpperOf(of),
                ["subject"] = "s",
                ["name"] = "n",
                ["count"] = 2,
                ["total"] = 9,
                ["opened_at"] = "2026-11-27T08:05:00Z",
            };
            var mail = Templates.Render("operator_troubles", new JsonObject { ["troubles"] = new JsonArray(trouble) }, "https://x.test");
            var advice = TroubleAdvice().Match(mail.Text);
            Assert.True(advice.Success, mail.Text);
            return [mail.Subject, advice.Groups[1].Value];
        }

        var own = Said(cause);
        Assert.DoesNotContain(EnumWords.UpperOf(cause), own);
        Assert.All(own, words => Assert.InRange(words.Length, 15, 200));
        Assert.All(
            Enum.GetValues<TroubleCause>().Where(other => other != cause), other => Assert.NotEqual(own[0], Said(other)[0]));
        // The page of the system says it, too.
        Assert.Contains(
            $"    {EnumWords.UpperOf(cause)}: (", Repository.Read("src/dashboard/src/operator/systemTexts.ts"), StringComparison.Ordinal);
    }

    /// <summary>The button, and the links of a mail about several troubles, lead to what they are about, not only to its page.</summary>
    [Theory]
    [InlineData("RENEWALS_FAILING", "", "/app/renewals", "View the renewals")]
    [InlineData("TIMER_LATE", "RunRenewals", "/app/system#timer-RunRenewals", "View the timer")]
    [InlineData("DEAD_LETTERS", "", "/app/system#quarantine", "View the quarantine")]
    [InlineData("DEAD_LETTERS_NOT_DRAINED", "", "/app/system#dead-letters", "View the queue")]
    [InlineData("MAILS_DEAD", "", "/app/system#given-up", "View the mails")]
    [InlineData("WEBHOOK_CALLS_DEAD", "", "/app/system#given-up", "View the calls")]
    [InlineData("WEBHOOK_DISABLED", "e-1", "/app/webhooks", "View the endpoint")]
    [InlineData("DISPUTE_DUE", "d-1", "/app/renewals#d-1", "Answer the dispute")]
    public void Render_Trouble_LinksToItsCause(string cause, string subject, string page, string action)
    {
        JsonObject Trouble() => new() { ["cause"] = cause, ["subject"] = subject, ["name"] = "n", ["count"] = 1234, ["total"] = 5678 };
        string Text(params JsonNode[] troubles) => Templates.Render(
            "operator_troubles", new JsonObject { ["troubles"] = new JsonArray(troubles) }, "https://x.test").Text;

        Assert.Contains($"{action}: https://x.test{page}\n", Text(Trouble()), StringComparison.Ordinal);
        Assert.Contains($"{action}: https://x.test{page}\n", Text(Trouble(), Trouble()), StringComparison.Ordinal);
        Assert.DoesNotContain("1234", Text(Trouble()), StringComparison.Ordinal);
    }

    [GeneratedRegex("^What to do: (.+)$", RegexOptions.Multiline)]
    private static partial Regex TroubleAdvice();

    // The footer of operators is in English only.
    private static readonly string[] OfOneLanguage = ["why_received"];

    [Fact]
    public void Languages_HaveTheSameMailsAndPhrases_WithTheSameValuesAndConditions()
    {
        var english = Files("en");

        Assert.All(MailTemplates.Languages.Where(language => language != "en"), language =>
        {
            var files = Files(language);
            Assert.Equal(english.Keys.Order(), files.Keys.Order());
            Assert.All(files.Where(file => !OfOneLanguage.Contains(file.Key)), file => Assert.Equal(
                Expressions(english[file.Key]), Expressions(file.Value)));
        });
    }

    /// <summary>The mails and phrases of a language, without those to operators.</summary>
    private static Dictionary<string, string> Files(string language)
    {
        var file = LanguageFile.Of(language);
        return file.All("mail").Concat(file.All("phrase"))
            .Where(section => section.Key is var name && !MailTemplates.IsForOperators(name)
                && !name.StartsWith("trouble", StringComparison.Ordinal) && name != "alert_type")
            .ToDictionary();
    }

    /// <summary>Another language is one file: the made-up one is the English file with all its words in capital letters.</summary>
    [Fact]
    public void Render_InALanguageThatIsOneNewFile_SaysEverythingInIt()
    {
        var file = new LanguageFile(Shout(Repository.Read("src/LicenseFunctions/Infrastructure/Mail/Templates/en.liquid")));
        var templates = new MailTemplates(TimeSpan.FromDays(30), new Brand("ACME", "#4b3fc9", null, "HELP@ACME.TEST"));

        var names = file.All("mail").Keys.Where(name => !MailTemplates.IsForOperators(name)).ToList();

        Assert.Equal(MailTemplates.NamesIn("de").Order(), names.Order());
        Assert.All(names, name =>
        {
            var model = new JsonObject
            {
                ["subscription_id"] = "7",
                ["expires_at"] = "2026-03-04T23:30:00+00:00",
                ["amount_usd"] = 1234.5m,
                ["paid_with"] = "wallet",
                ["reason"] = "insufficient_funds",
            };
            var mail = templates.Render(name, model, "https://x.test", "xx", file);

            Assert.Contains("<html lang=\"xx\">", mail.Html, StringComparison.Ordinal);
            Assert.Contains("lang=xx", mail.Text, StringComparison.Ordinal);
            Assert.All([mail.Subject, Address().Replace(mail.Text, "")], said => Assert.DoesNotMatch("[a-z]", said));
        });
        Assert.Equal("YOUR LICENSE IS RENEWED", templates.Render("renewed", [], null, "xx", file).Subject);
    }

    // What a translator changes: the text between tags, the words in tags, and the months.
    private static string Shout(string english)
    {
        var shouted = Translated().Replace(english, part => part.Groups["words"] is { Success: true } words
            ? part.Value.Replace(words.Value, words.Value.ToUpperInvariant(), StringComparison.Ordinal)
            : part.Groups["text"].Success ? part.Value.ToUpperInvariant() : part.Value);
        return LanguageFile.Of("en").Read<LanguageFormats>("formats").Months.Aggregate(
            shouted, (text, month) => text.Replace($"\"{month}\"", $"\"{month.ToUpperInvariant()}\"", StringComparison.Ordinal));
    }

    private const string Kept = """^=== .*$|^  ".*$""";
    private const string TagWithWords = """\{%-? fact (?<words>"[^"]*") -?%\}|\{\{[^}]*\| count: (?<words>"[^"]*", "[^"]*")[^}]*\}\}""";

    [GeneratedRegex(Kept + "|" + TagWithWords + @"|\{[{%].*?[%}]\}|(?<text>[^{\n]+)", RegexOptions.Multiline)]
    private static partial Regex Translated();

    [GeneratedRegex(@"https?://\S+")]
    private static partial Regex Address();

    /// <summary>What a template reads and compares: the words of its tags, without the labels of facts and the counted words.</summary>
    private static IEnumerable<string> Expressions(string template) => LiquidTag().Matches(template)
        .SelectMany(tag => LiquidWord().Matches(OwnWords().Replace(tag.Value, "$1")).Select(word => word.Value)).Distinct().Order();

    [GeneratedRegex(@"\{[{%].*?[%}]\}")]
    private static partial Regex LiquidTag();

    [GeneratedRegex("[\\w.]+|\"[^\"]*\"")]
    private static partial Regex LiquidWord();

    [GeneratedRegex("(fact|count:) \"[^\"]*\"(?:, \"[^\"]*\")*")]
    private static partial Regex OwnWords();

    /// <summary>Each rule with one of everything, and with several.</summary>
    public static TheoryData<string, int, string> Sights =>
    [
        .. from rule in Enum.GetValues<Rule>().Select(rule => EnumWords.UpperOf(rule)).Append("DEVICE_REFUSED").Append("OF_NEXT_YEAR")
           from number in (int[])[1, 2, 180]
           from language in MailTemplates.Languages
           select (rule, number, language),
    ];

    private static readonly Dictionary<string, string> NamedDevices = new()
    {
        ["en"] = ": EA-1 (MT5 account 4711002, Lagos), an unnamed EA (Netherlands), EA-3",
        ["de"] = ": EA-1 (MT5-Konto 4711002, Lagos), ein EA ohne Namen (Niederlande), EA-3",
    };

    [Theory]
    [MemberData(nameof(Sights))]
    public void Render_WhatWasSeen_IsASentenceInEachLanguageWithItsPlurals(string code, int number, string language)
    {
        var summary = new JsonObject { ["code"] = code, ["from"] = "2026-11-25T20:35:00Z", ["to"] = "2026-11-26T08:15:00Z" };
        foreach (var value in (string[])["people", "devices", "limit", "minutes", "number"])
            summary[value] = number;
        summary["named"] = new JsonArray(
            new JsonObject { ["ea_instance_id"] = "EA-1", ["city"] = "Lagos", ["country"] = "NG", ["mt5_account_number"] = 4711002 },
            new JsonObject { ["ea_instance_id"] = null, ["city"] = null, ["country"] = "NL" },
            new JsonObject { ["ea_instance_id"] = "EA-3", ["city"] = null, ["country"] = "ZZ" });

        var sentence = Seen().Match(
            Templates.Render("suspended", new JsonObject { ["cause"] = "DETECTOR", ["summary"] = summary }, null, language).Text).Value;

        Assert.Contains(NamedDevices[language], sentence, StringComparison.Ordinal);
        Assert.DoesNotMatch(OneOfMany(), sentence);
        Assert.DoesNotMatch(@"  | [.,;]|\bNG\b|\bZZ\b|\{", sentence);
        if (number == 180 && code is "RELIEF" or "DEVICES_AT_ONCE")
            Assert.Matches("\\b3 (hours|Stunden)\\b", sentence);
    }

    [GeneratedRegex("(?<=^(Reason|Grund): ).*", RegexOptions.Multiline)]
    private static partial Regex Seen();

    // "of 1 people", "1 Minuten": a plural after one.
    [GeneratedRegex(@"\b1 (people|minutes|hours|devices|accounts|networks|times|locations|new people|new accounts)\b"
        + @"|\b1 (Personen|Minuten|Stunden|Geräte|Konten|Netze|Orten|neue Personen|neue Konten)\b")]
    private static partial Regex OneOfMany();

    [Fact]
    public void Languages_NameEachCountry() => Assert.All(MailTemplates.Languages, language => Assert.Equal(
        Countries.Codes.Order(),
        LanguageFile.Of(language).Read<Dictionary<string, string>>("countries")
            .Where(country => country.Value.Length > 3).Select(country => country.Key).Order()));

    [Theory]
    [InlineData("card", 0, "Paid: $0.30\nPaid with: your saved card\n", "Amount: $0.30\n")]
    [InlineData("card", 0.25, "Paid: $0.55 (including $0.25 for earlier renewals)\nPaid with: your saved card\n",
        "Amount: $0.30, plus $0.25 for earlier renewals: $0.55\n")]
    [InlineData("deferred", 0.10, "Nothing was charged now. The amount of $0.30", "Payment: with your next charge, because")]
    public void Render_ASmallAmount_SaysWhatIsChargedAndWhen(string with, double debts, string receipt, string notice)
    {
        var model = new JsonObject
        {
            ["amount_usd"] = 0.30m,
            ["debts_usd"] = (decimal)debts,
            ["paid_with"] = with,
            ["charge_at"] = "2026-12-24T23:30:00+00:00",
        };

        Assert.Contains(receipt, Templates.Render("renewed", model, null).Text, StringComparison.Ordinal);
        Assert.Contains(notice, Templates.Render("upcoming_renewal", model, null).Text, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("insufficient_funds", "doesn’t have enough money")]
    [InlineData("expired_card", "has expired")]
    [InlineData("authentication_required", "confirm this payment yourself")]
    [InlineData("no_payment_method", "No payment method is saved")]
    [InlineData("a_code_of_next_year", "Your bank declined the payment and did not give a reason")]
    [InlineData("a_code_of_next_year", "PayPal declined the payment and did not give a reason", "paypal")]
    [InlineData("insufficient_funds", "behind your PayPal account doesn’t have enough money", "paypal")]
    [InlineData("payer_action_required", "Please add PayPal again", "paypal")]
    public void Render_Decline_ExplainsTheReasonWithoutItsCode(string reason, string words, string? brand = null)
    {
        var mail = Templates.Render("action_needed", new JsonObject { ["reason"] = reason, ["card_brand"] = brand }, publicUrl: null);

        Assert.Contains(words, mail.Text, StringComparison.Ordinal);
        Assert.DoesNotContain(reason, mail.Text, StringComparison.Ordinal);
        Assert.DoesNotContain(reason, mail.Html, StringComparison.Ordinal);
    }

    [Fact]
    public void Render_AuthenticationAndNewCard_AskForDifferentActions()
    {
        var confirm = Templates.Render(
            "action_needed", new JsonObject { ["reason"] = "authentication_required", ["subscription_id"] = "L-1" }, "https://l.example");
        var card = Templates.Render(
            "action_needed", new JsonObject { ["reason"] = "expired_card", ["subscription_id"] = "L-1" }, "https://l.example");

        Assert.Equal("Please confirm the payment of your license", confirm.Subject);
        Assert.Contains("https://l.example/app/payment-methods/confirm/L-1", confirm.Text, StringComparison.Ordinal);
        Assert.Equal("Your license needs a payment method", card.Subject);
        Assert.Contains("https://l.example/app/payment-methods?add=L-1", card.Html, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(0, "Your license expires today")]
    [InlineData(1, "Your license expires tomorrow")]
    [InlineData(4, "Your license expires in 4 days")]
    public void Render_Expiring_StatesTheDaysLeft(int days, string subject) =>
        Assert.Equal(subject, Templates.Render("expiring", new JsonObject { ["days"] = days }, publicUrl: null).Subject);

    [Theory]
    [InlineData("card", "4242", "your card ending in 4242")]
    [InlineData("card", "4242", "Visa ••4242", "visa")]
    [InlineData("card", null, "PayPal", "paypal")]
    [InlineData("wallet", null, "from your wallet")]
    public void Render_UpcomingRenewal_StatesAmountDateMethodAndHowToStopIt(
        string with, string? lastFour, string method, string? brand = null)
    {
        var mail = Templates.Render("upcoming_renewal", new JsonObject
        {
            ["subscription_id"] = "L-1",
            ["amount_usd"] = 49.99m,
            ["charge_at"] = "2026-12-17T23:30:00+00:00",
            ["expires_at"] = "2026-12-24T23:30:00+00:00",
            ["paid_with"] = with,
            ["last_four"] = lastFour,
            ["card_brand"] = brand,
        }, "https://l.example");

        Assert.Equal("Your license will be renewed for $49.99", mail.Subject);
        Assert.All(["$49.99", "December 17, 2026, 23:30 UTC", method, "https://l.example/app/licenses/L-1/renewals"], words =>
        {
            Assert.Contains(words, mail.Text, StringComparison.Ordinal);
            Assert.Contains(words, mail.Html, StringComparison.Ordinal);
        });
    }

    [Fact]
    public void Render_UpcomingRenewalThatIsChargedNow_DoesNotSayThatItCanBePrevented()
    {
        var model = new JsonObject { ["amount_usd"] = 49m, ["charge_at"] = "2026-12-17T23:30:00+00:00", ["charges_now"] = true };

        var mail = Templates.Render("upcoming_renewal", model, publicUrl: null);

        Assert.Equal("Your license is being renewed for $49.00", mail.Subject);
        Assert.All([mail.Text, mail.Html], part =>
        {
            Assert.Contains("(now)", part, StringComparison.Ordinal);
            Assert.DoesNotContain("before that date", part, StringComparison.Ordinal);
        });
    }

    [Theory]
    [InlineData("59.00", "USD", "$59.00")]
    [InlineData("1234567.50", "USD", "$1,234,567.50")]
    [InlineData("1234", "JPY", "1,234 JPY")]
    [InlineData("1234.500", "KWD", "1,234.500 KWD")]
    public void Render_OperatorPayments_StatesAmountsWithTheirDecimals(string amount, string currency, string stated) => Assert.Contains(
        $"Amount: {stated}\nID at the provider: du_1\n",
        Templates.Render(
            "operator_payments",
            new JsonObject
            {
                ["payments"] = new JsonArray(
                    new JsonObject { ["reason"] = "dispute", ["subject"] = "du_1", ["amount"] = amount, ["currency"] = currency }),
            },
            publicUrl: null).Text,
        StringComparison.Ordinal);

    private const string StaysValid = "The license stays valid, and nothing more is charged for it";
    private const string ActLater = "An operator must act only if a payment still can’t be booked after a day.";

    [Theory]
    [InlineData("not_booked", "L-1", $"{StaysValid}. The booking is tried again for a day\n", ActLater)]
    [InlineData("not_booked", null, "What was done: The booking is tried again for a day\n", ActLater)]
    [InlineData("unknown_renewal", "L-1", $"{StaysValid}\n", "An operator must act.")]
    [InlineData("unknown_renewal", null, "Nothing: an operator must decide\n", "An operator must act.")]
    [InlineData("paid_twice", "L-1", "Nothing: an operator must decide\n", "An operator must act.")]
    public void Render_OperatorPayments_SaysWhatWasDone_AndWhoMustAct(string reason, string? license, string done, string act)
    {
        var payment = new JsonObject { ["reason"] = reason, ["subject"] = "pi_1", ["subscription_id"] = license };

        var text = Templates.Render("operator_payments", new JsonObject { ["payments"] = new JsonArray(payment) }, publicUrl: null).Text;

        Assert.Contains(done, text, StringComparison.Ordinal);
        Assert.Contains(act, text, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("refunded", "We refunded the payment of $30.10")]
    [InlineData("dispute_lost_in_part", "Your bank reversed $10.00 of the payment of $30.10")]
    [InlineData("dispute_lost", "Your bank reversed the payment of $30.10")]
    public void Render_PeriodThatEndsEarly_StatesReasonAndDate(string reason, string words)
    {
        var mail = Templates.Render("period_ended", new JsonObject
        {
            ["subscription_id"] = "L-1",
            ["reason"] = reason,
            ["amount_usd"] = 30.1m,
            ["reversed_usd"] = 10m,
            ["expires_at"] = "2026-12-24T23:30:00+00:00",
        }, "https://l.example");

        Assert.All([mail.Text, mail.Html], part => Assert.Contains(words, part, StringComparison.Ordinal));
        Assert.Contains("ends on December 24, 2026, 23:30 UTC", mail.Text, StringComparison.Ordinal);
        Assert.Contains("https://l.example/app/licenses/L-1/renewals?renew", mail.Html, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(false, "renew it and turn on auto-renewal again.")]
    [InlineData(true, "renew it.")]
    public void Render_PeriodThatEndsEarly_AsksForAutoRenewalIfItIsOff(bool autoRenew, string words)
    {
        var mail = Templates.Render("period_ended", new JsonObject { ["auto_renew"] = autoRenew }, publicUrl: null);

        Assert.Contains("If you want to keep the license, " + words, mail.Text, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("renewed", "Your Licenses team", "ALERT_EMAIL")]
    [InlineData("operator_alerts", "ALERT_EMAIL", "Your Licenses team")]
    public void Render_Footer_IsThatOfItsReader(string name, string expected, string other)
    {
        var mail = Templates.Render(name, [], publicUrl: null);

        Assert.All([mail.Text, mail.Html], part =>
        {
            Assert.Contains(expected, part, StringComparison.Ordinal);
            Assert.DoesNotContain(other, part, StringComparison.Ordinal);
        });
    }

    /// <summary>Polish has three forms for whole numbers, Arabic six, and Japanese one; the numbers are CLDR's examples.</summary>
    [Theory]
    [InlineData("one: i = 1 and v = 0; few: v = 0 and i % 10 = 2..4 and i % 100 != 12..14", "minuta minuty minut",
        "0 minut, 1 minuta, 2 minuty, 4 minuty, 5 minut, 12 minut, 14 minut, 22 minuty, 102 minuty, 112 minut, 1,002 minuty")]
    [InlineData(
        "zero: n = 0; one: n = 1; two: n = 2; few: n % 100 = 3..10; many: n % 100 = 11..99", "zero one two few many other",
        "0 zero, 1 one, 2 two, 3 few, 10 few, 11 many, 99 many, 100 other, 102 other, 103 few, 1,111 many")]
    [InlineData("", "分", "0 分, 1 分, 2 分")]
    [InlineData("one: i = 0,1; many: e = 0 and i != 0 and i % 1000000 = 0 and v = 0 or e != 0..5", "one many other",
        "0 one, 1 one, 2 other, 1,000,000 many")] // French
    public void Render_ACount_HasThePluralOfTheLanguage(string rules, string words, string expected)
    {
        var plurals = string.Join(", ", rules.Split("; ", StringSplitOptions.RemoveEmptyEntries)
            .Select(rule => rule.Split(": ")).Select(rule => $"\"{rule[0]}\": \"{rule[1]}\""));
        var file = WithPlurals(plurals, string.Join(", ", words.Split(' ').Select(word => $"\"{word}\"")));
        var numbers = expected.Split(", ").Select(text => int.Parse(
            text[..text.IndexOf(' ', StringComparison.Ordinal)], NumberStyles.AllowThousands, CultureInfo.InvariantCulture));

        var said = numbers.Select(number => Templates.Render(
            "counted", new JsonObject { ["number"] = number }, null, "xx", file).Subject);

        Assert.Equal(expected, string.Join(", ", said));
    }

    [Theory]
    [InlineData("\"one\": \"n is 1\"", "\"a\", \"b\"")]
    [InlineData("\"one\": \"x = 1\"", "\"a\", \"b\"")]
    [InlineData("\"one\": \"n = 1..2..3\"", "\"a\", \"b\"")]
    [InlineData("\"one\": \"n = 1\"", "\"a\"")]
    public void Render_WithAWrongPlural_Fails(string plurals, string words) => Assert.Throws<FormatException>(
        () => Templates.Render("counted", new JsonObject { ["number"] = 1 }, null, "xx", WithPlurals(plurals, words)));

    /// <summary>Each counted word of the languages of this build has a form for each rule and one for the others.</summary>
    [Fact]
    public void Languages_CountWithAllTheirForms() => Assert.All(MailTemplates.Languages, language =>
    {
        var file = LanguageFile.Of(language);
        var forms = file.Read<LanguageFormats>("formats").Plurals.Count + 1;
        var counted = file.All("mail").Concat(file.All("phrase")).SelectMany(section => Counted().Matches(section.Value)).ToList();

        Assert.NotEmpty(counted);
        Assert.All(counted, words => Assert.Equal(forms, words.Groups["form"].Captures.Count));
    });

    private static LanguageFile WithPlurals(string plurals, string words) => new(
        Repository.Read("src/LicenseFunctions/Infrastructure/Mail/Templates/en.liquid")
            .Replace("{ \"one\": \"i = 1 and v = 0\" }", $"{{ {plurals} }}", StringComparison.Ordinal)
        + $$$"""

        === mail counted
        {% capture subject %}{{ number | count: {{{words}}} }}{% endcapture %}
        """);

    [GeneratedRegex("count: (?:(?<form>\"[^\"]*\")(?:, )?)+")]
    private static partial Regex Counted();

    // A stranger who has the password could lift the suspension, too.
    [Theory]
    [InlineData("OWNER", true, "Somebody who was signed in to your account lifted the suspension. If it was not you,")]
    [InlineData("OWNER", true, "Die Sperre wurde von Ihrem Konto aus aufgehoben. Wenn Sie das nicht waren,", "de")]
    [InlineData("REINSTATED", false, "signed in to your account")]
    public void Render_ALiftedSuspension_SaysThatItWasLiftedFromTheAccount(string how, bool isSaid, string words, string language = "en") =>
        Assert.Equal(isSaid, Templates.Render("reinstated", new JsonObject { ["how"] = how }, null, language).Text
            .Contains(words, StringComparison.Ordinal));

    [Theory]
    [InlineData("OWNER", "EA-3", "tell us. EA-3 has no slot: it is still refused until you remove another device.")]
    [InlineData("OWNER", null, "tell us. A device without a slot is still refused.")]
    [InlineData("REINSTATED", "EA-3", "Our team lifted the suspension. EA-3 has no slot: it is still refused")]
    [InlineData("REINSTATED", null, "Our team lifted the suspension.\n")]
    [InlineData("REINSTATED", "EA-3", "Unser Team hat die Sperre aufgehoben. EA-3 hat keinen Platz und wird weiterhin abgelehnt", "de")]
    public void Render_ALiftedSuspension_SaysWhoLiftedItAndWhatIsStillRefused(
        string how, string? refused, string words, string language = "en") =>
        Assert.Contains(
            words, Templates.Render("reinstated", new JsonObject { ["how"] = how, ["refused_ea"] = refused }, null, language).Text,
            StringComparison.Ordinal);

    [Theory]
    [InlineData(null, "?renew", "add money to your wallet on the trading platform, save another payment method, or renew the license")]
    [InlineData("expired_card", "?renew", "save another payment method, or renew the license yourself")]
    [InlineData("auto_renew_off", "?renew", "Auto-renewal is off. To keep the license, please renew it yourself.")]
    [InlineData("price_consent", "?renew", "have not agreed to the new price yet. To keep the license, please agree to the new price.")]
    [InlineData("lapsed", "?renew", "ended without a payment, so we don’t charge you automatically. You can renew the license yourself.")]
    [InlineData("paused_toxic", "", "It can’t be renewed at present. Your subscription is paused.")]
    [InlineData("locked_no_funds", "", "Your subscription is locked because funds are missing. Please add money to your wallet")]
    [InlineData("master_closed", "", "It can’t be renewed at present. The account of the master whose signals you follow is closed.")]
    [InlineData("no_active_price", "", "has no price at present, so this license can’t be renewed.")]
    [InlineData("authentication_required", "", "Your bank asks you to confirm this payment yourself.")]
    [InlineData("paused_toxic", "", "Sie kann derzeit nicht verlängert werden. Ihr Abonnement ist pausiert.", "de")]
    [InlineData("price_consent", "?renew", "Um die Lizenz zu behalten, stimmen Sie bitte dem neuen Preis zu.", "de")]
    public void Render_InGrace_OffersOnlyWhatKeepsTheLicense(string? reason, string query, string words, string language = "en")
    {
        const string payment = "save another payment method";

        var text = Templates.Render(
            "in_grace", new JsonObject { ["subscription_id"] = "L-1", ["reason"] = reason }, "https://x.test", language).Text;

        Assert.Contains(words, text, StringComparison.Ordinal);
        Assert.Equal(words.Contains(payment, StringComparison.Ordinal), text.Contains(payment, StringComparison.Ordinal));
        var action = (language, query) switch
        {
            ("de", "") => "Verlängerung ansehen",
            ("de", _) => "Lizenz verlängern",
            (_, "") => "View the renewal",
            _ => "Renew the license",
        };
        Assert.Contains(
            $"{action}: https://x.test/app/licenses/L-1/renewals{query}{(query.Length > 0 ? "&" : "?")}lang={language}\n", text,
            StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("/app/was-this-you#abc", "en", "Answer: https://x.test/app/was-this-you?lang=en#abc\n")]
    [InlineData("/app/was-this-you#abc", "de", "Antworten: https://x.test/app/was-this-you?lang=de#abc\n")]
    [InlineData(null, "en", "Answer: https://x.test/app/licenses/L-1/activity?lang=en\n")]
    public void Render_AQuestion_LeadsToThePageForBothAnswers(string? link, string language, string button) =>
        Assert.Contains(
            button,
            Templates.Render(
                "device_alert", new JsonObject { ["subscription_id"] = "L-1", ["link"] = link }, "https://x.test", language).Text,
            StringComparison.Ordinal);

    [Theory]
    [InlineData("en", "We had lifted the earlier suspension by mistake.")]
    [InlineData("de", "Wir hatten die frühere Sperre versehentlich aufgehoben.")]
    public void Render_ASuspensionAfterAMistake_SaysSo(string language, string words)
    {
        string Text(bool isMistake) => Templates.Render(
            "suspended", new JsonObject { ["cause"] = "OPERATOR", ["after_mistake"] = isMistake }, null, language).Text;

        Assert.Contains(words, Text(true), StringComparison.Ordinal);
        Assert.DoesNotContain(words, Text(false), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("""{ "ea_instance_id": "EA-3", "mt5_account_number": "880731", "city": "Leeds", "country": "GB" }""",
        "Refused device: EA-3, MT5 account 880731, Leeds\n")]
    [InlineData("""{ "ea_instance_id": null, "mt5_account_number": null, "city": null, "country": "GB" }""",
        "Refused device: an unnamed EA, United Kingdom\n")]
    public void Render_AlertOfARefusedDevice_NamesIt(string device, string expected)
    {
        var model = new JsonObject
        {
            ["alerts"] = new JsonArray(
                new JsonObject { ["alert_id"] = "a", ["severity"] = "HIGH", ["description"] = "2 active devices" },
                new JsonObject { ["alert_id"] = "b", ["severity"] = "LOW", ["description"] = "4 accounts" }),
            ["refused_devices"] = new JsonObject { ["a"] = JsonNode.Parse(device) },
        };

        var text = Templates.Render("operator_alerts", model, "https://x.test").Text;

        Assert.Contains(expected, text, StringComparison.Ordinal);
        Assert.Equal(1, text.Split("Refused device").Length - 1);
        Assert.Contains("What was seen: All slots were taken when another device asked for one.\n", text, StringComparison.Ordinal);
        Assert.Contains("What was seen: 4 accounts\n", text, StringComparison.Ordinal);
        Assert.DoesNotContain("2 active devices", text, StringComparison.Ordinal);
    }

    [Fact]
    public void Render_LongNameOfAMaster_IsShortenedInTheSubjectOnly()
    {
        var name = new string('m', 64);

        var mail = Templates.Render(
            "upcoming_renewal",
            new JsonObject { ["subscription_id"] = "L-1", ["licenses"] = Licenses("L-1", name), ["amount_usd"] = 12_345.67m },
            publicUrl: null);

        Assert.InRange(mail.Subject.Length, 60, 78);
        Assert.Contains($"Your license for {name} will be renewed", mail.Text, StringComparison.Ordinal);
    }

    private static JsonObject Licenses(string id, string master) =>
        new() { [id] = new JsonObject { ["master"] = master, ["customer"] = "jo@example.com" } };

    [Fact]
    public void Render_UnknownTemplate_Throws() => Assert.Throws<KeyNotFoundException>(() => Templates.Render("none", [], null));
}
