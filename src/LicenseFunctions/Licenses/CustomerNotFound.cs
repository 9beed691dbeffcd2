using Licensing;

namespace LicenseFunctions.Licenses;

public static class CustomerNotFound
{
    public static readonly Refusal Refusal = new(RefusalKind.NotFound, "CUSTOMER_NOT_FOUND", "There is no such customer.", "user_id");
}
