// Verifies Ed25519 signatures (RFC 8032, 5.1.7) with 64-bit integers, because MQL5 has no larger ones. The arithmetic is that of
// TweetNaCl (public domain): a field element has 16 limbs of 16 bits. Nothing here is secret, so the time may depend on the values.
#ifndef LICENSE_ED25519_MQH
#define LICENSE_ED25519_MQH
#include "Sha2.mqh"

struct LicenseField
{
    LC_FIXED(long, v, 16);
};

struct LicensePoint
{
    LicenseField x;
    LicenseField y;
    LicenseField z;
    LicenseField t;
};

#define LC_CURVE_D 0
#define LC_CURVE_2D 1
#define LC_BASE_X 2
#define LC_BASE_Y 3
#define LC_ROOT_OF_MINUS_1 4

LC_TABLE(long, LicenseCurve, 80) = {
    0x78a3, 0x1359, 0x4dca, 0x75eb, 0xd8ab, 0x4141, 0x0a4d, 0x0070, 0xe898, 0x7779, 0x4079, 0x8cc7, 0xfe73, 0x2b6f, 0x6cee, 0x5203,
    0xf159, 0x26b2, 0x9b94, 0xebd6, 0xb156, 0x8283, 0x149a, 0x00e0, 0xd130, 0xeef3, 0x80f2, 0x198e, 0xfce7, 0x56df, 0xd9dc, 0x2406,
    0xd51a, 0x8f25, 0x2d60, 0xc956, 0xa7b2, 0x9525, 0xc760, 0x692c, 0xdc5c, 0xfdd6, 0xe231, 0xc0a4, 0x53fe, 0xcd6e, 0x36d3, 0x2169,
    0x6658, 0x6666, 0x6666, 0x6666, 0x6666, 0x6666, 0x6666, 0x6666, 0x6666, 0x6666, 0x6666, 0x6666, 0x6666, 0x6666, 0x6666, 0x6666,
    0xa0b0, 0x4a0e, 0x1b27, 0xc4ee, 0xe478, 0xad2f, 0x1806, 0x2f43, 0xd7a7, 0x3dfb, 0x0099, 0x2b4d, 0xdf0b, 0x4fc1, 0x2480, 0x2b83
};

// The order of the base point, little endian
LC_TABLE(long, LicenseOrder, 32) = {
    0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58, 0xd6, 0x9c, 0xf7, 0xa2, 0xde, 0xf9, 0xde, 0x14,
    0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x10
};

void LicenseFieldSet(LicenseField &o, const long value)
{
    for(int i = 0; i < 16; i++)
        o.v[i] = 0;
    o.v[0] = value;
}

void LicenseFieldConstant(LicenseField &o, const int row)
{
    for(int i = 0; i < 16; i++)
        o.v[i] = LicenseCurve[16 * row + i];
}

// Right shifts of negative numbers round down in both languages.
void LicenseFieldCarry(LicenseField &o)
{
    for(int i = 0; i < 16; i++)
    {
        long carry = o.v[i] >> 16;
        o.v[i] -= carry * 65536;
        if(i < 15)
            o.v[i + 1] += carry;
        else
            o.v[0] += 38 * carry;
    }
}

void LicenseFieldAdd(LicenseField &o, const LicenseField &a, const LicenseField &b)
{
    for(int i = 0; i < 16; i++)
        o.v[i] = a.v[i] + b.v[i];
}

void LicenseFieldSubtract(LicenseField &o, const LicenseField &a, const LicenseField &b)
{
    for(int i = 0; i < 16; i++)
        o.v[i] = a.v[i] - b.v[i];
}

// o may be a or b
void LicenseFieldMultiply(LicenseField &o, const LicenseField &a, const LicenseField &b)
{
    LC_FIXED(long, t, 31);
    for(int i = 0; i < 31; i++)
        t[i] = 0;
    for(int i = 0; i < 16; i++)
        for(int j = 0; j < 16; j++)
            t[i + j] += a.v[i] * b.v[j];
    for(int i = 0; i < 15; i++)
        t[i] += 38 * t[i + 16];
    for(int i = 0; i < 16; i++)
        o.v[i] = t[i];
    LicenseFieldCarry(o);
    LicenseFieldCarry(o);
}

// The unique form below 2^255 - 19, little endian
void LicenseFieldPack(LC_ARRAY(uchar, bytes), const LicenseField &a)
{
    LicenseField t;
    LicenseField m;
    t = a;
    LicenseFieldCarry(t);
    LicenseFieldCarry(t);
    LicenseFieldCarry(t);
    for(int round = 0; round < 2; round++)
    {
        m.v[0] = t.v[0] - 0xffed;
        for(int i = 1; i < 16; i++)
        {
            m.v[i] = t.v[i] - (i < 15 ? 0xffff : 0x7fff) - ((m.v[i - 1] >> 16) & 1);
            m.v[i - 1] &= 0xffff;
        }
        if(((m.v[15] >> 16) & 1) == 0)
            t = m;
    }
    ArrayResize(bytes, 32);
    for(int i = 0; i < 16; i++)
    {
        bytes[2 * i] = (uchar)(t.v[i] & 0xff);
        bytes[2 * i + 1] = (uchar)((t.v[i] >> 8) & 0xff);
    }
}

