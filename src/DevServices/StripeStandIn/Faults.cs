using System.Text.Json.Serialization;
using StandIns;

namespace StripeStandIn;

public enum FaultKind
{
    /// <summary>The answer is delayed by <see cref="Fault.DelayMs"/>.</summary>
    Delay,

    /// <summary>The connection ends before the request is executed: nothing changes and no key is stored.</summary>
    DropBefore,

    /// <summary>The request is executed and its answer is stored under the key, but the connection ends without an answer.</summary>
    DropAfter,

    /// <summary>The request is not executed. The answer is a 500, which is stored under the key.</summary>
    ErrorBefore,

    /// <summary>The request is executed (and charges). The answer is a 500, which is stored under the key.</summary>
    ErrorAfter,

    RateLimit,
    LockTimeout,

    /// <summary>The request is refused with a 400, however often it is repeated.</summary>
    Refuse,

    /// <summary>The bank declines with <see cref="Fault.DeclineCode"/> and <see cref="Fault.AdviceCode"/>.</summary>
    Decline,

    /// <summary>The bank requires the customer to authenticate.</summary>
    Authenticate,

    /// <summary>The payment stays in processing until an admin settles it.</summary>
    Process,
}

/// <summary>A scripted fault.</summary>
/// <param name="On">The endpoint's name, such as payment_intents.confirm; * for any.</param>
/// <param name="Match">An ID or parameter value that the request must have; null for any request.</param>
/// <param name="Times">For how many requests; null until the faults are cleared.</param>
public sealed record Fault(
    FaultKind Kind, string On = "*", string? Match = null, int? Times = 1, int DelayMs = 0,
    string DeclineCode = "generic_decline", string? AdviceCode = null) : ScriptedFault(On, Times)
{
    [JsonIgnore]
    public bool ChangesTheBanksAnswer => Kind is FaultKind.Decline or FaultKind.Authenticate or FaultKind.Process;
}

/// <inheritdoc cref="FaultScript{TFault}"/>
public sealed class FaultScript : FaultScript<Fault>
{
    public override void Add(Fault fault)
    {
        if (fault.Kind == FaultKind.Decline && !Declines.IsKnown(fault.DeclineCode))
            throw new ArgumentException($"{fault.DeclineCode} is not a decline code of Stripe", nameof(fault));
        base.Add(fault);
    }
}
