using System.Net;
using LicenseFunctions.Infrastructure.Database;
using LicenseFunctions.Infrastructure.Http;
using LicenseFunctions.Licenses;
using Licensing;
using Licensing.Devices;
using Npgsql;

namespace LicenseFunctions.Suspicion;

/// <summary>A suspension as the customer sees it.</summary>
/// <param name="CanLift">The subscriber may lift it now.</param>
/// <param name="AppealedAt">When the latest appeal was sent.</param>
/// <param name="AppealAnswer">The operator's answer to it, in words; null for none.</param>
/// <param name="CanAppeal">False while an appeal waits for its answer, and if only a renewal ends the suspension.</param>
/// <param name="NeedsRenewal">The license expired: only a renewal ends the suspension.</param>
/// <param name="RefusedDevice">The device that was refused while all slots were in use; it is refused also after a lift.</param>
/// <param name="Summary">What was seen, as a code with values; null if only the cause is known.</param>
/// <param name="Note">The operator's own words; null if no operator suspended the license.</param>
public sealed record SuspensionReason(
    string Cause, string Reason, DateTime SuspendedAt, DateTime? AppealedAt, string? AppealAnswer, bool CanLift, bool CanAppeal,
    bool NeedsRenewal, SuspendingDevice? RefusedDevice, AlertSummary? Summary, string? Note);

public sealed record SuspendingDevice(string EaInstanceId, long Mt5AccountNumber);

/// <param name="Suspended">Whether the license is suspended, by this backend or by the platform.</param>
/// <param name="LiftIntervalDays">The minimum time between two lifts by the subscriber, in days.</param>
/// <param name="Suspensions">The open ones, the oldest first; empty when this backend did not suspend the license.</param>
/// <param name="PlatformReason">
/// Why the platform suspended, paused or locked it, in its words; null beside a suspension of this backend.
/// </param>
public sealed record SuspensionView(
    Guid SubscriptionId, bool Suspended, int LiftIntervalDays, IReadOnlyList<SuspensionReason> Suspensions, string? PlatformReason);

/// <param name="Alerts">The newest 100.</param>
/// <param name="PreviousTokenUntil">Until when an older token is still accepted; null if none is.</param>
public sealed record ActivityList(Guid SubscriptionId, IReadOnlyList<CustomerAlert> Alerts, DateTime? PreviousTokenUntil);

/// <param name="Message">1 to 2,000 characters.</param>
public sealed record AppealRequest(string Message);

public sealed record AppealReceipt(Guid AppealId, DateTime SubmittedAt);

/// <param name="Token">The fragment of the link in the mail.</param>
/// <param name="Confirm">False only shows what was seen. Null and true confirm it.</param>
public sealed record ConfirmationRequest(string Token, bool? Confirm = null);

/// <param name="Trusted">
/// True when the answer came from an address that the license was used from before. Otherwise operators review the alert.
/// </param>
/// <param name="Question">What was seen; only if nothing was confirmed, because the request had confirm = false.</param>
public sealed record ConfirmationReceipt(Guid AlertId, bool Trusted, AskedUse? Question = null);

/// <param name="WasYou">True: "this was me". False: "this was somebody else".</param>
public sealed record AlertAnswer(bool? WasYou = null);

/// <param name="Trusted">
/// True when the answer "this was me" came from an address that the license was used from before; it closed the alert. Otherwise operators
/// review the alert.
/// </param>
public sealed record AnswerReceipt(Guid AlertId, bool WasYou, bool Trusted);

