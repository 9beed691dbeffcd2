using Dapper;
using LicenseFunctions.Infrastructure.Database;
using LicenseFunctions.Infrastructure.Mail;
using LicenseFunctions.Infrastructure.Payments;
using LicenseFunctions.Licenses;
using Licensing;
using Licensing.Renewals;
using Npgsql;

namespace LicenseFunctions.Renewals;

/// <summary>Keeps refunds and disputes, and applies them to a paid renewal, in the caller's transaction.</summary>
internal sealed class ReversalTransaction(NpgsqlConnection connection, SuspensionStore suspensions, TimeProvider time)
{
    private const string FindCharge = """
        select r.renewal_id, r.subscription_id
        from renewals r
        where r.renewal_id in (
            select o.renewal_id from renewals o
            join renewal_attempts a on a.renewal_id = o.renewal_id and a.provider = @provider
            where o.intent_id = @IntentId
            union all
            select a.renewal_id from renewal_attempts a where a.provider = @provider and a.transaction_id = @ChargeId)
        limit 1
        """;

    /// <returns>The license that was changed; null if none was.</returns>
    public async Task<Guid?> ReceiveAsync(
        PaymentReversal reversal, PaymentEvent received, TimeSpan grace, CancellationToken cancellationToken)
    {
        if (!await PaymentEventInbox.AddAsync(connection, received, cancellationToken)) return null;
        return await TakeAsync(received.Provider, reversal, grace, cancellationToken);
    }

    /// <summary>Stores and applies a refund or dispute that a webhook or the answer to a request reports.</summary>
    /// <returns>The license that was changed; null if none was.</returns>
    public async Task<Guid?> TakeAsync(
        string provider, PaymentReversal reversal, TimeSpan grace, CancellationToken cancellationToken)
    {
        var charge = await connection.QuerySingleOrDefaultAsync<(Guid RenewalId, Guid SubscriptionId)?>(new CommandDefinition(
            FindCharge, new { provider, reversal.IntentId, reversal.ChargeId }, cancellationToken: cancellationToken));
        // A booking of the same renewal holds this lock, so either it sees the reversal, or the reversal sees the booking. A case about the
        // charge may concern another license, which is locked now, too: later, the order would not be fixed.
        var licenses = await PaymentCaseStore.LicensesOfAsync(connection, provider, reversal, cancellationToken);
        if (charge is { SubscriptionId: var own }) licenses.Add(own);
        await SuspensionStore.LockAsync(connection, licenses, cancellationToken);
        await KeepAsync(provider, reversal, charge?.RenewalId, charge?.SubscriptionId, cancellationToken);
        await RefundStore.TakeAsync(connection, provider, reversal, cancellationToken);
        if (reversal is { AmountMinor: > 0, State: not (ReversalState.Failed or ReversalState.Won) })
            await PaymentCaseStore.OpenForCreditedAsync(connection, provider, reversal, cancellationToken);
        if (reversal is { Kind: not ReversalKind.Dispute, State: ReversalState.Succeeded })
        {
            foreach (var refunded in await PaymentCaseStore.CloseRefundedAsync(connection, provider, reversal, cancellationToken))
            {
                await new RenewalTransaction(connection, suspensions, time)
                    .ReleaseAsync(refunded, isRefunded: true, Actor.Service, cancellationToken);
            }
        }

        if (reversal is { Kind: ReversalKind.Refund, State: ReversalState.Failed })
            await PaymentCaseStore.ReopenRefundedAsync(connection, provider, reversal, cancellationToken);
        if (charge is not { } known || reversal.Currency != "usd")
        {
            await OpenCaseAsync(provider, reversal, charge?.RenewalId, cancellationToken);
            return null;
        }

        var changed = await ApplyAsync(known.RenewalId, grace, cancellationToken);
        if (reversal is { Kind: ReversalKind.Dispute, State: ReversalState.Won })
            await ReopenAsync(known.SubscriptionId, grace, cancellationToken);
        return changed;
    }

    private const string AddToWallet = """
        insert into payment_reversals
            (provider, kind, provider_id, state, amount_minor, currency, changed_at, renewal_id, subscription_id)
        values (@provider, 'refund', @refundId::text, 'succeeded', @minor, 'usd', now(), @RenewalId, @SubscriptionId);
        update refunds set state = 'made', provider_id = @refundId::text, next_try_at = null, decided_at = now()
        where refund_id = @refundId;
        insert into user_wallets (user_id) values (@UserId) on conflict do nothing
        """;

