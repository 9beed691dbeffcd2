using System.Text.Json.Serialization;
using StandIns;

namespace PayPalStandIn;

public enum FaultKind
{
    /// <summary>The answer is delayed by <see cref="Fault.DelayMs"/>.</summary>
    Delay,

    /// <summary>The connection ends before the request is executed: nothing changes.</summary>
    DropBefore,

    /// <summary>The request is executed, but the connection ends without an answer.</summary>
    DropAfter,

    /// <summary>The request is not executed. The answer is a 500.</summary>
    ErrorBefore,

    /// <summary>The request is executed (and charges). The answer is a 500.</summary>
    ErrorAfter,

    RateLimit,

    /// <summary>Another request with the same PayPal-Request-Id is still being processed.</summary>
    InProgress,

    /// <summary>The request is refused with a 400, however often it is repeated.</summary>
    Refuse,

    /// <summary>A capture is refused with the issue <see cref="Fault.Issue"/>.</summary>
    Decline,

    /// <summary>PayPal reviews the payment: it stays pending until an admin settles it.</summary>
    Review,

    /// <summary>The access token is rejected.</summary>
    Unauthorized,
}

/// <summary>A scripted fault.</summary>
/// <param name="On">The endpoint's name, such as orders.capture; * for any.</param>
/// <param name="Times">For how many requests; null until the faults are cleared.</param>
public sealed record Fault(FaultKind Kind, string On = "*", int? Times = 1, int DelayMs = 0, string Issue = "INSTRUMENT_DECLINED")
    : ScriptedFault(On, Times)
{
    [JsonIgnore]
    public bool ChangesThePayment => Kind is FaultKind.Decline or FaultKind.Review;
}
