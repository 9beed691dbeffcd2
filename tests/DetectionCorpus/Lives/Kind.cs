namespace DetectionCorpus.Lives;

/// <summary>The truth about a life.</summary>
public enum Nature
{
    /// <summary>One person, at most two devices at once.</summary>
    Honest,

    /// <summary>More devices than a license allows, used by several people; or more accounts than the platform's term allows.</summary>
    Shared,

    /// <summary>Honest use and sharing explain the records equally well. The customer may be asked, but not suspended.</summary>
    Ambiguous,
}

/// <summary>A kind of life.</summary>
/// <param name="Reason">The reason for the label; for ambiguous kinds, both explanations.</param>
/// <param name="ByTerm">
/// The platform's terms decide: <see cref="Nature.Shared"/> if more accounts are in use than a license allows, ambiguous without such a
/// term. <see cref="Nature"/> is that of a life within the term.
/// </param>
public sealed record Kind(string Name, Nature Nature, string Reason, Action<Life> Write, bool ByTerm = false);

/// <summary>The label of a life.</summary>
/// <param name="FirstViolationAt">
/// The first recorded use after which more than two devices of several people, or more accounts than the term allows, were used within a
/// week; null unless the license is shared.
/// </param>
/// <param name="EvidenceAt">
/// The arrival of the first record after <see cref="FirstEvidence"/>; null if there is none or the license is not shared.
/// </param>
public sealed record LifeLabel(
    Guid Subscription, Nature Nature, string Kind, string Reason, DateTimeOffset? FirstViolationAt, DateTimeOffset? EvidenceAt = null);

/// <summary>One license's records in the order of arrival, its label, and what really happened.</summary>
public sealed record History(LifeLabel Label, Style Style, IReadOnlyList<Row> Rows, IReadOnlyList<Use> Uses);