    /// <summary>Makes a refund of a payment from the wallet. The caller holds the license's lock, and has stored the request.</summary>
    /// <returns>The license if it was changed.</returns>
    public async Task<Guid?> RefundToWalletAsync(
        Renewal renewal, Guid refundId, long minor, TimeSpan grace, CancellationToken cancellationToken)
    {
        await connection.ExecuteAsync(new CommandDefinition(
            AddToWallet,
            new { provider = PaymentProviders.Wallet, refundId, minor, renewal.RenewalId, renewal.SubscriptionId, renewal.UserId },
            cancellationToken: cancellationToken));
        return await ApplyAsync(renewal.RenewalId, grace, cancellationToken);
    }

    private const string Reopen = """
        update renewals r
        set status = 'due', renewal_type = 'auto', gives_up_at = renewal_gives_up_at(r.period_start, @grace, @now), next_action_at = @now,
            soft_declines = 0, fence = r.fence + 1
        from v_current_license_tokens t
        where t.subscription_id = @subscriptionId and r.subscription_id = t.subscription_id and r.period_start = t.expires_at
          and r.status = 'lapsed' and r.lapsed_blocked and r.period_start > @now::timestamptz - @grace::interval - @catchUp::interval
          and not exists (select from payment_reversals d
                          where d.subscription_id = t.subscription_id and d.kind = 'dispute' and d.state = 'open')
        """;

    // The renewal waited for the dispute until it lapsed, and the license was suspended for its expiry, so no other run opens the renewal.
    // If the license expired long ago, the customer is not charged without a request.
    private Task<int> ReopenAsync(Guid subscriptionId, TimeSpan grace, CancellationToken cancellationToken) =>
        connection.ExecuteAsync(new CommandDefinition(
            Reopen, new { subscriptionId, grace, catchUp = RenewalPolicy.CatchUp, now = time.GetUtcNow().UtcDateTime },
            cancellationToken: cancellationToken));

    private async Task OpenCaseAsync(
        string provider, PaymentReversal reversal, Guid? renewalId, CancellationToken cancellationToken)
    {
        if (await PaymentCaseStore.IsKnownAsync(connection, provider, reversal, cancellationToken)) return;

        var what = reversal.Kind is ReversalKind.Dispute ? "dispute" : "refund";
        await PaymentCaseStore.OpenAsync(
            connection, provider,
            new PaymentCase(
                PaymentCaseReason.UnknownCharge, reversal.IntentId ?? reversal.ChargeId ?? reversal.ProviderId, null, null, null,
                reversal.ChargeId, reversal.AmountMinor, reversal.Currency,
                $"A {what}{(reversal.Currency == "usd" ? "" : $" in {reversal.Currency}")} of a charge that is "
                + (renewalId is null ? "not known." : "in US dollars.")),
            cancellationToken);
    }

    private const string Add = """
        insert into payment_reversals (provider, kind, provider_id, state, amount_minor, currency, changed_at)
        values (@provider, @kind, @ProviderId, @state, @AmountMinor, @Currency, @changedAt)
        on conflict do nothing
        """;

    private const string Stored = """
        select kind, provider_id, state, amount_minor, currency, intent_id, charge_id, reason, changed_at, evidence_due_at, applied_state
        from payment_reversals
        where provider = @provider and kind = @kind and provider_id = @ProviderId
        for update
        """;

    private const string Update = """
        update payment_reversals
        set state = @state, amount_minor = @AmountMinor, currency = @Currency, changed_at = @changedAt,
            intent_id = coalesce(@IntentId, intent_id), charge_id = coalesce(@ChargeId, charge_id), reason = coalesce(@Reason, reason),
            evidence_due_at = coalesce(@evidenceDueAt, evidence_due_at), opened_at = coalesce(@openedAt, opened_at),
            renewal_id = coalesce(renewal_id, @renewalId), subscription_id = coalesce(subscription_id, @subscriptionId)
        where provider = @provider and kind = @kind and provider_id = @ProviderId
        """;

