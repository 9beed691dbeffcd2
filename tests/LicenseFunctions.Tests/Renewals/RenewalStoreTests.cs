using LicenseFunctions.Renewals;
using LicenseFunctions.Tests.Support;
using Licensing.Renewals;
using Xunit;

namespace LicenseFunctions.Tests.Renewals;

/// <summary>Tests for both renewal stores: that of PostgreSQL, and the one in memory that the simulation uses.</summary>
public abstract class RenewalStoreTests
{
    private static readonly TimeSpan Lease = TimeSpan.FromMinutes(3);
    private static readonly RenewalPolicy Policy = new(
        true, TimeSpan.FromDays(7), TimeSpan.FromDays(3), 0, new Dictionary<string, TimeSpan> { ["stripe"] = TimeSpan.FromHours(23) });

    // Leases use the store's clock, so the tests use the present time, truncated to PostgreSQL's microseconds.
    private readonly DateTimeOffset now = new(TimeProvider.System.GetUtcNow().UtcTicks / 10 * 10, TimeSpan.Zero);

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    protected abstract Task<RenewalWorld> NewWorldAsync();

    [Theory]
    [InlineData(7 * 24, 1)]
    [InlineData((7 * 24) + 1, 0)]
    [InlineData(-10 * 24, 0)]
    [InlineData((-10 * 24) + 1, 1)]
    public async Task OpenDue_ByHoursToExpiry_OpensWithinTheWindow(int hours, int opened)
    {
        await using var world = await NewWorldAsync();
        await world.Store.OpenDueAsync(Policy, now.AddDays(-30), 10, Token);
        await world.AddAsync(new LicenseSeed { ExpiresAt = now.AddHours(hours) });

        Assert.Equal(opened, await world.Store.OpenDueAsync(Policy, now, 10, Token));
        Assert.Equal(0, await world.Store.OpenDueAsync(Policy, now, 10, Token));
    }

    [Theory]
    [InlineData((-3 * 24) + 1, false, 1)]
    [InlineData(-3 * 24, false, 0)]
    [InlineData(-4 * 24, true, 0)]
    public async Task OpenDue_ALicenseThatHadLapsedAtFirstSight_OpensNothing(int hours, bool afterARun, int opened)
    {
        await using var world = await NewWorldAsync();
        if (afterARun) await world.Store.OpenDueAsync(Policy, now.AddMinutes(-15), 10, Token);
        await world.AddAsync(new LicenseSeed { ExpiresAt = now.AddHours(hours) });

        Assert.Equal(opened, await world.Store.OpenDueAsync(Policy, now, 10, Token));
        Assert.Equal(1 - opened, await world.Store.SuspendExpiredAsync(Policy, now, 10, Token));
    }

    [Theory]
    [InlineData(-20, -1, 1)]
    [InlineData(-20, -18, 0)]
    public async Task OpenDue_ASuspensionOverTheEndOfTheGrace_OpensAfterTheReinstatement(int from, int until, int opened)
    {
        await using var world = await NewWorldAsync();
        await world.Store.OpenDueAsync(Policy, now.AddMinutes(-15), 10, Token);
        var license = await world.AddAsync(new LicenseSeed { ExpiresAt = now.AddDays(-14) });
        await world.AddSuspensionAsync(license, now.AddDays(from), now.AddDays(until));

        Assert.Equal(1 - opened, await world.Store.SuspendExpiredAsync(Policy, now, 10, Token));
        Assert.Equal(opened, await world.Store.OpenDueAsync(Policy, now, 10, Token));

        if (opened == 1) Assert.Equal(now.AddDays(1), Assert.Single(await ClaimAsync(world)).Renewal.GivesUpAt);
    }

    [Theory]
    [InlineData(true, 1)]
    [InlineData(false, 0)]
    public async Task OpenDue_ALapsedRenewal_IsReopenedIfASuspensionWasTheCause(bool blocked, int opened)
    {
        await using var world = await NewWorldAsync();
        await world.AddAsync(new LicenseSeed { ExpiresAt = now.AddDays(-2) });
        var facts = await OpenAndClaimAsync(world);
        await SaveAsync(
            world, facts, facts.Renewal with { Status = RenewalStatus.Lapsed, LapsedBlocked = blocked, NextActionAt = null });

        Assert.Equal(1 - opened, await world.Store.SuspendExpiredAsync(Policy, now.AddDays(2), 10, Token));
        Assert.Equal(opened, await world.Store.OpenDueAsync(Policy, now.AddDays(2), 10, Token));
    }

    [Fact]
    public async Task Save_ARenewalThatMayBePaid_KeepsTheGraceUntilItContinues()
    {
        await using var world = await NewWorldAsync();
        var license = await world.AddAsync(new LicenseSeed { ExpiresAt = now.AddDays(1), CardId = "pm_1" });
        var facts = await OpenAndClaimAsync(world);

        await SaveAsync(world, facts, facts.Renewal with { MayBePaid = true });
        Assert.Equal(now.AddDays(31), (await world.ReadAsync(license)).GraceUntil);
        var waiting = Assert.Single(await ClaimAsync(world));
        Assert.True(waiting.Renewal.MayBePaid);

        await SaveAsync(world, waiting, waiting.Renewal with { MayBePaid = true, Status = RenewalStatus.Canceled, NextActionAt = null });
        Assert.Null((await world.ReadAsync(license)).GraceUntil);
    }

    [Fact]
    public async Task Save_ASecondOpenCharge_IsRefused()
    {
        await using var world = await NewWorldAsync();
        var license = await world.AddAsync(new LicenseSeed { ExpiresAt = now.AddDays(1), CardId = "pm_1" });
        var first = await OpenAndClaimAsync(world);
        await SaveAsync(world, first, Charging(first));
        await world.MoveExpiryAsync(license, now.AddDays(1).AddHours(1));
        await world.Store.OpenDueAsync(Policy, now, 10, Token);
        var claimed = await ClaimAsync(world);
        var second = Assert.Single(claimed, facts => facts.Renewal.RenewalId != first.Renewal.RenewalId);
        Assert.True(second.IsAnotherAwaited);

        Assert.Equal(
            RenewalSave.ChargeOpen, await world.Store.SaveAsync(Changed(Charging(second)), new RenewalWriter(TimeSpan.Zero), Token));
        Assert.Equal(first.Renewal.RenewalId, await world.Store.OpenAsync(license, Policy, now, Token));
    }

    // An intent that is not canceled may still be charged: an operator's "not paid" may be wrong.
    [Theory]
    [InlineData("pi_1", true)]
    [InlineData(null, false)]
    public async Task Claim_WhileTheIntentOfThePreviousExpiryIsLeft_Waits(string? intent, bool waits)
    {
        await using var world = await NewWorldAsync();
        var license = await world.AddAsync(new LicenseSeed { ExpiresAt = now.AddDays(1), CardId = "pm_1" });
        var first = await OpenAndClaimAsync(world);
        await SaveAsync(world, first, Charging(first) with
        {
            Status = RenewalStatus.SoftDeclined,
            IntentId = intent,
            NextActionAt = now.AddDays(1),
        });
        Assert.False((await world.Store.FindAsync(first.Renewal.RenewalId, Token))!.IsAnotherAwaited);
        await world.MoveExpiryAsync(license, now.AddDays(1).AddHours(1));
        await world.Store.OpenDueAsync(Policy, now, 10, Token);

        var claimed = await ClaimAsync(world);

        var second = Assert.Single(claimed, facts => facts.Renewal.RenewalId != first.Renewal.RenewalId);
        Assert.Equal((waits, waits ? 2 : 1), (second.IsAnotherAwaited, claimed.Count));
    }

