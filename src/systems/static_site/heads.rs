//! Looks at single objects: what a listing does not tell. Reads only.

use std::collections::BTreeMap;

use aws_sdk_s3::operation::head_object::HeadObjectOutput;
use futures::stream::{self, StreamExt as _, TryStreamExt as _};

use super::inventory::{EntryPage, KeptFor};
use super::manifest::{Headers, Seal};
use crate::aws::error::ErrorClass;
use crate::aws::{Aws, AwsError};

/// How many looks are under way at once.
const AT_ONCE: usize = 32;

/// What an object is answered with, beside its bytes.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
struct Head {
    headers: [Option<String>; 7],
    metadata: BTreeMap<String, String>,
    sealed: Option<Seal>,
}

/// The places of `headers` that are of interest by themselves.
const CACHE_CONTROL: usize = 1;
const REDIRECT: usize = 6;

/// An object, and the version of it that is meant.
pub type Which = (String, Option<String>);

/// The headers of the same keys on both sides: which differ, where websites redirect to, and how the present objects are
/// encrypted. `alone` are keys of which only the source is looked at.
///
/// # Errors
/// When AWS does not answer or refuses.
pub async fn compare(
    aws: &Aws,
    bucket: &str,
    (source, live): (&str, &str),
    pairs: Vec<Which>,
    alone: Vec<Which>,
) -> Result<Headers, AwsError> {
    let of_pair = pairs.into_iter().map(|which| (which, true));
    let of_one = alone.into_iter().map(|which| (which, false));
    let looks = of_pair.chain(of_one).map(|((key, version), is_pair)| async move {
        let wanted = head(aws, bucket, &format!("{source}{key}"), version.as_deref()).await?;
        let present = if is_pair { head(aws, bucket, &format!("{live}{key}"), None).await? } else { None };
        Ok::<_, AwsError>((key, is_pair, wanted, present))
    });
    let looks: Vec<_> = stream::iter(looks).buffer_unordered(AT_ONCE).try_collect().await?;
    let mut found = Headers::default();
    for (key, is_pair, wanted, present) in looks {
        let Some(wanted) = wanted else { continue };
        if let Some(redirect) = wanted.headers.get(REDIRECT).cloned().flatten() {
            found.redirects.insert(key.clone(), redirect);
        }
        let differs = |present: &Head| present.headers != wanted.headers || present.metadata != wanted.metadata;
        if is_pair && present.as_ref().is_some_and(differs) {
            found.differing.insert(key);
        }
        found.sealed = found.sealed.or_else(|| present.and_then(|present| present.sealed)).or(wanted.sealed);
    }
    Ok(found)
}

/// The page that browsers begin with, as it is live; `None` where there is none of that name.
///
/// # Errors
/// When AWS does not answer or refuses.
pub async fn entry(aws: &Aws, bucket: &str, prefix: &str, name: &str) -> Result<Option<EntryPage>, AwsError> {
    let found = head(aws, bucket, &format!("{prefix}{name}"), None).await?;
    Ok(found.map(|head| EntryPage {
        name: name.to_owned(),
        kept: KeptFor::of(head.headers.get(CACHE_CONTROL).and_then(Option::as_deref)),
    }))
}

async fn head(aws: &Aws, bucket: &str, key: &str, version: Option<&str>) -> Result<Option<Head>, AwsError> {
    let call = aws.reads().s3.head_object().bucket(bucket).key(key).set_version_id(version.map(str::to_owned));
    match Box::pin(call.send()).await.map_err(|error| AwsError::of("s3", "HeadObject", &error)) {
        Ok(answer) => Ok(Some(told(answer))),
        Err(error) if error.class == ErrorClass::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

fn told(answer: HeadObjectOutput) -> Head {
    let algorithm = answer.server_side_encryption.as_ref().map(|how| how.as_str().to_owned());
    let sealed = algorithm
        .filter(|algorithm| algorithm.starts_with("aws:kms"))
        .map(|algorithm| Seal { algorithm, key: answer.ssekms_key_id.clone() });
    Head {
        headers: [
            answer.content_type,
            answer.cache_control,
            answer.content_encoding,
            answer.content_disposition,
            answer.content_language,
            answer.expires_string,
            answer.website_redirect_location,
        ],
        metadata: answer.metadata.unwrap_or_default().into_iter().collect(),
        sealed,
    }
}
