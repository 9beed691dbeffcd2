namespace LicenseFunctions.Infrastructure.Timers;

/// <summary>
/// A short time in which a part of a timer's work runs outside its timer. Work that consists of rows or batches asks <see cref="IsOver"/>
/// after each of them, so that each part of the work gets on and a charge or statement that has begun is never canceled.
/// </summary>
/// <remarks>It flows with the asynchronous call, as <see cref="AsyncLocal{T}"/> does. A timer's own run has no slice.</remarks>
public sealed class TimeSlice
{
    private static readonly AsyncLocal<TimeSlice?> Flow = new();

    private readonly TimeProvider time;
    private readonly TimeSpan length;
    private readonly long began;
    private volatile bool wasCut;

    private TimeSlice(TimeProvider time, TimeSpan length) => (this.time, this.length, began) = (time, length, time.GetTimestamp());

    /// <summary>Whether work was left because the slice was over.</summary>
    public bool WasCut => wasCut;

    public static bool IsActive => Flow.Value is not null;

    /// <summary>Whether the caller must leave its remaining work to a later slice; false outside a slice.</summary>
    public static bool IsOver
    {
        get
        {
            if (Flow.Value is not { } slice || slice.time.GetElapsedTime(slice.began) < slice.length)
                return false;
            slice.wasCut = true;
            return true;
        }
    }

    /// <summary>The size of a batch.</summary>
    /// <param name="usual">In a timer's own run.</param>
    /// <param name="inSlice">In a slice: so small that it takes well under a second.</param>
    public static int Batch(int usual, int inSlice) => IsActive ? inSlice : usual;

    /// <summary>Begins a slice for the calls that follow in this asynchronous method.</summary>
    public static TimeSlice Begin(TimeProvider time, TimeSpan length) => Flow.Value = new TimeSlice(time, length);
}