    private async Task KeepAsync(
        string provider, PaymentReversal reversal, Guid? renewalId, Guid? subscriptionId, CancellationToken cancellationToken)
    {
        var row = new
        {
            provider,
            kind = EnumWords.Of(reversal.Kind),
            reversal.ProviderId,
            state = EnumWords.Of(reversal.State),
            reversal.AmountMinor,
            reversal.Currency,
            reversal.IntentId,
            reversal.ChargeId,
            reversal.Reason,
            changedAt = reversal.ChangedAt.UtcDateTime,
            evidenceDueAt = reversal.EvidenceDueAt?.UtcDateTime,
            openedAt = reversal.OpenedAt?.UtcDateTime,
            renewalId,
            subscriptionId,
        };
        var isNew = await connection.ExecuteAsync(new CommandDefinition(Add, row, cancellationToken: cancellationToken)) == 1;
        var stored = await connection.QuerySingleAsync<ReversalRow>(
            new CommandDefinition(Stored, row, cancellationToken: cancellationToken));
        if (isNew || reversal.IsNewerThan(stored.ToKept().Reversal))
            await connection.ExecuteAsync(new CommandDefinition(Update, row, cancellationToken: cancellationToken));
    }

    // Refunds and disputes of another charge must not be deducted from this one. When the success of that charge is reported, it is a
    // second payment.
    private const string ReleaseOthers = """
        update payment_reversals set renewal_id = null, subscription_id = null
        where renewal_id = @RenewalId and applied_at is null and provider = @Provider
          and intent_id is distinct from @IntentId and charge_id is distinct from @TransactionId
        returning kind, provider_id, state, amount_minor, currency, intent_id, charge_id, reason, changed_at, evidence_due_at, applied_state
        """;

    private const string Claim = """
        update payment_reversals set renewal_id = @RenewalId, subscription_id = @SubscriptionId
        where renewal_id is null and provider = @Provider and (intent_id = @IntentId or charge_id = @TransactionId)
        """;

    private const string CloseUnknown = """
        update payment_cases set decision = 'applied', decided_at = now()
        where decided_at is null and reason = 'unknown_charge' and provider = @Provider and subject in (@IntentId, @TransactionId)
        """;

    /// <summary>
    /// Assigns the refunds and disputes of the renewal's charge that were reported before the charge was known, and releases those of other
    /// charges.
    /// </summary>
    public async Task ClaimAsync(Renewal paid, CancellationToken cancellationToken)
    {
        var charge = new { paid.RenewalId, paid.SubscriptionId, paid.IntentId, paid.Attempt!.Provider, paid.Attempt.TransactionId };
        var released = await connection.QueryAsync<ReversalRow>(
            new CommandDefinition(ReleaseOthers, charge, cancellationToken: cancellationToken));
        foreach (var other in released.AsList())
            await OpenCaseAsync(charge.Provider, other.ToKept().Reversal, renewalId: null, cancellationToken);
        if (await connection.ExecuteAsync(new CommandDefinition(Claim, charge, cancellationToken: cancellationToken)) > 0)
            await connection.ExecuteAsync(new CommandDefinition(CloseUnknown, charge, cancellationToken: cancellationToken));
    }

    // A period is empty if the platform moved the expiry before its start. It is not the latest one if another is paid.
    private const string Facts = """
        select t.token_id, t.is_active,
               not exists (
                   select from renewals o
                   where o.subscription_id = r.subscription_id and o.status = 'applied'
                     and o.renewal_id <> r.renewal_id and o.paid_until > o.paid_from
                     and (o.paid_from > r.paid_from or r.paid_until <= r.paid_from))
                   as is_latest_paid,
               exists (
                   select from renewals o join reversal_effects x on x.renewal_id = o.renewal_id
                   where o.subscription_id = r.subscription_id and o.renewal_id <> r.renewal_id and x.stopped_auto_renewal
                     and not x.is_switched_since)
                   as is_stopped_by_another,
               e.share, e.taken, e.stopped_auto_renewal, e.is_switched_since, e.refunded_minor, e.charged_back_minor
        from renewals r
        left join v_current_license_tokens t on t.subscription_id = r.subscription_id
        left join reversal_effects e on e.renewal_id = r.renewal_id
        where r.renewal_id = @renewalId
        """;

    // A renewal that the wallet paid may have an intent whose charge was refunded: that is another payment.
    private const string Kept = """
        select p.kind, p.provider_id, p.state, p.amount_minor, p.currency, p.intent_id, p.charge_id, p.reason, p.changed_at,
               p.evidence_due_at, p.opened_at, p.applied_state
        from payment_reversals p
        join renewals r on r.renewal_id = p.renewal_id
        where p.renewal_id = @renewalId and p.currency = 'usd' and (p.provider = 'wallet') = (r.paid_with is not distinct from 'wallet')
        order by p.first_seen_at, p.reversal_id
        """;

