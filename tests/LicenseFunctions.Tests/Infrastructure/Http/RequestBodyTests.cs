using System.Text;
using LicenseFunctions.Infrastructure.Http;
using Xunit;

namespace LicenseFunctions.Tests.Infrastructure.Http;

public sealed class RequestBodyTests
{
    private enum Color
    {
        Red,
        DarkBlue,
    }

    private sealed record Inner(string Text);

    private sealed record Body(
        string TheReason, IReadOnlyList<Guid> Ids, int Count = 0, decimal Price = 0, bool? IsOn = null, Color? Color = null,
        DateTimeOffset? At = null, Inner? Inner = null);

    [Theory]
    [InlineData("{bad", "MALFORMED_JSON", "$", "The body is not valid JSON at line 1, byte 1.")]
    [InlineData("", "MALFORMED_JSON", "$", "The body is empty.")]
    [InlineData(" \n", "MALFORMED_JSON", "$", "The body is empty.")]
    [InlineData("{}{}", "MALFORMED_JSON", "$", "The body is not valid JSON at line 1, byte 2.")]
    [InlineData("[1]", "NOT_AN_OBJECT", "$", "The body must be a JSON object.")]
    [InlineData("null", "NOT_AN_OBJECT", "$", "The body must be a JSON object.")]
    [InlineData("""{"ids":[]}""", "MISSING_FIELD", "the_reason", "the_reason is missing.")]
    [InlineData("""{"the_reason":"x","ids":[],"inner":{}}""", "MISSING_FIELD", "inner.text", "inner.text is missing.")]
    [InlineData("""{"the_reason":5,"ids":[]}""", "INVALID_FIELD", "the_reason", "the_reason must be a string.")]
    [InlineData("""{"the_reason":null,"ids":[]}""", "INVALID_FIELD", "the_reason", "the_reason must be a string.")]
    [InlineData("""{"the_reason":"\ud800","ids":[]}""", "INVALID_FIELD", "the_reason", "the_reason must be a string.")]
    [InlineData("""{"\ud800":"x","ids":[]}""", "INVALID_FIELD", "$", "The body doesn't match this request.")]
    [InlineData("""{"the_reason":"x","ids":5}""", "INVALID_FIELD", "ids", "ids must be an array.")]
    [InlineData("""{"the_reason":"x","ids":["a"]}""", "INVALID_FIELD", "ids[0]", "ids[0] must be a UUID.")]
    [InlineData("""{"the_reason":"x","ids":[],"count":1.5}""", "INVALID_FIELD", "count", "count must be a whole number.")]
    [InlineData("""{"the_reason":"x","ids":[],"price":"a"}""", "INVALID_FIELD", "price", "price must be a number.")]
    [InlineData("""{"the_reason":"x","ids":[],"is_on":1}""", "INVALID_FIELD", "is_on", "is_on must be true or false.")]
    [InlineData("""{"the_reason":"x","ids":[],"at":"soon"}""", "INVALID_FIELD", "at", "at must be a time with its offset.")]
    [InlineData("""{"the_reason":"x","ids":[],"color":"g"}""", "INVALID_FIELD", "color", "color must be one of \"RED\", \"DARK_BLUE\".")]
    [InlineData("""{"the_reason":"x","ids":[],"inner":{"text":1}}""", "INVALID_FIELD", "inner.text", "inner.text must be a string.")]
    [InlineData("""{"the_reason":"x","ids":[],"inner":1}""", "INVALID_FIELD", "inner", "inner must be an object.")]
    public void Parse_AWrongBody_NamesTheFieldAndWhatIsExpected(string body, string code, string field, string detail)
    {
        var refusal = Parse(body);

        Assert.Equal((code, field, detail), (refusal?.Code, refusal?.Field, refusal?.Detail));
        Assert.NotNull(refusal?.Hint);
    }

    [Theory]
    [InlineData("""{"teh_reason":"x","ids":[]}""", "teh_reason is not a field of this request. Send \"the_reason\": \"…\".")]
    [InlineData("""{"IDS":[]}""", "Send \"the_reason\": \"…\".")]
    public void Parse_AMissingField_NamesTheFieldThatIsUnknown(string body, string hint) =>
        Assert.StartsWith(hint, Parse(body)?.Hint, StringComparison.Ordinal);

    [Theory]
    [InlineData("""{"the_reason":"x","ids":[]}""")]
    [InlineData("\uFEFF{\"the_reason\":\"x\",\"ids\":[],\"unknown\":1}\0")]
    public void Parse_ARightBody_IsRead(string body) => Assert.Null(Parse(body));

    [Fact]
    public void Parse_ANameThatIsNotUtf8_IsNotTheMissingField()
    {
        var refusal = RequestBody.Parse<Body>((byte[])[.. "{\""u8, 0xFF, .. "\":1,\"ids\":[]}"u8]).Refusal;

        Assert.Equal(("MISSING_FIELD", "the_reason"), (refusal?.Code, refusal?.Field));
    }

    private static Licensing.Refusal? Parse(string body) => RequestBody.Parse<Body>(Encoding.UTF8.GetBytes(body)).Refusal;
}
