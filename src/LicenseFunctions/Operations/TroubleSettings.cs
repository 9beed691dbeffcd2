using LicenseFunctions.Infrastructure.Settings;
using Licensing.Troubles;

namespace LicenseFunctions.Operations;

/// <param name="AlertEmail">ALERT_EMAIL: the operators' address; null for no mail. SuspicionSettings validates it.</param>
public sealed record TroubleSettings(TroublePolicy Policy, string? AlertEmail)
{
    public static TroubleSettings Read(SettingReader settings)
    {
        var standard = new TroublePolicy();
        return new TroubleSettings(
            new TroublePolicy
            {
                RenewalFailurePercent = settings.Whole("TROUBLE_RENEWAL_FAILURE_PERCENT", standard.RenewalFailurePercent, 1, 99),
                RenewalsAtLeast = settings.Whole("TROUBLE_RENEWALS_AT_LEAST", standard.RenewalsAtLeast, 1, 1_000_000),
                TimerLate = Minutes("TROUBLE_TIMER_LATE_MINUTES", standard.TimerLate),
                DeadLetters = settings.Whole("TROUBLE_DEAD_LETTERS", standard.DeadLetters, 1, 1_000_000),
                DeadMessages = settings.Whole("TROUBLE_DEAD_MESSAGES", standard.DeadMessages, 1, 1_000_000),
                After = Minutes("TROUBLE_AFTER_MINUTES", standard.After),
                Over = Minutes("TROUBLE_OVER_MINUTES", standard.Over),
                Reminder = TimeSpan.FromHours(settings.Whole("TROUBLE_REMINDER_HOURS", (int)standard.Reminder.TotalHours, 24, 720)),
            },
            settings.Optional("ALERT_EMAIL"));

        TimeSpan Minutes(string name, TimeSpan byDefault) =>
            TimeSpan.FromMinutes(settings.Whole(name, (int)byDefault.TotalMinutes, 1, 1440));
    }
}