    private const string Choices = """
        select refund_id, amount_minor, period, provider_id
        from refunds
        where renewal_id = @renewalId and state <> 'refused'
        order by requested_at, refund_id
        """;

    /// <summary>Reads a renewal with its refunds and disputes.</summary>
    /// <returns>Null for an unknown renewal.</returns>
    public async Task<ReversalRows?> ReadAsync(Guid renewalId, CancellationToken cancellationToken)
    {
        if ((await RenewalStore.FactsAsync(connection, [renewalId], cancellationToken)).SingleOrDefault() is not { } renewal) return null;
        CommandDefinition Of(string sql) => new(sql, new { renewalId }, cancellationToken: cancellationToken);
        var row = await connection.QuerySingleAsync<ReversalFactsRow>(Of(Facts));
        var kept = await connection.QueryAsync<ReversalRow>(Of(Kept));
        var choices = await connection.QueryAsync<RefundChoiceRow>(Of(Choices));
        return new ReversalRows(
            new ReversalFacts(
                renewal.Renewal, renewal.License.ExpiresAt, renewal.License.AutoRenew, row.IsLatestPaid,
                [.. kept.Select(one => one.ToKept())], row.ToEffect())
            {
                IsStoppedByAnother = row.IsStoppedByAnother,
                IsGone = row.TokenId is null,
                Choices = [.. choices.Select(one => one.ToChoice())],
            },
            row.TokenId, row.IsActive);
    }

    // The platform doesn't take the license's lock. What it wrote to the expiry before is read here; later writes wait for this
    // transaction.
    private const string LockTokens = """
        select from license_tokens t
        where t.subscription_id = (select r.subscription_id from renewals r where r.renewal_id = @renewalId)
        order by t.token_id
        for update
        """;

    /// <summary>Applies the renewal's refunds and disputes. The caller holds the license's lock.</summary>
    /// <returns>The license if it was changed.</returns>
    public async Task<Guid?> ApplyAsync(Guid renewalId, TimeSpan grace, CancellationToken cancellationToken)
    {
        if (!await connection.ExecuteScalarAsync<bool>(new CommandDefinition(
            "select exists (select from payment_reversals where renewal_id = @renewalId)", new { renewalId },
            cancellationToken: cancellationToken))) return null;
        await connection.ExecuteAsync(new CommandDefinition(LockTokens, new { renewalId }, cancellationToken: cancellationToken));
        if (await ReadAsync(renewalId, cancellationToken) is not { Facts: { Kept.Count: > 0 } facts } rows) return null;
        if (Reversals.Apply(facts, grace, time.GetUtcNow()) is not { } change) return null;

        await WriteAsync(facts.Renewal, change, rows.TokenId, cancellationToken);
        await PostAsync(facts, change, cancellationToken);
        if (change.ExpiresAt > time.GetUtcNow() && rows.IsActive is false)
            await suspensions.EndForExpiryAsync(connection, facts.Renewal.SubscriptionId, "The payment was given back", cancellationToken);
        foreach (var (action, reason) in change.Audits) await AuditAsync(facts.Renewal, change, action, reason, cancellationToken);
        if (change.Notice is { } notice) await MailAsync(facts, change, notice, cancellationToken);
        if (!change.WaitsForToken && facts.Renewal.PaidWith is PaidWith.Card)
            await PaymentCaseStore.CloseAppliedAsync(connection, facts.Renewal, cancellationToken);
        return change is { ExpiresAt: null, AutoRenew: null } ? null : facts.Renewal.SubscriptionId;
    }

