using LicenseFunctions.Infrastructure.Database;
using LicenseFunctions.Infrastructure.Http;
using LicenseFunctions.Infrastructure.Settings;
using LicenseFunctions.Suspicion;
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
    public void Read_AWrongValue_NamesTheSettingAndAnExampleButNotTheValue(string name, string value)
    {
        var reader = Reader((name, value));
        HttpSettings.Read(reader);
        DatabaseSettings.Read(reader);
        SuspicionSettings.Read(reader);

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

    [Fact]
    public void FromUri_AUriOfLibpq_IsAccepted()
    {
        var settings = DatabaseSettings.FromUri(
            "postgresql://us%40er:p%3Ass@db.example:6543/execution_control?sslmode=verify-full&connect_timeout=3");

        var read = new Npgsql.NpgsqlConnectionStringBuilder(settings);
        Assert.Equal(("db.example", 6543, "us@er", "p:ss", "execution_control"),
            (read.Host, read.Port, read.Username, read.Password, read.Database));
        Assert.Equal((Npgsql.SslMode.VerifyFull, 3), (read.SslMode, read.Timeout));
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

    [Fact]
    public void Read_BehindATransactionPooler_PreparesNothing()
    {
        var settings = DatabaseSettings.Read(Reader(("DATABASE_POOLER", "transaction")));

        var read = new Npgsql.NpgsqlConnectionStringBuilder(settings.ConnectionString);
        Assert.True(read.NoResetOnClose);
        Assert.Equal(0, read.MaxAutoPrepare);
    }

    private static SettingReader Reader(params (string Name, string Value)[] settings) =>
        new(new ConfigurationBuilder().AddInMemoryCollection(
            new Dictionary<string, string?> { ["DATABASE_URL"] = "Host=localhost", ["AUTH_SIGNING_KEY"] = Key }
                .Concat(settings.Select(setting => KeyValuePair.Create(setting.Name, (string?)setting.Value)))
                .GroupBy(pair => pair.Key).Select(same => same.Last())).Build());
}
