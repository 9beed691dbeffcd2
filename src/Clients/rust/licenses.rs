//! License checks and leases for the platform's ingest server: what an EA may be sent, also while the backend doesn't answer.

use crate::crypto::{base64url, from_base64url, is_signed, sha256};
use crate::json::{quote, Json};
use std::collections::{HashMap, HashSet};
use std::io::{Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::time::Duration;

/// What an EA may do: FULL trades, CLOSE_ONLY manages and closes its positions, NONE does nothing.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Entitlement {
    Full,
    CloseOnly,
    None,
}

impl std::fmt::Display for Entitlement {
    fn fmt(&self, to: &mut std::fmt::Formatter) -> std::fmt::Result {
        to.write_str(match self {
            Entitlement::Full => "FULL",
            Entitlement::CloseOnly => "CLOSE_ONLY",
            Entitlement::None => "NONE",
        })
    }
}

/// An EA that is connected to the ingest server.
pub struct Ea<'a> {
    pub token: &'a str,
    pub ea_instance_id: &'a str,
    pub account: u64,
    pub address: String,
}

impl Ea<'_> {
    /// As in the claim `dev` of its leases.
    fn device(&self) -> String {
        base64url(&sha256(format!("{}\n{}", self.ea_instance_id, self.account).as_bytes()))
    }
}

/// The address of the backend, and the token for it.
pub struct Backend {
    /// `host:port`. The standard library has no TLS. Between hosts, connect through a proxy that adds TLS, or use a crate such as `ureq`.
    pub address: String,
    /// A bearer token of role `service`.
    pub token: String,
}

impl Backend {
    const TIMEOUT: Duration = Duration::from_secs(3);

    /// The body of an answer with status 200; None for any other, or if none comes within the timeout.
    fn request(&self, method: &str, path: &str, body: &str) -> Option<String> {
        let address = self.address.to_socket_addrs().ok()?.next()?;
        let mut stream = TcpStream::connect_timeout(&address, Self::TIMEOUT).ok()?;
        stream.set_read_timeout(Some(Self::TIMEOUT)).ok()?;
        stream.set_write_timeout(Some(Self::TIMEOUT)).ok()?;
        // HTTP/1.0: the answer is not chunked, and the connection ends with it.
        let request = format!(
            "{method} {path} HTTP/1.0\r\nHost: {}\r\nAuthorization: Bearer {}\r\nContent-Type: application/json\r\n\
             Content-Length: {}\r\n\r\n",
            self.address,
            self.token,
            body.len()
        );
        stream.write_all((request + body).as_bytes()).ok()?;
        let mut bytes = vec![];
        stream.take(4 << 20).read_to_end(&mut bytes).ok()?;
        let answer = String::from_utf8(bytes).ok()?;
        let (head, content) = answer.split_once("\r\n\r\n")?;
        (head.split(' ').nth(1)? == "200").then(|| content.to_string())
    }

    /// The public keys as text. They change rarely, so read them once an hour. Save them for a restart in an outage.
    pub fn keys(&self) -> Option<String> {
        let text = self.request("GET", "/.well-known/jwks.json", "")?;
        (!Json::read(&text)?.get("keys").list().is_empty()).then_some(text)
    }

    /// The `jti` of leases that ended early, and `after` for the next call. Pass 0 to the first call. Once a minute, call it
    /// until the list is empty.
    pub fn revocations(&self, after: u64) -> Option<(Vec<String>, u64)> {
        let page = Json::read(&self.request("GET", &format!("/api/v1/revocations?after={after}"), "")?)?;
        let revoked = page
            .get("revocations")
            .list()
            .iter()
            .map(|one| one.get("jti").text().map(String::from));
        Some((revoked.collect::<Option<_>>()?, page.get("next").whole()?))
    }

    /// Checks the license of the EA. `nonce`: different for each check. None if there is no verdict.
    pub fn check(&self, ea: &Ea, nonce: &str) -> Option<Entitlement> {
        let hash: String = sha256(ea.token.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect();
        let body = format!(
            r#"{{"token_hash": "{hash}", "ip_address": {}, "ea_instance_id": {}, "mt5_account_number": {}, "nonce": {}}}"#,
            quote(&ea.address),
            quote(ea.ea_instance_id),
            ea.account,
            quote(nonce)
        );
        let answer = Json::read(&self.request("POST", "/api/v1/licenses/validate", &body)?)?;
        // An answer with another nonce comes from a cache.
        if answer.get("nonce").text() != Some(nonce) {
            return None;
        }
        match answer.get("entitlement").text()? {
            "FULL" => Some(Entitlement::Full),
            "CLOSE_ONLY" => Some(Entitlement::CloseOnly),
            "NONE" => Some(Entitlement::None),
            _ => None,
        }
    }
}

/// What a lease is verified against.
pub struct Use<'a> {
    /// The key set of /.well-known/jwks.json.
    pub keys: &'a Json,
    /// The backend's `PUBLIC_URL`, without a slash at its end.
    pub issuer: &'a str,
    /// As in the claim `dev`.
    pub device: &'a str,
    /// The license, if it is known.
    pub subscription: Option<&'a str>,
    /// The `iat` of the device's newest lease so far.
    pub newest_iat: u64,
    /// When a check was refused last, in seconds since 1970; 0: never.
    pub refused_at: u64,
    /// The `jti` of leases that ended early.
    pub revoked: &'a HashSet<String>,
}

/// A lease that is valid now.
pub struct Lease {
    pub issued_at: u64,
}

