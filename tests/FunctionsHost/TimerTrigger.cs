using System.Collections.Concurrent;
using System.Globalization;
using System.Text.Json;
using FunctionsHost.Protocol;

namespace FunctionsHost;

/// <summary>Runs a timer function on request; this host has no schedules.</summary>
internal sealed class TimerTrigger(Invoker invoker, TimeProvider time)
{
    private readonly ConcurrentDictionary<string, DateTime> last = new();

    /// <returns>Why the run failed; null if it succeeded.</returns>
    public Task<string?> RunAsync(HostFunction function)
    {
        var now = time.GetUtcNow().UtcDateTime;
        var before = last.TryGetValue(function.Name, out var ran) ? ran : default;
        last[function.Name] = now;
        // TimerInfo as the host's timer extension serializes it.
        var info = new
        {
            Schedule = new { AdjustForDST = true },
            ScheduleStatus = new { Last = before, LastUpdated = before, Next = now },
            IsPastDue = false,
        };
        return invoker.RunAsync(function, Guid.NewGuid().ToString(), new TypedData { Json = JsonSerializer.Serialize(info) }, new()
        {
            ["TimerTrigger"] = new TypedData { String = now.ToString(CultureInfo.InvariantCulture) },
        });
    }
}
