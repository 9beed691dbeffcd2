using Licensing.Devices;
using Xunit;
using static Licensing.Devices.LicenseCode;

namespace Licensing.Tests.Devices;

public sealed class LicenseVerdictTests
{
    private static readonly DateTimeOffset Now = new(2026, 11, 23, 12, 0, 0, TimeSpan.Zero);
    private static readonly TimeSpan Grace3Days = TimeSpan.FromDays(3);

    private static readonly LicenseFacts Good = new(
        TokenActive: true, RevokedReason: null, OverlapUntil: null, ExpiresAt: Now.AddDays(20), GraceUntil: null,
        SubscriptionState.Synced, SubscriptionActive: true, PausedReason: null, Suspension: null);

    private static readonly OpenSuspension Ours = new(
        OnlyForExpiry: false, "License suspended: Concurrent sessions detected: 2 active devices",
        DeactivatedToken: true, OwnsSubscriptionState: true, CausedByThisDevice: false);

    private static readonly LicenseFacts Suspended = Good with
    {
        TokenActive = false,
        RevokedReason = "Auto-suspended: Concurrent sessions detected: 2 active devices",
        State = SubscriptionState.SuspendedAdmin,
        PausedReason = Ours.Reason,
        Suspension = Ours,
    };

    public enum Token { Active, Revoked, Overlap, Replaced }

    public enum Expiry { Never, Ahead, InGrace, Past }

    /// <summary>The table of docs/validation.md: token × subscription state × expiry → code.</summary>
    public static TheoryData<Token, SubscriptionState, Expiry, LicenseCode> Table()
    {
        var table = new TheoryData<Token, SubscriptionState, Expiry, LicenseCode>();
        foreach (var token in Enum.GetValues<Token>())
            foreach (var state in Enum.GetValues<SubscriptionState>())
                foreach (var expiry in Enum.GetValues<Expiry>())
                    table.Add(token, state, expiry, (token, state, expiry) switch
                    {
                        (Token.Replaced, _, _) => Revoked,
                        (_, SubscriptionState.SuspendedAdmin, _) => LicenseCode.Suspended,
                        (Token.Revoked, _, _) => Revoked,
                        (_, _, Expiry.Past) => Expired,
                        (_, SubscriptionState.LockedNoFunds, _) => LockedNoFunds,
                        (_, SubscriptionState.PausedToxic, _) => PausedToxic,
                        (_, _, Expiry.InGrace) => LicenseCode.Grace,
                        _ => Valid,
                    });
        return table;
    }

    [Theory, MemberData(nameof(Table))]
    public void Of_TokenStateAndExpiry_GivesTheTablesCode(Token token, SubscriptionState state, Expiry expiry, LicenseCode expected)
    {
        var facts = Good with
        {
            TokenActive = token != Token.Revoked && token != Token.Replaced,
            OverlapUntil = token switch { Token.Overlap => Now.AddSeconds(1), Token.Replaced => Now, _ => null },
            State = state,
            ExpiresAt = expiry switch
            {
                Expiry.Never => null,
                Expiry.Ahead => Now.AddSeconds(1),
                Expiry.InGrace => Now - Grace3Days + TimeSpan.FromSeconds(1),
                _ => Now - Grace3Days,
            },
        };

        var verdict = LicenseVerdict.Of(facts, Now, Grace3Days);

        Assert.Equal(expected, verdict.Code);
        Assert.Equal(expected is Valid or LicenseCode.Grace, verdict.IsValid);
        Assert.Equal(expected == Valid ? [] : [expected], verdict.Reasons.Take(1));
    }

    [Theory]
    [InlineData(1, Valid)]
    [InlineData(0, LicenseCode.Grace)]
    [InlineData(-(3 * 86_400) + 1, LicenseCode.Grace)]
    [InlineData(-(3 * 86_400), Expired)]
    public void Of_SecondsToExpiry_ChangesAtTheBoundary(int seconds, LicenseCode expected) =>
        Assert.Equal(expected, LicenseVerdict.Of(Good with { ExpiresAt = Now.AddSeconds(seconds) }, Now, Grace3Days).Code);

    [Theory]
    [InlineData(1, LicenseCode.Grace)]
    [InlineData(0, Expired)]
    public void Of_GraceUntilLongAfterExpiry_IsValidUntilThen(int seconds, LicenseCode expected) =>
        Assert.Equal(expected, LicenseVerdict.Of(
            Good with { ExpiresAt = Now.AddDays(-30), GraceUntil = Now.AddSeconds(seconds) }, Now, Grace3Days).Code);

    [Fact]
    public void Of_GraceUntilBeforeTheDaysOfGrace_DoesNotShortenThem() =>
        Assert.Equal(LicenseCode.Grace, LicenseVerdict.Of(
            Good with { ExpiresAt = Now.AddDays(-1), GraceUntil = Now.AddHours(-1) }, Now, Grace3Days).Code);

