//! AWS's long names as people say them.
//!
//! The record keeps an ARN and a digest whole. In a sentence on a card nobody reads eighty characters of them, so there
//! an ARN becomes the name of what it stands for, and a digest its first twelve characters, as ECR's console has it.

use crate::slack::mrkdwn::foreign;

/// How much of a digest is shown.
const DIGEST: usize = 12;

/// Foreign prose like [`foreign`], with ARNs and digests in short.
pub(super) fn brief(text: &str, max: usize) -> String {
    let words: Vec<String> = text.split_whitespace().map(shortened).collect();
    foreign(&words.join(" "), max)
}

/// A word with whatever stands around the name in it.
fn shortened(word: &str) -> String {
    let beyond = |c: char| !c.is_ascii_alphanumeric();
    let name = word.trim_end_matches(beyond);
    let (name, after) = (name, word.get(name.len()..).unwrap_or_default());
    if let Some((before, rest)) = name.split_once("arn:aws")
        && let Some(known) = thing(rest)
    {
        return format!("{before}{known}{after}");
    }
    if let Some((before, digest)) = name.split_once("sha256:")
        && let Some(head) = digest.get(..DIGEST)
        && digest.len() == 64
        && digest.bytes().all(|byte| byte.is_ascii_hexdigit())
    {
        return format!("{before}sha256:{head}{after}");
    }
    word.to_owned()
}

/// What an ARN stands for, given without its beginning `arn:aws`: `api:41`, `shop-prod/api`, `role/rollbot`.
fn thing(rest: &str) -> Option<&str> {
    // The rest of the partition, service, region, account, resource.
    let resource = rest.splitn(5, ':').nth(4).filter(|resource| !resource.is_empty())?;
    let Some((kind, path)) = resource.split_once(['/', ':']) else {
        return Some(resource);
    };
    match kind {
        "role" | "user" | "assumed-role" => Some(resource),
        "service" | "alarm" | "function" | "log-group" => Some(path),
        "targetgroup" | "stack" => path.split('/').next(),
        _ => path.rsplit('/').next(),
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::task_definition("of arn:aws:ecs:eu-north-1:123456789012:task-definition/api:3.", "of api:3.")]
    #[case::service("(arn:aws:ecs:eu-north-1:123456789012:service/shop-prod/api)", "(shop-prod/api)")]
    #[case::task("arn:aws:ecs:eu-north-1:123456789012:task/shop-prod/0a1b,", "0a1b,")]
    #[case::target_group(
        "in arn:aws:elasticloadbalancing:eu-north-1:123456789012:targetgroup/shop-api/73e2",
        "in shop-api"
    )]
    #[case::role("arn:aws:sts::123456789012:assumed-role/rollbot/rb-7k3fq", "assumed-role/rollbot/rb-7k3fq")]
    #[case::alarm("arn:aws:cloudwatch:eu-north-1:123456789012:alarm:api-5xx", "api-5xx")]
    #[case::elsewhere("arn:aws-cn:ecs:cn-north-1:123456789012:service/shop-prod/api", "shop-prod/api")]
    #[case::bucket("arn:aws:s3:::a-bucket", "a-bucket")]
    #[case::digest(
        "runs sha256:4242424242424242424242424242424242424242424242424242424242424242.",
        "runs sha256:424242424242."
    )]
    #[case::image(
        "shop/api@sha256:4242424242424242424242424242424242424242424242424242424242424242",
        "shop/api@sha256:424242424242"
    )]
    #[case::no_digest("sha256:4242", "sha256:4242")]
    #[case::prose("4 of 4 targets are healthy, for 10 s", "4 of 4 targets are healthy, for 10 s")]
    fn long_names_are_told_in_short(#[case] text: &str, #[case] told: &str) {
        assert_eq!(brief(text, 200), told);
    }
}
