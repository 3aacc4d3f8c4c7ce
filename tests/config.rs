//! rollbot.yml: what is taken, what it means, and the exact sentence for everything that is refused.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::Duration;

use rollbot::config::{
    Check, Config, ConfigErrors, Deletion, Header, HttpCheck, Inclusion, Necessity, Order, Previous, Settings,
    SettingsErrors, StoreSection, TargetGroup, TargetKind,
};
use rollbot::incident::ids::{ChannelId, GroupId, UserId};
use rollbot::incident::policy::{Principal, SelfApproval};
use secrecy::ExposeSecret as _;

const GOOD: &str = r#"slack: { operations: C0OPS00001 }
people: { sre: S0SRE00001, lead: U0LEAD0001 }
store: { sled: { path: ./data } }
environments:
  prod:
    aws: { region: eu-north-1, account: "123456789012" }
    channels: [C0INC00001]
    may: { approve: [sre, lead] }
    vars: { domain: example.com }
  staging:
    aws: { region: eu-north-1 }
    channels: [C0DEV00001]
    approval: { required: 0 }
    vars: { domain: staging.example.com }
services:
  api:
    environments: [staging, prod]
    targets:
      - ecs: { name: backend, cluster: "shop-${env}", service: api }
      - parallel:
          - ecs: { cluster: "shop-${env}", service: worker }
          - ecs: { cluster: "shop-${env}", service: reports, optional: true }
    verify:
      - http: { url: "https://api.${domain}/health" }
      - target_group: { of: backend }
    watch: { for: 30m }
"#;

