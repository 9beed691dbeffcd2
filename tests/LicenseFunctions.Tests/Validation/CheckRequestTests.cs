using System.Buffers;
using System.IO.Pipelines;
using System.Net;
using System.Text;
using System.Text.Json;
using LicenseFunctions.Validation;
using Licensing;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Moq;
using Xunit;

namespace LicenseFunctions.Tests.Validation;

public sealed class CheckRequestTests
{
    private static Outcome<CheckRequest> Parse(string body) => CheckRequest.Parse(new ReadOnlySequence<byte>(Encoding.UTF8.GetBytes(body)));

    private static string? Field(Outcome<CheckRequest> read) =>
        (read.Refusal ?? read.Value.Claim(IPAddress.Loopback).Refusal)?.Field;

    [Theory]
    [InlineData("""{"ea_instance_id":"EA","mt5_account_number":9223372036854775807}""", 9223372036854775807)]
    [InlineData("""{"mt5_account_number":"9223372036854775807","ea_instance_id":"EA","more":{"x":[1]}}""", 9223372036854775807)]
    [InlineData("""{"ea_instance_id":"EA","mt5_account_number":1}""", 1)]
    public void Parse_WholeBody_KeepsEveryDigit(string body, long account) =>
        Assert.Equal(account, Parse(body).Value.Claim(IPAddress.Loopback).Value.Mt5AccountNumber);

    [Fact]
    public void Parse_AnAccountThatIsNotUtf8_NamesTheField() => Assert.Equal("mt5_account_number", Field(CheckRequest.Parse(
        new ReadOnlySequence<byte>([.. """{"ea_instance_id":"EA","mt5_account_number":"1"""u8, 0xFF, .. "\"}"u8]))));

    [Theory]
    [InlineData("""{"mt5_account_number":1}""", "ea_instance_id")]
    [InlineData("""{"ea_instance_id":" ","mt5_account_number":1}""", "ea_instance_id")]
    [InlineData("""{"ea_instance_id":7,"mt5_account_number":1}""", "ea_instance_id")]
    [InlineData("""{"ea_instance_id":"a\u0000","mt5_account_number":1}""", "ea_instance_id")]
    [InlineData("""{"ea_instance_id":"\ud800","mt5_account_number":1}""", "ea_instance_id")]
    [InlineData("""{"ea_instance_id":"EA"}""", "mt5_account_number")]
    [InlineData("""{"ea_instance_id":"EA","mt5_account_number":0}""", "mt5_account_number")]
    [InlineData("""{"ea_instance_id":"EA","mt5_account_number":-1}""", "mt5_account_number")]
    [InlineData("""{"ea_instance_id":"EA","mt5_account_number":1.5}""", "mt5_account_number")]
    [InlineData("""{"ea_instance_id":"EA","mt5_account_number":9223372036854775808}""", "mt5_account_number")]
    [InlineData("""{"ea_instance_id":"EA","mt5_account_number":"12a"}""", "mt5_account_number")]
    [InlineData("""{"ea_instance_id":"EA","mt5_account_number":[]}""", "mt5_account_number")]
    [InlineData("""{"ea_instance_id":"EA","mt5_account_number":1,"nonce":5}""", "nonce")]
    [InlineData("""{"\ud800":1}""", "$")]
    [InlineData("""{"ea_instance_\ud800":1}""", "$")]
    [InlineData("[]", "$")]
    public void Parse_AWrongField_NamesIt(string body, string field) => Assert.Equal(field, Field(Parse(body)));

    [Theory]
    [InlineData("", "The body is empty.", """Send {"ea_instance_id": "EA-1", "mt5_account_number": 12345678}.""")]
    [InlineData("\u0000", "The body is empty.", """Send {"ea_instance_id": "EA-1", "mt5_account_number": 12345678}.""")]
    [InlineData(
        """{"ea_instance_id":"EA","mt5_acount_number":1}""", "mt5_account_number is missing.",
        "mt5_acount_number is not a field of this request. Send \"mt5_account_number\": 12345678.")]
    [InlineData(
        """{"ea_instance_id":"EA","nonce":"n","first":[{}],"second":1}""", "mt5_account_number is missing.",
        "first is not a field of this request. Send \"mt5_account_number\": 12345678.")]
    [InlineData(
        """{"ea_instance_id":"EA","mt5_account_number":null}""", "mt5_account_number is missing.",
        "Send \"mt5_account_number\": 12345678.")]
    [InlineData(
        """{"ea_instance_id":"EA","mt5_account_number":0}""", "mt5_account_number must be a whole number from 1 to 9223372036854775807.",
        "Send \"mt5_account_number\": 12345678.")]
    [InlineData("""{"mt5_account_number":1}""", "ea_instance_id is missing.", "Send \"ea_instance_id\": \"EA-INSTANCE-1\".")]
    [InlineData(
        """{"ea_instance_id":5,"mt5_account_number":1}""", "ea_instance_id must be a string.",
        "Send \"ea_instance_id\": \"EA-INSTANCE-1\".")]
    public void Parse_AWrongBody_SaysWhatIsWrong(string body, string detail, string hint)
    {
        var read = Parse(body);
        var refusal = read.Refusal ?? read.Value.Claim(IPAddress.Loopback).Refusal;

        Assert.Equal((detail, hint), (refusal?.Detail, refusal?.Hint));
    }