    private const string Write = """
        update payment_reversals set applied_state = state, applied_at = coalesce(applied_at, now())
        where renewal_id = @RenewalId and applied_state is distinct from state and currency = 'usd' and (provider = 'wallet') = @ofWallet
          and not @WaitsForToken;
        update renewals set paid_until = @paidUntil, fence = fence + 1
        where renewal_id = @RenewalId and paid_until <> @paidUntil;
        insert into reversal_effects (
            renewal_id, share, taken, stopped_auto_renewal, is_switched_since, refunded_minor, charged_back_minor)
        values (@RenewalId, @Share, @Taken, @StoppedAutoRenewal, @IsSwitchedSince, @RefundedMinor, @ChargedBackMinor)
        on conflict (renewal_id) do update
        set share = excluded.share, taken = excluded.taken, stopped_auto_renewal = excluded.stopped_auto_renewal,
            is_switched_since = excluded.is_switched_since,
            refunded_minor = excluded.refunded_minor, charged_back_minor = excluded.charged_back_minor, updated_at = now();
        update license_tokens
        set expires_at = coalesce(@expiresAt, expires_at),
            metadata = case when @autoRenew::boolean is null then metadata
                       else coalesce(metadata, '{}') || jsonb_build_object('auto_renew', @autoRenew) end
        where token_id = @tokenId and (@expiresAt::timestamptz is not null or @autoRenew is not null)
        """;

    private Task<int> WriteAsync(Renewal renewal, ReversalChange change, Guid? tokenId, CancellationToken cancellationToken) =>
        connection.ExecuteAsync(new CommandDefinition(Write, new
        {
            renewal.RenewalId,
            ofWallet = renewal.PaidWith is PaidWith.Wallet,
            change.WaitsForToken,
            change.Effect.Share,
            change.Effect.Taken,
            change.Effect.StoppedAutoRenewal,
            change.Effect.IsSwitchedSince,
            change.Effect.RefundedMinor,
            change.Effect.ChargedBackMinor,
            paidUntil = change.PaidUntil.UtcDateTime,
            expiresAt = change.ExpiresAt?.UtcDateTime,
            change.AutoRenew,
            tokenId,
        }, cancellationToken: cancellationToken));

    private const string LockWallet = "select from user_wallets where user_id = @UserId for update";

    private const string Return = """
        select credit_wallet(@UserId, @amount, @entry::ledger_entry_type, @description, @RenewalId);
        select debit_wallet(@UserId, @amount, 'WITHDRAWAL', @description, @RenewalId)
        """;

    // A payment from the wallet goes back to the wallet.
    private const string ReturnToWallet = "select credit_wallet(@UserId, @amount, @entry::ledger_entry_type, @description, @RenewalId)";

    private const string TakeAgain = """
        select credit_wallet(@UserId, @amount, 'DEPOSIT', @description, @RenewalId);
        select debit_wallet(@UserId, @amount, 'FEE_SUBSCRIPTION', @description, @RenewalId)
        """;

    // The fee goes back to the wallet and leaves it to the card: the balance stays, and the revenue is net.
    private async Task PostAsync(ReversalFacts facts, ReversalChange change, CancellationToken cancellationToken)
    {
        if (change is { RefundedMinor: 0, ChargedBackMinor: 0 }) return;
        var wallet = new CommandDefinition(LockWallet, new { facts.Renewal.UserId }, cancellationToken: cancellationToken);
        await connection.ExecuteAsync(wallet);
        var changed = facts.Kept.Where(one => one.Reversal.State != one.Applied).Select(one => one.Reversal).ToList();
        var disputes = changed.Where(one => one.Kind is ReversalKind.Dispute);
        var (refunded, lost, from) = (change.RefundedMinor, change.ChargedBackMinor, facts.Renewal.PeriodStart);
        var refund = LedgerText.Refund(Ids(changed.Except(disputes)), from, isTakenBack: refunded < 0);
        await PostAsync(facts.Renewal, "REFUND", refund, refunded, cancellationToken);
        var chargeback = LedgerText.Chargeback(Ids(disputes), from, isTakenBack: lost < 0);
        await PostAsync(facts.Renewal, "ADJUSTMENT_ADMIN", chargeback, lost, cancellationToken);
    }

    private static IEnumerable<string> Ids(IEnumerable<PaymentReversal> reversals) => reversals.Select(one => one.ProviderId);

    private async Task PostAsync(Renewal renewal, string entry, string description, long minor, CancellationToken cancellationToken)
    {
        if (minor == 0) return;
        await connection.ExecuteAsync(new CommandDefinition(
            minor < 0 ? TakeAgain : renewal.PaidWith is PaidWith.Wallet ? ReturnToWallet : Return,
            new { renewal.UserId, amount = Math.Abs(minor) / 100m, entry, description, renewal.RenewalId },
            cancellationToken: cancellationToken));
    }