/// What is changed in the good file: this text, to that.
const BAD: &[(&str, &str)] = &[
    // Unknown keys.
    ("slack: { operations", "slcak: { operations"),
    ("slack: { operations", "slack: { opertions"),
    ("channels: [C0INC00001]", "chanels: [C0INC00001]"),
    ("watch: { for: 30m }", "watch: { for: 30m, pause: 5s }"),
    ("service: api }", "service: api, clustre: x }"),
    ("- ecs: { name: backend", "- esc: { name: backend"),
    ("- target_group: { of: backend }", "- ping: { host: example.com }"),
    ("may: { approve", "may: { aprove"),
    // Stages of pipelines, and builds.
    (
        "- ecs: { name: backend",
        "- codepipeline: { pipeline: shop, stage: Deploy, how: undo }\n      - ecs: { name: backend",
    ),
    (
        "- ecs: { name: backend",
        "- codepipeline: { pipeline: \"the shop\", stage: Deploy }\n      - ecs: { name: backend",
    ),
    ("- ecs: { name: backend", "- codepipeline: { pipeline: shop }\n      - ecs: { name: backend"),
    (
        "- ecs: { name: backend",
        "- codepipeline: { pipeline: shop, stage: Deploy, image: \"shop/api:v1\" }\n      - ecs: { name: backend",
    ),
    ("- ecs: { name: backend", "- codebuild: { project: deploy, branch: main }\n      - ecs: { name: backend"),
    ("- ecs: { name: backend", "- codebuild: { project: \"a b\" }\n      - ecs: { name: backend"),
    (
        "- ecs: { name: backend",
        "- codebuild: { project: deploy }\n      - codebuild: { project: deploy }\n      - ecs: { name: backend",
    ),
    // Static sites.
    (
        "- ecs: { name: backend",
        "- static_site: {bucket: web, distribution: E1, releases: { prefix: r/, live: l/ }, delets: last }\n      - ecs: { name: backend",
    ),
    ("- ecs: { name: backend", "- static_site: {bucket: shop-web, distribution: E1 }\n      - ecs: { name: backend"),
    (
        "- ecs: { name: backend",
        "- static_site: {bucket: shop-web, distribution: E1, versions: {}, releases: { prefix: r/ } }\n      - ecs: { name: backend",
    ),
    (
        "- ecs: { name: backend",
        "- static_site: {bucket: \"s3://shop-web\", distribution: E1, versions: {} }\n      - ecs: { name: backend",
    ),
    (
        "- ecs: { name: backend",
        "- static_site: {bucket: shop-web, distribution: e1.cloudfront.net, versions: {} }\n      - ecs: { name: backend",
    ),
    (
        "- ecs: { name: backend",
        "- static_site: {bucket: shop-web, distribution: E1, versions: { days: 3 } }\n      - ecs: { name: backend",
    ),
    (
        "- ecs: { name: backend",
        "- static_site: {bucket: shop-web, distribution: E1, releases: { prefix: /, live: live } }\n      - ecs: { name: backend",
    ),
    (
        "- ecs: { name: backend",
        "- static_site: {bucket: shop-web, distribution: E1, releases: { prefix: r, live: r/now } }\n      - ecs: { name: backend",
    ),
    (
        "- ecs: { name: backend",
        "- static_site: {bucket: shop-web, distribution: E1, origin_path: { prefix: r } }\n      - ecs: { name: backend",
    ),
    (
        "- ecs: { name: backend",
        "- static_site: {bucket: shop-web, distribution: E1, origin_path: { prefix: r, origin: web }, deletes: last }\n      - ecs: { name: backend",
    ),
    (
        "- ecs: { name: backend",
        "- static_site: {bucket: shop-web, distribution: E1, versions: {}, deletes: first }\n      - ecs: { name: backend",
    ),
    (
        "- ecs: { name: backend",
        "- static_site: {bucket: shop-web, distribution: E1, versions: {}, invalidate: [index.html, \"/a*b\"] }\n      - ecs: { name: backend",
    ),
    // Functions.
    ("- ecs: { name: backend", "- lambda: { alias: live }\n      - ecs: { name: backend"),
    ("- ecs: { name: backend", "- lambda: { function: \"a b\" }\n      - ecs: { name: backend"),
    (
        "- ecs: { name: backend",
        "- lambda: { function: \"arn:aws:lambda:eu-north-1:123456789012:function:jobs\" }\n      - ecs: { name: backend",
    ),
    ("- ecs: { name: backend", "- lambda: { function: \"jobs:live\" }\n      - ecs: { name: backend"),
    ("- ecs: { name: backend", "- lambda: { function: jobs, alias: \"3\" }\n      - ecs: { name: backend"),
    ("- ecs: { name: backend", "- lambda: { function: jobs, version: 3 }\n      - ecs: { name: backend"),
    ("- ecs: { name: backend", "- lambda_settings: { function: jobs }\n      - ecs: { name: backend"),
    ("- ecs: { name: backend", "- lambda_settings: { function: jobs, timeout: 901 }\n      - ecs: { name: backend"),
    ("- ecs: { name: backend", "- lambda_settings: { function: jobs, timeout: 30s }\n      - ecs: { name: backend"),
    ("- ecs: { name: backend", "- lambda_settings: { function: jobs, memory: 64 }\n      - ecs: { name: backend"),
    ("- ecs: { name: backend", "- lambda_settings: { function: jobs, environment: {} }\n      - ecs: { name: backend"),
    (
        "- ecs: { name: backend",
        "- lambda_settings: { function: jobs, environment: { API_TOKEN: x } }\n      - ecs: { name: backend",
    ),
    (
        "- ecs: { name: backend",
        "- lambda_settings: { function: jobs, environment: { 1A: x } }\n      - ecs: { name: backend",
    ),
    (
        "- ecs: { name: backend",
        "- lambda_settings: { function: jobs, environment: { FLAG: 1 } }\n      - ecs: { name: backend",
    ),
    (
        "- ecs: { name: backend",
        "- lambda: { function: jobs, alias: live }\n      - lambda: { function: jobs, alias: live }\n      - ecs: { name: backend",
    ),
    // Stacks.
    ("- ecs: { name: backend", "- cloudformation: {}\n      - ecs: { name: backend"),
    ("- ecs: { name: backend", "- cloudformation: { stack: 7up, template: x }\n      - ecs: { name: backend"),
    (
        "- ecs: { name: backend",
        "- cloudformation: { stack: \"arn:aws:cloudformation:eu-west-1:123456789012:stack/shop/1\" }\n      - ecs: { name: backend",
    ),
    ("- ecs: { name: backend", "- cloudformation: { stack: shop, previous: git }\n      - ecs: { name: backend"),
    (
        "- ecs: { name: backend",
        "- cloudformation: { stack: shop, previous: { s3: { bucket: deploys } } }\n      - ecs: { name: backend",
    ),
    (
        "- ecs: { name: backend",
        "- cloudformation: { stack: shop, delete: DELETE, may_replace: [Table] }\n      - ecs: { name: backend",
    ),
    (
        "- ecs: { name: backend",
        "- cloudformation: { name: a, stack: shop }\n      - cloudformation: { name: b, stack: shop }\n      - ecs: { name: backend",
    ),
    // Amplify.
    ("- ecs: { name: backend", "- amplify: { app: shop }\n      - ecs: { name: backend"),
    (
        "- ecs: { name: backend",
        "- amplify: { app: shop, branch: main, domain: example.com }\n      - ecs: { name: backend",
    ),
    ("- ecs: { name: backend", "- amplify: { app: shop, branch: \"the main\" }\n      - ecs: { name: backend"),
    (
        "- ecs: { name: backend",
        "- amplify: { app: \"arn:aws:amplify:eu-north-1:1:apps/d1\", branch: main }\n      - ecs: { name: backend",
    ),
    (
        "- ecs: { name: backend",
        "- amplify: { app: shop, branch: main }\n      - amplify: { app: shop, branch: main }\n      - ecs: { name: backend",
    ),
    ("- ecs: { name: backend", "- amplify_domain: { app: shop, domain: example.com }\n      - ecs: { name: backend"),
    (
        "- ecs: { name: backend",
        "- amplify_domain: { app: shop, domain: \"https://example.com\", branch: blue }\n      - ecs: { name: backend",
    ),
    (
        "- ecs: { name: backend",
        "- amplify_domain: { app: shop, domain: example.com, prefix: \"www/\", branch: blue }\n      - ecs: { name: backend",
    ),
    ("- target_group: { of: backend }", "- amplify: { of: backend }"),
    ("- target_group: { of: backend }", "- amplify: {}"),
    ("    watch: {", "    freeze: [{ amplify_auto_build: { app: shop } }]\n    watch: {"),
    (
        "    watch: {",
        "    freeze: [{ amplify_auto_build: { app: shop, branch: main } }, { amplify_auto_build: { app: shop, branch: main } }]\n    watch: {",
    ),
    // Known to the design, not to this version.
    ("store: { sled: { path: ./data } }", "store: { dynamodb: { table: rollbot } }"),
    ("    approval: { required: 0 }", "    approval: { required: 0 }\n    emergency: { from: [leda] }"),
    ("    approval: { required: 0 }", "    approval: { required: 0 }\n    emergency: { for: [lead] }"),
    ("    approval: { required: 0 }", "    approval: { required: 0 }\n    emergency: {}"),
    ("    approval: { required: 0 }", "    approval: { required: 0 }\n    emergency: [lead]"),
    ("    approval: { required: 0 }", "    approval: { required: 0 }\n    escalation: []"),
    ("    watch: {", "    triggers:\n      - deploy_failed: { do: roll_back }\n    watch: {"),
    ("    watch: {", "    announce: {}\n    checklist: []\n    follow_up: {}\n    watch: {"),
    ("- ecs: { name: backend, cluster: \"shop-${env}\", service: api }", "- amplify: { app: x }\n      - rds: {}"),
    // Alarms.
    ("- target_group: { of: backend }", "- alarms: {}"),
    ("- target_group: { of: backend }", "- alarms: { names: [] }"),
    ("- target_group: { of: backend }", "- alarms: { names: api-5xx }"),
    ("- target_group: { of: backend }", "- alarms: { names: [a, a], metric: x }"),
    (
        "- target_group: { of: backend }",
        "- alarms: { names: [\"arn:aws:cloudwatch:eu-north-1:123456789012:alarm:api-5xx\"] }",
    ),
    ("- target_group: { of: backend }", "- alarms: { names: [a], passes: 4, every: 5m, within: 10m }"),
    ("shop-${env}\", service: api", "shop-${incident}\", service: api"),
    ("- target_group: { of: backend }", "- manual: { title: x }"),
    // What people do by hand.
    ("- parallel:", "- manual: {}\n      - parallel:"),
    ("- parallel:", "- manual: { title: Tell them, text: Call them., by: [leda] }\n      - parallel:"),
    ("- parallel:", "- manual: { title: Tell them, text: Call them., by: [] }\n      - parallel:"),
    ("- parallel:", "- manual: { title: Tell them, text: Call them., by: lead }\n      - parallel:"),
    ("- parallel:", "- manual: { title: Tell them, txet: Call them. }\n      - parallel:"),
    ("- parallel:", "- manual: { title: \"Tell\\nthem\", text: Call them. }\n      - parallel:"),
    (
        "- parallel:",
        "- manual: { title: Tell them, text: A. }\n      - manual: { title: Tell them, text: B. }\n      - parallel:",
    ),
    ("- target_group: { of: backend }", "- logs: {}\n      - metric: {}\n      - stack: {}"),
    // Secrets.
    ("slack: { operations", "slack: { bot_token: xoxb-1-2, operations"),
    ("slack: { operations: C0OPS00001 }", "slack: { signing_secret: abc }"),
    ("slack: { operations: C0OPS00001 }", "slack: xoxb-1-2"),
    ("domain: example.com", "domain: xoxb-1-2"),
    ("region: eu-north-1, account", "secret_access_key: abc, region: eu-north-1, account"),
    ("https://api.${domain}", "https://me:word@api.${domain}"),
    // Missing and empty.
    ("    channels: [C0INC00001]\n", ""),
    ("[C0INC00001]", "[]"),
    ("aws: { region: eu-north-1 }", "aws: {}"),
    ("    aws: { region: eu-north-1 }\n", ""),
    ("    vars: { domain: example.com }", "    vars:"),
    ("cluster: \"shop-${env}\", service: api", "service: api"),
    ("watch: { for: 30m }", "watch: { every: 30s }"),
    ("url: \"https://api.${domain}/health\"", "status: 200"),
    // Durations, numbers, flags, text.
    ("for: 30m", "for: 30"),
    ("for: 30m", "for: 30 m"),
    ("for: 30m", "for: 0s"),
    ("for: 30m", "for: 10s"),
    ("/health\" }", "/health\", status: 999 }"),
    ("/health\" }", "/health\", passes: 0 }"),
    ("/health\" }", "/health\", within: 5s }"),
    ("/health\" }", "/health\", header: { name: \"x y\" } }"),
    ("/health\" }", "/health\", body: ok }"),
    ("optional: true", "optional: yes"),
    ("required: 0", "required: -1"),
    ("required: 0", "required: 0, confirm_phrase: \" yes \", expires_after: soon"),
    ("account: \"123456789012\"", "account: 123456789012"),
    ("service: api }", "service: 42 }"),
    // Ids and places.
    ("C0OPS00001", "operations"),
    ("[C0INC00001]", "[C0INC00001, D0DIRECT01, C0INC00001]"),
    ("lead: U0LEAD0001", "lead: lead@example.com"),
    ("sre: S0SRE00001", "members: S0SRE00001"),
    ("account: \"123456789012\"", "account: \"1234\""),
    ("region: eu-north-1, account", "region: stockholm, account"),
    ("account: \"123456789012\" }", "account: \"123456789012\", assume_role: rollbot }"),
    (
        "account: \"123456789012\" }",
        "account: \"123456789012\", assume_role: \"arn:aws:iam::210987654321:role/rollbot\" }",
    ),
    ("account: \"123456789012\" }", "account: \"123456789012\", external_id: abc }"),
    // Names.
    ("  api:\n", "  status:\n"),
    ("  api:\n", "  because:\n"),
    ("  api:\n", "  API:\n"),
    ("  api:\n", "  rb-7k3fq:\n"),
    ("name: backend", "name: \"two words\""),
    ("service: worker }", "service: worker, name: backend }"),
    ("approve: [sre, lead]", "approve: [sre, laed]"),
    ("approve: [sre, lead]", "approve: [sre, sre]"),
    ("environments: [staging, prod]", "environments: [stagign, prod]"),
    ("environments: [staging, prod]", "environments: []"),
    ("of: backend", "of: backedn"),
    ("of: backend", "of: backend, arn: x"),
    ("{ of: backend }", "{}"),
    ("of: backend", "arn: \"arn:aws:elasticloadbalancing:eu-west-1:123456789012:targetgroup/api/0123456789abcdef\""),
    // Freezes.
    ("    watch: {", "    freeze: []\n    watch: {"),
    ("    watch: {", "    freeze: [{ codepipelin: { pipeline: shop, stage: Deploy } }]\n    watch: {"),
    ("    watch: {", "    freeze: [{ codepipeline: { pipeline: shop } }]\n    watch: {"),
    (
        "    watch: {",
        "    freeze: [{ codepipeline: { pipeline: shop, stage: \"To production\", stop_execution: maybe } }]\n    watch: {",
    ),
    (
        "    watch: {",
        "    freeze: [{ codepipeline: { pipeline: \"arn:aws:codepipeline:eu-north-1:123456789012:shop\", stage: Deploy, stop: \
         true } }]\n    watch: {",
    ),
    (
        "    watch: {",
        "    freeze:\n      - codepipeline: { pipeline: shop, stage: Deploy }\n      - codepipeline: { pipeline: \
         \"shop\", stage: Deploy, stop_execution: true }\n    watch: {",
    ),
    ("    channels: [C0INC00001]", "    freeze_reminder: 0s\n    channels: [C0INC00001]"),
    // Targets.
    ("service: worker", "service: api"),
    ("\"shop-${env}\", service: api", "\"arn:aws:ecs:eu-west-1:123456789012:cluster/shop\", service: api"),
    ("\"shop-${env}\", service: api", "\"arn:aws:ecs:shop\", service: api"),
    ("service: api }", "service: \"arn:aws:ecs:eu-north-1:123456789012:service/shop/api\" }"),
    ("service: api }", "service: api, image: \"shop/api:latest\" }"),
    ("- ecs: { cluster: \"shop-${env}\", service: worker }", "- parallel: []"),
    ("- ecs: { name: backend, cluster", "- { name: backend, cluster"),
    ("    targets:\n", "    targets: backend\n    x:\n"),
    // Groups.
    ("watch: { for: 30m }\n", "watch: { for: 30m }\ngroups:\n  everything: { services: [api, wep] }\n"),
    ("watch: { for: 30m }\n", "watch: { for: 30m }\ngroups:\n  everything: { services: [api, api] }\n"),
    ("watch: { for: 30m }\n", "watch: { for: 30m }\ngroups:\n  everything: { services: [] }\n"),
    ("watch: { for: 30m }\n", "watch: { for: 30m }\ngroups:\n  everything: { parallel: yes }\n"),
    ("watch: { for: 30m }\n", "watch: { for: 30m }\ngroups:\n  everything: { services: [api], paralel: true }\n"),
    ("watch: { for: 30m }\n", "watch: { for: 30m }\ngroups:\n  api: { services: [api] }\n"),
    (
        "watch: { for: 30m }\n",
        "watch: { for: 30m }\ngroups:\n  status: { services: [api] }\n  only: { services: [api] }\n",
    ),
    (
        "watch: { for: 30m }\n",
        "watch: { for: 30m }\ngroups:\n  all: { services: [api] }\n  most: { services: [all] }\n",
    ),
    ("watch: { for: 30m }\n", "watch: { for: 30m }\ngroups: {}\n"),
    ("watch: { for: 30m }\n", "watch: { for: 30m }\ngroups: [api]\n"),
    (
        "watch: { for: 30m }\n",
        "watch: { for: 30m }\n  web:\n    environments: [prod]\n    targets: [{ ecs: { cluster: shop-prod, service: api } }]\n    verify: [{ http: { url: \"https://x.example.com/\" } }]\ngroups:\n  everything: { services: [api, web] }\n",
    ),
    // Variables.
    ("api.${domain}", "api.${domian}"),
    ("api.${domain}", "api.${account}.example.com"),
    ("api.${domain}", "api.${domain"),
    ("vars: { domain: example.com }", "vars: { env: x, Domain: y, domain: \"${domain}\" }"),
    ("path: ./data", "path: \"./${env}\""),
    // URLs.
    ("https://api.${domain}", "ftp://api.${domain}"),
    ("https://api.${domain}", "api.${domain}"),
    // Not YAML, or hardly.
    ("slack: { operations: C0OPS00001 }", "slack: { operations: C0OPS00001"),
    ("store: {", "people: {}\nstore: {"),
    ("    verify:\n", "\tverify:\n"),
    ("watch: { for: 30m }", "watch: *nothing"),
    // Watching without anything to look at.
    (
        "    verify:\n      - http: { url: \"https://api.${domain}/health\" }\n      - target_group: { of: backend }\n",
        "",
    ),
];

