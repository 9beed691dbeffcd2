using System.Net;

namespace LicenseFunctions.Http;

/// <summary>
/// Notices that the front hides its clients: when a thousand checks in a row come from one address, it is a proxy's. The detector, the
/// devices' evidence and the rate limits are blind then.
/// </summary>
public sealed class AddressWatch
{
    public const int WarnAfter = 1000;

    private IPAddress? last;
    private int count;

    /// <summary>What an operator should know; null where nothing is wrong.</summary>
    public string? Warning => Volatile.Read(ref count) < WarnAfter ? null
        : $"The last {WarnAfter:N0} checks and more came from one address ({last}): a proxy in front hides its clients. " +
          "Set CLIENT_ADDRESS_HEADER or TRUSTED_PROXY_HOPS.";

    /// <summary>Notes the address of a check that an EA sent itself. Two at once may lose a count: the warning comes one later.</summary>
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
