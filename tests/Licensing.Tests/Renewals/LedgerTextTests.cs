using Licensing.Renewals;
using Xunit;

namespace Licensing.Tests.Renewals;

public sealed class LedgerTextTests
{
    private static readonly DateTimeOffset Day = new(2026, 3, 4, 23, 30, 0, TimeSpan.Zero);

    public static TheoryData<string?, LedgerPurpose?, string?> Texts => new()
    {
        { LedgerText.Renewal(Day), LedgerPurpose.Renewal, "2026-03-04" },
        { LedgerText.DeferredRenewals, LedgerPurpose.DeferredRenewals, null },
        { LedgerText.Refund(["re_1", "re_2"], Day, isTakenBack: false), LedgerPurpose.Refund, "2026-03-04" },
        { LedgerText.Refund([], Day, isTakenBack: true), LedgerPurpose.RefundTakenBack, "2026-03-04" },
        { LedgerText.Chargeback(["du_1"], Day, isTakenBack: false), LedgerPurpose.Chargeback, "2026-03-04" },
        { LedgerText.Chargeback(["du_1"], Day, isTakenBack: true), LedgerPurpose.ChargebackTakenBack, "2026-03-04" },
        { "License renewal of the platform", null, null },
        { "Refund of a deposit", null, null },
        { null, null, null },
    };

    [Theory]
    [MemberData(nameof(Texts))]
    public void Read_WhatWasWritten_SaysPurposeAndDay(string? text, LedgerPurpose? purpose, string? day)
    {
        var read = LedgerText.Read(text);

        Assert.Equal((purpose, day), (read?.Purpose, read?.Day));
    }

    [Fact]
    public void Refund_WithIds_NamesThem() => Assert.Equal(
        "Refund re_1 re_2, license renewal from 2026-03-04, taken back",
        LedgerText.Refund(["re_1", "re_2"], Day, isTakenBack: true));
}
