using System.Text.Json;
using LicenseFunctions.Infrastructure.Database;
using LicenseFunctions.Infrastructure.Http;
using LicenseFunctions.Licenses;
using Licensing;
using Npgsql;

namespace LicenseFunctions.Operations;

/// <param name="Email">The customer's mail address, as the operator typed it: it confirms the erasure.</param>
/// <param name="Reason">For the audit log, at most 500 characters.</param>
public sealed record ErasureOrder(string Email, string Reason);

/// <param name="Rows">The number of rows that are deleted or emptied, by table.</param>
/// <param name="Kept">The number of rows with the person's data that the law asks to keep, by table: issued invoices.</param>
/// <param name="TellProvider">The customers to delete at the payment provider, such as "stripe cus_123".</param>
public sealed record Erasure(
    Guid UserId, IReadOnlyDictionary<string, long> Rows, IReadOnlyDictionary<string, long> Kept, IReadOnlyList<string> TellProvider);

/// <summary>Erases a customer, as licensectl erase does: first a preview, then the erasure with the typed mail address.</summary>
public sealed class ErasePerson(PersonStore persons, CustomerStore customers, LicenseInvalidation invalidation)
{
    // Meanwhile the customer's licenses and the sums of usage are locked. Front ends of Azure end a request after 230 s.
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(60);

    private const int LongestReason = 500;

    private static readonly Refusal ReasonInvalid = new(
        RefusalKind.Invalid, "REASON_INVALID", $"reason must have 1 to {LongestReason} characters.", "reason",
        "Name the customer's request, for example its date.");

    private static readonly Refusal OtherAddress = new(
        RefusalKind.Conflict, "EMAIL_MISMATCH", "This is not the customer's mail address. Nothing was erased.", "email",
        "Type the address that the customer's page shows.");

    private static readonly Refusal NoCustomer = new(
        RefusalKind.Conflict, "NOT_A_CUSTOMER", "This account is neither a subscriber nor a master. Nothing was erased.", null,
        "licensectl erase can erase it.");

    private static readonly Refusal TooMuch = new(
        RefusalKind.Unavailable, "ERASURE_TOO_SLOW", "It took longer than a minute. Nothing was erased.", null,
        "Use licensectl erase: it has no time limit.");

    private static readonly Refusal ChargeOpen = new(
        RefusalKind.Conflict, "CHARGE_OPEN", "The outcome of a charge of this customer is not known yet. Nothing was erased.", null,
        "Erase the customer when the charge is decided: it is listed under unknown charges.");

    public async Task<Outcome<Erasure>> PreviewAsync(Guid userId, Actor by, CancellationToken cancellationToken) =>
        await RefuseAsync(userId, null, cancellationToken) is { } refusal
            ? refusal
            : await TryAsync(() => persons.PreviewErasureAsync(userId, by.Id, null, cancellationToken, Limit));

    public async Task<Outcome<Erasure>> RunAsync(Guid userId, ErasureOrder order, Actor by, CancellationToken cancellationToken)
    {
        var reason = order.Reason.Trim();
        if (reason.Length is 0 or > LongestReason)
            return ReasonInvalid;
        if (await RefuseAsync(userId, order.Email.Trim(), cancellationToken) is { } refusal)
            return refusal;
        var licenses = await customers.LicensesAsync(userId, cancellationToken);
        var erased = await TryAsync(() => persons.EraseAsync(userId, by.Id, reason, cancellationToken, Limit));
        foreach (var license in licenses) invalidation.Raise(license);
        return erased;
    }

    private async Task<Refusal?> RefuseAsync(Guid userId, string? typed, CancellationToken cancellationToken) =>
        await customers.FindAsync(userId, cancellationToken) switch
        {
            null => CustomerNotFound.Refusal,
            { Role: not ("subscriber" or "master") } => NoCustomer,
            var customer when typed is not null && !typed.Equals(customer.Email, StringComparison.OrdinalIgnoreCase) => OtherAddress,
            _ => null,
        };

    private static async Task<Outcome<Erasure>> TryAsync(Func<Task<string>> erase)
    {
        try
        {
            return JsonSerializer.Deserialize<Erasure>(await erase(), Json.Options)!;
        }
        catch (PostgresException open) when (open.SqlState == PostgresErrorCodes.ObjectInUse)
        {
            return ChargeOpen;
        }
        catch (NpgsqlException slow) when (slow.InnerException is TimeoutException)
        {
            return TooMuch;
        }
    }
}
