using Licensing.Troubles;
using Xunit;

namespace Licensing.Tests.Troubles;

public sealed class TroubleTests
{
    private static readonly DateTimeOffset Now = new(2026, 11, 27, 12, 0, 0, TimeSpan.Zero);
    private static readonly TroublePolicy Policy = new();
    private static readonly TroubleSign Sign = new(TroubleCause.MailsDead) { Count = 3 };
    private static readonly TroubleSign Dispute = new(TroubleCause.DisputeUnanswered, "d");

    [Theory]
    [InlineData(3, 1, false)] // below the least number
    [InlineData(4, 1, true)]
    [InlineData(5, 5, false)] // exactly half
    [InlineData(6, 5, true)]
    [InlineData(0, 100, false)]
    [InlineData(2_000_000_000, 100, true)]
    public void Find_Renewals_FromTheLeastNumberAndAboveTheShare(int failed, int paid, bool isTrouble) =>
        Assert.Equal(isTrouble ? [TroubleCause.RenewalsFailing] : [], Causes(None with { RenewalsFailed = failed, RenewalsPaid = paid }));

    [Theory]
    [InlineData(13, 0, false)] // three intervals of a minute and ten minutes
    [InlineData(13, 1, true)]
    [InlineData(0, 0, false)]
    public void Find_Timer_LateAfterThreeIntervalsAndTenMinutes(int minutes, int ticks, bool isTrouble)
    {
        var succeeded = Now - TimeSpan.FromMinutes(minutes) - TimeSpan.FromTicks(ticks);

        var found = TroubleSigns.Find(None with { Timers = [new TimerFact("ScanUsage", succeeded, TimeSpan.FromMinutes(1))] }, Policy, Now);

        Assert.Equal(isTrouble ? [new TroubleSign(TroubleCause.TimerLate, "ScanUsage") { Since = succeeded }] : [], found);
    }

    [Fact]
    public void Find_OtherCauses_HaveOneSubjectEach()
    {
        var (endpoint, dispute, license) = (Guid.NewGuid(), Guid.NewGuid(), Guid.NewGuid());
        var facts = None with
        {
            DeadLetters = 7,
            DeadMails = 2,
            DeadCalls = 1,
            Endpoints = [new DisabledEndpoint(endpoint, "hooks.example.com", Now)],
            Disputes = [new UnansweredDispute(dispute, "du_1", license, Now, Now.AddDays(7))],
        };

        Assert.Equal(
            [
                new TroubleSign(TroubleCause.DeadLetters) { Count = 7 },
                new TroubleSign(TroubleCause.MailsDead) { Count = 2 },
                new TroubleSign(TroubleCause.WebhookCallsDead) { Count = 1 },
                new TroubleSign(TroubleCause.WebhookDisabled, endpoint.ToString()) { Since = Now, Name = "hooks.example.com" },
                new TroubleSign(TroubleCause.DisputeUnanswered, dispute.ToString())
                {
                    Since = Now,
                    Deadline = Now.AddDays(7),
                    SubscriptionId = license,
                    Name = "du_1",
                },
            ],
            TroubleSigns.Find(facts, Policy, Now));
        Assert.Empty(TroubleSigns.Find(
            facts with { Endpoints = [], Disputes = [] }, Policy with { DeadLetters = 8, DeadMessages = 3 }, Now));
    }

    [Theory]
    [InlineData(null, null, false)]
    [InlineData(0L, null, true)]
    [InlineData(2L, null, true)]
    [InlineData(3L, 3, true)]
    [InlineData(3_000_000_000L, int.MaxValue, true)]
    public void Find_DeadLettersInTheQueue_AtTheLimit_IsATrouble(long? inQueue, int? count, bool isKnown)
    {
        var facts = None with { DeadLettersInQueue = inQueue };

        Assert.Equal(
            count is null ? [] : [new TroubleSign(TroubleCause.DeadLettersNotDrained) { Count = count }],
            TroubleSigns.Find(facts, Policy with { DeadLetters = 3 }, Now));
        Assert.Equal(isKnown, facts.AreKnownOf(TroubleCause.DeadLettersNotDrained));
        Assert.True(facts.AreKnownOf(TroubleCause.DeadLetters));
    }

    [Theory]
    [InlineData(null, TroubleCause.DisputeUnanswered)]
    [InlineData(72 * 60 + 1, TroubleCause.DisputeUnanswered)]
    [InlineData(72 * 60, TroubleCause.DisputeDue)]
    [InlineData(1, TroubleCause.DisputeDue)]
    [InlineData(0, TroubleCause.DisputeMissed)]
    public void Find_Dispute_ByTheMinutesUntilItsDeadline(int? minutes, TroubleCause cause)
    {
        var dispute = new UnansweredDispute(Guid.NewGuid(), "du_1", null, Now, minutes is { } left ? Now.AddMinutes(left) : null);

        Assert.Equal([cause], Causes(None with { Disputes = [dispute] }));
    }

