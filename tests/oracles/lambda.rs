//! What a function's rollback asks of Lambda.

use std::path::Path;
use std::time::Duration;

use aws_sdk_lambda::Client;
use aws_sdk_lambda::error::SdkError;
use aws_sdk_lambda::operation::update_alias::{UpdateAliasError, UpdateAliasOutput};
use aws_sdk_lambda::primitives::Blob;
use aws_sdk_lambda::types::{AliasRoutingConfiguration, FunctionCode, LastUpdateStatus, Runtime};
use aws_types::SdkConfig;
use rollbot::clock::Clock;
use rollbot::incident::time::Pace;
use tokio::process::Command;

use crate::outcomes::{Outcomes, refusal};
use crate::stand_ins::PATIENCE;

/// A function with two versions of different code; the alias `live` points at the second and sends a part to the first.
pub(crate) const FUNCTION: &str = "oracle-worker";
const ALIAS: &str = "live";
/// A revision that nothing has.
const NO_REVISION: &str = "00000000-0000-4000-8000-000000000000";

/// What a function's rollback asks of Lambda: of an alias, of settings, of code.
pub(crate) async fn lambda_story(config: &SdkConfig) -> Outcomes {
    let lambda = Client::new(config);
    let mut seen = Outcomes::new();
    aliases(&lambda, &mut seen).await;
    settings(&lambda, &mut seen).await;
    code(&lambda, &mut seen).await;
    absent(&lambda, &mut seen).await;
    seen
}

async fn flip(
    lambda: &Client,
    to: &str,
    revision: &str,
) -> Result<UpdateAliasOutput, SdkError<UpdateAliasError, aws_smithy_runtime_api::http::Response>> {
    let nowhere_else = AliasRoutingConfiguration::builder().set_additional_version_weights(Some([].into())).build();
    let call = lambda.update_alias().function_name(FUNCTION).name(ALIAS).function_version(to);
    call.routing_config(nowhere_else).revision_id(revision).send().await
}

async fn aliases(lambda: &Client, seen: &mut Outcomes) {
    let get = || lambda.get_alias().function_name(FUNCTION).name(ALIAS).send();
    let before = get().await.expect("the alias is there");
    let weights = |routing: Option<&AliasRoutingConfiguration>| {
        format!(
            "{:?}",
            routing
                .and_then(AliasRoutingConfiguration::additional_version_weights)
                .into_iter()
                .flatten()
                .collect::<Vec<_>>()
        )
    };
    seen.push(("the alias", format!("{:?} {}", before.function_version(), weights(before.routing_config()))));
    let revision = before.revision_id().expect("a revision").to_owned();
    seen.push(("another revision", refusal(flip(lambda, "1", NO_REVISION).await)));
    let flipped = flip(lambda, "1", &revision).await.expect("it is flipped");
    seen.push(("flipped", format!("{:?} {}", flipped.function_version(), weights(flipped.routing_config()))));
    seen.push(("a new revision", (flipped.revision_id() != Some(revision.as_str())).to_string()));
    seen.push(("a revision that was good before", refusal(flip(lambda, "2", &revision).await)));
    let after = get().await.expect("the alias is there");
    seen.push(("the same revision is told", (after.revision_id() == flipped.revision_id()).to_string()));
    seen.push(("the flip is told", format!("{:?} {}", after.function_version(), weights(after.routing_config()))));
    let now = after.revision_id().expect("a revision");
    seen.push(("to a version that is not there", refusal(flip(lambda, "9", now).await)));
    seen.push(("no such alias", refusal(lambda.get_alias().function_name(FUNCTION).name("nope").send().await)));
    for (step, version) in [("aliases of version 1", "1"), ("aliases of version 2", "2")] {
        let listed = lambda.list_aliases().function_name(FUNCTION).function_version(version).send().await;
        let listed = listed.expect("a list");
        let names: Vec<_> = listed.aliases().iter().filter_map(|alias| alias.name()).collect();
        seen.push((step, format!("{names:?}")));
    }
}

async fn settings(lambda: &Client, seen: &mut Outcomes) {
    let listed = lambda.list_versions_by_function().function_name(FUNCTION).send().await.expect("a list");
    let versions: Vec<_> = listed.versions().iter().filter_map(|one| one.version()).collect();
    seen.push(("versions", format!("{versions:?}")));
    let sha = |version: &str| {
        let found = listed.versions().iter().find(|one| one.version() == Some(version));
        found.and_then(|one| one.code_sha256()).map(str::to_owned)
    };
    seen.push(("$LATEST is version 2", (sha("$LATEST") == sha("2")).to_string()));
    seen.push(("version 1 is another", (sha("1") != sha("2")).to_string()));
    let get = |qualifier: &'static str| {
        lambda.get_function_configuration().function_name(FUNCTION).qualifier(qualifier).send()
    };
    let first = get("1").await.expect("version 1 is there");
    seen.push(("version 1", format!("{:?} {:?} {:?}", first.version(), first.state(), first.timeout())));
    seen.push(("its code is told alike", (first.code_sha256().map(str::to_owned) == sha("1")).to_string()));
    seen.push(("no such version", refusal(get("9").await)));
    let latest = get("$LATEST").await.expect("$LATEST is there");
    let update = |revision: &str| {
        lambda.update_function_configuration().function_name(FUNCTION).timeout(120).revision_id(revision).send()
    };
    seen.push(("settings, another revision", refusal(update(NO_REVISION).await)));
    let revision = latest.revision_id().expect("a revision").to_owned();
    let updated = update(&revision).await.expect("it is updated");
    seen.push(("the timeout", format!("{:?}", updated.timeout())));
    seen.push(("a new revision of $LATEST", (updated.revision_id() != Some(revision.as_str())).to_string()));
    settled(lambda).await;
    seen.push(("version 1 keeps its timeout", format!("{:?}", get("1").await.expect("it is there").timeout())));
    seen.push(("settings, a revision of before", refusal(update(&revision).await)));
}

