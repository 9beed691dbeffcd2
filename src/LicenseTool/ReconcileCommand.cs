using System.CommandLine;
using System.Globalization;
using LicenseFunctions.Infrastructure.Database;
using LicenseFunctions.Infrastructure.Settings;
using LicenseFunctions.Renewals;
using Licensing;
using Licensing.Renewals;
using Microsoft.Extensions.Configuration;

namespace LicenseTool;

/// <summary>Compares the payment provider's statement with the books.</summary>
internal static class ReconcileCommand
{
    /// <summary>The exit code if something differs; 1 means that the comparison failed.</summary>
    public const int Different = 2;

    // Ten years, read one day after the other.
    private const int LongestDays = 3660;

    private const string About =
        "Compares the balances at Stripe and PayPal with the books and names each difference. A charge whose renewal doesn't exist "
        + "becomes a payment case; nothing else is changed. Renewals that the wallet paid are left out, because the providers don't know "
        + "them. Exit code: 0 if nothing differs, 2 if something does, 1 if the comparison failed";

    private static readonly Refusal OneProvider = new(
        RefusalKind.Invalid, "PROVIDER_MISSING", "Two providers are configured, and --json and --csv print one.",
        Hint: "Give --provider stripe or --provider paypal.");

    public static Command Create()
    {
        var database = new DatabaseOption();
        var from = new Option<string>("--from") { Description = "The first day (UTC), such as 2026-11-01", Required = true };
        var to = new Option<string>("--to") { Description = "The day after the last one (UTC), such as 2026-12-01", Required = true };
        var provider = new Option<string>("--provider")
        {
            Description = "stripe or paypal; otherwise all whose settings are in the environment",
        };
        var json = new Option<bool>("--json") { Description = "Prints JSON" };
        var csv = new Option<bool>("--csv") { Description = "Prints the differences as CSV" };
        var command = new Command("reconcile", About) { database, from, to, provider, json, csv };
        command.Validators.Add(result =>
        {
            if (result.GetValue(json) && result.GetValue(csv)) result.AddError("Give either --json or --csv.");
        });
        command.SetAction(async (arguments, cancellationToken) =>
        {
            var period = ReconcilePayments.Period(arguments.GetValue(from), arguments.GetValue(to), LongestDays);
            if (period.Refusal is { } invalid) return await FailAsync(invalid);
            await using var source = database.Open(arguments);
            var settings = new SettingReader(new ConfigurationBuilder().AddEnvironmentVariables().Build());
            var reconcile = ReconcilePayments.ForTools(settings, new LicenseDatabase(source));
            IReadOnlyList<string> providers = arguments.GetValue(provider) is { } chosen ? [chosen] : reconcile.Providers;
            var isText = !arguments.GetValue(json) && !arguments.GetValue(csv);
            if (!isText && providers.Count > 1) return await FailAsync(OneProvider);

            await using var output = Console.OpenStandardOutput();
            var differences = 0;
            foreach (var one in providers)
            {
                var compared = await reconcile.RunAsync(one, period.Value.From, period.Value.To, opensCases: true, cancellationToken);
                if (compared.Refusal is { } refusal) return await FailAsync(refusal);
                var report = ReconciliationReport.Of(compared.Value, int.MaxValue);
                if (arguments.GetValue(json)) await report.WriteJsonAsync(output, cancellationToken);
                else if (arguments.GetValue(csv)) await report.WriteCsvAsync(output, cancellationToken);
                else await WriteTextAsync(report, compared.Value.CasesOpened);
                differences += report.DifferencesTotal;
            }

            return differences == 0 ? 0 : Different;
        });
        return command;
    }

    private static async Task<int> FailAsync(Refusal refusal)
    {
        await Console.Error.WriteLineAsync($"{refusal.Detail} {refusal.Hint}".TrimEnd());
        return 1;
    }

    private static async Task WriteTextAsync(ReconciliationReport report, int casesOpened)
    {
        var what = report.DifferencesTotal switch
        {
            0 => "Nothing differs",
            1 => "1 payment differs",
            var many => string.Create(CultureInfo.InvariantCulture, $"{many} payments differ"),
        };
        await Console.Out.WriteLineAsync(
            (report.Providers.Count > 1 ? $"{NameOf(report)}: " : "")
            + $"{what} from {report.From:yyyy-MM-dd} to {report.To:yyyy-MM-dd}: {Sums(report)}.");
        foreach (var one in report.Differences)
        {
            await Console.Out.WriteLineAsync(
                $"  {one.At:yyyy-MM-dd HH:mm} UTC  {EnumWords.UpperOf(one.Kind)}  {one.ProviderId}"
                + (one.IntentId is { } intent ? $"  {intent}" : "")
                + $"  {NameOf(report)} {Amount(one.ProviderMinor, one.ProviderCurrency)}, books {Amount(one.BooksMinor, one.BooksCurrency)}"
                + (one.RenewalId is { } renewal ? $"  renewal {renewal}" : "")
                + $"  {one.Detail}");
        }

        if (casesOpened > 0)
        {
            await Console.Out.WriteLineAsync(
                (casesOpened == 1 ? "1 payment case was opened. Decide it" : $"{casesOpened} payment cases were opened. Decide them")
                + " on the page /app/renewals.");
        }
    }

    private static string Sums(ReconciliationReport report)
    {
        var sums = report.Totals.Select(one =>
        {
            string Sum(long minor) => MinorUnits.Text(minor, one.Currency);
            return $"{Charges(one.Charges)}, gross {Amount(one.GrossMinor, one.Currency)}, refunds {Sum(one.RefundsMinor)}, "
                + $"chargebacks {Sum(one.ChargebacksMinor)}, fees {Sum(one.FeesMinor)}, "
                + (one.OtherMinor == 0 ? "" : $"other {Sum(one.OtherMinor)}, ")
                + $"net {Sum(one.NetMinor)}, payouts {Sum(one.PayoutsMinor)}";
        });
        return string.Join("; ", sums.DefaultIfEmpty($"{NameOf(report)}'s balance has no entries").Concat(More(report)));
    }

    private static IEnumerable<string> More(ReconciliationReport report)
    {
        if (report.Decided is { Charges: > 0 } decided)
            yield return $"{Charges(decided.Charges)} decided by an operator, {MinorUnits.Text(decided.AmountMinor, "usd")}";
        if (report.OtherSystems is { Charges: > 0 } others)
            yield return $"{Charges(others.Charges)} of other systems, {MinorUnits.Text(others.AmountMinor, "usd")}";
    }

    private static string NameOf(ReconciliationReport report) => report.Provider is PaymentProviders.PayPal ? "PayPal" : "Stripe";

    private static string Charges(int count) => count == 1 ? "1 charge" : string.Create(CultureInfo.InvariantCulture, $"{count} charges");

    private static string Amount(long? minor, string? currency) => minor is { } amount
        ? $"{MinorUnits.Text(amount, currency ?? "usd")} {(currency ?? "usd").ToUpperInvariant()}"
        : "none";
}
