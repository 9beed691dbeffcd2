using LicenseFunctions.Infrastructure.Mail;
using Licensing;

namespace LicenseFunctions.Licenses;

/// <param name="Language">For example de.</param>
public sealed record LanguageChoice(string? Language);

/// <summary>Keeps the language that a customer chose on the pages, for the mails to the customer.</summary>
public sealed class ChooseLanguage(CustomerLanguages languages)
{
    private static readonly Refusal Unknown = new(
        RefusalKind.Invalid, "INVALID_FIELD", "There are no mails in this language.", "language",
        $"Use one of {string.Join(", ", MailTemplates.Languages)}.");

    public async Task<Outcome<bool>> RunAsync(Guid userId, LanguageChoice choice, CancellationToken cancellationToken)
    {
        if (choice.Language is not { } language || !MailTemplates.Languages.Contains(language))
            return Unknown;
        await languages.ChooseAsync(userId, language, cancellationToken);
        return true;
    }
}
