using System.Globalization;
using System.Runtime.InteropServices;
using Licensing.Invoices;
using Licensing.Renewals;
using Xunit;
using static Licensing.Tests.Renewals.Given;

namespace Licensing.Tests.Invoices;

/// <summary>A license for 119.00 including 19 % of tax, sold from Germany.</summary>
public sealed class InvoicePlanTests
{
    private static readonly DateTimeOffset Now = Expiry.AddDays(1);
    private static readonly InvoiceParty Seller = new("Example GmbH", "Street 1\n10115 Berlin", "DE", "DE123456789");
    private static readonly InvoiceParty Buyer = new("Ada Example", null, "FR", null);
    private static readonly TaxRates Rates = new(new Dictionary<string, decimal> { ["DE"] = 19, ["FR"] = 20, ["US"] = 0 }, "DE");
    private static readonly InvoiceNumber Last = new("ACME", 2026, 41);

    /// <summary>
    /// Runs of the job, divided by "|"; each has the new entries of the ledger, + for fees. What it issues: I for an invoice, C for a
    /// credit note with the sequence of the invoice, with gross and tax.
    /// </summary>
    public static readonly TheoryData<string, string, string> Cases = new()
    {
        { "a payment", "+119", "42 I 119.00 19.00" },
        { "nothing new", "", "" },
        { "paid and refunded before the first run", "+119, -119", "42 I 119.00 19.00, 43 C42 119.00 19.00" },
        {
            "two parts of a refund have the tax of the whole", "+119 | -0.01 | -118.99",
            "42 I 119.00 19.00, 43 C42 0.01 0.00, 44 C42 118.99 19.00"
        },
        { "a refund that failed is paid again", "+119 | -119 | +119", "42 I 119.00 19.00, 43 C42 119.00 19.00, 44 I 119.00 19.00" },
        {
            "what came back is credited first", "+119 | -119 | +60 | -30",
            "42 I 119.00 19.00, 43 C42 119.00 19.00, 44 I 60.00 9.58, 45 C44 30.00 4.79"
        },
        {
            "a refund of more than the latest invoice", "+119 | -59 | +20 | -60",
            "42 I 119.00 19.00, 43 C42 59.00 9.42, 44 I 20.00 3.19, 45 C44 20.00 3.19, 46 C42 40.00 6.39"
        },
        { "more went back than was paid", "+119 | -130", "42 I 119.00 19.00, 43 C42 119.00 19.00" },
        { "and comes back", "+119 | -130 | +130", "42 I 119.00 19.00, 43 C42 119.00 19.00, 44 I 119.00 19.00" },
        { "a refund that paid back only the wallet", "+119 | -119 | -11", "42 I 119.00 19.00, 43 C42 119.00 19.00" },
    };

    [Theory]
    [MemberData(nameof(Cases))]
    public void Of_EntriesOfRuns_IssuesTheseDocuments(string why, string runs, string expected)
    {
        var (issued, invoiced, at) = (new List<Invoice>(), 0m, Expiry);
        foreach (var run in runs.Split('|', StringSplitOptions.TrimEntries))
        {
            var entries = run.Split(", ", StringSplitOptions.RemoveEmptyEntries)
                .Select(entry => Entry(at = at.AddMinutes(1), decimal.Parse(entry, CultureInfo.InvariantCulture))).ToList();
            var renewal = Renewal(119) with
            {
                Buyer = Buyer with { Country = null },
                InvoicedUsd = invoiced,
                Entries = entries,
                Issued = [.. issued],
            };
            issued.AddRange(InvoicePlan.Of([renewal], Seller, Rates, Last with { Sequence = Last.Sequence + issued.Count }, Now));
            invoiced += entries.Sum(entry => entry.AmountUsd);
        }

        Assert.Equal((why, expected), (why, string.Join(", ", issued.Select(Text))));
    }

