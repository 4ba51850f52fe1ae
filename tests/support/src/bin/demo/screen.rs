//! What the demonstration prints: prose, and commands with their real output.

use std::{collections::HashMap, error::Error, process::Stdio, time::Duration};

use test_support::{Kubectl, KubectlError};
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    time::timeout,
};

/// Without a new line for so long, a watch has shown all there is.
const QUIET: Duration = Duration::from_millis(300);

/// Announces the next part of the story.
pub(crate) fn heading(text: &str) {
    println!("\n\n=== {text}");
}

/// Prints prose.
pub(crate) fn say(text: &str) {
    println!("\n{text}");
}

/// Runs kubectl and shows the command and what it printed.
pub(crate) async fn run(kubectl: &Kubectl, args: &[&str]) -> Result<(), KubectlError> {
    command("kubectl", args);
    print_output(&kubectl.run(args).await?);
    Ok(())
}

/// Shows a command as one would type it in a shell.
pub(crate) fn command(program: &str, args: &[&str]) {
    let words: Vec<String> = args.iter().map(|word| quoted(word)).collect();
    println!("\n$ {program} {}", words.join(" "));
}

/// Prints what a command has printed.
pub(crate) fn print_output(output: &str) {
    println!("{}", output.trim_end());
}

/// Shows `kubectl get … --watch` until `done` is, leaving out lines that differ from the one before in the age alone.
pub(crate) async fn watch_until<T, E: Into<Box<dyn Error>>>(
    kubectl: &Kubectl,
    args: &[&str],
    done: impl Future<Output = Result<T, E>>,
) -> Result<T, Box<dyn Error>> {
    let args: Vec<&str> = args.iter().copied().chain(["--watch"]).collect();
    command("kubectl", &args);
    let mut child = kubectl.command(&args).stdin(Stdio::null()).stdout(Stdio::piped()).spawn()?;
    let Some(stdout) = child.stdout.take() else {
        return Err("kubectl has no standard output".into());
    };
    let mut lines = BufReader::new(stdout).lines();
    let mut table = Table::default();

    tokio::pin!(done);
    let result = loop {
        tokio::select! {
            result = &mut done => break result.map_err(Into::into)?,
            line = lines.next_line() => match line? {
                Some(line) => table.show(&line),
                None => return Err(format!("kubectl stopped watching: {}", child.wait().await?).into()),
            },
        }
    };
    while let Ok(Ok(Some(line))) = timeout(QUIET, lines.next_line()).await {
        table.show(&line);
    }
    Ok(result)
}

/// The rows of a watched table, by object.
#[derive(Debug, Default)]
struct Table {
    last: HashMap<String, Vec<String>>,
}

impl Table {
    fn show(&mut self, line: &str) {
        if self.is_news(line) {
            println!("{line}");
        }
    }

    /// Whether the line says something that the last one about the same object did not.
    fn is_news(&mut self, line: &str) -> bool {
        let mut cells: Vec<String> = line.split_whitespace().map(str::to_owned).collect();
        // The age is the last column of `kubectl get`.
        cells.pop();
        let Some(name) = cells.first().cloned() else {
            return false;
        };
        self.last.insert(name, cells.clone()) != Some(cells)
    }
}

/// A word as a POSIX shell reads it back.
fn quoted(word: &str) -> String {
    let plain = |letter: char| letter.is_ascii_alphanumeric() || "-_./=:,@%+".contains(letter);
    if !word.is_empty() && word.chars().all(plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_is_news_when_more_than_its_age_changes() {
        let mut table = Table::default();
        let cases = [
            ("NAME READY STATUS AGE", true),
            ("orders False Validating 1s", true),
            ("empdb11 False Validating 1s", true),
            ("orders False Validating 2s", false),
            ("orders True Protected 3s", true),
            ("empdb11 False Validating 3s", false),
            ("", false),
        ];
        for (line, news) in cases {
            assert_eq!(table.is_news(line), news, "{line}");
        }
    }

    #[test]
    fn commands_can_be_typed_as_they_are_printed() {
        let cases = [
            ("pgb/orders", "pgb/orders"),
            ("--for=condition=Ready", "--for=condition=Ready"),
            ("jsonpath={.spec}", "'jsonpath={.spec}'"),
            ("it's", r"'it'\''s'"),
            ("", "''"),
        ];
        for (word, typed) in cases {
            assert_eq!(quoted(word), typed);
        }
    }
}