/// Verifies a lease by the rules of docs/leases.md. `now`: in seconds since 1970. Returns the valid lease, or why it is refused, in the
/// words of all clients.
pub fn verify_lease(compact: &str, expected: &Use, now: u64) -> Result<Lease, &'static str> {
    const MALFORMED: &str = "MALFORMED";
    let parts: Vec<&str> = compact.split('.').collect();
    let (header, claims, signature) = match parts[..] {
        [header, claims, signature] if compact.len() <= 4096 => (header, claims, signature),
        _ => return Err(MALFORMED),
    };
    let part = |text: &str| {
        from_base64url(text)
            .and_then(|bytes| String::from_utf8(bytes).ok())
            .and_then(|text| Json::read(&text))
    };
    let (head, body) = (part(header).ok_or(MALFORMED)?, part(claims).ok_or(MALFORMED)?);
    let signed = from_base64url(signature).ok_or(MALFORMED)?;
    if !head.is_object() || !body.is_object() {
        return Err(MALFORMED);
    }
    // Only this algorithm and type are accepted, and no critical extension.
    if head.get("alg").text() != Some("EdDSA") || head.get("typ").text() != Some("license-lease+jwt") || head.has("crit") {
        return Err("WRONG_TYPE");
    }
    let key = head.get("kid").text().and_then(|kid| {
        expected.keys.get("keys").list().iter().find(|key| {
            key.get("kid").text() == Some(kid) && key.get("kty").text() == Some("OKP") && key.get("crv").text() == Some("Ed25519")
        })
    });
    let key = key
        .and_then(|key| from_base64url(key.get("x").text()?))
        .filter(|key| key.len() == 32)
        .ok_or("UNKNOWN_KEY")?;
    if !is_signed(&key, &compact.as_bytes()[..header.len() + 1 + claims.len()], &signed) {
        return Err("BAD_SIGNATURE");
    }

    let text = |name: &str| body.get(name).text().ok_or(MALFORMED);
    let (issuer, subscription, device, entitlement) = (text("iss")?, text("sub")?, text("dev")?, text("ent")?);
    // Before the year 3000
    let time = |name: &str| body.get(name).whole().filter(|time| *time < 32_503_680_000).ok_or(MALFORMED);
    let (issued_at, expires_at) = (time("iat")?, time("exp")?);
    match () {
        _ if issuer != expected.issuer => Err("OTHER_ISSUER"),
        _ if entitlement != "FULL" => Err("NOT_FULL"),
        _ if device != expected.device => Err("OTHER_DEVICE"),
        _ if expected.subscription.map_or(false, |known| known != subscription) => Err("OTHER_LICENSE"),
        _ if issued_at < expected.newest_iat => Err("ROLLED_BACK"),
        _ if issued_at <= expected.refused_at || expected.revoked.contains(body.get("jti").text().unwrap_or("")) => Err("REVOKED"),
        _ if now >= expires_at => Err("EXPIRED"),
        _ => Ok(Lease { issued_at }),
    }
}

/// The last verdict about a device, and its newest lease.
struct Known {
    entitlement: Entitlement,
    at: u64,
    newest: u64,
}

/// Decides what each EA may be sent.
pub struct Gate {
    pub keys: Json,
    pub revoked: HashSet<String>,
    issuer: String,
    /// The highest time seen, so that a clock that is set back prolongs nothing.
    highest: u64,
    known: HashMap<(String, String), Known>,
}

impl Gate {
    /// How long the last verdict counts without a lease.
    const HOUR: u64 = 3600;

    /// `issuer`: the backend's `PUBLIC_URL`, without a slash at its end. `keys`: those that the last process saved, or `Json::Null`.
    pub fn new(issuer: &str, keys: Json) -> Gate {
        Gate {
            keys,
            revoked: HashSet::new(),
            issuer: issuer.to_string(),
            highest: 0,
            known: HashMap::new(),
        }
    }

    /// `verdict`: that of `Backend::check`. `lease`: the one that the EA sends, if it has one. `now`: in seconds since 1970.
    pub fn decide(&mut self, ea: &Ea, verdict: Option<Entitlement>, lease: Option<&str>, now: u64) -> Entitlement {
        self.highest = self.highest.max(now);
        let now = self.highest;
        let id = (ea.token.to_string(), ea.device());
        let newest = self.known.get(&id).map_or(0, |known| known.newest);
        if let Some(entitlement) = verdict {
            self.known.insert(
                id,
                Known {
                    entitlement,
                    at: now,
                    newest,
                },
            );
            return entitlement;
        }
        // If the last check was refused, that counts, even if the EA has a lease.
        if let Some(known) = self.known.get(&id).filter(|known| known.entitlement != Entitlement::Full) {
            return known.entitlement;
        }
        let expected = Use {
            keys: &self.keys,
            issuer: &self.issuer,
            device: &id.1,
            subscription: None,
            newest_iat: newest,
            refused_at: 0,
            revoked: &self.revoked,
        };
        match lease.map(|lease| verify_lease(lease, &expected, now)) {
            Some(Ok(lease)) => {
                let known = self.known.entry(id).or_insert(Known {
                    entitlement: Entitlement::Full,
                    at: 0,
                    newest,
                });
                known.newest = lease.issued_at;
                Entitlement::Full
            }
            Some(Err("REVOKED")) => Entitlement::CloseOnly,
            _ if self.known.get(&id).map_or(false, |known| now < known.at + Self::HOUR) => Entitlement::Full,
            // The license may have ended, but the EA must be able to close its positions.
            _ => Entitlement::CloseOnly,
        }
    }
}