    private Task AuditAsync(
        Renewal renewal, ReversalChange change, string action, string? reason, CancellationToken cancellationToken) =>
        AuditLog.AddAsync(
            connection,
            new AuditRow(
                Actor.Service, action, renewal.SubscriptionId, renewal.RenewalId.ToString(), reason, Before: null,
                After: RowJson.Of(new { renewal.AmountUsd, renewal.PeriodStart, change.PaidUntil, change.Effect.Share })),
            cancellationToken);

    private Task MailAsync(ReversalFacts facts, ReversalChange change, RenewalNotice notice, CancellationToken cancellationToken) =>
        EmailOutbox.AddAsync(
            connection, notice.DedupKey, notice.Template, facts.Renewal.UserId, MailModel(facts, change, notice), cancellationToken);

    /// <summary>The values of the mail, for the preview of a refund, too.</summary>
    public static object MailModel(ReversalFacts facts, ReversalChange change, RenewalNotice notice) => new
    {
        facts.Renewal.SubscriptionId,
        facts.Renewal.RenewalId,
        AmountUsd = facts.Renewal.ChargedMinor / 100m,
        RefundUsd = Math.Abs(change.RefundedMinor) / 100m,
        ReversedUsd = Math.Abs(change.ChargedBackMinor) / 100m,
        PaidWith = EnumWords.Of(notice.PaidWith),
        PaymentMethodId = facts.Renewal.PaidWith is PaidWith.Card ? facts.Renewal.Attempt?.PaymentMethodId : null,
        CardBrand = facts.Renewal.PaidWith is PaidWith.Card ? facts.Renewal.Attempt?.Brand : null,
        ExpiresAt = change.ExpiresAt ?? facts.ExpiresAt,
        AutoRenew = change.AutoRenew ?? facts.AutoRenew,
        notice.Reason,
    };
}

/// <summary>What is read for a decision about refunds and disputes.</summary>
/// <param name="TokenId">The license's current token; null if it has none.</param>
/// <param name="IsActive">Whether that token works.</param>
internal sealed record ReversalRows(ReversalFacts Facts, Guid? TokenId, bool? IsActive);

/// <summary>A row of payment_reversals.</summary>
internal sealed record ReversalRow
{
    public string Kind { get; init; } = "";
    public string ProviderId { get; init; } = "";
    public string State { get; init; } = "";
    public long AmountMinor { get; init; }
    public string Currency { get; init; } = "";
    public string? IntentId { get; init; }
    public string? ChargeId { get; init; }
    public string? Reason { get; init; }
    public DateTime ChangedAt { get; init; }
    public DateTime? EvidenceDueAt { get; init; }
    public DateTime? OpenedAt { get; init; }
    public string? AppliedState { get; init; }

    public KeptReversal ToKept() => new(
        new PaymentReversal(
            EnumWords.Parse<ReversalKind>(Kind), ProviderId, EnumWords.Parse<ReversalState>(State), AmountMinor, Currency, IntentId,
            ChargeId, Reason, ChangedAt, EvidenceDueAt)
        {
            OpenedAt = OpenedAt,
        },
        AppliedState is { } applied ? EnumWords.Parse<ReversalState>(applied) : null);
}

/// <summary>The license's token, and the effect of the renewal's refunds and disputes.</summary>
internal sealed record ReversalFactsRow
{
    public Guid? TokenId { get; init; }
    public bool? IsActive { get; init; }
    public bool IsLatestPaid { get; init; }
    public bool IsStoppedByAnother { get; init; }
    public decimal? Share { get; init; }
    public TimeSpan Taken { get; init; }
    public bool StoppedAutoRenewal { get; init; }
    public bool IsSwitchedSince { get; init; }
    public long RefundedMinor { get; init; }
    public long ChargedBackMinor { get; init; }

    public ReversalEffect ToEffect() => Share is { } share
        ? new ReversalEffect(share, Taken, StoppedAutoRenewal, RefundedMinor, ChargedBackMinor) { IsSwitchedSince = IsSwitchedSince }
        : ReversalEffect.None;
}

/// <summary>A row of refunds.</summary>
internal sealed record RefundChoiceRow
{
    public Guid RefundId { get; init; }
    public long AmountMinor { get; init; }
    public string Period { get; init; } = "";
    public string? ProviderId { get; init; }

    public RefundChoice ToChoice() => new(RefundId, AmountMinor, EnumWords.Parse<RefundPeriod>(Period), ProviderId);
}
