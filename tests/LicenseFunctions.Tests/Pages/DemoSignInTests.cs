using System.Net;
using DevServices;
using LicenseFunctions.Infrastructure.Http;
using LicenseFunctions.Tests.Support;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Configuration;
using Xunit;

namespace LicenseFunctions.Tests.Pages;

/// <summary>A proxy can make every visitor look like a browser on this machine. The secret of ./dev run can't be guessed.</summary>
public sealed class DemoSignInTests(PostgresFixture postgres)
{
    private const string Secret = "a-secret";

    [Theory]
    [InlineData(Secret, Secret, true)]
    [InlineData(Secret, "A-SECRET", false)]
    [InlineData(Secret, "", false)]
    [InlineData(Secret, null, false)]
    [InlineData("", "", false)] // without a secret, nobody signs in
    [InlineData(null, null, false)]
    public async Task List_FromThisMachine_NeedsTheSecret(string? configured, string? sent, bool offered)
    {
        await using var database = await postgres.NewDatabaseAsync();
        var configuration = new ConfigurationBuilder()
            .AddInMemoryCollection(new Dictionary<string, string?> { ["DEMO_SIGN_IN_SECRET"] = configured }).Build();
        var signIn = new DemoSignIn(
            new DemoPersonStore(database.Database), new HttpSettings(null, null, new byte[32], new ClientAddressSource(0), 600),
            configuration, TimeProvider.System);
        var http = new DefaultHttpContext
        {
            Connection = { LocalIpAddress = IPAddress.Loopback, RemoteIpAddress = IPAddress.Loopback },
            Request = { Host = new HostString("127.0.0.1", 7071) },
        };
        if (sent is not null)
            http.Request.Headers["X-Demo-Secret"] = sent;

        Assert.Equal(offered, (await signIn.ListAsync(http, TestContext.Current.CancellationToken)).Refusal is null);
    }

    [Fact]
    public async Task List_EveryPersonOfTheDemoData_HasAStoryOfTheirOwn()
    {
        await using var database = await postgres.NewDatabaseAsync();
        Assert.Equal(0, (await Licensectl.RunAsync(database, "demo-data")).Code);

        var persons = await new DemoPersonStore(database.Database).ListAsync(TestContext.Current.CancellationToken);

        Assert.Equal(26, persons.Select(person => person.Story).OfType<string>().Distinct(StringComparer.Ordinal).Count());
        Assert.Equal(26, persons.Count);
    }
}
