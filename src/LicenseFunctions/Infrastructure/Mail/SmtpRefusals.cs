using System.Text.RegularExpressions;
using MailKit.Net.Smtp;

namespace LicenseFunctions.Infrastructure.Mail;

/// <summary>What a refusal of the relay is about.</summary>
public enum RefusalCause
{
    /// <summary>The address of the recipient: it does not exist, or is not valid.</summary>
    Address,

    /// <summary>The mailbox of the recipient, or a rule of the relay such as 'relaying denied': the answer can mean either.</summary>
    AddressOrRelay,

    /// <summary>The content of the mail, the load, or anything else that says nothing about other mails.</summary>
    Other,

    /// <summary>The sender or the login, which all mails have in common.</summary>
    Relay,
}

/// <summary>Reads the answers of a relay.</summary>
public static partial class SmtpRefusals
{
    /// <param name="text">The text of the answer, which begins with the enhanced code of RFC 3463 if the relay sends these codes.</param>
    public static RefusalCause Classify(SmtpErrorCode stage, int status, string text)
    {
        if (stage is SmtpErrorCode.SenderNotAccepted)
            return RefusalCause.Relay;
        if (status is < 500 or > 599 || stage is not (SmtpErrorCode.RecipientNotAccepted or SmtpErrorCode.MessageNotAccepted))
            return RefusalCause.Other;
        return EnhancedCode(text) switch
        {
            // About the sender's address.
            "5.1.7" or "5.1.8" => RefusalCause.Relay,
            ['5', '.', '1', '.', ..] => RefusalCause.Address,
            _ => stage is SmtpErrorCode.RecipientNotAccepted ? RefusalCause.AddressOrRelay : RefusalCause.Other,
        };
    }

    /// <returns>The codes without the text, which may contain the address.</returns>
    public static string Describe(SmtpErrorCode stage, int status, string text) =>
        EnhancedCode(text) is { } code ? $"{status} {code} {stage}" : $"{status} {stage}";

    private static string? EnhancedCode(string text) => Enhanced().Match(text) is { Success: true, Value: var code } ? code : null;

    [GeneratedRegex(@"^[245]\.[0-9]{1,3}\.[0-9]{1,3}(?![0-9.])")]
    private static partial Regex Enhanced();
}
