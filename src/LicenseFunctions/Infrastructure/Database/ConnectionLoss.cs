using Npgsql;

namespace LicenseFunctions.Infrastructure.Database;

/// <summary>Recognizes the exceptions of a lost connection: the same work can succeed on another one.</summary>
public static class ConnectionLoss
{
    /// <returns>
    /// Whether the database does not answer, or the connection is lost. It is then unknown whether a change was committed.
    /// </returns>
    public static bool IsReportedBy(Exception failure) =>
        failure is NpgsqlException { IsTransient: true } or TimeoutException || IsOutOfStep(failure);

    // Npgsql 10.0.3: when it prepares a statement and the server refuses a value of this first execution, such as U+0000 in a text, or the
    // request is canceled at that moment, Npgsql stores the statement as one without columns. The next execution on the same connection
    // breaks the connection and throws a plain Exception.
    private static bool IsOutOfStep(Exception failure) => failure.GetType() == typeof(Exception) && failure.Source == "Npgsql";
}
