//! `manifest.yml` and the code say the same: addresses, command, scopes. Slack would tell only after an installation.

#![expect(clippy::expect_used, reason = "a test fails with what it saw")]

use std::collections::BTreeSet;

use serde_json::Value;

const CLIENT: &str = include_str!("../src/slack/client.rs");
const HTTP: &str = include_str!("../src/slack/http.rs");
const WORKSPACE: &str = include_str!("../src/sandbox/scenarios/workspace.yml");

/// What each method of the Web API needs of a bot token, by its page on <https://docs.slack.dev/reference/methods>.
/// A method that the client calls and that has no row here fails the test.
const NEEDS: &[(&str, &[&str])] = &[
    ("auth.test", &[]),
    ("chat.getPermalink", &[]),
    ("chat.postEphemeral", &["chat:write"]),
    ("chat.postMessage", &["chat:write"]),
    ("chat.update", &["chat:write"]),
    ("conversations.history", &["channels:history", "groups:history"]),
    ("conversations.info", &["channels:read", "groups:read"]),
    ("conversations.members", &["channels:read", "groups:read"]),
    ("conversations.replies", &["channels:history", "groups:history"]),
    ("usergroups.users.list", &["usergroups:read"]),
    ("users.info", &["users:read"]),
    ("views.open", &[]),
    ("views.update", &[]),
];

fn manifest() -> Value {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/manifest.yml");
    let text = std::fs::read_to_string(path).expect("the manifest is there");
    serde_saphyr::from_str(&text).expect("the manifest is YAML")
}

fn strings(value: &Value) -> BTreeSet<&str> {
    value.as_array().expect("a list").iter().map(|one| one.as_str().expect("a string")).collect()
}

/// The methods that the client calls: every literal of its source that has the form of one.
fn methods() -> BTreeSet<&'static str> {
    let literals = CLIENT.split('"').skip(1).step_by(2);
    let is_one = |text: &&str| {
        let words = text.split('.').collect::<Vec<_>>();
        words.len() > 1
            && *words.last().expect("two words") != "com"
            && words.iter().all(|word| !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_alphabetic()))
    };
    literals.filter(is_one).collect()
}

#[test]
fn the_scopes_are_those_of_the_methods_that_are_called() {
    let manifest = manifest();
    let methods = methods();
    assert!(methods.contains("chat.postMessage"), "{methods:?}");
    let mut needed = BTreeSet::from(["commands"]);
    for method in &methods {
        let row = NEEDS.iter().find(|(name, _)| name == method);
        needed.extend(row.unwrap_or_else(|| panic!("{method} has no row in this test")).1);
    }
    let asked = strings(&manifest["oauth_config"]["scopes"]["bot"]);
    assert_eq!(asked, needed);
    let optional = strings(&manifest["oauth_config"]["scopes"]["bot_optional"]);
    assert_eq!(optional, BTreeSet::from(["channels:history", "groups:history"]), "what Rollbot can do without");
    assert!(optional.is_subset(&asked), "an optional scope is listed as a scope too");
    let workspace: Value = serde_saphyr::from_str(WORKSPACE).expect("the sandbox's workspace is YAML");
    assert_eq!(strings(&workspace["scopes"]), asked, "the sandbox installs the app with the scopes of the manifest");
}

#[test]
fn every_address_is_one_that_the_server_answers() {
    let manifest = manifest();
    let routes: Vec<&str> = HTTP.split(".route(\"").skip(1).filter_map(|rest| rest.split('"').next()).collect();
    let command = &manifest["features"]["slash_commands"][0];
    let settings = &manifest["settings"];
    let mut hosts = BTreeSet::new();
    for (address, route) in
        [(&command["url"], "/slack/commands"), (&settings["interactivity"]["request_url"], "/slack/interactions")]
    {
        let address = address.as_str().expect("an address").parse::<url::Url>().expect("an address");
        assert_eq!((address.scheme(), address.path()), ("https", route));
        assert!(routes.contains(&route), "{routes:?}");
        hosts.insert(address.host_str().expect("a host").to_owned());
    }
    assert_eq!(hosts, BTreeSet::from(["rollbot.example.com".to_owned()]), "one host to replace");
    assert_eq!(settings["interactivity"]["is_enabled"], true);
    for mode in ["socket_mode_enabled", "token_rotation_enabled", "org_deploy_enabled"] {
        assert_eq!(settings[mode], false, "{mode} is not carried out");
    }
    assert!(settings.get("event_subscriptions").is_none(), "no event is asked for until one is used");
}

#[test]
fn there_is_one_command_and_its_hint_names_the_verbs() {
    let manifest = manifest();
    let commands = manifest["features"]["slash_commands"].as_array().expect("a list");
    assert_eq!(commands.len(), 1);
    assert_eq!(commands[0]["command"], "/rollback");
    assert_eq!(commands[0]["should_escape"], true, "the grammar reads mentions, not names");
    let workspace: Value = serde_saphyr::from_str(WORKSPACE).expect("the sandbox's workspace is YAML");
    assert_eq!(workspace["commands"][0]["name"], commands[0]["command"]);
    assert_eq!(workspace["commands"][0]["should_escape"], commands[0]["should_escape"]);
    let hint = commands[0]["usage_hint"].as_str().expect("a hint");
    for verb in ["status", "releases", "history", "stop", "help"] {
        assert!(hint.contains(verb), "{verb} is not in the hint: {hint}");
    }
}

/// The limits of <https://docs.slack.dev/reference/app-manifest>.
#[test]
fn every_text_is_within_slacks_limits() {
    let manifest = manifest();
    let sections: BTreeSet<&str> = manifest.as_object().expect("a mapping").keys().map(String::as_str).collect();
    assert_eq!(sections, BTreeSet::from(["_metadata", "display_information", "features", "oauth_config", "settings"]));
    let command = &manifest["features"]["slash_commands"][0];
    let about = &manifest["display_information"];
    for (text, most) in [
        (&about["name"], 35),
        (&about["description"], 140),
        (&manifest["features"]["bot_user"]["display_name"], 80),
        (&command["command"], 32),
        (&command["description"], 2000),
        (&command["usage_hint"], 1000),
    ] {
        let text = text.as_str().expect("a text");
        assert!((1..=most).contains(&text.chars().count()), "{text}: 1 to {most} characters");
    }
    let color = about["background_color"].as_str().expect("a colour");
    let digits = color.strip_prefix('#').expect("a colour in hexadecimal");
    assert!(digits.len() == 6 && digits.bytes().all(|digit| digit.is_ascii_hexdigit()), "{color}");
}
