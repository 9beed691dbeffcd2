using System.Security.Cryptography;
using System.Text.Json;
using Licensing.Suspicion;

namespace LicenseFunctions.Suspicion;

/// <summary>A policy that observes live usage beside the policy in force, and never acts.</summary>
/// <param name="Pairs">The fields that differ from the policy in force, as in the setting.</param>
public sealed record ShadowPolicy(DetectionPolicy Policy, string Pairs)
{
    /// <summary>Changes with any field of the policy, so that rows of another policy are not mistaken for this one's.</summary>
    public string Key { get; } =
        Convert.ToHexStringLower(SHA256.HashData(JsonSerializer.SerializeToUtf8Bytes(Policy, SuspicionStore.Json)))[..16];
}
