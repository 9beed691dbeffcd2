using Dapper;
using LicenseFunctions.Infrastructure.Database;
using LicenseFunctions.Infrastructure.Payments;
using LicenseFunctions.Licenses;
using Licensing;
using Licensing.Renewals;
using Npgsql;

namespace LicenseFunctions.Renewals;

/// <param name="Action">
/// credit: the money goes to the customer's wallet; dismiss: it was resolved at the provider, or needs no action.
/// </param>
/// <param name="Reason">What the operator checked, for the audit log; 1 to 500 characters.</param>
public sealed record PaymentCaseDecision(string Action, string Reason);

/// <summary>Records an operator's decision about a payment that can't be applied.</summary>
public sealed class DecidePaymentCase(LicenseDatabase database, SuspensionStore suspensions, RenewalPolicy policy, TimeProvider time)
{
    private static readonly Refusal NotFound = new(RefusalKind.NotFound, "CASE_NOT_FOUND", "There is no such payment case.", "case_id");

    private static readonly Refusal Decided = new(RefusalKind.Conflict, "CASE_DECIDED", "This payment case is already decided.");

    private static readonly Refusal CannotCredit = new(
        RefusalKind.Conflict, "CANNOT_CREDIT", "This case is not about a charge in US dollars of a known customer that paid nothing.",
        "action",
        "Resolve it at the provider, then dismiss the case.");

    private static readonly Refusal Credited = new(
        RefusalKind.Conflict, "CHARGE_CREDITED", "This charge was already credited to the wallet through another case.", "action",
        "Dismiss the case.");

    private static readonly Refusal Booked = new(
        RefusalKind.Conflict, "CHARGE_BOOKED", "The charge paid a renewal.", "action", "Dismiss the case.");

    private static readonly Refusal Reversed = new(
        RefusalKind.Conflict, "CHARGE_REVERSED",
        "The charge is refunded or disputed at the provider, so the customer would have the money twice.", "action",
        "Dismiss the case. If only a part was refunded, refund the rest at the provider, too.");

    private static readonly Refusal EventsNotRead = UnreadEvents.Refuse(
        "The latest refunds are still being read from the payment provider. Nothing was credited.", "Try again in a few minutes.");

    private static readonly Refusal Retried = new(
        RefusalKind.Conflict, "EVENT_RETRIED",
        "The event of this charge is still being tried. If the charge is booked after the decision, the customer may have paid twice.",
        "action",
        "Wait until the charge is booked, at most three days. You can also credit it, or refund it at the provider. "
        + "Then it is not booked.");

    private const string IsAboutSameCharge =
        "o.provider = c.provider and (o.subject in (c.subject, c.transaction_id) or o.transaction_id in (c.subject, c.transaction_id))";

    private const string LicensesOfCharge = """
        select l.id from payment_cases c cross join lateral licenses_of_charge(c.provider, array[c.subject, c.transaction_id]) as l (id)
        where c.case_id = @caseId
        """;

    private const string LockCases = $"""
        select from payment_cases o
        join payment_cases c on {IsAboutSameCharge}
        where c.case_id = @caseId
        order by o.case_id
        for update of o
        """;

    private const string UseOfCharge = $"""
        select case
            when exists (
                select from payment_cases o
                where o.decision = 'credited' and {IsAboutSameCharge}) then 'credited'
            when exists (
                select from renewals r
                where r.intent_id = c.subject and r.status = 'applied' and r.paid_with = 'card')
              or exists (
                select from renewal_attempts a join renewals r on r.renewal_id = a.renewal_id
                where a.provider = c.provider and a.transaction_id in (c.subject, c.transaction_id)
                  and r.status = 'applied' and r.paid_with = 'card') then 'booked'
        end
        from payment_cases c
        where c.case_id = @caseId
        """;

    private const string Provider = "select provider from payment_cases where case_id = @caseId";

    // Its webhook is repeated for some days, and FetchPaymentEvents tries the event again.
    private const string IsRetried = """
        select reason = 'not_booked' and provider = any (@providers) and opened_at > now() - @webhooksRepeat
        from payment_cases
        where case_id = @caseId
        """;

    private const string GiveUpEvent = """
        delete from unapplied_events u using payment_cases c
        where c.case_id = @caseId and c.reason = 'not_booked' and u.provider = c.provider and u.intent_id = c.subject
        """;

    private const string Load = """
        select c.case_id, c.reason, c.subject, c.renewal_id, c.subscription_id, u.user_id, c.transaction_id, c.amount_minor, c.currency,
               c.detail, c.opened_at, c.decision, c.decided_at
        from payment_cases c
        left join users u on u.user_id = c.user_id
        where c.case_id = @caseId
        for update of c
        """;

    // The total of the refunds still contains those that failed.
    private const string IsReversed = """
        select coalesce(
            sum(p.amount_minor) filter (where p.kind = 'refund' and p.state <> 'failed') > 0
            or max(p.amount_minor) filter (where p.kind = 'refund_total')
               > coalesce(sum(p.amount_minor) filter (where p.kind = 'refund' and p.state = 'failed'), 0)
            or bool_or(p.kind = 'dispute' and p.state <> 'won'), false)
        from payment_cases c
        join payment_reversals p on p.provider = c.provider and (p.intent_id = c.subject or p.charge_id in (c.subject, c.transaction_id))
        where c.case_id = @caseId
        """;

    private const string Credit = """
        insert into user_wallets (user_id) values (@UserId) on conflict do nothing;
        select from user_wallets where user_id = @UserId for update;
        select credit_wallet(@UserId, @amount, 'DEPOSIT', @description, @CaseId)
        """;

