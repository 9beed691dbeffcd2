using System.Globalization;
using LicenseFunctions.Tests.Support;
using Xunit;

namespace LicenseFunctions.Tests.Leases;

/// <summary>72 hours in which the backend can't be reached.</summary>
public sealed class OutageTests
{
    private static readonly Lazy<OutageResult> With = new(() => OutageWorld.Run(seed: 16, withLeases: true));
    private static readonly Lazy<OutageResult> Without = new(() => OutageWorld.Run(seed: 16, withLeases: false));

    [Fact]
    public void Outage_Of72Hours_LosesNoMinuteWithinALease()
    {
        var (with, without) = (With.Value, Without.Value);

        static string Share(OutageResult result) =>
            string.Create(CultureInfo.InvariantCulture, $"{100.0 * result.LostMinutes / result.EntitledMinutes:N1} %");
        var figure = string.Create(
            CultureInfo.InvariantCulture,
            $"licenses were paid for {with.EntitledMinutes:N0} minutes of trading. Without leases, {without.LostMinutes:N0} of them "
            + $"are lost ({Share(without)}); with leases, {with.LostMinutes:N0} ({Share(with)}); while a lease is valid, none.");
        TestContext.Current.TestOutputHelper!.WriteLine(figure);
        TestContext.Current.TestOutputHelper.WriteLine($"{with}");
        TestContext.Current.TestOutputHelper.WriteLine($"{without}");

        Assert.Equal(with.EntitledMinutes, without.EntitledMinutes);
        Assert.Equal(0, with.LostWithinLease);
        Assert.True(with.LostMinutes < without.LostMinutes / 3, figure);
        Assert.Contains(figure, Repository.Read("docs/leases.md").ReplaceLineEndings(" "), StringComparison.Ordinal);
    }

    [Fact]
    public void Positions_OverOutageAndEnds_AreNeitherStrandedNorOpenedAfterTheEnd() => Assert.All([With.Value, Without.Value], result =>
    {
        Assert.Equal((0, 0), (result.Stranded, result.OpenedAfterEnd));
        Assert.InRange(result.Closed, 1_000, result.Opened);
    });
}
