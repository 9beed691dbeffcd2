using System.Globalization;

namespace Licensing.Suspicion;

/// <summary>The description of a finding, for operators and customers.</summary>
internal static class Sentences
{
    /// <summary>Devices that a sentence names; the rest are counted.</summary>
    private const int Named = 4;

    public static string Of(Evidence evidence)
    {
        var devices = Devices(evidence.Devices);
        var when = When(evidence.From, evidence.To);
        return evidence.Rule switch
        {
            Rule.PeopleAtOnce => $"Devices of {evidence.People} people were in use at the same time for {Length(evidence.MinutesAtOnce)} "
                + $"{when}; the license allows {evidence.DeviceLimit}: {devices}.",
            Rule.DevicesAtOnce => $"{evidence.Devices.Count} devices of {evidence.People} people were in use at the same time for "
                + $"{Length(evidence.Measured)} {when}; the license allows {evidence.DeviceLimit}: {devices}.",
            Rule.Relief => $"Two devices took turns over {Length(evidence.Measured)} {when}, beside a third one: {devices}.",
            Rule.Succession => $"Since {Date(evidence.From)}, another EA, account and network have been in use "
                + $"instead of earlier ones: {devices}.",
            Rule.DeviceTurns => $"{evidence.Devices.Count} devices{Of(evidence.People)} took turns using the license over "
                + $"{Length(evidence.Measured)} {when}; the license allows {evidence.DeviceLimit}: {devices}.",
            Rule.Shifts => $"{evidence.People} devices on different networks took turns day after day {when}, each for "
                + $"a part of the day; the license allows {evidence.DeviceLimit}: {devices}.",
            Rule.Turns => $"{evidence.People} people took turns using the license over {Length(evidence.Measured)} {when}; "
                + $"each came back after the others: {devices}.",
            Rule.ClonedIdentity => $"One EA and account were in use on {evidence.Devices.Count} networks at the same time for "
                + $"{Length(evidence.Measured)} {when}: {devices}.",
            Rule.TwoCopies => $"One EA and account were in use on {evidence.Devices.Count} networks at the same time for "
                + $"{Length(evidence.MinutesAtOnce)} {when}, like a standby or a copy: {devices}.",
            Rule.Accounts => $"{evidence.People} accounts were in use {when}; the license allows {evidence.AccountLimit}: {devices}.",
            Rule.Strangers => $"{Number(evidence.Measured)} new people used the license within a week {when}; none of them shares an "
                + $"account, EA or network with those before: {devices}.",
            Rule.NewAccounts => $"{Number(evidence.Measured)} new accounts were in use within a week {when}: {devices}.",
            Rule.Crowd => $"{evidence.Devices.Count} terminals on one network were in use {when}; "
                + $"{Number(evidence.Measured)} of them are used at different hours: {devices}.",
            Rule.Networks => $"{Number(evidence.Measured)} networks were in use within 24 hours {when}: {devices}.",
            Rule.NetworkChanges => $"One device changed its network {Number(evidence.Measured)} times within an hour {when}: "
                + $"{devices}.",
            _ => $"One device moved at {Number(evidence.Measured)} km/h {when}, faster than an aircraft: {devices}.",
        };
    }

    private static string Of(int people) => people > 1 ? $" of {people} people" : "";

    private static string Devices(IReadOnlyList<EvidenceDevice> devices)
    {
        var named = string.Join(", ", devices.Take(Named).Select(device => Name(device) + Where(device)));
        return devices.Count > Named ? $"{named} and {devices.Count - Named} more" : named;
    }

    private static string Name(EvidenceDevice device) => string.IsNullOrEmpty(device.EaInstanceId) ? "an unnamed EA" : device.EaInstanceId;

    private static string Where(EvidenceDevice device) => (device.City ?? device.Country) is { } location ? $" in {location}" : "";

    private static string When(DateTimeOffset from, DateTimeOffset to) =>
        from.UtcDateTime.Date == to.UtcDateTime.Date ? $"on {Date(from)}" : $"between {Date(from)} and {Date(to)}";

    private static string Date(DateTimeOffset at) => at.UtcDateTime.ToString("MMM d", CultureInfo.InvariantCulture);

    private static string Length(double minutes) => minutes < 120 ? $"{Number(minutes)} minutes" : $"{Number(minutes / 60)} hours";

    private static string Number(double value) => Math.Round(value).ToString("0", CultureInfo.InvariantCulture);
}
