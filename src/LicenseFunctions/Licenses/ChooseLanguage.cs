using LicenseFunctions.Infrastructure.Mail;
using Licensing;

namespace LicenseFunctions.Licenses;

/// <param name="Language">For example de.</param>
/// <param name="IfNone">Keep it only if the customer has no language yet: the page shows it, but the customer did not choose it.</param>
public sealed record LanguageChoice(string? Language, bool IfNone = false);

/// <summary>Keeps the language of the customer's pages, for the mails to the customer.</summary>
public sealed class ChooseLanguage(CustomerLanguages languages)
{
    private static readonly Refusal Unknown = new(
        RefusalKind.Invalid, "INVALID_FIELD", "There are no mails in this language.", "language",
        $"Use one of {string.Join(", ", MailTemplates.Languages)}.");

    public async Task<Outcome<bool>> RunAsync(Guid userId, LanguageChoice choice, CancellationToken cancellationToken)
    {
        if (choice.Language is not { } language || !MailTemplates.Languages.Contains(language))
            return Unknown;
        await languages.ChooseAsync(userId, language, choice.IfNone, cancellationToken);
        return true;
    }
}
