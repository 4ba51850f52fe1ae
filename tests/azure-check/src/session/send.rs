//! Sends a request about the instance, once.

use std::time::Duration;

use postgres_backup_operator::azure::{AzureError, Delivery, ErrorClass, RunningOperation, Started};

use super::{ATTEMPTS, Halt, Session, TRY_AGAIN_AFTER};
use crate::observation::Answer;
use crate::stage::Request;
use crate::wire::Detour;

/// What came of a request.
#[derive(Clone, Debug, PartialEq)]
pub enum Sent {
    /// It was accepted.
    Accepted {
        /// The answer.
        answer: Answer,
        /// The operation that it started; nothing if it is done.
        running: Option<RunningOperation>,
    },
    /// It was refused.
    Refused {
        /// The answer.
        answer: Answer,
        /// Azure's words and the ids of the request.
        note: String,
        /// When Azure wants it again.
        retry_after: Option<Duration>,
    },
    /// Nobody knows, for this reason.
    Unclear(String),
}

const RESUME_BACKUPS: Detour = Detour { from: "resumeProtection", to: "resumeBackups" };

impl Session {
    /// Sends a request. One that never left, or that Azure did not look at because of too many others, is sent again.
    ///
    /// # Errors
    /// When Azure cannot be reached, or somebody asked for the end.
    pub async fn send(&mut self, request: Request) -> Result<Sent, Halt> {
        for attempt in 1.. {
            // An interruption is heard before a request, never during one: its outcome would be unknown.
            self.pause(Duration::ZERO).await?;
            // A status from before must not be taken for this answer's.
            let _ = self.client.wire.take_status();
            let outcome = self.request(request).await?;
            let was_looked_at =
                |error: &AzureError| error.delivery() != Delivery::NotSent && error.class() != ErrorClass::Throttled;
            match outcome {
                Some(Err(error)) if !was_looked_at(&error) => {
                    if attempt == ATTEMPTS {
                        return Err(error.into());
                    }
                    self.pause(error.retry_after().unwrap_or(TRY_AGAIN_AFTER)).await?;
                }
                Some(outcome) => {
                    if request.is_write() {
                        self.touched = true;
                        self.calm &= matches!(&outcome, Err(error) if error.delivery() == Delivery::Refused);
                    }
                    let sent = self.sent(outcome);
                    self.doubtful |= request == Request::Create && matches!(sent, Sent::Unclear(_));
                    return Ok(sent);
                }
                None => break,
            }
        }
        Ok(Sent::Unclear(format!("there was no backup instance for {request}")))
    }

    fn sent(&self, outcome: Result<Started, AzureError>) -> Sent {
        match outcome {
            Ok(started) => {
                // There is none only if the client answers for Azure, which it does not do.
                let answer = Answer { status: self.client.wire.take_status().unwrap_or_default(), code: None };
                let running = match started {
                    Started::Running(running) => Some(running),
                    Started::Finished => None,
                };
                Sent::Accepted { answer, running }
            }
            Err(AzureError::Http { status, error, retry_after, operation, ids })
                if (400..500).contains(&status) && status != 408 =>
            {
                let answer = Answer { status, code: Some(error.code.clone()) };
                let note = format!("{operation}: {error} ({ids})");
                Sent::Refused { answer, note, retry_after }
            }
            Err(error) => Sent::Unclear(postgres_backup_operator::error_chain::one_line(&error)),
        }
    }

    /// Sends a request with the operator's client; nothing if it is about an instance and there is none.
    async fn request(&mut self, request: Request) -> Result<Option<Result<Started, AzureError>>, Halt> {
        let (azure, id) = (self.azure().clone(), self.scene.instance.clone());
        Ok(Some(match request {
            Request::Validate => azure.validate_for_backup(id.vault(), &self.scene.request).await,
            Request::ValidateOther => azure.validate_for_backup(id.vault(), &self.under_other_policy()).await,
            Request::ValidateChange(content) | Request::Put(content) => {
                let Some(current) = self.reading(async || azure.instance(&id).await).await? else {
                    return Ok(None);
                };
                let (body, policy) = self.body(content, &current);
                if matches!(request, Request::ValidateChange(_)) {
                    azure.validate_for_modify(&id, &body["properties"]).await
                } else {
                    self.asked_policy = Some(policy);
                    azure.put_instance(&id, &body).await
                }
            }
            Request::Create => {
                let body = self.scene.request.resource(id.name(), azure.version());
                azure.put_instance(&id, &body).await
            }
            Request::Stop => azure.stop_protection(&id).await,
            Request::Suspend => azure.suspend_backups(&id).await,
            Request::Resume => azure.resume_protection(&id).await,
            Request::ResumeBackups => self.client.wire.by(RESUME_BACKUPS, azure.resume_protection(&id)).await,
            Request::Sync => azure.sync(&id).await,
            Request::Delete => azure.delete_instance(&id).await,
            Request::DeleteForGood => {
                let version = self.version_without_soft_delete().unwrap_or(azure.version());
                azure.with_version(version).delete_instance(&id).await
            }
            Request::Undelete => azure.undelete(&id).await,
        }))
    }
}
