//! A worked example: an ingest server that sends signals to EAs according to their licenses, also while the backend doesn't answer.
//!
//! Build: `rustc -O --edition 2021 ingest.rs`. Start: `SERVICE_TOKEN=… ./ingest PORT BACKEND_HOST:PORT ISSUER KEYS_FILE`.
//! An EA connects, sends one line `TOKEN EA_INSTANCE_ID ACCOUNT [LEASE]`, and gets its entitlement and the signals that it may have.

mod crypto;
mod json;
mod licenses;

use json::Json;
use licenses::{Backend, Ea, Entitlement, Gate};
use std::io::{BufRead, BufReader, Read, Result, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use std::{env, fs, process, thread};

/// In place of real signals. True: the signal opens a position.
const SIGNALS: [(&str, bool); 2] = [("OPEN EURUSD BUY 0.10", true), ("CLOSE EURUSD", false)];

fn main() {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let (port, address, issuer, file, token) = match (&arguments[..], env::var("SERVICE_TOKEN")) {
        ([port, address, issuer, file], Ok(token)) => (port, address, issuer, file, token),
        _ => {
            eprintln!("usage: SERVICE_TOKEN=… ingest PORT BACKEND_HOST:PORT ISSUER KEYS_FILE");
            process::exit(2)
        }
    };
    let saved = fs::read_to_string(file)
        .ok()
        .and_then(|text| Json::read(&text))
        .unwrap_or(Json::Null);
    let backend = Arc::new(Backend {
        address: address.clone(),
        token,
    });
    let gate = Arc::new(Mutex::new(Gate::new(issuer, saved)));
    let listener = TcpListener::bind(format!("127.0.0.1:{port}")).expect("the port can be opened");
    thread::spawn({
        let (backend, gate, file) = (backend.clone(), gate.clone(), file.clone());
        move || keep_current(&backend, &gate, &file)
    });
    println!("listening on {}", listener.local_addr().expect("the listener has an address"));
    for stream in listener.incoming().flatten() {
        let (backend, gate) = (backend.clone(), gate.clone());
        thread::spawn(move || serve(stream, &backend, &gate));
    }
}

/// Reads the keys each hour and the revocations each minute, for the time when the backend doesn't answer.
fn keep_current(backend: &Backend, gate: &Mutex<Gate>, file: &str) {
    let (mut after, mut keys_at, mut is_current) = (0, 0, false);
    loop {
        if now() >= keys_at + 3600 {
            if let Some(text) = backend.keys() {
                // Written to another file first: a crash must not truncate the saved keys.
                let _ = fs::write(format!("{file}.new"), &text).and_then(|_| fs::rename(format!("{file}.new"), file));
                gate.lock().unwrap().keys = Json::read(&text).expect("Backend::keys has read it");
                keys_at = now();
            }
        }
        let is_read = loop {
            match backend.revocations(after) {
                None => break false,
                Some((revoked, _)) if revoked.is_empty() => break true,
                Some((revoked, next)) => {
                    gate.lock().unwrap().revoked.extend(revoked);
                    after = next;
                }
            }
        };
        if keys_at > 0 && is_read && !is_current {
            is_current = true;
            println!("keys and revocations read");
        }
        thread::sleep(Duration::from_secs(if is_current { 60 } else { 1 }));
    }
}

fn serve(mut stream: TcpStream, backend: &Backend, gate: &Mutex<Gate>) -> Result<()> {
    stream.set_read_timeout(Some(Duration::from_secs(10)))?;
    let mut line = String::new();
    BufReader::new(stream.try_clone()?.take(4096)).read_line(&mut line)?;
    let words: Vec<&str> = line.split_whitespace().collect();
    let (token, ea_instance_id, account, lease) = match words[..] {
        [token, ea_instance_id, account] => (token, ea_instance_id, account, None),
        [token, ea_instance_id, account, lease] => (token, ea_instance_id, account, Some(lease)),
        _ => return writeln!(stream, "ERROR send one line: TOKEN EA_INSTANCE_ID ACCOUNT [LEASE]"),
    };
    let account = match account.parse() {
        Ok(account) => account,
        Err(_) => return writeln!(stream, "ERROR the account must be a whole number"),
    };
    let ea = Ea {
        token,
        ea_instance_id,
        account,
        address: stream.peer_addr()?.ip().to_string(),
    };
    // The backend is asked before the lock is taken: a slow answer must not hold up other EAs.
    let verdict = backend.check(&ea, &nonce());
    let entitlement = gate.lock().unwrap().decide(&ea, verdict, lease, now());
    writeln!(stream, "{entitlement}")?;
    for (signal, opens) in SIGNALS {
        if entitlement == Entitlement::Full || (entitlement == Entitlement::CloseOnly && !opens) {
            writeln!(stream, "{signal}")?;
        }
    }
    Ok(())
}

fn now() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .expect("the clock is after 1970")
        .as_secs()
}

/// Different for each check, so that an answer from a cache is recognized.
fn nonce() -> String {
    static CHECKS: std::sync::atomic::AtomicU64 = std::sync::atomic::AtomicU64::new(0);
    let time = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .expect("the clock is after 1970")
        .as_nanos();
    format!(
        "{}-{time}-{}",
        process::id(),
        CHECKS.fetch_add(1, std::sync::atomic::Ordering::Relaxed)
    )
}