    // The expiry was moved while the charge was open. Its worker has read the previous expiry, and plans another attempt.
    [Fact]
    public async Task OpenDue_WhenTheChargeOfThePreviousExpiryIsDeclined_MakesItDueToBeCanceled()
    {
        await using var world = await NewWorldAsync();
        var license = await world.AddAsync(new LicenseSeed { ExpiresAt = now.AddDays(1), CardId = "pm_1" });
        var first = await OpenAndClaimAsync(world);
        var charging = Changed(Charging(first) with { IntentId = "pi_1", NextActionAt = now.AddDays(1) });
        await world.Store.SaveAsync(charging, new RenewalWriter(Lease), Token);
        await world.MoveExpiryAsync(license, now.AddDays(2));
        await world.Store.OpenDueAsync(Policy, now, 10, Token);
        Assert.DoesNotContain(await ClaimAsync(world), facts => facts.Renewal.RenewalId == first.Renewal.RenewalId);
        var declined = Changed(charging.Saved with { Status = RenewalStatus.SoftDeclined });
        Assert.Equal(RenewalSave.Saved, await world.Store.SaveAsync(declined, new RenewalWriter(TimeSpan.Zero), Token));

        await world.Store.OpenDueAsync(Policy, now, 10, Token);

        Assert.Equal(first.Renewal.RenewalId, Assert.Single(await ClaimAsync(world)).Renewal.RenewalId);
    }

    [Fact]
    public async Task Open_AnExpiryThatWasMovedBackToAPaidStart_IsAnotherRowOnlyOnRequest()
    {
        await using var world = await NewWorldAsync();
        var license = await world.AddAsync(new LicenseSeed { ExpiresAt = now.AddDays(-1), PriceUsd = 0 });
        var paid = await OpenAndClaimAsync(world);
        await PayAsync(world, paid, PaidWith.Nothing, 0);
        await world.MoveExpiryAsync(license, now.AddDays(-1));
        Assert.Equal(0, await world.Store.OpenDueAsync(Policy, now, 10, Token));

        var again = await world.Store.OpenAsync(license, Policy, now, Token);

        Assert.NotEqual(paid.Renewal.RenewalId, again);
        Assert.Equal(again, await world.Store.OpenAsync(license, Policy, now, Token));
        var facts = (await world.Store.ClaimOneAsync(again!.Value, Lease, Token))!;
        Assert.Equal(RenewalSave.Saved, await PayAsync(world, facts, PaidWith.Nothing, 0));
        var state = await world.ReadAsync(license);
        Assert.Equal((now.AddDays(29), 2), (state.ExpiresAt, state.PaidPeriods));
        Assert.Equal(again, await world.Store.OpenAsync(license, Policy, now.AddDays(-20), Token));
    }

    [Fact]
    public async Task OpenDue_AutoRenewOffInactiveOrWithoutExpiry_OpensNothing()
    {
        await using var world = await NewWorldAsync();
        await world.AddAsync(new LicenseSeed { ExpiresAt = now.AddDays(1), AutoRenew = false });
        await world.AddAsync(new LicenseSeed { ExpiresAt = now.AddDays(1), IsActive = false });
        await world.AddAsync(new LicenseSeed { ExpiresAt = null });

        Assert.Equal(0, await world.Store.OpenDueAsync(Policy, now, 10, Token));
    }

    [Fact]
    public async Task OpenDue_ACanceledPeriod_IsReopenedAndNotDoubled()
    {
        await using var world = await NewWorldAsync();
        await world.AddAsync(new LicenseSeed { ExpiresAt = now.AddDays(1) });
        var facts = await OpenAndClaimAsync(world);
        await SaveAsync(world, facts, facts.Renewal with { Status = RenewalStatus.Canceled, NextActionAt = null });

        Assert.Equal(1, await world.Store.OpenDueAsync(Policy, now, 10, Token));

        Assert.Equal(facts.Renewal.RenewalId, Assert.Single(await ClaimAsync(world)).Renewal.RenewalId);
    }

    [Fact]
    public async Task Open_Twice_IsTheSameRow()
    {
        await using var world = await NewWorldAsync();
        var license = await world.AddAsync(new LicenseSeed { ExpiresAt = now.AddDays(7), AutoRenew = false });

        var first = await world.Store.OpenAsync(license, Policy, now, Token);

        Assert.NotNull(first);
        Assert.Equal(first, await world.Store.OpenAsync(license, Policy, now, Token));
    }

    [Fact]
    public async Task Open_BeforeTheWindow_AnswersThePeriodThatIsPaidOrNothing()
    {
        await using var world = await NewWorldAsync();
        var unpaid = await world.AddAsync(new LicenseSeed { ExpiresAt = now.AddDays(8) });
        var paid = await world.AddAsync(new LicenseSeed { ExpiresAt = now.AddDays(1), PriceUsd = 0 });
        var facts = await OpenAndClaimAsync(world);
        await PayAsync(world, facts, PaidWith.Nothing, 0);

        Assert.Null(await world.Store.OpenAsync(unpaid, Policy, now, Token));
        Assert.Equal(facts.Renewal.RenewalId, await world.Store.OpenAsync(paid, Policy, now, Token));
        Assert.Null(await world.Store.OpenAsync(Guid.NewGuid(), Policy, now, Token));
    }

    [Fact]
    public async Task Claim_ReadsTheFacts()
    {
        await using var world = await NewWorldAsync();
        var license = await world.AddAsync(new LicenseSeed { ExpiresAt = now.AddDays(1), WalletUsd = 12.5m, CardId = "pm_1" });

        var facts = await OpenAndClaimAsync(world);

        Assert.Equal(license, facts.Renewal.SubscriptionId);
        Assert.Equal(now.AddDays(1), facts.Renewal.PeriodStart);
        Assert.Equal(now.AddDays(4), facts.Renewal.GivesUpAt);
        Assert.Equal(new RenewalLicense(now.AddDays(1), AutoRenew: true), facts.License);
        Assert.Equal((49.99m, 49.99m, 49.99m, 12.5m), (facts.Renewal.AmountUsd, facts.PriceUsd, facts.LastPaidUsd, facts.WalletUsd));
        Assert.Equal(("stripe", "cus_1", "pm_1"), (facts.Card!.Provider, facts.Card.CustomerId, facts.Card.PaymentId));
    }

    [Fact]
    public async Task Claim_AHeldRenewal_IsSkipped()
    {
        await using var world = await NewWorldAsync();
        await world.AddAsync(new LicenseSeed { ExpiresAt = now.AddDays(1) });
        var held = await OpenAndClaimAsync(world);

        Assert.Empty(await ClaimAsync(world));
        Assert.Null(await world.Store.ClaimOneAsync(held.Renewal.RenewalId, Lease, Token));
    }

    [Fact]
    public async Task Claim_AfterTheLease_IsTakenOverWithAHigherFence()
    {
        await using var world = await NewWorldAsync();
        await world.AddAsync(new LicenseSeed { ExpiresAt = now.AddDays(1) });
        var lapsed = await OpenAndClaimAsync(world, TimeSpan.Zero);

        var taken = Assert.Single(await ClaimAsync(world));

        Assert.True(taken.Renewal.Fence > lapsed.Renewal.Fence);
    }

