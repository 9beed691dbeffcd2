using Licensing;

namespace LicenseFunctions.Licenses;

internal static class LicenseNotFound
{
    /// <summary>The answer for an unknown license, and the same for a license of another subscriber.</summary>
    public static readonly Refusal Refusal = new(
        RefusalKind.NotFound, "LICENSE_NOT_FOUND", "There is no such license, or it is not yours.", "subscription_id");
}
