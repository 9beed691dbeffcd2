namespace Licensing;

/// <summary>The kinds of refusals. The HTTP edge maps each to a status code.</summary>
public enum RefusalKind
{
    Invalid,
    Unauthorized,
    PaymentRequired,
    Forbidden,
    NotFound,
    Conflict,
    TooLarge,
    UnsupportedMedia,
    TooMany,
    Unavailable,
    Failed,
}

/// <summary>An expected outcome that isn't what the caller asked for.</summary>
/// <param name="Code">Stable, in upper case with underscores. Clients branch on it.</param>
/// <param name="Detail">A sentence for people that says what was wrong, without secrets.</param>
/// <param name="Field">The JSON name or path of the wrong input; null if the refusal isn't about one input.</param>
/// <param name="Hint">What the caller can do about it, with an example.</param>
/// <param name="RetryAfter">The time after which the same request may be accepted; null if unknown.</param>
public sealed record Refusal(
    RefusalKind Kind, string Code, string Detail, string? Field = null, string? Hint = null, TimeSpan? RetryAfter = null);

/// <summary>A value, or the <see cref="Licensing.Refusal"/> that explains why there is none.</summary>
public readonly record struct Outcome<T>
{
    private readonly T? value;

    public Outcome(T value) => this.value = value;

    public Outcome(Refusal refusal) => Refusal = refusal;

    public Refusal? Refusal { get; }

    /// <exception cref="InvalidOperationException">The outcome is a refusal.</exception>
    public T Value => Refusal is null ? value! : throw new InvalidOperationException($"Refused: {Refusal.Code}");

    public TResult Match<TResult>(Func<T, TResult> accepted, Func<Refusal, TResult> refused) =>
        Refusal is null ? accepted(value!) : refused(Refusal);

    public static implicit operator Outcome<T>(T value) => new(value);

    public static implicit operator Outcome<T>(Refusal refusal) => new(refusal);
}