    [Theory]
    [InlineData(0, 1)]
    [InlineData(1, 0)]
    public async Task Claim_ByNextAction_TakesWhatIsDue(int secondsAhead, int claimed)
    {
        await using var world = await NewWorldAsync();
        await world.AddAsync(new LicenseSeed { ExpiresAt = now.AddDays(1) });
        var facts = await OpenAndClaimAsync(world);
        await SaveAsync(world, facts, facts.Renewal with { NextActionAt = now.AddSeconds(secondsAhead) });

        Assert.Equal(claimed, (await ClaimAsync(world)).Count);
    }

    [Theory]
    [InlineData(RenewalStatus.Charging, 1)]
    [InlineData(RenewalStatus.NeedsAuthentication, 1)]
    [InlineData(RenewalStatus.Due, 0)]
    [InlineData(RenewalStatus.SoftDeclined, 0)]
    public async Task Claim_OpenOnly_TakesWhatWaitsForAnAnswer(RenewalStatus status, int claimed)
    {
        await using var world = await NewWorldAsync();
        await world.AddAsync(new LicenseSeed { ExpiresAt = now.AddDays(1) });
        var facts = await OpenAndClaimAsync(world);
        await SaveAsync(world, facts, facts.Renewal with { Status = status });

        Assert.Equal(claimed, (await world.Store.ClaimAsync(RenewalSelection.AwaitingProvider, now, 10, Lease, Token)).Count);
    }

    [Fact]
    public async Task Save_AfterTheLease_WritesNothing()
    {
        await using var world = await NewWorldAsync();
        await world.AddAsync(new LicenseSeed { ExpiresAt = now.AddDays(1) });
        var facts = await OpenAndClaimAsync(world, TimeSpan.Zero);

        var saved = await world.Store.SaveAsync(
            Changed(facts.Renewal with { Status = RenewalStatus.Lapsed }), new RenewalWriter(Lease), Token);

        Assert.Equal(RenewalSave.Fenced, saved);
        Assert.Equal(RenewalStatus.Due, (await world.Store.FindAsync(facts.Renewal.RenewalId, Token))!.Renewal.Status);
    }

    [Fact]
    public async Task Save_WithAnOlderFence_WritesNothing()
    {
        await using var world = await NewWorldAsync();
        await world.AddAsync(new LicenseSeed { ExpiresAt = now.AddDays(1) });
        var facts = await OpenAndClaimAsync(world);
        await SaveAsync(world, facts, facts.Renewal with { Lookups = 1 });

        var again = await world.Store.SaveAsync(Changed(facts.Renewal with { Lookups = 2 }), new RenewalWriter(Lease: null), Token);

        Assert.Equal(RenewalSave.Fenced, again);
        Assert.Equal(1, (await world.Store.FindAsync(facts.Renewal.RenewalId, Token))!.Renewal.Lookups);
    }

    [Fact]
    public async Task Save_FromOutside_EndsTheClaim()
    {
        await using var world = await NewWorldAsync();
        await world.AddAsync(new LicenseSeed { ExpiresAt = now.AddDays(1) });
        var held = await OpenAndClaimAsync(world);
        var read = (await world.Store.FindAsync(held.Renewal.RenewalId, Token))!;

        Assert.Equal(RenewalSave.Saved, await world.Store.SaveAsync(Changed(read.Renewal), new RenewalWriter(Lease: null), Token));
        Assert.Equal(RenewalSave.Fenced, await world.Store.SaveAsync(Changed(held.Renewal), new RenewalWriter(Lease), Token));
    }

    [Fact]
    public async Task Save_ByItsHolder_ContinuesFromWhatWasSaved()
    {
        await using var world = await NewWorldAsync();
        await world.AddAsync(new LicenseSeed { ExpiresAt = now.AddDays(1), CardId = "pm_1" });
        var facts = await OpenAndClaimAsync(world);
        var charging = Changed(Charging(facts));

        Assert.Equal(RenewalSave.Saved, await world.Store.SaveAsync(charging, new RenewalWriter(Lease), Token));
        Assert.Equal(RenewalSave.Saved, await world.Store.SaveAsync(
            Changed(charging.Saved with { IntentId = "pi_1" }), new RenewalWriter(TimeSpan.Zero), Token));

        var read = (await world.Store.FindByIntentAsync("stripe", "pi_1", Token))!;
        Assert.Equal(charging.Saved with { IntentId = "pi_1", Fence = read.Renewal.Fence }, read.Renewal);
        Assert.Equal(facts.Renewal.PeriodStart + Renewal.Period, (await world.ReadAsync(facts.Renewal.SubscriptionId)).GraceUntil);
        Assert.Null(await world.Store.FindByIntentAsync("paypal", "pi_1", Token));
    }

    [Fact]
    public async Task Save_AnEventTwice_IsRepeatedAndWritesNothing()
    {
        await using var world = await NewWorldAsync();
        await world.AddAsync(new LicenseSeed { ExpiresAt = now.AddDays(1) });
        var facts = await OpenAndClaimAsync(world);
        var received = new PaymentEvent("stripe", "evt_1", "any", now, new PaymentFact.Ignored());
        var first = Changed(facts.Renewal with { Lookups = 1 });
        await world.Store.SaveAsync(first, new RenewalWriter(Lease: null, Event: received), Token);

        var again = await world.Store.SaveAsync(
            Changed(first.Saved with { Lookups = 2 }), new RenewalWriter(Lease: null, Event: received), Token);

        Assert.Equal(RenewalSave.Repeated, again);
        Assert.Equal(1, (await world.Store.FindAsync(facts.Renewal.RenewalId, Token))!.Renewal.Lookups);
    }

    [Fact]
    public async Task Save_OfARequest_IsFoundByItsKey()
    {
        await using var world = await NewWorldAsync();
        await world.AddAsync(new LicenseSeed { ExpiresAt = now.AddDays(1) });
        var facts = await OpenAndClaimAsync(world);
        var key = new RenewalRequestKey(facts.Renewal.UserId, "once");

        Assert.Null(await world.Store.FindByRequestAsync(key, Token));
        await world.Store.SaveAsync(Changed(facts.Renewal), new RenewalWriter(TimeSpan.Zero, Request: key), Token);

        Assert.Equal(facts.Renewal.RenewalId, (await world.Store.FindByRequestAsync(key, Token))!.RenewalId);
        Assert.Null(await world.Store.FindByRequestAsync(key with { CallerId = Guid.NewGuid() }, Token));
    }

    [Fact]
    public async Task Save_PaidByCard_CreditsDebitsAndExtends()
    {
        await using var world = await NewWorldAsync();
        var license = await world.AddAsync(new LicenseSeed { ExpiresAt = now.AddDays(1), WalletUsd = 1, CardId = "pm_1" });
        var facts = await OpenAndClaimAsync(world);
        var charging = Changed(Charging(facts));
        await world.Store.SaveAsync(charging, new RenewalWriter(Lease), Token);
        var paid = facts with { Renewal = charging.Saved with { IntentId = "pi_1" } };

        await PayAsync(world, paid, PaidWith.Card, 49.99m);

        var state = await world.ReadAsync(license);
        Assert.Equal((now.AddDays(31), true, 1m, 0m, 2, 1), (
            state.ExpiresAt, state.IsActive, state.WalletUsd, state.LedgerUsd, state.LedgerRows, state.PaidPeriods));
        Assert.Null(state.GraceUntil);
        Assert.Equal("success", await world.HistoryStatusAsync(facts.Renewal.RenewalId));
        Assert.True(await world.HasMailAsync($"renewed:{facts.Renewal.RenewalId}"));
    }

