using LicenseFunctions.Infrastructure.Database;
using LicenseFunctions.Infrastructure.Http;
using LicenseFunctions.Licenses;
using Microsoft.AspNetCore.Http;
using Microsoft.Azure.Functions.Worker;

namespace LicenseFunctions.Operations;

/// <summary>A customer with mails and notes, and the export and the erasure of their data, for operators.</summary>
public sealed class CustomerFunctions(ShowCustomer show, ErasePerson erase, PersonStore persons)
{
    private const string Customer = "api/v1/customers/{userId:guid}";

    [Function("GetCustomer")]
    [Access(CallerRole.Operator)]
    [Operation("Shows a customer, and the operators' notes about them.", Reply = typeof(CustomerDetail))]
    public async Task<IResult> Get(
        [HttpTrigger(AuthorizationLevel.Anonymous, "get", Route = Customer)] HttpRequest request,
        Guid userId, CancellationToken cancellationToken) =>
        (await show.RunAsync(userId, cancellationToken)).ToResult();

    [Function("ListCustomerMails")]
    [Access(CallerRole.Operator)]
    [Operation(
        "Lists the mails to a customer of the last 30 days with their text, the latest first. Also as CSV.", Reply = typeof(CustomerMails),
        Media = "text/csv")]
    public async Task<IResult> Mails(
        [HttpTrigger(AuthorizationLevel.Anonymous, "get", Route = Customer + "/mails")] HttpRequest request,
        Guid userId, CancellationToken cancellationToken) =>
        (await show.MailsAsync(userId, cancellationToken))
            .Match(found => request.Answer(found, reply => reply.Mails), Problems.ToResult);

    [Function("AddCustomerNote")]
    [Access(CallerRole.Operator)]
    [Operation("Adds a note about a customer. The customer's erasure deletes it.",
        Body = typeof(NewCustomerNote), Reply = typeof(CustomerNote), Status = StatusCodes.Status201Created)]
    public async Task<IResult> AddNote(
        [HttpTrigger(AuthorizationLevel.Anonymous, "post", Route = Customer + "/notes")] HttpRequest request,
        Guid userId, CancellationToken cancellationToken)
    {
        var body = await request.ReadAsync<NewCustomerNote>(cancellationToken);
        return body.Refusal is { } refusal
            ? refusal.ToResult()
            : (await show.AddNoteAsync(userId, body.Value, request.HttpContext.Caller().ToActor(), cancellationToken))
                .ToResult(StatusCodes.Status201Created);
    }

    [Function("RemoveCustomerNote")]
    [Access(CallerRole.Operator)]
    [Operation("Removes a note about a customer.", Status = StatusCodes.Status204NoContent)]
    public async Task<IResult> RemoveNote(
        [HttpTrigger(AuthorizationLevel.Anonymous, "delete", Route = Customer + "/notes/{noteId:guid}")] HttpRequest request,
        Guid userId, Guid noteId, CancellationToken cancellationToken) =>
        (await show.RemoveNoteAsync(userId, noteId, request.HttpContext.Caller().ToActor(), cancellationToken))
            .Match(_ => Results.NoContent(), Problems.ToResult);

    // Export and erasure of a year of usage take longer than a request's limit, so they use the connections of background work.
    [Function("ExportCustomer")]
    [Access(CallerRole.Operator), Pool(DatabasePool.Background)]
    [Operation("Returns all data about a customer as a file. The export is audited.", Media = "application/json")]
    public async Task<IResult> Export(
        [HttpTrigger(AuthorizationLevel.Anonymous, "post", Route = Customer + "/export")] HttpRequest request,
        Guid userId, CancellationToken cancellationToken) =>
        (await show.RunAsync(userId, cancellationToken)).Match(
            _ => new PersonExportResult(
                userId, persons.ExportAsync(userId, request.HttpContext.Caller().ToActor(), cancellationToken)),
            Problems.ToResult);

    [Function("PreviewErasure")]
    [Access(CallerRole.Operator), Pool(DatabasePool.Background)]
    [Operation("Counts what an erasure of the customer would delete or empty. Changes nothing.", Reply = typeof(Erasure))]
    public async Task<IResult> Preview(
        [HttpTrigger(AuthorizationLevel.Anonymous, "post", Route = Customer + "/erase/preview")] HttpRequest request,
        Guid userId, CancellationToken cancellationToken) =>
        (await erase.PreviewAsync(userId, request.HttpContext.Caller().ToActor(), cancellationToken)).ToResult();

    [Function("EraseCustomer")]
    [Access(CallerRole.Operator), Pool(DatabasePool.Background)]
    [Operation("Erases a customer's data. The body repeats the mail address. Billing records stay without the identity; audited.",
        Body = typeof(ErasureOrder), Reply = typeof(Erasure))]
    public async Task<IResult> Erase(
        [HttpTrigger(AuthorizationLevel.Anonymous, "post", Route = Customer + "/erase")] HttpRequest request,
        Guid userId, CancellationToken cancellationToken)
    {
        var body = await request.ReadAsync<ErasureOrder>(cancellationToken);
        return body.Refusal is { } refusal
            ? refusal.ToResult()
            : (await erase.RunAsync(userId, body.Value, request.HttpContext.Caller().ToActor(), cancellationToken)).ToResult();
    }
}
