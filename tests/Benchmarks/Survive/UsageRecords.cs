using System.Security.Cryptography;
using System.Text;
using System.Text.Json;

namespace Benchmarks.Survive;

internal static class UsageRecords
{
    /// <summary>A usage record of an <see cref="AddedLicense"/>, as JSON.</summary>
    public static string New(Guid license, string address) => JsonSerializer.Serialize(new
    {
        record_id = Guid.NewGuid(),
        logged_at = TimeProvider.System.GetUtcNow().UtcDateTime,
        token_hash = Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(license.ToString()))),
        subscription_id = license,
        ip_address = address,
        ea_instance_id = "EA-1",
        mt5_account_number = 1001,
        signals_received = 3,
        signals_executed = 2,
        signals_rejected = 1,
        avg_latency_ms = 40,
        session_duration_sec = 60,
    });
}
