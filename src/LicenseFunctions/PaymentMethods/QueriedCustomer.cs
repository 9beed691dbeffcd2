using LicenseFunctions.Infrastructure.Http;
using LicenseFunctions.Licenses;
using Licensing;
using Microsoft.AspNetCore.Http;

namespace LicenseFunctions.PaymentMethods;

/// <summary>The customer whose wallet or payment methods a request asks for.</summary>
public static class QueriedCustomer
{
    /// <returns>
    /// For subscribers, themselves. Another user_id is refused rather than ignored, so that nobody takes the answer for another's.
    /// </returns>
    public static Outcome<Guid> Of(IQueryCollection query, Caller caller)
    {
        var asked = query["user_id"].ToString() is { Length: > 0 } text ? text : null;
        if (!caller.IsOperator)
        {
            return asked is null || (Guid.TryParse(asked, out var own) && own == caller.UserId)
                ? caller.UserId!.Value
                : CustomerNotFound.Refusal;
        }

        return Guid.TryParse(asked, out var customer)
            ? customer
            : new Refusal(RefusalKind.Invalid, "INVALID_QUERY", "user_id must be the id of a customer.", "user_id");
    }
}
