using Licensing.Renewals;
using Xunit;

namespace Licensing.Tests.Renewals;

public sealed class PayPalDeclinesTests
{
    [Theory]
    [InlineData("INSTRUMENT_DECLINED", typeof(ChargeOutcome.SoftDeclined))]
    [InlineData("TRANSACTION_REFUSED", typeof(ChargeOutcome.SoftDeclined))]
    [InlineData("MAX_NUMBER_OF_PAYMENT_ATTEMPTS_EXCEEDED", typeof(ChargeOutcome.SoftDeclined))]
    [InlineData("AN_ISSUE_OF_NEXT_YEAR", typeof(ChargeOutcome.SoftDeclined))]
    // Only the customer can change these.
    [InlineData("PAYER_ACTION_REQUIRED", typeof(ChargeOutcome.HardDeclined))]
    [InlineData("ORDER_NOT_APPROVED", typeof(ChargeOutcome.HardDeclined))]
    [InlineData("PAYER_ACCOUNT_LOCKED_OR_CLOSED", typeof(ChargeOutcome.HardDeclined))]
    [InlineData("TOKEN_ID_NOT_FOUND", typeof(ChargeOutcome.HardDeclined))]
    [InlineData("AGREEMENT_ALREADY_CANCELLED", typeof(ChargeOutcome.HardDeclined))]
    // Money may have moved.
    [InlineData("ORDER_ALREADY_CAPTURED", typeof(ChargeOutcome.Unknown))]
    [InlineData("ORDER_COMPLETION_IN_PROGRESS", typeof(ChargeOutcome.Unknown))]
    [InlineData("PREVIOUS_REQUEST_IN_PROGRESS", typeof(ChargeOutcome.Unknown))]
    public void OfIssue_ByPayPalsIssue(string issue, Type outcome) => Assert.IsType(outcome, PayPalDeclines.OfIssue(issue, "a sentence"));

    [Theory]
    [InlineData("5120", null, "insufficient_funds", false)]
    [InlineData("5400", null, "expired_card", true)]
    [InlineData("9520", null, "lost_card", true)]
    [InlineData("5650", null, "payer_action_required", true)]
    [InlineData(null, null, "payment_declined", false)]
    [InlineData("a code of next year", null, "payment_declined", false)]
    // The bank's advice overrides the code in both directions.
    [InlineData("5120", "03", "insufficient_funds", true)]
    [InlineData("5120", "21", "insufficient_funds", true)]
    [InlineData("5400", "02", "expired_card", false)]
    public void OfProcessor_ByTheBanksCode(string? response, string? advice, string code, bool isHard)
    {
        var outcome = PayPalDeclines.OfProcessor(response, advice);

        Assert.Equal(
            (code, isHard),
            outcome switch
            {
                ChargeOutcome.HardDeclined hard => (hard.Code, true),
                ChargeOutcome.SoftDeclined soft => (soft.Code, false),
                _ => ("", false),
            });
    }
}
