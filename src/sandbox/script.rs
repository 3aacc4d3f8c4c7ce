//! A script: what people and the world do in a sandbox, one line each, in the order in which it happens.
//!
//! ```text
//! # what nobody does
//! dev: /rollback prod api because checkout answers 500
//! wait: card "Waiting for approval"
//! sre: [Approve]
//! sre: [Submit] Phrase = rollback-production
//! wait: thread "target v42"
//! wait: sre alone "already approved"
//! bot: kill
//! bot: start
//! sre: leaves the group sre-team
//! aws: deploy shop-prod/api api:5
//! aws: throttle UpdateService 2
//! aws: alarm api-5xx-prod ALARM
//! slack: down 5
//! ci: {"id": "run-7", "environment": "prod", "service": "api", "status": "failed", "stage": "smoke tests"}
//! pause: 2
//! ```

use std::fmt;

use super::aws::AlarmState;

/// One line of a script.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// Its number in the file, from 1.
    pub number: usize,
    /// As it is written.
    pub text: String,
    /// What happens.
    pub what: What,
}

/// What happens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum What {
    /// Somebody types a command.
    Type {
        /// Their handle.
        who: String,
        /// What they type, slash and all.
        text: String,
    },
    /// Somebody clicks a button on the newest card.
    Click {
        /// Their handle.
        who: String,
        /// What is written on it.
        button: String,
    },
    /// Somebody fills in the form that is open for them, and submits it.
    Submit {
        /// Their handle.
        who: String,
        /// Labels and what is put in.
        values: Vec<(String, String)>,
    },
    /// Somebody is taken out of a user group.
    Leave {
        /// Their handle.
        who: String,
        /// The group's handle.
        group: String,
    },
    /// The script goes on when this can be seen.
    Wait(Sight),
    /// This happens to the bot.
    Bot(BotEvent),
    /// Somebody outside deploys a task definition.
    Deploy {
        /// `cluster/service`.
        service: String,
        /// `family:revision`.
        task_definition: String,
    },
    /// Somebody outside gives a manual approval of a pipeline.
    Approve {
        /// `pipeline/stage`.
        stage: String,
        /// The approval action's name.
        action: String,
    },
    /// A CloudWatch alarm begins to say something else.
    Alarm {
        /// Its name.
        alarm: String,
        /// What it says.
        state: AlarmState,
    },
    /// AWS answers so many calls of an operation with this fault.
    Fault {
        /// The operation: `UpdateService`, `chat.postMessage`.
        operation: String,
        /// What happens to it.
        fault: FaultKind,
        /// How many calls.
        times: u32,
    },
    /// A pipeline tells of a deployment, signed as it has to be.
    Told {
        /// What it sends to `/triggers/deploys`.
        body: String,
    },
    /// Slack answers nothing for so many seconds.
    SlackDown {
        /// Real seconds.
        seconds: u32,
    },
    /// Nothing for so many seconds.
    Pause {
        /// Real seconds.
        seconds: u32,
    },
}

/// Something that can be seen in the channel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Sight {
    /// The newest card has this text.
    Card(String),
    /// A message in the newest card's thread has this text.
    Thread(String),
    /// A message that only this person sees has this text.
    Alone {
        /// Their handle.
        who: String,
        /// The text.
        text: String,
    },
}

/// What may happen to the bot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BotEvent {
    /// SIGKILL.
    Kill,
    /// SIGTERM, and wait for its end.
    Terminate,
    /// It is started on the same store.
    Start,
}

/// What may happen to a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FaultKind {
    /// It is throttled.
    Throttle,
    /// HTTP 500.
    Error,
    /// It is carried out, and the reply is lost.
    Lose,
}

impl FaultKind {
    /// What becomes of the call, after "will".
    pub fn words(self) -> &'static str {
        match self {
            Self::Throttle => "be throttled",
            Self::Error => "be answered with an error of the server",
            Self::Lose => "be carried out and their replies lost",
        }
    }
}

/// A line that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unreadable {
    /// Its number, from 1; 0 where there is none.
    pub number: usize,
    /// What is wrong and what to write.
    pub why: String,
}

impl fmt::Display for Unreadable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.number == 0 { f.write_str(&self.why) } else { write!(f, "line {}: {}", self.number, self.why) }
    }
}

