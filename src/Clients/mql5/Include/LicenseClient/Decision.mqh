// What a client may do, from what it knows, the newest answer and the clock. No I/O. Times are seconds since 1970, UTC.
// The cases in conformance/cases.json define it for all clients.
#ifndef LICENSE_DECISION_MQH
#define LICENSE_DECISION_MQH
#include "Lease.mqh"

#define LICENSE_GRACE_SECONDS 3600
#define LICENSE_CLOCK_TOLERANCE_SECONDS 300
#define LICENSE_LONGEST_PAUSE_SECONDS 2592000 // 30 days

// What is stored between two checks and over restarts
struct LicenseState
{
    string entitlement; // of the last verdict: FULL, CLOSE_ONLY, NONE; "" before the first
    string detail;      // the server's sentence
    string subscription;
    string lease;
    long closeOnlyUntil; // 0 if it has no end
    long fullUntil;      // FULL ends here if there is neither a verdict nor a good lease
    long clockOffset;    // how far the clock was ahead of the server's at the last verdict
    long highestTime;    // the server's time and what elapsed since; follows the clock while the process does not run
    long serverTime;     // the server's time and what elapsed since; stops while the process does not run
    bool awaitsClock;    // true from the process's start until the clock shows a possible time
    long newestIssuedAt; // of the leases seen
    long refusedAt;      // the last verdict other than FULL
    string problem;      // of the last answer; "" if it was a verdict
    string problemDetail;
};

// The outcome of one HTTP request
struct LicenseAnswer
{
    int status;   // 0: there was no HTTP answer
    string fault; // URL_NOT_ALLOWED if MetaTrader rejected the request
    string body;  // for URL_NOT_ALLOWED, the address
    string nonce; // of the request
};

struct LicenseDecision
{
    string entitlement;
    string message; // VALID, CLOSE_ONLY, REFUSED, LEASE, KEPT, UNCONFIRMED or NOT_CHECKED
    string problem; // "" or NO_ANSWER, URL_NOT_ALLOWED, NOT_THE_SERVER, SERVER_ERROR, REJECTED, CLOCK_WRONG
    string text;    // for the user
};

void LicenseClear(LicenseState &state)
{
    state.entitlement = "";
    state.detail = "";
    state.subscription = "";
    state.lease = "";
    state.closeOnlyUntil = 0;
    state.fullUntil = 0;
    state.clockOffset = 0;
    state.highestTime = 0;
    state.serverTime = 0;
    state.awaitsClock = false;
    state.newestIssuedAt = 0;
    state.refusedAt = 0;
    state.problem = "";
    state.problemDetail = "";
}

int LicenseNumberAt(const string text, const int at, const int digits)
{
    int number = 0;
    for(int i = at; i < at + digits; i++)
    {
        ushort c = i < StringLen(text) ? StringGetCharacter(text, i) : (ushort)0;
        if(c < '0' || c > '9')
            return -1;
        number = number * 10 + (c - '0');
    }
    return number;
}

// A time as in RFC 3339; 0 if it isn't one or is not before the year 3000, where MetaTrader's times end
long LicenseTime(const string text)
{
    int length = StringLen(text);
    int year = LicenseNumberAt(text, 0, 4);
    int month = LicenseNumberAt(text, 5, 2);
    int day = LicenseNumberAt(text, 8, 2);
    int hour = LicenseNumberAt(text, 11, 2);
    int minute = LicenseNumberAt(text, 14, 2);
    int second = LicenseNumberAt(text, 17, 2);
    if(year < 1970 || year > 2999 || month < 1 || month > 12 || day < 1 || day > 31 || hour < 0 || hour > 23 || minute < 0 || minute > 59
        || second < 0 || second > 59 || StringGetCharacter(text, 10) != 'T')
        return 0;
    int at = 19;
    if(at < length && StringGetCharacter(text, at) == '.')
    {
        at++;
        while(LicenseNumberAt(text, at, 1) >= 0)
            at++;
    }
    long offset = 0;
    string zone = LicenseCut(text, at, length - at);
    if(zone != "Z")
    {
        int hours = LicenseNumberAt(zone, 1, 2);
        int minutes = LicenseNumberAt(zone, 4, 2);
        ushort sign = zone == "" ? (ushort)0 : StringGetCharacter(zone, 0);
        if(StringLen(zone) != 6 || hours < 0 || minutes < 0 || (sign != '+' && sign != '-'))
            return 0;
        offset = (sign == '+' ? 60 : -60) * (hours * 60 + minutes);
    }
    // Days since 1970; the year starts in March, so that a leap day is its last day.
    long y = month > 2 ? year : year - 1;
    long m = month > 2 ? month - 3 : month + 9;
    long days = 365 * y + y / 4 - y / 100 + y / 400 + (153 * m + 2) / 5 + day - 1 - 719468;
    return days * 86400 + hour * 3600 + minute * 60 + second - offset;
}

string LicenseMinute(const long time)
{
    string text = TimeToString((datetime)time, TIME_DATE | TIME_MINUTES);
    StringReplace(text, ".", "-");
    return text + " UTC";
}