#[test]
fn every_mistake_gets_a_sentence_that_says_where_what_and_what_to_do() {
    let mut said = String::new();
    for (good, bad) in BAD {
        assert!(GOOD.contains(good), "the good file does not contain {good:?}");
        let text = GOOD.replacen(good, bad, 1);
        let Err(errors) = Config::parse("rollbot.yml", &text) else { panic!("{bad:?} was accepted") };
        writeln!(said, "- {}\n+ {}\n{errors}\n", good.trim_end(), bad.trim_end()).unwrap();
    }
    insta::assert_snapshot!("bad_configurations", said);
}

#[test]
fn a_token_in_the_file_is_never_repeated() {
    for (good, bad) in BAD.iter().filter(|(_, bad)| bad.contains("xoxb-")) {
        let errors = Config::parse("rollbot.yml", &GOOD.replacen(good, bad, 1)).unwrap_err();
        assert!(!errors.to_string().contains("xoxb-"), "{errors}");
    }
}

#[test]
fn all_problems_are_reported_at_once_in_the_order_of_the_lines() {
    let text = GOOD.replace("slack:", "slcak:").replace("[C0DEV00001]", "[general]").replace("for: 30m", "for: ever");
    let ConfigErrors { problems, .. } = Config::parse("rollbot.yml", &text).unwrap_err();
    let lines: Vec<u64> = problems.iter().map(|problem| problem.place.line).collect();
    assert_eq!(lines, [1, 12, 26]);
}

