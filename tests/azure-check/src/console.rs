//! What the person in front of it sees and answers.

use std::io::{self, IsTerminal, Write};

use futures::future::BoxFuture;

/// A place to write to and to ask.
pub trait Console {
    /// Writes a line of the result.
    fn print(&mut self, line: &str);

    /// Writes a line about what goes on.
    fn progress(&mut self, line: &str);

    /// Asks whether to go on.
    fn confirm(&mut self) -> BoxFuture<'_, bool>;
}

/// The terminal: the result on standard output, all else on standard error.
#[derive(Clone, Copy, Debug, Default)]
pub struct Terminal;

impl Console for Terminal {
    fn print(&mut self, line: &str) {
        // Nobody may be reading any more; what has been begun is brought to its end all the same.
        let _ = writeln!(io::stdout(), "{line}");
    }

    fn progress(&mut self, line: &str) {
        let _ = writeln!(io::stderr(), "{line}");
    }

    fn confirm(&mut self) -> BoxFuture<'_, bool> {
        if !io::stdin().is_terminal() {
            self.progress("There is nobody to ask; --yes goes on without.");
            return Box::pin(std::future::ready(false));
        }
        let _ = write!(io::stderr(), "Go on? [y/N] ");
        let ask = || {
            let mut answer = String::new();
            let read = io::stdin().read_line(&mut answer);
            read.is_ok() && ["y", "yes"].contains(&answer.trim().to_ascii_lowercase().as_str())
        };
        Box::pin(async move { tokio::task::spawn_blocking(ask).await.unwrap_or(false) })
    }
}