    [Theory]
    [InlineData("ada@example.com", true, "Customer")]
    [InlineData("ada@example.com", false, "ada@example.com")]
    [InlineData("Ada Example", true, "Ada Example")]
    public void Of_AnErasedBuyer_HasNoMailAddressInNewDocuments(string name, bool isErased, string expected)
    {
        var before = Renewal(119) with { Buyer = new InvoiceParty(name, null, null, null), Entries = [Entry(Expiry, 119)] };
        var invoice = Assert.Single(InvoicePlan.Of([before], Seller, Rates, Last, Now));

        var late = InvoicePlan.Of([before with { IsErased = isErased }], Seller, Rates, Last, Now);
        var credited = InvoicePlan.Of(
            [before with { IsErased = isErased, InvoicedUsd = 119, Issued = [invoice], Entries = [Entry(Now, -119)] }],
            Seller, Rates, Last, Now);

        Assert.All([Assert.Single(late), Assert.Single(credited)], one => Assert.Equal(expected, one.Buyer.Name));
    }

    private static string Text(Invoice one) => string.Create(
        CultureInfo.InvariantCulture,
        $"{one.Number.Sequence} {(one.Corrects is { } corrected ? $"C{corrected.Sequence}" : "I")} {one.GrossUsd:0.00} {one.TaxUsd:0.00}");

    /// <summary>
    /// The ledger's times are those at which transactions began, so those of refunds may be before that of the payment, or equal to it.
    /// </summary>
    [Fact]
    public void Of_AnyOrderOfTimes_IssuesOneInvoiceForThePayment_AndACreditNoteForEachRefund()
    {
        var random = new Random(20261128);
        for (var history = 0; history < 20_000; history++)
        {
            var price = random.Next(4, 20_000) / 100m;
            var fees = random.Next(2) == 0 ? (decimal[])[price] : [price - 0.01m, 0.01m];
            var refunds = new List<decimal>();
            for (var left = price; left > 0 && refunds.Count < 4; left -= refunds[^1])
                refunds.Add(random.Next(3) == 0 ? left : Math.Min(left, random.Next(1, 10_000) / 100m));
            var paidAt = Expiry.AddMinutes(random.Next(4));
            List<RenewalEntry> entries =
            [
                .. fees.Select(fee => Entry(paidAt, fee)), .. refunds.Select(refund => Entry(Expiry.AddMinutes(random.Next(4)), -refund)),
            ];
            random.Shuffle(CollectionsMarshal.AsSpan(entries));
            var other = Renewal(5) with { RenewalId = Guid.NewGuid(), Entries = [Entry(Expiry.AddMinutes(random.Next(4)), 5)] };

            var all = InvoicePlan.Of([Renewal(price) with { Entries = entries }, other], Seller, Rates, Last, Now);

            Assert.Equal(Enumerable.Range(42, refunds.Count + 2), all.Select(one => one.Number.Sequence));
            var own = all.Where(one => one.RenewalId == Due.RenewalId).ToList();
            Assert.Equal((InvoiceKind.Invoice, price, paidAt), (own[0].Kind, own[0].GrossUsd, own[0].BookedAt));
            Assert.Equal(refunds.Order(), own.Skip(1).Select(one => one.GrossUsd).Order());
            Assert.All(own.Skip(1), one => Assert.Equal(own[0].Number, one.Corrects));
        }
    }

    [Fact]
    public void Of_BatchOfRenewals_NumbersThemInTheOrderOfTheirBookings()
    {
        var (first, second) = (Renewal(20) with { RenewalId = Guid.NewGuid() }, Renewal(10) with { RenewalId = Guid.NewGuid() });
        var documents = InvoicePlan.Of(
            [
                first with { Entries = [Entry(Expiry.AddMinutes(1), 20), Entry(Expiry.AddMinutes(3), -20)] },
                second with { Entries = [Entry(Expiry.AddMinutes(2), 10)] },
            ],
            Seller, Rates, Last, Now);

        Assert.Equal([first.RenewalId, second.RenewalId, first.RenewalId], documents.Select(one => one.RenewalId));
        Assert.Equal(
            ["ACME-2026-000042", "ACME-2026-000043", "ACME-2026-000044"], documents.Select(one => one.Number.ToString()));
        Assert.Equal(documents[0].Number, documents[2].Corrects);
        Assert.Equal(documents[2].Number, InvoiceNumber.Parse(documents[2].Number.ToString()));
    }

