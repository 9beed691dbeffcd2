using LicenseFunctions.Infrastructure.Database;
using LicenseFunctions.Infrastructure.Http;
using LicenseFunctions.Infrastructure.Mail;
using LicenseFunctions.Infrastructure.Payments.Stripe;
using LicenseFunctions.Infrastructure.Settings;
using LicenseFunctions.Infrastructure.Telemetry;
using LicenseFunctions.Suspicion;
using Licensing.Suspicion;
using Microsoft.Extensions.Configuration;
using Xunit;

namespace LicenseFunctions.Tests.Infrastructure.Http;

public sealed class SettingsTests
{
    private const string Key = "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=";

    [Theory]
    [InlineData("AUTH_SIGNING_KEY", "c2hvcnQ=")]
    [InlineData("AUTH_SIGNING_KEY", "")]
    [InlineData("TRUSTED_PROXY_HOPS", "11")]
    [InlineData("TRUSTED_PROXY_HOPS", "one")]
    [InlineData("RATE_LIMIT_PER_MINUTE", "0")]
    [InlineData("AUTH_AUTHORITY", "http://issuer.example.com")]
    [InlineData("CORS_ALLOWED_ORIGINS", "https://www.example.com/")]
    [InlineData("CORS_ALLOWED_ORIGINS", "https://www.example.com,example.com")]
    [InlineData("ALERT_EMAIL", "nobody")]
    [InlineData("DATABASE_URL", "")]
    [InlineData("DATABASE_URL", "postgresql://h/d?nonsense=1")]
    [InlineData("DATABASE_URL", "Nonsense=1")]
    [InlineData("DATABASE_POOLER", "session")]
    [InlineData("DATABASE_READ_URL", "Nonsense=1")]
    [InlineData("DATABASE_READ_URL", "postgresql://one,two/licensing")]
    [InlineData("DATABASE_READ_MAX_LAG_SECONDS", "4")]
    [InlineData("DATABASE_URL", "Username=license")] // no host: would fail at the first connection
    [InlineData("CORS_ALLOWED_ORIGINS", "*, https://www.example.com")]
    [InlineData("CORS_ALLOWED_ORIGINS", "https://user@www.example.com")]
    [InlineData("AUTH_AUTHORITY", "https://login.example.com/tenant?policy=x")]
    [InlineData("AUTH_AUTHORITY", "https:login.example.com")]
    [InlineData("ALERT_WEBHOOK_URL", "https://user:password@chat.example.com")]
    [InlineData("ALERT_WEBHOOK_URL", "https://chat.example.com/#hook")]
    [InlineData("SMTP_URL", "smtp:mail.example.com")]
    [InlineData("SMTP_URL", "smtp://user@mail.example.com")]
    [InlineData("SMTP_URL", "smtp://user:pass:word@mail.example.com")]
    [InlineData("SMTP_URL", "smtp://mail.example.com:25?tls=true")]
    [InlineData("SMTP_URL", "smtp://user:pa#ss@mail.example.com")]
    [InlineData("PUBLIC_URL", "https://licenses.example.com/?a=b")]
    [InlineData("BRAND_NAME", "   ")]
    [InlineData("BRAND_NAME", "A name of more than forty characters in all")]
    [InlineData("BRAND_COLOR", "112233")]
    [InlineData("BRAND_COLOR", "#11223x")]
    [InlineData("BRAND_COLOR", "#7878ff")] // white on it has a contrast of 3.6
    [InlineData("BRAND_LOGO_URL", "http://www.example.com/logo.png")]
    [InlineData("SUPPORT_EMAIL", "Help <help@example.com>")]
    [InlineData("SUPPORT_EMAIL", "help")]
    [InlineData("MAIL_LANGUAGE", "fr")]
    [InlineData("STRIPE_SECRET_KEY", "sk_test_51 x")]
    [InlineData("STRIPE_SECRET_KEY", "sk_test_51\n")]
    [InlineData("METRICS_TOKEN", "a-token-of-the-scrape\n")]
    public void Read_AWrongValue_NamesTheSettingAndAnExampleButNotTheValue(string name, string value)
    {
        var reader = Reader((name, value));
        HttpSettings.Read(reader);
        DatabaseSettings.Read(reader);
        SuspicionSettings.Read(reader);
        MailSettings.Read(reader);
        StripeSettings.Read(reader);
        MetricsSettings.Read(reader);

        var wrong = Assert.Throws<SettingsException>(reader.ThrowIfFaulty);

        Assert.Contains(wrong.Faults,
            fault => fault.Contains(name == "AUTH_SIGNING_KEY" && value == "" ? "AUTH_AUTHORITY" : name, StringComparison.Ordinal));
        Assert.All(wrong.Faults, fault => Assert.Contains("Example: ", fault, StringComparison.Ordinal));
        if (value.Length > 3)
            Assert.DoesNotContain(value, wrong.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Read_SeveralWrongValues_NamesThemAll()
    {
        var reader = Reader(("TRUSTED_PROXY_HOPS", "x"), ("RATE_LIMIT_PER_MINUTE", "y"));
        HttpSettings.Read(reader);

        Assert.Equal(2, Assert.Throws<SettingsException>(reader.ThrowIfFaulty).Faults.Count);
    }

    [Fact]
    public void Read_OriginsOfPages_AreAccepted()
    {
        var reader = Reader(("CORS_ALLOWED_ORIGINS", "https://www.example.com, http://localhost:5173"));
        HttpSettings.Read(reader);

        reader.ThrowIfFaulty();
    }

    [Theory]
    [InlineData("people_minutes=40, notify_share=0.3,turns_at_most=ASK", null)]
    [InlineData("", null)]
    [InlineData("people_minuets=40", "has a name that the policy does not have, number 1")]
    [InlineData("notify_share=0.3,people_minutes", "has a part that is not name=value, number 2")]
    [InlineData("people_minutes=", "has a part that is not name=value, number 1")]
    [InlineData("people_minutes=0", "is a policy in which people_minutes must be from 1 to 43200, such as 35")]
    [InlineData("device_limit=1.5", "has a value of device_limit that can't be read")]
    [InlineData("turns_at_most=PUNISH", "has a value of turns_at_most that can't be read")]
    [InlineData("people_minutes=many", "has a value of people_minutes that can't be read")]
    [InlineData("refuse_share=0.1", "is a policy in which notify_share must be at most refuse_share, such as 0.4 and 0.75")]
    public void Read_AShadowPolicy_WithAWrongPair_StopsTheStart(string pairs, string? fault)
    {
        var reader = Reader(("SHADOW_DETECTION_POLICY", pairs), ("ACCOUNTS_PER_LICENSE", "3"));

        var shadow = SuspicionSettings.Read(reader).Shadow;

        if (fault is not null)
        {
            Assert.Equal(
                [$"SHADOW_DETECTION_POLICY {fault}. Example: SHADOW_DETECTION_POLICY=people_minutes=25,notify_share=0.3"],
                Assert.Throws<SettingsException>(reader.ThrowIfFaulty).Faults);
            return;
        }

        reader.ThrowIfFaulty();
        if (pairs.Length == 0)
        {
            Assert.Null(shadow);
            return;
        }

        Assert.Equal(
            (TimeSpan.FromMinutes(40), 0.3, FindingAction.Ask, 3),
            (shadow!.Policy.PeopleDuration, shadow.Policy.NotifyShare, shadow.Policy.TurnsAtMost, shadow.Policy.AccountLimit));
    }

    [Theory]
    [InlineData("""{"people_minutes":40}""", null)]
    [InlineData("""{"people_minuets":40}""", "DETECTION_POLICY")] // would silently keep the default
    [InlineData("""{"people_minutes":0}""", "DETECTION_POLICY names a file in which people_minutes must be from 1 to 43200, such as 35.")]
    [InlineData("null", "DETECTION_POLICY")]
    [InlineData("", "DETECTION_POLICY")]
    public async Task Read_APolicyFile_WithAWrongNumber_StopsTheStart(string json, string? named)
    {
        var file = Path.GetTempFileName();
        await File.WriteAllTextAsync(file, json, TestContext.Current.CancellationToken);
        var reader = Reader(("DETECTION_POLICY", file));
        var policy = SuspicionSettings.Read(reader).Policy;
        File.Delete(file);

        if (named is null)
        {
            reader.ThrowIfFaulty();
            Assert.Equal(TimeSpan.FromMinutes(40), policy.PeopleDuration);
        }
        else
        {
            Assert.StartsWith(
                named, Assert.Single(Assert.Throws<SettingsException>(reader.ThrowIfFaulty).Faults), StringComparison.Ordinal);
        }
    }

    [Theory]
    [InlineData("Host=localhost", 20, 100)]
    [InlineData("Host=localhost;Maximum Pool Size=5;Max Auto Prepare=0", 5, 0)]
    [InlineData("postgresql://localhost/d", 20, 100)]
    public void Read_AConnection_HasASmallPoolAndPreparesAutomatically(string url, int pool, int prepared)
    {
        var settings = DatabaseSettings.Read(Reader(("DATABASE_URL", url)));

        var read = new Npgsql.NpgsqlConnectionStringBuilder(settings.ConnectionString);
        Assert.Equal((pool, prepared), (read.MaxPoolSize, read.MaxAutoPrepare));
    }

    [Theory]
    [InlineData(DatabasePool.CheckReads, 100)]
    [InlineData(DatabasePool.Checks, 100)]
    [InlineData(DatabasePool.Requests, 100)]
    [InlineData(DatabasePool.Background, 0)]
    public void Of_APool_PreparesStatementsUnlessItsTablesGrowAndShrink(DatabasePool pool, int prepared)
    {
        var settings = DatabaseSettings.Read(Reader(("DATABASE_URL", "Host=localhost")));

        Assert.Equal(prepared, new Npgsql.NpgsqlConnectionStringBuilder(settings.Of(pool)).MaxAutoPrepare);
    }

    [Theory]
    [InlineData("postgresql://localhost/d", "-c jit=off -c lock_timeout=3000 -c statement_timeout=7000")]
    [InlineData("postgresql://localhost/d?options=-c%20jit%3Don", "-c jit=off -c jit=on -c lock_timeout=3000 -c statement_timeout=7000")]
    public void Of_AnyPool_TurnsJitOffUnlessTheAddressTurnsItOn(string url, string options)
    {
        var settings = DatabaseSettings.Read(Reader(("DATABASE_URL", url)));

        Assert.Equal(options, new Npgsql.NpgsqlConnectionStringBuilder(settings.Of(DatabasePool.Requests)).Options);
    }

    [Fact]
    public void Read_BehindATransactionPooler_PreparesNothingAndSendsNoOptions()
    {
        var settings = DatabaseSettings.Read(Reader(("DATABASE_POOLER", "transaction"), ("DATABASE_URL", "Host=localhost")));

        var read = new Npgsql.NpgsqlConnectionStringBuilder(settings.ConnectionString);
        Assert.True(read.NoResetOnClose);
        Assert.Equal(0, read.MaxAutoPrepare);
        Assert.Null(read.Options);
    }

    [Theory]
    [InlineData("0 0 3 * * *", true)]
    [InlineData("0 0 0 1 1 *", true)] // once a year
    [InlineData("0 0 0 31 12 *", true)]
    [InlineData("0 0 0 29 2 *", false)] // once in four years
    [InlineData("0 0 0 30 2 *", false)] // never
    [InlineData("0 0 0 31 4,6,9,11 *", false)]
    [InlineData("0 0 0 1 1 1", false)] // a Monday
    [InlineData("0 0 3 * *", false)]
    [InlineData("٠ 0 3 * * *", false)]
    public void Schedule_Text_HasARunEvery400Days(string text, bool accepted)
    {
        var reader = Reader(("RETENTION_SCHEDULE", text));
        reader.Schedule("RETENTION_SCHEDULE");

        if (accepted)
        {
            reader.ThrowIfFaulty();
        }
        else
        {
            var fault = Assert.Single(Assert.Throws<SettingsException>(reader.ThrowIfFaulty).Faults);
            Assert.StartsWith("RETENTION_SCHEDULE ", fault, StringComparison.Ordinal);
        }
    }

    private static SettingReader Reader(params (string Name, string Value)[] settings) =>
        new(new ConfigurationBuilder().AddInMemoryCollection(
            new Dictionary<string, string?> { ["DATABASE_URL"] = "Host=localhost", ["AUTH_SIGNING_KEY"] = Key }
                .Concat(settings.Select(setting => KeyValuePair.Create(setting.Name, (string?)setting.Value)))
                .GroupBy(pair => pair.Key).Select(same => same.Last())).Build());
}
