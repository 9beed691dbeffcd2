using LicenseFunctions.Tests.Support;
using Xunit;

namespace LicenseFunctions.Tests.Tool;

public sealed class TokenCommandTests
{
    [Theory]
    [InlineData("no base64!")]
    [InlineData("c2hvcnQ=")] // too short
    public async Task Token_WithAWrongKey_SaysWhatTheKeyMustBe_InOneLineWithoutIt(string key)
    {
        var (code, output) = await Licensectl.RunAsync([("AUTH_SIGNING_KEY", key)], "token", "operator");

        Assert.Equal(1, code);
        Assert.StartsWith("AUTH_SIGNING_KEY must be the backend's key: ", output, StringComparison.Ordinal);
        Assert.Equal(1, output.Count(character => character == '\n'));
        Assert.DoesNotContain(key, output, StringComparison.Ordinal);
    }
}
