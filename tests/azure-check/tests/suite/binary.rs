//! The program itself: its output, its exit status, and Ctrl-C.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

use azure_emulator::{SoftDeleteState, TimeScale};

use crate::emulated::{Azure, IDENTITY};

fn command(arguments: &[String]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_azure-check"));
    command.args(arguments.iter().skip(1)).env_clear().envs(IDENTITY).stdin(Stdio::null());
    command
}

/// Ends with the test, however that ends.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_table_goes_to_standard_output_and_the_exit_status_tells_the_rest() {
    let azure = Azure::start().await;
    let arguments = azure.command_line(&["--only", "missing-instance", "--only", "long-name"]);
    let output = tokio::task::spawn_blocking(move || command(&arguments).output().unwrap()).await.unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let expected = "\
ASSUMPTION        ASSUMED                               ANSWERED                              RESULT
missing-instance  404 UserErrorGenericResourceNotFound  404 UserErrorGenericResourceNotFound  as assumed
long-name         404 UserErrorGenericResourceNotFound  404 UserErrorGenericResourceNotFound  as assumed

2 as assumed, 0 different, 0 not checked.
";
    assert_eq!((text.as_str(), output.status.code()), (expected, Some(0)));

    let arguments = azure.command_line(&[]);
    let output = tokio::task::spawn_blocking(move || command(&arguments).output().unwrap()).await.unwrap();
    let text = String::from_utf8(output.stderr).unwrap();
    assert!(text.contains("--yes goes on without") && text.ends_with("error: nothing was done\n"), "{text}");
    assert_eq!((output.status.code(), azure.writes()), (Some(2), 0));
}

#[test]
fn the_list_needs_no_azure() {
    let output = command(&["azure-check".to_owned(), "--list".to_owned()]).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert_eq!((text.lines().count(), output.status.code()), (azure_check::assumptions::all().count(), Some(0)));
}

#[tokio::test(flavor = "multi_thread")]
async fn ctrl_c_ends_the_checks_and_cleans_up() {
    let azure = Azure::start_at(TimeScale::new(1000.0).unwrap()).await;
    azure.set_soft_delete(SoftDeleteState::Off);
    let arguments = azure.command_line(&["--only", "create", "--only", "stop", "--yes", "--poll-interval", "20ms"]);
    let run = move || {
        let child = command(&arguments).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut running = Running(child);
        let mut progress = BufReader::new(running.0.stderr.take().unwrap()).lines();
        // From here on there is an instance.
        assert!(progress.by_ref().any(|line| line.unwrap().starts_with("stop ")), "it never came to the second check");
        let pid = running.0.id().to_string();
        assert!(Command::new("kill").args(["-INT", &pid]).status().unwrap().success());
        let rest: Vec<String> = progress.map(Result::unwrap).collect();
        (running.0.wait().unwrap().code(), rest.join("\n"))
    };
    let (code, progress) = tokio::task::spawn_blocking(run).await.unwrap();
    assert!(progress.contains("Ending, and cleaning up."), "{progress}");
    assert_eq!((code, azure.left()), (Some(2), (vec![], vec![])), "{progress}");
}
