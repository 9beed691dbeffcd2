using System.Globalization;
using System.IO.Compression;
using System.Net;
using CsvHelper;
using Licensing.Suspicion;

namespace LicenseTool;

/// <summary>
/// Usage and labels as CSV, plain or gzip, with the columns of license_usage_log. Durations, locations and arrived_at may be missing or
/// empty.
/// </summary>
internal static class UsageFile
{
    /// <exception cref="InvalidDataException">A required field is missing or has the wrong type. The message names the record.</exception>
    public static IEnumerable<(Guid Subscription, UsageSample Sample)> Read(string path) => Rows(path, row =>
    {
        var (country, city, latitude) = (row.Text("country_code"), row.Text("city"), row.Number("latitude"));
        var location = country is null && city is null && latitude is null
            ? null
            : new Location(country, city, latitude, row.Number("longitude"));
        return (Guid.Parse(row.Required("subscription_id")), new UsageSample(
            Time(row.Required("logged_at")), row.Text("ea_instance_id"), (long?)row.Number("mt5_account_number"),
            row.Text("ip_address") is { } address ? IPAddress.Parse(address) : null, location,
            row.Number("session_duration_sec") is { } seconds ? TimeSpan.FromSeconds(seconds) : null,
            row.Text("arrived_at") is { } arrived ? Time(arrived) : null));
    });

    public static List<Truth> ReadLabels(string path) => [.. Rows(path, row => new Truth(
        Guid.Parse(row.Required("subscription_id")), row.Required("label") == "sharing", row.Text("scenario") ?? "",
        row.Text("first_violation_at") is { } at ? Time(at) : null))];

    private static IEnumerable<T> Rows<T>(string path, Func<Row, T> read)
    {
        using var file = File.OpenRead(path);
        var isGzip = file.ReadByte() == 0x1f && file.ReadByte() == 0x8b;
        file.Position = 0;
        using Stream stream = isGzip ? new GZipStream(file, CompressionMode.Decompress) : file;
        using var csv = CsvReader.Create(stream);
        for (var number = 1; csv.Read(); number++)
        {
            T value;
            try
            {
                value = read(new Row(csv));
            }
            catch (FormatException wrong)
            {
                throw new InvalidDataException($"{path}, record {number}: {wrong.Message}", wrong);
            }

            yield return value;
        }
    }

    private static DateTimeOffset Time(string text) =>
        DateTimeOffset.Parse(text, CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal);

    private readonly record struct Row(CsvReader Csv)
    {
        public string? Text(string column) =>
            Csv.TryGetFieldIndex(column, out var index) && Csv.GetString(index) is { Length: > 0 } text ? text : null;

        public string Required(string column) => Text(column) ?? throw new FormatException($"{column} is missing");

        public double? Number(string column) => Text(column) is { } text ? double.Parse(text, CultureInfo.InvariantCulture) : null;
    }
}
