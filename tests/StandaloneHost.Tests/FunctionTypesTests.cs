using System.Reflection;
using Microsoft.Azure.Functions.Worker;
using Xunit;

namespace StandaloneHost.Tests;

public sealed class FunctionTypesTests
{
    [Fact]
    public void Of_AnAssembly_FindsTheTypesThatReflectionFinds()
    {
        const BindingFlags Declared =
            BindingFlags.Public | BindingFlags.NonPublic | BindingFlags.Instance | BindingFlags.Static | BindingFlags.DeclaredOnly;
        var assembly = Assembly.GetExecutingAssembly();

        var reflected = assembly.GetTypes()
            .Where(type => type.GetMethods(Declared).Any(method => method.IsDefined(typeof(FunctionAttribute))))
            .ToList();

        Assert.NotEmpty(reflected);
        Assert.Equal(reflected, FunctionTypes.Of(assembly));
    }
}
