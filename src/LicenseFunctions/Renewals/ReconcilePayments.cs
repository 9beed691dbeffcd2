using System.Globalization;
using LicenseFunctions.Infrastructure.Database;
using LicenseFunctions.Infrastructure.Payments;
using LicenseFunctions.Infrastructure.Payments.PayPal;
using LicenseFunctions.Infrastructure.Payments.Stripe;
using LicenseFunctions.Infrastructure.Settings;
using Licensing;
using Licensing.Renewals;

namespace LicenseFunctions.Renewals;

/// <summary>
/// Compares the provider's statement with the books, one day (UTC) after the other. If the provider fails in between, there is no result,
/// because a partial result could be taken for a complete one.
/// </summary>
public sealed class ReconcilePayments(IEnumerable<IPaymentStatement> statements, PaymentBooksStore books, TimeProvider clock)
{
    /// <summary>The longest period of a request.</summary>
    public const int LongestDays = 31;

    // Azure's front end cuts a request after 230 s.
    private static readonly TimeSpan LongestRequest = TimeSpan.FromMinutes(3);

    private static readonly Refusal NoProvider = new(
        RefusalKind.Conflict, "NO_PAYMENT_PROVIDER", "There is nothing to compare, because no payment provider is configured.",
        Hint: "Set STRIPE_SECRET_KEY or PAYPAL_CLIENT_ID.");

    private static readonly Refusal TooLong = new(
        RefusalKind.Unavailable, "COMPARISON_TOO_LONG", "Reading the provider's statement takes too long for a request.",
        Hint: "Choose a shorter period, or use licensectl reconcile.");

    private readonly IReadOnlyList<IPaymentStatement> statements = [.. statements];

    /// <summary>For tools: with the statements of STRIPE_SECRET_KEY and PAYPAL_CLIENT_ID, whichever are set.</summary>
    /// <exception cref="SettingsException">A setting is missing or wrong.</exception>
    public static ReconcilePayments ForTools(SettingReader reader, LicenseDatabase database)
    {
        var hasPayPal = reader.Optional("PAYPAL_CLIENT_ID") is not null;
        List<IPaymentStatement> configured = [];
        if (!hasPayPal || reader.Optional("STRIPE_SECRET_KEY") is not null) configured.Add(StripeRegistration.OpenStatement(reader));
        if (hasPayPal) configured.Add(PayPalRegistration.OpenStatement(reader));
        return new ReconcilePayments(configured, new PaymentBooksStore(database), TimeProvider.System);
    }

    /// <summary>The configured payment providers.</summary>
    public IReadOnlyList<string> Providers => [.. statements.Select(one => one.Provider)];

    /// <summary>How long after a day it can be compared.</summary>
    public TimeSpan DelayOf(string provider) => statements.Single(one => one.Provider == provider).Delay;

    /// <summary>A period of whole days (UTC).</summary>
    public static Outcome<(DateTimeOffset From, DateTimeOffset To)> Period(string? from, string? to, int longestDays)
    {
        if (Day(from) is not { } start) return Invalid("from", "The first day (from) must be a date from 2001 on, such as 2026-11-01.");
        if (Day(to) is not { } end)
            return Invalid("to", "The end (to) must be a date from 2001 on, such as 2026-11-08: the day after the last one.");
        if (start >= end) return Invalid("to", "The last day is before the first one. The day of to is not included.");
        return end - start > TimeSpan.FromDays(longestDays)
            ? Invalid("to", string.Create(CultureInfo.InvariantCulture, $"The period must have at most {longestDays} days."))
            : (start, end);
    }

    /// <summary>The comparison for an operator's page. It changes nothing.</summary>
    /// <param name="from">The first day.</param>
    /// <param name="to">The day after the last one.</param>
    /// <param name="provider">Null for the first one that is configured.</param>
    /// <param name="cancellationToken">Cancels the comparison.</param>
    public async Task<Outcome<Reconciled>> ShowAsync(string? from, string? to, string? provider, CancellationToken cancellationToken)
    {
        var period = Period(from, to, LongestDays);
        if (period.Refusal is { } invalid) return invalid;
        using var limit = new CancellationTokenSource(LongestRequest, clock);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(limit.Token, cancellationToken);
        try
        {
            return await RunAsync(provider, period.Value.From, period.Value.To, opensCases: false, either.Token);
        }
        catch (OperationCanceledException) when (limit.IsCancellationRequested && !cancellationToken.IsCancellationRequested)
        {
            return TooLong;
        }
    }