    [Theory]
    [InlineData(49.99, 0, RenewalSave.Saved)]
    [InlineData(49.98, 0, RenewalSave.WalletShort)]
    [InlineData(59.99, 10, RenewalSave.Saved)]
    [InlineData(59.98, 10, RenewalSave.WalletShort)]
    public async Task Save_PaidFromTheWallet_NeedsTheFullAmount(double balance, double reserved, RenewalSave expected)
    {
        await using var world = await NewWorldAsync();
        var license = await world.AddAsync(
            new LicenseSeed { ExpiresAt = now.AddDays(1), WalletUsd = (decimal)balance, ReservedUsd = (decimal)reserved });
        var facts = await OpenAndClaimAsync(world);
        Assert.Equal((decimal)(balance - reserved), facts.WalletUsd);

        Assert.Equal(expected, await PayAsync(world, facts, PaidWith.Wallet, 49.99m));

        var state = await world.ReadAsync(license);
        Assert.Equal(expected is RenewalSave.Saved ? now.AddDays(31) : now.AddDays(1), state.ExpiresAt);
        Assert.Equal((decimal)balance - (expected is RenewalSave.Saved ? 49.99m : 0), state.WalletUsd);
    }

    [Theory]
    [InlineData(49.99, true, true)]
    [InlineData(49.98, true, false)] // its wallet is short
    [InlineData(49.99, false, false)] // its claim is over
    public async Task SaveAll_WritesEachOrNone(double lastWallet, bool isLastHeld, bool expected)
    {
        await using var world = await NewWorldAsync();
        foreach (var wallet in new[] { 60m, 49.99m, (decimal)lastWallet })
            await world.AddAsync(new LicenseSeed { ExpiresAt = now.AddDays(1), WalletUsd = wallet });
        await world.Store.OpenDueAsync(Policy, now, 10, Token);
        var claimed = (await ClaimAsync(world)).OrderByDescending(facts => facts.WalletUsd).ToList();
        if (!isLastHeld) await world.Store.SaveAsync(new RenewalChange(claimed[2].Renewal), new RenewalWriter(TimeSpan.Zero), Token);

        Assert.Equal(expected, await world.Store.SaveAllAsync([.. claimed.Select(facts => Paid(facts, PaidWith.Wallet, 49.99m))], Token));

        foreach (var facts in claimed)
        {
            var state = await world.ReadAsync(facts.Renewal.SubscriptionId);
            Assert.Equal(
                (expected ? now.AddDays(31) : now.AddDays(1), facts.WalletUsd - (expected ? 49.99m : 0), expected ? 1 : 0),
                (state.ExpiresAt, state.WalletUsd, state.LedgerRows));
            Assert.Equal(expected ? "success" : null, await world.HistoryStatusAsync(facts.Renewal.RenewalId));
            Assert.Equal(expected, await world.HasMailAsync($"renewed:{facts.Renewal.RenewalId}"));
            Assert.Equal(
                expected ? RenewalStatus.Applied : RenewalStatus.Due,
                (await world.Store.FindAsync(facts.Renewal.RenewalId, Token))!.Renewal.Status);
        }
    }

    [Theory]
    [InlineData(49.99, 0, null, 1)]
    [InlineData(49.98, 0, null, 0)]
    [InlineData(59.98, 10, null, 0)]
    [InlineData(49.99, 0, "pi_1", 0)]
    public async Task Claim_CoveredByWallet_TakesWhatNeedsNoProvider(double wallet, double reserved, string? intent, int claimed)
    {
        await using var world = await NewWorldAsync();
        await world.AddAsync(new LicenseSeed
        {
            ExpiresAt = now.AddDays(1),
            WalletUsd = (decimal)wallet,
            ReservedUsd = (decimal)reserved,
        });
        var facts = await OpenAndClaimAsync(world);
        await SaveAsync(world, facts, facts.Renewal with { IntentId = intent });

        Assert.Equal(claimed, (await world.Store.ClaimAsync(RenewalSelection.CoveredByWallet, now, 10, Lease, Token)).Count);
        Assert.Equal(1 - claimed, (await ClaimAsync(world)).Count);
    }

    [Fact]
    public async Task Save_Lapsed_Suspends_AndPaid_Reactivates()
    {
        await using var world = await NewWorldAsync();
        var license = await world.AddAsync(new LicenseSeed { ExpiresAt = now.AddDays(-2), PriceUsd = 0 });
        var facts = await OpenAndClaimAsync(world);
        var lapsed = Changed(facts.Renewal with { Status = RenewalStatus.Lapsed, NextActionAt = null }) with { Suspends = true };
        await world.Store.SaveAsync(lapsed, new RenewalWriter(Lease), Token);
        Assert.False((await world.ReadAsync(license)).IsActive);

        await PayAsync(world, facts with { Renewal = lapsed.Saved }, PaidWith.Nothing, 0);

        Assert.True((await world.ReadAsync(license)).IsActive);
    }

    [Fact]
    public async Task Save_ALapseAfterThePlatformMovedTheExpiry_SuspendsNothing()
    {
        await using var world = await NewWorldAsync();
        var license = await world.AddAsync(new LicenseSeed { ExpiresAt = now.AddDays(-2) });
        var facts = await OpenAndClaimAsync(world);
        await world.MoveExpiryAsync(license, now.AddDays(5));

        var lapsed = Changed(facts.Renewal with { Status = RenewalStatus.Lapsed, NextActionAt = null }) with { Suspends = true };
        Assert.Equal(RenewalSave.Saved, await world.Store.SaveAsync(lapsed, new RenewalWriter(Lease), Token));

        Assert.True((await world.ReadAsync(license)).IsActive);
    }

    [Fact]
    public async Task Save_WithoutAPrice_RecordsTheFailure()
    {
        await using var world = await NewWorldAsync();
        await world.AddAsync(new LicenseSeed { ExpiresAt = now.AddDays(1), PriceUsd = null });
        var facts = await OpenAndClaimAsync(world);
        var unpriced = Changed(facts.Renewal) with { History = new RenewalHistory(facts.Renewal.RenewalId, "failed", "no_active_price") };

        Assert.Equal(RenewalSave.Saved, await world.Store.SaveAsync(unpriced, new RenewalWriter(Lease), Token));

        Assert.Equal("failed", await world.HistoryStatusAsync(facts.Renewal.RenewalId));
    }

    [Fact]
    public async Task Save_AnOverlappingPeriod_IsImpossible()
    {
        await using var world = await NewWorldAsync();
        await world.AddAsync(new LicenseSeed { ExpiresAt = now.AddDays(-1), PriceUsd = 0 });
        var first = await OpenAndClaimAsync(world);
        await PayAsync(world, first, PaidWith.Nothing, 0, from: now.AddDays(-24), until: now.AddDays(6));
        await world.Store.OpenDueAsync(Policy, now, 10, Token);
        var next = Assert.Single(await ClaimAsync(world));

        await Assert.ThrowsAnyAsync<Exception>(
            () => PayAsync(world, next, PaidWith.Nothing, 0, from: now.AddDays(5), until: now.AddDays(35)));
    }

