using LicenseFunctions.Infrastructure.Database;
using LicenseFunctions.Infrastructure.Http;

namespace LicenseFunctions.Licenses;

internal static class CallerActor
{
    /// <summary>The caller as an actor of the audit log.</summary>
    public static Actor ToActor(this Caller caller) => caller.Role switch
    {
        CallerRole.Operator => Actor.Operator(caller.UserId),
        CallerRole.Subscriber => Actor.Owner(caller.UserId!.Value),
        _ => Actor.Service,
    };

    /// <summary>
    /// The reader of a mail that asks for consent to a price. Only the subscriber gets it, and the consent is the subscriber's.
    /// </summary>
    public static Actor OfPriceLink(Guid subscriberId) => Actor.Owner(subscriberId);

    /// <summary>The reader of a mail about suspicious activity. The answer is evidence about a device; it binds nobody.</summary>
    public static Actor OfAlertLink => Actor.Service;
}
