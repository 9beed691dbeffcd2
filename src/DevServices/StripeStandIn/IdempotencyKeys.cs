using System.Text.Json.Nodes;

namespace StripeStandIn;

/// <summary>
/// Stores the first answer for each key, also a 500, for 24 hours. After that time the key is new, and the request is executed again.
/// </summary>
public sealed class IdempotencyKeys(TimeProvider clock)
{
    private static readonly TimeSpan Life = TimeSpan.FromHours(24);
    private readonly Lock gate = new();
    private readonly Dictionary<string, Entry> entries = [];

    public sealed record Answer(int Status, JsonObject Body);

    private sealed record Entry(string Endpoint, string Parameters, DateTimeOffset FirstSeen)
    {
        public Answer? Answer { get; set; }
    }

    /// <summary>
    /// The stored answer; null if the caller is the first and must execute the request, then call <see cref="Keep"/>
    /// or <see cref="Forget"/>.
    /// </summary>
    /// <exception cref="StripeErrorException">
    /// The first request had other parameters or another endpoint, or is still running.
    /// </exception>
    public Answer? Begin(string key, string endpoint, string parameters)
    {
        lock (gate)
        {
            if (entries.TryGetValue(key, out var entry) && (entry.Answer is null || clock.GetUtcNow() - entry.FirstSeen < Life))
            {
                if (entry.Endpoint != endpoint)
                    throw StripeErrorException.OtherEndpoint(key, entry.Endpoint, endpoint);
                if (entry.Parameters != parameters)
                    throw StripeErrorException.OtherParameters(key);
                return entry.Answer ?? throw StripeErrorException.KeyInUse(key);
            }

            entries[key] = new Entry(endpoint, parameters, clock.GetUtcNow());
            return null;
        }
    }

    public void Keep(string key, Answer answer)
    {
        lock (gate)
            entries[key].Answer = answer;
    }

    public void Forget(string key)
    {
        lock (gate)
            entries.Remove(key);
    }
}