    [Theory]
    [InlineData(10 * 24)]
    [InlineData(-10)]
    [InlineData(null)]
    public async Task Save_Paid_WhenTheExpiryMovedMeanwhile_WritesNothing(int? hours)
    {
        await using var world = await NewWorldAsync();
        var license = await world.AddAsync(new LicenseSeed { ExpiresAt = now.AddDays(1), WalletUsd = 100 });
        var facts = await OpenAndClaimAsync(world);
        var moved = hours is { } by ? now.AddHours(by) : (DateTimeOffset?)null;
        await world.MoveExpiryAsync(license, moved);

        Assert.Equal(RenewalSave.Fenced, await PayAsync(world, facts, PaidWith.Wallet, 49.99m));

        var state = await world.ReadAsync(license);
        Assert.Equal((moved, 100m, 0, 0), (state.ExpiresAt, state.WalletUsd, state.LedgerRows, state.PaidPeriods));
    }

    [Fact]
    public async Task Save_PaidForALicenseWithoutExpiry_LeavesItWithoutExpiry()
    {
        await using var world = await NewWorldAsync();
        var license = await world.AddAsync(new LicenseSeed { ExpiresAt = now.AddDays(1), WalletUsd = 100 });
        var facts = await OpenAndClaimAsync(world);
        await world.MoveExpiryAsync(license, null);
        facts = facts with { License = facts.License with { ExpiresAt = null } };

        Assert.Equal(RenewalSave.Saved, await PayAsync(world, facts, PaidWith.Wallet, 49.99m));

        Assert.Null((await world.ReadAsync(license)).ExpiresAt);
    }

    [Fact]
    public async Task Save_Paid_AfterThePlatformShortenedTheExpiry_StartsAtTheEndOfThePaidPeriod()
    {
        await using var world = await NewWorldAsync();
        var license = await world.AddAsync(new LicenseSeed { ExpiresAt = now.AddDays(-1), PriceUsd = 0 });
        await PayAsync(world, await OpenAndClaimAsync(world), PaidWith.Nothing, 0);
        await world.MoveExpiryAsync(license, now.AddDays(2));
        await world.Store.OpenDueAsync(Policy, now, 10, Token);
        var next = Assert.Single(await ClaimAsync(world));

        Assert.Equal(RenewalSave.Saved, await PayAsync(world, next, PaidWith.Nothing, 0));

        var state = await world.ReadAsync(license);
        Assert.Equal((now.AddDays(32), 2), (state.ExpiresAt, state.PaidPeriods));
    }

