//! What the standard library lacks: base64url, SHA-256, SHA-512, and verification by Ed25519 (RFC 8032). Ed25519 and base64url handle
//! public values only, so they need not run in constant time. A server that may use crates takes `sha2`, `base64` and `ed25519-dalek`
//! instead.

pub fn base64url(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let mut text = String::new();
    for chunk in bytes.chunks(3) {
        let bits = chunk.iter().fold(0u32, |bits, &byte| bits << 8 | byte as u32) << (8 * (3 - chunk.len()));
        for place in 0..=chunk.len() {
            text.push(ALPHABET[(bits >> (18 - 6 * place)) as usize & 63] as char);
        }
    }
    text
}

/// None for text with other characters or padding, or with bits after the last byte.
pub fn from_base64url(text: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(text.len() * 3 / 4);
    let (mut bits, mut count) = (0u32, 0);
    for character in text.bytes() {
        let value = match character {
            b'A'..=b'Z' => character - b'A',
            b'a'..=b'z' => character - b'a' + 26,
            b'0'..=b'9' => character - b'0' + 52,
            b'-' => 62,
            b'_' => 63,
            _ => return None,
        };
        bits = bits << 6 | value as u32;
        count += 6;
        if count >= 8 {
            count -= 8;
            bytes.push((bits >> count) as u8);
            bits &= (1 << count) - 1;
        }
    }
    (count < 6 && bits == 0).then_some(bytes)
}

macro_rules! sha2 {
    ($name:ident, $word:ty, $block:expr, $rounds:expr, $out:expr, $big:expr, $small:expr, $k:expr, $start:expr) => {
        pub fn $name(message: &[u8]) -> [u8; $out] {
            const BYTES: usize = std::mem::size_of::<$word>();
            let mut padded = message.to_vec();
            padded.push(0x80);
            while padded.len() % $block != $block - 2 * BYTES {
                padded.push(0);
            }
            padded.resize(padded.len() + 2 * BYTES - 8, 0);
            padded.extend_from_slice(&(message.len() as u64 * 8).to_be_bytes());
            let rotated = |word: $word, by: [u32; 3]| word.rotate_right(by[0]) ^ word.rotate_right(by[1]) ^ word.rotate_right(by[2]);
            let shifted = |word: $word, by: [u32; 3]| word.rotate_right(by[0]) ^ word.rotate_right(by[1]) ^ (word >> by[2]);
            let mut state: [$word; 8] = $start;
            for block in padded.chunks($block) {
                let mut w = [0 as $word; $rounds];
                for (i, bytes) in block.chunks(BYTES).enumerate() {
                    w[i] = <$word>::from_be_bytes(bytes.try_into().unwrap());
                }
                for i in 16..$rounds {
                    w[i] = w[i - 16]
                        .wrapping_add(shifted(w[i - 15], $small[0]))
                        .wrapping_add(w[i - 7])
                        .wrapping_add(shifted(w[i - 2], $small[1]));
                }
                let [mut a, mut b, mut c, mut d, mut e, mut f, mut g, mut h] = state;
                for i in 0..$rounds {
                    let one = h
                        .wrapping_add(rotated(e, $big[1]))
                        .wrapping_add((e & f) ^ (!e & g))
                        .wrapping_add($k[i])
                        .wrapping_add(w[i]);
                    let two = rotated(a, $big[0]).wrapping_add((a & b) ^ (a & c) ^ (b & c));
                    (h, g, f, e, d, c, b, a) = (g, f, e, d.wrapping_add(one), c, b, a, one.wrapping_add(two));
                }
                for (word, more) in state.iter_mut().zip([a, b, c, d, e, f, g, h]) {
                    *word = word.wrapping_add(more);
                }
            }
            let mut hash = [0; $out];
            for (bytes, word) in hash.chunks_mut(BYTES).zip(state) {
                bytes.copy_from_slice(&word.to_be_bytes());
            }
            hash
        }
    };
}

