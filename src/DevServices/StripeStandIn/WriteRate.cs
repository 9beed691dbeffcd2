namespace StripeStandIn;

/// <summary>Counts the writes of each second and refuses those above the limit, as Stripe does.</summary>
public sealed class WriteRate(int perSecond, TimeProvider clock)
{
    private readonly Lock gate = new();
    private long second;
    private int inSecond;

    public long Accepted { get; private set; }

    public long Refused { get; private set; }

    /// <summary>The highest number of writes in one second so far, including refused writes.</summary>
    public int Highest { get; private set; }

    public bool Take()
    {
        lock (gate)
        {
            var now = clock.GetUtcNow().ToUnixTimeSeconds();
            inSecond = now == second ? inSecond + 1 : 1;
            second = now;
            Highest = Math.Max(Highest, inSecond);
            var taken = perSecond == 0 || inSecond <= perSecond;
            if (taken)
                Accepted++;
            else
                Refused++;
            return taken;
        }
    }
}
