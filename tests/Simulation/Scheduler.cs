using System.Runtime.CompilerServices;

namespace Simulation;

/// <summary>
/// Runs asynchronous code on one thread, one continuation at a time, in an order that the seed determines. Code that awaits
/// <see cref="Pause"/> stops there until its strand is resumed. A crashed strand is never resumed, and none of its finally blocks run, as
/// with kill −9.
/// </summary>
internal sealed class Scheduler
{
    private readonly List<Strand> strands = [];

    private Strand? running;

    public IReadOnlyList<Strand> Strands => strands;

    /// <summary>The strand whose code runs now.</summary>
    public Strand? Running => running;

    /// <summary>Begins the work and runs it to its first pause.</summary>
    public Strand Start(string name, Func<Task> work)
    {
        var strand = new Strand(name);
        strands.Add(strand);
        Run(strand, () => strand.Task = work());
        return strand;
    }

    public void Resume(Strand strand)
    {
        var continuation = strand.Parked!;
        strand.Parked = null;
        Run(strand, continuation);
    }

    public void Crash(Strand strand) => strands.Remove(strand);

    public PauseAwaiter Pause() => new(this);

    // An exception of a strand fails the schedule.
    private void Run(Strand strand, Action part)
    {
        var before = running;
        running = strand;
        part();
        running = before;
        if (strand.Task is not { IsCompleted: true }) return;
        strands.Remove(strand);
        strand.Task.GetAwaiter().GetResult();
    }

    internal sealed class Strand(string name)
    {
        public string Name { get; } = name;
        public Task? Task { get; set; }
        public Action? Parked { get; set; }
    }

    internal readonly struct PauseAwaiter(Scheduler scheduler) : ICriticalNotifyCompletion
    {
        public bool IsCompleted => false;

        public PauseAwaiter GetAwaiter() => this;

        public void GetResult() { }

        public void OnCompleted(Action continuation) => UnsafeOnCompleted(continuation);

        public void UnsafeOnCompleted(Action continuation) => scheduler.running!.Parked = continuation;
    }
}

/// <summary>A clock that the schedule sets.</summary>
internal sealed class ScheduleClock(DateTimeOffset now) : TimeProvider
{
    public DateTimeOffset Now { get; set; } = now;

    public override long TimestampFrequency => TimeSpan.TicksPerSecond;

    public override DateTimeOffset GetUtcNow() => Now;

    public override long GetTimestamp() => Now.UtcTicks;
}
