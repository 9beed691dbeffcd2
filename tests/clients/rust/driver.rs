//! Verifies leases for the tests. Each line of the input is a case in JSON. Each line of the output is the reason of the refusal in JSON,
//! empty for a valid lease.
#![allow(dead_code)]

#[path = "../../../src/Clients/rust/crypto.rs"]
mod crypto;
#[path = "../../../src/Clients/rust/json.rs"]
mod json;
#[path = "../../../src/Clients/rust/licenses.rs"]
mod licenses;

use json::{quote, Json};
use licenses::{verify_lease, Use};
use std::io::BufRead;

fn main() {
    for line in std::io::stdin().lock().lines() {
        let case = Json::read(&line.expect("the input is text")).expect("a line is JSON");
        let text = |name: &str| case.get(name).text().unwrap_or("");
        let number = |name: &str| case.get(name).whole().unwrap_or(0);
        let expected = Use {
            keys: &Json::read(text("keys")).unwrap_or(Json::Null),
            issuer: text("issuer"),
            device: text("device"),
            subscription: case.get("subscription").text(),
            newest_iat: number("newest_iat"),
            refused_at: number("refused_at"),
            revoked: &case
                .get("revoked")
                .list()
                .iter()
                .filter_map(|jti| jti.text().map(String::from))
                .collect(),
        };
        let fault = verify_lease(text("lease"), &expected, number("now")).map_or_else(String::from, |_| String::new());
        println!("{{\"fault\": {}}}", quote(&fault));
    }
}
