using LicenseFunctions.Infrastructure.Http;
using LicenseFunctions.Renewals;
using Licensing.Renewals;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Time.Testing;
using Xunit;

namespace LicenseFunctions.Tests.Renewals;

/// <summary>
/// The cases that trusted systems test: rocket-rides-atomic's recovery points, Kill Bill's janitor, Lago's payment errors.
/// </summary>
public sealed class TrustedCasesTests : IAsyncDisposable
{
    private static readonly DateTimeOffset Now = new(2026, 6, 1, 0, 0, 0, TimeSpan.Zero);
    private static readonly ChargeOutcome Created = new ChargeOutcome.Unconfirmed();
    private static readonly ChargeOutcome Paid = new ChargeOutcome.Succeeded("ch_1", 4999);
    private static readonly ChargeOutcome Lost = new ChargeOutcome.Unknown("lost");

    private readonly FakeTimeProvider clock = new(Now);
    private readonly ScriptedGateway gateway = new();
    private readonly MemoryWorld world;
    private readonly RunDueRenewals run;
    private readonly ApplyPaymentEvent apply;
    private Guid license;

    public TrustedCasesTests()
    {
        world = new MemoryWorld(clock);
        var gateways = new RenewalGateways([gateway]);
        var policy = new RenewalPolicy(true, TimeSpan.FromDays(7), TimeSpan.FromDays(3), 0, gateways.IdempotencyKeyLifetimes);
        var process = new ProcessRenewal(world.Store, gateways, policy, new SignedLinks([], clock), clock);
        run = new RunDueRenewals(
            world.Store, process, policy, new RenewalPace(1, 1, TimeSpan.FromMinutes(1)), clock, NullLogger<RunDueRenewals>.Instance);
        apply = new ApplyPaymentEvent(world.Store, gateways, policy, clock);
    }

    public ValueTask DisposeAsync() => world.DisposeAsync();

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    // rocket-rides-atomic: the completer finishes a request that stopped at a recovery point, and it is charged once.

    [Fact]
    public async Task RecoveryPoint_KilledInTheCreation_CreatesWithTheSameKey()
    {
        await OpenAsync();
        gateway.Dies();
        await TickAndDieAsync();

        gateway.Answers(Created).Answers(Paid);
        await TickAfterTheLeaseAsync();

        Assert.Equal(gateway.Calls[0], gateway.Calls[1]);
        await IsRenewedAsync();
    }

    [Fact]
    public async Task RecoveryPoint_KilledInTheConfirmation_ConfirmsWithTheSameKey()
    {
        await OpenAsync();
        gateway.Answers(Created).Dies();
        await TickAndDieAsync();

        gateway.Answers(Paid);
        await TickAfterTheLeaseAsync();

        Assert.StartsWith("confirm ", gateway.Calls[1], StringComparison.Ordinal);
        Assert.Equal(gateway.Calls[1], gateway.Calls[2]);
        await IsRenewedAsync();
    }

    [Fact]
    public async Task RecoveryPoint_Finished_IsNotProcessedAgain()
    {
        await OpenAsync();
        gateway.Answers(Created).Answers(Paid);
        await run.RunAsync(Token);

        await TickAfterTheLeaseAsync();

        Assert.Equal(2, gateway.Calls.Count);
        await IsRenewedAsync();
    }

    // Cases of Kill Bill's janitor.

    [Fact]
    public async Task Janitor_UnknownThenSuccess_IsApplied()
    {
        await UnknownAsync();

        gateway.Answers(Paid);
        await TickInAsync(TimeSpan.FromMinutes(5));

        await IsRenewedAsync();
    }

    [Fact]
    public async Task Janitor_AProcessingAnswerStoredUnderTheKey_IsLookedUpByTheIntent()
    {
        await OpenAsync();
        gateway.Answers(Created).Answers(new ChargeOutcome.Processing());
        await run.RunAsync(Token);

        gateway.Answers(new ChargeOutcome.Processing()).Answers(Paid);
        await TickInAsync(TimeSpan.FromMinutes(5));

        Assert.StartsWith("get ", gateway.Calls[^1], StringComparison.Ordinal);
        await IsRenewedAsync();
    }

    [Fact]
    public async Task Janitor_UnknownThenFailure_IsADeclineWithoutAnEarlierSuspension()
    {
        await UnknownAsync();
        Assert.Equal(Now.AddDays(31), (await world.ReadAsync(license)).GraceUntil);

        gateway.Answers(new ChargeOutcome.SoftDeclined("insufficient_funds", ""));
        await TickInAsync(TimeSpan.FromMinutes(5));

        Assert.Equal(RenewalStatus.SoftDeclined, (await RenewalAsync()).Status);
        Assert.Null((await world.ReadAsync(license)).GraceUntil);
    }