string LicenseSentence(const string text)
{
    int length = StringLen(text);
    return length > 0 && StringGetCharacter(text, length - 1) == '.' ? text : text + ".";
}

string LicenseProblemText(const string problem, const string detail)
{
    if(problem == "URL_NOT_ALLOWED")
        return "MetaTrader does not allow the request. Open Tools > Options > Expert Advisors and add this address to the allowed URLs: "
            + LicenseSentence(detail);
    if(problem == "NO_ANSWER")
        return "The license server does not answer.";
    if(problem == "NOT_THE_SERVER")
        return "The answer is not from the license server. Does the network require a sign-in?";
    if(problem == "SERVER_ERROR")
        return "The license server has an error or is busy.";
    if(problem == "REJECTED")
        return "The license server rejected the request: " + LicenseSentence(detail);
    return problem == "CLOCK_WRONG" ? "The clock of this computer is wrong or was changed; check it." : "";
}

// False if the answer is not a verdict. The server returns the request's nonce. A stored answer has another one.
bool LicenseIsVerdict(const LicenseAnswer &answer, LicenseJson &json)
{
    bool valid = false;
    string code = "";
    string nonce = "";
    return answer.status == 200 && json.ReadObject(answer.body) && json.Flag("valid", valid) && json.Text("code", code)
        && json.Text("nonce", nonce) && nonce == answer.nonce;
}

// An older server sends no entitlement. An unknown entitlement counts as CLOSE_ONLY.
string LicenseEntitlementOf(const LicenseJson &json, const string before)
{
    bool valid = false;
    string word = "";
    json.Flag("valid", valid);
    if(!json.Has("entitlement"))
        return valid ? "FULL" : before == "FULL" || before == "CLOSE_ONLY" ? "CLOSE_ONLY" : "NONE";
    json.Text("entitlement", word);
    return word == "NONE" ? "NONE" : word == "FULL" && valid ? "FULL" : "CLOSE_ONLY";
}

void LicenseApplyVerdict(LicenseState &state, const LicenseJson &json, const long clock, const LicenseLeaseUse &given,
    LicenseLeaseReader &reader)
{
    string text = "";
    long now = clock;
    state.serverTime = json.Text("checked_at", text) ? LicenseTime(text) : 0;
    if(state.serverTime > 0)
        now = state.serverTime;
    state.highestTime = now;
    state.clockOffset = clock - now;
    state.awaitsClock = false;
    state.problem = "";
    state.problemDetail = "";
    state.entitlement = LicenseEntitlementOf(json, state.entitlement);
    if(!json.Text("detail", state.detail))
        json.Text("code", state.detail);
    text = "";
    state.closeOnlyUntil = json.Text("close_only_until", text) ? LicenseTime(text) : 0;
    if(json.Text("subscription_id", text) && text != state.subscription)
    {
        state.subscription = text;
        state.lease = "";
        state.newestIssuedAt = 0;
        state.refusedAt = 0;
    }
    if(state.entitlement != "FULL")
    {
        state.lease = "";
        state.fullUntil = 0;
        state.refusedAt = now;
        return;
    }
    state.fullUntil = now + LICENSE_GRACE_SECONDS;
    if(!json.Text("lease", text))
        return;
    // This verdict is newer than every refusal, so an earlier refusal doesn't count.
    LicenseLeaseUse use = given;
    LicenseLease lease;
    use.subscription = state.subscription;
    use.newestIssuedAt = state.newestIssuedAt;
    use.refusedAt = 0;
    string fault = reader.Verify(text, use, now, lease);
    if(fault == "")
    {
        state.lease = text;
        state.newestIssuedAt = lease.issuedAt;
        state.refusedAt = 0;
    }
    else if(state.lease == "")
        state.detail = LicenseSentence(state.detail) + " In an outage, trading ends: the lease is not accepted (" + fault + ").";
}

// The detail is that of an error of this backend (RFC 9457), or the address that MetaTrader does not allow.
string LicenseProblemOf(const LicenseAnswer &answer, string &detail)
{
    detail = "";
    if(answer.status == 0)
    {
        if(answer.fault != "URL_NOT_ALLOWED")
            return "NO_ANSWER";
        detail = answer.body;
        return "URL_NOT_ALLOWED";
    }
    LicenseJson json;
    string code = "";
    if(answer.status >= 400 && json.ReadObject(answer.body) && json.Text("code", code))
        json.Text("detail", detail);
    if(answer.status == 429 || (answer.status >= 500 && answer.status != 511))
        return "SERVER_ERROR";
    return detail == "" ? "NOT_THE_SERVER" : "REJECTED";
}

