using Microsoft.Azure.Functions.Worker.OpenTelemetry;
using OpenTelemetry;

namespace LicenseFunctions.Metrics;

public static partial class Telemetry
{
    // Without it the host, too, tells of what runs here, and every run of a function is counted twice.
    static partial void UseWorkerDefaults(IOpenTelemetryBuilder telemetry) => telemetry.UseFunctionsWorkerDefaults();
}