    [Fact]
    public async Task Janitor_AlwaysUnknown_WaitsForAnOperatorWithoutSuspensionOrCharge()
    {
        await UnknownAsync();
        for (var day = 0; day < 10; day++)
        {
            gateway.Answers(Lost).Answers(Lost);
            await TickInAsync(TimeSpan.FromDays(1));
        }

        Assert.Equal(RenewalStatus.Undecided, (await RenewalAsync()).Status);
        Assert.True((await world.ReadAsync(license)).IsActive);
        Assert.Single(gateway.Calls, call => call.StartsWith("confirm ", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Janitor_SuccessLaterCorrected_StaysPaidUntilTheRefund()
    {
        await OpenAsync();
        gateway.Answers(Created).Answers(Paid);
        await run.RunAsync(Token);

        await ApplyAsync(
            "evt_1", new PaymentFact.IntentChanged(new IntentSnapshot("pi_1", new ChargeOutcome.SoftDeclined("late", "")), null));
        Assert.Equal(Now.AddDays(31), (await world.ReadAsync(license)).ExpiresAt);

        await ApplyAsync("evt_2", new PaymentFact.Reversed(new PaymentReversal(
            ReversalKind.Refund, "re_1", ReversalState.Succeeded, 4999, "usd", "pi_1", "ch_1", null, Now)));
        Assert.NotEqual(Now.AddDays(31), (await world.ReadAsync(license)).ExpiresAt);
    }

    [Fact]
    public async Task Janitor_TheLookupFails_IsRepeatedLater()
    {
        await UnknownAsync();
        gateway.Answers(Lost).Answers(Lost);
        await TickInAsync(TimeSpan.FromMinutes(5));
        Assert.StartsWith("get ", gateway.Calls[^1], StringComparison.Ordinal);

        gateway.Answers(Lost).Answers(Paid);
        await TickInAsync(TimeSpan.FromHours(1));

        await IsRenewedAsync();
    }

    [Fact]
    public async Task Janitor_TheWebhookComesFirst_IsAppliedOnce()
    {
        await UnknownAsync();
        var succeeded = new PaymentFact.IntentChanged(new IntentSnapshot("pi_1", Paid), null);

        await ApplyAsync("evt_1", succeeded);
        await ApplyAsync("evt_1", succeeded);
        await ApplyAsync("evt_2", succeeded);
        await TickInAsync(TimeSpan.FromMinutes(5));

        await IsRenewedAsync();
        Assert.Equal(2, (await world.ReadAsync(license)).LedgerRows);
    }

    // Cases of Lago.

    [Fact]
    public async Task Lago_CardError_IsFailedAndTriedAgainLater()
    {
        await OpenAsync();
        gateway.Answers(Created).Answers(new ChargeOutcome.SoftDeclined("card_declined", ""));
        await run.RunAsync(Token);

        var renewal = await RenewalAsync();
        Assert.Equal(RenewalStatus.SoftDeclined, renewal.Status);
        Assert.Equal("failed", await world.HistoryStatusAsync(renewal.Attempt!.AttemptId));
        Assert.True(renewal.NextActionAt > Now);
    }

    [Fact]
    public async Task Lago_AmountTooSmall_IsNotTriedAgain()
    {
        await OpenAsync();
        gateway.Answers(new ChargeOutcome.HardDeclined("amount_too_small", ""), intent: null);
        await run.RunAsync(Token);
        await TickInAsync(TimeSpan.FromHours(2));

        Assert.Equal(RenewalStatus.HardDeclined, (await RenewalAsync()).Status);
        Assert.Single(gateway.Calls);
    }

    [Fact]
    public async Task Lago_AlreadyPaid_IsPaid()
    {
        await UnknownAsync();
        gateway.Answers(Paid);
        await TickInAsync(TimeSpan.FromMinutes(5));

        await IsRenewedAsync();
    }

    [Theory]
    [InlineData("rate_limit")]
    [InlineData("idempotency_error")]
    public async Task Lago_RateLimitOrIdempotencyError_StaysPending(string reason)
    {
        await OpenAsync();
        gateway.Answers(Created).Answers(new ChargeOutcome.Unknown(reason));
        await run.RunAsync(Token);

        var renewal = await RenewalAsync();
        Assert.Equal((RenewalStatus.Unknown, 0), (renewal.Status, renewal.SoftDeclines));
        Assert.Equal("pending", await world.HistoryStatusAsync(renewal.Attempt!.AttemptId));
    }

    [Theory]
    [InlineData(-1, "confirm ")]
    [InlineData(0, "get ")]
    public async Task AKey_AfterItsLifetime_IsNeverSentAgain(int seconds, string call)
    {
        await UnknownAsync();
        gateway.Answers(Paid);

        await TickInAsync(gateway.IdempotencyKeyLifetime + TimeSpan.FromSeconds(seconds));

        Assert.StartsWith(call, gateway.Calls[^1], StringComparison.Ordinal);
        await IsRenewedAsync();
    }

    private async Task OpenAsync() => license = await world.AddAsync(new LicenseSeed { ExpiresAt = Now.AddDays(1), CardId = "pm_1" });

    private async Task UnknownAsync()
    {
        await OpenAsync();
        gateway.Answers(Created).Answers(Lost);
        await run.RunAsync(Token);
        Assert.Equal(RenewalStatus.Unknown, (await RenewalAsync()).Status);
    }

    private async Task TickAndDieAsync() => await Assert.ThrowsAsync<OperationCanceledException>(() => run.RunAsync(Token));

    private Task TickAfterTheLeaseAsync() => TickInAsync(ProcessRenewal.Lease);

    private async Task TickInAsync(TimeSpan wait)
    {
        clock.Advance(wait);
        await run.RunAsync(Token);
    }

    private Task ApplyAsync(string id, PaymentFact fact) =>
        apply.RunAsync(new PaymentEvent("stripe", id, "any", clock.GetUtcNow(), fact), Token);

    private async Task<Renewal> RenewalAsync()
    {
        var policy = new RenewalPolicy(true, TimeSpan.FromDays(40), TimeSpan.FromDays(3), 0, new Dictionary<string, TimeSpan>());
        var renewalId = await world.Store.OpenAsync(license, policy, clock.GetUtcNow(), Token);
        return (await world.Store.FindAsync(renewalId!.Value, Token))!.Renewal;
    }

    private async Task IsRenewedAsync()
    {
        var state = await world.ReadAsync(license);
        Assert.Equal((Now.AddDays(31), 1, 0m), (state.ExpiresAt, state.PaidPeriods, state.LedgerUsd));
    }
}
