using LicenseFunctions.Infrastructure.Database;
using LicenseFunctions.Infrastructure.Http;

namespace LicenseFunctions.Licenses;

internal static class CallerActor
{
    /// <summary>The caller as the audit log names him.</summary>
    public static Actor ToActor(this Caller caller) => caller.Role switch
    {
        CallerRole.Operator => Actor.Operator(caller.UserId),
        CallerRole.Subscriber => Actor.Owner(caller.UserId!.Value),
        _ => Actor.Service,
    };
}
