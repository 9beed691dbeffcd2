using Licensing.Renewals;
using Xunit;

namespace Licensing.Tests;

public sealed class CardDeclinesTests
{
    [Theory]
    // The bank's advice overrides the code in both directions.
    [InlineData("do_not_try_again", "insufficient_funds", "card_declined", "hard")]
    [InlineData("confirm_card_data", "do_not_honor", "card_declined", "hard")]
    [InlineData("try_again_later", "expired_card", "expired_card", "soft")]
    [InlineData("an_advice_of_next_year", "lost_card", "card_declined", "hard")]
    [InlineData("an_advice_of_next_year", "do_not_honor", "card_declined", "soft")]
    // No automatic retry, regardless of the advice.
    [InlineData(null, "authentication_required", "authentication_required", "authentication")]
    [InlineData(null, null, "authentication_required", "authentication")]
    [InlineData("try_again_later", "authentication_required", "authentication_required", "authentication")]
    // The codes that Stripe itself never retries.
    [InlineData(null, "incorrect_number", "incorrect_number", "hard")]
    [InlineData(null, "lost_card", "card_declined", "hard")]
    [InlineData(null, "stolen_card", "card_declined", "hard")]
    [InlineData(null, "pickup_card", "card_declined", "hard")]
    [InlineData(null, "revocation_of_authorization", "card_declined", "hard")]
    [InlineData(null, "revocation_of_all_authorizations", "card_declined", "hard")]
    [InlineData(null, "highest_risk_level", "card_declined", "hard")]
    [InlineData(null, "transaction_not_allowed", "card_declined", "hard")]
    // Declines that need another card.
    [InlineData(null, "expired_card", "expired_card", "hard")]
    [InlineData(null, null, "expired_card", "hard")]
    [InlineData(null, "invalid_account", "card_declined", "hard")]
    [InlineData(null, "restricted_card", "card_declined", "hard")]
    [InlineData(null, "stop_payment_order", "card_declined", "hard")]
    // All others may succeed later.
    [InlineData(null, "insufficient_funds", "card_declined", "soft")]
    [InlineData(null, "do_not_honor", "card_declined", "soft")]
    [InlineData(null, "generic_decline", "card_declined", "soft")]
    [InlineData(null, "processing_error", "processing_error", "soft")]
    [InlineData(null, "issuer_not_available", "card_declined", "soft")]
    [InlineData(null, "a_code_of_next_year", "card_declined", "soft")]
    [InlineData(null, null, null, "soft")]
    public void Classify_EachDecline_IsAsInTheTable(string? advice, string? declineCode, string? code, string expected)
    {
        var outcome = CardDeclines.Classify(advice, declineCode, code, "declined");

        Assert.Equal(expected, outcome switch
        {
            ChargeOutcome.HardDeclined => "hard",
            ChargeOutcome.SoftDeclined => "soft",
            ChargeOutcome.NeedsAuthentication => "authentication",
            _ => outcome.ToString(),
        });
    }

    [Fact]
    public void Classify_WithoutADeclineCode_KeepsTheErrorCodeAsReason() =>
        Assert.Equal(new ChargeOutcome.HardDeclined("expired_card", "Your card has expired."), CardDeclines.Classify(
            null, null, "expired_card", "Your card has expired."));
}
