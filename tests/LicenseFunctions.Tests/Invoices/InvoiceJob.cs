using LicenseFunctions.Infrastructure.Database;
using LicenseFunctions.Invoices;
using LicenseFunctions.Tests.Support;
using Licensing.Invoices;
using Licensing.Renewals;
using Microsoft.Extensions.Logging.Abstractions;
using Xunit;

namespace LicenseFunctions.Tests.Invoices;

/// <summary>The job that issues invoices, over the database of a test.</summary>
internal static class InvoiceJob
{
    public static readonly InvoiceIssuer Issuer = new(
        new InvoiceParty("Example GmbH", "Street 1\n10115 Berlin", "DE", "DE123456789"), "ACME",
        new TaxRates(new Dictionary<string, decimal> { ["DE"] = 19, ["FR"] = 20 }, "DE"));

    /// <summary>Stripe is the only configured provider.</summary>
    private static readonly RenewalPolicy Policy = new(
        true, TimeSpan.FromDays(7), TimeSpan.FromDays(3), 0, new Dictionary<string, TimeSpan> { ["stripe"] = TimeSpan.FromHours(23) });

    public static Task<InvoiceCounts> RunAsync(TestDatabase database, InvoiceSettings settings) =>
        new IssueInvoices(
            settings, Policy, new InvoiceStore(database.Database),
            new SkippedRows(database.Database, TimeProvider.System, NullLogger<SkippedRows>.Instance), TimeProvider.System,
            NullLogger<IssueInvoices>.Instance).RunAsync(TestContext.Current.CancellationToken);
}
