using System.Text.Json;
using LicenseFunctions.Infrastructure.Database;
using Licensing;
using Licensing.Renewals;

namespace LicenseFunctions.Renewals;

/// <summary>The columns of renewal_terms: the license, its price, and what can pay.</summary>
internal abstract record RenewalTermsRow
{
    public Guid SubscriptionId { get; init; }
    public Guid UserId { get; init; }
    public DateTime? ExpiresAt { get; init; }
    public bool AutoRenew { get; init; }
    public string? RenewalBlock { get; init; }
    public bool IsDisputed { get; init; }
    public bool IsGone { get; init; }
    public decimal? PriceUsd { get; init; }
    public decimal? LastPaidUsd { get; init; }
    public decimal WalletUsd { get; init; }
    public Guid? PaymentMethodId { get; init; }
    public string? PaymentProvider { get; init; }
    public string? ProviderCustomerId { get; init; }
    public string? ProviderPaymentId { get; init; }
    public int? ExpiryMonth { get; init; }
    public int? ExpiryYear { get; init; }
    public DateTime? DetailsChangedAt { get; init; }
    public string? LastFour { get; init; }
    public decimal DebtUsd { get; init; }
    public decimal DebtsUsd { get; init; }

    protected RenewalLicense License =>
        new(ExpiresAt, AutoRenew, RenewalBlock is { } block ? EnumWords.Parse<RenewalBlock>(block) : null)
        {
            IsDisputed = IsDisputed,
            IsGone = IsGone,
        };

    protected SavedCard? Card => SavedCard.Of(
        PaymentMethodId, PaymentProvider, ProviderCustomerId, ProviderPaymentId, ExpiryMonth, ExpiryYear, DetailsChangedAt, LastFour);
}

/// <summary>A row of renewal_facts.</summary>
internal sealed record RenewalRow : RenewalTermsRow
{
    public Guid RenewalId { get; init; }
    public DateTime PeriodStart { get; init; }
    public string RenewalType { get; init; } = "";
    public string Status { get; init; } = "";
    public decimal? AmountUsd { get; init; }
    public bool PriceAccepted { get; init; }
    public string? IntentId { get; init; }
    public int SoftDeclines { get; init; }
    public int Lookups { get; init; }
    public DateTime? UnknownSince { get; init; }
    public DateTime GivesUpAt { get; init; }
    public DateTime? NextActionAt { get; init; }
    public string? PaidWith { get; init; }
    public DateTime? PaidFrom { get; init; }
    public DateTime? PaidUntil { get; init; }
    public long Fence { get; init; }
    public Guid? AttemptId { get; init; }
    public int AttemptNumber { get; init; }
    public string AttemptProvider { get; init; } = "";
    public Guid AttemptPaymentMethodId { get; init; }
    public string Request { get; init; } = "";
    public DateTime FirstSentAt { get; init; }
    public bool OpensIntent { get; init; }
    public string AttemptStatus { get; init; } = "";
    public string? AttemptCode { get; init; }
    public string? TransactionId { get; init; }
    public bool LapsedBlocked { get; init; }
    public bool IsAnotherAwaited { get; init; }
    public bool HasOtherCharge { get; init; }
    public DateTime[] AttemptsAt { get; init; } = [];
    public bool IsCardDeclined { get; init; }
    public string? NextCard { get; init; }
    public bool MayBePaid { get; init; }
    public bool IsRefunded { get; init; }
    public string[] UnreadProviders { get; init; } = [];
    public string[] OverdueProviders { get; init; } = [];

    public RenewalFacts ToFacts() => new(ToRenewal(), License, PriceUsd, LastPaidUsd, WalletUsd, Card, IsAnotherAwaited)
    {
        DebtUsd = DebtUsd,
        HasOtherCharge = HasOtherCharge,
        AttemptsAt = [.. AttemptsAt.Select(at => new DateTimeOffset(at, TimeSpan.Zero))],
        IsCardDeclined = IsCardDeclined,
        NextCard = NextCard is { } next ? JsonSerializer.Deserialize<SavedCard>(next, RowJson.Options) : null,
        UnreadProviders = UnreadProviders,
        OverdueProviders = OverdueProviders,
    };

    private Renewal ToRenewal() => new()
    {
        RenewalId = RenewalId,
        SubscriptionId = SubscriptionId,
        UserId = UserId,
        PeriodStart = PeriodStart,
        Type = EnumWords.Parse<RenewalType>(RenewalType),
        Status = EnumWords.Parse<RenewalStatus>(Status),
        AmountUsd = AmountUsd,
        DebtsUsd = DebtsUsd,
        PriceAccepted = PriceAccepted,
        IntentId = IntentId,
        Attempt = AttemptId is { } attempt ? ToAttempt(attempt) : null,
        SoftDeclines = SoftDeclines,
        Lookups = Lookups,
        UnknownSince = UnknownSince,
        GivesUpAt = GivesUpAt,
        NextActionAt = NextActionAt,
        MayBePaid = MayBePaid,
        IsRefunded = IsRefunded,
        LapsedBlocked = LapsedBlocked,
        PaidWith = PaidWith is { } with ? EnumWords.Parse<PaidWith>(with) : null,
        PaidFrom = PaidFrom,
        PaidUntil = PaidUntil,
        Fence = Fence,
    };

    private RenewalAttempt ToAttempt(Guid attempt) => new(
        attempt,
        AttemptNumber,
        AttemptProvider,
        AttemptPaymentMethodId,
        JsonSerializer.Deserialize<ChargeRequest>(Request, RowJson.Options)!,
        FirstSentAt,
        OpensIntent,
        EnumWords.Parse<AttemptStatus>(AttemptStatus),
        AttemptCode,
        TransactionId);
}