impl std::error::Error for Unreadable {}

/// Reads a whole script.
///
/// # Errors
/// The first line that cannot be read.
pub fn read(text: &str) -> Result<Vec<Line>, Unreadable> {
    let mut lines = Vec::new();
    for (index, line) in text.lines().enumerate() {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let number = index + 1;
        let what = read_line(line).map_err(|why| Unreadable { number, why })?;
        lines.push(Line { number, text: line.to_owned(), what });
    }
    if lines.is_empty() {
        return Err(Unreadable { number: 0, why: "the script has no lines; write `dev: /rollback help`".to_owned() });
    }
    Ok(lines)
}

/// Reads one line.
///
/// # Errors
/// What is wrong and what to write.
pub fn read_line(line: &str) -> Result<What, String> {
    let (who, rest) = line.split_once(':').ok_or_else(|| "who does it? Write `dev: /rollback prod api`".to_owned())?;
    let (who, rest) = (who.trim().trim_start_matches('@'), rest.trim());
    match who {
        "wait" => read_wait(rest).map(What::Wait),
        "bot" => match rest {
            "kill" => Ok(What::Bot(BotEvent::Kill)),
            "terminate" => Ok(What::Bot(BotEvent::Terminate)),
            "start" => Ok(What::Bot(BotEvent::Start)),
            other => Err(format!("the bot cannot `{other}`; write kill, terminate or start")),
        },
        "aws" => read_aws(rest),
        "slack" => read_slack(rest),
        "ci" if rest.starts_with('{') => Ok(What::Told { body: rest.to_owned() }),
        "ci" => Err("what does the pipeline tell? Write the JSON that it sends, `{\"id\": …}`".to_owned()),
        "pause" => rest
            .parse()
            .map(|seconds| What::Pause { seconds })
            .map_err(|_ignored| format!("`{rest}` is not a number of seconds")),
        _ => read_person(who, rest),
    }
}

fn read_person(who: &str, rest: &str) -> Result<What, String> {
    let who = who.to_owned();
    if rest.starts_with('/') || rest.starts_with('@') {
        return Ok(What::Type { who, text: rest.to_owned() });
    }
    if let Some(group) = rest.strip_prefix("leaves the group ") {
        return Ok(What::Leave { who, group: group.trim().trim_start_matches('@').to_owned() });
    }
    let Some((button, values)) = rest.strip_prefix('[').and_then(|rest| rest.split_once(']')) else {
        return Err(format!(
            "what does {who} do? Write a command that begins with /, a button in [ ], or `leaves the group …`"
        ));
    };
    let (button, values) = (button.trim().to_owned(), values.trim());
    if button != "Submit" {
        return Ok(What::Click { who, button });
    }
    let values = values
        .split(';')
        .map(str::trim)
        .filter(|pair| !pair.is_empty())
        .map(|pair| match pair.split_once('=') {
            Some((label, value)) => Ok((label.trim().to_owned(), value.trim().to_owned())),
            None => Err(format!("`{pair}` is not a value of a form; write `Label = value`")),
        })
        .collect::<Result<_, _>>()?;
    Ok(What::Submit { who, values })
}

fn read_wait(rest: &str) -> Result<Sight, String> {
    let Some((place, text)) = rest.split_once('"') else {
        return Err("what is waited for? Write `wait: card \"Rolled back\"`".to_owned());
    };
    let text = text.trim_end().strip_suffix('"').ok_or_else(|| "the quotation mark is not closed".to_owned())?;
    let words: Vec<&str> = place.split_whitespace().collect();
    match words.as_slice() {
        ["card"] => Ok(Sight::Card(text.to_owned())),
        ["thread"] => Ok(Sight::Thread(text.to_owned())),
        [who, "alone"] => Ok(Sight::Alone { who: who.trim_start_matches('@').to_owned(), text: text.to_owned() }),
        _ => Err("where is it to be seen? Write card, thread, or `dev alone`".to_owned()),
    }
}