// The first bits of the fractional parts of the cube roots of the first 80 primes. SHA-256 uses the first half of each of the first 64.
const K64: [u64; 80] = [
    0x428a2f98d728ae22,
    0x7137449123ef65cd,
    0xb5c0fbcfec4d3b2f,
    0xe9b5dba58189dbbc,
    0x3956c25bf348b538,
    0x59f111f1b605d019,
    0x923f82a4af194f9b,
    0xab1c5ed5da6d8118,
    0xd807aa98a3030242,
    0x12835b0145706fbe,
    0x243185be4ee4b28c,
    0x550c7dc3d5ffb4e2,
    0x72be5d74f27b896f,
    0x80deb1fe3b1696b1,
    0x9bdc06a725c71235,
    0xc19bf174cf692694,
    0xe49b69c19ef14ad2,
    0xefbe4786384f25e3,
    0x0fc19dc68b8cd5b5,
    0x240ca1cc77ac9c65,
    0x2de92c6f592b0275,
    0x4a7484aa6ea6e483,
    0x5cb0a9dcbd41fbd4,
    0x76f988da831153b5,
    0x983e5152ee66dfab,
    0xa831c66d2db43210,
    0xb00327c898fb213f,
    0xbf597fc7beef0ee4,
    0xc6e00bf33da88fc2,
    0xd5a79147930aa725,
    0x06ca6351e003826f,
    0x142929670a0e6e70,
    0x27b70a8546d22ffc,
    0x2e1b21385c26c926,
    0x4d2c6dfc5ac42aed,
    0x53380d139d95b3df,
    0x650a73548baf63de,
    0x766a0abb3c77b2a8,
    0x81c2c92e47edaee6,
    0x92722c851482353b,
    0xa2bfe8a14cf10364,
    0xa81a664bbc423001,
    0xc24b8b70d0f89791,
    0xc76c51a30654be30,
    0xd192e819d6ef5218,
    0xd69906245565a910,
    0xf40e35855771202a,
    0x106aa07032bbd1b8,
    0x19a4c116b8d2d0c8,
    0x1e376c085141ab53,
    0x2748774cdf8eeb99,
    0x34b0bcb5e19b48a8,
    0x391c0cb3c5c95a63,
    0x4ed8aa4ae3418acb,
    0x5b9cca4f7763e373,
    0x682e6ff3d6b2b8a3,
    0x748f82ee5defb2fc,
    0x78a5636f43172f60,
    0x84c87814a1f0ab72,
    0x8cc702081a6439ec,
    0x90befffa23631e28,
    0xa4506cebde82bde9,
    0xbef9a3f7b2c67915,
    0xc67178f2e372532b,
    0xca273eceea26619c,
    0xd186b8c721c0c207,
    0xeada7dd6cde0eb1e,
    0xf57d4f7fee6ed178,
    0x06f067aa72176fba,
    0x0a637dc5a2c898a6,
    0x113f9804bef90dae,
    0x1b710b35131c471b,
    0x28db77f523047d84,
    0x32caab7b40c72493,
    0x3c9ebe0a15c9bebc,
    0x431d67c49c100d4c,
    0x4cc5d4becb3e42b6,
    0x597f299cfc657e2a,
    0x5fcb6fab3ad6faec,
    0x6c44198c4a475817,
];

const K32: [u32; 64] = {
    let mut words = [0; 64];
    let mut i = 0;
    while i < 64 {
        words[i] = (K64[i] >> 32) as u32;
        i += 1;
    }
    words
};

sha2!(
    sha256,
    u32,
    64,
    64,
    32,
    [[2, 13, 22], [6, 11, 25]],
    [[7, 18, 3], [17, 19, 10]],
    K32,
    [0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19,]
);
sha2!(
    sha512,
    u64,
    128,
    80,
    64,
    [[28, 34, 39], [14, 18, 41]],
    [[1, 8, 7], [19, 61, 6]],
    K64,
    [
        0x6a09e667f3bcc908,
        0xbb67ae8584caa73b,
        0x3c6ef372fe94f82b,
        0xa54ff53a5f1d36f1,
        0x510e527fade682d1,
        0x9b05688c2b3e6c1f,
        0x1f83d9abfb41bd6b,
        0x5be0cd19137e2179,
    ]
);

/// A number modulo 2^255 - 19: 16 digits of 16 bits, which may be too large or negative between two operations.
type Field = [i64; 16];

const ZERO: Field = [0; 16];
const ONE: Field = [1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];

