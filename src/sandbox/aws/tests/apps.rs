//! Amplify: jobs and what they publish, the traps of going back, deployments by hand, and domains.

use std::time::Duration;

use aws_sdk_amplify::Client;
use aws_sdk_amplify::config::{BehaviorVersion, Region};
use aws_sdk_amplify::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_amplify::types::{
    DomainAssociation, DomainStatus, JobStatus, JobSummary, JobType, SourceUrlType, SubDomainSetting, UpdateStatus,
};
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use serde_json::{Value, json};

use super::bench::*;
use crate::incident::time::Pace;
use crate::sandbox::aws::{Seed, SeedApp, SeedCommit};
use crate::sandbox::wire::{Fault, Moment};

const GOOD: &str = "1111111111111111111111111111111111111111";
const BETTER: &str = "2222222222222222222222222222222222222222";
const BAD: &str = "3333333333333333333333333333333333333333";
const APP: &str = "d1a2b3c4d5e6f7";
const BRANCH: &str = "feature/cart";

fn world(change: impl FnOnce(&mut Value)) -> Seed {
    let mut app = json!({
        "id": APP, "name": "shop", "repository": "https://github.com/example/shop",
        "commits": [
            {"id": GOOD, "summary": "Show the cart"}, {"id": BETTER, "summary": "Sort the cart"},
            {"id": BAD, "summary": "Cache the cart"},
        ],
        "branches": [{"name": BRANCH, "first_job": 9, "jobs": [
            {"commit": GOOD, "age": "72h"},
            {"commit": BETTER, "age": "48h"},
            {"commit": BAD, "age": "2h", "ended": {"failed": {"step": "BUILD", "reason": "npm ci: exit 1"}}},
            {"commit": BAD, "age": "1h"},
        ]}],
        "site": {BAD: {"/": {"status": 500, "body": "no cart"}}},
    });
    change(&mut app);
    let apps: Vec<SeedApp> = serde_json::from_value(json!([app])).unwrap();
    Seed { apps, ..seed() }
}

struct Apps {
    bench: Bench,
    client: Client,
}

impl Apps {
    async fn of(change: impl FnOnce(&mut Value)) -> Self {
        Self::paced(200, change).await
    }

    async fn paced(speed: u32, change: impl FnOnce(&mut Value)) -> Self {
        let bench = Bench::paced(world(change), Pace::new(speed)).await;
        let config = aws_sdk_amplify::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new(REGION))
            .credentials_provider(keys())
            .retry_config(aws_sdk_amplify::config::retry::RetryConfig::disabled())
            .endpoint_url(bench.aws.endpoint());
        Self { client: Client::from_conf(config.build()), bench }
    }

    async fn page(&self, site: &str) -> (u16, String) {
        let reply = reqwest::get(format!("{}/", self.bench.aws.site(site).unwrap())).await.unwrap();
        let version = reply.headers().get("x-app-version").map(|version| version.to_str().unwrap().to_owned());
        (reply.status().as_u16(), version.unwrap_or_default())
    }

    async fn active(&self) -> String {
        let reply = self.client.get_branch().app_id(APP).branch_name(BRANCH).send().await.unwrap();
        reply.branch().unwrap().active_job_id().to_owned()
    }

    async fn job(&self, id: &str) -> aws_sdk_amplify::types::Job {
        let reply = self.client.get_job().app_id(APP).branch_name(BRANCH).job_id(id).send().await.unwrap();
        reply.job().unwrap().clone()
    }

    async fn until(&self, id: &str, wanted: JobStatus) -> JobSummary {
        let begun = self.bench.clock.now();
        loop {
            let summary = self.job(id).await.summary().unwrap().clone();
            if *summary.status() == wanted {
                return summary;
            }
            let waited = self.bench.clock.now().elapsed(begun.at);
            assert!(waited < Duration::from_mins(15), "waited for {wanted:?}, saw {summary:?}");
            self.bench.clock.sleep(Duration::from_secs(2)).await;
        }
    }

    async fn start(&self, kind: JobType, id: Option<&str>) -> Result<JobSummary, (String, String, u16)> {
        let call =
            self.client.start_job().app_id(APP).branch_name(BRANCH).job_type(kind).set_job_id(id.map(str::to_owned));
        call.send().await.map(|reply| reply.job_summary().unwrap().clone()).map_err(refusal)
    }

    async fn domain(&self) -> DomainAssociation {
        let call = self.client.get_domain_association().app_id(APP).domain_name("example.com");
        call.send().await.unwrap().domain_association().unwrap().clone()
    }

    async fn end(self) {
        drop(self.client);
        self.bench.end().await;
    }
}