#[test]
fn an_empty_file_is_refused() {
    for text in ["", "# nothing yet\n", "---\n"] {
        let errors = Config::parse("rollbot.yml", text).unwrap_err();
        assert_eq!(
            errors.to_string(),
            "rollbot.yml, line 1, column 1: this file is empty; deploy/rollbot.example.yml shows what belongs into it"
        );
    }
}

#[test]
fn a_deep_nest_is_refused_and_does_not_exhaust_the_stack() {
    let text = format!("slack: {}{}", "[".repeat(100_000), "]".repeat(100_000));
    assert!(Config::parse("rollbot.yml", &text).is_err());
}

#[test]
fn the_shipped_example_is_valid_and_without_warnings() {
    let config = Config::parse("rollbot.example.yml", include_str!("../deploy/rollbot.example.yml"))
        .unwrap_or_else(|errors| panic!("{errors}"));
    assert_eq!(config.warnings, []);
    let prod = &config.environments["prod"];
    assert_eq!(prod.aws.assume_role.as_deref(), Some("arn:aws:iam::123456789012:role/rollbot"));
    assert_eq!(prod.policy.approval.confirm_phrase.as_deref(), Some("rollback-prod"));
}

#[test]
fn what_is_left_out_takes_its_default() {
    let config = Config::parse("rollbot.yml", GOOD).unwrap();
    let sre = Principal::Group { id: GroupId::new("S0SRE00001"), name: "sre".to_owned() };
    let lead = Principal::Person { id: UserId::new("U0LEAD0001"), name: "lead".to_owned() };
    let approvers = vec![sre.clone(), lead.clone()];
    let policy = &config.environments["prod"].policy;
    assert_eq!(policy.request, [Principal::Members]);
    assert_eq!(policy.approve, approvers);
    assert_eq!(policy.skip, approvers);
    assert_eq!(policy.freeze, approvers);
    assert_eq!(policy.stop, [sre, lead, Principal::Requester]);
    assert_eq!(policy.approval.required, 1);
    assert_eq!(policy.approval.self_approval, SelfApproval::Refused);
    assert_eq!(policy.approval.confirm_phrase, None);
    assert_eq!(policy.approval.expires_after, Duration::from_mins(15));
    assert_eq!(config.environments["staging"].policy.stop, [Principal::Requester]);
    assert_eq!(config.environments["staging"].channels, [ChannelId::new("C0DEV00001")]);

    let bare =
        GOOD.replace("store: { sled: { path: ./data } }\n", "").replace("slack: { operations: C0OPS00001 }\n", "");
    let config = Config::parse("rollbot.yml", &bare).unwrap();
    assert_eq!(config.store, StoreSection::Sled { path: "./rollbot-data".into() });
    assert_eq!(config.slack.operations, None);
}

