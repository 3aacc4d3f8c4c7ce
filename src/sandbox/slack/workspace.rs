//! Who and what is in a Slack workspace: plain data, as a scenario file gives it.

use serde::{Deserialize, Serialize};

/// A workspace with one app installed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Workspace {
    /// `T…`.
    pub team_id: String,
    /// The subdomain in `https://<domain>.slack.com`.
    pub domain: String,
    /// What the app's requests are signed with.
    pub signing_secret: String,
    /// `xoxb-…`, the only token that the Web API takes.
    pub bot_token: String,
    /// `U…`: the app's bot user.
    pub bot_user: String,
    /// `B…`: what messages of the app carry as `bot_id`.
    pub bot_id: String,
    /// The bot's handle and display name.
    pub bot_name: String,
    /// `A…`.
    pub app_id: String,
    /// What the installation granted: `chat:write`, `commands`, …
    pub scopes: Vec<String>,
    /// The app's slash commands.
    pub commands: Vec<SlashCommand>,
    /// Conversations other than direct messages.
    pub channels: Vec<Channel>,
    /// Everybody who can be seen from here, people of foreign workspaces included; the bot user is not listed.
    pub people: Vec<Person>,
    /// User groups.
    #[serde(default)]
    pub user_groups: Vec<UserGroup>,
}

/// A slash command of the app's manifest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SlashCommand {
    /// `/rollback`.
    pub name: String,
    /// Whether mentions in the text arrive as `<@U…|name>` and `<#C…|name>`.
    #[serde(default)]
    pub should_escape: bool,
}

/// Who can find a channel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Visibility {
    /// Everybody in the workspace.
    Public,
    /// Its members.
    Private,
}

/// A channel.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Channel {
    /// `C…`.
    pub id: String,
    /// Without the `#`.
    pub name: String,
    /// Public or private.
    pub visibility: Visibility,
    /// User ids of the people in it; the bot is not listed.
    pub members: Vec<String>,
    /// Whether the bot user is in it.
    pub bot_is_member: bool,
    /// Whether it is archived.
    #[serde(default)]
    pub archived: bool,
    /// The foreign workspaces that it is shared with through Slack Connect.
    #[serde(default)]
    pub shared_with: Vec<String>,
}

/// A person, or somebody else's bot.
#[expect(clippy::struct_excessive_bools, reason = "they are the flags of Slack's user object")]
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Person {
    /// `U…` or `W…`.
    pub id: String,
    /// The handle, without the `@`.
    pub name: String,
    /// First and last name.
    pub real_name: String,
    /// What the profile says they do.
    #[serde(default)]
    pub title: String,
    /// The workspace they belong to.
    pub team_id: String,
    /// A guest in several channels (`is_restricted`).
    #[serde(default)]
    pub is_restricted: bool,
    /// A guest in one channel (`is_ultra_restricted`).
    #[serde(default)]
    pub is_ultra_restricted: bool,
    /// Deactivated.
    #[serde(default)]
    pub deleted: bool,
    /// A bot.
    #[serde(default)]
    pub is_bot: bool,
}

/// A user group.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UserGroup {
    /// `S…`.
    pub id: String,
    /// The handle, without the `@`.
    pub handle: String,
    /// `Site reliability`.
    pub name: String,
    /// User ids.
    pub members: Vec<String>,
    /// Switched off.
    #[serde(default)]
    pub disabled: bool,
}

impl Workspace {
    /// The person with this id.
    pub fn person(&self, id: &str) -> Option<&Person> {
        self.people.iter().find(|person| person.id == id)
    }

    /// The channel with this id, or with this name (with or without `#`).
    pub fn channel(&self, id_or_name: &str) -> Option<&Channel> {
        let name = id_or_name.trim_start_matches('#');
        self.channels
            .iter()
            .find(|channel| channel.id == id_or_name)
            .or_else(|| self.channels.iter().find(|channel| channel.name == name))
    }

    /// The name that a mention of this user id shows.
    pub fn handle(&self, id: &str) -> String {
        if id == self.bot_user {
            return self.bot_name.clone();
        }
        self.person(id).map_or_else(|| id.to_owned(), |person| person.name.clone())
    }

    /// The person whom a script means: by id, by handle with or without `@`, or by real name.
    pub fn whom(&self, words: &str) -> Option<&Person> {
        let handle = words.trim_start_matches('@');
        self.people.iter().find(|person| person.id == words || person.name == handle || person.real_name == words)
    }

    /// Whether the installation granted `scope`.
    pub fn grants(&self, scope: &str) -> bool {
        self.scopes.iter().any(|granted| granted == scope)
    }

    /// Mentions that somebody types (`@ada`, `#ops`, `@sre`) as Slack writes them into a message.
    pub fn with_mentions(&self, typed: &str, labels: Labels) -> String {
        typed
            .split(' ')
            .map(|word| self.mention(word, labels).unwrap_or_else(|| word.to_owned()))
            .collect::<Vec<_>>()
            .join(" ")
    }

    fn mention(&self, word: &str, labels: Labels) -> Option<String> {
        let end = word.trim_end_matches([',', '.', ':', '?', '!', ';']).len();
        let (name, tail) = word.split_at_checked(end)?;
        let written = if let Some(name) = name.strip_prefix('#') {
            let channel = self.channels.iter().find(|channel| channel.name == name)?;
            match labels {
                Labels::Written => format!("<#{}|{}>", channel.id, channel.name),
                Labels::LeftOut => format!("<#{}>", channel.id),
            }
        } else {
            let name = name.strip_prefix('@')?;
            if let Some(group) = self.user_groups.iter().find(|group| group.handle == name) {
                match labels {
                    Labels::Written => format!("<!subteam^{}|@{}>", group.id, group.handle),
                    Labels::LeftOut => format!("<!subteam^{}>", group.id),
                }
            } else {
                let id = if name == self.bot_name {
                    &self.bot_user
                } else {
                    &self.people.iter().find(|person| person.name == name)?.id
                };
                match labels {
                    Labels::Written => format!("<@{id}|{name}>"),
                    Labels::LeftOut => format!("<@{id}>"),
                }
            }
        };
        Some(format!("{written}{tail}"))
    }
}

/// Whether a mention names what it mentions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Labels {
    /// `<@U1|ada>`, as escaped slash commands have it.
    Written,
    /// `<@U1>`, as messages have it.
    LeftOut,
}

impl Person {
    /// Whether this is a guest of either kind.
    pub fn is_guest(&self) -> bool {
        self.is_restricted || self.is_ultra_restricted
    }
}