#[expect(clippy::needless_pass_by_value, reason = "it stands behind `map_err` and `unwrap_err`")]
fn refusal<E: ProvideErrorMetadata>(error: SdkError<E, HttpResponse>) -> (String, String, u16) {
    let status = error.raw_response().map_or(0, |response| response.status().as_u16());
    (error.code().unwrap_or_default().to_owned(), error.message().unwrap_or_default().to_owned(), status)
}

#[tokio::test]
async fn a_retried_job_rebuilds_its_commit_and_what_viewers_get_follows_it() {
    let apps = Apps::of(|_| {}).await;
    assert_eq!((apps.page("shop").await, apps.active().await), ((500, BAD.to_owned()), "0000000012".to_owned()));
    let started = apps.start(JobType::Retry, Some("10")).await.unwrap();
    assert_eq!((started.job_id(), started.status(), started.commit_id()), ("13", &JobStatus::Pending, BETTER));
    assert!(started.job_arn().ends_with("/branches/feature%2Fcart/jobs/0000000013"), "{}", started.job_arn());
    apps.until("13", JobStatus::Provisioning).await;
    apps.until("13", JobStatus::Running).await;
    assert_eq!((apps.page("shop").await.0, apps.active().await.as_str()), (500, "0000000012"), "it is not through");
    apps.until("13", JobStatus::Succeed).await;
    assert_eq!((apps.page("shop").await, apps.active().await), ((200, BETTER.to_owned()), "0000000013".to_owned()));
    let job = apps.job("13").await;
    let steps: Vec<_> = job.steps().iter().map(|step| (step.step_name(), step.status().as_str())).collect();
    assert_eq!(steps, [("BUILD", "SUCCEED"), ("DEPLOY", "SUCCEED"), ("VERIFY", "SUCCEED")]);
    assert_eq!(job.summary().unwrap().job_type(), &JobType::Retry);
    apps.end().await;
}

#[tokio::test]
async fn jobs_are_listed_newest_first_in_pages_of_fifty_at_most() {
    let apps = Apps::of(|_| {}).await;
    let list = || apps.client.list_jobs().app_id(APP).branch_name(BRANCH);
    let first = list().max_results(3).send().await.unwrap();
    let ids = |jobs: &[JobSummary]| jobs.iter().map(|job| job.job_id().to_owned()).collect::<Vec<_>>();
    assert_eq!(ids(first.job_summaries()), ["12", "11", "10"]);
    let second = list().max_results(3).set_next_token(first.next_token().map(str::to_owned)).send().await.unwrap();
    assert_eq!((ids(second.job_summaries()), second.next_token()), (vec!["9".to_owned()], None));
    let (code, _, status) = refusal(list().max_results(51).send().await.unwrap_err());
    assert_eq!((code.as_str(), status), ("BadRequestException", 400));
    let failed = apps.job("11").await;
    assert_eq!(failed.steps()[0].status_reason(), Some("npm ci: exit 1"));
    let found = apps.client.list_apps().send().await.unwrap();
    let names: Vec<_> = found.apps().iter().map(|app| (app.name(), app.app_id())).collect();
    assert_eq!(names, [("shop", APP)]);
    apps.end().await;
}

