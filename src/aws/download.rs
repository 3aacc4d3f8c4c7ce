//! What AWS hands out by an address that is signed for some minutes: the code of a function.

use std::time::Duration;

use super::error::{AwsError, ErrorClass};

/// How long such a download may take: fifty megabytes at four megabits a second.
const DOWNLOAD: Duration = Duration::from_mins(2);

/// What lies under `url`, at most `most` bytes of it. The address is a secret while it is valid, and never told.
///
/// # Errors
/// When it cannot be fetched, or is larger. Nothing was changed.
pub async fn download(service: &'static str, url: &str, most: usize) -> Result<Vec<u8>, AwsError> {
    let failed = |class, message: String| AwsError::local(service, "the download of the code", class, message);
    let lost = |error: reqwest::Error| failed(ErrorClass::Transient, error.without_url().to_string());
    let client = reqwest::Client::builder().timeout(DOWNLOAD).build().map_err(lost)?;
    let mut answer = client.get(url).send().await.map_err(lost)?;
    let status = answer.status();
    if !status.is_success() {
        let class = if status.is_server_error() { ErrorClass::Transient } else { ErrorClass::Denied };
        return Err(failed(class, format!("S3 answered {}", status.as_u16())));
    }
    let mut bytes = Vec::new();
    while let Some(chunk) = answer.chunk().await.map_err(lost)? {
        bytes.extend_from_slice(&chunk);
        if bytes.len() > most {
            return Err(failed(ErrorClass::Invalid, format!("it has more than {most} bytes")));
        }
    }
    Ok(bytes)
}
