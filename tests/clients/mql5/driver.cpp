// Reads one JSON object per line, decides or verifies with the MQL5 client, and writes one JSON object per line.
#include "shim.h"
#include "LicenseClient.mqh"
#include <iostream>

static string TextOf(const LicenseJson &json, const char *name)
{
    string text;
    json.Text(name, text);
    return text;
}

static long WholeOf(const LicenseJson &json, const char *name)
{
    long number = 0;
    json.Whole(name, number);
    return number;
}

static void FromHex(const string &hex, List<uchar> &bytes)
{
    std::string text = Shown(hex);
    bytes.items.clear();
    for(size_t i = 0; i + 1 < text.size(); i += 2)
        bytes.items.push_back((uchar)std::stoi(text.substr(i, 2), nullptr, 16));
}

static string Decide(const LicenseJson &line, LicenseLeaseReader &reader)
{
    LicenseState state;
    LicenseAnswer answer;
    LicenseDecision decision;
    LicenseJson stored;
    LicenseJson received;
    LicenseClear(state);
    if(stored.ReadObject(line.Raw("state")))
    {
        state.entitlement = TextOf(stored, "entitlement");
        state.detail = TextOf(stored, "detail");
        state.subscription = TextOf(stored, "subscription");
        state.lease = TextOf(stored, "lease");
        state.closeOnlyUntil = WholeOf(stored, "close_only_until");
        state.clockOffset = WholeOf(stored, "clock_offset");
        state.fullUntil = WholeOf(stored, "full_until");
        state.highestTime = WholeOf(stored, "highest_time");
        state.serverTime = WholeOf(stored, "server_time");
        stored.Flag("awaits_clock", state.awaitsClock);
        state.newestIssuedAt = WholeOf(stored, "newest_iat");
        state.refusedAt = WholeOf(stored, "refused_at");
        state.problem = TextOf(stored, "problem");
        state.problemDetail = TextOf(stored, "problem_detail");
    }
    bool hasAnswer = received.ReadObject(line.Raw("answer"));
    answer.status = (int)WholeOf(received, "status");
    answer.fault = TextOf(received, "fault");
    answer.body = TextOf(received, "body");
    answer.nonce = TextOf(received, "nonce");
    LicenseDecide(state, hasAnswer, answer, WholeOf(line, "now"), WholeOf(line, "elapsed"), TextOf(line, "keys"), TextOf(line, "issuer"),
        TextOf(line, "device"), reader, decision);
    return string("{\"entitlement\":") + LicenseJson::Quote(decision.entitlement) + ",\"message\":" + LicenseJson::Quote(decision.message)
        + ",\"problem\":" + LicenseJson::Quote(decision.problem) + ",\"text\":" + LicenseJson::Quote(decision.text)
        + ",\"state\":{\"entitlement\":" + LicenseJson::Quote(state.entitlement) + ",\"detail\":" + LicenseJson::Quote(state.detail)
        + ",\"subscription\":" + LicenseJson::Quote(state.subscription) + ",\"lease\":" + LicenseJson::Quote(state.lease)
        + ",\"close_only_until\":" + IntegerToString(state.closeOnlyUntil)
        + ",\"clock_offset\":" + IntegerToString(state.clockOffset)
        + ",\"full_until\":" + IntegerToString(state.fullUntil)
        + ",\"highest_time\":" + IntegerToString(state.highestTime) + ",\"server_time\":" + IntegerToString(state.serverTime)
        + ",\"awaits_clock\":" + (state.awaitsClock ? "true" : "false") + ",\"newest_iat\":" + IntegerToString(state.newestIssuedAt)
        + ",\"refused_at\":" + IntegerToString(state.refusedAt) + ",\"problem\":" + LicenseJson::Quote(state.problem)
        + ",\"problem_detail\":" + LicenseJson::Quote(state.problemDetail) + "}}";
}

static string Verify(const LicenseJson &line)
{
    LicenseLeaseUse use;
    LicenseLease lease;
    LicenseLeaseReader reader;
    use.keys = TextOf(line, "keys");
    use.issuer = TextOf(line, "issuer");
    use.device = TextOf(line, "device");
    use.subscription = TextOf(line, "subscription");
    use.newestIssuedAt = WholeOf(line, "newest_iat");
    use.refusedAt = WholeOf(line, "refused_at");
    return string("{\"fault\":") + LicenseJson::Quote(reader.Verify(TextOf(line, "lease"), use, WholeOf(line, "now"), lease)) + "}";
}

static string Primitive(const LicenseJson &line, const string &op)
{
    List<uchar> message, key, signature, hash;
    FromHex(TextOf(line, "message"), message);
    if(op == "ed25519")
    {
        FromHex(TextOf(line, "key"), key);
        FromHex(TextOf(line, "signature"), signature);
        return LicenseVerifyEd25519(key, message, signature) ? "{\"valid\":true}" : "{\"valid\":false}";
    }
    if(op == "sha256")
        LicenseSha256(message, hash);
    else
        LicenseSha512(message, hash);
    return string("{\"hash\":\"") + LicenseHex(hash, ArraySize(hash)) + "\"}";
}

int main()
{
    std::ios::sync_with_stdio(false);
    LicenseLeaseReader reader;
    for(std::string text; std::getline(std::cin, text);)
    {
        LicenseJson line;
        if(!line.ReadObject(string(text.c_str())))
            return 2;
        string op = TextOf(line, "op");
        std::cout << Shown(op == "decide" ? Decide(line, reader) : op == "verify" ? Verify(line) : Primitive(line, op)) << std::endl;
    }
}