#[tokio::test]
async fn a_job_under_way_refuses_another_until_it_is_stopped() {
    let apps = Apps::paced(10, |app| app["branches"][0]["running"] = json!({"commit": BAD, "age": "1m"})).await;
    let (code, message, status) = apps.start(JobType::Retry, Some("10")).await.unwrap_err();
    assert_eq!((code.as_str(), status), ("LimitExceededException", 429));
    assert_eq!(message, "The branch feature/cart already have pending or running jobs");
    let stop = || apps.client.stop_job().app_id(APP).branch_name(BRANCH).job_id("13");
    let stopping = stop().send().await.unwrap();
    assert_eq!(stopping.job_summary().unwrap().status(), &JobStatus::Cancelling);
    assert_eq!(apps.start(JobType::Retry, Some("10")).await.unwrap_err().0, "LimitExceededException", "not over yet");
    apps.until("13", JobStatus::Cancelled).await;
    assert_eq!(apps.active().await, "0000000012", "what was published stays");
    assert_eq!(refusal(stop().send().await.unwrap_err()).0, "BadRequestException");
    let again = apps.start(JobType::Retry, Some("10")).await.unwrap();
    assert_eq!(again.job_id(), "14");
    apps.end().await;
}

#[tokio::test]
async fn a_job_that_a_webhook_started_has_lost_its_commit() {
    let apps = Apps::of(|app| {
        app["branches"][0]["jobs"][1]["kind"] = json!("web_hook");
        app["branches"][0]["jobs"][0]["loses_commit"] = json!(true);
    })
    .await;
    assert_eq!(apps.job("10").await.summary().unwrap().commit_id(), "HEAD");
    let hooked = apps.start(JobType::Retry, Some("10")).await.unwrap();
    assert_eq!(hooked.commit_id(), "HEAD", "nothing tells them apart by it");
    apps.until("13", JobStatus::Succeed).await;
    assert_eq!(apps.page("shop").await, (500, BAD.to_owned()), "it built the newest commit");
    let lost = apps.start(JobType::Retry, Some("9")).await.unwrap();
    assert_eq!(lost.commit_id(), BAD, "asked for the first commit, built the newest");
    apps.end().await;
}

#[tokio::test]
async fn requests_that_cannot_work_are_refused_in_the_services_own_words() {
    let apps = Apps::of(|_| {}).await;
    let (code, message, _) = apps.start(JobType::Manual, None).await.unwrap_err();
    assert_eq!(
        (code.as_str(), message.as_str()),
        ("BadRequestException", "The requested jobType MANUAL does not support.")
    );
    let deploy = apps.client.start_deployment().app_id(APP).branch_name(BRANCH).job_id("10");
    let (code, message, _) = refusal(deploy.send().await.unwrap_err());
    assert_eq!(
        (code.as_str(), message.as_str()),
        ("BadRequestException", "Operation not supported. App is already connected a repository.")
    );
    let (code, _, status) = apps.start(JobType::Retry, Some("99")).await.unwrap_err();
    assert_eq!((code.as_str(), status), ("NotFoundException", 404));
    let (code, message, _) = refusal(apps.client.get_app().app_id("shop").send().await.unwrap_err());
    assert_eq!(code, "BadRequestException");
    assert!(message.contains("d[a-z0-9]+"), "{message}");
    apps.bench.interfere("GetApp", Moment::Before, Fault::Throttle);
    let (code, _, status) = refusal(apps.client.get_app().app_id(APP).send().await.unwrap_err());
    assert_eq!((code.as_str(), status), ("ThrottlingException", 429));
    apps.bench.interfere("GetApp", Moment::Before, Fault::ServerError);
    let (code, _, status) = refusal(apps.client.get_app().app_id(APP).send().await.unwrap_err());
    assert_eq!((code.as_str(), status), ("InternalFailureException", 500));
    apps.end().await;
}

