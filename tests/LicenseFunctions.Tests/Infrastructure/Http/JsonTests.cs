using System.Text.Json;
using LicenseFunctions.Infrastructure.Http;
using Xunit;

namespace LicenseFunctions.Tests.Infrastructure.Http;

public sealed class JsonTests
{
    [Fact]
    public void Options_WriteWhatIsCopiedFromAnAnswerAsItIs() =>
        Assert.Equal("""{"secret":"whsec_a+b/c=","detail":"the receiver's"}""", JsonSerializer.Serialize(
            new { Secret = "whsec_a+b/c=", Detail = "the receiver's" }, Json.Options));
}
