using Microsoft.AspNetCore.Http;

namespace LicenseFunctions.Infrastructure.Http;

/// <summary>Who calls. License is an EA that holds a license token; the others hold a bearer token with a role.</summary>
public enum CallerRole
{
    Anonymous,
    Subscriber,
    Operator,
    Service,
    License,
}

/// <param name="UserId">The person, for subscribers and operators; null for a service or a license.</param>
/// <param name="TokenHash">SHA-256 of the license token, lower-case hex; only with <see cref="CallerRole.License"/>.</param>
public sealed record Caller(CallerRole Role, Guid? UserId = null, string? TokenHash = null)
{
    public static readonly Caller Anonymous = new(CallerRole.Anonymous);

    public bool IsOperator => Role == CallerRole.Operator;

    /// <summary>Whose rows he may see: his own, or, null, everybody's.</summary>
    public Guid? OwnerScope => IsOperator ? null : UserId ?? Guid.Empty;
}

public static class CallerContext
{
    private static readonly object Key = new();

    public static Caller Caller(this HttpContext context) =>
        context.Items.TryGetValue(Key, out var caller) ? (Caller)caller! : Http.Caller.Anonymous;

    internal static void SetCaller(this HttpContext context, Caller caller) => context.Items[Key] = caller;
}