#[tokio::test]
async fn a_push_is_built_unless_auto_build_is_off() {
    let apps = Apps::of(|_| {}).await;
    let commit = |id: &str| SeedCommit { id: id.to_owned(), summary: "Pushed".to_owned() };
    let first = apps.bench.aws.push_to_app(APP, BRANCH, commit(&"4".repeat(40))).unwrap();
    assert_eq!(first, Some(13));
    apps.until("13", JobStatus::Succeed).await;
    let update = apps.client.update_branch().app_id(APP).branch_name(BRANCH).enable_auto_build(false);
    assert!(!update.send().await.unwrap().branch().unwrap().enable_auto_build());
    let second = apps.bench.aws.push_to_app(APP, BRANCH, commit(&"5".repeat(40))).unwrap();
    assert_eq!(second, None);
    assert_eq!(apps.bench.aws.published(APP, BRANCH), Some("4".repeat(40)));
    apps.end().await;
}

#[tokio::test]
async fn an_app_without_a_repository_takes_files_by_address_and_as_a_zip() {
    let address = |build: &str| format!("s3://builds/shop/{build}/");
    let apps = Apps::of(|app| {
        app["repository"] = Value::Null;
        app["branches"][0]["jobs"] = json!([
            {"kind": "manual", "files": {"url": address("41"), "kind": "bucket_prefix"}, "age": "48h"},
            {"kind": "manual", "commit": "build-42.zip", "age": "1h"},
        ]);
        app["site"] = json!({"build-42.zip": {"/": {"status": 500, "body": "no cart"}}});
    })
    .await;
    assert_eq!(apps.page("shop").await, (500, "build-42.zip".to_owned()));
    let (code, message, _) = apps.start(JobType::Retry, Some("9")).await.unwrap_err();
    assert_eq!(
        (code.as_str(), message.as_str()),
        ("BadRequestException", "Operation not supported. App is not connected to a repository.")
    );
    let good = apps.job("9").await.summary().unwrap().clone();
    assert_eq!(
        (good.source_url(), good.source_url_type()),
        (Some(address("41").as_str()), Some(&SourceUrlType::BucketPrefix))
    );
    let deploy = apps.client.start_deployment().app_id(APP).branch_name(BRANCH);
    let begun =
        deploy.clone().source_url(address("41")).source_url_type(SourceUrlType::BucketPrefix).send().await.unwrap();
    let id = begun.job_summary().unwrap().job_id().to_owned();
    let (code, message, _) = refusal(deploy.clone().source_url(address("40")).send().await.unwrap_err());
    assert_eq!(code, "BadRequestException");
    assert!(message.starts_with("The last job(deployment) 11 was not finished"), "{message}");
    apps.until(&id, JobStatus::Succeed).await;
    assert_eq!(apps.page("shop").await, (200, address("41")));

    let kept = apps.job("10").await.steps()[0].artifacts_url().unwrap().to_owned();
    let zip = reqwest::get(kept).await.unwrap().text().await.unwrap();
    let created = apps.client.create_deployment().app_id(APP).branch_name(BRANCH).send().await.unwrap();
    let put = reqwest::Client::new().put(created.zip_upload_url()).body(zip).send().await.unwrap();
    assert_eq!(put.status().as_u16(), 200);
    assert_eq!(apps.job(created.job_id().unwrap()).await.summary().unwrap().status(), &JobStatus::Created);
    deploy.clone().set_job_id(created.job_id().map(str::to_owned)).send().await.unwrap();
    apps.until(created.job_id().unwrap(), JobStatus::Succeed).await;
    assert_eq!(apps.page("shop").await, (500, "build-42.zip".to_owned()));
    let again = deploy.set_job_id(created.job_id().map(str::to_owned)).send().await.unwrap_err();
    assert_eq!(refusal(again).0, "BadRequestException");
    apps.end().await;
}

