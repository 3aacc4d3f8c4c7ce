//! An HTTP endpoint: one request, no redirects, a short time-out.

use crate::incident::work::HttpCheck;

use super::look::Look;

/// How much of a body is read to find a text in it.
const BODY_LIMIT: usize = 256 * 1024;

/// The client that checks use: certificates are verified, redirects are an answer like any other, and connections are
/// not kept, so that each look sees what a new user would see.
///
/// # Errors
/// When the machine's certificates cannot be loaded.
pub fn client() -> Result<reqwest::Client, reqwest::Error> {
    reqwest::Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .pool_max_idle_per_host(0)
        .no_proxy()
        .user_agent(concat!("rollbot/", env!("CARGO_PKG_VERSION")))
        .build()
}

/// Asks once.
pub async fn look(check: &HttpCheck, client: &reqwest::Client) -> Look {
    let url = &check.url;
    let response = match client.get(url).timeout(check.timeout).send().await {
        Ok(response) => response,
        Err(error) if error.is_builder() => return Look::inconclusive(format!("{url} is not a URL that can be asked")),
        Err(error) if error.is_timeout() => {
            return Look::unhealthy(format!("{url} did not answer within {} s", check.timeout.as_secs_f32()));
        }
        Err(error) => return Look::unhealthy(format!("{url} could not be reached: {}", root_cause(&error))),
    };
    let status = response.status().as_u16();
    if status != check.status {
        return Look::unhealthy(format!("{url} answered {status}, {} was expected", check.status));
    }
    for (name, expected) in &check.headers {
        let found = response.headers().get(name).and_then(|value| value.to_str().ok());
        if found != Some(expected.as_str()) {
            let found = found.map_or_else(|| "no such header".to_owned(), |found| format!("`{found}`"));
            return Look::unhealthy(format!(
                "{url} answered {status} with {found} where `{name}: {expected}` was expected"
            ));
        }
    }
    if let Some(expected) = &check.body {
        return match body(response).await {
            Ok(body) if body.contains(expected.as_str()) => {
                Look::healthy(format!("{url} answered {status} and the body has `{expected}`"))
            }
            Ok(_) => Look::unhealthy(format!("{url} answered {status}, but the body does not have `{expected}`")),
            Err(error) => Look::unhealthy(format!("{url} answered {status} and broke off: {}", root_cause(&error))),
        };
    }
    Look::healthy(format!("{url} answered {status}"))
}

async fn body(mut response: reqwest::Response) -> Result<String, reqwest::Error> {
    let mut bytes = Vec::new();
    while let Some(chunk) = response.chunk().await? {
        bytes.extend_from_slice(&chunk);
        if bytes.len() >= BODY_LIMIT {
            break;
        }
    }
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

fn root_cause(error: &reqwest::Error) -> String {
    let mut cause: &dyn std::error::Error = error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    cause.to_string()
}
