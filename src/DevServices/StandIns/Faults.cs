namespace StandIns;

/// <summary>A scripted fault.</summary>
/// <param name="On">The endpoint's name, such as payment_intents.confirm; * for any.</param>
/// <param name="Times">For how many requests; null until the faults are cleared.</param>
public abstract record ScriptedFault(string On, int? Times);

/// <summary>The scripted faults, used in the order in which they were added.</summary>
public class FaultScript<TFault>
    where TFault : ScriptedFault
{
    private readonly Lock gate = new();
    private readonly List<(TFault Fault, int Left)> waiting = [];

    public virtual void Add(TFault fault)
    {
        lock (gate)
            waiting.Add((fault, fault.Times ?? int.MaxValue));
    }

    public void Clear()
    {
        lock (gate)
            waiting.Clear();
    }

    /// <summary>Returns the first fault that matches this request, and counts its use.</summary>
    public TFault? Take(string endpoint, Func<TFault, bool>? matches = null)
    {
        lock (gate)
        {
            var at = waiting.FindIndex(
                entry => (entry.Fault.On == "*" || entry.Fault.On == endpoint) && matches?.Invoke(entry.Fault) is not false);
            if (at < 0)
                return null;
            var (fault, left) = waiting[at];
            if (left > 1)
                waiting[at] = (fault, fault.Times is null ? left : left - 1);
            else
                waiting.RemoveAt(at);
            return fault;
        }
    }
}
