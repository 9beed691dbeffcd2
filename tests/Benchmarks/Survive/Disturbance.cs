namespace Benchmarks.Survive;

/// <summary>Something that must not keep the checks of other customers waiting.</summary>
internal abstract class Disturbance
{
    /// <summary>The name of its row, and the argument that chooses it.</summary>
    public abstract string Name { get; }

    public abstract TimeSpan Length { get; }

    /// <summary>Whether a check may be answered 503 with Retry-After.</summary>
    public virtual bool IsDatabaseAway => false;

    /// <summary>Writes its rows, before any process runs.</summary>
    public virtual Task PrepareAsync(SurviveSite site) => Task.CompletedTask;

    /// <summary>Starts the two processes.</summary>
    public virtual async Task<IReadOnlyList<ServingProcess>> StartAsync(SurviveSite site) =>
        [await ServingProcess.StartAsync(site), await ServingProcess.StartAsync(site)];

    /// <summary>Disturbs for that time, and ends with the disturbance.</summary>
    /// <returns>What else was measured.</returns>
    public abstract Task<string> RunAsync(SurviveSite site, TimeSpan length);

    /// <summary>Reports what is wrong after the disturbance.</summary>
    public virtual Task CheckAsync(SurviveSite site) => Task.CompletedTask;
}