    /// <param name="provider">Null for the first one that is configured.</param>
    /// <param name="from">Inclusive, the start of a day.</param>
    /// <param name="to">Exclusive, the start of a day.</param>
    /// <param name="opensCases">Whether a charge whose renewal is not known becomes a payment case.</param>
    /// <param name="cancellationToken">Cancels the comparison.</param>
    public async Task<Outcome<Reconciled>> RunAsync(
        string? provider, DateTimeOffset from, DateTimeOffset to, bool opensCases, CancellationToken cancellationToken)
    {
        if (statements is not [var first, ..]) return NoProvider;
        if ((provider is null ? first : statements.FirstOrDefault(one => one.Provider == provider)) is not { } statement)
        {
            return new Refusal(
                RefusalKind.Invalid, "INVALID_PROVIDER", "This payment provider is not configured.", "provider",
                $"Configured: {string.Join(", ", Providers)}.");
        }

        var (sum, opened) = (PaymentComparison.Empty, 0);
        for (var day = from; day < to; day = day.AddDays(1))
        {
            var compared = await CompareAsync(statement, day, day.AddDays(1) < to ? day.AddDays(1) : to, cancellationToken);
            if (compared.Refusal is { } refusal) return refusal;
            if (opensCases && compared.Value.NewCases is { Count: > 0 } unknown)
                opened += await books.OpenCasesAsync(statement.Provider, unknown, cancellationToken);
            sum = sum.Add(compared.Value with { NewCases = [] });
        }

        return new Reconciled(statement.Provider, Providers, from, to, sum, opened);
    }

    private async Task<Outcome<PaymentComparison>> CompareAsync(
        IPaymentStatement source, DateTimeOffset from, DateTimeOffset to, CancellationToken cancellationToken)
    {
        var entries = new List<StatementEntry>();
        for (string? after = null; ;)
        {
            var page = await source.ReadAsync(from, to, after, cancellationToken);
            if (page.Refusal is { } refusal) return refusal;
            entries.AddRange(page.Value.Entries);
            after = page.Value.Next;
            if (after is null) break;
        }

        var loaded = await books.LoadAsync(source.Provider, from, to, entries, cancellationToken);
        var elsewhere = await AskAsync(Reconciliation.Unseen(entries, loaded), source.HasAsync, cancellationToken);
        if (elsewhere.Refusal is { } unknown) return unknown;
        var withdrawn = await AskAsync(Reconciliation.Unreturned(entries, loaded), source.IsWithdrawnAsync, cancellationToken);
        if (withdrawn.Refusal is { } unanswered) return unanswered;
        return Reconciliation.Compare(entries, loaded, elsewhere.Value, withdrawn.Value);
    }

    /// <returns>Those for which the provider says yes.</returns>
    private static async Task<Outcome<HashSet<string>>> AskAsync(
        IEnumerable<string> ids, Func<string, CancellationToken, Task<Outcome<bool>>> ask, CancellationToken cancellationToken)
    {
        var found = new HashSet<string>(StringComparer.Ordinal);
        foreach (var id in ids)
        {
            var answer = await ask(id, cancellationToken);
            if (answer.Refusal is { } refusal) return refusal;
            if (answer.Value) found.Add(id);
        }

        return found;
    }

    private static DateTimeOffset? Day(string? text) =>
        DateOnly.TryParseExact(text, "yyyy-MM-dd", CultureInfo.InvariantCulture, DateTimeStyles.None, out var day)
            && day.Year is > 2000 and < 3000
            ? new DateTimeOffset(day, TimeOnly.MinValue, TimeSpan.Zero)
            : null;

    private static Refusal Invalid(string field, string detail) => new(
        RefusalKind.Invalid, "INVALID_PERIOD", detail, field, "Days are in UTC. From 2026-11-01 to 2026-11-08 are seven days.");
}

/// <param name="Providers">The providers that can be compared.</param>
/// <param name="CasesOpened">Payment cases that were opened for charges whose renewal is not known.</param>
public sealed record Reconciled(
    string Provider, IReadOnlyList<string> Providers, DateTimeOffset From, DateTimeOffset To, PaymentComparison Comparison,
    int CasesOpened);
