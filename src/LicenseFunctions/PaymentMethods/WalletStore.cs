using Dapper;
using LicenseFunctions.Infrastructure.Database;
using Licensing.Renewals;

namespace LicenseFunctions.PaymentMethods;

/// <summary>An entry of the platform's ledger.</summary>
public sealed record WalletEntry
{
    public Guid EntryId { get; init; }
    public DateTime At { get; init; }

    /// <summary>DEPOSIT, WITHDRAWAL, FEE_PERFORMANCE, FEE_SUBSCRIPTION, REFUND or ADJUSTMENT_ADMIN.</summary>
    public string Type { get; init; } = "";

    /// <summary>Below 0 for what leaves the wallet.</summary>
    public decimal AmountUsd { get; init; }

    public decimal BalanceAfterUsd { get; init; }

    /// <summary>The license that the entry pays for or refunds; null for none, or if the ledger doesn't name it.</summary>
    public Guid? SubscriptionId { get; init; }

    /// <summary>The name of the license's master.</summary>
    public string? Master { get; init; }

    /// <summary>
    /// card or paypal: a deposit is money that was charged there for a renewal, and a withdrawal is money that went back there. Null for
    /// all other entries, and if the renewal has no successful attempt, or successful attempts at several providers.
    /// </summary>
    public string? Method { get; init; }

    public string? Description { get; init; }

    /// <summary>What the description says, as a code, with the day of <see cref="Day"/>; null for entries of the platform.</summary>
    public LedgerPurpose? Purpose => LedgerText.Read(Description)?.Purpose;

    /// <summary>The end of a renewal's period, or the beginning of the one whose payment went back.</summary>
    public string? Day => LedgerText.Read(Description)?.Day;
}

public sealed record WalletBalance(decimal BalanceUsd, decimal ReservedUsd);

/// <summary>Reads the platform's wallets and their ledger.</summary>
public sealed class WalletStore(LicenseDatabase database)
{
    private const string Balance = """
        select coalesce(amount_of(w.balance_usd), 0) as balance_usd, coalesce(amount_of(w.reserved_usd), 0) as reserved_usd
        from users u
        left join user_wallets w on w.user_id = u.user_id
        where u.user_id = @userId
        """;

    /// <returns>Zeros for a user without a wallet; null if there is no such user.</returns>
    public async Task<WalletBalance?> BalanceAsync(Guid userId, CancellationToken cancellationToken)
    {
        await using var session = await database.OpenAsync(cancellationToken);
        return await session.Connection.QuerySingleOrDefaultAsync<WalletBalance>(
            new CommandDefinition(Balance, new { userId }, cancellationToken: session.Token));
    }

    // A payment by card is a deposit and a fee in one transaction, so with the same time. The fee is the later one.
    private const string Entries = """
        with page as (
            select l.ledger_id, l.created_at, l.balance_after < l.balance_before as is_debit, l.entry_type, l.balance_after,
                   l.balance_after - l.balance_before as amount_usd, l.reference_id, l.description
            from billing_ledger l
            where l.user_id = @userId
              and (@after::uuid is null
                   or (l.created_at, l.balance_after < l.balance_before, l.ledger_id)
                      < (select a.created_at, a.balance_after < a.balance_before, a.ledger_id
                         from billing_ledger a where a.ledger_id = @after and a.user_id = @userId))
            order by l.created_at desc, is_debit desc, l.ledger_id desc
            limit @limit
        )
        select p.ledger_id as entry_id, shown_time(p.created_at) as at, p.entry_type::text as type,
               coalesce(amount_of(p.amount_usd), 0) as amount_usd, coalesce(amount_of(p.balance_after), 0) as balance_after_usd,
               s.subscription_id, split_part(m.email, '@', 1) as master, p.description,
               case when r.renewal_id is not null and p.entry_type in ('DEPOSIT', 'WITHDRAWAL')
                    then (select case min(a.provider) when 'paypal' then 'paypal' else 'card' end
                          from renewal_attempts a
                          where a.renewal_id = r.renewal_id and a.status = 'succeeded'
                          having count(distinct a.provider) = 1) end as method
        from page p
        left join renewals r on r.renewal_id = p.reference_id
        left join subscriptions s on s.subscription_id in (r.subscription_id, p.reference_id) and s.subscriber_id = @userId
        left join users m on m.user_id = s.master_id
        order by p.created_at desc, p.is_debit desc, p.ledger_id desc
        """;

    /// <summary>The entries of a user's wallet, the newest first.</summary>
    /// <param name="after">The last entry of the previous page; null for the first page.</param>
    public async Task<IReadOnlyList<WalletEntry>> EntriesAsync(Guid userId, Guid? after, int limit, CancellationToken cancellationToken)
    {
        await using var session = await database.OpenAsync(cancellationToken);
        return (await session.Connection.QueryAsync<WalletEntry>(
            new CommandDefinition(Entries, new { userId, after, limit }, cancellationToken: session.Token))).AsList();
    }
}