#[test]
fn a_service_is_resolved_for_each_of_its_environments() {
    let config = Config::parse("rollbot.yml", GOOD).unwrap();
    for (environment, host) in [("prod", "api.example.com"), ("staging", "api.staging.example.com")] {
        let service = config.service(environment, "api").unwrap();
        let [first, second] = service.targets.as_slice() else { panic!("{:?}", service.targets) };
        let [target] = first.targets.as_slice() else { panic!("{first:?}") };
        assert_eq!(target.name, "backend");
        let TargetKind::Ecs(backend) = &target.kind else { panic!("{target:?}") };
        assert_eq!(backend.cluster, format!("shop-{environment}"));
        assert_eq!((target.on_request, target.optional), (Inclusion::Always, Necessity::Required));
        let lanes: Vec<&str> = second.targets.iter().map(|target| target.name.as_str()).collect();
        assert_eq!(lanes, ["ecs", "ecs-2"]);
        let [Check::Http(http), Check::TargetGroup(group)] = service.verify.as_slice() else {
            panic!("{:?}", service.verify)
        };
        let expected = HttpCheck {
            name: "http".to_owned(),
            url: format!("https://{host}/health"),
            status: 200,
            body_contains: None,
            header: None,
            passes: 3,
            every: Duration::from_secs(5),
            within: Duration::from_mins(5),
            timeout: Duration::from_secs(5),
        };
        assert_eq!(*http, expected);
        assert_eq!(group.target_group, TargetGroup::Of("backend".to_owned()));
        let watch = service.watch.unwrap();
        assert_eq!((watch.lasts, watch.every), (Duration::from_mins(30), Duration::from_secs(30)));
    }
    assert_eq!(config.service("prod", "web"), None);
    assert_eq!(config.service("dev", "api"), None);
}

