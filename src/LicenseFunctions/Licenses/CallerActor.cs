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
}
