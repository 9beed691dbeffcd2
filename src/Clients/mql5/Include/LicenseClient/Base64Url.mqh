// base64url without padding (RFC 4648, 5), as in JWS
#ifndef LICENSE_BASE64URL_MQH
#define LICENSE_BASE64URL_MQH
#include "Sha2.mqh"

int LicenseBase64UrlValue(const ushort c)
{
    if(c >= 'A' && c <= 'Z')
        return c - 'A';
    if(c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if(c >= '0' && c <= '9')
        return c - '0' + 52;
    return c == '-' ? 62 : c == '_' ? 63 : -1;
}

// Each text has one form only: unused bits of the last character must be 0.
bool LicenseBase64UrlDecode(const string text, LC_ARRAY(uchar, bytes))
{
    int length = StringLen(text);
    if(length % 4 == 1)
        return false;
    int size = length * 3 / 4;
    ArrayResize(bytes, size);
    uint bits = 0;
    int count = 0;
    int at = 0;
    for(int i = 0; i < length; i++)
    {
        int value = LicenseBase64UrlValue(StringGetCharacter(text, i));
        if(value < 0)
            return false;
        bits = (bits << 6) | (uint)value;
        count += 6;
        if(count >= 8)
        {
            count -= 8;
            bytes[at] = (uchar)((bits >> count) & 0xff);
            at++;
            bits &= ((uint)1 << count) - 1;
        }
    }
    return bits == 0;
}

string LicenseBase64Url(LC_CONST_ARRAY(uchar, bytes))
{
    const string digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    string text = "";
    int size = ArraySize(bytes);
    for(int i = 0; i < size; i += 3)
    {
        int rest = size - i;
        uint three = ((uint)bytes[i] << 16) | (rest > 1 ? (uint)bytes[i + 1] << 8 : (uint)0) | (rest > 2 ? (uint)bytes[i + 2] : (uint)0);
        for(int k = 0; k < 4 && k <= rest; k++)
            text += LicenseCut(digits, (int)((three >> (18 - 6 * k)) & 63), 1);
    }
    return text;
}

// The claim `dev` of a lease
string LicenseDeviceHash(const string eaInstanceId, const long account)
{
    LC_LIST(uchar, bytes);
    LC_LIST(uchar, hash);
    LicenseBytes(eaInstanceId + "\n" + IntegerToString(account), bytes);
    LicenseSha256(bytes, hash);
    return LicenseBase64Url(hash);
}

#endif