    [Fact]
    public void Parse_ALongOrDamagedUnknownName_IsNotRepeated()
    {
        const string Hint = "Send \"ea_instance_id\": \"EA-INSTANCE-1\".";
        var (at, above) = (new string('x', 50), new string('x', 51));
        static string? HintOf(Outcome<CheckRequest> read) => read.Value.Claim(IPAddress.Loopback).Refusal?.Hint;

        Assert.Equal($"{at} is not a field of this request. {Hint}", HintOf(Parse($$"""{"{{at}}":1}""")));
        Assert.Equal(Hint, HintOf(Parse($$"""{"{{above}}":1}""")));
        Assert.Equal(Hint, HintOf(CheckRequest.Parse(new ReadOnlySequence<byte>([.. "{\"x"u8, 0xFF, .. "\":1}"u8]))));
    }

    [Theory]
    [InlineData(100, null)]
    [InlineData(101, "ea_instance_id")]
    public void Parse_LengthOfEaInstanceId_HasItsLimit(int length, string? field) =>
        Assert.Equal(field, Field(Parse($$"""{"ea_instance_id":"{{new string('x', length)}}","mt5_account_number":1}""")));

    [Theory]
    [InlineData(128, null)]
    [InlineData(129, "nonce")]
    public void Parse_LengthOfNonce_HasItsLimit(int length, string? field) =>
        Assert.Equal(field, Field(Parse($$"""{"ea_instance_id":"EA","mt5_account_number":1,"nonce":"{{new string('x', length)}}"}""")));

    [Theory]
    [InlineData("{")]
    [InlineData("{} {}")]
    [InlineData("""{"ea_instance_id":"EA",}""")]
    public void Parse_NotJson_Throws(string body) => Assert.ThrowsAny<JsonException>(() => Parse(body));

    [Fact]
    public void Parse_AnEscapedName_IsRecognized() =>
        Assert.Null(Field(Parse("""{"\u0065a_instance_id":"EA","mt5_account_number":1}""")));

    [Fact]
    public async Task ReadAsync_NotJson_ReadsTheBodyToItsEnd()
    {
        var pipe = new Pipe();
        await pipe.Writer.WriteAsync("{"u8.ToArray(), TestContext.Current.CancellationToken);
        await pipe.Writer.CompleteAsync();
        var http = new DefaultHttpContext();
        http.Features.Set(Mock.Of<IRequestBodyPipeFeature>(body => body.Reader == pipe.Reader));

        var read = await CheckRequest.ReadAsync(http.Request, TestContext.Current.CancellationToken);

        Assert.Equal("MALFORMED_JSON", read.Refusal!.Code);
        Assert.True(pipe.Reader.TryRead(out var rest) && rest is { Buffer.IsEmpty: true, IsCompleted: true });
    }

    [Theory]
    [InlineData("203.0.113.9", "203.0.113.9")]
    [InlineData("2001:db8::1", "2001:db8::1")]
    [InlineData("::ffff:203.0.113.9", "203.0.113.9")]
    [InlineData("1", null)]
    [InlineData("010.0.0.1", null)]
    [InlineData("fe80::1%eth0", null)]
    [InlineData("[::1]", null)]
    [InlineData("example.com", null)]
    [InlineData(null, null)]
    public void ServiceAddress_AcceptsOnlyCanonicalText(string? text, string? expected)
    {
        var read = new CheckRequest("EA", 1, IpAddress: text).ServiceAddress();

        Assert.Equal(expected, read.Match<string?>(address => address.ToString(), _ => null));
    }

    [Fact]
    public void ServiceToken_UpperCaseHex_BecomesLowerCase()
    {
        Assert.Equal(new string('a', 64), new CheckRequest("EA", 1, TokenHash: new string('A', 64)).ServiceToken().Value);
        Assert.Equal("token_hash", new CheckRequest("EA", 1, TokenHash: new string('g', 64)).ServiceToken().Refusal!.Field);
        Assert.Equal("token_hash is missing.", new CheckRequest("EA", 1).ServiceToken().Refusal!.Detail);
    }
}