fn carry(a: &mut Field) {
    for i in 0..16 {
        let over = a[i] >> 16;
        a[i] -= over << 16;
        if i < 15 {
            a[i + 1] += over;
        } else {
            a[0] += 38 * over;
        }
    }
}

fn add(a: &Field, b: &Field) -> Field {
    std::array::from_fn(|i| a[i] + b[i])
}

fn sub(a: &Field, b: &Field) -> Field {
    std::array::from_fn(|i| a[i] - b[i])
}

fn mul(a: &Field, b: &Field) -> Field {
    let mut long = [0i64; 31];
    for i in 0..16 {
        for j in 0..16 {
            long[i + j] += a[i] * b[j];
        }
    }
    let mut product: Field = std::array::from_fn(|i| long[i] + if i < 15 { 38 * long[i + 16] } else { 0 });
    carry(&mut product);
    carry(&mut product);
    product
}

/// `a` to the power of 2^bits - minus.
fn power(a: &Field, bits: usize, minus: u32) -> Field {
    let mut result = ONE;
    for bit in (0..bits).rev() {
        result = mul(&result, &result);
        // In 2^bits - minus, all bits from 5 on are 1: minus is at most 32.
        if bit >= 5 || (32 - minus) >> bit & 1 == 1 {
            result = mul(&result, a);
        }
    }
    result
}

fn inverse(a: &Field) -> Field {
    power(a, 255, 21)
}

fn pack(a: &Field) -> [u8; 32] {
    let mut number = *a;
    for _ in 0..3 {
        carry(&mut number);
    }
    for _ in 0..2 {
        let mut reduced = ZERO;
        reduced[0] = number[0] - 0xffed;
        for i in 1..16 {
            reduced[i] = number[i] - (if i < 15 { 0xffff } else { 0x7fff }) - (reduced[i - 1] >> 16 & 1);
            reduced[i - 1] &= 0xffff;
        }
        if reduced[15] >> 16 & 1 == 0 {
            number = reduced;
        }
    }
    std::array::from_fn(|i| (number[i / 2] >> (8 * (i % 2))) as u8)
}

fn unpack(bytes: &[u8; 32]) -> Field {
    let mut number: Field = std::array::from_fn(|i| bytes[2 * i] as i64 | (bytes[2 * i + 1] as i64) << 8);
    number[15] &= 0x7fff;
    number
}

fn equal(a: &Field, b: &Field) -> bool {
    pack(a) == pack(b)
}

fn small(value: i64) -> Field {
    let mut number = ZERO;
    number[0] = value;
    number
}

/// The curve's d: -121665 / 121666.
fn d() -> Field {
    mul(&sub(&ZERO, &small(121665)), &inverse(&small(121666)))
}

/// A point in extended coordinates: x = X/Z, y = Y/Z, T = XY/Z.
#[derive(Clone, Copy)]
struct Point([Field; 4]);

impl Point {
    const NEUTRAL: Point = Point([ZERO, ONE, ONE, ZERO]);

    fn plus(&self, other: &Point, d2: &Field) -> Point {
        let ([x1, y1, z1, t1], [x2, y2, z2, t2]) = (&self.0, &other.0);
        let a = mul(&sub(y1, x1), &sub(y2, x2));
        let b = mul(&add(x1, y1), &add(x2, y2));
        let c = mul(&mul(t1, t2), d2);
        let twice = mul(z1, z2);
        let z = add(&twice, &twice);
        let (e, f, g, h) = (sub(&b, &a), sub(&z, &c), add(&z, &c), add(&b, &a));
        Point([mul(&e, &f), mul(&h, &g), mul(&g, &f), mul(&e, &h)])
    }

    /// `a` times this point plus `b` times the other.
    fn times(&self, a: &[u8; 32], other: &Point, b: &[u8; 32], d2: &Field) -> Point {
        let both = self.plus(other, d2);
        let bit = |scalar: &[u8; 32], at: usize| scalar[at / 8] >> (at % 8) & 1 == 1;
        let mut result = Point::NEUTRAL;
        for at in (0..256).rev() {
            result = result.plus(&result, d2);
            result = match (bit(a, at), bit(b, at)) {
                (true, true) => result.plus(&both, d2),
                (true, false) => result.plus(self, d2),
                (false, true) => result.plus(other, d2),
                (false, false) => result,
            };
        }
        result
    }