    [Fact]
    public void Of_NoGrace_ExpiresAtOnce() =>
        Assert.Equal(Expired, LicenseVerdict.Of(Good with { ExpiresAt = Now }, Now, TimeSpan.Zero).Code);

    [Fact]
    public void Of_Everything_ListsAllReasonsByPrecedence()
    {
        var verdict = LicenseVerdict.Of(
            Good with
            {
                TokenActive = false,
                RevokedReason = "by hand",
                SubscriptionActive = false,
                ExpiresAt = Now.AddDays(-9),
                State = SubscriptionState.SuspendedAdmin,
                PausedReason = "Fraud",
            },
            Now, Grace3Days);

        Assert.Equal([LicenseCode.Suspended, Revoked, Expired, Inactive], verdict.Reasons);
        Assert.Equal("Fraud", verdict.Detail);
    }

    [Fact]
    public void Of_GraceAndLocked_IsRefusedWithBothReasons() =>
        Assert.Equal([LockedNoFunds, LicenseCode.Grace], LicenseVerdict.Of(
            Good with { ExpiresAt = Now.AddDays(-1), State = SubscriptionState.LockedNoFunds }, Now, Grace3Days).Reasons);

    [Fact]
    public void Of_SubscriptionInactive_IsRefused() =>
        Assert.Equal(Inactive, LicenseVerdict.Of(Good with { SubscriptionActive = false }, Now, Grace3Days).Code);

    [Fact]
    public void Of_OwnSuspension_IsSuspendedAndNotRevoked()
    {
        var verdict = LicenseVerdict.Of(Suspended, Now, Grace3Days);

        Assert.Equal([LicenseCode.Suspended], verdict.Reasons);
        Assert.Equal("License suspended: Concurrent sessions detected: 2 active devices", verdict.Detail);
    }

    [Theory]
    [InlineData("License suspended: Concurrent sessions detected: 2 active devices", "EA-3",
        "License suspended: Concurrent sessions detected: 2 active devices. Refused device: EA-3")]
    [InlineData("License suspended: Concurrent sessions detected: 2 active devices", null,
        "License suspended: Concurrent sessions detected: 2 active devices")]
    [InlineData("License suspended: Token leaked", "EA-3", "License suspended: Token leaked")] // an operator's is open, too
    public void Naming_ARefusedDevice_AddsItToTheTextOfTheDeviceLimit(string reason, string? ea, string detail) => Assert.Equal(
        detail, LicenseVerdict.Of(
            Suspended with { PausedReason = reason, Suspension = Ours with { Reason = reason } }, Now, Grace3Days).Naming(ea).Detail);

    [Fact]
    public void Of_SuspensionOverARevokedToken_HasBothReasons() =>
        Assert.Equal([LicenseCode.Suspended, Revoked], LicenseVerdict.Of(
            Suspended with { RevokedReason = "by hand", Suspension = Ours with { DeactivatedToken = false } }, Now, Grace3Days).Reasons);

    [Fact]
    public void Of_TheDeviceThatCausedIt_GetsBothReasons() =>
        Assert.Equal([LicenseCode.Suspended, TooManyDevices], LicenseVerdict.Of(
            Suspended with { Suspension = Ours with { CausedByThisDevice = true } }, Now, Grace3Days).Reasons);

    [Fact]
    public void Of_OpenSuspensionButStateSetByHand_StaysSuspendedWhileTheTokenIsInactive() =>
        Assert.Equal(LicenseCode.Suspended, LicenseVerdict.Of(
            Suspended with { State = SubscriptionState.Synced, PausedReason = null }, Now, Grace3Days).Code);

    [Fact]
    public void Of_SuspendedForExpiry_AnswersExpired()
    {
        var forExpiry = Suspended with
        {
            ExpiresAt = Now.AddDays(-5),
            RevokedReason = "Expired - grace period ended",
            PausedReason = "License expired",
            Suspension = Ours with { OnlyForExpiry = true, Reason = "License expired" },
        };

        Assert.Equal([Expired], LicenseVerdict.Of(forExpiry, Now, Grace3Days).Reasons);
        Assert.Equal([Expired], LicenseVerdict.Of(forExpiry with { Suspension = null }, Now, Grace3Days).Reasons);
    }

