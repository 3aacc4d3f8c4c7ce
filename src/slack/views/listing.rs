//! Lists: what is in flight, what was, and what one can go back to.

use serde_json::Value;

use super::blocks::{context, divider, section};
use super::words::{place, short, words};
use crate::engine::{ServiceStatus, TargetReleases};
use crate::incident::incident::Incident;
use crate::incident::request::Manner;
use crate::incident::time::Now;
use crate::slack::message::Message;
use crate::slack::mrkdwn::{age, all_of, capital, code, date, foreign, plural, stopped, user};
use crate::systems::planned::{ReleaseLine, Usable};

/// How many incidents or releases one list shows.
const SHOWN: usize = 10;

/// What is in flight: `open` are the open incidents that were asked about, newest first; `asked` says what was asked
/// about (`prod api`), if not everything.
pub fn status(open: &[Incident], asked: Option<&str>, now: Now) -> Message {
    let of = asked.map(|asked| format!(" for {}", foreign(asked, 120))).unwrap_or_default();
    if open.is_empty() {
        return Message::of_text(format!("Nothing is in flight{of}."));
    }
    let text = format!("{} in flight{of}.", plural(open.len() as u64, "rollback"));
    let items = open.iter().map(|incident| {
        let words = words(incident, now);
        format!(
            "{}{} *{}* `{}`: {}\n{}",
            loud(incident),
            words.emoji,
            foreign(&place(incident), 120),
            incident.id,
            words.headline,
            words.sentence
        )
    });
    list(text, &items.collect::<Vec<_>>())
}

/// How one incident stands, open or over.
pub fn status_of(incident: &Incident, now: Now) -> Message {
    let words = words(incident, now);
    let text = format!(
        "{}{} *{}* `{}`: {}",
        loud(incident),
        words.emoji,
        foreign(&place(incident), 120),
        incident.id,
        words.headline
    );
    Message {
        blocks: vec![section(&format!("{text}\n{}", words.sentence))],
        text: format!("{text}. {}", words.sentence),
    }
}

/// Earlier rollbacks, newest first.
pub fn history(incidents: &[Incident], asked: Option<&str>, now: Now) -> Message {
    let of = asked.map(|asked| format!(" of {}", foreign(asked, 120))).unwrap_or_default();
    if incidents.is_empty() {
        return Message::of_text(format!("There is no rollback{of} on record."));
    }
    let text = format!("{}{of} on record.", plural(incidents.len() as u64, "rollback"));
    let items = incidents.iter().map(|incident| {
        let words = words(incident, now);
        let reason = incident.request.reason.as_ref().map(|reason| format!("\n“{}”", foreign(reason, 160)));
        format!(
            "{}{} *{}* `{}`: {}\n{}, asked by {}{}",
            loud(incident),
            words.emoji,
            foreign(&place(incident), 120),
            incident.id,
            words.headline,
            date(incident.opened_at),
            user(&incident.request.by),
            reason.unwrap_or_default()
        )
    });
    list(text, &items.collect::<Vec<_>>())
}

/// How many releases of each target are listed where there are several targets.
const FEW: usize = 4;

/// What runs, and what one can go back to; `asked` is `prod api`.
pub fn releases(asked: &str, targets: &[TargetReleases], now: Now) -> Message {
    let text = format!("Releases of *{}*.", foreign(asked, 120));
    let mut blocks = vec![section(&text)];
    let shown = if targets.len() > 1 { FEW } else { SHOWN };
    for target in targets.iter().take(SHOWN) {
        let title = foreign(&target.title, 120);
        let name = if targets.len() > 1 {
            format!("*{}*, {title}", foreign(&target.target, 60))
        } else {
            format!("*{title}*")
        };
        let mut lines = vec![name];
        match &target.releases {
            Ok(releases) if releases.is_empty() => lines.push("There is nothing to go back to.".to_owned()),
            Ok(releases) => {
                lines.extend(releases.iter().take(shown).map(|line| format!("• {}", one(line, now))));
                if releases.len() > shown {
                    lines.push(format!("and {} more", releases.len() - shown));
                }
            }
            Err(why) => lines.push(stopped(&capital(&foreign(why, 400)))),
        }
        blocks.push(section(&lines.join("\n")));
    }
    Message { text, blocks }
}

fn one(line: &ReleaseLine, now: Now) -> String {
    let release = &line.release;
    let label = match &release.version {
        Some(_) => format!("{} ({})", short(release), code(&release.label, 60)),
        None => short(release),
    };
    let age = release.deployed_at.map(|at| format!(", deployed {} ago", age(at, now.at))).unwrap_or_default();
    let by = release.deployed_by.as_ref().map(|by| format!(" by {}", foreign(by, 60))).unwrap_or_default();
    let gone = match line.usable {
        Usable::Yes => "",
        Usable::Deregistered => "; it was deregistered, so one cannot go back to it",
        Usable::NotRepeatable => "; it cannot be deployed again",
    };
    format!("{label}: {}{age}{by}{gone}", line.status.words())
}

/// What runs in services, and what is under way there.
pub fn services(services: &[ServiceStatus], now: Now) -> Message {
    let names: Vec<String> =
        services.iter().map(|service| foreign(&format!("{} {}", service.environment, service.service), 120)).collect();
    let text = format!("What runs in {}.", all_of(names));
    let mut blocks = Vec::new();
    for service in services.iter().take(SHOWN) {
        let place = foreign(&format!("{} {}", service.environment, service.service), 120);
        let mut lines = vec![format!("*{place}*")];
        lines.extend(service.targets.iter().take(SHOWN).map(|target| {
            let stands = match &target.stands {
                Ok(stands) => foreign(stands, 240),
                Err(why) => format!("could not be seen: {}", foreign(why, 240)),
            };
            format!("• {}: {stands}", foreign(&target.title, 120))
        }));
        lines.push(match &service.incident {
            Some(incident) => {
                let words = words(incident, now);
                format!("{}{} `{}`: {}", loud(incident), words.emoji, incident.id, words.headline)
            }
            None => "No rollback is in flight.".to_owned(),
        });
        blocks.push(section(&lines.join("\n")));
    }
    Message { text, blocks }
}

/// What every list says first of an emergency: no second person was waited for.
fn loud(incident: &Incident) -> &'static str {
    match incident.request.manner {
        Manner::Regular => "",
        Manner::Emergency => "🚨 EMERGENCY ",
    }
}

fn list(text: String, items: &[String]) -> Message {
    let mut blocks: Vec<Value> = vec![section(&text), divider()];
    blocks.extend(items.iter().take(SHOWN).map(|item| section(item)));
    if items.len() > SHOWN {
        blocks.push(context(&format!("and {} more", items.len() - SHOWN)));
    }
    Message { text, blocks }
}