#[test]
fn a_group_has_those_of_its_services_that_are_in_an_environment() {
    let web = "  web:\n    environments: [prod]\n    targets: [{ ecs: { cluster: web, service: web } }]\n    verify: [{ http: { \
               url: \"https://web.example.com/\" } }]\n  lab:\n    environments: [staging]\n    targets: [{ ecs: { cluster: \
               lab, service: lab } }]\n    verify: [{ http: { url: \"https://lab.example.com/\" } }]\n";
    let groups = "groups:\n  everything: { services: [web, api] }\n  trials: { services: [lab], parallel: true }\n";
    let config =
        Config::parse("rollbot.yml", &format!("{GOOD}{web}{groups}")).unwrap_or_else(|errors| panic!("{errors}"));
    let names = |environment: &str, group: &str| {
        let group = config.group(environment, group)?;
        Some((group.services.iter().map(|service| service.service.clone()).collect::<Vec<_>>(), group.order))
    };
    let both = ["web", "api"].map(str::to_owned).to_vec();
    assert_eq!(names("prod", "everything"), Some((both, Order::OneAfterTheOther)));
    assert_eq!(names("staging", "everything"), Some((vec!["api".to_owned()], Order::OneAfterTheOther)));
    assert_eq!(names("staging", "trials"), Some((vec!["lab".to_owned()], Order::SideBySide)));
    assert_eq!((names("prod", "trials"), names("prod", "nothing")), (None, None));
}

#[test]
fn a_service_without_a_list_is_in_every_environment_and_with_one_only_there() {
    let everywhere = Config::parse("rollbot.yml", &GOOD.replace("    environments: [staging, prod]\n", "")).unwrap();
    assert!(everywhere.service("prod", "api").is_some() && everywhere.service("staging", "api").is_some());
    let staging = Config::parse("rollbot.yml", &GOOD.replace("[staging, prod]", "[staging]")).unwrap();
    assert!(staging.service("prod", "api").is_none() && staging.service("staging", "api").is_some());
}

