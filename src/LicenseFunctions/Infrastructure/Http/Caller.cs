using Microsoft.AspNetCore.Http;

namespace LicenseFunctions.Infrastructure.Http;

/// <summary>The roles of callers. License is an EA with a license token; the others have a bearer token with a role.</summary>
public enum CallerRole
{
    Anonymous,
    Subscriber,
    Operator,
    Service,
    License,
}

/// <param name="UserId">The user, for subscribers and operators; null for a service or a license.</param>
/// <param name="TokenHash">SHA-256 of the license token, lower-case hex; only with <see cref="CallerRole.License"/>.</param>
public sealed record Caller(CallerRole Role, Guid? UserId = null, string? TokenHash = null)
{
    public static readonly Caller Anonymous = new(CallerRole.Anonymous);

    public bool IsOperator => Role == CallerRole.Operator;

    /// <summary>The user whose rows the caller may see; null for all rows.</summary>
    public Guid? SubscriberScope => IsOperator ? null : UserId ?? Guid.Empty;
}

public static class CallerContext
{
    private static readonly object Key = new();

    public static Caller Caller(this HttpContext context) =>
        context.Items.TryGetValue(Key, out var caller) ? (Caller)caller! : Http.Caller.Anonymous;

    internal static void SetCaller(this HttpContext context, Caller caller) => context.Items[Key] = caller;
}
