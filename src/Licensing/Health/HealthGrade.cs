namespace Licensing.Health;

/// <summary>The three colors of the integration guide's score: green, yellow, red.</summary>
public enum HealthGrade
{
    Poor,
    Fair,
    Good,
}

public static class HealthGrades
{
    /// <summary>The lowest score that is good. Source: the integration guide.</summary>
    public const int Good = 80;

    /// <summary>The lowest score that is fair. Source: the integration guide.</summary>
    public const int Fair = 50;

    /// <param name="score">0 to 100.</param>
    public static HealthGrade Of(int score) =>
        score >= Good ? HealthGrade.Good : score >= Fair ? HealthGrade.Fair : HealthGrade.Poor;
}
