using System.CommandLine;
using System.Security.Cryptography;
using LicenseFunctions.Leases;

namespace LicenseTool;

/// <summary>Makes keys for LEASE_SIGNING_KEYS.</summary>
internal static class KeysCommand
{
    public static Command Create()
    {
        var make = new Command("new", "Prints a new key for LEASE_SIGNING_KEYS. Keep it secret; it is not stored anywhere");
        make.SetAction(_ => Console.Out.WriteLine(Convert.ToBase64String(RandomNumberGenerator.GetBytes(LeaseSettings.KeyBytes))));
        return new Command("keys", "Keys that sign leases") { make };
    }
}