    [Fact]
    public void Of_PaymentWithEarlierRenewals_HasALineForEach()
    {
        var renewal = Renewal(29.99m) with
        {
            Periods = [Period(0, 29.99m), Period(-30, 0.30m), Period(-60, 0.31m)],
            Entries = [Entry(Expiry, 29.99m), Entry(Expiry, 0.61m)],
        };

        var invoice = Assert.Single(InvoicePlan.Of([renewal], Seller, Rates, Last, Now));

        Assert.Equal([29.99m, 0.30m, 0.31m], invoice.Lines.Select(line => line.GrossUsd));
        Assert.Equal((30.60m, 25.50m, 5.10m, "FR"), (invoice.GrossUsd, invoice.NetUsd, invoice.TaxUsd, invoice.TaxCountry));
        Assert.Equal([Expiry, Expiry.AddDays(-30), Expiry.AddDays(-60)], invoice.Lines.Select(line => line.From));
    }

    /// <summary>What is booked for another amount than the periods cost is one line, so that its amount is what was paid.</summary>
    [Fact]
    public void Of_PaymentOfAnotherAmount_HasOneLine()
    {
        var renewal = Renewal(29.99m) with { Periods = [Period(0, 29.99m), Period(-30, 0.30m)], Entries = [Entry(Expiry, 25)] };

        Assert.Equal(25, Assert.Single(Assert.Single(InvoicePlan.Of([renewal], Seller, Rates, Last, Now)).Lines).GrossUsd);
    }

    [Theory]
    [InlineData("FR", "FR", 20)]
    [InlineData("US", "US", 0)]
    [InlineData("JP", "DE", 19)] // no rate
    [InlineData(null, "DE", 19)]
    public void Of_BuyersCountry_DecidesTheRate_AndACorrectionKeepsIt(string? buyer, string country, int percent)
    {
        var renewal = Renewal(100) with { Buyer = Buyer with { Country = buyer }, Entries = [Entry(Expiry, 100)] };
        var invoice = Assert.Single(InvoicePlan.Of([renewal], Seller, Rates, Last, Now));
        var moved = renewal with
        {
            Buyer = new InvoiceParty("Somebody else", null, "FR", null),
            InvoicedUsd = 100,
            Issued = [invoice],
            Entries = [Entry(Now, -100), Entry(Now.AddMinutes(1), 100)],
        };

        var otherRates = new TaxRates(new Dictionary<string, decimal> { ["DE"] = 7 }, "DE");
        var later = InvoicePlan.Of([moved], Seller, otherRates, invoice.Number, Now);

        Assert.All([invoice, .. later], one => Assert.Equal(
            (country, (decimal)percent, Buyer.Name), (one.TaxCountry, one.TaxPercent, one.Buyer.Name)));
        Assert.Equal(2, later.Count);
    }

    [Theory]
    [InlineData(119, 19, 100)]
    [InlineData(0.01, 19, 0.01)] // 0.0084
    [InlineData(0.03, 20, 0.03)] // 0.025: half a cent up
    [InlineData(49.99, 19, 42.01)] // 42.0084
    [InlineData(49.99, 0, 49.99)]
    [InlineData(10.55, 5.5, 10)]
    public void Net_RoundsToTheCent(double gross, double percent, double net) =>
        Assert.Equal((decimal)net, IncludedTax.Net((decimal)gross, (decimal)percent));