/// Waits until `$LATEST` can be changed again.
async fn settled(lambda: &Client) {
    let clock = Clock::start(Pace::REAL);
    let since = clock.reading();
    loop {
        let latest = lambda.get_function_configuration().function_name(FUNCTION).send().await.expect("it is told");
        if latest.last_update_status() == Some(&LastUpdateStatus::Successful) {
            return;
        }
        assert!(since.elapsed() < PATIENCE, "the update does not end");
        clock.sleep_really(Duration::from_millis(100)).await;
    }
}

async fn code(lambda: &Client, seen: &mut Outcomes) {
    let first = lambda.get_function().function_name(FUNCTION).qualifier("1").send().await.expect("version 1 is there");
    let wanted = first.configuration().and_then(|it| it.code_sha256()).map(str::to_owned);
    let location = first.code().and_then(|code| code.location()).expect("its code can be had");
    let zip = reqwest::get(location).await.expect("its code is handed out").bytes().await.expect("bytes").to_vec();
    let latest = lambda.get_function_configuration().function_name(FUNCTION).send().await.expect("it is told");
    let update = |revision: &str| {
        let call = lambda.update_function_code().function_name(FUNCTION).zip_file(Blob::new(zip.clone()));
        call.revision_id(revision).send()
    };
    seen.push(("code, another revision", refusal(update(NO_REVISION).await)));
    let updated = update(latest.revision_id().expect("a revision")).await.expect("it is updated");
    seen.push(("the code is that of version 1", (updated.code_sha256().map(str::to_owned) == wanted).to_string()));
    settled(lambda).await;
    let publish = || lambda.publish_version().function_name(FUNCTION).send();
    let published = publish().await.expect("it is published");
    seen.push(("published", format!("{:?}", published.version())));
    let again = publish().await.expect("it is taken");
    seen.push(("published again, unchanged", format!("{:?}", again.version())));
}

async fn absent(lambda: &Client, seen: &mut Outcomes) {
    seen.push(("no such function", refusal(lambda.get_function().function_name("nope").send().await)));
    seen.push(("no policy", refusal(lambda.get_policy().function_name(FUNCTION).send().await)));
    seen.push(("no URL", refusal(lambda.get_function_url_config().function_name(FUNCTION).send().await)));
    let provisioned = lambda.get_provisioned_concurrency_config().function_name(FUNCTION).qualifier(ALIAS).send().await;
    seen.push(("no provisioned concurrency", refusal(provisioned)));
    let mappings = lambda.list_event_source_mappings().function_name(FUNCTION).send().await.expect("a list");
    seen.push(("no event sources", mappings.event_source_mappings().len().to_string()));
}

/// A function like ours, made at another's. The zips are made by the Python that runs it.
pub(crate) async fn function(config: &SdkConfig, python: &Path) {
    let lambda = Client::new(config);
    let call = lambda.create_function().function_name(FUNCTION).runtime(Runtime::Python312).handler("index.handler");
    let code = FunctionCode::builder().zip_file(zip(python, "v41").await).build();
    let call = call.role("arn:aws:iam::123456789012:role/worker").timeout(30).code(code);
    call.publish(true).send().await.expect("it is made");
    settled(&lambda).await;
    let second = zip(python, "v42").await;
    lambda.update_function_code().function_name(FUNCTION).zip_file(second).send().await.expect("it is updated");
    settled(&lambda).await;
    lambda.publish_version().function_name(FUNCTION).send().await.expect("it is published");
    let weights = AliasRoutingConfiguration::builder().additional_version_weights("1", 0.25).build();
    let call = lambda.create_alias().function_name(FUNCTION).name(ALIAS).function_version("2");
    call.routing_config(weights).send().await.expect("the alias is made");
}

/// A zip with a handler that names its version.
async fn zip(python: &Path, version: &str) -> Blob {
    let program = "import io, sys, zipfile\n\
                   file = io.BytesIO()\n\
                   with zipfile.ZipFile(file, 'w') as archive:\n\
                   \x20   archive.writestr('index.py', 'def handler(event, context): return \"%s\"' % sys.argv[1])\n\
                   sys.stdout.buffer.write(file.getvalue())\n";
    let made = Command::new(python).args(["-c", program, version]).output().await.expect("Python runs");
    assert!(made.status.success() && !made.stdout.is_empty(), "{}", String::from_utf8_lossy(&made.stderr));
    Blob::new(made.stdout)
}
