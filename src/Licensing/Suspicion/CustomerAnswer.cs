namespace Licensing.Suspicion;

/// <summary>The state of the question "was this you?" of an alert. SQL: customer_answer.</summary>
public enum CustomerAnswer
{
    /// <summary>The customer was asked; new devices wait for the answer.</summary>
    Waiting,

    /// <summary>No answer for 72 hours: an operator decides.</summary>
    Unanswered,

    /// <summary>"Yes, this was me."</summary>
    Confirmed,

    /// <summary>"No, this was somebody else." A later "yes" doesn't change it.</summary>
    Denied,
}

/// <summary>What was done because of an alert, in rising order. SQL: measure_rank.</summary>
public enum Measure
{
    None,

    /// <summary>The customer got a mail.</summary>
    Notified,

    /// <summary>New devices wait for the customer's answer.</summary>
    Asked,

    /// <summary>New devices are refused.</summary>
    Refused,

    /// <summary>The license was suspended.</summary>
    Suspended,
}
