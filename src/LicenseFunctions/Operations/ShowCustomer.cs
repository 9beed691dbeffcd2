using System.Text.Json;
using System.Text.Json.Nodes;
using LicenseFunctions.Infrastructure.Database;
using LicenseFunctions.Infrastructure.Mail;
using LicenseFunctions.Licenses;
using Licensing;

namespace LicenseFunctions.Operations;

/// <param name="Notes">The latest first, at most 200.</param>
public sealed record CustomerDetail(Customer Customer, IReadOnlyList<CustomerNote> Notes);

/// <param name="Mails">The latest first, at most 100.</param>
public sealed record CustomerMails(IReadOnlyList<CustomerMail> Mails);

/// <param name="Text">At most 4,000 characters.</param>
public sealed record NewCustomerNote(string Text);

/// <summary>Shows a customer to operators, with their notes and the mails that the customer got.</summary>
public sealed class ShowCustomer(LicenseDatabase database, CustomerStore store, MailTemplates templates)
{
    private const int MostNotes = 200;
    private const int MostMails = 100;
    private const int LongestNote = 4000;

    private static readonly Refusal NoteInvalid = new(
        RefusalKind.Invalid, "NOTE_INVALID", $"text must have 1 to {LongestNote} characters.", "text", "Write one sentence or more.");

    private static readonly Refusal NoteUnknown = new(RefusalKind.NotFound, "NOTE_NOT_FOUND", "There is no such note.", "note_id");

    public Task<Outcome<CustomerDetail>> RunAsync(Guid userId, CancellationToken cancellationToken) =>
        database.ReadLatestAsync<Outcome<CustomerDetail>>(
            async token => await store.FindAsync(userId, token) is { } customer
                ? new CustomerDetail(customer, await store.NotesAsync(userId, MostNotes, token))
                : CustomerNotFound.Refusal,
            cancellationToken);

    public Task<Outcome<CustomerMails>> MailsAsync(Guid userId, CancellationToken cancellationToken) =>
        database.ReadLatestAsync<Outcome<CustomerMails>>(
            async token => await store.FindAsync(userId, token) is null
                ? CustomerNotFound.Refusal
                : new CustomerMails([.. (await store.MailsAsync(userId, MostMails, token)).Select(Show)]),
            cancellationToken);

    public async Task<Outcome<CustomerNote>> AddNoteAsync(
        Guid userId, NewCustomerNote note, Actor by, CancellationToken cancellationToken)
    {
        var text = note.Text.Trim();
        if (text.Length is 0 or > LongestNote || text.Contains('\0', StringComparison.Ordinal))
            return NoteInvalid;
        return await store.AddNoteAsync(userId, text, by, cancellationToken) is { } added ? added : CustomerNotFound.Refusal;
    }

    public async Task<Outcome<bool>> RemoveNoteAsync(Guid userId, Guid noteId, Actor by, CancellationToken cancellationToken) =>
        await store.RemoveNoteAsync(userId, noteId, by, cancellationToken) ? true : NoteUnknown;

    private CustomerMail Show(CustomerMailRow row)
    {
        var (template, rendered) = Render(row);
        return new CustomerMail
        {
            OutboxId = row.OutboxId,
            Template = template,
            Subject = rendered?.Subject ?? template,
            Text = rendered?.Text ?? "",
            State = row.SentAt is not null ? "sent" : row.DeadAt is not null ? "dead" : "waiting",
            CreatedAt = row.CreatedAt,
            SentAt = row.SentAt,
            DueAt = row.SentAt is null && row.DeadAt is null ? row.DueAt : null,
            Attempts = row.Attempts,
            LastError = row.LastError,
        };
    }

    // A payload of another version may lack the template or have other fields. The list still shows the mail.
    private (string Template, RenderedMail? Mail) Render(CustomerMailRow mail)
    {
        try
        {
            var row = JsonNode.Parse(mail.Payload)!.AsObject();
            var template = row["template"]?.GetValue<string>() ?? "";
            if (!MailTemplates.Names.Contains(template)) return (template, null);
            var model = row["model"] as JsonObject ?? [];
            if (mail.Licenses is { } licenses) model["licenses"] = JsonNode.Parse(licenses);
            return (template, templates.Render(template, model, publicUrl: null, row["language"]?.GetValue<string>()));
        }
        catch (Exception failure) when (failure is InvalidOperationException or JsonException or KeyNotFoundException)
        {
            return ("", null);
        }
    }
}
