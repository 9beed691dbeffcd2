using System.Net;

namespace LicenseFunctions.Infrastructure.Http;

/// <summary>
/// Detects a proxy in front of the app that hides the clients' addresses: a thousand checks in a row from one address probably come from a
/// proxy. The detector, the devices' evidence and the rate limits don't work then.
/// </summary>
public sealed class AddressWatch
{
    public const int WarnAfter = 1000;

    private IPAddress? last;
    private int count;

    /// <summary>A warning for operators; null if there is none.</summary>
    public string? Warning => Volatile.Read(ref count) < WarnAfter ? null
        : $"At least the last {WarnAfter:N0} checks came from one address ({last}): a proxy in front probably hides its clients. " +
          "Set CLIENT_ADDRESS_HEADER or TRUSTED_PROXY_HOPS.";

    /// <summary>Records the address of a check that an EA sent. Concurrent calls may lose counts, so the warning may be late.</summary>
    public void Note(IPAddress address)
    {
        if (address.Equals(last))
        {
            if (count < WarnAfter)
                Interlocked.Increment(ref count);
            return;
        }

        last = address;
        Volatile.Write(ref count, 1);
    }
}