    /// <summary>
    /// Charges with refunds and disputes that succeed, fail, are lost and won, in any order. The ledger is what the rules of refunds and
    /// disputes book. The job runs in between, for some of the renewals.
    /// </summary>
    [Fact]
    public void Of_HundredThousandHistories_AgreesWithTheLedgerToTheCent_WithoutGaps()
    {
        const int histories = 100_000;
        const int together = 20;
        var random = new Random(20261127);
        var (last, payments, creditNotes, beyond) = (Last, 0, 0, 0);
        for (var begun = 0; begun < histories; begun += together)
        {
            var lives = Enumerable.Range(0, together).Select(_ => new Life(random)).ToList();
            var at = Expiry;
            while (lives.Exists(life => !life.IsOver))
            {
                at = at.AddMinutes(1);
                lives[random.Next(together)].Step(at, random);
                if (random.Next(12) == 0) last = Issue(lives.FindAll(_ => random.Next(2) == 0), last, at);
            }

            last = Issue(lives, last, at.AddMinutes(1));
            foreach (var life in lives) life.Check();
            payments += lives.Sum(life => life.Invoices);
            creditNotes += lives.Sum(life => life.CreditNotes);
            beyond += lives.Count(life => life.CostUsd < 0);
        }

        Assert.Equal(payments + creditNotes, last.Sequence - Last.Sequence);
        // The histories contain what they are for.
        Assert.True(payments > histories * 1.1 && creditNotes > histories && beyond > 100, $"{payments} {creditNotes} {beyond}");
    }

    private static InvoiceNumber Issue(List<Life> lives, InvoiceNumber last, DateTimeOffset now)
    {
        var byId = lives.ToDictionary(life => life.RenewalId);
        foreach (var document in InvoicePlan.Of([.. lives.Select(life => life.ToBillable())], Seller, Rates, last, now))
        {
            Assert.Equal(last = last with { Sequence = last.Sequence + 1 }, document.Number);
            byId[document.RenewalId].Issued.Add(document);
        }

        foreach (var life in lives) life.MarkInvoiced();
        return last;
    }

    /// <summary>A renewal, its refunds and disputes, and its ledger.</summary>
    private sealed class Life
    {
        private readonly List<KeptReversal> kept = [];
        private readonly List<RenewalEntry> ledger = [];
        private readonly Renewal renewal;
        private readonly string? country;
        private ReversalEffect effect = ReversalEffect.None;
        private int steps;
        private int invoiced;
        private int fees;

        public Life(Random random)
        {
            renewal = Charging with
            {
                RenewalId = Guid.NewGuid(),
                AmountUsd = random.Next(50, 20_000) / 100m,
                DebtsUsd = random.Next(3) == 0 ? random.Next(1, 50) / 100m : 0,
                Status = RenewalStatus.Applied,
                PaidWith = PaidWith.Card,
                PaidFrom = Expiry,
                PaidUntil = Expiry.AddDays(30),
            };
            (steps, country) = (random.Next(1, 8), random.Next(4) switch { 0 => "FR", 1 => "US", 2 => "DE", _ => null });
        }

        public Guid RenewalId => renewal.RenewalId;

        public List<Invoice> Issued { get; } = [];

        public bool IsOver => steps == 0;

        public decimal CostUsd => ledger.Sum(entry => entry.AmountUsd);

        public int Invoices => Issued.Count(one => one.Kind is InvoiceKind.Invoice);

        public int CreditNotes => Issued.Count - Invoices;

        public void Step(DateTimeOffset at, Random random)
        {
            if (IsOver) return;
            steps--;
            // Entries have the time at which their transaction began, so their times may have another order.
            var begunAt = at.AddMinutes(-random.Next(4));
            if (ledger.Count == 0)
            {
                Book(begunAt, renewal.AmountUsd!.Value);
                // A deferred amount that was settled meanwhile stays in the wallet.
                if (renewal.DebtsUsd > 0 && random.Next(4) > 0) Book(begunAt, renewal.DebtsUsd);
                fees++;
                return;
            }

            Report(at, random);
            var facts = new ReversalFacts(renewal, renewal.PaidUntil, true, true, kept, effect);
            var change = Reversals.Apply(facts, TimeSpan.FromDays(3), at)!;
            effect = change.Effect;
            for (var i = 0; i < kept.Count; i++) kept[i] = kept[i] with { Applied = kept[i].Reversal.State };
            Book(begunAt, -change.RefundedMinor / 100m);
            Book(begunAt, -change.ChargedBackMinor / 100m);
            // A won dispute comes back, also if a refund of the same money goes back at the same time.
            if (change.RefundedMinor < 0 || change.ChargedBackMinor < 0) fees++;
        }