// Advances the times by what elapsed, and compares the clock. The clock moves the highest time only at the start of the process.
// False if the clock can't be right. latest: the highest time, or the time of a wrong clock that is ahead.
bool LicenseAdvance(LicenseState &state, const long clock, const long elapsed, long &latest)
{
    state.awaitsClock = state.awaitsClock || elapsed < 0;
    if(elapsed > 0)
    {
        state.highestTime += elapsed;
        state.serverTime += elapsed;
    }
    latest = state.highestTime;
    long from = latest - LICENSE_CLOCK_TOLERANCE_SECONDS;
    long limit = latest + (state.awaitsClock ? LICENSE_LONGEST_PAUSE_SECONDS : LICENSE_CLOCK_TOLERANCE_SECONDS);
    // A clock that was wrong at the last verdict may have been corrected since. If both are possible, the later time counts.
    long corrected = clock - state.clockOffset;
    bool isCorrected = corrected >= from && corrected <= limit;
    bool isRight = clock >= from && clock <= limit;
    if(!isCorrected && !isRight)
    {
        long earlier = clock < corrected ? clock : corrected;
        if(earlier > latest)
            latest = earlier;
        return false;
    }
    long time = isRight && (!isCorrected || clock > corrected) ? clock : corrected;
    if(time == clock)
        state.clockOffset = 0;
    if(state.awaitsClock && time > latest)
        latest = time;
    state.highestTime = latest;
    state.awaitsClock = false;
    return true;
}

// elapsed: seconds since the previous decision of this process, by a clock that nobody can set; -1 for the first.
// clock: the time that this computer shows. hasAnswer: whether there is a new answer. Otherwise only time has passed.
void LicenseDecide(LicenseState &state, const bool hasAnswer, const LicenseAnswer &answer, const long clock, const long elapsed,
    const string keys, const string issuer, const string device, LicenseLeaseReader &reader, LicenseDecision &decision)
{
    LicenseLeaseUse use;
    LicenseLease lease;
    LicenseJson json;
    use.keys = keys;
    use.issuer = issuer;
    use.device = device;
    bool isVerdict = hasAnswer && LicenseIsVerdict(answer, json);
    if(isVerdict)
        LicenseApplyVerdict(state, json, clock, use, reader);
    else if(hasAnswer)
        state.problem = LicenseProblemOf(answer, state.problemDetail);
    long latest = 0;
    bool isWrong = state.entitlement != "" && !LicenseAdvance(state, clock, isVerdict ? 0 : elapsed, latest);

    // If a wrong clock is ahead, the lease must be valid at its time, too. Otherwise FULL ends in an hour, or with the lease.
    long time = state.highestTime;
    use.subscription = state.subscription;
    use.newestIssuedAt = state.newestIssuedAt;
    use.refusedAt = state.refusedAt;
    bool isLeased = state.entitlement == "FULL" && !state.awaitsClock && reader.Verify(state.lease, use, latest, lease) == "";
    if(isLeased)
        state.fullUntil = time + LICENSE_GRACE_SECONDS < lease.expiresAt ? time + LICENSE_GRACE_SECONDS : lease.expiresAt;

    bool isOff = state.clockOffset > LICENSE_CLOCK_TOLERANCE_SECONDS || state.clockOffset < -LICENSE_CLOCK_TOLERANCE_SECONDS;
    decision.problem = isWrong || (state.problem == "" && isOff) ? "CLOCK_WRONG" : state.problem;
    string problem = LicenseProblemText(decision.problem, state.problemDetail);
    string managed = "Open positions are managed and closed";
    string text = "";
    // The clock alone never ends CLOSE_ONLY.
    bool isEnded = state.entitlement == "CLOSE_ONLY" && state.closeOnlyUntil > 0 && state.serverTime >= state.closeOnlyUntil;
    if(state.entitlement == "")
    {
        decision.entitlement = "CLOSE_ONLY";
        decision.message = "NOT_CHECKED";
        text = "The license has not been checked yet. " + managed + "; no position is opened.";
    }
    else if(state.entitlement == "NONE" || isEnded)
    {
        decision.entitlement = "NONE";
        decision.message = "REFUSED";
        text = LicenseSentence(state.detail);
    }
    else if(state.entitlement == "CLOSE_ONLY")
    {
        decision.entitlement = "CLOSE_ONLY";
        decision.message = "CLOSE_ONLY";
        text = LicenseSentence(state.detail) + " " + managed
            + (state.closeOnlyUntil > 0 ? " until " + LicenseMinute(state.closeOnlyUntil) : "") + "; no position is opened.";
    }
    else if(state.awaitsClock || (!isLeased && time >= state.fullUntil))
    {
        decision.entitlement = "CLOSE_ONLY";
        decision.message = "UNCONFIRMED";
        text = "No position is opened until a check succeeds. " + managed + ".";
    }
    else
    {
        decision.entitlement = "FULL";
        decision.message = state.problem == "" ? "VALID" : isLeased ? "LEASE" : "KEPT";
        text = decision.message == "VALID" ? LicenseSentence(state.detail)
            : isLeased ? "Trading continues with the saved lease, at most until " + LicenseMinute(lease.expiresAt) + "."
            : "Trading continues at most until " + LicenseMinute(state.fullUntil) + ".";
    }
    decision.text = problem + (problem == "" ? "" : " ") + text;
}

#endif
