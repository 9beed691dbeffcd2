using System.Text.Json.Nodes;
using LicenseFunctions.Infrastructure.Mail;
using LicenseFunctions.Tests.Support;
using Licensing;
using Licensing.Health;
using Licensing.Renewals;
using Licensing.Suspicion;
using Xunit;

namespace LicenseFunctions.Tests.Pages;

/// <summary>
/// Each code with which the backend sends the values of a sentence has a text. texts.test.mjs compares the keys of the catalogs.
/// </summary>
public sealed class CatalogTests
{
    private static readonly JsonObject English = JsonNode.Parse(Repository.Read("src/dashboard/src/texts/en.json"))!.AsObject();

    private static readonly JsonObject Texts = JsonNode.Parse(Repository.Read("src/dashboard/src/texts/de.json"))!.AsObject();

    [Fact]
    public void Texts_HaveEachReasonOfAScore() => Assert.Equal(Words<HealthReason>(), Codes("health.because."));

    [Fact]
    public void Texts_HaveTheRecommendationOfEachLoss() => Assert.Equal(
        Words<HealthReason>().Except(WithoutRecommendation.Select(EnumWords.UpperOf)), Codes("health.do."));

    private static readonly HealthReason[] WithoutRecommendation =
    [
        HealthReason.RunsUntil, HealthReason.Valid, HealthReason.InUse, HealthReason.NoUseKnown, HealthReason.DevicesInUse,
        HealthReason.NoOpenAlert, HealthReason.WithoutOpenAlerts, HealthReason.AlertInReview, HealthReason.WhileUsed,
        HealthReason.WhileValid, HealthReason.PaymentChecked,
    ];

    [Fact]
    public void Mails_NameEachTypeOfAlertAsThePagesDo() => Assert.All(
        English.Where(text => text.Key.StartsWith("activity.", StringComparison.Ordinal)),
        text => Assert.Contains(
            $"{{%- when \"{text.Key["activity.".Length..]}\" -%}}{text.Value}\n", Phrase("en", "alert_type"), StringComparison.Ordinal));

    [Fact]
    public void Texts_HaveEachPurposeOfTheLedger() => Assert.Equal(Words<LedgerPurpose>(), Codes("wallet.purpose."));

    [Fact]
    public void Texts_HaveEachRuleOfTheDetector_AndARefusal() =>
        Assert.Equal(Words<Rule>().Append("DEVICE_REFUSED").Order(StringComparer.Ordinal), Codes("activityPage.saw."));

    [Fact]
    public void Mail_HasEachRuleOfTheDetector() => Assert.All(
        Words<Rule>(), rule => Assert.Contains($"when \"{rule}\"", Phrase("de", "what_was_seen"), StringComparison.Ordinal));

    private static string Phrase(string language, string name) => LanguageFile.Of(language).All("phrase")[name];

    private static IEnumerable<string> Words<T>() where T : struct, Enum =>
        EnumWords.AllUpper<T>().Order(StringComparer.Ordinal);

    private static IEnumerable<string> Codes(string group) => Texts.Select(text => text.Key)
        .Where(key => key.StartsWith(group, StringComparison.Ordinal)).Select(key => key[group.Length..]).Order(StringComparer.Ordinal);
}
