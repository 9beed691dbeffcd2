using LicenseFunctions.Infrastructure.Mail;
using MailKit.Net.Smtp;
using Xunit;

namespace LicenseFunctions.Tests.Infrastructure.Mail;

public sealed class SmtpRefusalsTests
{
    [Theory]
    [InlineData(550, "5.1.1 <jo@example.com>: user unknown", RefusalCause.Address)]
    [InlineData(550, "5.1.1", RefusalCause.Address)]
    [InlineData(501, "5.1.3 Bad recipient address syntax", RefusalCause.Address)]
    [InlineData(553, "5.1.2 We do not relay to this domain", RefusalCause.Address)]
    [InlineData(550, "5.1.6 Mailbox has moved", RefusalCause.Address)]
    [InlineData(550, "5.1.10 RESOLVER.ADR.RecipientNotFound", RefusalCause.Address)]
    [InlineData(550, "5.1.7 Bad sender's mailbox address", RefusalCause.Relay)]
    [InlineData(550, "5.1.8 Sender's domain does not exist", RefusalCause.Relay)]
    [InlineData(550, "5.7.1 Relaying denied", RefusalCause.AddressOrRelay)]
    [InlineData(550, "5.2.1 Mailbox disabled", RefusalCause.AddressOrRelay)]
    [InlineData(552, "5.2.2 Mailbox full", RefusalCause.AddressOrRelay)]
    [InlineData(554, "5.7.1 Blocked", RefusalCause.AddressOrRelay)]
    [InlineData(550, "No such mailbox", RefusalCause.AddressOrRelay)]
    [InlineData(550, "5.1.1.example.com is not known", RefusalCause.AddressOrRelay)]
    [InlineData(501, "Syntax error in parameters", RefusalCause.AddressOrRelay)]
    [InlineData(551, "User not local", RefusalCause.AddressOrRelay)]
    [InlineData(553, "Mailbox name not allowed", RefusalCause.AddressOrRelay)]
    [InlineData(550, "", RefusalCause.AddressOrRelay)]
    [InlineData(554, "Refused", RefusalCause.AddressOrRelay)]
    [InlineData(503, "Bad sequence of commands", RefusalCause.AddressOrRelay)]
    [InlineData(450, "4.1.1 Mailbox unavailable", RefusalCause.Other)]
    [InlineData(450, "5.1.1 Contradicts its status", RefusalCause.Other)]
    [InlineData(421, "Too many connections", RefusalCause.Other)]
    public void Classify_AnswerToARecipient_IsAboutTheAddressOnlyIfItSaysSo(int status, string text, RefusalCause cause) =>
        Assert.Equal(cause, SmtpRefusals.Classify(SmtpErrorCode.RecipientNotAccepted, status, text));

    [Theory]
    [InlineData(SmtpErrorCode.SenderNotAccepted, 550, "5.1.1 Unknown", RefusalCause.Relay)]
    [InlineData(SmtpErrorCode.SenderNotAccepted, 451, "Try later", RefusalCause.Relay)]
    [InlineData(SmtpErrorCode.MessageNotAccepted, 550, "5.1.1 Unknown", RefusalCause.Address)]
    [InlineData(SmtpErrorCode.MessageNotAccepted, 550, "Unknown", RefusalCause.Other)]
    [InlineData(SmtpErrorCode.MessageNotAccepted, 554, "5.6.0 Content", RefusalCause.Other)]
    [InlineData(SmtpErrorCode.UnexpectedStatusCode, 550, "5.1.1 Unknown", RefusalCause.Other)]
    public void Classify_AnswerToAnotherCommand_DependsOnIt(SmtpErrorCode stage, int status, string text, RefusalCause cause) =>
        Assert.Equal(cause, SmtpRefusals.Classify(stage, status, text));

    [Fact]
    public void Describe_AnswerWithAnAddress_KeepsOnlyTheCodes()
    {
        Assert.Equal("550 5.1.1 RecipientNotAccepted",
            SmtpRefusals.Describe(SmtpErrorCode.RecipientNotAccepted, 550, "5.1.1 <jo@example.com>: unknown"));
        Assert.Equal("550 RecipientNotAccepted", SmtpRefusals.Describe(SmtpErrorCode.RecipientNotAccepted, 550, "jo@example.com: unknown"));
    }
}