    fn minus(&self) -> Point {
        let [x, y, z, t] = &self.0;
        Point([sub(&ZERO, x), *y, *z, sub(&ZERO, t)])
    }

    fn packed(&self) -> [u8; 32] {
        let [x, y, z, _] = &self.0;
        let by = inverse(z);
        let mut bytes = pack(&mul(y, &by));
        bytes[31] ^= (pack(&mul(x, &by))[0] & 1) << 7;
        bytes
    }

    /// None if no point of the curve has these bytes.
    fn unpacked(bytes: &[u8; 32], d: &Field) -> Option<Point> {
        let y = unpack(bytes);
        let mut canonical = *bytes;
        canonical[31] &= 0x7f;
        if pack(&y) != canonical {
            return None;
        }
        let square = mul(&y, &y);
        let (top, bottom) = (sub(&square, &ONE), add(&mul(d, &square), &ONE));
        // x = top * bottom^3 * (top * bottom^7)^((p - 5) / 8), or that times the root of -1
        let third = mul(&mul(&bottom, &bottom), &bottom);
        let seventh = mul(&mul(&third, &third), &bottom);
        let mut x = mul(&mul(&top, &third), &power(&mul(&top, &seventh), 252, 3));
        if !equal(&mul(&bottom, &mul(&x, &x)), &top) {
            // The root of -1: 2^((p - 1) / 4)
            x = mul(&x, &power(&small(2), 253, 5));
            if !equal(&mul(&bottom, &mul(&x, &x)), &top) {
                return None;
            }
        }
        let sign = bytes[31] >> 7;
        if sign == 1 && equal(&x, &ZERO) {
            return None;
        }
        if pack(&x)[0] & 1 != sign {
            x = sub(&ZERO, &x);
        }
        Some(Point([x, y, ONE, mul(&x, &y)]))
    }
}

/// The order of the base point, 2^252 + 27742317777372353535851937790883648493, with the lowest byte first.
const ORDER: [u8; 32] = [
    0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58, 0xd6, 0x9c, 0xf7, 0xa2, 0xde, 0xf9, 0xde, 0x14, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0x10,
];

/// Both numbers have the lowest byte first.
fn is_below(a: &[u8; 32], b: &[u8; 32]) -> bool {
    a.iter().rev().lt(b.iter().rev())
}

/// A number of 64 bytes modulo the order: one bit after another.
fn reduced(long: &[u8; 64]) -> [u8; 32] {
    let mut rest = [0u8; 32];
    for bit in (0..512).rev() {
        let mut carried = long[bit / 8] >> (bit % 8) & 1;
        for byte in rest.iter_mut() {
            (*byte, carried) = (*byte << 1 | carried, *byte >> 7);
        }
        if !is_below(&rest, &ORDER) {
            let mut borrowed = 0;
            for i in 0..32 {
                let difference = rest[i] as i16 - ORDER[i] as i16 - borrowed;
                rest[i] = difference as u8;
                borrowed = (difference < 0) as i16;
            }
        }
    }
    rest
}

/// Whether the signature of 64 bytes is that of the message by the public key of 32 bytes.
pub fn is_signed(public_key: &[u8], message: &[u8], signature: &[u8]) -> bool {
    match (public_key.try_into(), signature.len()) {
        (Ok(key), 64) => verifies(key, message, &signature[..32], &signature[32..]).unwrap_or(false),
        _ => false,
    }
}

/// None if the key is not a point of the curve.
fn verifies(key: &[u8; 32], message: &[u8], r: &[u8], s: &[u8]) -> Option<bool> {
    let s: &[u8; 32] = s.try_into().ok()?;
    // Without this, the same message would have several signatures.
    if !is_below(s, &ORDER) {
        return Some(false);
    }
    let d = d();
    let d2 = add(&d, &d);
    let point = Point::unpacked(key, &d)?;
    // The base point: y = 4/5, with an even x.
    let base = Point::unpacked(&pack(&mul(&small(4), &inverse(&small(5)))), &d)?;
    let hash = reduced(&sha512(&[r, &key[..], message].concat()));
    // sB - hA must be R.
    Some(base.times(s, &point.minus(), &hash, &d2).packed() == r)
}