#[test]
fn what_is_written_out_is_taken() {
    let text = GOOD
        .replace("service: api }", "service: api, on_request: true, deadline: 20m, container: app, image: shop/api }")
        .replace(
            "/health\" }",
            "/health\", status: 204, body: { contains: \"${env}\" }, header: { name: x-v, value: a } }",
        );
    let service = Config::parse("rollbot.yml", &text).unwrap().service("prod", "api").unwrap();
    let [target] = service.targets[0].targets.as_slice() else { panic!("{service:?}") };
    let TargetKind::Ecs(ecs) = &target.kind else { panic!("{target:?}") };
    assert_eq!((target.on_request, target.deadline), (Inclusion::OnRequest, Some(Duration::from_mins(20))));
    assert_eq!((ecs.container.as_deref(), ecs.image.as_deref()), (Some("app"), Some("shop/api")));
    let Check::Http(http) = &service.verify[0] else { panic!("{service:?}") };
    assert_eq!((http.status, http.body_contains.as_deref()), (204, Some("prod")));
    assert_eq!(http.header, Some(Header { name: "x-v".to_owned(), value: "a".to_owned() }));
}

#[test]
fn what_can_never_work_is_accepted_with_a_warning() {
    let warned = |from: &str, to: &str| {
        let config = Config::parse("rollbot.yml", &GOOD.replacen(from, to, 1)).unwrap_or_else(|e| panic!("{e}"));
        config.warnings.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
    };
    assert_eq!(warned("[C0OPS", "[C0OPS"), "");
    let (_, verify_and_watch) = GOOD.split_once("    verify:\n").unwrap();
    let (_, targets) = GOOD.split_once("    targets:\n").unwrap();
    let (targets, _) = targets.split_once("    verify:\n").unwrap();
    let warnings = [
        warned("    may: { approve: [sre, lead] }\n", ""),
        warned("approve: [sre, lead]", "request: [], approve: [sre]"),
        warned("approve: [sre, lead] }", "approve: [lead] }\n    approval: { required: 2 }"),
        warned(targets, "      - ecs: { name: backend, cluster: shop, service: api, on_request: true }\n"),
        warned(&format!("    verify:\n{verify_and_watch}"), ""),
    ];
    insta::assert_snapshot!("warnings", warnings.join("\n\n"));
}

/// Settings from these variables, with the good file for a configuration.
#[expect(clippy::unwrap_used, reason = "a test without its file is to fail")]
fn load(variables: &[(&str, &str)]) -> Result<Settings, SettingsErrors> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("rollbot.yml");
    std::fs::write(&path, GOOD).unwrap();
    let path = path.to_string_lossy();
    let mut all: BTreeMap<&str, &str> = BTreeMap::from([
        ("ROLLBOT_CONFIG", path.as_ref()),
        ("SLACK_BOT_TOKEN", "xoxb-1-2"),
        ("SLACK_SIGNING_SECRET", "8f742231b10e8888abcd99yyyzzz85a5\n"),
    ]);
    all.extend(variables.iter().copied());
    Settings::load(&|name| all.get(name).map(|value| (*value).to_owned()))
}

const REHEARSAL: [(&str, &str); 3] = [
    ("SLACK_API_URL", "http://127.0.0.1:4000/api"),
    ("AWS_ENDPOINT_URL", "http://localhost:4001"),
    ("ROLLBOT_CLOCK_SPEED", "30"),
];

#[test]
fn settings_have_their_defaults() {
    let settings = load(&[("ROLLBOT_LISTEN", "")]).unwrap_or_else(|errors| panic!("{errors}"));
    assert_eq!(settings.listen.to_string(), "127.0.0.1:3000");
    assert_eq!(settings.admin_listen.to_string(), "127.0.0.1:9090");
    assert_eq!(settings.slack_api_url.as_str(), "https://slack.com/api");
    assert_eq!(settings.aws_endpoint_url, None);
    assert_eq!(settings.pace.speed(), 1);
    assert_eq!(settings.slack_signing_secret.expose_secret(), "8f742231b10e8888abcd99yyyzzz85a5");
    assert!(!format!("{settings:?}").contains("xoxb-1-2"));
}

#[test]
fn the_clock_runs_faster_where_everything_is_on_loopback() {
    let settings = load(&REHEARSAL).unwrap_or_else(|errors| panic!("{errors}"));
    assert_eq!(settings.pace.speed(), 30);
}

