using Licensing.Devices;
using Xunit;

namespace Licensing.Tests.Devices;

public sealed class SuspensionTextsTests
{
    [Theory]
    [InlineData("OPERATOR", "License suspended: Leaked", "Leaked")]
    [InlineData("FRAUD", "License suspended: Stolen card", "Stolen card")]
    [InlineData("OPERATOR", "By hand", "By hand")] // written in SQL
    [InlineData("DEVICE_LIMIT", "License suspended: Concurrent sessions detected: 2 active devices", null)]
    [InlineData("EXPIRY", "License expired", null)]
    public void WordsOfOperator_AreThoseOfAnOperatorOnly(string cause, string reason, string? expected) =>
        Assert.Equal(expected, SuspensionTexts.WordsOfOperator(cause, reason));
}