    [Fact]
    public async Task Save_OfAnotherPeriod_KeepsTheGraceOfAnOpenChargeAndSuspendsNothing()
    {
        await using var world = await NewWorldAsync();
        var license = await world.AddAsync(new LicenseSeed { ExpiresAt = now.AddDays(1), CardId = "pm_1" });
        var before = await OpenAndClaimAsync(world);
        await SaveAsync(world, before, before.Renewal with { Status = RenewalStatus.Canceled, NextActionAt = null });
        await world.MoveExpiryAsync(license, now.AddDays(2));
        var facts = await OpenAndClaimAsync(world);
        await SaveAsync(world, facts, Charging(facts));
        var older = (await world.Store.FindAsync(before.Renewal.RenewalId, Token))!.Renewal;

        var lapsed = Changed(older with { Status = RenewalStatus.Lapsed }) with { Suspends = true };
        Assert.Equal(RenewalSave.Saved, await world.Store.SaveAsync(lapsed, new RenewalWriter(Lease: null), Token));

        var state = await world.ReadAsync(license);
        Assert.Equal((true, now.AddDays(32)), (state.IsActive, state.GraceUntil));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task SaveReversal_BeforeOrAfterTheSuccess_EndsThePeriod_AndAFailedRefundRestoresIt(bool refundedFirst)
    {
        await using var world = await NewWorldAsync();
        var license = await world.AddAsync(new LicenseSeed { ExpiresAt = now.AddDays(1), CardId = "pm_1" });
        var facts = await OpenAndClaimAsync(world);
        var charging = Changed(Charging(facts) with { IntentId = "pi_1" });
        await world.Store.SaveAsync(charging, new RenewalWriter(TimeSpan.Zero), Token);
        var refund = new PaymentReversal(ReversalKind.Refund, "re_1", ReversalState.Succeeded, 4999, "usd", "pi_1", null, null, now);

        if (refundedFirst) await ReverseAsync(world, refund, "evt_1");
        Assert.Equal(now.AddDays(1), (await world.ReadAsync(license)).ExpiresAt);
        var paid = (await world.Store.FindByIntentAsync("stripe", "pi_1", Token))!;
        var booking = RenewalSettlement.Settle(
            paid, new IntentSnapshot("pi_1", new ChargeOutcome.Succeeded("ch_1", 4999)), Trigger.Event, Policy, now)!;
        Assert.Equal(RenewalSave.Saved, await world.Store.SaveAsync(booking, new RenewalWriter(Lease: null), Token));
        if (!refundedFirst) await ReverseAsync(world, refund, "evt_1");
        await ReverseAsync(world, refund, "evt_1");
        await ReverseAsync(world, refund with { State = ReversalState.Pending }, "evt_2");

        var ended = await world.ReadAsync(license);
        Assert.Equal((now.AddDays(1).AddSeconds(1), 0m, 4, 1), (ended.ExpiresAt, ended.WalletUsd, ended.LedgerRows, ended.PaidPeriods));
        Assert.Equal(ended.ExpiresAt, (await world.Store.FindAsync(paid.Renewal.RenewalId, Token))!.Renewal.PaidUntil);
        Assert.Equal(0, await world.Store.OpenDueAsync(Policy, now.AddHours(1), 10, Token));

        await ReverseAsync(world, refund with { State = ReversalState.Failed }, "evt_3");

        var restored = await world.ReadAsync(license);
        Assert.Equal((now.AddDays(31), 0m, 6), (restored.ExpiresAt, restored.WalletUsd, restored.LedgerRows));
        Assert.Equal(0, await world.Store.ApplyReversalsAsync(Policy, Token));
    }

    // The second period was paid early. Then the platform moved the expiry back before its start, and the time from there was paid, too.
    [Theory]
    [InlineData(ReversalKind.Refund, false)]
    [InlineData(ReversalKind.Dispute, true)]
    public async Task SaveReversal_WhenAnExpiryWasMovedBackBeforeAPaidStart_CountsTheTimeThatIsPaid(ReversalKind kind, bool isOfTheEmptied)
    {
        await using var world = await NewWorldAsync();
        var license = await world.AddAsync(new LicenseSeed { ExpiresAt = now.AddDays(6), CardId = "pm_1" });
        var early = await PayByCardAsync(world, license, 1, 59.99m);
        if (isOfTheEmptied)
            await ReverseAsync(
                world, new PaymentReversal(kind, "du_1", ReversalState.Lost, 5999, "usd", "pi_1", "ch_1", null, now), "evt_1");
        await world.MoveExpiryAsync(license, now.AddDays(1));
        var paid = await PayByCardAsync(world, license, 2, 49.99m);
        Assert.Equal(early.PaidFrom, (await world.Store.FindAsync(early.RenewalId, Token))!.Renewal.PaidUntil);
        Assert.Equal(49.99m, (await world.Store.FindAsync(paid.RenewalId, Token))!.LastPaidUsd);

        if (isOfTheEmptied)
        {
            await ReverseAsync(
                world, new PaymentReversal(kind, "du_1", ReversalState.Won, 5999, "usd", "pi_1", "ch_1", null, now.AddHours(1)), "evt_2");

            Assert.Equal(now.AddDays(61).AddSeconds(-1), (await world.ReadAsync(license)).ExpiresAt);
            return;
        }

        await ReverseAsync(
            world, new PaymentReversal(kind, "re_1", ReversalState.Succeeded, 4999, "usd", "pi_2", null, null, now), "evt_1");

        Assert.False((await world.Store.FindAsync(paid.RenewalId, Token))!.License.AutoRenew);
        Assert.Equal(now.AddDays(1).AddSeconds(1), (await world.ReadAsync(license)).ExpiresAt);
    }

    // The second renewal begins within the first period, and the platform removes the expiry while its charge is open.
    [Fact]
    public async Task Save_APaymentAfterTheExpiryWasRemoved_EndsTheEarlierPeriodWhenTheNewOneBegins()
    {
        await using var world = await NewWorldAsync();
        var license = await world.AddAsync(new LicenseSeed { ExpiresAt = now.AddDays(-2), CardId = "pm_1" });
        var early = await PayByCardAsync(world, license, 1, 49.99m);
        await world.MoveExpiryAsync(license, now.AddDays(1));

        var paid = await PayByCardAsync(world, license, 2, 49.99m, () => world.MoveExpiryAsync(license, null));

        Assert.Null((await world.ReadAsync(license)).ExpiresAt);
        Assert.Equal(now.AddDays(1), paid.PaidFrom);
        Assert.Equal(paid.PaidFrom, (await world.Store.FindAsync(early.RenewalId, Token))!.Renewal.PaidUntil);
    }

    [Fact]
    public async Task Save_APayment_IsNotReducedByTheRefundOfAnotherChargeOfTheRenewal()
    {
        await using var world = await NewWorldAsync();
        var license = await world.AddAsync(new LicenseSeed { ExpiresAt = now.AddDays(1), CardId = "pm_1" });
        var facts = await OpenAndClaimAsync(world);
        await SaveAsync(world, facts, Charging(facts) with { IntentId = "pi_2" });
        await ReverseAsync(world, Full(ReversalKind.Refund, ReversalState.Succeeded, "pi_2"), "evt_1");

        // The event names the renewal, and an intent that a restored backup doesn't contain.
        await BookAsync(world, facts.Renewal.RenewalId, "pi_1");

        var paid = await world.ReadAsync(license);
        Assert.Equal((now.AddDays(31), 0m, 2), (paid.ExpiresAt, paid.WalletUsd, paid.LedgerRows));
    }

    [Fact]
    public async Task SaveReversal_OfThePeriodThatWasPaidLast_StopsAutoRenewal_EvenIfAnEarlierPaymentIsForALaterStart()
    {
        await using var world = await NewWorldAsync();
        var license = await world.AddAsync(new LicenseSeed { ExpiresAt = now.AddDays(5), CardId = "pm_1" });
        await PayByCardAsync(world, license, "pi_1");
        await world.MoveExpiryAsync(license, now);
        var paid = await PayByCardAsync(world, license, "pi_2");

        await ReverseAsync(world, Full(ReversalKind.Refund, ReversalState.Succeeded, "pi_2"), "evt_1");

        Assert.False((await world.Store.FindAsync(paid, Token))!.License.AutoRenew);
    }

    [Fact]
    public async Task SaveReversal_OfADisputeThatIsWonAfterThePeriodWasEmptied_OverlapsNoOtherPeriod()
    {
        await using var world = await NewWorldAsync();
        var license = await world.AddAsync(new LicenseSeed { ExpiresAt = now.AddDays(5), CardId = "pm_1" });
        var emptied = await PayByCardAsync(world, license, "pi_1");
        var dispute = Full(ReversalKind.Dispute, ReversalState.Lost, "pi_1");
        await ReverseAsync(world, dispute, "evt_1");
        await world.MoveExpiryAsync(license, now);
        await PayByCardAsync(world, license, "pi_2");

        await ReverseAsync(world, dispute with { State = ReversalState.Won }, "evt_2");

        Assert.Equal(now.AddDays(60).AddSeconds(-1), (await world.ReadAsync(license)).ExpiresAt);
        var renewal = (await world.Store.FindAsync(emptied, Token))!.Renewal;
        Assert.Equal(renewal.PaidFrom, renewal.PaidUntil);
    }

    [Fact]
    public async Task Find_APeriodThatThePlatformTookBack_IsNotTheLastPrice()
    {
        await using var world = await NewWorldAsync();
        var license = await world.AddAsync(new LicenseSeed { ExpiresAt = now.AddDays(5), PriceUsd = 20 });
        var first = await OpenAndClaimAsync(world);
        await PayAsync(world, first with { Renewal = first.Renewal with { AmountUsd = 9 } }, PaidWith.Nothing, 9);
        Assert.Equal(9, (await world.Store.FindAsync(first.Renewal.RenewalId, Token))!.LastPaidUsd);
        await world.MoveExpiryAsync(license, now);
        var second = await OpenAndClaimAsync(world);
        await PayAsync(world, second, PaidWith.Nothing, 20);

        Assert.Equal(20, (await world.Store.FindAsync(first.Renewal.RenewalId, Token))!.LastPaidUsd);
    }

    [Fact]
    public async Task SaveReversal_OfAnOpenDispute_HoldsTheNextCharge()
    {
        await using var world = await NewWorldAsync();
        await world.AddAsync(new LicenseSeed { ExpiresAt = now.AddDays(1), CardId = "pm_1" });
        var facts = await OpenAndClaimAsync(world);
        await world.Store.SaveAsync(Changed(Charging(facts) with { IntentId = "pi_1" }), new RenewalWriter(TimeSpan.Zero), Token);
        var dispute = new PaymentReversal(ReversalKind.Dispute, "du_1", ReversalState.Open, 4999, "usd", "pi_1", null, null, now);

        await ReverseAsync(world, dispute, "evt_1");
        Assert.True((await world.Store.FindAsync(facts.Renewal.RenewalId, Token))!.License.IsDisputed);

        await ReverseAsync(world, dispute with { State = ReversalState.Won }, "evt_2");
        Assert.False((await world.Store.FindAsync(facts.Renewal.RenewalId, Token))!.License.IsDisputed);
    }

    [Theory]
    [InlineData(PaidWith.Card, 0, RenewalSave.Saved)]
    [InlineData(PaidWith.Wallet, 0.60, RenewalSave.Saved)]
    [InlineData(PaidWith.Wallet, 0.59, RenewalSave.WalletShort)]
    public async Task Save_PaidWithWhatIsOpen_SettlesIt(PaidWith with, double wallet, RenewalSave expected)
    {
        await using var world = await NewWorldAsync();
        var license = await world.AddAsync(
            new LicenseSeed { ExpiresAt = now.AddDays(-25), CardId = "pm_1", PriceUsd = 0.30m, WalletUsd = (decimal)wallet });
        await world.Store.OpenDueAsync(Policy, now.AddDays(-25), 10, Token);
        var first = Assert.Single(await ClaimAsync(world));
        Assert.Equal(RenewalSave.Saved, await PayAsync(world, first, PaidWith.Deferred, 0.30m));
        Assert.Equal(0, (await world.ReadAsync(license)).LedgerRows);
        var next = await OpenAndClaimAsync(world);
        Assert.Equal(0.30m, next.DebtUsd);
        if (with is PaidWith.Card)
        {
            await SaveAsync(world, next, Charging(next) with { IntentId = "pi_1" });
            next = (await world.Store.ClaimOneAsync(next.Renewal.RenewalId, Lease, Token))!;
        }

        Assert.Equal(expected, await PayAsync(
            world, next with { Renewal = next.Renewal with { AmountUsd = 0.30m, DebtsUsd = 0.30m } }, with, 0.30m, debts: 0.30m));

        var paid = expected is RenewalSave.Saved;
        Assert.Equal(paid ? 0 : 0.30m, (await world.Store.FindAsync(next.Renewal.RenewalId, Token))!.DebtUsd);
        var state = await world.ReadAsync(license);
        Assert.Equal((paid ? 0 : 0.59m, paid ? with is PaidWith.Card ? 3 : 2 : 0), (state.WalletUsd, state.LedgerRows));
    }

    [Fact]
    public async Task Save_PaidForMoreThanIsOpen_LeavesTheRestInTheWallet()
    {
        await using var world = await NewWorldAsync();
        var license = await world.AddAsync(new LicenseSeed { ExpiresAt = now.AddDays(-25), CardId = "pm_1", PriceUsd = 0.30m });
        await world.Store.OpenDueAsync(Policy, now.AddDays(-25), 10, Token);
        await PayAsync(world, Assert.Single(await ClaimAsync(world)), PaidWith.Deferred, 0.30m);
        var next = await OpenAndClaimAsync(world);
        await SaveAsync(world, next, Charging(next) with { IntentId = "pi_1" });
        next = (await world.Store.ClaimOneAsync(next.Renewal.RenewalId, Lease, Token))!;

        Assert.Equal(RenewalSave.Saved, await PayAsync(
            world, next with { Renewal = next.Renewal with { AmountUsd = 0.30m, DebtsUsd = 0.50m } }, PaidWith.Card, 0.30m, debts: 0.50m));

        var state = await world.ReadAsync(license);
        Assert.Equal((0.20m, 3), (state.WalletUsd, state.LedgerRows));
        Assert.Equal(0, (await world.Store.FindAsync(next.Renewal.RenewalId, Token))!.DebtUsd);
    }

    [Theory]
    [InlineData(true, ReversalState.Won, 0, true)]
    [InlineData(false, ReversalState.Won, 0, false)]
    [InlineData(true, ReversalState.Open, 0, false)]
    [InlineData(true, ReversalState.Won, 10, true)]
    [InlineData(true, ReversalState.Won, 12, false)] // longer than the grace and RenewalPolicy.CatchUp together
    public async Task SaveReversal_OfADisputeThatIsWon_ReopensTheRenewalThatLapsedBecauseOfIt(
        bool held, ReversalState state, int daysAgo, bool reopened)
    {
        await using var world = await NewWorldAsync();
        var license = await world.AddAsync(new LicenseSeed { ExpiresAt = now.AddDays(-29 - daysAgo), CardId = "pm_1" });
        await world.Store.OpenDueAsync(Policy, now.AddDays(-29 - daysAgo), 10, Token);
        var paid = Assert.Single(await ClaimAsync(world));
        var charging = Charging(paid) with { IntentId = "pi_1" };
        await SaveAsync(world, paid, charging);
        await PayAsync(world, (await world.Store.ClaimOneAsync(paid.Renewal.RenewalId, Lease, Token))!, PaidWith.Card, 49.99m);
        var dispute = new PaymentReversal(ReversalKind.Dispute, "du_1", ReversalState.Open, 4999, "usd", "pi_1", null, null, now);
        await ReverseAsync(world, dispute, "evt_1");
        await world.Store.OpenDueAsync(Policy, now.AddDays(-daysAgo), 10, Token);
        var next = Assert.Single(await ClaimAsync(world));
        var lapsed = next.Renewal with { Status = RenewalStatus.Lapsed, LapsedBlocked = held, NextActionAt = null };
        await world.Store.SaveAsync(Changed(lapsed) with { Suspends = true }, new RenewalWriter(TimeSpan.Zero), Token);
        Assert.False((await world.ReadAsync(license)).IsActive);
        await ReverseAsync(world, dispute with { State = state }, "evt_2");

        var renewal = (await world.Store.FindAsync(next.Renewal.RenewalId, Token))!.Renewal;
        Assert.Equal(reopened ? RenewalStatus.Due : RenewalStatus.Lapsed, renewal.Status);
        if (!reopened) return;
        var claimed = Assert.Single(
            await world.Store.ClaimAsync(RenewalSelection.All, now.AddHours(1), 10, Lease, Token));
        Assert.Equal((RenewalType.Auto, null), (claimed.Renewal.Type, claimed.License.Block));
        if (daysAgo > 0) return;
        Assert.Equal(RenewalSave.Saved, await PayAsync(world, claimed, PaidWith.Nothing, 0));
        Assert.True((await world.ReadAsync(license)).IsActive);
    }

    [Fact]
    public async Task Save_AChargeThatPaidAnotherRenewal_IsRejected()
    {
        await using var world = await NewWorldAsync();
        await world.AddAsync(new LicenseSeed { ExpiresAt = now.AddDays(1), CardId = "pm_1" });
        var first = await OpenAndClaimAsync(world);
        await world.AddAsync(new LicenseSeed { ExpiresAt = now.AddDays(1), CardId = "pm_2" });
        var second = await OpenAndClaimAsync(world);
        async Task<RenewalSave> PayAsync(RenewalFacts facts, string intent)
        {
            await world.Store.SaveAsync(Changed(Charging(facts) with { IntentId = intent }), new RenewalWriter(TimeSpan.Zero), Token);
            var charging = (await world.Store.FindByIntentAsync("stripe", intent, Token))!;
            var answer = new IntentSnapshot(intent, new ChargeOutcome.Succeeded("ch_1", 4999));
            var booking = RenewalSettlement.Settle(charging, answer, Trigger.Event, Policy, now)!;
            return await world.Store.SaveAsync(booking, new RenewalWriter(Lease: null), Token);
        }

        Assert.Equal(RenewalSave.Saved, await PayAsync(first, "pi_1"));
        Assert.Equal(RenewalSave.ChargeInUse, await PayAsync(second, "pi_2"));
    }

    [Theory]
    [InlineData(-3 * 24, 1)]
    [InlineData((-3 * 24) + 1, 0)]
    public async Task SuspendExpired_ByHoursToExpiry_SuspendsAfterTheGrace(int hours, int suspended)
    {
        await using var world = await NewWorldAsync();
        var license = await world.AddAsync(new LicenseSeed { ExpiresAt = now.AddHours(hours), AutoRenew = false });

        Assert.Equal(suspended, await world.Store.SuspendExpiredAsync(Policy, now, 10, Token));
        Assert.Equal(suspended == 0, (await world.ReadAsync(license)).IsActive);
    }

    // A payment that the restored database doesn't know may have extended the license.
    [Fact]
    public async Task SuspendExpired_WhileEventsAreUnread_SuspendsNothing()
    {
        await using var world = await NewWorldAsync();
        await world.AddAsync(new LicenseSeed { ExpiresAt = now.AddDays(-4), AutoRenew = false });

        await world.MissEventsAsync(areMissed: true);
        Assert.Equal(0, await world.Store.SuspendExpiredAsync(Policy, now, 10, Token));
        await world.MissEventsAsync(areMissed: false);
        Assert.Equal(1, await world.Store.SuspendExpiredAsync(Policy, now, 10, Token));
    }

    // Its period may be paid: a restored database doesn't know the renewal.
    [Theory]
    [InlineData(true)]
    [InlineData(false)] // the restored license was suspended already
    public async Task SuspendExpired_WithAChargeThatIsNotBooked_KeepsTheLicenseValid(bool isActive)
    {
        await using var world = await NewWorldAsync();
        var license = await world.AddAsync(new LicenseSeed { ExpiresAt = now.AddDays(-4), AutoRenew = false, IsActive = isActive });
        await world.Store.RecordAsync(
            new PaymentEvent("stripe", "evt_1", "test", now, new PaymentFact.Ignored()),
            new PaymentCase(PaymentCaseReason.UnknownRenewal, "pi_1", Guid.NewGuid(), license, null, "ch_1", 4999, "usd", "a test"), Token);

        Assert.Equal(0, await world.Store.SuspendExpiredAsync(Policy, now, 10, Token));

        var kept = await world.ReadAsync(license);
        Assert.Equal((isActive, now.AddDays(26)), (kept.IsActive, kept.GraceUntil));
    }

    [Fact]
    public async Task SuspendExpired_RenewalOpenOrDue_SuspendsNothing()
    {
        await using var world = await NewWorldAsync();
        await world.Store.OpenDueAsync(Policy, now.AddDays(-2), 10, Token);
        await world.AddAsync(new LicenseSeed { ExpiresAt = now.AddDays(-4) });
        Assert.Equal(0, await world.Store.SuspendExpiredAsync(Policy, now, 10, Token));
        var facts = await OpenAndClaimAsync(world);
        await SaveAsync(world, facts, facts.Renewal with { Status = RenewalStatus.Charging });

        Assert.Equal(0, await world.Store.SuspendExpiredAsync(Policy, now.AddDays(10), 10, Token));
        Assert.Equal(0, await world.Store.SuspendExpiredAsync(Policy with { AutoRenewal = false }, now, 10, Token));
    }

    private async Task<Renewal> PayByCardAsync(
        RenewalWorld world, Guid license, int number, decimal amount, Func<Task>? whileCharging = null)
    {
        var renewalId = await world.Store.OpenAsync(license, Policy, now, Token);
        var facts = (await world.Store.ClaimOneAsync(renewalId!.Value, Lease, Token))!;
        var charging = Changed(Charging(facts) with { IntentId = $"pi_{number}", AmountUsd = amount });
        await world.Store.SaveAsync(charging, new RenewalWriter(Lease), Token);
        if (whileCharging is not null) await whileCharging();
        var booking = RenewalSettlement.Settle(
            (await world.Store.FindAsync(renewalId.Value, Token))!,
            new IntentSnapshot($"pi_{number}", new ChargeOutcome.Succeeded($"ch_{number}", (long)(amount * 100))),
            Trigger.Event, Policy, now)!;
        Assert.Equal(RenewalSave.Saved, await world.Store.SaveAsync(booking, new RenewalWriter(TimeSpan.Zero), Token));
        return booking.After;
    }

    private async Task<RenewalFacts> OpenAndClaimAsync(RenewalWorld world, TimeSpan? lease = null)
    {
        await world.Store.OpenDueAsync(Policy, now, 10, Token);
        return Assert.Single(await world.Store.ClaimAsync(RenewalSelection.All, now, 10, lease ?? Lease, Token));
    }

    private Task<IReadOnlyList<RenewalFacts>> ClaimAsync(RenewalWorld world) =>
        world.Store.ClaimAsync(RenewalSelection.All, now, 10, Lease, Token);

    private static async Task SaveAsync(RenewalWorld world, RenewalFacts facts, Renewal after)
    {
        Assert.Equal(facts.Renewal.Fence, after.Fence);
        Assert.Equal(RenewalSave.Saved, await world.Store.SaveAsync(Changed(after), new RenewalWriter(TimeSpan.Zero), Token));
    }

    private Renewal Charging(RenewalFacts facts) => facts.Renewal with
    {
        Status = RenewalStatus.Charging,
        Attempt = new RenewalAttempt(
            Guid.NewGuid(), 1, "stripe", facts.Card!.PaymentMethodId,
            new ChargeRequest(
                facts.Renewal.RenewalId, facts.Renewal.SubscriptionId, facts.Renewal.UserId, 4999, "usd", "cus_1", "pm_1", "A period"),
            now, OpensIntent: true),
    };

    private static Task<RenewalSave> PayAsync(
        RenewalWorld world, RenewalFacts facts, PaidWith with, decimal amount, DateTimeOffset? from = null, DateTimeOffset? until = null,
        decimal debts = 0) =>
        world.Store.SaveAsync(Paid(facts, with, amount, from, until, debts), new RenewalWriter(TimeSpan.FromMinutes(3)), Token);

    private static RenewalChange Paid(
        RenewalFacts facts, PaidWith with, decimal amount, DateTimeOffset? from = null, DateTimeOffset? until = null, decimal debts = 0)
    {
        var start = from ?? facts.Renewal.PeriodStart;
        var end = until ?? start + Renewal.Period;
        var after = facts.Renewal with
        {
            Status = RenewalStatus.Applied,
            PaidWith = with,
            PaidFrom = start,
            PaidUntil = end,
            NextActionAt = null
        };
        return new RenewalChange(after)
        {
            Payment = new RenewalPayment(with, amount, start, end, facts.License.ExpiresAt) { DebtsUsd = debts },
            History = new RenewalHistory(after.RenewalId, "success"),
            Notice = new RenewalNotice("renewed", $"renewed:{after.RenewalId}"),
            Audit = "renewal.applied",
        };
    }

    private async Task<Guid> PayByCardAsync(RenewalWorld world, Guid license, string intent)
    {
        var opened = (await world.Store.OpenAsync(license, Policy, now, Token))!.Value;
        var facts = (await world.Store.ClaimOneAsync(opened, Lease, Token))!;
        await SaveAsync(world, facts, Charging(facts) with { IntentId = intent });
        await BookAsync(world, opened, intent);
        return opened;
    }

    private async Task BookAsync(RenewalWorld world, Guid renewalId, string intent)
    {
        var charging = (await world.Store.FindAsync(renewalId, Token))!;
        var answer = new IntentSnapshot(intent, new ChargeOutcome.Succeeded($"ch_{intent}", 4999));
        var booking = RenewalSettlement.Settle(charging, answer, Trigger.Event, Policy, now)!;
        Assert.Equal(RenewalSave.Saved, await world.Store.SaveAsync(booking, new RenewalWriter(Lease: null), Token));
    }

    private PaymentReversal Full(ReversalKind kind, ReversalState state, string intent) =>
        new(kind, $"of_{intent}", state, 4999, "usd", intent, null, null, now);

    private static Task ReverseAsync(RenewalWorld world, PaymentReversal reversal, string eventId) => world.Store.SaveReversalAsync(
        reversal, new PaymentEvent("stripe", eventId, "any", reversal.ChangedAt, new PaymentFact.Reversed(reversal)), Policy, Token);

    private static RenewalChange Changed(Renewal after) => new(after);
}

public sealed class MemoryRenewalStoreTests : RenewalStoreTests
{
    protected override Task<RenewalWorld> NewWorldAsync() => Task.FromResult<RenewalWorld>(new MemoryWorld(TimeProvider.System));
}

public sealed class PostgresRenewalStoreTests(PostgresFixture postgres) : RenewalStoreTests
{
    protected override async Task<RenewalWorld> NewWorldAsync() =>
        new PostgresWorld(await postgres.NewDatabaseAsync(), TimeProvider.System);
}
