//! What a static site's rollback asks of CloudFront.

use std::time::Duration;

use aws_sdk_cloudfront::types::{
    CookiePreference, DefaultCacheBehavior, DistributionConfig, ForwardedValues, InvalidationBatch, ItemSelection,
    Origin, Origins, Paths, S3OriginConfig, ViewerProtocolPolicy,
};
use aws_types::SdkConfig;
use rollbot::clock::Clock;
use rollbot::incident::time::Pace;

use crate::outcomes::{Outcomes, refusal};
use crate::stand_ins::{BUCKET, PATIENCE, REGION};

/// What a static site's rollback asks of CloudFront. Its first request has been made: `id` exists.
pub(crate) async fn cloudfront_story(config: &SdkConfig, id: &str) -> Outcomes {
    let cloudfront = aws_sdk_cloudfront::Client::new(config);
    let clock = Clock::start(Pace::REAL);
    let mut seen: Outcomes = Vec::new();
    let got = cloudfront.get_distribution_config().id(id).send().await.expect("a configuration");
    let etag = got.e_tag().expect("an ETag").to_owned();
    let mut wanted = got.distribution_config().expect("it is one").clone();
    let origin = &mut wanted.origins.as_mut().expect("origins").items[0];
    seen.push(("origin path", format!("{:?}", origin.origin_path)));
    origin.origin_path = Some("/releases/v41".to_owned());
    let update = || cloudfront.update_distribution().id(id).distribution_config(wanted.clone());
    seen.push(("no If-Match", refusal(update().send().await)));
    seen.push(("another If-Match", refusal(update().if_match("E1AAAAAAAAAAAA").send().await)));
    let updated = update().if_match(&etag).send().await.expect("it is updated");
    seen.push(("a new ETag", (updated.e_tag() != Some(etag.as_str())).to_string()));
    seen.push(("an ETag that was good before", refusal(update().if_match(&etag).send().await)));
    let now = cloudfront.get_distribution_config().id(id).send().await.expect("a configuration");
    seen.push(("the same ETag is told", (now.e_tag() == updated.e_tag()).to_string()));
    let path = |config: Option<&DistributionConfig>| {
        config.and_then(|config| config.origins()?.items()[0].origin_path().map(str::to_owned))
    };
    seen.push(("the new origin path", format!("{:?}", path(now.distribution_config()))));
    seen.push((
        "the caller reference stays",
        (now.distribution_config().map(DistributionConfig::caller_reference) == Some(wanted.caller_reference()))
            .to_string(),
    ));
    let since = clock.reading();
    while cloudfront
        .get_distribution()
        .id(id)
        .send()
        .await
        .expect("it is told")
        .distribution()
        .map(|told| told.status().to_owned())
        != Some("Deployed".to_owned())
    {
        assert!(since.elapsed() < PATIENCE, "it is not deployed");
        clock.sleep_really(Duration::from_millis(200)).await;
    }
    let batch = |reference: &str, paths: &[&str]| {
        let items = paths.iter().map(|path| (*path).to_owned()).collect();
        let quantity = i32::try_from(paths.len()).expect("a few");
        let paths = Paths::builder().quantity(quantity).set_items(Some(items)).build().expect("paths");
        let batch = InvalidationBatch::builder().caller_reference(reference).paths(paths).build().expect("a batch");
        cloudfront.create_invalidation().distribution_id(id).invalidation_batch(batch)
    };
    let made = batch("rb-1", &["/*"]).send().await.expect("it is made");
    let made = made.invalidation().expect("it is told").clone();
    let again = batch("rb-1", &["/*"]).send().await.expect("it is taken");
    seen.push((
        "the same reference",
        (again.invalidation().map(aws_sdk_cloudfront::types::Invalidation::id) == Some(made.id())).to_string(),
    ));
    let since = clock.reading();
    let status = loop {
        let got = cloudfront.get_invalidation().distribution_id(id).id(made.id()).send().await.expect("it is told");
        let status = got.invalidation().map(|one| one.status().to_owned()).unwrap_or_default();
        if status != "InProgress" || since.elapsed() > PATIENCE {
            break status;
        }
        clock.sleep_really(Duration::from_millis(200)).await;
    };
    seen.push(("an invalidation ends as", status));
    let listed = cloudfront.list_invalidations().distribution_id(id).send().await.expect("a list");
    let listed =
        listed.invalidation_list().map(|list| list.items().iter().map(|one| one.id().to_owned()).collect::<Vec<_>>());
    seen.push(("it is listed", listed.is_some_and(|list| list.contains(&made.id().to_owned())).to_string()));
    seen.push((
        "no such invalidation",
        refusal(cloudfront.get_invalidation().distribution_id(id).id("I0NOTHERE00000").send().await),
    ));
    seen.push(("no such distribution", refusal(cloudfront.get_distribution().id("E0NOTHERE00000").send().await)));
    seen
}

/// A distribution like ours, made at another's.
pub(crate) async fn distribution(config: &SdkConfig) -> String {
    let origin = Origin::builder()
        .id("site")
        .domain_name(format!("{BUCKET}.s3.{REGION}.amazonaws.com"))
        .origin_path("/releases/v42")
        .s3_origin_config(S3OriginConfig::builder().origin_access_identity("").build());
    let origins = Origins::builder().quantity(1).items(origin.build().expect("an origin")).build().expect("origins");
    let cookies = CookiePreference::builder().forward(ItemSelection::None).build().expect("cookies");
    let forwarded = ForwardedValues::builder().query_string(false).cookies(cookies).build().expect("values");
    #[expect(deprecated, reason = "a distribution without a cache policy has it so")]
    let behavior = DefaultCacheBehavior::builder()
        .target_origin_id("site")
        .viewer_protocol_policy(ViewerProtocolPolicy::RedirectToHttps)
        .forwarded_values(forwarded)
        .min_ttl(0);
    let wanted = DistributionConfig::builder()
        .caller_reference("made")
        .comment("site")
        .enabled(true)
        .origins(origins)
        .default_cache_behavior(behavior.build().expect("a behaviour"))
        .build()
        .expect("a configuration");
    let made = aws_sdk_cloudfront::Client::new(config).create_distribution().distribution_config(wanted).send().await;
    made.expect("it is made").distribution().expect("it is told").id().to_owned()
}
