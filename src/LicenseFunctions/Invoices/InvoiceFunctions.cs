using LicenseFunctions.Infrastructure.Database;
using LicenseFunctions.Infrastructure.Http;
using Microsoft.AspNetCore.Http;
using Microsoft.Azure.Functions.Worker;

namespace LicenseFunctions.Invoices;

/// <summary>Invoices and credit notes, and what the customer wants on them.</summary>
public sealed class InvoiceFunctions(IssueInvoices issue, ListInvoices list, EditBillingDetails details)
{
    private const string Invoices = "api/v1/invoices";
    private const string Details = "api/v1/billing-details";

    [Function("IssueInvoices")]
    public Task<InvoiceCounts> Issue(
        [TimerTrigger("%RECONCILE_SCHEDULE%")] TimerInfo timer, CancellationToken cancellationToken) => issue.RunAsync(cancellationToken);

    [Function("ListInvoices")]
    [Access(CallerRole.Subscriber, CallerRole.Operator)]
    [Operation(
        "Lists the caller's invoices and credit notes, the newest first; for operators, with user_id, a customer's. Also as CSV.",
        Reply = typeof(InvoiceList), Media = "text/csv", Query = ["user_id", "after", "limit"])]
    public async Task<IResult> List(
        [HttpTrigger(AuthorizationLevel.Anonymous, "get", Route = Invoices)] HttpRequest request, CancellationToken cancellationToken) =>
        (await list.RunAsync(request.Query, request.HttpContext.Caller(), request.PrefersCsv(), cancellationToken)).Match(
            found => request.Answer(found, reply => reply.Invoices.Select(invoice => invoice.ForSum())), Problems.ToResult);

    [Function("ExportInvoices")]
    [Access(CallerRole.Operator), Pool(DatabasePool.Background)]
    [Operation(
        "Returns invoices and credit notes that were issued from one time (inclusive) to another (exclusive), up to 400 days, as CSV.",
        Media = "text/csv", Query = ["from", "to"])]
    public IResult Export(
        [HttpTrigger(AuthorizationLevel.Anonymous, "get", Route = Invoices + "/export")] HttpRequest request,
        CancellationToken cancellationToken) =>
        list.OfPeriod(request.Query, cancellationToken).Match(rows => new CsvStreamResult<BookkeepingLine>(rows), Problems.ToResult);

    [Function("GetInvoiceFile")]
    [Access(CallerRole.Subscriber, CallerRole.Operator)]
    [Operation(
        "Returns an invoice as a PDF (language: en or de), or as an electronic invoice of EN 16931 (format: xml).",
        Media = "application/pdf", Query = ["format", "language"])]
    public async Task<IResult> File(
        [HttpTrigger(AuthorizationLevel.Anonymous, "get", Route = Invoices + "/{number}/file")] HttpRequest request,
        string number, CancellationToken cancellationToken) =>
        (await list.FileAsync(number, request.Query, request.HttpContext.Caller(), cancellationToken))
            .Match(file => Results.File(file.Content, file.MediaType, file.Name), Problems.ToResult);

    [Function("GetBillingDetails")]
    [Access(CallerRole.Subscriber)]
    [Operation("Shows what the customer wants on invoices.", Reply = typeof(BillingDetailsReply))]
    public async Task<IResult> ShowDetails(
        [HttpTrigger(AuthorizationLevel.Anonymous, "get", Route = Details)] HttpRequest request, CancellationToken cancellationToken) =>
        Results.Json(await details.ShowAsync(request.HttpContext.Caller().UserId!.Value, cancellationToken), Json.Options);

    [Function("SaveBillingDetails")]
    [Access(CallerRole.Subscriber)]
    [Operation(
        "Saves what the customer wants on invoices. Issued invoices keep their details.",
        Body = typeof(NewBillingDetails), Reply = typeof(BillingDetailsReply))]
    public async Task<IResult> SaveDetails(
        [HttpTrigger(AuthorizationLevel.Anonymous, "put", Route = Details)] HttpRequest request, CancellationToken cancellationToken)
    {
        var body = await request.ReadAsync<NewBillingDetails>(cancellationToken);
        return body.Refusal is { } refusal
            ? refusal.ToResult()
            : (await details.SaveAsync(body.Value, request.HttpContext.Caller(), cancellationToken)).ToResult();
    }
}
