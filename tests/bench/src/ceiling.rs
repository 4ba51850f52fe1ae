//! How many requests a second the emulator answers: whether it, and not the operator, is what takes the time.

use std::time::{Duration, Instant};

use futures::future::try_join_all;
use serde_json::Value;
use test_support::EmulatorProcess;

use crate::error::BenchError;
use crate::fleet;

/// How many clients ask at the same time.
const CLIENTS: usize = 16;

/// How long they ask.
const FOR: Duration = Duration::from_secs(2);

/// Requests a second for backup instances that are not there, from as many clients as keep it busy. It shares the cores
/// with them, so this is less than it could do.
pub(crate) async fn measure(emulator: &EmulatorProcess) -> Result<f64, BenchError> {
    let token = token(emulator).await?;
    let url = format!("{}{}/backupInstances/none?api-version=2026-03-01", emulator.url(), fleet::vault(0));
    let started = Instant::now();
    let clients = (0..CLIENTS).map(|_| async {
        let mut answered = 0_u32;
        while started.elapsed() < FOR {
            let answer = emulator.http().get(&url).bearer_auth(&token).send().await?;
            answer.bytes().await?;
            answered += 1;
        }
        Ok::<_, test_support::EmulatorProcessError>(answered)
    });
    let answered: u32 = try_join_all(clients).await?.into_iter().sum();
    Ok(f64::from(answered) / started.elapsed().as_secs_f64())
}

/// A token of this program.
async fn token(emulator: &EmulatorProcess) -> Result<String, BenchError> {
    let url = format!("{}/{}/oauth2/v2.0/token", emulator.url(), fleet::TENANT);
    // Any assertion will do in a world without federated credentials.
    let form = format!(
        "grant_type=client_credentials&client_id={}&client_assertion=bench\
         &client_assertion_type=urn:ietf:params:oauth:client-assertion-type:jwt-bearer\
         &scope=https://management.azure.com/.default",
        fleet::BENCH
    );
    let request = emulator.http().post(url).header("content-type", "application/x-www-form-urlencoded").body(form);
    let answer: Value = request
        .send()
        .await
        .map_err(test_support::EmulatorProcessError::from)?
        .json()
        .await
        .map_err(test_support::EmulatorProcessError::from)?;
    let token = answer["access_token"].as_str().map(str::to_owned);
    token.ok_or_else(|| BenchError::Token(answer.to_string()))
}
