//! What is answered, what is refused, and what is lost on the wire.

use aws_sdk_ecs::config::{Credentials, Region};
use aws_sdk_ecs::error::ProvideErrorMetadata;
use rstest::rstest;
use serde_json::{Value, json};

use super::bench::*;
use crate::sandbox::wire::{Fault, Moment};

#[tokio::test]
async fn an_inactive_task_definition_is_refused_but_described() {
    let bench = Bench::of(seed()).await;
    let refusal =
        bench.ecs.update_service().cluster("prod").service("api").task_definition("api:7").send().await.unwrap_err();
    let refusal = refusal.into_service_error();
    assert_eq!((refusal.code(), refusal.message()), (Some("ClientException"), Some("TaskDefinition is inactive")));
    let described = bench.ecs.describe_task_definition().task_definition("api:7").send().await.unwrap();
    assert_eq!(described.task_definition().unwrap().status().unwrap().as_str(), "INACTIVE");
    assert_eq!(bench.service().await.deployments().len(), 1);
    bench.end().await;
}

#[tokio::test]
async fn a_lost_reply_leaves_its_effect_behind() {
    let bench = Bench::of(seed()).await;
    bench.interfere("UpdateService", Moment::After, Fault::Drop);
    let lost =
        bench.ecs.update_service().cluster("prod").service("api").task_definition("api:1").send().await.unwrap_err();
    assert!(matches!(lost, aws_sdk_ecs::error::SdkError::DispatchFailure(_)), "{lost:?}");
    bench.wire.interfere(None);
    assert!(bench.service().await.task_definition().unwrap().ends_with("/api:1"));
    let updates: Vec<u16> =
        bench.wire.calls().iter().filter(|call| call.operation == "UpdateService").map(|call| call.status).collect();
    assert_eq!(updates, [0]);
    bench.end().await;
}

#[tokio::test]
async fn a_throttled_call_has_no_effect() {
    let bench = Bench::of(seed()).await;
    bench.interfere("UpdateService", Moment::Before, Fault::Throttle);
    let refusal =
        bench.ecs.update_service().cluster("prod").service("api").task_definition("api:1").send().await.unwrap_err();
    assert_eq!(refusal.into_service_error().code(), Some("ThrottlingException"));
    bench.wire.interfere(None);
    assert!(bench.service().await.task_definition().unwrap().ends_with("/api:2"));
    bench.end().await;
}

#[rstest]
#[case::unknown_member("DescribeServices", json!({"services": ["api"], "verbose": true}), "SerializationException")]
#[case::missing_member("DescribeServices", json!({"cluster": "prod"}), "InvalidParameterException")]
#[case::wrong_type("UpdateService", json!({"service": "api", "desiredCount": "two"}), "SerializationException")]
#[case::bad_enum("StopServiceDeployment", json!({"serviceDeploymentArn": "a", "stopType": "UNDO"}), "InvalidParameterException")]
#[case::unknown_operation("RunTask", json!({}), "UnknownOperationException")]
#[case::no_such_cluster("DescribeServices", json!({"cluster": "test", "services": ["api"]}), "ClusterNotFoundException")]
#[tokio::test]
async fn what_the_model_does_not_know_is_refused(#[case] operation: &str, #[case] request: Value, #[case] code: &str) {
    let bench = Bench::of(seed()).await;
    let scope = format!("Credential=AKIDEXAMPLE/20261101/{REGION}/ecs/aws4_request");
    let authorization =
        format!("AWS4-HMAC-SHA256 {scope}, SignedHeaders=host;x-amz-date, Signature={}", "0".repeat(64));
    let post = |authorization: Option<String>| {
        let call = reqwest::Client::new().post(bench.aws.endpoint()).body(request.to_string());
        let call = call.header("content-type", "application/x-amz-json-1.1").header("x-amz-date", "20261101T120000Z");
        let call = call.header("x-amz-target", format!("AmazonEC2ContainerServiceV20141113.{operation}"));
        let call = authorization.into_iter().fold(call, |call, value| call.header("authorization", value));
        async move {
            let reply = call.send().await.unwrap();
            (reply.status().as_u16(), reply.json::<Value>().await.unwrap()["__type"].clone())
        }
    };
    assert_eq!(post(Some(authorization.clone())).await, (400, json!(code)));
    if code != "UnknownOperationException" {
        assert_eq!(post(None).await, (403, json!("MissingAuthenticationTokenException")));
        let elsewhere = authorization.replace(REGION, "eu-west-1");
        assert_eq!(post(Some(elsewhere)).await, (403, json!("InvalidSignatureException")));
    }
    bench.end().await;
}

#[tokio::test]
async fn images_that_are_gone_are_not_found() {
    let bench = Bench::of(seed()).await;
    let config = aws_sdk_ecr::Config::builder()
        .behavior_version(aws_sdk_ecr::config::BehaviorVersion::latest())
        .region(Region::new(REGION))
        .credentials_provider(keys())
        .endpoint_url(bench.aws.endpoint());
    let ecr = aws_sdk_ecr::Client::from_conf(config.build());
    let look = |version: u8| {
        let id = aws_sdk_ecr::types::ImageIdentifier::builder().image_digest(digest(version)).build();
        ecr.describe_images().repository_name("shop/api").image_ids(id).send()
    };
    assert_eq!(look(41).await.unwrap().image_details()[0].image_tags(), ["v41"]);
    assert!(look(46).await.unwrap_err().into_service_error().is_image_not_found_exception());
    let nowhere = ecr.describe_images().repository_name("shop/web").send().await.unwrap_err();
    assert!(nowhere.into_service_error().is_repository_not_found_exception());
    bench.end().await;
}

#[tokio::test]
async fn an_assumed_role_shows_its_session_and_needs_its_external_id() {
    let bench = Bench::of(seed()).await;
    let client = |credentials: Credentials| {
        let config = aws_sdk_sts::Config::builder()
            .behavior_version(aws_sdk_sts::config::BehaviorVersion::latest())
            .region(Region::new(REGION))
            .credentials_provider(credentials)
            .endpoint_url(bench.aws.endpoint());
        aws_sdk_sts::Client::from_conf(config.build())
    };
    let assume = || {
        let call = client(keys()).assume_role().role_arn("arn:aws:iam::123456789012:role/rollback");
        call.role_session_name("inc-7")
    };
    assert_eq!(assume().send().await.unwrap_err().into_service_error().code(), Some("AccessDenied"));
    let given = assume().external_id("shop").send().await.unwrap().credentials().unwrap().clone();
    let token = Some(given.session_token().to_owned());
    let session = Credentials::new(given.access_key_id(), given.secret_access_key(), token, None, "test");
    let identity = client(session).get_caller_identity().send().await.unwrap();
    assert_eq!(identity.arn(), Some("arn:aws:sts::123456789012:assumed-role/rollback/inc-7"));
    let forged = Credentials::new(given.access_key_id(), given.secret_access_key(), None, None, "test");
    assert!(client(forged).get_caller_identity().send().await.is_err());
    bench.end().await;
}