#[test]
fn the_clock_does_not_run_faster_where_anything_leads_out_of_the_machine() {
    for (variable, value, why) in [
        ("SLACK_API_URL", "", "SLACK_API_URL is not on loopback"),
        ("SLACK_API_URL", "http://127.0.0.1.example.com/api", "SLACK_API_URL is not on loopback"),
        ("AWS_ENDPOINT_URL", "", "AWS_ENDPOINT_URL is not on loopback"),
        ("AWS_ENDPOINT_URL", "http://10.0.0.1:4566", "AWS_ENDPOINT_URL is not on loopback"),
        ("AWS_ENDPOINT_URL_ECS", "https://ecs.eu-north-1.amazonaws.com", "AWS_ENDPOINT_URL_ECS is not on loopback"),
        (
            "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS",
            "true",
            "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS makes the SDK ignore AWS_ENDPOINT_URL",
        ),
    ] {
        let mut variables = REHEARSAL.to_vec();
        variables.push((variable, value));
        let errors = load(&variables).unwrap_err();
        let expected = format!(
            "ROLLBOT_CLOCK_SPEED is 30, but {why}; a faster clock is for rehearsals, with SLACK_API_URL and \
             AWS_ENDPOINT_URL on loopback, so unset it"
        );
        assert_eq!(errors.to_string(), expected);
    }
}

#[test]
fn wrong_variables_are_named_with_what_to_do() {
    let errors = load(&[
        ("SLACK_BOT_TOKEN", "xoxp-person"),
        ("SLACK_SIGNING_SECRET", "xoxb-1-2"),
        ("SLACK_APP_TOKEN", "xapp-1"),
        ("SLACK_API_URL", "slack.com"),
        ("ROLLBOT_LISTEN", "localhost:3000"),
        ("ROLLBOT_CLOCK_SPEED", "fast"),
        ("ROLLBOT_CONFIG", "/nowhere/rollbot.yml"),
    ])
    .unwrap_err();
    insta::assert_snapshot!("bad_variables", errors);
    let missing =
        load(&[("SLACK_BOT_TOKEN", " "), ("SLACK_SIGNING_SECRET", ""), ("ROLLBOT_ADMIN_LISTEN", "127.0.0.1:3000")]);
    insta::assert_snapshot!("missing_variables", missing.unwrap_err());
}

/// A file whose one service has these targets.
fn with_stacks(targets: &str) -> Result<Config, String> {
    let text = format!(
        "slack: {{ operations: C0OPS00001 }}\nenvironments:\n  prod:\n    aws: {{ region: eu-north-1 }}\n    channels: \
         [C0INC00001]\n    approval: {{ required: 0 }}\nservices:\n  api:\n    targets:\n{targets}"
    );
    Config::parse("rollbot.yml", &text).map_err(|errors| errors.to_string())
}

#[test]
fn a_stack_is_read_with_where_its_versions_come_from_and_what_may_die() {
    let config = with_stacks(
        "      - cloudformation: { stack: \"shop-${env}\" }\n      - cloudformation: { name: data, stack: shop-data, \
         previous: { s3: { bucket: deploys, key: \"${env}/data.yml\" } }, delete: true, may_replace: \
         [\"AWS::DynamoDB::Table\"], on_request: true }\n",
    )
    .unwrap();
    let service = config.service("prod", "api").unwrap();
    let kinds: Vec<TargetKind> =
        service.targets.iter().flat_map(|stage| &stage.targets).map(|target| target.kind.clone()).collect();
    let stack = |kind: &TargetKind| {
        let TargetKind::Stack(stack) = kind else { panic!("{kind:?}") };
        stack.clone()
    };
    let (plain, data) = (stack(&kinds[0]), stack(&kinds[1]));
    assert_eq!(
        (plain.stack.as_str(), plain.previous, plain.delete),
        ("shop-prod", Previous::History, Deletion::Refused)
    );
    let s3 = Previous::S3 { bucket: "deploys".to_owned(), key: "prod/data.yml".to_owned() };
    assert_eq!((data.previous, data.delete, data.may_replace.len()), (s3, Deletion::Allowed, 1));
}

#[test]
fn what_is_wrong_with_a_stack_is_said() {
    for (settings, said) in [
        ("name: x", "`stack` is missing here"),
        ("stack: \"shop_prod\"", "cannot be the name of a stack"),
        ("stack: \"arn:aws:s3:::x\"", "is not the ARN of a stack"),
        (
            "stack: \"arn:aws:cloudformation:eu-west-1:123456789012:stack/shop/1\"",
            "this ARN is in the region `eu-west-1`",
        ),
        ("stack: shop, previous: git", "`git` is no place that earlier templates come from"),
        ("stack: shop, previous: { s3: { bucket: x } }", "`key` is missing here"),
        ("stack: shop, may_replace: [Table]", "`Table` is not a type of resource"),
        ("stack: shop, delete: yes", "`delete` must be `true` or `false`"),
        ("stack: shop, template: x", "`template` is not a key of a `cloudformation` target"),
    ] {
        let error = with_stacks(&format!("      - cloudformation: {{ {settings} }}\n")).unwrap_err();
        assert!(error.contains(said), "{settings}: {error}");
    }
    let twice = "      - cloudformation: { name: a, stack: shop }\n      - cloudformation: { name: b, stack: shop }\n";
    assert!(with_stacks(twice).unwrap_err().contains("this is the same CloudFormation stack as the target `a`"));
}