        // A new refund or dispute, or another state of one.
        private void Report(DateTimeOffset at, Random random)
        {
            if (kept.Count > 0 && random.Next(3) > 0)
            {
                var index = random.Next(kept.Count);
                var old = kept[index].Reversal;
                var state = old.Kind is ReversalKind.Dispute
                    ? random.Next(2) == 0 ? ReversalState.Lost : ReversalState.Won
                    : random.Next(3) == 0 ? ReversalState.Failed : ReversalState.Succeeded;
                kept[index] = kept[index] with { Reversal = old with { State = state, ChangedAt = at } };
                return;
            }

            var isDispute = random.Next(2) == 0;
            var amount = random.Next(3) == 0 ? renewal.ChargedMinor : random.NextInt64(1, renewal.ChargedMinor + 1);
            kept.Add(new KeptReversal(
                new PaymentReversal(
                    isDispute ? ReversalKind.Dispute : ReversalKind.Refund, $"r{kept.Count}",
                    isDispute ? ReversalState.Open : ReversalState.Succeeded, amount, "usd", "pi_1", "ch_1", null, at),
                Applied: null));
        }

        private void Book(DateTimeOffset at, decimal amountUsd)
        {
            if (amountUsd != 0) ledger.Add(Entry(at, amountUsd));
        }

        public BillableRenewal ToBillable() => Renewal(renewal.AmountUsd!.Value) with
        {
            RenewalId = RenewalId,
            Buyer = Buyer with { Country = country },
            Periods = [Period(0, renewal.AmountUsd.Value), Period(-30, renewal.DebtsUsd)],
            InvoicedUsd = ledger.Take(invoiced).Sum(entry => entry.AmountUsd),
            Entries = [.. ledger.Skip(invoiced)],
            Issued = [.. Issued],
        };

        public void MarkInvoiced() => invoiced = ledger.Count;

        public void Check()
        {
            var credits = Issued.Where(one => one.Kind is InvoiceKind.CreditNote).ToLookup(one => one.Corrects!);
            var invoices = Issued.Where(one => one.Kind is InvoiceKind.Invoice).ToList();
            Assert.Equal(Math.Max(0, CostUsd), invoices.Sum(one => one.GrossUsd) - credits.Sum(of => of.Sum(one => one.GrossUsd)));
            // A payment that only makes up for what was refunded beyond it has none.
            Assert.InRange(invoices.Count, 1, fees);
            Assert.All(Issued, one => Assert.True(one is { TaxUsd: >= 0, NetUsd: >= 0, GrossUsd: > 0 }));
            foreach (var invoice in invoices)
            {
                var (gross, tax) = (credits[invoice.Number].Sum(one => one.GrossUsd), credits[invoice.Number].Sum(one => one.TaxUsd));
                Assert.Equal(IncludedTax.Net(invoice.GrossUsd, invoice.TaxPercent), invoice.NetUsd);
                Assert.True(gross <= invoice.GrossUsd);
                Assert.Equal(gross - IncludedTax.Net(gross, invoice.TaxPercent), tax);
            }
        }
    }

    private static RenewalEntry Entry(DateTimeOffset at, decimal amountUsd) => new(Guid.NewGuid(), at, amountUsd);

    private static PaidPeriod Period(int day, decimal amountUsd) =>
        new(Expiry.AddDays(day), Expiry.AddDays(day + 30), amountUsd);

    private static BillableRenewal Renewal(decimal price) =>
        new(Due.RenewalId, Due.SubscriptionId, Due.UserId, "anna", "card", Buyer, [Period(0, price)], 0, [], []);
}
