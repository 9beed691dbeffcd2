namespace Microsoft.Azure.Functions.Worker;

/// <summary>Marks a method as a function. Names are unique in an application, whatever their case.</summary>
/// <param name="name">The function's name: letters, digits, <c>-</c> and <c>_</c>, beginning with a letter.</param>
[AttributeUsage(AttributeTargets.Method)]
public sealed class FunctionAttribute(string name) : Attribute
{
    /// <summary>The function's name.</summary>
    public string Name { get; } = name;
}
