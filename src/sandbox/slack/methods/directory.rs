//! Who is who: `auth.test`, `bots.info`, `users.*`, `usergroups.*`.

use std::time::Instant;

use serde_json::{Value, json};

use super::super::answer::Answer;
use super::super::args::Args;
use super::super::state::State;
use super::super::workspace::{Person, UserGroup};
use super::table::{next_cursor, page};

pub(super) fn auth_test(state: &State) -> Value {
    let workspace = &state.workspace;
    json!({
        "url": format!("https://{}.slack.com/", workspace.domain),
        "team": workspace.domain,
        "user": workspace.bot_name,
        "team_id": workspace.team_id,
        "user_id": workspace.bot_user,
        "bot_id": workspace.bot_id,
        "is_enterprise_install": false,
    })
}

pub(super) fn bots_info(state: &mut State, args: &Args, _now: Instant) -> Answer {
    let workspace = &state.workspace;
    match args.text("bot") {
        Some(id) if id == workspace.bot_id => Ok(json!({"bot": {
            "id": workspace.bot_id, "app_id": workspace.app_id, "user_id": workspace.bot_user,
            "name": workspace.bot_name, "deleted": false, "updated": 0, "icons": {},
        }})),
        Some(_) | None => Err("bot_not_found".into()),
    }
}

fn user(person: &Person) -> Value {
    let full = !person.is_guest() && !person.is_bot && !person.deleted;
    json!({
        "id": person.id, "team_id": person.team_id, "name": person.name, "deleted": person.deleted,
        "color": "4bbe2e", "real_name": person.real_name, "tz": "Etc/UTC", "tz_label": "UTC", "tz_offset": 0,
        "profile": {
            "title": person.title, "real_name": person.real_name, "real_name_normalized": person.real_name,
            "display_name": person.name, "display_name_normalized": person.name, "team": person.team_id,
            "status_text": "", "status_emoji": "", "avatar_hash": "",
        },
        "is_admin": false, "is_owner": false, "is_primary_owner": false,
        "is_restricted": person.is_guest(), "is_ultra_restricted": person.is_ultra_restricted,
        "is_bot": person.is_bot, "is_app_user": false, "updated": 0, "is_email_confirmed": full,
    })
}

/// The bot user as `users.info` and `users.list` show it.
fn bot_user(state: &State) -> Value {
    let workspace = &state.workspace;
    user(&Person {
        id: workspace.bot_user.clone(),
        name: workspace.bot_name.clone(),
        real_name: workspace.bot_name.clone(),
        title: String::new(),
        team_id: workspace.team_id.clone(),
        is_restricted: false,
        is_ultra_restricted: false,
        deleted: false,
        is_bot: true,
    })
}

pub(super) fn users_info(state: &mut State, args: &Args, _now: Instant) -> Answer {
    let id = args.text("user").ok_or("user_not_found")?;
    if id == state.workspace.bot_user {
        return Ok(json!({"user": bot_user(state)}));
    }
    let person = state.workspace.person(&id).ok_or("user_not_found")?;
    Ok(json!({"user": user(person)}))
}

pub(super) fn users_list(state: &mut State, args: &Args, _now: Instant) -> Answer {
    let own = state.workspace.people.iter().filter(|person| person.team_id == state.workspace.team_id);
    let mut users: Vec<Value> = own.map(user).collect();
    users.push(bot_user(state));
    let (users, cursor) = page(users, args, 1000)?;
    Ok(json!({"members": users, "cache_ts": 0, "response_metadata": next_cursor(&cursor)}))
}

pub(super) fn usergroups_list(state: &State, args: &Args) -> Value {
    let show = |group: &UserGroup| {
        let mut object = json!({
            "id": group.id, "team_id": state.workspace.team_id, "is_usergroup": true, "is_subteam": true,
            "name": group.name, "description": "", "handle": group.handle, "is_external": false,
            "date_create": 0, "date_update": 0, "date_delete": u8::from(group.disabled), "auto_type": null,
            "auto_provision": false, "enterprise_subteam_id": "", "created_by": state.workspace.bot_user,
            "updated_by": state.workspace.bot_user, "deleted_by": null,
            "prefs": {"channels": [], "groups": []},
        });
        if let Some(object) = object.as_object_mut() {
            if args.flag("include_users") {
                object.insert("users".to_owned(), json!(group.members));
            }
            if args.flag("include_count") {
                object.insert("user_count".to_owned(), json!(group.members.len()));
            }
        }
        object
    };
    let groups = state.workspace.user_groups.iter();
    let shown = groups.filter(|group| !group.disabled || args.flag("include_disabled"));
    json!({"usergroups": shown.map(show).collect::<Vec<_>>()})
}

pub(super) fn usergroups_users(state: &mut State, args: &Args, _now: Instant) -> Answer {
    let id = args.text("usergroup").ok_or("no_such_subteam")?;
    let group = state.workspace.user_groups.iter().find(|group| group.id == id).ok_or("no_such_subteam")?;
    if group.disabled && !args.flag("include_disabled") {
        return Err("no_such_subteam".into());
    }
    Ok(json!({"users": group.members}))
}