    // If the request stayed open, its amount could never be refunded again. What the provider reports later is still applied.
    private const string GiveUp = """
        update refunds set state = 'refused', next_try_at = null, decided_at = now(), code = 'dismissed', detail = @Reason
        where refund_id::text = @Subject and state = 'requested';
        update dispute_evidence e set state = 'refused', next_try_at = null, decided_at = now(), code = 'dismissed', detail = @Reason
        from payment_reversals p
        where p.reversal_id = e.reversal_id and p.provider_id = @Subject and e.state = 'requested'
        """;

    private const string Close = """
        update payment_cases set decision = @decision, decided_at = now(), decided_by = @by, decided_why = @Reason where case_id = @caseId
        returning decided_at
        """;

    public async Task<Outcome<ListedPaymentCase>> RunAsync(
        Guid caseId, PaymentCaseDecision decision, Actor by, CancellationToken cancellationToken)
    {
        if (Validate(decision) is { } invalid) return invalid;
        decision = decision with { Reason = decision.Reason.Trim() };
        var credits = decision.Action == "credit";
        return await database.InTransactionAsync<Outcome<ListedPaymentCase>>(async (connection, token) =>
        {
            await LockAsync(connection, caseId, token);
            var found = await connection.QuerySingleOrDefaultAsync<ListedPaymentCase>(
                new CommandDefinition(Load, new { caseId }, cancellationToken: token));
            if (found is null) return NotFound;
            if (found.Decision is not null) return Decided;
            if (credits && !found.CanCredit) return CannotCredit;
            if (!credits && await IsAsync(connection, IsRetried, caseId, token)) return Retried;

            if (credits)
            {
                var use = await connection.ExecuteScalarAsync<string?>(
                    new CommandDefinition(UseOfCharge, new { caseId }, cancellationToken: token));
                if (use is not null) return use == "credited" ? Credited : Booked;
                // A refund that is reported meanwhile waits for this case's lock, and then opens a case.
                if (await IsAsync(connection, IsReversed, caseId, token)) return Reversed;
                if (await AwaitsEventsAsync(connection, caseId, token)) return EventsNotRead;
                await connection.ExecuteAsync(new CommandDefinition(
                    Credit,
                    new
                    {
                        found.UserId,
                        amount = found.AmountMinor!.Value / 100m,
                        description = $"Charge {found.TransactionId ?? found.Subject}",
                        found.CaseId,
                    },
                    cancellationToken: token));
                await new RenewalTransaction(connection, suspensions, time)
                    .ReleaseAsync(found.Subject, isRefunded: false, by, token);
            }

            await connection.ExecuteAsync(new CommandDefinition(GiveUpEvent, new { caseId }, cancellationToken: token));
            if (found.Reason == EnumWords.Of(PaymentCaseReason.Unanswered))
            {
                await connection.ExecuteAsync(
                    new CommandDefinition(GiveUp, new { found.Subject, decision.Reason }, cancellationToken: token));
            }

            var word = credits ? "credited" : "dismissed";
            var decidedAt = await connection.ExecuteScalarAsync<DateTime>(new CommandDefinition(
                Close, new { decision = word, by = by.Id, decision.Reason, caseId }, cancellationToken: token));
            await AuditLog.AddAsync(
                connection, new AuditRow(by, $"payment_case.{word}", found.SubscriptionId, caseId.ToString(), decision.Reason), token);
            return found with { Decision = word, DecidedAt = decidedAt, DecidedBy = by.Id, DecidedWhy = decision.Reason };
        }, cancellationToken);
    }

    // A transaction that books the charge, or finds that it can't be booked, holds the license's lock. One that books it for another
    // license locks the cases about the charge.
    private static async Task LockAsync(NpgsqlConnection connection, Guid caseId, CancellationToken cancellationToken)
    {
        CommandDefinition Of(string sql) => new(sql, new { caseId }, cancellationToken: cancellationToken);
        var licenses = (await connection.QueryAsync<Guid>(Of(LicensesOfCharge))).AsList();
        await SuspensionStore.LockAsync(connection, licenses, cancellationToken);
        await connection.ExecuteAsync(Of(LockCases));
    }

    private Task<bool> IsAsync(NpgsqlConnection connection, string question, Guid caseId, CancellationToken cancellationToken) =>
        connection.ExecuteScalarAsync<bool>(new CommandDefinition(
            question,
            new { caseId, providers = policy.IdempotencyKeyLifetimes.Keys.ToArray(), webhooksRepeat = RenewalPolicy.WebhooksRepeat },
            cancellationToken: cancellationToken));

    // After a restore, a refund of the charge may not be known here. A provider that is not configured is never read.
    private async Task<bool> AwaitsEventsAsync(NpgsqlConnection connection, Guid caseId, CancellationToken cancellationToken)
    {
        var provider = await connection.ExecuteScalarAsync<string>(
            new CommandDefinition(Provider, new { caseId }, cancellationToken: cancellationToken));
        return policy.IdempotencyKeyLifetimes.ContainsKey(provider!)
            && await UnreadEvents.AreAwaitedAsync(connection, [provider!], cancellationToken);
    }

    private static Refusal? Validate(PaymentCaseDecision decision) => decision switch
    {
        { Action: not ("credit" or "dismiss") } => new Refusal(
            RefusalKind.Invalid, "ACTION_INVALID", "action must be credit or dismiss.", "action"),
        _ => OperatorText.Reason(decision.Reason).Refusal,
    };
}
