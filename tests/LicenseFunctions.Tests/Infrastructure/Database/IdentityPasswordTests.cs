using System.Buffers.Binary;
using System.Net;
using System.Net.Sockets;
using System.Text;
using Azure.Core;
using LicenseFunctions.Infrastructure.Database;
using LicenseFunctions.Infrastructure.Settings;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.Logging.Abstractions;
using Npgsql;
using Xunit;

namespace LicenseFunctions.Tests.Infrastructure.Database;

/// <summary>On Azure the app connects to the database with a token of its managed identity.</summary>
public sealed class IdentityPasswordTests
{
    [Theory]
    [InlineData("Username=license-app", "a-token-of-entra")]
    [InlineData("Username=license-app;Password=own-password", "own-password")]
    public async Task Connection_WithAnIdentity_GivesItsTokenWhereThereIsNoPassword(string person, string given)
    {
        using var server = new TcpListener(IPAddress.Loopback, 0);
        server.Start();
        var asked = ReadPasswordAsync(server);
        var settings = Read(("DATABASE_URL",
            $"Host=127.0.0.1;Port={((IPEndPoint)server.LocalEndpoint).Port};Database=db;{person};SSL Mode=Disable;Timeout=3"));
        var identity = new StandInIdentity();

        await using var source = DatabaseRegistration.Source(settings, identity, NullLoggerFactory.Instance);
        await Assert.ThrowsAnyAsync<NpgsqlException>(async () => await source.OpenConnectionAsync(TestContext.Current.CancellationToken));

        Assert.Equal(given, await asked);
        Assert.All(identity.Scopes, scope => Assert.Equal("https://ossrdbms-aad.database.windows.net/.default", scope));
    }

    [Theory]
    [InlineData("7", 7)]
    [InlineData(null, 20)]
    public void PoolSize_IsTheSetting(string? setting, int expected)
    {
        var settings = Read(("DATABASE_URL", "postgresql://localhost/db"), ("DATABASE_POOL_SIZE", setting));

        Assert.Equal(expected, new NpgsqlConnectionStringBuilder(settings.ConnectionString).MaxPoolSize);
    }

    private static DatabaseSettings Read(params (string Name, string? Value)[] settings) =>
        DatabaseSettings.Read(new SettingReader(new ConfigurationBuilder()
            .AddInMemoryCollection(settings.ToDictionary(setting => setting.Name, setting => setting.Value)).Build()));

    /// <summary>A server that requests a clear-text password and then closes the connection.</summary>
    private static async Task<string> ReadPasswordAsync(TcpListener server)
    {
        using var client = await server.AcceptTcpClientAsync(TestContext.Current.CancellationToken);
        var stream = client.GetStream();
        var length = new byte[4];
        await stream.ReadExactlyAsync(length);
        await stream.ReadExactlyAsync(new byte[BinaryPrimitives.ReadInt32BigEndian(length) - 4]);
        await stream.WriteAsync(new byte[] { (byte)'R', 0, 0, 0, 8, 0, 0, 0, 3 });
        await stream.ReadExactlyAsync(new byte[1]);
        await stream.ReadExactlyAsync(length);
        var password = new byte[BinaryPrimitives.ReadInt32BigEndian(length) - 4];
        await stream.ReadExactlyAsync(password);
        return Encoding.UTF8.GetString(password).TrimEnd('\0');
    }

    private sealed class StandInIdentity : TokenCredential
    {
        public List<string> Scopes { get; } = [];

        public override AccessToken GetToken(TokenRequestContext requestContext, CancellationToken cancellationToken)
        {
            Scopes.AddRange(requestContext.Scopes);
            return new AccessToken("a-token-of-entra", DateTimeOffset.MaxValue);
        }

        public override ValueTask<AccessToken> GetTokenAsync(TokenRequestContext requestContext, CancellationToken cancellationToken) =>
            new(GetToken(requestContext, cancellationToken));
    }
}