/// <summary>What a customer sees of alerts and suspensions, and the customer's answers.</summary>
public sealed class AnswerSuspicion(
    LicenseDatabase database, AlertStore alerts, SuspicionSettings settings, SignedLinks links, TimeProvider time)
{
    /// <summary>The purpose in the signed link of the mail.</summary>
    public const string Purpose = "was-this-you";

    private const int MaxAlerts = 100;
    private const int MaxMessage = 2000;

    public async Task<Outcome<SuspensionView>> ShowAsync(Guid subscriptionId, Guid? subscriberId, CancellationToken cancellationToken)
    {
        await using var session = await database.OpenAsync(cancellationToken);
        (var connection, cancellationToken) = session;
        if (!await LicenseVisibility.IsVisibleAsync(connection, subscriptionId, subscriberId, cancellationToken))
            return LicenseNotFound.Refusal;
        var reasons = new List<SuspensionReason>();
        foreach (var open in await SuspensionStore.OpenAsync(connection, subscriptionId, cancellationToken))
        {
            var appeal = await AlertStore.AppealAsync(connection, open.SuspensionId, cancellationToken);
            var canLift = await SuspensionStore.CanSubscriberLiftAsync(
                connection, subscriptionId, open.Cause, time.GetUtcNow(), cancellationToken);
            var isLiftable = SuspensionCause.IsLiftable(open.Cause);
            reasons.Add(new SuspensionReason(
                open.Cause, open.Reason, open.SuspendedAt, appeal?.SubmittedAt, appeal?.Answer, canLift,
                CanAppeal: isLiftable && appeal is not { IsWaiting: true }, NeedsRenewal: !isLiftable, RefusedDevice(open),
                AlertSummary.Of(open.Evidence), SuspensionTexts.WordsOfOperator(open.Cause, open.Reason)));
        }

        return new SuspensionView(
            subscriptionId, await SuspensionStore.IsSuspendedAsync(connection, subscriptionId, cancellationToken),
            SubscriberLift.Interval.Days, reasons,
            reasons.Count > 0 ? null : await SuspensionStore.PlatformReasonAsync(connection, subscriptionId, cancellationToken));
    }

    private static SuspendingDevice? RefusedDevice(SuspensionRow open) =>
        open.Cause == SuspensionCause.DeviceLimit && open.DeviceKey is { } key && DeviceClaim.OfKey(key) is var (ea, account)
            ? new SuspendingDevice(ea, account)
            : null;

    public Task<Outcome<ActivityList>> ActivityAsync(Guid subscriptionId, Guid? subscriberId, CancellationToken cancellationToken) =>
        database.ReadLatestAsync(token => ReadActivityAsync(subscriptionId, subscriberId, token), cancellationToken);

    private async Task<Outcome<ActivityList>> ReadActivityAsync(
        Guid subscriptionId, Guid? subscriberId, CancellationToken cancellationToken)
    {
        if (await alerts.OfLicenseAsync(subscriptionId, subscriberId, MaxAlerts, cancellationToken) is not { } found)
            return LicenseNotFound.Refusal;
        await using var session = await database.OpenAsync(cancellationToken);
        return new ActivityList(
            subscriptionId, found, await TokenStore.PreviousAcceptedUntilAsync(session.Connection, subscriptionId, session.Token));
    }

    public Task<Outcome<AppealReceipt>> AppealAsync(
        Guid subscriptionId, Guid subscriberId, AppealRequest request, Actor by, CancellationToken cancellationToken) =>
        request.Message?.Trim() is not { Length: > 0 and <= MaxMessage } message
            ? Task.FromResult<Outcome<AppealReceipt>>(
                new Refusal(RefusalKind.Invalid, "INVALID_MESSAGE", $"message must have 1 to {MaxMessage} characters.", "message"))
            : database.InTransactionAsync<Outcome<AppealReceipt>>(async (connection, token) =>
            {
                if (!await LicenseVisibility.IsVisibleAsync(connection, subscriptionId, subscriberId, token))
                    return LicenseNotFound.Refusal;
                await SuspensionStore.LockAsync(connection, subscriptionId, token);
                var now = time.GetUtcNow().UtcDateTime;
                foreach (var open in await SuspensionStore.OpenAsync(connection, subscriptionId, token))
                {
                    if (!SuspensionCause.IsLiftable(open.Cause))
                        continue;
                    if (await AlertStore.AppealAsync(
                        connection, subscriptionId, open, message, subscriberId, now, token) is not { } appeal)
                        continue;
                    await AuditLog.AddAsync(connection, new AuditRow(
                        by, "license.appealed", subscriptionId, open.SuspensionId.ToString()), token);
                    return new AppealReceipt(appeal, now);
                }

                return new Refusal(
                    RefusalKind.Conflict, "NOTHING_TO_APPEAL", "The license isn't suspended, or your appeal is still being reviewed.");
            }, cancellationToken);

    /// <summary>
    /// "This was me", by anyone who has the link. The caller's address decides whether the answer is trusted: someone who stole the license
    /// may read the mail, too, but not from an address that the customer used before.
    /// </summary>
    public async Task<Outcome<ConfirmationReceipt>> ConfirmAsync(
        ConfirmationRequest request, IPAddress? from, CancellationToken cancellationToken)
    {
        if (links.Read(Purpose, request.Token) is not { } alertId)
        {
            return new Refusal(
                RefusalKind.Forbidden, "INVALID_LINK", "This link is no longer valid.", "token", "Sign in, and answer there.");
        }

        if (request.Confirm == false)
        {
            return await alerts.AskedUseAsync(alertId, cancellationToken) is { } asked
                ? new ConfirmationReceipt(alertId, Trusted: false, asked)
                : ReviewAlert.Unknown;
        }

        return await database.InTransactionAsync<Outcome<ConfirmationReceipt>>(
            async (connection, token) =>
                await ConfirmAsync(connection, alertId, null, from, CallerActor.OfAlertLink, token) is { } confirmed
                    ? new ConfirmationReceipt(alertId, confirmed.Trusted)
                    : ReviewAlert.Unknown,
            cancellationToken);
    }

    /// <summary>
    /// The subscriber's answer after signing in, with the rules of the mail's link: members of a group may know the sign-in, so the
    /// caller's address decides here, too.
    /// </summary>
    public async Task<Outcome<AnswerReceipt>> AnswerAsync(
        Guid subscriptionId, Guid alertId, Guid subscriberId, AlertAnswer answer, IPAddress? from, Actor by,
        CancellationToken cancellationToken)
    {
        if (answer.WasYou is not { } wasYou)
            return new Refusal(RefusalKind.Invalid, "INVALID_ANSWER", "was_you must be true or false.", "was_you");
        return await database.InTransactionAsync<Outcome<AnswerReceipt>>(async (connection, token) =>
        {
            if (!await LicenseVisibility.IsVisibleAsync(connection, subscriptionId, subscriberId, token))
                return LicenseNotFound.Refusal;
            if (!await AlertStore.IsOfLicenseAsync(connection, alertId, subscriptionId, token))
                return ReviewAlert.Unknown;
            var answered = wasYou
                ? await ConfirmAsync(connection, alertId, subscriptionId, from, by, token)
                : await DenyAsync(connection, alertId, subscriptionId, by, token);
            return answered is null ? Closed : new AnswerReceipt(alertId, wasYou, answered.Trusted);
        }, cancellationToken);
    }

    private static readonly Refusal Closed = new(
        RefusalKind.Conflict, "ALERT_CLOSED", "The alert is closed.", "alert_id", "Change the license token if somebody else may have it.");

    private async Task<AnsweredAlert?> ConfirmAsync(
        NpgsqlConnection connection, Guid alertId, Guid? subscriptionId, IPAddress? from, Actor by, CancellationToken cancellationToken)
    {
        var confirmed = await AlertStore.ConfirmAsync(
            connection, alertId, subscriptionId, from?.ToString(), settings.Policy.ConfirmationInterval, time.GetUtcNow().UtcDateTime,
            cancellationToken);
        if (confirmed is { IsNew: true })
        {
            await AuditLog.AddAsync(connection, new AuditRow(
                by, subscriptionId is null ? "alert.confirmed_by_link" : "alert.confirmed", confirmed.SubscriptionId,
                alertId.ToString(), After: RowJson.Of(new { confirmed.Trusted })), cancellationToken);
        }

        return confirmed;
    }

    private async Task<AnsweredAlert?> DenyAsync(
        NpgsqlConnection connection, Guid alertId, Guid subscriptionId, Actor by, CancellationToken cancellationToken)
    {
        var denied = await AlertStore.DenyAsync(connection, alertId, subscriptionId, time.GetUtcNow().UtcDateTime, cancellationToken);
        if (denied is { IsNew: true })
            await AuditLog.AddAsync(connection, new AuditRow(by, "alert.denied", subscriptionId, alertId.ToString()), cancellationToken);
        return denied;
    }
}