    // The guide's SQL: without a row of license_suspensions.
    [Theory]
    [InlineData(false, "Expired - grace period ended", 30.0, true)]
    [InlineData(true, null, 30.0, true)]
    [InlineData(false, "Expired - grace period ended", null, true)]
    [InlineData(false, "Expired - grace period ended", 0.0, false)]
    [InlineData(false, "Expired - grace period ended", -1.0, false)] // within the grace, which the platform says has ended
    [InlineData(false, "Auto-suspended: 3 devices", 30.0, false)]
    [InlineData(false, "Lost", 30.0, false)]
    public void IsExpiryExtended_SuspendedForExpiryByThePlatform_OnlyIfTheExpiryIsAhead(
        bool tokenActive, string? revoked, double? days, bool extended)
    {
        var facts = Good with
        {
            TokenActive = tokenActive,
            RevokedReason = revoked,
            ExpiresAt = days is { } ahead ? Now.AddDays(ahead) : null,
            State = SubscriptionState.SuspendedAdmin,
            PausedReason = "License expired",
        };

        Assert.Equal(extended, LicenseVerdict.IsExpiryExtended(facts, Now, Grace3Days));
        Assert.Equal(extended, LicenseVerdict.Of(facts, Now, Grace3Days).IsValid);
        Assert.False(LicenseVerdict.IsExpiryExtended(facts with { PausedReason = "Fraud" }, Now, Grace3Days));
    }

    [Fact]
    public void Of_SuspendedForExpiryThenByThePlatform_AnswersSuspended() =>
        Assert.Equal(LicenseCode.Suspended, LicenseVerdict.Of(
            Suspended with
            {
                ExpiresAt = Now.AddDays(-5),
                PausedReason = "Fraud",
                Suspension = Ours with { OnlyForExpiry = true, OwnsSubscriptionState = false },
            },
            Now, Grace3Days).Code);

    [Fact]
    public void Of_SuspendedByTheFirstVersion_IsSuspendedAndNotRevoked() =>
        Assert.Equal([LicenseCode.Suspended], LicenseVerdict.Of(Suspended with { Suspension = null }, Now, Grace3Days).Reasons);

    [Fact]
    public void IsReinstatedManually_ActiveTokenOverOwnSuspension_IsTrue()
    {
        var runbook = Suspended with { TokenActive = true, RevokedReason = null };

        Assert.True(LicenseVerdict.IsReinstatedManually(runbook, Now));
        Assert.True(LicenseVerdict.IsReinstatedManually(runbook with
        {
            State = SubscriptionState.Synced,
            PausedReason = null,
            Suspension = Ours with { OwnsSubscriptionState = false }
        }, Now));
    }

    [Fact]
    public void IsReinstatedManually_Otherwise_IsFalse()
    {
        var runbook = Suspended with { TokenActive = true, RevokedReason = null };

        Assert.False(LicenseVerdict.IsReinstatedManually(Suspended, Now));
        Assert.False(LicenseVerdict.IsReinstatedManually(runbook with { Suspension = null }, Now));
        Assert.False(LicenseVerdict.IsReinstatedManually(runbook with
        {
            Suspension = Ours with { OwnsSubscriptionState = false },
            PausedReason = "Fraud"
        }, Now));
        Assert.False(LicenseVerdict.IsReinstatedManually(runbook with { OverlapUntil = Now }, Now));
        Assert.False(LicenseVerdict.IsReinstatedManually(Good, Now));
    }

    [Fact]
    public void DeviceLimitReached_InGrace_KeepsTheWarning()
    {
        var verdict = LicenseVerdict.Of(Good with { ExpiresAt = Now.AddDays(-1) }, Now, Grace3Days).DeviceLimitReached("full");

        Assert.Equal([TooManyDevices, LicenseCode.Grace], verdict.Reasons);
        Assert.False(verdict.IsValid);
    }

    [Theory]
    [InlineData(7 * 86_400, LicenseStatus.Active)]
    [InlineData((7 * 86_400) - 1, LicenseStatus.PendingRenewal)]
    [InlineData(0, LicenseStatus.Grace)]
    [InlineData(-4 * 86_400, LicenseStatus.Expired)]
    public void Status_SecondsToExpiry_ChangesAtTheBoundary(int seconds, LicenseStatus expected)
    {
        var expiresAt = Now.AddSeconds(seconds);
        var verdict = LicenseVerdict.Of(Good with { ExpiresAt = expiresAt }, Now, Grace3Days);

        Assert.Equal(expected, LicenseStatuses.Of(verdict, expiresAt, Now));
    }

    [Fact]
    public void Status_SuspendedOrRevoked_IsThat()
    {
        Assert.Equal(LicenseStatus.Suspended, LicenseStatuses.Of(LicenseVerdict.Of(Suspended, Now, Grace3Days), Suspended.ExpiresAt, Now));
        Assert.Equal(
            LicenseStatus.Revoked, LicenseStatuses.Of(LicenseVerdict.Of(Good with { TokenActive = false }, Now, Grace3Days), null, Now));
        Assert.Equal(LicenseStatus.Active, LicenseStatuses.Of(LicenseVerdict.Of(Good, Now, Grace3Days), null, Now));
    }
}
