using Licensing.Suspicion;

namespace DetectionCorpus.Lives;

/// <summary>When an EA or the ingest server writes a record.</summary>
public enum Style
{
    /// <summary>At each full hour of the device's clock, and mostly at the end of a session.</summary>
    FullHour,

    /// <summary>
    /// At each signal: all terminals of a license that are at work get it in the same seconds. There is none while the market is closed.
    /// </summary>
    Event,

    /// <summary>Every five minutes.</summary>
    FiveMinutes,
}

/// <summary>A record, and the use behind it.</summary>
/// <param name="From">The hour of the use's part that the record reports, in right time.</param>
internal sealed record RecordedUse(Use Use, Row Row, double From);

/// <summary>Turns uses into records. Each license has its own style and quality of recording.</summary>
internal sealed class Recorder
{
    private readonly Random _random;
    private readonly LifeParameters _parameters;
    private readonly Style _style;
    private readonly Guid _subscription;
    private readonly bool _located;
    private readonly bool _sessions;
    private readonly bool _blankStart;
    private readonly double _lost;
    private readonly double _late;
    private readonly double _duplicated;
    private readonly double[] _signals;
    private readonly List<(double From, double To)> _heldBack = [];

    public Recorder(Random random, LifeParameters parameters, Style style, Guid subscription, bool? located)
    {
        (_random, _parameters, _style, _subscription) = (random, parameters, style, subscription);
        _located = located ?? Chance(parameters.Located);
        _sessions = Chance(style switch
        {
            Style.FullHour => parameters.HourlySessions,
            Style.FiveMinutes => parameters.FiveMinuteSessions,
            _ => parameters.EventSessions,
        });
        _blankStart = Chance(parameters.BlankStart);
        _lost = Between(parameters.Lost);
        _late = Chance(parameters.Late) ? Between(new(0.02, 0.2)) : 0;
        _duplicated = Chance(parameters.Duplicated) ? Between(new(0.005, 0.05)) : 0;
        if (Chance(parameters.Backfilled))
        {
            for (var i = random.Next(1, 3); i > 0; i--)
            {
                var from = Between(new(5, (parameters.Days * 24) - 30));
                _heldBack.Add((from, from + Between(new(1, 20))));
            }
        }

        _signals = style == Style.Event ? [.. Signals()] : [];
    }

    public IEnumerable<RecordedUse> Record(Use use)
    {
        var last = use.From;
        var isFirst = true;
        foreach (var at in Marks(use))
        {
            var (began, late) = (last, Lateness(at));
            last = at;
            if (Chance(_lost))
                continue;
            var (address, location) = use.Terminal.Line.At(at);
            var isBlank = (isFirst && _blankStart) || Chance(use.Terminal.Blank);
            isFirst = false;
            var sample = new UsageSample(
                Time(at + use.Terminal.Clock.At(at)), use.Terminal.Ea, isBlank ? null : use.Terminal.Account, address,
                _located ? location : null, _sessions ? TimeSpan.FromSeconds(Math.Max(1, Math.Round((at - began) * 3600))) : null);
            var row = new Row(_subscription, Time(at + late), sample);
            var recorded = new RecordedUse(use, row, _sessions ? began : at);
            yield return recorded;
            if (Chance(_duplicated))
                yield return recorded with { Row = row with { ArrivedAt = row.ArrivedAt.AddSeconds(_random.Next(1, 900)) } };
        }
    }

    /// <summary>The hours, in right time, at which a use is recorded.</summary>
    private IEnumerable<double> Marks(Use use) => _style switch
    {
        Style.FullHour => FullHours(use),
        Style.FiveMinutes => FiveMinutes(use),
        _ => Heard(use),
    };

    private IEnumerable<double> FullHours(Use use)
    {
        var clock = use.Terminal.Clock;
        var last = use.From;
        for (var hour = Math.Ceiling(use.From + clock.At(use.From)); ; hour++)
        {
            // The clock may jump within the hour: the right time of a full hour is found with the error at that time.
            var guess = hour - clock.At(last);
            var at = hour - clock.At(guess) + Between(new(0, 0.01));
            if (at > use.To)
                break;
            if (at <= last + 0.002)
                continue;
            last = at;
            yield return at;
        }

        if (use.To - last > 1.0 / 60 && Chance(0.8))
            yield return use.To;
    }

    private IEnumerable<double> FiveMinutes(Use use)
    {
        for (var at = use.From + Between(new(0.002, 1.0 / 12)); at <= use.To; at += (1.0 / 12) + Between(new(-0.003, 0.003)))
            yield return at;
    }

    private IEnumerable<double> Heard(Use use)
    {
        var found = Array.BinarySearch(_signals, use.From);
        for (var i = found < 0 ? ~found : found; i < _signals.Length && _signals[i] < use.To; i++)
            yield return Math.Min(use.To, _signals[i] + Between(new(0, 0.001)));
    }

    /// <summary>Signals of the license's strategies: more of them while London and New York are open, often in bursts.</summary>
    private IEnumerable<double> Signals()
    {
        var gap = Between(_parameters.EventGapMinutes) / 60;
        var everyDay = Chance(0.2);
        for (var at = 0.0; at < _parameters.Days * 24;)
        {
            var hour = at % 24;
            var activity = hour switch { < 6 => 0.5, < 7 => 0.8, < 17 => 1.5, < 20 => 1, _ => 0.35 };
            at += -Math.Log(1 - _random.NextDouble()) * gap / activity;
            var (week, day) = (at % 168, at % 168 / 24);
            if (!everyDay && day >= 4 && week is > 117 and < 166)
                continue;
            yield return at;
            for (var i = Chance(0.2) ? _random.Next(1, 4) : 0; i > 0; i--)
                yield return at += Between(new(0.01, 0.05));
        }
    }

    private double Lateness(double at)
    {
        foreach (var (from, to) in _heldBack)
        {
            if (at >= from && at < to)
                return to - at + Between(new(0, 0.05));
        }

        return Chance(_late) ? Between(_parameters.LateHours) : Between(new(0.0003, 0.002));
    }

    private DateTimeOffset Time(double hour) => _parameters.Start.AddSeconds(Math.Round(hour * 3600));

    private bool Chance(double share) => _random.NextDouble() < share;

    private double Between(Bounds bounds) => bounds.Least + (_random.NextDouble() * (bounds.Most - bounds.Least));
}
