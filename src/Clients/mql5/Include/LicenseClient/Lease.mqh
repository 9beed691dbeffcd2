// Verifies a lease: a JWS in compact form, signed with Ed25519 (RFC 7515, RFC 8037)
#ifndef LICENSE_LEASE_MQH
#define LICENSE_LEASE_MQH
#include "Base64Url.mqh"
#include "Ed25519.mqh"
#include "Json.mqh"

#define LICENSE_END_OF_TIME 32503680000 // the year 3000, where MetaTrader's times end

struct LicenseLease
{
    string issuer;
    string subscription;
    string device;
    string entitlement;
    long issuedAt;
    long expiresAt;
};

// What a lease must be for
struct LicenseLeaseUse
{
    string keys;         // the text of jwks.json
    string issuer;       // PUBLIC_URL of the server
    string device;       // LicenseDeviceHash
    string subscription; // "" if it is not known
    long newestIssuedAt; // of the leases seen
    long refusedAt;      // leases of this time and before it count as revoked
};

bool LicenseDecodedText(const string part, string &text)
{
    LC_LIST(uchar, bytes);
    if(!LicenseBase64UrlDecode(part, bytes) || ArraySize(bytes) == 0)
        return false;
    text = CharArrayToString(bytes, 0, ArraySize(bytes), CP_UTF8);
    return true;
}

// False if the keys have no Ed25519 key of this id
bool LicenseFindKey(const string keys, const string kid, LC_ARRAY(uchar, key))
{
    LicenseJson set;
    LicenseJson list;
    if(!set.ReadObject(keys) || !list.ReadArray(set.Raw("keys")))
        return false;
    for(int i = 0; i < list.Count(); i++)
    {
        LicenseJson item;
        string id = "";
        string type = "";
        string curve = "";
        string x = "";
        if(item.ReadObject(list.Item(i)) && item.Text("kid", id) && id == kid && item.Text("kty", type) && type == "OKP"
            && item.Text("crv", curve) && curve == "Ed25519" && item.Text("x", x) && LicenseBase64UrlDecode(x, key))
            return ArraySize(key) == 32;
    }
    return false;
}

// "" if the header, the signature and the claims are right, whatever the time, the device and the license; otherwise why not
string LicenseReadLease(const string compact, const string keys, LicenseLease &lease)
{
    int first = StringFind(compact, ".");
    int second = first < 0 ? -1 : StringFind(compact, ".", first + 1);
    int length = StringLen(compact);
    if(length > 4096 || second < 0 || StringFind(compact, ".", second + 1) >= 0)
        return "MALFORMED";
    string headerText = "";
    string claimsText = "";
    LicenseJson header;
    LicenseJson claims;
    LC_LIST(uchar, signature);
    if(!LicenseDecodedText(LicenseCut(compact, 0, first), headerText) || !header.ReadObject(headerText)
        || !LicenseDecodedText(LicenseCut(compact, first + 1, second - first - 1), claimsText) || !claims.ReadObject(claimsText)
        || !LicenseBase64UrlDecode(LicenseCut(compact, second + 1, length - second - 1), signature))
        return "MALFORMED";

    // Only this algorithm and type are accepted, and no critical extension.
    string algorithm = "";
    string type = "";
    string kid = "";
    if(!header.Text("alg", algorithm) || algorithm != "EdDSA" || !header.Text("typ", type) || type != "license-lease+jwt"
        || header.Raw("crit") != "")
        return "WRONG_TYPE";
    LC_LIST(uchar, key);
    LC_LIST(uchar, signedPart);
    if(!header.Text("kid", kid) || !LicenseFindKey(keys, kid, key))
        return "UNKNOWN_KEY";
    LicenseBytes(LicenseCut(compact, 0, second), signedPart);
    if(!LicenseVerifyEd25519(key, signedPart, signature))
        return "BAD_SIGNATURE";

    if(!claims.Text("iss", lease.issuer) || !claims.Text("sub", lease.subscription) || !claims.Text("dev", lease.device)
        || !claims.Text("ent", lease.entitlement) || !claims.Whole("iat", lease.issuedAt) || !claims.Whole("exp", lease.expiresAt)
        || lease.issuedAt < 0 || lease.issuedAt >= LICENSE_END_OF_TIME || lease.expiresAt < 0 || lease.expiresAt >= LICENSE_END_OF_TIME)
        return "MALFORMED";
    return "";
}

// Remembers the last genuine lease, because a signature takes milliseconds and the answer is needed every second.
class LicenseLeaseReader
{
private:
    string m_compact;
    string m_keys;
    LicenseLease m_lease;

public:
    LicenseLeaseReader() { m_compact = ""; m_keys = ""; }

    // "" if the lease is good at this time; otherwise why not
    string Verify(const string compact, const LicenseLeaseUse &use, const long now, LicenseLease &lease)
    {
        if(compact == "" || compact != m_compact || use.keys != m_keys)
        {
            m_compact = "";
            string fault = LicenseReadLease(compact, use.keys, m_lease);
            if(fault != "")
                return fault;
            m_compact = compact;
            m_keys = use.keys;
        }
        lease = m_lease;
        if(lease.issuer != use.issuer)
            return "OTHER_ISSUER";
        if(lease.entitlement != "FULL")
            return "NOT_FULL";
        if(lease.device != use.device)
            return "OTHER_DEVICE";
        if(use.subscription != "" && lease.subscription != use.subscription)
            return "OTHER_LICENSE";
        if(lease.issuedAt < use.newestIssuedAt)
            return "ROLLED_BACK";
        if(lease.issuedAt <= use.refusedAt)
            return "REVOKED";
        return now < lease.expiresAt ? "" : "EXPIRED";
    }
};

#endif
