//! Alarms as the SDK sees them, over CBOR.

use aws_sdk_cloudwatch::config::{BehaviorVersion, Region};
use aws_sdk_cloudwatch::types::{AlarmType, StateValue};
use serde_json::json;

use super::bench::{Bench, REGION, keys};
use super::stacks_bench;
use crate::sandbox::aws::{AlarmState, Seed};

fn arn(name: &str) -> String {
    format!("arn:aws:cloudwatch:{REGION}:123456789012:alarm:{name}")
}

/// The stack `api`, whose v2 answers 500 on /health, and alarms around it.
fn seed() -> Seed {
    let alarms = json!([
        {"arn": arn("5xx"), "watches": {"site": "api", "path": "/health"}},
        {"arn": arn("p99")},
        {"arn": arn("quiet"), "state": "INSUFFICIENT_DATA"},
        {"arn": arn("any"), "any_of": ["5xx", "p99"]},
    ]);
    Seed { alarms: serde_json::from_value(alarms).unwrap(), ..stacks_bench::seed(json!({})) }
}

fn client(bench: &Bench) -> aws_sdk_cloudwatch::Client {
    let config = aws_sdk_cloudwatch::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new(REGION))
        .credentials_provider(keys())
        .endpoint_url(bench.aws.endpoint());
    aws_sdk_cloudwatch::Client::from_conf(config.build())
}

/// The names and states of metric alarms, then of composite ones.
async fn states(client: &aws_sdk_cloudwatch::Client) -> Vec<(String, StateValue)> {
    let call = client.describe_alarms().alarm_types(AlarmType::MetricAlarm).alarm_types(AlarmType::CompositeAlarm);
    let told = call.send().await.unwrap();
    let metric = told.metric_alarms().iter().map(|one| (one.alarm_name(), one.state_value()));
    let composite = told.composite_alarms().iter().map(|one| (one.alarm_name(), one.state_value()));
    let all = metric.chain(composite);
    all.map(|(name, state)| (name.unwrap().to_owned(), state.unwrap().clone())).collect()
}

#[tokio::test]
async fn an_alarm_follows_what_it_watches_and_a_composite_one_its_parts() {
    let bench = Bench::of(seed()).await;
    let client = client(&bench);
    let states_of = |all: &[(&str, StateValue)]| {
        all.iter().map(|(name, state)| ((*name).to_owned(), state.clone())).collect::<Vec<_>>()
    };
    let (ok, alarm, none) = (StateValue::Ok, StateValue::Alarm, StateValue::InsufficientData);
    assert_eq!(
        states(&client).await,
        states_of(&[("5xx", alarm.clone()), ("p99", ok.clone()), ("quiet", none.clone()), ("any", alarm.clone())])
    );
    let since = client.describe_alarms().alarm_names("5xx").send().await.unwrap();
    let told = &since.metric_alarms()[0];
    assert!(told.state_updated_timestamp().unwrap().secs() <= bench.clock.now().at.as_second());
    assert_eq!((told.threshold(), told.period()), (Some(5.0), Some(60)));

    // The version before comes back, and with it the alarm.
    let api = aws_sdk_cloudformation::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new(REGION))
        .credentials_provider(keys())
        .endpoint_url(bench.aws.endpoint());
    let api = aws_sdk_cloudformation::Client::from_conf(api.build());
    let version = aws_sdk_cloudformation::types::Parameter::builder().parameter_key("Version").parameter_value("v1");
    let call = api.update_stack().stack_name("api").use_previous_template(true).parameters(version.build());
    call.capabilities(aws_sdk_cloudformation::types::Capability::CapabilityIam).send().await.unwrap();
    bench.clock.sleep(std::time::Duration::from_mins(3)).await;
    assert_eq!(
        states(&client).await,
        states_of(&[("5xx", ok.clone()), ("p99", ok.clone()), ("quiet", none.clone()), ("any", ok.clone())])
    );

    bench.aws.set_alarm("p99", AlarmState::Alarm);
    assert_eq!(
        states(&client).await,
        states_of(&[("5xx", ok.clone()), ("p99", alarm.clone()), ("quiet", none), ("any", alarm.clone())])
    );
    bench.aws.delete_alarm("p99");
    let named = client.describe_alarms().alarm_names("p99").alarm_names("5xx").send().await.unwrap();
    assert_eq!(named.metric_alarms().len(), 1, "what is not there is left out without a word");
    let only = client.describe_alarms().state_value(ok).send().await.unwrap();
    assert!(only.composite_alarms().is_empty(), "they are shown only where they are asked for");
    bench.end().await;
}

#[tokio::test]
async fn alarms_come_in_pages_and_nonsense_is_refused() {
    let bench = Bench::of(seed()).await;
    let client = client(&bench);
    let first = client.describe_alarms().max_records(2).send().await.unwrap();
    assert_eq!(first.metric_alarms().len(), 2);
    let second = client.describe_alarms().set_next_token(first.next_token().map(str::to_owned)).send().await.unwrap();
    assert_eq!((second.metric_alarms().len(), second.next_token()), (1, None));
    let wrong = client.describe_alarms().next_token("tomorrow").send().await.unwrap_err();
    assert!(wrong.into_service_error().is_invalid_next_token());
    bench.end().await;
}