fn read_aws(rest: &str) -> Result<What, String> {
    let words: Vec<&str> = rest.split_whitespace().collect();
    match words.as_slice() {
        ["deploy", service, task_definition] => {
            Ok(What::Deploy { service: (*service).to_owned(), task_definition: (*task_definition).to_owned() })
        }
        ["approve", stage, action] => Ok(What::Approve { stage: (*stage).to_owned(), action: (*action).to_owned() }),
        ["alarm", alarm, state] => match AlarmState::of(state) {
            Some(state) => Ok(What::Alarm { alarm: (*alarm).to_owned(), state }),
            None => Err(format!("an alarm is never `{state}`; write OK, ALARM or INSUFFICIENT_DATA")),
        },
        [kind, operation, times] => fault(kind, operation, times),
        [kind, operation] => fault(kind, operation, "1"),
        _ => Err("what happens at AWS? Write `deploy cluster/service family:revision` or `throttle UpdateService 2`"
            .to_owned()),
    }
}

fn read_slack(rest: &str) -> Result<What, String> {
    let words: Vec<&str> = rest.split_whitespace().collect();
    match words.as_slice() {
        ["down", seconds] => seconds
            .parse()
            .map(|seconds| What::SlackDown { seconds })
            .map_err(|_ignored| format!("`{seconds}` is not a number of seconds")),
        [kind, operation, times] => fault(kind, operation, times),
        [kind, operation] => fault(kind, operation, "1"),
        _ => Err("what happens at Slack? Write `down 5` or `throttle chat.postMessage 2`".to_owned()),
    }
}

fn fault(kind: &str, operation: &str, times: &str) -> Result<What, String> {
    let fault = match kind {
        "throttle" => FaultKind::Throttle,
        "error" => FaultKind::Error,
        "lose" => FaultKind::Lose,
        other => return Err(format!("there is no fault `{other}`; write throttle, error or lose")),
    };
    let times = times.parse().map_err(|_ignored| format!("`{times}` is not a number of calls"))?;
    Ok(What::Fault { operation: operation.to_owned(), fault, times })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_of_line_is_read() {
        let script = read(
            "# a comment\n\ndev: /rollback prod api because it answers 500\nwait: card \"Waiting\"\nsre: [Approve]\n\
             sre: [Submit] Confirmation = rollback-production\nwait: thread \"v42\"\nwait: @sre alone \"already\"\n\
             bot: kill\nbot: start\nsre: leaves the group @sre-team\naws: deploy shop-prod/api api:5\naws: lose UpdateService\nslack: down 5\n\
             slack: throttle chat.postMessage 2\npause: 2\nci: {\"id\": \"run-7\"}",
        )
        .unwrap();
        let whats: Vec<&What> = script.iter().map(|line| &line.what).collect();
        assert_eq!(script.len(), 15);
        assert_eq!(whats[14], &What::Told { body: "{\"id\": \"run-7\"}".to_owned() });
        let leaves = What::Leave { who: "sre".to_owned(), group: "sre-team".to_owned() };
        assert!(whats.contains(&&leaves), "{whats:?}");
        assert_eq!(script[0].number, 3);
        assert_eq!(whats[2], &What::Click { who: "sre".to_owned(), button: "Approve".to_owned() });
        assert_eq!(
            whats[3],
            &What::Submit {
                who: "sre".to_owned(),
                values: vec![("Confirmation".to_owned(), "rollback-production".to_owned())]
            }
        );
        assert_eq!(whats[5], &What::Wait(Sight::Alone { who: "sre".to_owned(), text: "already".to_owned() }));
    }

    #[test]
    fn a_line_that_cannot_be_read_says_what_to_write() {
        for (line, part) in [
            ("hello", "who does it?"),
            ("dev: hello", "what does dev do?"),
            ("wait: card", "what is waited for?"),
            ("wait: card \"open", "not closed"),
            ("wait: roof \"x\"", "where is it to be seen?"),
            ("bot: sleep", "kill, terminate or start"),
            ("aws: explode", "what happens at AWS?"),
            ("aws: alarm api-5xx-prod loud", "never `loud`"),
            ("aws: throttle UpdateService often", "not a number of calls"),
            ("slack: nothing", "what happens at Slack?"),
            ("ci: failed", "Write the JSON that it sends"),
            ("pause: long", "not a number of seconds"),
            ("sre: [Submit] phrase", "Label = value"),
        ] {
            let error = read(line).unwrap_err().to_string();
            assert!(error.contains(part), "{line}: {error}");
        }
        assert!(read("# nothing").unwrap_err().to_string().contains("no lines"));
    }
}