fn blue_and_green(app: &mut Value) {
    app["branches"][0]["jobs"].as_array_mut().unwrap().truncate(2);
    app["branches"].as_array_mut().unwrap().push(json!({"name": "green", "jobs": [{"commit": BAD, "age": "1h"}]}));
    app["domains"] = json!([{"name": "example.com", "auto_sub_domain": true, "auto_patterns": ["*"], "sub_domains": [
        {"prefix": "", "branch": "green"}, {"prefix": "www", "branch": "green"},
    ]}]);
}

fn setting(prefix: &str, branch: &str) -> SubDomainSetting {
    SubDomainSetting::builder().prefix(prefix).branch_name(branch).build().unwrap()
}

#[tokio::test]
async fn a_domain_points_at_another_branch_once_its_update_is_complete() {
    let apps = Apps::paced(20, blue_and_green).await;
    assert_eq!(apps.page("example.com").await, (500, BAD.to_owned()));
    let update = || apps.client.update_domain_association().app_id(APP).domain_name("example.com");
    let both = || update().sub_domain_settings(setting("", BRANCH)).sub_domain_settings(setting("www", "green"));
    let begun = both().enable_auto_sub_domain(true).auto_sub_domain_creation_patterns("*").send().await.unwrap();
    assert_eq!(begun.domain_association().unwrap().domain_status(), &DomainStatus::Updating);
    assert_eq!(apps.page("example.com").await.0, 500, "not in effect yet");
    assert_eq!(refusal(both().send().await.unwrap_err()).0, "BadRequestException");
    let waited = apps.bench.clock.now();
    while apps.domain().await.update_status() != Some(&UpdateStatus::UpdateComplete) {
        assert!(apps.bench.clock.now().elapsed(waited.at) < Duration::from_mins(10), "{:?}", apps.domain().await);
        apps.bench.clock.sleep(Duration::from_secs(5)).await;
    }
    assert_eq!((apps.page("example.com").await, apps.page("www.example.com").await.0), ((200, BETTER.to_owned()), 500));
    let told = apps.domain().await;
    assert_eq!(told.domain_status(), &DomainStatus::Available);
    assert!(told.enable_auto_sub_domain() && told.auto_sub_domain_creation_patterns() == ["*"]);
    apps.end().await;
}

#[tokio::test]
async fn an_update_of_a_domain_replaces_the_whole_list_and_may_fail() {
    let apps = Apps::of(blue_and_green).await;
    let update = || apps.client.update_domain_association().app_id(APP).domain_name("example.com");
    let nowhere = update().sub_domain_settings(setting("", "purple")).send().await.unwrap_err();
    assert_eq!(refusal(nowhere).0, "NotFoundException");
    update().sub_domain_settings(setting("", BRANCH)).send().await.unwrap();
    apps.bench.clock.sleep(Duration::from_mins(2)).await;
    let told = apps.domain().await;
    let prefixes: Vec<_> = told.sub_domains().iter().map(|one| one.sub_domain_setting().unwrap().prefix()).collect();
    assert_eq!(prefixes, [""], "www was not in the list");
    assert!(!told.enable_auto_sub_domain(), "nor was the setting");
    assert_eq!(apps.page("www.example.com").await.0, 404);
    apps.end().await;

    let apps = Apps::of(|app| {
        blue_and_green(app);
        app["domains"][0]["fails"] = json!("The certificate could not be renewed.");
    })
    .await;
    let update = apps.client.update_domain_association().app_id(APP).domain_name("example.com");
    update.sub_domain_settings(setting("", BRANCH)).send().await.unwrap();
    apps.bench.clock.sleep(Duration::from_mins(2)).await;
    let told = apps.domain().await;
    assert_eq!(told.update_status(), Some(&UpdateStatus::UpdateFailed));
    assert_eq!(told.status_reason(), "The certificate could not be renewed.");
    assert_eq!(apps.page("example.com").await.0, 500);
    apps.end().await;
}
