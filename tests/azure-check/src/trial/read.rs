//! Reads, and tells what was answered.

use postgres_backup_operator::azure::{ApiVersion, AzureError, BackupInstanceId, BackupInstanceName, ParseNameError};

use crate::assumption::Reading;
use crate::assumptions::NOT_FOUND;
use crate::observation::{Answer, Observation};
use crate::session::{Halt, Session, Setback};

/// The most characters that the operator takes in the name of an instance.
const LONGEST_NAME: usize = 164;

/// Reads what the reading says.
pub(super) async fn read(session: &mut Session, reading: Reading) -> Result<Observation, Setback> {
    let azure = session.azure();
    let id = |suffix: &str, length: usize| named_after(&session.scene().instance, suffix, length);
    let missing = |found: bool| if found { 200 } else { 404 };
    let read = match (reading, id("-missing", 0), id("", LONGEST_NAME)) {
        (Reading::MissingInstance, Ok(id), _) | (Reading::LongName, _, Ok(id)) => {
            session.reading(async || azure.instance(&id).await).await.map(|found| missing(found.is_some()))
        }
        (Reading::MissingDeletedInstance, Ok(id), _) => {
            session.reading(async || azure.deleted_instance(&id).await).await.map(|found| missing(found.is_some()))
        }
        (Reading::EveryVersion, ..) => return every_version(session).await,
        (_, Err(error), _) | (_, _, Err(error)) => return Err(Setback::Prevented(error.to_string())),
    };
    answered(read)
}

/// An instance that is not there: the run's own name with something after it.
fn named_after(own: &BackupInstanceId, suffix: &str, length: usize) -> Result<BackupInstanceId, ParseNameError> {
    let name = format!("{}{suffix}", own.name());
    let name: BackupInstanceName = format!("{name:x<length$}").parse()?;
    Ok(own.vault().instance(name))
}

/// The answer to a read, or why there is none. The operator's client makes one thing of the provider's own 404: that there is nothing.
pub(super) fn answered(read: Result<u16, Halt>) -> Result<Observation, Setback> {
    let (answer, note) = match read {
        Ok(404) => (Answer { status: 404, code: Some(NOT_FOUND.to_owned()) }, None),
        Ok(status) => (Answer { status, code: None }, None),
        Err(Halt::Azure(error)) => match refusal(&error) {
            Some(answer) => (answer, Some(error.to_string())),
            None => return Err(Halt::Azure(error).into()),
        },
        Err(halt) => return Err(halt.into()),
    };
    Ok(Observation { answer: Some(answer), note, ..Observation::default() })
}

fn refusal(error: &AzureError) -> Option<Answer> {
    match error {
        AzureError::Http { status, error, .. } if (400..500).contains(status) => {
            Some(Answer { status: *status, code: Some(error.code.clone()) })
        }
        _ => None,
    }
}

/// Reads the vault with each api-version; the answer is that of the first one that is refused.
async fn every_version(session: &mut Session) -> Result<Observation, Setback> {
    let vault = session.scene().instance.vault();
    let mut refused = Vec::new();
    for version in ApiVersion::ALL {
        let azure = session.azure().with_version(*version);
        match session.reading(async || azure.vault(vault).await).await {
            Ok(_) => {}
            Err(Halt::Azure(error)) => match refusal(&error) {
                Some(answer) => refused.push((version, answer)),
                None => return Err(Halt::Azure(error).into()),
            },
            Err(halt) => return Err(halt.into()),
        }
    }
    let list = refused.iter().map(|(version, answer)| format!("{version} ({answer})")).collect::<Vec<_>>().join(", ");
    let note = (!refused.is_empty()).then(|| format!("refused: {list}"));
    let answer = refused.into_iter().next().map_or(Answer { status: 200, code: None }, |(_, answer)| answer);
    Ok(Observation { answer: Some(answer), note, ..Observation::default() })
}