    [Theory]
    [InlineData(TroubleCause.DisputeDue)]
    [InlineData(TroubleCause.DisputeMissed)]
    public void Next_DeadlineOfADispute_IsMailedWhenOpened_NotWhenClosed(TroubleCause cause)
    {
        var steps = Run(new TroubleSign(cause, "d"), 6, _ => true);
        var closed = Trouble.Next(steps[^1].After, null, Policy, true, Now.AddDays(1));

        Assert.Equal([TroubleNews.Opened], steps.Select(step => step.Mail).OfType<TroubleNews>());
        Assert.Equal((true, null), (closed.IsClosed, closed.Mail));
    }

    /// <summary>Seen from minute 0 on; each case says at which minute what happens.</summary>
    [Theory]
    [InlineData(0, null, false)]
    [InlineData(4, null, false)]
    [InlineData(5, TroubleNews.Opened, true)]
    [InlineData(6, null, false)]
    [InlineData(5 + 1_439, null, false)]
    [InlineData(5 + 1_440, TroubleNews.Reminder, false)]
    [InlineData(5 + 1_441, null, false)]
    [InlineData(5 + 2_880, TroubleNews.Reminder, false)]
    public void Next_CauseThatStays_IsOpenedOnceAndRemembered(int minute, TroubleNews? mail, bool isOpened)
    {
        var steps = Run(Sign, minute, _ => true);

        Assert.Equal((mail, isOpened, false), (steps[^1].Mail, steps[^1].IsOpened, steps[^1].IsClosed));
    }

    [Fact]
    public void Next_CauseThatComesAndGoesEveryMinute_IsNeverOpened() =>
        Assert.All(Run(Sign, 600, minute => minute % 2 == 0), step => Assert.Equal((null, false), (step.Mail, step.IsOpened)));

    [Fact]
    public void Next_OpenCauseThatComesAndGoes_StaysOneTrouble()
    {
        // Away for 59 minutes of each hour.
        var steps = Run(Sign, 1_400, minute => minute <= 5 || minute % 60 == 0);

        Assert.Single(steps, step => step.IsOpened);
        Assert.Equal([TroubleNews.Opened], steps.Select(step => step.Mail).OfType<TroubleNews>());
        Assert.DoesNotContain(steps, step => step.IsClosed);
    }

    [Theory]
    [InlineData(64, false)]
    [InlineData(65, true)]
    public void Next_CauseThatStaysAway_IsClosedAfterAnHour(int minute, bool isClosed)
    {
        var steps = Run(Sign, minute, at => at <= 5);

        Assert.Equal((isClosed, isClosed ? TroubleNews.Closed : null), (steps[^1].IsClosed, steps[^1].Mail));
        Assert.Equal(isClosed, steps[^1].After is null);
    }

    [Fact]
    public void Next_WithoutAnAddress_IsOpenedWithoutAMail_WhichFollows()
    {
        var opened = Run(Sign, 10, _ => true, canMail: false);
        var known = opened[^1].After;

        Assert.Single(opened, step => step.IsOpened);
        Assert.All(opened, step => Assert.Null(step.Mail));
        Assert.Equal(TroubleNews.Opened, Trouble.Next(known, Sign, Policy, true, Now.AddMinutes(11)).Mail);
        Assert.Equal((true, null), Closed(known!));

        static (bool, TroubleNews?) Closed(Trouble known)
        {
            var step = Trouble.Next(known, null, Policy, true, Now.AddDays(1));
            return (step.IsClosed, step.Mail);
        }
    }

    [Fact]
    public void Next_CauseThatIsToldElsewhere_HasRemindersOnly()
    {
        var steps = Run(Dispute, 5 + 1_440, _ => true);
        var closed = Trouble.Next(steps[^1].After, null, Policy, true, Now.AddDays(2));

        Assert.Equal([TroubleNews.Reminder], steps.Select(step => step.Mail).OfType<TroubleNews>());
        Assert.Single(steps, step => step.IsOpened);
        Assert.Equal((true, null), (closed.IsClosed, closed.Mail));
    }

    [Fact]
    public void Next_AfterAPauseOfAllInstances_TheCauseMustStayAgain()
    {
        var known = Run(Sign, 2, _ => true)[^1].After;

        var step = Trouble.Next(known, Sign, Policy, true, Now.AddHours(3));

        Assert.Equal((false, Now.AddHours(3)), (step.IsOpened, step.After!.SeenSince));
    }

    [Fact]
    public void Next_KeepsWhatWasSeenLast()
    {
        var known = Run(Sign, 6, _ => true)[^1].After;

        Assert.Equal(9, Trouble.Next(known, Sign with { Count = 9 }, Policy, true, Now.AddMinutes(7)).After!.Sign.Count);
    }

    private static List<TroubleStep> Run(TroubleSign sign, int minutes, Func<int, bool> isSeen, bool canMail = true)
    {
        var steps = new List<TroubleStep>();
        Trouble? known = null;
        for (var minute = 0; minute <= minutes; minute++)
        {
            var step = Trouble.Next(known, isSeen(minute) ? sign : null, Policy, canMail, Now.AddMinutes(minute));
            steps.Add(step);
            known = step.After;
        }

        return steps;
    }

    private static TroubleFacts None => new(0, 0, [], 0, 0, 0, [], []);

    private static IEnumerable<TroubleCause> Causes(TroubleFacts facts) =>
        TroubleSigns.Find(facts, Policy, Now).Select(sign => sign.Cause);
}