void LicenseFieldUnpack(LicenseField &o, LC_CONST_ARRAY(uchar, bytes))
{
    for(int i = 0; i < 16; i++)
        o.v[i] = (long)bytes[2 * i] + ((long)bytes[2 * i + 1]) * 256;
    o.v[15] &= 0x7fff;
}

bool LicenseFieldEqual(const LicenseField &a, const LicenseField &b)
{
    LC_LIST(uchar, left);
    LC_LIST(uchar, right);
    LicenseFieldPack(left, a);
    LicenseFieldPack(right, b);
    for(int i = 0; i < 32; i++)
        if(left[i] != right[i])
            return false;
    return true;
}

int LicenseFieldParity(const LicenseField &a)
{
    LC_LIST(uchar, bytes);
    LicenseFieldPack(bytes, a);
    return bytes[0] & 1;
}

// o = a to the power 2^bits - 1 - missing: the exponent has only ones, except for the bits of missing
void LicenseFieldPower(LicenseField &o, const LicenseField &a, const int bits, const int missing)
{
    LicenseField base;
    LicenseField power;
    base = a;
    power = a;
    for(int i = bits - 2; i >= 0; i--)
    {
        LicenseFieldMultiply(power, power, power);
        if(i > 4 || ((missing >> i) & 1) == 0)
            LicenseFieldMultiply(power, power, base);
    }
    o = power;
}

void LicensePointAdd(LicensePoint &p, const LicensePoint &q)
{
    LicenseField a;
    LicenseField b;
    LicenseField c;
    LicenseField d;
    LicenseField e;
    LicenseField f;
    LicenseField g;
    LicenseField h;
    LicenseField k;
    LicenseFieldSubtract(a, p.y, p.x);
    LicenseFieldSubtract(k, q.y, q.x);
    LicenseFieldMultiply(a, a, k);
    LicenseFieldAdd(b, p.x, p.y);
    LicenseFieldAdd(k, q.x, q.y);
    LicenseFieldMultiply(b, b, k);
    LicenseFieldConstant(k, LC_CURVE_2D);
    LicenseFieldMultiply(c, p.t, q.t);
    LicenseFieldMultiply(c, c, k);
    LicenseFieldMultiply(d, p.z, q.z);
    LicenseFieldAdd(d, d, d);
    LicenseFieldSubtract(e, b, a);
    LicenseFieldSubtract(f, d, c);
    LicenseFieldAdd(g, d, c);
    LicenseFieldAdd(h, b, a);
    LicenseFieldMultiply(p.x, e, f);
    LicenseFieldMultiply(p.y, h, g);
    LicenseFieldMultiply(p.z, g, f);
    LicenseFieldMultiply(p.t, e, h);
}

void LicensePointSet(LicensePoint &p, const LicenseField &x, const LicenseField &y)
{
    p.x = x;
    p.y = y;
    LicenseFieldSet(p.z, 1);
    LicenseFieldMultiply(p.t, x, y);
}

// The negative of an encoded point; false if the bytes are not a point of the curve
bool LicensePointNegative(LicensePoint &p, LC_CONST_ARRAY(uchar, bytes))
{
    LicenseField one;
    LicenseField zero;
    LicenseField y;
    LicenseField x;
    LicenseField numerator;
    LicenseField denominator;
    LicenseField t;
    LC_LIST(uchar, canonical);
    LicenseFieldSet(one, 1);
    LicenseFieldSet(zero, 0);
    LicenseFieldUnpack(y, bytes);
    LicenseFieldPack(canonical, y);
    for(int i = 0; i < 32; i++)
        if(canonical[i] != (i < 31 ? bytes[i] : (uchar)(bytes[i] & 0x7f)))
            return false;

    // x^2 = (y^2 - 1) / (D y^2 + 1); the root is n d^3 (n d^7)^((p - 5) / 8), or that times the root of -1
    LicenseFieldConstant(denominator, LC_CURVE_D);
    LicenseFieldMultiply(numerator, y, y);
    LicenseFieldMultiply(denominator, denominator, numerator);
    LicenseFieldSubtract(numerator, numerator, one);
    LicenseFieldAdd(denominator, denominator, one);
    LicenseFieldMultiply(x, denominator, denominator);
    LicenseFieldMultiply(x, x, denominator);
    LicenseFieldMultiply(x, x, numerator);
    LicenseFieldMultiply(t, denominator, denominator);
    LicenseFieldMultiply(t, t, t);
    LicenseFieldMultiply(t, t, x);
    LicenseFieldPower(t, t, 252, 2); // (p - 5) / 8 = 2^252 - 3
    LicenseFieldMultiply(x, x, t);

    LicenseFieldMultiply(t, x, x);
    LicenseFieldMultiply(t, t, denominator);
    if(!LicenseFieldEqual(t, numerator))
    {
        LicenseFieldConstant(t, LC_ROOT_OF_MINUS_1);
        LicenseFieldMultiply(x, x, t);
    }
    LicenseFieldMultiply(t, x, x);
    LicenseFieldMultiply(t, t, denominator);
    if(!LicenseFieldEqual(t, numerator))
        return false;

    if(LicenseFieldParity(x) == (bytes[31] >> 7))
        LicenseFieldSubtract(x, zero, x);
    LicensePointSet(p, x, y);
    return true;
}

