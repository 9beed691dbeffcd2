using LicenseFunctions.Infrastructure.Http;
using Microsoft.AspNetCore.Http;
using Microsoft.Azure.Functions.Worker;
using Xunit;

namespace LicenseFunctions.Tests.Infrastructure.Http;

public sealed class FunctionRuleTests
{
    private static IResult Forgotten([HttpTrigger(AuthorizationLevel.Anonymous, "get")] HttpRequest request) => Results.Ok(request.Path);

    private static void Timer([TimerTrigger("0 0 3 * * *")] TimerInfo timer) => Assert.NotNull(timer);

    [Fact]
    public void Of_AFunctionWithoutAccess_AllowsNoRole() => Assert.DoesNotContain(Enum.GetValues<CallerRole>(), Of(Forgotten).Allows);

    [Fact]
    public void Of_ATimer_AllowsOperators() => Assert.Equal([CallerRole.Operator], Enum.GetValues<CallerRole>().Where(Of(Timer).Allows));

    [Theory]
    [InlineData("ListLicenses", "search status user_id after limit")]
    [InlineData("ShowTrends", null)] // no list
    [InlineData("SuspendLicense", null)] // not a read
    [InlineData("Page", null)] // for everybody
    public void Of_AList_HasItsQueryParameters(string function, string? parameters) =>
        Assert.Equal(parameters, new FunctionRules().Find(function)!.ListQuery is { } query ? string.Join(' ', query) : null);

    private static FunctionRule Of(Delegate function) => FunctionRule.Of("function", function.Method);
}
