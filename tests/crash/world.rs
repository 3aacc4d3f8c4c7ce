//! How AWS stands when a story has ended: whatever else a rollback may have changed, beside what runs.
//!
//! It is read over the wire, as anybody would read it. What passes by itself after the end (a clean-up, the newest
//! execution of a pipeline) and what bears an incident's name is left out: it differs from play to play.

use std::collections::{BTreeMap, BTreeSet};

use aws_credential_types::Credentials;
use aws_types::SdkConfig;
use aws_types::region::Region;
use rollbot::sandbox::aws::Seed;
use sha2::{Digest as _, Sha256};

/// What is where, a line each.
pub(crate) async fn standing(endpoint: &str, seed: &Seed) -> BTreeSet<String> {
    let config = aws_config::defaults(aws_config::BehaviorVersion::latest())
        .region(Region::new(seed.region.clone()))
        .credentials_provider(Credentials::for_tests())
        .endpoint_url(endpoint)
        .load()
        .await;
    let mut lines = BTreeSet::new();
    stacks(&config, &mut lines).await;
    pipelines(&config, &mut lines).await;
    apps(&config, &mut lines).await;
    for name in seed.functions.keys() {
        function(&config, name, &mut lines).await;
    }
    for (name, bucket) in &seed.buckets {
        if !bucket.objects.is_empty() {
            objects(&config, name, &mut lines).await;
        }
    }
    for id in seed.distributions.keys() {
        distribution(&config, id, &mut lines).await;
    }
    lines
}

async fn stacks(config: &SdkConfig, lines: &mut BTreeSet<String>) {
    let client = aws_sdk_cloudformation::Client::new(config);
    let told = client.describe_stacks().send().await.expect("stacks are told");
    for stack in told.stacks() {
        let name = stack.stack_name().unwrap_or_default();
        let status = stack.stack_status().map(|status| status.as_str().replace("_CLEANUP_IN_PROGRESS", ""));
        let parameters: BTreeMap<_, _> =
            stack.parameters().iter().map(|one| (one.parameter_key(), one.parameter_value())).collect();
        let template = client.get_template().stack_name(name).send().await.ok().and_then(|got| got.template_body);
        let digest = hex::encode(Sha256::digest(template.unwrap_or_default()));
        lines.insert(format!("stack {name}: {status:?}, template {digest}, {parameters:?}"));
        let sets = client.list_change_sets().stack_name(name).send().await.expect("change sets are told");
        lines.insert(format!("stack {name}: {} change sets", sets.summaries().len()));
    }
}

async fn pipelines(config: &SdkConfig, lines: &mut BTreeSet<String>) {
    let client = aws_sdk_codepipeline::Client::new(config);
    let told = client.list_pipelines().send().await.expect("pipelines are told");
    for pipeline in told.pipelines() {
        let name = pipeline.name().unwrap_or_default();
        let state = client.get_pipeline_state().name(name).send().await.expect("a pipeline's state is told");
        for stage in state.stage_states() {
            let open = stage.inbound_transition_state().map(aws_sdk_codepipeline::types::TransitionState::enabled);
            lines.insert(format!("pipeline {name}, {:?}: open {open:?}", stage.stage_name()));
        }
    }
}

async fn apps(config: &SdkConfig, lines: &mut BTreeSet<String>) {
    let client = aws_sdk_amplify::Client::new(config);
    let told = client.list_apps().send().await.expect("apps are told");
    for app in told.apps() {
        let branches = client.list_branches().app_id(app.app_id()).send().await.expect("branches are told");
        for branch in branches.branches() {
            let (name, builds, job) = (branch.branch_name(), branch.enable_auto_build(), branch.active_job_id());
            lines.insert(format!("app {}, {name}: job {job}, builds by itself {builds}", app.name()));
        }
        let domains = client.list_domain_associations().app_id(app.app_id()).send().await.expect("domains are told");
        for domain in domains.domain_associations() {
            let settings = domain.sub_domains().iter().filter_map(|one| one.sub_domain_setting());
            let settings: BTreeSet<_> = settings.map(|one| (one.prefix(), one.branch_name())).collect();
            lines.insert(format!("domain {}: {settings:?}", domain.domain_name()));
        }
    }
}

async fn function(config: &SdkConfig, name: &str, lines: &mut BTreeSet<String>) {
    let client = aws_sdk_lambda::Client::new(config);
    let latest = client.get_function_configuration().function_name(name).send().await.expect("a function is told");
    let (code, timeout, memory) = (latest.code_sha256(), latest.timeout(), latest.memory_size());
    lines.insert(format!("function {name}: code {code:?}, timeout {timeout:?}, memory {memory:?}"));
    let aliases = client.list_aliases().function_name(name).send().await.expect("aliases are told");
    for alias in aliases.aliases() {
        let routing = alias.routing_config().and_then(|routing| routing.additional_version_weights());
        let weights: BTreeMap<_, _> = routing.into_iter().flatten().collect();
        lines.insert(format!("function {name}, {:?}: {:?}, {weights:?}", alias.name(), alias.function_version()));
    }
}

async fn objects(config: &SdkConfig, bucket: &str, lines: &mut BTreeSet<String>) {
    let client = aws_sdk_s3::Client::new(config);
    let mut pages = client.list_objects_v2().bucket(bucket).into_paginator().send();
    let (mut count, mut digest) = (0_usize, Sha256::new());
    while let Some(page) = pages.next().await {
        for object in page.expect("objects are told").contents() {
            count += 1;
            digest.update(format!("{:?} {:?}\n", object.key(), object.e_tag()));
        }
    }
    lines.insert(format!("bucket {bucket}: {count} objects, {}", hex::encode(digest.finalize())));
}

async fn distribution(config: &SdkConfig, id: &str, lines: &mut BTreeSet<String>) {
    let client = aws_sdk_cloudfront::Client::new(config);
    let told = client.get_distribution_config().id(id).send().await.expect("a distribution is told");
    let origins = told.distribution_config().and_then(|config| config.origins());
    let paths: BTreeMap<_, _> = origins
        .into_iter()
        .flat_map(aws_sdk_cloudfront::types::Origins::items)
        .map(|one| (one.id(), one.origin_path()))
        .collect();
    lines.insert(format!("distribution {id}: {paths:?}"));
}
