//! The pipeline that deploys what is taken back: it tells the bot how a deployment has ended.

use std::io;
use std::time::{Duration, UNIX_EPOCH};

use hmac::{Hmac, KeyInit as _, Mac as _};
use serde_json::Value;
use sha2::Sha256;

use crate::clock;
use crate::config::webhook_variable;

/// What calls are signed with in the sandbox; whoever reads it can do nothing with it.
const SECRET: &str = "0ddba11c0ffee0ddba11c0ffee0ddba1";

/// How long the bot may take to answer.
const PATIENCE: Duration = Duration::from_secs(10);

/// The variables that give every environment of rollbot.yml its secret.
pub(super) fn secrets(configuration: &str) -> Vec<(String, String)> {
    let whole: Value = serde_saphyr::from_str(configuration).unwrap_or_default();
    let environments = whole.get("environments").and_then(Value::as_object).into_iter().flatten();
    environments.map(|(name, _)| (webhook_variable(name), SECRET.to_owned())).collect()
}

/// Sends `body` to the bot at `base`. Returns its status and answer.
pub(super) async fn tell(base: &str, body: &str) -> io::Result<(u16, String)> {
    let now = clock::wall().duration_since(UNIX_EPOCH).map_err(io::Error::other)?;
    let timestamp = now.as_secs().to_string();
    let mut mac = Hmac::<Sha256>::new_from_slice(SECRET.as_bytes()).map_err(io::Error::other)?;
    mac.update(format!("v1:{timestamp}:{body}").as_bytes());
    let signature = format!("v1={}", hex::encode(mac.finalize().into_bytes()));
    let client = reqwest::Client::builder().no_proxy().timeout(PATIENCE).build().map_err(io::Error::other)?;
    let request = client.post(format!("{base}/triggers/deploys"));
    let request = request.header("X-Rollbot-Timestamp", timestamp).header("X-Rollbot-Signature", signature);
    let answer = request.body(body.to_owned()).send().await.map_err(io::Error::other)?;
    let status = answer.status().as_u16();
    Ok((status, answer.text().await.map_err(io::Error::other)?.trim().to_owned()))
}
