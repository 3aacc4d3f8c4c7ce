//! The signature of a call: `X-Rollbot-Signature: v1=<hex HMAC-SHA256 of "v1:<timestamp>:<body>">`.
//!
//! The timestamp stands in `X-Rollbot-Timestamp` and is signed too, so that an old call cannot be sent again later. The
//! window is judged by the wall clock, which no rehearsal speeds up.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use hmac::{Hmac, KeyInit as _, Mac as _};
use secrecy::{ExposeSecret as _, SecretString};
use sha2::Sha256;

/// How old a call may be, and how far its sender's clock may be ahead.
const WINDOW: Duration = Duration::from_mins(5);

/// Why a call is not believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum Unbelieved {
    #[error("X-Rollbot-Timestamp is missing or is no number of seconds since 1970. Send the present time.")]
    NoTimestamp,
    #[error("X-Rollbot-Timestamp is more than five minutes from this machine's time. Sign anew, and set the clocks.")]
    OutsideWindow,
    #[error("X-Rollbot-Signature is missing. Send v1= and the HMAC-SHA256 of v1:<timestamp>:<body> in hexadecimal.")]
    NoSignature,
    #[error(
        "X-Rollbot-Signature does not fit this body and timestamp. Sign the body as it is sent, with the secret of its environment."
    )]
    Wrong,
}

/// Whether `body` was signed with `secret`, now.
pub(super) fn check(
    secret: &SecretString,
    timestamp: Option<&str>,
    signature: Option<&str>,
    body: &[u8],
    now: SystemTime,
) -> Result<(), Unbelieved> {
    let given = timestamp.ok_or(Unbelieved::NoTimestamp)?;
    let seconds: u64 = given.parse().ok().ok_or(Unbelieved::NoTimestamp)?;
    let at = UNIX_EPOCH.checked_add(Duration::from_secs(seconds)).ok_or(Unbelieved::NoTimestamp)?;
    let apart = now.duration_since(at).unwrap_or_else(|ahead| ahead.duration());
    if apart > WINDOW {
        return Err(Unbelieved::OutsideWindow);
    }
    let hex = signature.and_then(|signature| signature.strip_prefix("v1=")).ok_or(Unbelieved::NoSignature)?;
    let tag = hex::decode(hex).ok().ok_or(Unbelieved::Wrong)?;
    let mac = Hmac::<Sha256>::new_from_slice(secret.expose_secret().as_bytes());
    let mut mac = mac.ok().ok_or(Unbelieved::Wrong)?;
    mac.update(format!("v1:{given}:").as_bytes());
    mac.update(body);
    // In constant time.
    mac.verify_slice(&tag).ok().ok_or(Unbelieved::Wrong)
}
