using Licensing;

namespace LicenseFunctions.Licenses;

internal static class LicenseNotFound
{
    /// <summary>For an unknown license and for somebody else's alike.</summary>
    public static readonly Refusal Refusal = new(
        RefusalKind.NotFound, "LICENSE_NOT_FOUND", "There is no such license, or it is not yours.", "subscription_id");
}
