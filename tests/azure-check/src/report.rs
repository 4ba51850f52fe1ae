//! What a run has found: the table, what differs in detail, and what it all comes to.

use std::fmt;

use jiff::Timestamp;

use crate::assumption::{Assumption, Check, alternatives};
use crate::console::Console;
use crate::observation::{Found, Observation};
use crate::session::Scene;

/// What came of an assumption.
#[derive(Clone, Debug, PartialEq)]
pub enum Verdict {
    /// Azure does what is assumed.
    AsAssumed(Observation),
    /// Azure does something else.
    Differs(Observation),
    /// It was left out, as the options, the vault or the assumption itself want it.
    LeftOut(String),
    /// It should have been checked, and could not be.
    Prevented(String),
}

/// What is left in the vault.
#[derive(Clone, Debug, PartialEq)]
pub enum Leftover {
    /// Nothing.
    Nothing,
    /// The instance, because it was to be kept.
    Kept(Found),
    /// The instance, soft-deleted.
    SoftDeleted {
        /// Until when, if Azure says so.
        until: Option<Timestamp>,
    },
    /// The instance, which could not be deleted.
    Instance {
        /// What it shows.
        found: Found,
        /// Why it is still there.
        why: String,
    },
    /// Nobody knows, for this reason.
    Unknown(String),
}

/// Everything a run has found.
#[derive(Clone, Debug)]
pub struct Report {
    /// Each assumption that was asked for, in order.
    pub verdicts: Vec<(&'static Assumption, Verdict)>,
    /// What is left in the vault.
    pub leftover: Leftover,
    /// Why the run ended before its end.
    pub halted: Option<String>,
    /// Whether the assumptions were asked for one by one, so that none may be left out.
    pub by_name: bool,
}

impl Report {
    /// 0 if everything that was asked for is as assumed, 1 if something differs, 2 if something could not be checked or was
    /// left behind.
    #[must_use]
    pub fn exit_code(&self) -> u8 {
        let any = |wanted: fn(&Verdict) -> bool| self.verdicts.iter().any(|(_, verdict)| wanted(verdict));
        let unclean = matches!(self.leftover, Leftover::Instance { .. } | Leftover::Unknown(_));
        let incomplete = any(|verdict| matches!(verdict, Verdict::Prevented(_)))
            || (self.by_name && any(|verdict| matches!(verdict, Verdict::LeftOut(_))));
        if self.halted.is_some() || unclean {
            2
        } else if any(|verdict| matches!(verdict, Verdict::Differs(_))) {
            1
        } else if incomplete {
            2
        } else {
            0
        }
    }

    /// Writes it all.
    pub fn print(&self, scene: &Scene, console: &mut dyn Console) {
        for line in self.table() {
            console.print(&line);
        }
        for (assumption, verdict) in &self.verdicts {
            if let Verdict::Differs(observed) = verdict {
                console.print("");
                details(assumption, observed).iter().for_each(|line| console.print(line));
            }
        }
        console.print("");
        if let Some(why) = &self.halted {
            console.print(&format!("The run ended before its end: {why}."));
        }
        console.print(&self.summary());
        if let Some(text) = self.leftover.text(scene) {
            console.print(&text);
        }
    }

    /// The table, with columns as wide as they must be.
    fn table(&self) -> Vec<String> {
        let header = ["ASSUMPTION", "ASSUMED", "ANSWERED", "RESULT"].map(str::to_owned);
        let rows: Vec<[String; 4]> = std::iter::once(header)
            .chain(self.verdicts.iter().map(|(assumption, verdict)| {
                let assumed = match &assumption.check {
                    Check::Trial(trial) => alternatives(trial.expected),
                    Check::Impossible(_) => String::new(),
                };
                [assumption.id.to_owned(), assumed, verdict.answered(), verdict.to_string()]
            }))
            .collect();
        let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or_default();
        let (first, second, third) = (width(0), width(1), width(2));
        let line = |[id, assumed, answered, result]: &[String; 4]| {
            format!("{id:first$}  {assumed:second$}  {answered:third$}  {result}")
        };
        rows.iter().map(line).collect()
    }

    fn summary(&self) -> String {
        let count = |wanted: fn(&Verdict) -> bool| self.verdicts.iter().filter(|(_, verdict)| wanted(verdict)).count();
        let right = count(|verdict| matches!(verdict, Verdict::AsAssumed(_)));
        let wrong = count(|verdict| matches!(verdict, Verdict::Differs(_)));
        let rest = self.verdicts.len() - right - wrong;
        format!("{right} as assumed, {wrong} different, {rest} not checked.")
    }
}

impl Verdict {
    fn answered(&self) -> String {
        match self {
            Self::AsAssumed(observed) | Self::Differs(observed) => observed.to_string(),
            Self::LeftOut(_) | Self::Prevented(_) => "-".to_owned(),
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AsAssumed(_) => f.write_str("as assumed"),
            Self::Differs(_) => f.write_str("DIFFERS"),
            Self::LeftOut(why) | Self::Prevented(why) => write!(f, "not checked ({why})"),
        }
    }
}

fn details(assumption: &Assumption, observed: &Observation) -> Vec<String> {
    let mut lines = vec![format!("{} differs.", assumption.id), format!("  Assumed: {}", assumption.claim)];
    lines.push(format!("  Answered: {observed}"));
    lines.extend(observed.note.as_ref().map(|note| format!("  Azure: {note}")));
    lines.push(format!("  Source: {}", assumption.source));
    lines.push(format!("  The operator: {}", assumption.operator));
    lines
}

impl Leftover {
    fn text(&self, scene: &Scene) -> Option<String> {
        let (name, vault) = (scene.instance.name(), scene.instance.vault().name());
        let group = scene.instance.vault().resource_group();
        let by_hand = format!(
            "az dataprotection backup-instance delete --backup-instance-name {name} --vault-name {vault} --resource-group {group}"
        );
        match self {
            Self::Nothing => None,
            Self::Kept(found) => {
                Some(format!("The backup instance {name} is still there ({found}). Delete it with: {by_hand}"))
            }
            Self::SoftDeleted { until } => {
                let until = until.map_or_else(
                    || "for a while".to_owned(),
                    |until| format!("until {}", until.strftime("%Y-%m-%d %H:%M UTC")),
                );
                Some(format!(
                    "The vault {vault} keeps the deleted backup instance {name} {until}. Until then the database can be \
                     protected in this vault only by undeleting it."
                ))
            }
            Self::Instance { found, why } => Some(format!(
                "LEFT BEHIND: the backup instance {name} ({found}) could not be deleted: {why}. Delete it with: {by_hand}"
            )),
            Self::Unknown(why) => Some(format!(
                "LEFT BEHIND, perhaps: whether the backup instance {name} is still there is not known: {why}. \
                 If it is there, delete it with: {by_hand}"
            )),
        }
    }
}