void LicensePointPack(LC_ARRAY(uchar, bytes), const LicensePoint &p)
{
    LicenseField inverse;
    LicenseField x;
    LicenseField y;
    LicenseFieldPower(inverse, p.z, 255, 20); // p - 2 = 2^255 - 21
    LicenseFieldMultiply(x, p.x, inverse);
    LicenseFieldMultiply(y, p.y, inverse);
    LicenseFieldPack(bytes, y);
    bytes[31] = (uchar)(bytes[31] ^ (LicenseFieldParity(x) << 7));
}

// The 64 bytes of a hash modulo the order
void LicenseOrderReduce(LC_ARRAY(uchar, reduced), LC_CONST_ARRAY(uchar, hash))
{
    LC_FIXED(long, x, 64);
    long carry;
    for(int i = 0; i < 64; i++)
        x[i] = hash[i];
    for(int i = 63; i >= 32; i--)
    {
        carry = 0;
        int j;
        for(j = i - 32; j < i - 12; j++)
        {
            x[j] += carry - 16 * x[i] * LicenseOrder[j - (i - 32)];
            carry = (x[j] + 128) >> 8;
            x[j] -= carry * 256;
        }
        x[j] += carry;
        x[i] = 0;
    }
    carry = 0;
    for(int j = 0; j < 32; j++)
    {
        x[j] += carry - (x[31] >> 4) * LicenseOrder[j];
        carry = x[j] >> 8;
        x[j] &= 255;
    }
    for(int j = 0; j < 32; j++)
        x[j] -= carry * LicenseOrder[j];
    ArrayResize(reduced, 32);
    for(int i = 0; i < 32; i++)
    {
        if(i < 31)
            x[i + 1] += x[i] >> 8;
        reduced[i] = (uchar)(x[i] & 255);
    }
}

// RFC 8032: a signature whose S is not below the order is invalid. Otherwise each signature would have a second form.
bool LicenseIsBelowOrder(LC_CONST_ARRAY(uchar, s))
{
    for(int i = 31; i >= 0; i--)
        if((long)s[i] != LicenseOrder[i])
            return (long)s[i] < LicenseOrder[i];
    return false;
}

bool LicenseVerifyEd25519(LC_CONST_ARRAY(uchar, key), LC_CONST_ARRAY(uchar, message), LC_CONST_ARRAY(uchar, signature))
{
    if(ArraySize(key) != 32 || ArraySize(signature) != 64)
        return false;
    LC_LIST(uchar, s);
    LC_LIST(uchar, hashed);
    LC_LIST(uchar, hash);
    LC_LIST(uchar, k);
    LC_LIST(uchar, r);
    LicensePoint base;
    LicensePoint negativeKey;
    LicensePoint sum;
    LicenseField x;
    LicenseField y;

    ArrayResize(s, 32);
    for(int i = 0; i < 32; i++)
        s[i] = signature[32 + i];
    if(!LicenseIsBelowOrder(s) || !LicensePointNegative(negativeKey, key))
        return false;

    int size = ArraySize(message);
    ArrayResize(hashed, 64 + size);
    for(int i = 0; i < 32; i++)
    {
        hashed[i] = signature[i];
        hashed[32 + i] = key[i];
    }
    for(int i = 0; i < size; i++)
        hashed[64 + i] = message[i];
    LicenseSha512(hashed, hash);
    LicenseOrderReduce(k, hash);

    // R must be S * base - k * key. Both products share the doublings.
    LicenseFieldConstant(x, LC_BASE_X);
    LicenseFieldConstant(y, LC_BASE_Y);
    LicensePointSet(base, x, y);
    LicenseFieldSet(x, 0);
    LicenseFieldSet(y, 1);
    LicensePointSet(sum, x, y);
    for(int bit = 252; bit >= 0; bit--)
    {
        LicensePointAdd(sum, sum);
        if(((s[bit / 8] >> (bit % 8)) & 1) == 1)
            LicensePointAdd(sum, base);
        if(((k[bit / 8] >> (bit % 8)) & 1) == 1)
            LicensePointAdd(sum, negativeKey);
    }
    LicensePointPack(r, sum);
    for(int i = 0; i < 32; i++)
        if(r[i] != signature[i])
            return false;
    return true;
}

#endif
