//! Looks at single objects: what a listing does not tell. Reads only.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_s3::operation::head_object::HeadObjectOutput;
use futures::stream::{self, StreamExt as _, TryStreamExt as _};

use super::inventory::{EntryPage, KeptFor};
use super::manifest::{Headers, Seal, Sealing};
use crate::aws::error::ErrorClass;
use crate::aws::{Aws, AwsError};

/// How many looks are under way at once.
const AT_ONCE: usize = 32;

/// What an object is answered with, beside its bytes.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
struct Head {
    headers: [Option<String>; 7],
    metadata: BTreeMap<String, String>,
    /// Nothing where S3 does not say how it is encrypted: that is its own way.
    seal: Option<Seal>,
}

/// The places of `headers` that are of interest by themselves.
const CACHE_CONTROL: usize = 1;
const REDIRECT: usize = 6;

/// An object, and the version of it that is meant.
pub type Which = (String, Option<String>);

/// What one look found.
struct Look {
    key: String,
    /// Whether the live object of that key is compared.
    is_pair: bool,
    wanted: Option<Head>,
    present: Option<Head>,
}

/// The headers of the same keys on both sides: which differ, where websites redirect to, and how objects are encrypted.
/// `alone` are keys of which only the source is looked at.
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
        Ok::<_, AwsError>(Look { key, is_pair, wanted, present })
    });
    let looks: Vec<Look> = stream::iter(looks).buffer_unordered(AT_ONCE).try_collect().await?;
    Ok(told_by(looks))
}

/// What looks tell together, in whichever order they came back: the plan's digest rests on it.
fn told_by(looks: Vec<Look>) -> Headers {
    let mut found = Headers::default();
    let (mut sources, mut present_seals) = (BTreeMap::new(), BTreeSet::new());
    for Look { key, is_pair, wanted, present } in looks {
        let Some(wanted) = wanted else { continue };
        if let Some(redirect) = wanted.headers.get(REDIRECT).cloned().flatten() {
            found.redirects.insert(key.clone(), redirect);
        }
        let differs = |present: &Head| present.headers != wanted.headers || present.metadata != wanted.metadata;
        if is_pair && present.as_ref().is_some_and(differs) {
            found.differing.insert(key.clone());
        }
        present_seals.extend(present.map(|present| present.seal.unwrap_or_else(Seal::plain)));
        sources.insert(key, wanted.seal.unwrap_or_else(Seal::plain));
    }
    found.sealing = Sealing::of(sources, &present_seals);
    found
}

/// How objects under `source` are encrypted, by key.
///
/// # Errors
/// When AWS does not answer or refuses.
pub async fn seals(
    aws: &Aws,
    bucket: &str,
    source: &str,
    which: Vec<Which>,
) -> Result<BTreeMap<String, Seal>, AwsError> {
    let looks = which.into_iter().map(|(key, version)| async move {
        let found = head(aws, bucket, &format!("{source}{key}"), version.as_deref()).await?;
        Ok::<_, AwsError>(found.map(|head| (key, head.seal.unwrap_or_else(Seal::plain))))
    });
    let found: Vec<Option<(String, Seal)>> = stream::iter(looks).buffer_unordered(AT_ONCE).try_collect().await?;
    Ok(found.into_iter().flatten().collect())
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
        seal: head.seal.unwrap_or_else(Seal::plain),
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
    let seal = algorithm.map(|algorithm| Seal { algorithm, key: answer.ssekms_key_id.clone() });
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
        seal,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_looks_that_come_back_in_another_order_tell_the_same() {
        let kms = |key: &str| Some(Seal { algorithm: "aws:kms".to_owned(), key: Some(key.to_owned()) });
        let look = |key: &str, seal| Look {
            key: key.to_owned(),
            is_pair: true,
            wanted: Some(Head { seal, ..Head::default() }),
            present: Some(Head::default()),
        };
        let there = || vec![look("a.html", kms("one")), look("b.html", kms("two")), look("c.html", None)];
        let back = || there().into_iter().rev().collect::<Vec<_>>();
        assert_eq!(told_by(there()), told_by(back()));
        let Sealing::AsItsSource(seals) = told_by(there()).sealing else { panic!("they differ") };
        assert_eq!(seals["b.html"], kms("two").unwrap());
        assert_eq!(seals["c.html"], Seal::plain());
    }
}
