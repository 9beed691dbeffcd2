using LicenseFunctions.Renewals;
using Licensing.Renewals;

namespace Simulation;

/// <summary>The database of a schedule: the store under test, and what the platform and its customers change and see in it.</summary>
internal interface IWorld
{
    IRenewalStore Store { get; }

    IReadOnlyDictionary<Guid, MemoryLicense> Licenses { get; }

    IEnumerable<Renewal> Renewals { get; }

    /// <summary>What an operator must decide about.</summary>
    IEnumerable<PaymentCase> Cases { get; }

    /// <summary>When all due renewals were opened last.</summary>
    DateTimeOffset? LastOpened { get; }

    /// <summary>How many notices of an automatic charge for the period after this expiry are in the outbox.</summary>
    int NoticesOf(Guid subscriptionId, DateTimeOffset expiresAt);

    /// <summary>How many successes the history lists.</summary>
    int Successes { get; }

    void Add(MemoryLicense license);

    /// <summary>Stores the columns of a license, its price, wallet, card and accounts, after the platform changed them.</summary>
    void Changed(MemoryLicense license);

    void CardsChanged(MemoryLicense license);

    /// <summary>The customer switches auto-renewal on or off.</summary>
    void SwitchAutoRenewal(MemoryLicense license);

    /// <summary>An operator suspends or reinstates the license.</summary>
    void Hold(MemoryLicense license, bool holds);

    /// <summary>The platform suspends the subscription for another cause than its expiry, or reinstates it.</summary>
    void SuspendByPlatform(MemoryLicense license, bool suspends);

    /// <summary>An operator credits the charge of a case to the customer's wallet.</summary>
    /// <returns>Whether it was credited.</returns>
    bool Credit(PaymentCase concern, string? provider, RenewalPolicy policy);

    /// <summary>Other transactions lock the wallets, or rows that every save writes, until this is called again.</summary>
    void Lock(bool wallets, bool rows);

    /// <summary>Events of these providers were missed, so that charges wait until they are read.</summary>
    /// <param name="unread">Empty if all of them were read.</param>
    /// <param name="overdue">Of these, the ones that can't be read for six hours.</param>
    void MissEvents(IReadOnlyCollection<string> unread, IReadOnlyCollection<string> overdue);

    /// <summary>The event of a success can't be applied: it becomes a case.</summary>
    void CannotBook(string provider, PaymentCase concern);

    /// <summary>The event is applied after all.</summary>
    void Book(string provider, PaymentCase concern);

    /// <summary>The clock was set forward.</summary>
    void Passed(TimeSpan by);

    /// <summary>Copies the whole database.</summary>
    /// <returns>Restores the copy.</returns>
    Action Backup();
}

/// <summary>The world in memory.</summary>
internal sealed class MemoryWorld(MemoryRenewalStore memory, IRenewalStore store) : IWorld
{
    public IRenewalStore Store => store;

    public IReadOnlyDictionary<Guid, MemoryLicense> Licenses => memory.Licenses;

    public IEnumerable<Renewal> Renewals => memory.Renewals;

    public IEnumerable<PaymentCase> Cases => memory.ShownCases;

    public DateTimeOffset? LastOpened => memory.LastOpened;

    public int NoticesOf(Guid subscriptionId, DateTimeOffset expiresAt)
    {
        var key = $"upcoming_renewal:{subscriptionId}:{expiresAt.ToUnixTimeSeconds()}";
        return memory.Mails.Count(mail => mail.StartsWith(key, StringComparison.Ordinal));
    }

    public int Successes => memory.History.Values.Count(row => row.Status == "success");

    public void Add(MemoryLicense license) => memory.Licenses.Add(license.SubscriptionId, license);

    public void Changed(MemoryLicense license) { }

    public void CardsChanged(MemoryLicense license) => memory.CardsChanged(license);

    public void SwitchAutoRenewal(MemoryLicense license) => memory.SwitchAutoRenewal(license);

    public void Hold(MemoryLicense license, bool holds) => memory.Hold(license, holds);

    public void SuspendByPlatform(MemoryLicense license, bool suspends) => license.IsSuspendedByPlatform = suspends;

    public bool Credit(PaymentCase concern, string? provider, RenewalPolicy policy) => memory.Credit(concern, provider);

    public void Lock(bool wallets, bool rows) => (memory.IsWalletLocked, memory.AreRowsLocked) = (() => wallets, rows);

    public void MissEvents(IReadOnlyCollection<string> unread, IReadOnlyCollection<string> overdue) =>
        (memory.UnreadProviders, memory.OverdueProviders) = ([.. unread], [.. overdue]);

    public void CannotBook(string provider, PaymentCase concern) => memory.CannotBook(concern);

    public void Book(string provider, PaymentCase concern) => memory.Close(concern);

    public void Passed(TimeSpan by) { }

    public Action Backup() => memory.Backup();
}
