using System.Globalization;
using System.Net;
using DetectionCorpus.Lives;
using Licensing.Suspicion;
using Xunit;

namespace Licensing.Tests.Suspicion;

public sealed class FirstEvidenceTests
{
    private static readonly Line Router = NewLine();

    /// <summary>
    /// Each use is the letter of a device, then its hours. Lower-case devices are of one person; x, y and z have one router, and z has y's
    /// account.
    /// </summary>
    [Theory]
    [InlineData("A0-48 B0-48 C10-20", 10.25)] // at once
    [InlineData("A0-48 B0-10.2 C10-20", null)] // C replaces B
    [InlineData("A0-48 B0-10.2 B12-13 C10-20", 12.0)] // B works again beside C
    [InlineData("A0-5 B6-10 C11-15 A16-20 B21-25", null)] // C has not returned
    [InlineData("A0-5 B6-10 C11-15 A16-20 B21-25 C26-30", 26.0)]
    [InlineData("A0-48 B6-10 C11-15 B16-20 C26-30", 26.0)] // in turn beside a server
    [InlineData("a0-48 b0-48 c10-20", null)] // one person
    [InlineData("a0-48 b0-48 C10-20", 10.25)]
    [InlineData("x0-48 y0-48 C10-20", null)] // possibly two terminals of one device
    [InlineData("y0-48 z0-48 C10-20", 10.25)] // one account is logged in on two
    [InlineData("x0-48 a0-48 C10-20", 10.25)]
    public void OfDevices_UsesOfDevices_IsWhenNoReplacementExplainsThem(string uses, double? expected)
    {
        double? hour = FirstEvidence.OfDevices(Uses(uses), 2) is { } exact ? Math.Round(exact, 2) : null;

        Assert.Equal(expected, hour);
    }

    [Theory]
    [InlineData("A0-10 B0-10 C0-10 D5-10", 5.0)]
    [InlineData("A0-1 B2-3 C4-5 D6-7", null)] // each may have replaced the one before it
    [InlineData("A0-1 B2-3 C4-5 D6-7 A8-9 C9-10 B11-12", 11.0)]
    public void OfAccounts_UsesOfAccounts_IsWhenAllAreHeld(string uses, double? expected) =>
        Assert.Equal(expected, FirstEvidence.OfAccounts(Uses(uses), 3));

    private static List<Use> Uses(string text) => [.. text.Split(' ').Select(part =>
    {
        var hours = part[1..].Split('-').Select(hour => double.Parse(hour, CultureInfo.InvariantCulture)).ToArray();
        var person = new Person(char.IsLower(part[0]) ? 0 : part[0], new Town("", "", 0, 0));
        var line = part[0] is 'x' or 'y' or 'z' ? Router : NewLine();
        var account = part[0] == 'z' ? 'y' : part[0];
        return new Use(new Terminal(person, part[..1], part[..1], Clock.Right, line, "EA", account), hours[0], hours[1]);
    })];

    private static Line NewLine() => new([(0, IPAddress.Loopback, new Location(null, null, null, null))]);
}
